"""The official Socket.IO 5 test suite, one for one; its Engine.IO part is in test_official_engine.py."""

from __future__ import annotations

import json

import pytest

from burrowspace.socketio.conformance import socket_app
from tests.socketio.conftest import Serve
from tests.socketio.wire import Listening, Wire

pytestmark = pytest.mark.anyio


@pytest.fixture
async def suite(serve: Serve) -> Listening:
    return await serve(socket_app())


async def joined(suite: Listening) -> Wire:
    wire = await suite.joined()
    assert await wire.text() == '42["auth",{}]'
    return wire


class TestConnect:
    @pytest.mark.parametrize(
        ("sent", "prefix", "event"),
        [
            ("40", "40", '42["auth",{}]'),
            ('40{"token":"123"}', "40", '42["auth",{"token":"123"}]'),
            ("40/custom,", "40/custom,", '42/custom,["auth",{}]'),
            ('40/custom,{"token":"abc"}', "40/custom,", '42/custom,["auth",{"token":"abc"}]'),
        ],
    )
    async def test_a_namespace_is_joined(self, suite: Listening, sent: str, prefix: str, event: str) -> None:
        wire = await suite.session()
        await wire.send(sent)
        answer = await wire.text()
        assert answer.startswith(prefix)
        handshake = json.loads(answer[len(prefix) :])
        assert list(handshake) == ["sid"]
        assert isinstance(handshake["sid"], str)
        assert await wire.text() == event

    async def test_an_unknown_namespace_is_refused(self, suite: Listening) -> None:
        wire = await suite.session()
        await wire.send("40/random")
        assert await wire.text() == '44/random,{"message":"Invalid namespace"}'

    async def test_an_invalid_handshake_closes(self, suite: Listening) -> None:
        wire = await suite.session()
        await wire.send("4abc")
        assert await wire.closed() == 1000

    async def test_no_handshake_closes(self, suite: Listening) -> None:
        wire = await suite.session()
        assert await wire.closed() == 1000


class TestDisconnect:
    async def test_leaving_the_main_namespace_keeps_the_connection(self, suite: Listening) -> None:
        wire = await joined(suite)
        await wire.send("41")
        assert await wire.text() == "2"

    async def test_leaving_a_custom_namespace_keeps_the_main_one(self, suite: Listening) -> None:
        wire = await joined(suite)
        await wire.send("40/custom")
        assert (await wire.text()).startswith("40/custom,")
        assert await wire.text() == '42/custom,["auth",{}]'
        await wire.send("41/custom", '42["message","message to main namespace"]')
        assert await wire.text() == '42["message-back","message to main namespace"]'


class TestMessage:
    async def test_plain_text(self, suite: Listening) -> None:
        wire = await joined(suite)
        await wire.send('42["message",1,"2",{"3":[true]}]')
        assert await wire.text() == '42["message-back",1,"2",{"3":[true]}]'

    async def test_binary_attachments(self, suite: Listening) -> None:
        wire = await joined(suite)
        placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
        await wire.send(f'452-["message",{placeholders}]', bytes([1, 2, 3]), bytes([4, 5, 6]))
        assert await wire.text() == f'452-["message-back",{placeholders}]'
        assert await wire.binary() == bytes([1, 2, 3])
        assert await wire.binary() == bytes([4, 5, 6])

    async def test_plain_text_with_an_ack(self, suite: Listening) -> None:
        wire = await joined(suite)
        await wire.send('42456["message-with-ack",1,"2",{"3":[false]}]')
        assert await wire.text() == '43456[1,"2",{"3":[false]}]'

    async def test_binary_attachments_with_an_ack(self, suite: Listening) -> None:
        wire = await joined(suite)
        placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
        await wire.send(f'452-789["message-with-ack",{placeholders}]', bytes([1, 2, 3]), bytes([4, 5, 6]))
        assert await wire.text() == f"462-789[{placeholders}]"
        assert await wire.binary() == bytes([1, 2, 3])
        assert await wire.binary() == bytes([4, 5, 6])

    @pytest.mark.parametrize("sent", ["4abc", "42{}", '42abc["message-with-ack",1,"2",{"3":[false]}]'])
    async def test_an_invalid_format_closes(self, suite: Listening, sent: str) -> None:
        wire = await joined(suite)
        await wire.send(sent)
        assert await wire.closed() == 1000
