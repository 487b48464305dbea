"""Every rule of HTTP long-polling, on the wire."""

from __future__ import annotations

import asyncio

import pytest

from burrowspace.socketio import Encoded, Engine, ServerOptions
from burrowspace.socketio.conformance import Echo, engine_app, socket_app
from tests.socketio.conftest import Serve
from tests.socketio.wire import Listening, read_answer, until

pytestmark = pytest.mark.anyio

UNKNOWN_SESSION = {"code": 1, "message": "Session ID unknown"}
BAD_REQUEST = {"code": 3, "message": "Bad request"}


async def test_the_answers_headers(echo: Listening) -> None:
    answer = await echo.request(query="EIO=4&transport=polling")
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"
    refused = await echo.request(query="EIO=4")
    assert refused.headers["content-type"] == "application/json"
    assert refused.body == b'{"code":0,"message":"Transport unknown"}'


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_an_unknown_session_is_refused(echo: Listening, method: str) -> None:
    answer = await echo.request(method, "EIO=4&transport=polling&sid=nobody")
    assert (answer.status, answer.json) == (400, UNKNOWN_SESSION)


async def test_a_method_that_is_neither_get_nor_post_is_refused_and_harms_nothing(echo: Listening) -> None:
    polling = await echo.open_polling()
    assert (await echo.request("PUT", polling.query, b"4x")).status == 400
    assert (await polling.post("4x")).status == 200


async def test_a_transport_that_is_not_the_sessions_is_refused(echo: Listening) -> None:
    polling = await echo.open_polling()
    answer = await echo.request(query=f"EIO=4&transport=websocket&sid={polling.hello['sid']}")
    assert (answer.status, answer.json) == (400, BAD_REQUEST)
    answer = await echo.request(query="EIO=4&transport=websocket")
    assert (answer.status, answer.json) == (400, BAD_REQUEST)


async def test_other_paths_are_not_ours(echo: Listening) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", echo.port)
    writer.write(echo.head("GET", "EIO=4&transport=polling", path="/other/"))
    assert (await read_answer(reader)).status == 404
    writer.close()


async def test_packets_of_one_turn_come_in_one_answer(echo: Listening) -> None:
    polling = await echo.open_polling()
    pending = asyncio.create_task(polling.get())
    session = echo.engine.sessions[polling.hello["sid"]]
    await until(lambda: session.polling is not None and session.polling.polled)
    taken: list[bool] = []
    session.send(Encoded(b"4a", [b"\x00\xff"]), taken.append)
    session.send(Encoded(b"4b"), taken.append)
    assert not taken
    answer = await pending
    assert answer.body == b"4a\x1ebAP8=\x1e4b"
    await until(lambda: taken == [True, True])


@pytest.mark.parametrize("body", [b"", b"\xff", b"4a\x1e", b"9", b"b!!", b"2", b"4a\x1ezzz"])
async def test_a_malformed_body_is_refused_and_ends_the_session(echo: Listening, body: bytes) -> None:
    polling = await echo.open_polling()
    other = await echo.open_polling()
    assert (await polling.post(body)).status == 400
    answer = await polling.get()
    assert (answer.status, answer.json) == (400, UNKNOWN_SESSION)
    assert (await other.post("4x")).status == 200


async def test_a_malformed_packet_answers_the_waiting_poll_with_a_close(echo: Listening) -> None:
    polling = await echo.open_polling()
    pending = asyncio.create_task(polling.get())
    session = echo.engine.sessions[polling.hello["sid"]]
    await until(lambda: session.polling is not None and session.polling.polled)
    assert (await polling.post("abc")).status == 400
    assert (await pending).body == b"1"


async def test_packets_that_mean_nothing_are_ignored(echo: Listening) -> None:
    polling = await echo.open_polling()
    assert (await polling.post("0\x1e5\x1e6\x1e3\x1e4x")).body == b"ok"
    assert await polling.packets() == ["4x"]


async def test_octet_stream_is_refused(echo: Listening) -> None:
    polling = await echo.open_polling()
    assert (await polling.post("4x", Content_Type="application/octet-stream")).status == 400
    assert (await polling.get()).status == 400


async def test_a_body_that_is_too_large_is_refused_whatever_it_announces(serve: Serve) -> None:
    app = await serve(engine_app(max_payload=1000, ping_interval_ms=25_000))
    polling = await app.open_polling()
    assert polling.hello["maxPayload"] == 1000
    assert (await polling.post(b"4" * 1000)).status == 200
    announced = await polling.post(b"4" * 1001)
    assert (announced.status, announced.headers["connection"]) == (413, "close")
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    writer.write(
        f"POST {app.path}?{polling.query} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        + b"400\r\n"
        + b"4" * 1024
        + b"\r\n"
    )
    assert (await asyncio.wait_for(read_answer(reader), 20)).status == 413
    writer.close()
    assert (await polling.get()).body == b"4" * 1000


async def test_overlapping_posts_end_the_session(echo: Listening) -> None:
    polling = await echo.open_polling()
    _, writer = await asyncio.open_connection("127.0.0.1", echo.port)
    writer.write(echo.head("POST", polling.query, b"4hello") + b"4he")
    session = echo.engine.sessions[polling.hello["sid"]]
    await until(lambda: session.polling is not None and session.polling.posting)
    answer = await polling.post("4x")
    assert (answer.status, answer.json) == (400, BAD_REQUEST)
    assert (await polling.get()).status == 400
    writer.close()


async def test_a_post_whose_body_does_not_come_is_given_up(serve: Serve) -> None:
    app = await serve(engine_app(body_timeout_ms=30, ping_interval_ms=25_000))
    polling = await app.open_polling()
    reader, writer = await asyncio.open_connection("127.0.0.1", app.port)
    writer.write(app.head("POST", polling.query, b"4hello") + b"4he")
    assert (await asyncio.wait_for(read_answer(reader), 20)).status == 408
    assert (await polling.get()).status == 400
    writer.close()


async def test_a_post_that_is_cut_off_ends_the_session(echo: Listening) -> None:
    polling = await echo.open_polling()
    _, writer = await asyncio.open_connection("127.0.0.1", echo.port)
    writer.write(echo.head("POST", polling.query, b"4hello") + b"4he")
    session = echo.engine.sessions[polling.hello["sid"]]
    await until(lambda: session.polling is not None and session.polling.posting)
    writer.transport.abort()
    await until(lambda: not session.is_open)
    assert session.reason == "transport error"


async def test_a_server_side_close_is_fetched_after_what_was_sent_before_it(app: Listening) -> None:
    polling = await app.open_polling()
    await polling.post("40")
    (socket,) = app.served.of("/").sockets.values()
    assert (await polling.packets())[-1] == '42["auth",{}]'
    socket.emit("bye", 1)
    socket.disconnect(close=True)
    assert not socket.connected
    assert not socket.emit("late")
    assert await polling.packets() == ['42["bye",1]', "41"]
    assert await polling.packets() == ["1"]
    assert (await polling.get()).status == 400
    await until(lambda: app.served.sockets == 0)


async def test_a_server_side_close_answers_a_waiting_poll(app: Listening) -> None:
    polling = await app.open_polling()
    await polling.post("40")
    await polling.get()
    (socket,) = app.served.of("/").sockets.values()
    pending = asyncio.create_task(polling.packets())
    session = app.engine.sessions[polling.hello["sid"]]
    await until(lambda: session.polling is not None and session.polling.polled)
    socket.disconnect(close=True)
    assert await pending == ["41"]
    assert await polling.packets() == ["1"]  # alone, or socket.io-client would act on it first


async def test_a_closed_session_that_nobody_fetches_is_forgotten(serve: Serve) -> None:
    app = await serve(socket_app(ping_interval_ms=25_000, ping_timeout_ms=20))
    polling = await app.open_polling()
    await polling.post("40")
    (socket,) = app.served.of("/").sockets.values()
    lost: list[bool] = []
    socket.disconnect(close=True)
    assert not socket.send_encoded(Encoded(b"42"), lost.append)
    await until(lambda: app.served.sockets == 0)


async def test_a_malformed_socketio_packet_over_polling(app: Listening) -> None:
    polling = await app.open_polling()
    await polling.post("40")
    assert (await polling.post("42{}")).status == 400
    assert (await polling.get()).status == 400


class TestOrigins:
    async def test_a_foreign_page_is_refused(self, serve: Serve) -> None:
        app = await serve(Engine(ServerOptions(), Echo))
        query = "EIO=4&transport=polling"
        for origin, status in [("http://test", 200), ("http://evil", 403), ("null", 403), ("http://test:8080", 403)]:
            answer = await app.request(query=query, headers={"Origin": origin})
            assert answer.status == status
            assert answer.headers["vary"] == "Origin"
            assert answer.headers.get("access-control-allow-origin") == (origin if status == 200 else None)
            _, answer = await app.try_open("EIO=4&transport=websocket", Origin=origin)
            assert answer.status == (101 if status == 200 else 403)
        assert (await app.request(query=query, headers={"Origin": "http://evil"})).json == {
            "code": 4,
            "message": "Forbidden",
        }
        assert "access-control-allow-origin" not in (await app.request(query=query)).headers

    async def test_a_preflight_is_answered(self, serve: Serve) -> None:
        app = await serve(Engine(ServerOptions(), Echo))
        answer = await app.request(
            "OPTIONS",
            "EIO=4&transport=polling",
            headers={
                "Origin": "http://test",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type,x-mine",
            },
        )
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == "http://test"
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert answer.headers["access-control-allow-headers"] == "content-type,x-mine"


class TestLimits:
    async def test_sessions_are_counted_in_all_and_by_address(self, serve: Serve) -> None:
        app = await serve(Engine(ServerOptions(max_sockets=3, max_sockets_per_address=2), Echo))
        await app.open_polling()
        wire = await app.open()
        answer = await app.request(query="EIO=4&transport=polling")
        assert answer.status == 429
        _, refused = await app.try_open("EIO=4&transport=websocket")
        assert refused.status == 429
        app.engine.options = ServerOptions(max_sockets=2, max_sockets_per_address=9)
        assert (await app.request(query="EIO=4&transport=polling")).status == 503
        wire.cut()
        await until(lambda: len(app.engine.sessions) == 1)
        assert (await app.request(query="EIO=4&transport=polling")).status == 200
        assert app.engine.stats.refused == {"too many sockets of one address": 2, "too many sockets": 1}

    async def test_who_counts_as_one_address_is_the_servers_to_say(self, serve: Serve) -> None:
        options = ServerOptions(max_sockets_per_address=1, counted=lambda address: None)
        app = await serve(Engine(options, Echo))
        for _ in range(2):
            await app.open_polling()

    async def test_a_post_is_held_while_the_session_is_throttled_and_nothing_is_lost(self, serve: Serve) -> None:
        app = await serve(Engine(ServerOptions(events_per_second=1000, events_burst=10), Echo))
        polling = await app.open_polling()
        answer = await polling.post("\x1e".join(f"4{number}" for number in range(60)))
        assert answer.body == b"ok"
        assert app.engine.stats.throttled >= 1
        packets: list[str] = []
        while len(packets) < 60:
            packets += await polling.packets()
        assert packets == [f"4{number}" for number in range(60)]


async def test_shutdown_closes_what_is_open_and_refuses_what_comes(echo: Listening) -> None:
    polling = await echo.open_polling()
    pending = asyncio.create_task(polling.get())
    session = echo.engine.sessions[polling.hello["sid"]]
    await until(lambda: session.polling is not None and session.polling.polled)
    wire = await echo.session()
    closing = asyncio.create_task(echo.served.aclose())
    assert (await pending).body == b"1"
    assert await wire.closed() == 1001
    wire.writer.close()
    await closing
    assert (await echo.request(query="EIO=4&transport=polling")).status == 503
