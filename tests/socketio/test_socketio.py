"""Namespaces, events, acknowledgements and attachments, on the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from burrowspace.socketio import (
    Ack,
    AckTimeout,
    BadPacket,
    ConnectRefused,
    Disconnected,
    Encoded,
    Server,
    ServerOptions,
    Socket,
    TooManyAcks,
    encode_event,
)
from burrowspace.socketio.encoded import Binary
from tests.socketio.conftest import Serve
from tests.socketio.wire import Listening, Wire, until

pytestmark = pytest.mark.anyio

PLACE = '{"_placeholder":true,"num":0}'


@pytest.fixture
def server() -> Server:
    return Server(ServerOptions(max_payload=100_000))


@pytest.fixture
async def up(serve: Serve, server: Server) -> Listening:
    return await serve(server)


async def joined(up: Listening, server: Server) -> tuple[Wire, Socket]:
    before = set(server.of("/").sockets)
    wire = await up.joined()
    (id,) = set(server.of("/").sockets) - before
    return wire, server.of("/").sockets[id]


class TestConnect:
    async def test_connect_goes_out_before_what_its_handler_emits(self, up: Listening, server: Server) -> None:
        @server.of("/").on_connect
        async def greet(socket: Socket, auth: dict[str, Any]) -> None:
            assert not socket.connected
            assert socket.emit("early", auth)
            await asyncio.sleep(0)
            socket.emit("later", b"x")

        wire = await up.session()
        await wire.send('40{"a":1}')
        assert (await wire.text()).startswith('40{"sid":"')
        assert await wire.text() == '42["early",{"a":1}]'
        assert await wire.text() == f'451-["later",{PLACE}]'
        assert await wire.binary() == b"x"

    async def test_a_handler_may_refuse_with_data(self, up: Listening, server: Server) -> None:
        @server.of("/").on_connect
        def refuse(socket: Socket, auth: dict[str, Any]) -> None:
            socket.emit("never")
            raise ConnectRefused("not you", {"code": 7})

        @server.of("/later").on_connect
        async def refuse_later(socket: Socket, auth: dict[str, Any]) -> None:
            await asyncio.sleep(0)
            raise ConnectRefused("not you either")

        @server.of("/broken").on_connect
        def broken(socket: Socket, auth: dict[str, Any]) -> None:
            raise RuntimeError("a secret")

        wire = await up.session()
        await wire.send("40", "40/later", "40/broken")
        answers = {await wire.text() for _ in range(3)}
        assert answers == {
            '44{"message":"not you","data":{"code":7}}',
            '44/later,{"message":"not you either"}',
            '44/broken,{"message":"Internal server error"}',
        }
        assert not any(namespace.sockets for namespace in server.namespaces.values())
        await wire.send("40")  # and it may try again
        assert (await wire.text()).startswith('44{"message"')

    async def test_a_handler_may_disconnect_the_socket(self, up: Listening, server: Server) -> None:
        reasons: list[str] = []

        @server.of("/").on_connect
        def leave(socket: Socket, auth: dict[str, Any]) -> None:
            socket.emit("bye")
            socket.disconnect()

        @server.of("/").on_disconnect
        def left(socket: Socket, reason: str) -> None:
            reasons.append(reason)

        wire = await up.session()
        await wire.send("40")
        assert (await wire.text()).startswith("40{")
        assert [await wire.text(), await wire.text()] == ['42["bye"]', "41"]
        assert reasons == ["server namespace disconnect"]

    async def test_a_client_that_goes_while_its_handler_thinks_is_never_connected(
        self, up: Listening, server: Server
    ) -> None:
        thinking, think = asyncio.Event(), asyncio.Event()
        ended: list[str] = []

        @server.of("/").on_connect
        async def slow(socket: Socket, auth: dict[str, Any]) -> None:
            thinking.set()
            await think.wait()

        server.of("/").on_disconnect(lambda socket, reason: ended.append(reason))
        wire = await up.session()
        await wire.send("40")
        await thinking.wait()
        wire.cut()
        await until(lambda: server.sockets == 0)
        think.set()
        await asyncio.sleep(0)
        assert not server.of("/").sockets
        assert not ended

    async def test_a_connection_that_joins_nothing_is_closed(self, serve: Serve) -> None:
        app = await serve(Server(ServerOptions(connect_timeout_ms=30)))
        wire, polling = await app.session(), await app.open_polling()
        assert await wire.closed() == 1000
        assert await polling.packets() == ["1"]

    async def test_namespaces_of_one_connection_are_bounded(self, serve: Serve) -> None:
        server = Server(ServerOptions(max_namespaces=2))
        for name in ("/", "/a", "/b"):
            server.of(name)
        wire = await (await serve(server)).session()
        await wire.send("40", "40/a,", "40/b,")
        assert (await wire.text()).startswith("40{")
        assert (await wire.text()).startswith("40/a,{")
        assert await wire.text() == '44/b,{"message":"Too many namespaces"}'

    @pytest.mark.parametrize(
        "packet",
        [
            "40",
            "40[]",
            '40"a"',
            "40{",
            "44",
            '42/other,["a"]',
            "41/other,",
            "41[]",
            "410",
            "43[]",
            "43",
            "431{}",
            "42",
            "421",
        ],
    )
    async def test_what_makes_no_sense_closes_that_connection_alone(
        self, up: Listening, server: Server, packet: str
    ) -> None:
        server.of("/other")
        reasons: list[str] = []
        server.of("/").on_disconnect(lambda socket, reason: reasons.append(reason))
        wire, _ = await joined(up, server)
        other, socket = await joined(up, server)
        await wire.send(packet)
        assert await wire.closed() == 1000
        assert reasons == ["parse error"]
        socket.emit("still here")
        assert await other.text() == '42["still here"]'


class TestEvents:
    async def test_handlers_answer_the_acknowledgement(self, up: Listening, server: Server) -> None:
        root = server.of("/")
        root.on("none")(lambda socket: None)
        root.on("one")(lambda socket, value: [value])
        root.on("two")(lambda socket, a, b: (b, a))

        @root.on("later")
        async def later(socket: Socket, value: Any) -> Any:
            await asyncio.sleep(0)
            return {"got": value}

        wire, _ = await joined(up, server)
        await wire.send('421["none"]', '422["one",5]', '423["two",1,{"a":2}]', '424["later",7]', '42["one",1]')
        assert [await wire.text() for _ in range(4)] == ["431[]", "432[[5]]", '433[{"a":2},1]', '434[{"got":7}]']

    async def test_a_handler_that_fails_harms_nobody(
        self, up: Listening, server: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        root = server.of("/")

        @root.on("bad")
        def bad(socket: Socket) -> None:
            raise IndexError("mine")

        @root.on("bad later")
        async def bad_later(socket: Socket) -> None:
            raise RuntimeError("mine")

        @root.on_raw("bad raw")
        def bad_raw(socket: Socket, body: bytes, attachments: Sequence[Binary], ack: Ack | None) -> None:
            raise KeyError("mine")

        root.on("no json")(lambda socket: object())
        root.on("fine")(lambda socket: "yes")
        wire, _ = await joined(up, server)
        await wire.send('421["bad"]', '422["bad later"]', '423["bad raw"]', '424["no json"]', '42["bad",1,2]')
        await wire.send('425["fine"]')
        assert await wire.text() == '435["yes"]'
        assert caplog.text.count("failed") >= 3

    async def test_handlers_may_call_a_packet_malformed(self, up: Listening, server: Server) -> None:
        root = server.of("/")

        @root.on("plain")
        def plain(socket: Socket) -> None:
            raise BadPacket("no")

        @root.on("later")
        async def later(socket: Socket) -> None:
            raise BadPacket("no")

        @root.on_raw("raw")
        def raw(socket: Socket, body: bytes, attachments: Sequence[Binary], ack: Ack | None) -> None:
            raise BadPacket("no")

        for name in ("plain", "later", "raw"):
            wire, _ = await joined(up, server)
            await wire.send(f'42["{name}"]')
            assert await wire.closed() == 1000

    async def test_events_without_a_handler_go_to_on_any_or_nowhere(self, up: Listening, server: Server) -> None:
        wire, _ = await joined(up, server)
        await wire.send('42["nobody"]')
        server.of("/").on_any(lambda socket, event, *args: (event, *args))
        await wire.send('421["some",1]', "422[12,2]")
        assert [await wire.text(), await wire.text()] == ['431["some",1]', '432["12",2]']

    @pytest.mark.parametrize("name", ["connect", "disconnect", "disconnecting", "newListener", "connect_error"])
    async def test_reserved_names_close(self, up: Listening, server: Server, name: str) -> None:
        server.of("/").on_any(lambda socket, event, *args: event)
        wire, _ = await joined(up, server)
        await wire.send(f'42["{name}"]')
        assert await wire.closed() == 1000
        with pytest.raises(ValueError, match="reserved"):
            server.of("/").on_raw(name)

    async def test_a_payload_too_deep_closes(self, up: Listening, server: Server) -> None:
        server.of("/").on_any(lambda socket, event, *args: event)
        wire, _ = await joined(up, server)
        await wire.send('42["a",' + "[" * 40_000 + "]" * 40_000 + "]")
        assert await wire.closed() == 1000

    async def test_running_handlers_are_bounded_by_not_reading(self, serve: Serve) -> None:
        server = Server(ServerOptions(max_running_handlers=3))
        go, running = asyncio.Event(), [0, 0]

        @server.of("/").on("work")
        async def work(socket: Socket, number: int) -> int:
            running[0] += 1
            running[1] = max(running)
            await go.wait()
            running[0] -= 1
            return number

        wire, _ = await joined(await serve(server), server)
        await wire.send(*(f'42{number}["work",{number}]' for number in range(20)))
        await until(lambda: running[0] == 3)
        await asyncio.sleep(0.02)
        assert running[0] == 3
        go.set()
        assert sorted([await wire.text() for _ in range(20)]) == sorted(f"43{n}[{n}]" for n in range(20))
        assert running[1] <= 3


class TestRaw:
    async def test_the_body_is_what_came(self, up: Listening, server: Server) -> None:
        calls: list[tuple[bytes, list[bytes], bool]] = []

        def take(socket: Socket, body: bytes, attachments: Sequence[Binary], ack: Ack | None) -> None:
            calls.append((body, [bytes(part) for part in attachments], ack is not None))
            if ack is not None:
                ack.raw(b'[{"ok":true}]')
                ack("twice does not count")

        for namespace in ("/", "/n"):
            server.of(namespace).on_raw("sig")(take)
            server.of(namespace).on_raw("é")(take)
        wire, _ = await joined(up, server)
        await wire.send("40/n,")
        await wire.text()
        big = bytes(range(256)) * 100
        await wire.send(
            '42["sig", {"not": parsed}]',
            '429007199254740991["sig"]',
            '42007["sig",1]',
            '42 ["sig"]'.replace(" ", ""),
            '42[ "sig" ,2]',
            '42["s\\u0069g",3]',
            '42["é",4]',
            '42/n,["sig",5]',
            '42/n,12["sig",6]',
            f'452-13["sig",{PLACE}]',
            b"ab",
            big,
            f'451-/n,["sig",{PLACE}]',
            b"",
        )
        assert await wire.text() == '439007199254740991[{"ok":true}]'
        assert await wire.text() == '437[{"ok":true}]'
        assert await wire.text() == '43/n,12[{"ok":true}]'
        assert await wire.text() == '4313[{"ok":true}]'
        await until(lambda: len(calls) == 11)
        assert calls == [
            (b'["sig", {"not": parsed}]', [], False),
            (b'["sig"]', [], True),
            (b'["sig",1]', [], True),
            (b'["sig"]', [], False),
            (b'[ "sig" ,2]', [], False),
            (b'["s\\u0069g",3]', [], False),
            ('["é",4]'.encode(), [], False),
            (b'["sig",5]', [], False),
            (b'["sig",6]', [], True),
            (f'["sig",{PLACE}]'.encode(), [b"ab", big], True),
            (f'["sig",{PLACE}]'.encode(), [b""], False),
        ]

    async def test_a_body_is_relayed_to_several_at_once(self, up: Listening, server: Server) -> None:
        @server.of("/").on_raw("relay")
        def relay(socket: Socket, body: bytes, attachments: Sequence[Binary], ack: Ack | None) -> None:
            packet = Encoded.from_raw("/", body, attachments)
            for other in server.of("/").sockets.values():
                other.send_encoded(packet)

        wires = [(await joined(up, server))[0] for _ in range(3)]
        for size in (10, 9_000, 90_000):
            text = "x" * (size // 2)
            await wires[0].send(f'451-["relay","{text}",{PLACE}]', b"y" * size)
            for wire in wires:
                assert await wire.text() == f'451-["relay","{text}",{PLACE}]'
                assert await wire.binary() == b"y" * size

    async def test_ack_ids_are_bounded(self, up: Listening, server: Server) -> None:
        server.of("/").on_raw("sig")(lambda socket, body, attachments, ack: None)
        for digits in ("9007199254740992", "99999999999999999", "9" * 40):
            wire, _ = await joined(up, server)
            await wire.send(f'42{digits}["sig"]')
            assert await wire.closed() == 1000


class TestAttachments:
    async def test_they_come_back_at_any_depth(self, up: Listening, server: Server) -> None:
        server.of("/").on_any(lambda socket, event, *args: args)
        wire, _ = await joined(up, server)
        await wire.send(
            '452-1["a",{"x":[{"y":{"_placeholder":true,"num":1}}]},{"_placeholder":true,"num":0}]', b"zero", b"one"
        )
        assert await wire.text() == '462-1[{"x":[{"y":{"_placeholder":true,"num":0}}]},{"_placeholder":true,"num":1}]'
        assert [await wire.binary(), await wire.binary()] == [b"one", b"zero"]

    @pytest.mark.parametrize(
        "messages",
        [
            [b"unannounced"],
            [f'451-["a",{PLACE}]', '42["text between"]'],
            [f'4511-["a",{PLACE}]'],
            [f'459999-["a",{PLACE}]'],
            [f'450-["a",{PLACE}]'],
            ['451-["a",{"_placeholder":true,"num":1}]', b"x"],
            ['451-["a",{"_placeholder":true,"num":-1}]', b"x"],
            ['451-["a",{"_placeholder":true,"num":"0"}]', b"x"],
            ['451-["a",{"_placeholder":true,"num":0.5}]', b"x"],
            ['451-["a",{"_placeholder":true}]', b"x"],
            [f'451-["a",{PLACE},{PLACE}]', b"x"],
            ["451-{}", b"x"],
            ["461-[]", b"x"],
            [f'451-/nowhere,["a",{PLACE}]'],
            [f'452-["a",{PLACE}]', b"x" * 60_000, b"x" * 60_000],
        ],
    )
    async def test_what_does_not_fit_together_closes(
        self, up: Listening, server: Server, messages: list[str | bytes]
    ) -> None:
        server.of("/").on_any(lambda socket, event, *args: args)
        wire, _ = await joined(up, server)
        await wire.send(*messages)
        assert await wire.closed() == 1000

    async def test_an_attachment_that_does_not_come_closes(self, serve: Serve) -> None:
        server = Server(ServerOptions(attachment_deadline_ms=30))
        server.of("/")
        wire, _ = await joined(await serve(server), server)
        await wire.send(f'452-["a",{PLACE}]', b"x")
        assert await wire.closed() == 1000

    async def test_pings_may_come_between_them(self, serve: Serve) -> None:
        server = Server(ServerOptions(ping_interval_ms=20))
        server.of("/").on_any(lambda socket, event, *args: args)
        wire, _ = await joined(await serve(server), server)
        await wire.send(f'451-1["a",{PLACE}]')
        assert await wire.text() == "2"
        await wire.send("3", b"x")
        while (answer := await wire.text()) == "2":
            await wire.send("3")
        assert answer == f"461-1[{PLACE}]"


class TestAsking:
    async def test_call_gives_the_clients_answer(self, up: Listening, server: Server) -> None:
        wire, socket = await joined(up, server)
        asked = asyncio.create_task(socket.call("ask", b"x"))
        assert await wire.text() == f'451-0["ask",{PLACE}]'
        assert await wire.binary() == b"x"
        await wire.send(f'461-0[1,{PLACE},"a"]', b"answer")
        assert await asked == (1, b"answer", "a")

    async def test_emit_calls_back_once_and_strangers_are_ignored(self, up: Listening, server: Server) -> None:
        wire, socket = await joined(up, server)
        answers: list[tuple[Any, ...]] = []
        socket.emit("ask", ack=lambda *args: answers.append(args))
        assert await wire.text() == '420["ask"]'
        await wire.send("435[7]", "430[1]", "430[2]")
        await until(lambda: answers)
        await wire.send("430[3]")
        asked = asyncio.create_task(socket.call("sync"))
        assert await wire.text() == '421["sync"]'
        await wire.send("431[]")
        assert await asked == ()
        assert answers == [(1,)]

    async def test_an_answer_in_time_or_never(self, up: Listening, server: Server) -> None:
        wire, socket = await joined(up, server)
        answers: list[Any] = []
        socket.emit("quick", ack=answers.append, timeout_ms=10)
        with pytest.raises(AckTimeout):
            await socket.call("ask", timeout_ms=20)
        await wire.send("430[1]", "431[1]")
        asked = asyncio.create_task(socket.call("sync"))
        await until(lambda: socket._last_id == 2)
        await wire.send("432[]")
        await asked
        assert not answers

    async def test_who_waits_learns_that_the_socket_died(self, up: Listening, server: Server) -> None:
        wire, socket = await joined(up, server)
        asked = asyncio.create_task(socket.call("ask"))
        await wire.text()
        wire.cut()
        with pytest.raises(Disconnected):
            await asked
        with pytest.raises(Disconnected):
            await socket.call("ask")

    async def test_unanswered_questions_are_bounded(self, serve: Serve) -> None:
        server = Server(ServerOptions(max_pending_acks=2))
        server.of("/")
        wire, socket = await joined(await serve(server), server)
        socket.emit("a", ack=print)
        socket.emit("b", ack=print)
        with pytest.raises(TooManyAcks):
            socket.emit("c", ack=print)
        assert [await wire.text(), await wire.text()] == ['420["a"]', '421["b"]']
        await wire.send("430[]")
        await until(lambda: len(socket._acks or ()) == 1)
        assert socket.emit("d", ack=print)


class TestLeaving:
    async def test_every_end_has_its_reason_once(self, up: Listening, server: Server) -> None:
        reasons: list[str] = []
        server.of("/").on_disconnect(lambda socket, reason: reasons.append(reason))

        wire, socket = await joined(up, server)
        await wire.send("41")
        await until(lambda: reasons)
        assert not socket.connected
        assert not socket.emit("x")
        await wire.send("40")  # and may come back
        assert (await wire.text()).startswith("40{")
        wire.cut()

        wire, socket = await joined(up, server)
        socket.disconnect()
        socket.disconnect()
        assert await wire.text() == "41"
        wire, socket = await joined(up, server)
        socket.disconnect(close=True)
        assert await wire.text() == "41"
        assert await wire.closed() == 1000
        wire, _ = await joined(up, server)
        await up.served.aclose()
        assert await wire.closed() == 1001
        assert sorted(reasons) == sorted(
            [
                "client namespace disconnect",
                "transport close",
                "server namespace disconnect",
                "server namespace disconnect",
                "server shutting down",
            ]
        )

    async def test_a_ping_timeout_has_its_reason(self, serve: Serve) -> None:
        server = Server(ServerOptions(ping_interval_ms=20, ping_timeout_ms=20))
        reasons: list[str] = []
        server.of("/").on_disconnect(lambda socket, reason: reasons.append(reason))
        wire, _ = await joined(await serve(server), server)
        assert await wire.closed() == 1000
        assert reasons == ["ping timeout"]
        assert server.stats.ping_timeouts == 1

    async def test_a_client_that_talks_lives_however_late_its_pong_is(self, serve: Serve) -> None:
        server = Server(ServerOptions(ping_interval_ms=20, ping_timeout_ms=40))
        server.of("/").on("x")(lambda socket: None)
        wire, socket = await joined(await serve(server), server)
        for number in range(20):
            await wire.send(f'42{number}["x"]')
            while not (await wire.text()).startswith(f"43{number}"):
                pass
            await asyncio.sleep(0.01)
        assert socket.connected
        assert await wire.closed() == 1000

    async def test_a_client_whose_system_takes_the_pings_but_that_says_nothing_is_given_up(self, serve: Serve) -> None:
        server = Server(ServerOptions(ping_interval_ms=20, ping_timeout_ms=40))
        wire, socket = await joined(await serve(server), server)
        wire.writer.transport.pause_reading()
        websocket = socket.session.websocket
        assert websocket is not None
        while not websocket.blocked:  # so that much stands before the first ping
            socket.emit("much", "x" * 100_000)
        wire.writer.transport.resume_reading()
        async with asyncio.timeout(10):
            await wire.closed()
        assert server.stats.ping_timeouts == 1

    async def test_an_async_disconnect_handler_runs(self, up: Listening, server: Server) -> None:
        done = asyncio.Event()

        @server.of("/").on_disconnect
        async def left(socket: Socket, reason: str) -> None:
            await asyncio.sleep(0)
            done.set()

        wire, _ = await joined(up, server)
        wire.cut()
        await asyncio.wait_for(done.wait(), 20)


async def test_answers_to_messages_of_one_read_keep_their_order(up: Listening, server: Server) -> None:
    """Small texts wait for the end of the read and leave in one write; nothing overtakes them."""
    taken: list[int] = []

    @server.of("/").on_raw("n")
    def number(socket: Socket, body: bytes, attachments: Sequence[Binary], ack: Ack | None) -> None:
        n = json.loads(body)[1]
        socket.emit("small", n)
        if n % 7 == 0:
            socket.send_encoded(encode_event("taken", n), lambda ok: taken.append(n))
        if n % 11 == 0:
            socket.emit("large", n, "x" * 9_000)
        if n % 13 == 0:
            socket.emit("binary", n, b"x")
        if ack is not None:
            ack.raw(b"[%d]" % n)

    wire, _ = await joined(up, server)
    total = 300
    await wire.send(*(f'42{n}["n",{n}]' for n in range(total)))
    expected: list[str] = []
    for n in range(total):
        expected.append(f'42["small",{n}]')
        expected += [f'42["taken",{n}]'] * (n % 7 == 0)
        expected += [f'42["large",{n},"{"x" * 9_000}"]'] * (n % 11 == 0)
        expected += [f'451-["binary",{n},{PLACE}]', "x"] * (n % 13 == 0)
        expected.append(f"43{n}[{n}]")
    for line in expected:
        _, payload = await wire.read()
        assert payload.decode() == line
    assert taken == list(range(0, total, 7))


async def test_emit_to_all_is_encoded_once(up: Listening, server: Server) -> None:
    wires = [(await joined(up, server))[0] for _ in range(3)]
    server.of("/").emit("all", {"a": b"x"})
    for wire in wires:
        assert await wire.text() == f'451-["all",{{"a":{PLACE}}}]'
        assert await wire.binary() == b"x"


async def test_a_socket_says_who_it_is(serve: Serve) -> None:
    server = Server(ServerOptions(keep_headers=("user-agent",)))
    server.of("/")
    app = await serve(server)
    wire = await app.open(User_Agent="test/1")
    await wire.text()
    await wire.send("40")
    sid = json.loads((await wire.text())[2:])["sid"]
    socket = server.of("/").sockets[sid]
    assert (socket.address, socket.headers) == ("127.0.0.1", {"user-agent": "test/1"})
    socket.state = {"mine": True}
    assert not hasattr(socket, "__dict__")


def test_a_packet_for_a_namespace_names_it() -> None:
    assert encode_event("a", 1, namespace="/n").head == b'42/n,["a",1]'
    with pytest.raises(ValueError, match="namespace"):
        Server().of("n")
