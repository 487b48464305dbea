"""The 24 cases of the official Engine.IO 4 test suite, one for one, against the conformance application."""

from __future__ import annotations

import asyncio

import pytest

from burrowspace.socketio.conformance import engine_app
from tests.socketio.conftest import Serve
from tests.socketio.wire import Listening, read_answer

pytestmark = pytest.mark.anyio

KEYS = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}


@pytest.fixture
async def suite(serve: Serve) -> Listening:
    return await serve(engine_app())


class TestHandshake:
    async def test_polling_opens_a_session(self, suite: Listening) -> None:
        hello = (await suite.open_polling()).hello
        assert set(hello) == KEYS
        assert isinstance(hello["sid"], str)
        assert hello["upgrades"] == ["websocket"]
        assert (hello["pingInterval"], hello["pingTimeout"], hello["maxPayload"]) == (300, 200, 1000000)

    @pytest.mark.parametrize("query", ["transport=polling", "EIO=abc&transport=polling"])
    async def test_polling_fails_with_an_invalid_version(self, suite: Listening, query: str) -> None:
        answer = await suite.request(query=query)
        assert (answer.status, answer.json) == (400, {"code": 5, "message": "Unsupported protocol version"})

    @pytest.mark.parametrize("query", ["EIO=4", "EIO=4&transport=abc"])
    async def test_polling_fails_with_an_invalid_transport(self, suite: Listening, query: str) -> None:
        answer = await suite.request(query=query)
        assert (answer.status, answer.json) == (400, {"code": 0, "message": "Transport unknown"})

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    async def test_polling_fails_with_an_invalid_method(self, suite: Listening, method: str) -> None:
        answer = await suite.request(method, "EIO=4&transport=polling")
        assert (answer.status, answer.json) == (400, {"code": 2, "message": "Bad handshake method"})

    async def test_websocket_opens_a_session(self, suite: Listening) -> None:
        wire = await suite.open()
        opened = await wire.text()
        assert opened.startswith("0")
        assert '"upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}' in opened

    @pytest.mark.parametrize(
        "query", ["transport=websocket", "EIO=abc&transport=websocket", "EIO=4", "EIO=4&transport=abc"]
    )
    async def test_websocket_fails_with_an_invalid_query(self, suite: Listening, query: str) -> None:
        wire, answer = await suite.try_open(query)
        assert answer.status == 400
        await wire.gone()


class TestMessage:
    @pytest.mark.parametrize("body", ["4hello", "4test1\x1e4test2\x1e4test3", "4hello\x1ebAQIDBA=="])
    async def test_polling_sends_and_receives_payloads(self, suite: Listening, body: str) -> None:
        polling = await suite.open_polling()
        answer = await polling.post(body)
        assert (answer.status, answer.body) == (200, b"ok")
        answer = await polling.get()
        assert (answer.status, answer.body.decode()) == (200, body)

    async def test_polling_closes_upon_an_invalid_packet(self, suite: Listening) -> None:
        polling = await suite.open_polling()
        assert (await polling.post("abc")).status == 400
        assert (await polling.get()).status == 400

    async def test_polling_closes_upon_duplicate_polls(self, suite: Listening) -> None:
        polling = await suite.open_polling()
        first = asyncio.create_task(polling.get())
        await asyncio.sleep(0.005)
        assert (await polling.get()).status == 400
        answer = await first
        assert (answer.status, answer.body) == (200, b"1")
        assert (await polling.get()).status == 400

    async def test_polling_closes_upon_a_cancelled_poll(self, suite: Listening) -> None:
        polling = await suite.open_polling()
        _, writer = await asyncio.open_connection("127.0.0.1", suite.port)
        writer.write(suite.head("GET", polling.query))
        await asyncio.sleep(0.005)
        writer.transport.abort()
        assert (await polling.get()).status == 400

    async def test_websocket_echoes_text(self, suite: Listening) -> None:
        wire = await suite.session()
        await wire.send("4hello")
        assert await wire.text() == "4hello"

    async def test_websocket_echoes_binary(self, suite: Listening) -> None:
        wire = await suite.session()
        await wire.send(bytes([1, 2, 3, 4]))
        assert await wire.binary() == bytes([1, 2, 3, 4])

    async def test_websocket_closes_upon_an_invalid_packet(self, suite: Listening) -> None:
        wire = await suite.session()
        await wire.send("abc")
        assert await wire.closed() == 1000


class TestHeartbeat:
    async def test_polling_pings(self, suite: Listening) -> None:
        polling = await suite.open_polling()
        for _ in range(3):
            assert await polling.packets() == ["2"]
            assert (await polling.post("3")).body == b"ok"

    async def test_polling_closes_upon_ping_timeout(self, suite: Listening) -> None:
        polling = await suite.open_polling()
        while polling.hello["sid"] in suite.engine.sessions:  # the suite waits exactly interval and timeout: a race
            await asyncio.sleep(0.02)
        assert (await polling.get()).status == 400

    async def test_websocket_pings(self, suite: Listening) -> None:
        wire = await suite.session()
        for _ in range(3):
            assert await wire.text() == "2"
            await wire.send("3")

    async def test_websocket_closes_upon_ping_timeout(self, suite: Listening) -> None:
        wire = await suite.session()
        assert await wire.text() == "2"
        assert await wire.closed() == 1000


class TestClose:
    async def test_polling_is_closed_by_the_client(self, suite: Listening) -> None:
        polling = await suite.open_polling()
        pending = asyncio.create_task(polling.get())
        session = suite.engine.sessions[polling.hello["sid"]]
        while session.polling is None or not session.polling.polled:
            await asyncio.sleep(0)
        assert (await polling.post("1")).body == b"ok"
        answer = await pending
        assert (answer.status, answer.body) == (200, b"6")
        assert (await polling.get()).status == 400

    async def test_websocket_is_closed_by_the_client(self, suite: Listening) -> None:
        wire = await suite.session()
        await wire.send("1")
        assert await wire.closed() == 1000


class TestUpgrade:
    async def test_polling_becomes_websocket(self, suite: Listening) -> None:
        polling = await suite.open_polling()
        wire = await polling.probe()
        assert await polling.packets() == ["6"]
        await wire.send("5", "4hello")
        assert await wire.text() == "4hello"

    async def test_polling_after_the_upgrade_is_refused(self, suite: Listening) -> None:
        polling = await suite.open_polling()
        wire = await polling.probe()
        await wire.send("5")
        answer = await polling.get()
        assert (answer.status, answer.json) == (400, {"code": 3, "message": "Bad request"})
        await wire.send("4hello")
        assert await wire.text() == "4hello"

    async def test_a_second_websocket_after_the_upgrade_is_refused(self, suite: Listening) -> None:
        polling = await suite.open_polling()
        wire = await polling.probe()
        await wire.send("5")
        second = await suite.open(f"EIO=4&transport=websocket&sid={polling.hello['sid']}")
        assert await second.closed() == 1008
        await wire.send("4hello")
        assert await wire.text() == "4hello"


async def test_a_poll_on_a_kept_connection_is_answered_there(suite: Listening) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", suite.port)
    writer.write(suite.head("GET", "EIO=4&transport=polling"))
    sid = (await read_answer(reader)).body.split(b'"')[3].decode()
    for _ in range(3):
        writer.write(suite.head("POST", f"EIO=4&transport=polling&sid={sid}", b"4hi") + b"4hi")
        assert (await read_answer(reader)).body == b"ok"
        writer.write(suite.head("GET", f"EIO=4&transport=polling&sid={sid}"))
        assert (await read_answer(reader)).body == b"4hi"
    writer.close()
