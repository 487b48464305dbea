"""Receivers that do not read, senders that send too much: memory is bounded and the truth is told about every byte."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from burrowspace.socketio import Ack, Encoded, Server, ServerOptions, Socket
from burrowspace.socketio.encoded import Binary
from tests.socketio.conftest import Serve
from tests.socketio.wire import Listening, Wire, until

pytestmark = pytest.mark.anyio

KIB = 1024
CHUNK = Encoded.from_raw("/", b'["chunk",{"_placeholder":true,"num":0}]', [b"x" * 64 * KIB])


@asynccontextmanager
async def pair(serve: Serve, **options: int) -> AsyncIterator[tuple[Server, Listening, Wire, Socket]]:
    server = Server(ServerOptions(**options))  # type: ignore[arg-type]
    server.of("/")
    app = await serve(server)
    wire = await app.joined()
    (socket,) = server.of("/").sockets.values()
    # small kernel buffers, so that a slow receiver shows at once
    websocket = socket.client.session.websocket
    assert websocket is not None
    websocket.underlying.get_extra_info("socket").setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, 64 * KIB)
    wire.writer.get_extra_info("socket").setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 64 * KIB)
    wire.writer.transport.pause_reading()
    yield server, app, wire, socket


async def drain(wire: Wire, chunks: int) -> None:
    wire.writer.transport.resume_reading()
    for _ in range(chunks):
        assert (await wire.text()).startswith('451-["chunk"')
        assert len(await wire.binary()) == 64 * KIB


async def test_taken_is_told_in_order_as_the_kernel_takes_each(serve: Serve) -> None:
    async with pair(serve, send_budget=256 * KIB) as (_, _, wire, socket):
        taken: list[int] = []
        sent = 0
        while not socket.buffered:
            assert socket.send_encoded(CHUNK, lambda ok, n=sent: taken.append(n if ok else -1))
            sent += 1
        assert taken == list(range(sent - 1))  # what the kernel took, it took within the call
        while not socket.over_budget:
            socket.send_encoded(CHUNK, lambda ok, n=sent: taken.append(n if ok else -1))
            sent += 1
        drained: list[int] = []
        socket.on_drain(lambda: drained.append(len(taken)))
        wire.writer.transport.resume_reading()
        for number in range(sent - 1):
            await wire.text()
            await wire.binary()
            await until(lambda number=number: len(taken) > min(number, sent - 3))  # not only when all is empty
        await wire.text()
        await wire.binary()
        await until(lambda: drained)
        assert taken == list(range(sent))
        assert drained == [sent]
        assert not socket.buffered
        assert not socket.over_budget


async def test_a_receiver_over_its_budget_for_too_long_is_dropped(serve: Serve) -> None:
    async with pair(serve, send_budget=128 * KIB, slow_timeout_ms=100) as (server, app, _, socket):
        reasons: list[str] = []
        server.of("/").on_disconnect(lambda socket, reason: reasons.append(reason))
        taken: list[bool] = []
        drained: list[bool] = []
        while not socket.over_budget:
            socket.send_encoded(CHUNK, taken.append)
        socket.on_drain(lambda: drained.append(socket.connected))
        while socket.connected:  # the kernel's own buffers may take some more
            if not socket.over_budget:
                socket.send_encoded(CHUNK, taken.append)
            await asyncio.sleep(0.001)
        assert reasons == ["slow"]
        assert taken[-1] is False
        assert sorted(taken, reverse=True) == taken
        assert len(drained) == 1
        assert server.stats.slow_dropped == 1
        await until(lambda: not app.engine.websockets)


async def test_a_receiver_that_is_slow_but_reads_is_kept(serve: Serve) -> None:
    async with pair(serve, send_budget=128 * KIB, slow_timeout_ms=400) as (server, _, wire, socket):
        sent = 0
        for _ in range(4):
            while not socket.over_budget:
                socket.send_encoded(CHUNK)
                sent += 1
            await asyncio.sleep(0.15)
            await drain(wire, sent)
            wire.writer.transport.pause_reading()
            sent = 0
            await until(lambda: not socket.buffered)
        assert socket.connected
        assert server.stats.slow_dropped == 0


async def test_unsent_bytes_have_a_hard_cap(serve: Serve) -> None:
    async with pair(serve, send_budget=128 * KIB, max_payload=100 * KIB) as (server, _, _, socket):
        most = 0
        while socket.send_encoded(CHUNK):
            most = max(most, socket.buffered)
            assert most < 10_000 * KIB
        assert not socket.connected
        assert most <= 4 * 128 * KIB + 100 * KIB
        assert server.stats.slow_dropped == 1


async def test_polling_is_bounded_alike(serve: Serve) -> None:
    server = Server(ServerOptions(send_budget=128 * KIB, max_payload=100 * KIB, slow_timeout_ms=50))
    reasons: list[str] = []
    server.of("/").on_disconnect(lambda socket, reason: reasons.append(reason))
    app = await serve(server)
    for hard in (False, True):
        polling = await app.open_polling()
        await polling.post("40")
        await polling.get()
        (socket,) = server.of("/").sockets.values()
        taken: list[bool] = []
        while socket.connected and (hard or not socket.over_budget):
            socket.send_encoded(CHUNK, taken.append)
        await until(lambda socket=socket: not socket.connected)
        assert set(taken) == {False}
        assert (await polling.get()).status == 400
    assert reasons == ["slow", "slow"]


async def test_taken_over_polling_is_told_when_the_answer_is_written(serve: Serve) -> None:
    server = Server(ServerOptions(send_budget=KIB))
    server.of("/")
    app = await serve(server)
    polling = await app.open_polling()
    await polling.post("40")
    await polling.get()
    (socket,) = server.of("/").sockets.values()
    taken: list[bool] = []
    drained: list[bool] = []
    socket.send_encoded(CHUNK, taken.append)
    socket.on_drain(lambda: drained.append(True))
    assert socket.over_budget
    assert socket.buffered
    assert not taken
    assert not drained
    assert len(await polling.packets()) == 2
    await until(lambda: taken == [True] and drained == [True])
    assert not socket.buffered


async def test_a_dead_socket_takes_nothing(serve: Serve) -> None:
    async with pair(serve) as (_, _, wire, socket):
        taken: list[bool] = []
        while not socket.buffered:
            socket.send_encoded(CHUNK)
        socket.send_encoded(CHUNK, taken.append)
        wire.cut()
        await until(lambda: taken == [False])
        assert not socket.send_encoded(CHUNK, taken.append)
        assert taken == [False]


async def test_a_relay_holds_no_more_than_its_budget_for_a_receiver_that_does_not_read(serve: Serve) -> None:
    """The rule for applications: hold the ack until taken, stop reading the sender while the target is over budget."""
    async with pair(serve, send_budget=128 * KIB) as (server, app, wire, target):

        @server.of("/").on_raw("chunk")
        def relay(sender: Socket, body: bytes, attachments: Sequence[Binary], ack: Ack | None) -> None:
            def taken(ok: bool) -> None:
                if ack is not None:
                    ack.raw(b"[true]" if ok else b"[false]")

            target.send_encoded(Encoded.from_raw("/", body, attachments), taken)
            if target.over_budget:
                sender.pause_reading()
                target.on_drain(sender.resume_reading)

        sender = await app.joined()
        total = 100

        async def push() -> None:
            for number in range(total):
                await sender.send(f'451-{number}["chunk",{{"_placeholder":true,"num":0}}]', b"x" * 64 * KIB)

        pushing = asyncio.create_task(push())
        (session,) = [session for session in app.engine.sessions.values() if session is not target.client.session]
        await until(lambda: session.reading.paused)
        await asyncio.sleep(0.02)
        assert session.reading.paused
        assert server.stats.events_in < total  # far from all was read
        assert target.buffered <= 4 * 128 * KIB
        wire.writer.transport.resume_reading()
        for _ in range(total):
            assert (await wire.text()).startswith("451-[")
            assert len(await wire.binary()) == 64 * KIB
        await pushing
        assert [await sender.text() for _ in range(total)] == [f"43{number}[true]" for number in range(total)]


class TestPausing:
    async def test_nothing_is_heard_while_paused_and_nothing_is_lost(self, serve: Serve) -> None:
        async with pair(serve) as (server, _, wire, socket):
            wire.writer.transport.resume_reading()
            heard: list[int] = []

            @server.of("/").on("n")
            def number(socket: Socket, number: int) -> None:
                heard.append(number)
                if number % 10 == 0:
                    socket.pause_reading()

            await wire.send(*(f'42["n",{n}]' for n in range(1, 31)))
            for stop in (10, 20, 30):
                await until(lambda stop=stop: heard == list(range(1, stop + 1)))
                await asyncio.sleep(0.005)
                assert heard == list(range(1, stop + 1))
                socket.resume_reading()
            socket.pause_reading()
            socket.pause_reading()
            await wire.send('42["n",31]')
            socket.resume_reading()
            await asyncio.sleep(0.005)
            assert len(heard) == 30
            socket.resume_reading()
            await until(lambda: len(heard) == 31)
            socket.resume_reading()  # one too many does no harm
            await wire.send('42["n",32]')
            await until(lambda: len(heard) == 32)

    async def test_a_close_is_heard_after_the_messages_before_it(self, serve: Serve) -> None:
        async with pair(serve) as (server, _, wire, socket):
            heard: list[str] = []
            server.of("/").on("n")(lambda socket, number: heard.append(number))
            server.of("/").on_disconnect(lambda socket, reason: heard.append(reason))

            @server.of("/").on("pause")
            def pause(socket: Socket) -> None:
                socket.pause_reading()

            await wire.send('42["pause"]', '42["n",1]', '42["n",2]')
            wire.frame(8, (1000).to_bytes(2, "big"))
            await until(lambda: socket.client.session.reading.paused)
            await asyncio.sleep(0.005)
            assert heard == []
            socket.resume_reading()
            await until(lambda: heard == [1, 2, "transport close"])

    async def test_a_paused_client_is_pinged_but_not_blamed(self, serve: Serve) -> None:
        async with pair(serve, ping_interval_ms=50, ping_timeout_ms=200) as (_, _, wire, socket):
            wire.writer.transport.resume_reading()
            socket.pause_reading()
            for _ in range(6):
                assert await wire.text() == "2"
            assert socket.connected
            socket.resume_reading()
            assert await wire.closed() == 1000

    async def test_a_paused_polling_client_waits_for_its_post(self, serve: Serve) -> None:
        server = Server(ServerOptions(ping_interval_ms=25_000))
        heard: list[int] = []

        @server.of("/").on("n")
        def number(socket: Socket, number: int) -> None:
            heard.append(number)
            socket.pause_reading()

        app = await serve(server)
        polling = await app.open_polling()
        await polling.post("40")
        (socket,) = server.of("/").sockets.values()
        posting = asyncio.create_task(polling.post('42["n",1]\x1e42["n",2]'))
        await until(lambda: heard == [1])
        await asyncio.sleep(0.005)
        assert heard == [1]
        socket.resume_reading()
        await until(lambda: heard == [1, 2])
        assert (await posting).body == b"ok"

    async def test_too_many_events_are_read_later_and_none_is_lost(self, serve: Serve) -> None:
        async with pair(serve, events_per_second=2_000, events_burst=20) as (server, _, wire, _socket):
            heard: list[int] = []
            server.of("/").on("n")(lambda socket, number: heard.append(number))
            began = asyncio.get_running_loop().time()
            await wire.send(*(f'42["n",{n}]' for n in range(120)))
            await until(lambda: len(heard) == 120)
            assert heard == list(range(120))
            assert asyncio.get_running_loop().time() - began >= 0.04
            assert server.stats.throttled >= 1


class TestConfirming:
    async def test_a_pong_proves_what_was_sent_before_its_ping(self, serve: Serve) -> None:
        async with pair(serve) as (_, _, wire, socket):
            wire.writer.transport.resume_reading()
            proofs: list[str] = []
            socket.emit("a")
            socket.confirm(lambda ok: proofs.append(f"a {ok}"))
            socket.emit("b")
            socket.confirm(lambda ok: proofs.append(f"b {ok}"))
            socket.confirm(lambda ok: proofs.append(f"c {ok}"))
            assert [await wire.text() for _ in range(3)] == ['42["a"]', "2", '42["b"]']
            assert not proofs
            await wire.send("3")
            assert await wire.text() == "2"
            assert proofs == ["a True"]
            await wire.send("3")
            await until(lambda: len(proofs) == 3)
            assert proofs == ["a True", "b True", "c True"]

    async def test_it_works_over_polling(self, serve: Serve) -> None:
        server = Server(ServerOptions())
        server.of("/")
        app = await serve(server)
        polling = await app.open_polling()
        await polling.post("40")
        await polling.get()
        (socket,) = server.of("/").sockets.values()
        proofs: list[bool] = []
        socket.emit("a")
        socket.confirm(proofs.append)
        assert await polling.packets() == ['42["a"]', "2"]
        assert not proofs
        await polling.post("3")
        assert proofs == [True]

    async def test_death_proves_nothing(self, serve: Serve) -> None:
        async with pair(serve) as (_, _, wire, socket):
            proofs: list[bool] = []
            socket.confirm(proofs.append)
            socket.confirm(proofs.append)
            wire.cut()
            await until(lambda: proofs == [False, False])
            socket.confirm(proofs.append)
            assert proofs == [False, False, False]

    async def test_the_heartbeat_goes_on_with_extra_pings(self, serve: Serve) -> None:
        async with pair(serve, ping_interval_ms=20, ping_timeout_ms=2_000) as (_, _, wire, socket):
            wire.writer.transport.resume_reading()
            proofs: list[bool] = []
            for number in range(10):
                if number % 2:
                    socket.confirm(proofs.append)
                assert await wire.text() == "2"
                await wire.send("3")
            await until(lambda: len(proofs) == 5 or False)
            assert proofs == [True] * 5
            assert socket.connected


async def test_a_peer_that_does_not_read_its_pongs_gets_no_more_of_them(serve: Serve) -> None:
    async with pair(serve) as (_, _, wire, socket):
        while not socket.buffered:
            socket.send_encoded(CHUNK)
        before = socket.buffered
        for _ in range(500):
            wire.frame(9, b"x" * 125)
        await wire.send('42["after"]')
        heard: list[bool] = []
        socket.namespace.on_any(lambda socket, event: heard.append(True))
        await until(lambda: heard)
        assert socket.buffered <= before
