"""RFC 6455 where picows leaves it to us, the upgrade of a session, and malformed packets, on the wire."""

from __future__ import annotations

import asyncio

import pytest

from burrowspace.socketio import Engine, ServerOptions
from burrowspace.socketio.conformance import Echo, engine_app
from tests.socketio.conftest import Serve
from tests.socketio.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    Listening,
    Wire,
    until,
)

pytestmark = pytest.mark.anyio


class TestHandshake:
    async def test_the_101_and_no_extension(self, echo: Listening) -> None:
        wire, answer = await echo.try_open("EIO=4&transport=websocket")
        assert answer.status == 101
        assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert "sec-websocket-extensions" not in answer.headers
        assert (await wire.text()).startswith("0{")

    @pytest.mark.parametrize(
        ("header", "value", "status"),
        [
            ("Sec_WebSocket_Version", "12", 426),
            ("Sec_WebSocket_Version", "", 426),
            ("Sec_WebSocket_Key", "", 400),
            ("Sec_WebSocket_Key", "c2hvcnQ=", 400),
            ("Sec_WebSocket_Key", "no base64 at all", 400),
            ("Content_Length", "5", 400),
            ("Transfer_Encoding", "chunked", 400),
        ],
    )
    async def test_a_handshake_that_is_not_one_is_refused(
        self, echo: Listening, header: str, value: str, status: int
    ) -> None:
        wire, answer = await echo.try_open("EIO=4&transport=websocket", **{header: value})
        assert answer.status == status
        await wire.gone()
        assert not echo.engine.sessions

    async def test_an_unknown_session_is_refused(self, echo: Listening) -> None:
        wire, answer = await echo.try_open("EIO=4&transport=websocket&sid=nobody")
        assert (answer.status, answer.json) == (400, {"code": 1, "message": "Session ID unknown"})
        await wire.gone()

    async def test_frames_that_come_with_the_handshake_are_heard(self, echo: Listening) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", echo.port)
        wire = Wire(reader, writer)
        headers = {
            "Connection": "keep-alive, Upgrade",
            "Upgrade": "WebSocket",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
        }
        writer.write(echo.head("GET", "EIO=4&transport=websocket", headers=headers))
        await wire.send("4early", b"bytes" * 1000, "4" + "x" * 5000)
        await reader.readuntil(b"\r\n\r\n")
        assert (await wire.text()).startswith("0{")
        assert await wire.text() == "4early"
        assert await wire.binary() == b"bytes" * 1000
        assert await wire.text() == "4" + "x" * 5000


class TestFrames:
    @pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 8191, 8192, 8193, 65_534, 65_535, 65_536, 999_999])
    async def test_messages_of_all_sizes_come_back(self, echo: Listening, size: int) -> None:
        wire = await echo.session()
        await wire.send(
            "4" + "é" * (size // 2) + "x" * (size % 2), bytes(range(256)) * (size // 256) + bytes(size % 256)
        )
        assert await wire.text() == "4" + "é" * (size // 2) + "x" * (size % 2)
        assert await wire.binary() == bytes(range(256)) * (size // 256) + bytes(size % 256)

    async def test_fragments_are_joined_with_control_frames_between(self, echo: Listening) -> None:
        wire = await echo.session()
        wire.frame(TEXT, b"4h\xc3", fin=False)
        wire.frame(PING, b"are you there")
        wire.frame(CONTINUATION, b"", fin=False)
        wire.frame(PONG, b"")
        wire.frame(CONTINUATION, b"\xa9llo")
        wire.frame(BINARY, b"a", fin=False)
        wire.frame(CONTINUATION, b"b")
        await wire.send("4after")
        assert await wire.read() == Frame(PONG, b"are you there")
        assert await wire.text() == "4héllo"
        assert await wire.binary() == b"ab"
        assert await wire.text() == "4after"

    @pytest.mark.parametrize("fragmented", [False, True])
    @pytest.mark.parametrize("text", [b"4\xff", b"4\xc3", b"4\xed\xa0\x80", b"4\xf8\x88\x80\x80\x80"])
    async def test_text_that_is_not_utf8_is_1007(self, echo: Listening, text: bytes, fragmented: bool) -> None:
        wire = await echo.session()
        if fragmented:
            wire.frame(TEXT, text[:1], fin=False)
            wire.frame(CONTINUATION, text[1:])
        else:
            wire.frame(TEXT, text)
        assert await wire.closed() == 1007

    async def test_reserved_bits_and_unknown_opcodes_are_1002(self, echo: Listening) -> None:
        for rsv in (1, 2, 4):
            wire = await echo.session()
            wire.frame(TEXT, b"4x", rsv=rsv)
            assert await wire.closed() == 1002
        for opcode in (3, 7, 11, 15):
            wire = await echo.session()
            wire.frame(opcode, b"x")
            assert await wire.closed() == 1002

    async def test_a_broken_run_of_fragments_is_1002(self, echo: Listening) -> None:
        wire = await echo.session()
        wire.frame(CONTINUATION, b"4x")
        assert await wire.closed() == 1002
        for opcode in (TEXT, BINARY):
            wire = await echo.session()
            wire.frame(TEXT, b"4x", fin=False)
            wire.frame(opcode, b"4y")
            assert await wire.closed() == 1002

    async def test_unmasked_frames_and_bad_control_frames_are_1002(self, echo: Listening) -> None:
        wire = await echo.session()
        wire.frame(TEXT, b"4x", mask=False)
        assert await wire.closed() == 1002
        wire = await echo.session()
        wire.frame(PING, b"x" * 126)
        assert await wire.closed() == 1002
        wire = await echo.session()
        wire.frame(PING, b"x", fin=False)
        assert await wire.closed() == 1002
        wire = await echo.session()
        wire.frame(CLOSE, b"x")
        assert await wire.closed() == 1002

    async def test_a_message_that_is_too_big_is_1009_whole_or_in_fragments(self, serve: Serve) -> None:
        app = await serve(engine_app(max_payload=1000, ping_interval_ms=25_000))
        wire = await app.session()
        await wire.send("4" * 1000, b"x" * 1000)
        assert await wire.text() == "4" * 1000
        assert await wire.binary() == b"x" * 1000
        await wire.send("4" * 1001)
        assert await wire.closed() == 1009
        wire = await app.session()
        wire.frame(TEXT, b"4" * 600, fin=False)
        wire.frame(CONTINUATION, b"4" * 600, fin=False)
        assert await wire.closed() == 1009
        await until(lambda: app.engine.stats.sockets == 0)
        assert app.engine.stats.parse_errors == 2

    async def test_a_flood_of_empty_fragments_is_throttled(self, serve: Serve) -> None:
        app = await serve(Engine(ServerOptions(events_per_second=2000, events_burst=50), Echo))
        wire = await app.session()
        wire.frame(TEXT, b"4", fin=False)
        for _ in range(200):
            wire.frame(CONTINUATION, b"", fin=False)
        wire.frame(CONTINUATION, b"x")
        assert await wire.text() == "4x"
        assert app.engine.stats.throttled >= 1


class TestClosing:
    async def test_the_peers_close_is_answered_and_the_connection_ended(self, echo: Listening) -> None:
        wire = await echo.session()
        wire.frame(CLOSE, (1000).to_bytes(2, "big"))
        assert await wire.closed() == 1000
        await wire.gone()
        await until(lambda: not echo.engine.websockets)

    async def test_a_connection_that_just_goes_ends_the_session(self, echo: Listening) -> None:
        wire = await echo.session()
        (session,) = echo.engine.sessions.values()
        wire.cut()
        await until(lambda: not session.is_open)
        assert session.reason == "transport close"
        assert echo.engine.stats.sockets == 0

    async def test_what_a_peer_says_after_our_close_is_not_heard(self, echo: Listening) -> None:
        wire = await echo.session()
        heard = echo.engine.stats.events_in
        await wire.send("abc", *["4more"] * 20)
        assert await wire.closed() == 1000
        assert echo.engine.stats.events_in == heard + 1
        wire.frame(CLOSE, (1000).to_bytes(2, "big"))
        await wire.gone()

    async def test_a_peer_that_does_not_answer_our_close_is_cut_off(self, serve: Serve) -> None:
        app = await serve(engine_app(close_timeout_ms=20, ping_interval_ms=25_000))
        wire = await app.session()
        await wire.send("abc")
        await until(lambda: not app.engine.websockets)
        assert await wire.closed() == 1000
        await wire.gone()

    async def test_a_peer_that_floods_after_our_close_is_cut_off(self, echo: Listening) -> None:
        wire = await echo.session()
        await wire.send("abc", *["4more"] * 500)
        await until(lambda: not echo.engine.websockets)

    @pytest.mark.parametrize("packet", ["", "7", "abc", "b!", "bQ"])
    async def test_a_malformed_packet_closes_that_socket_alone(self, echo: Listening, packet: str) -> None:
        wire, other = await echo.session(), await echo.session()
        await wire.send(packet)
        assert await wire.closed() == 1000
        await other.send("4hello")
        assert await other.text() == "4hello"

    async def test_a_ping_is_the_servers_to_send(self, echo: Listening) -> None:
        wire = await echo.session()
        (session,) = echo.engine.sessions.values()
        await wire.send("2")
        assert await wire.closed() == 1000
        assert session.reason == "transport error"

    async def test_packets_that_mean_nothing_are_ignored_and_base64_is_read(self, echo: Listening) -> None:
        wire = await echo.session()
        await wire.send("0", "3", "5", "6", "bAQID", "4x")
        assert await wire.binary() == bytes([1, 2, 3])
        assert await wire.text() == "4x"


class TestUpgrade:
    async def test_a_waiting_poll_is_released_by_the_probe(self, echo: Listening) -> None:
        polling = await echo.open_polling()
        pending = asyncio.create_task(polling.get())
        session = echo.engine.sessions[polling.hello["sid"]]
        await until(lambda: session.polling is not None and session.polling.polled)
        wire = await polling.probe()
        assert (await pending).body == b"6"
        await wire.send("5")
        await wire.send("4x")
        assert await wire.text() == "4x"
        assert echo.engine.stats.upgrades == 1

    async def test_what_was_queued_for_polling_comes_first_over_the_websocket(self, echo: Listening) -> None:
        polling = await echo.open_polling()
        wire = await polling.probe()
        await polling.post("4one\x1ebAQID\x1e4two")
        await wire.send("5", "4three")
        assert await wire.text() == "4one"
        assert await wire.binary() == bytes([1, 2, 3])
        assert await wire.text() == "4two"
        assert await wire.text() == "4three"

    async def test_a_poll_that_waits_during_the_upgrade_ends_with_a_noop(self, echo: Listening) -> None:
        polling = await echo.open_polling()
        wire = await polling.probe()
        assert await polling.packets() == ["6"]
        assert await polling.packets() == ["6"]
        await wire.send("5", "4x")
        assert await wire.text() == "4x"

    @pytest.mark.parametrize(
        "messages", [["5"], ["2"], ["4hello"], ["2probe", "2probe"], ["2probe", "4x"], [b"2probe"]]
    )
    async def test_a_probe_that_is_none_is_closed_and_polling_goes_on(
        self, echo: Listening, messages: list[str | bytes]
    ) -> None:
        polling = await echo.open_polling()
        wire = await echo.open(f"EIO=4&transport=websocket&sid={polling.hello['sid']}")
        await wire.send(*messages)
        assert await wire.closed() == 1002
        await polling.post("4x")
        assert await polling.packets() == ["4x"]
        again = await polling.probe()
        await again.send("5", "4y")
        assert await again.text() == "4y"

    async def test_a_probe_that_is_lost_leaves_polling_as_it_was(self, echo: Listening) -> None:
        polling = await echo.open_polling()
        wire = await polling.probe()
        session = echo.engine.sessions[polling.hello["sid"]]
        wire.cut()
        await until(lambda: session.probe is None)
        await polling.post("4x")
        assert await polling.packets() == ["4x"]

    async def test_a_probe_that_takes_too_long_is_closed(self, serve: Serve) -> None:
        app = await serve(engine_app(upgrade_timeout_ms=30, ping_interval_ms=25_000))
        polling = await app.open_polling()
        wire = await polling.probe()
        assert await wire.closed() == 1008
        await polling.post("4x")
        assert await polling.packets() == ["4x"]

    async def test_only_one_probe_at_a_time(self, echo: Listening) -> None:
        polling = await echo.open_polling()
        wire = await polling.probe()
        second = await echo.open(f"EIO=4&transport=websocket&sid={polling.hello['sid']}")
        assert await second.closed() == 1008
        await wire.send("5", "4x")
        assert await wire.text() == "4x"

    async def test_the_end_of_the_session_ends_its_probe(self, echo: Listening) -> None:
        polling = await echo.open_polling()
        wire = await polling.probe()
        await polling.post("1")
        assert await wire.closed() == 1000

    async def test_no_upgrade_where_none_is_allowed(self, serve: Serve) -> None:
        app = await serve(engine_app(allow_upgrades=False))
        polling = await app.open_polling()
        assert polling.hello["upgrades"] == []
        wire = await app.open(f"EIO=4&transport=websocket&sid={polling.hello['sid']}")
        assert await wire.closed() == 1008

    async def test_a_transport_that_is_not_offered_is_unknown(self, serve: Serve) -> None:
        app = await serve(engine_app(transports=("websocket",)))
        assert (await app.request(query="EIO=4&transport=polling")).json["code"] == 0
        assert (await (await app.open()).text()).startswith("0{")

    async def test_a_ping_sent_over_polling_may_be_answered_over_the_websocket(self, serve: Serve) -> None:
        app = await serve(engine_app(ping_interval_ms=30, ping_timeout_ms=5_000))
        polling = await app.open_polling()
        assert await polling.packets() == ["2"]
        wire = await polling.probe()
        await wire.send("5", "3")
        assert await wire.text() == "2"
