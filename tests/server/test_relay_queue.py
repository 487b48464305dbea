"""The promises of one direction of a relay: nothing is lost, overtaken or acknowledged too soon, and memory is bounded.

A scripted line, a real DiskSpool that can fail, hang or lose what was not synced, and restarts at any moment.
Spec: docs/spec/relay.md.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from burrowspace.adapters.bus_local import LocalBus
from burrowspace.adapters.spool_disk import DiskSpool
from burrowspace.config import Settings
from burrowspace.core.errors import BurrowError, NoSpace
from burrowspace.core.relay import pack
from burrowspace.server.driver import relay_queue as subject
from burrowspace.server.driver.backpressure import Backpressure
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.queued_chunk import QueuedChunk
from burrowspace.server.driver.quota import Quota
from burrowspace.server.driver.relay_queue import RelayQueue
from burrowspace.server.driver.tasks import Tasks
from burrowspace.socketio import Encoded
from tests.app import running
from tests.socketio.wire import KEY, Wire, read_answer

SPOOL_KEY = "0123456789abcdef0123456789abcdef-target"
WINDOW, PROVE = 4000, 1500  # bytes, in place of the megabytes
LARGEST = 900
ODDS = st.sampled_from([True, True, False])
MEMORY = Path("/dev/shm")  # where fsync costs nothing


def small_window(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(subject, "_WINDOW", WINDOW)
    patch.setattr(subject, "_PROVE", PROVE)


class ScriptedLine:
    """A way to the peer on which nothing happens but by the test's word."""

    def __init__(self, peer: "ScriptedPeer") -> None:
        self.peer = peer
        self.connected, self.over_budget = True, False
        self.sent: list[tuple[int, Callable[[bool], None] | None]] = []
        self.taken = self.arrived = 0  # how many of them
        self.proofs: list[tuple[int, Callable[[bool], None]]] = []
        self.drains: list[Callable[[], None]] = []

    def send_encoded(self, packet: Encoded, taken: Callable[[bool], None] | None = None) -> bool:
        if not self.connected:
            return False
        event, chunk = json.loads(bytes(packet.head).lstrip(b"\0")[2:])
        assert event == "relay_chunk"
        assert chunk["index"] not in [index for index, _ in self.sent], "sent twice down the same line"
        self.sent.append((chunk["index"], taken))
        if not self.over_budget:
            self.take_all()
        return True

    def confirm(self, done: Callable[[bool], None]) -> None:
        if self.connected:
            self.proofs.append((len(self.sent), done))
        else:
            done(False)

    def on_drain(self, callback: Callable[[], None]) -> None:
        if self.connected and self.over_budget:
            self.drains.append(callback)
        else:
            callback()

    def disconnect(self, close: bool = False) -> None:
        self.die(0)

    # by the test's word

    def take_all(self, upto: int | None = None) -> None:
        """The connection takes what was sent, up to here."""
        while self.taken < (len(self.sent) if upto is None else upto):
            self.taken += 1
            taken = self.sent[self.taken - 1][1]
            if taken is not None:
                taken(True)

    def arrive(self, upto: int) -> None:
        """So much of what was sent is in the hands of the peer's program."""
        self.take_all(upto)
        while self.arrived < upto:
            self.arrived += 1
            self.peer.receive(self.sent[self.arrived - 1][0])

    def prove(self) -> bool:
        """The peer answers the oldest ping."""
        if not self.proofs or not self.connected:
            return False
        upto, done = self.proofs.pop(0)
        self.arrive(upto)
        done(True)
        return True

    def drain(self) -> None:
        self.over_budget = False
        self.take_all()
        drains, self.drains = self.drains, []
        for callback in drains:
            callback()

    def die(self, more: int) -> None:
        """The connection is lost; `more` packets than were proved arrived all the same."""
        if not self.connected:
            return
        self.arrive(min(len(self.sent), self.arrived + more))
        self.connected = self.over_budget = False
        for _, taken in self.sent[self.taken :]:
            if taken is not None:
                taken(False)
        proofs, self.proofs = self.proofs, []
        for _, done in proofs:
            done(False)
        drains, self.drains = self.drains, []
        for callback in drains:
            callback()


class ScriptedPeer:
    """The receiver: remembers what came, and that nothing overtook what came later for the first time."""

    def __init__(self) -> None:
        self.received: list[int] = []

    def receive(self, index: int) -> None:
        assert index in self.received or index > max(self.received, default=-1), (index, self.received)
        self.received.append(index)


class Sender:
    """The feeder: sends only while it is read."""

    def __init__(self) -> None:
        self.paused = 0

    def pause_reading(self) -> None:
        self.paused += 1

    def resume_reading(self) -> None:
        assert self.paused
        self.paused -= 1


class Answer:
    """What a chunk's sender was told, once."""

    def __init__(self) -> None:
        self.word: str | None = None

    def delivered(self) -> None:
        assert self.word is None, self.word
        self.word = "delivered"

    def queued(self) -> None:
        assert self.word is None, self.word
        self.word = "queued"

    def refused(self, error: BurrowError) -> None:
        assert self.word is None, self.word
        self.word = "refused"


class Inline(Executor):
    """Disk work at once and on the loop's thread: every run of a test is the same."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **more: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **more))
        except BaseException as error:
            done.set_exception(error)
        return done


class FaultySpool:
    """A DiskSpool whose operations fail, hang, or are undone by a power cut, as the test says."""

    def __init__(self, folder: Path) -> None:
        self.disk = DiskSpool(folder)
        self.disk._threads = Inline()  # type: ignore[assignment]
        self.path = folder / SPOOL_KEY[:2] / SPOOL_KEY
        self.fault: str | None = None
        self.hanging = False
        self.passes = 0  # operations that are let through though it hangs
        self.busy = 0  # operations that run and will end by themselves
        self.durable = 0  # bytes that a power cut leaves
        self.dropped: bytes | None = None  # what a power cut might bring back
        self.freed = asyncio.Event()

    async def _do(self, name: str, work: Callable[[], Any]) -> Any:
        while self.hanging and not self.passes:
            self.freed.clear()
            await self.freed.wait()
        self.passes = max(0, self.passes - 1)
        if self.fault == name:
            raise OSError(5, "injected")
        self.busy += 1
        running = asyncio.ensure_future(work())
        running.add_done_callback(self._done)
        return await asyncio.shield(running)  # a thread goes on when nobody waits for it any more

    def _done(self, running: "asyncio.Future[Any]") -> None:
        self.busy -= 1
        running.cancelled() or running.exception()

    async def size(self, key: str) -> int:
        return await self._do("size", lambda: self.disk.size(key))

    async def append(self, key: str, offset: int, data: bytes) -> int:
        if self.fault == "full":
            raise NoSpace("injected")
        if self.fault == "torn append":
            await self._do("", lambda: self.disk.append(key, offset, data[: len(data) // 2]))
            raise OSError(5, "injected")
        return await self._do("append", lambda: self.disk.append(key, offset, data))

    async def sync(self, key: str) -> int:
        self.durable = await self._do("sync", lambda: self.disk.sync(key))
        self.dropped = None
        return self.durable

    async def cut(self, key: str, size: int) -> None:
        await self._do("cut", lambda: self.disk.cut(key, size))
        self.durable = min(self.durable, size)

    async def read(self, key: str, offset: int = 0, limit: int | None = None) -> Any:
        pieces = await self._do("read", lambda: self._read(key, offset, limit))
        for piece in pieces:
            yield piece

    async def _read(self, key: str, offset: int, limit: int | None) -> list[bytes]:
        whole = b"".join([piece async for piece in self.disk.read(key, offset, limit)])
        return [whole[at : at + 700] for at in range(0, len(whole), 700)]

    async def drop(self, key: str) -> bool:
        before = self.path.read_bytes()[: self.durable] if self.path.exists() else b""
        gone = await self._do("drop", lambda: self.disk.drop(key))
        self.dropped, self.durable = before, 0
        return gone

    def power_cut(self, kept: int, back: bool) -> None:
        if self.path.exists():
            size = self.path.stat().st_size
            with self.path.open("r+b") as file:
                file.truncate(min(size, self.durable + kept))
            self.durable = min(size, self.durable + kept)
        elif back and self.dropped:
            self.path.parent.mkdir(exist_ok=True)
            self.path.write_bytes(self.dropped)
            self.durable = len(self.dropped)


class Bench:
    """A relay queue, everything around it under control, and the model of what it owes."""

    def __init__(self, folder: Path, each: int = 6000, total: int = 9000) -> None:
        self.each, self.total = each, total
        self.spool = FaultySpool(folder)
        self.bus = LocalBus()
        self.peer, self.sender = ScriptedPeer(), Sender()
        self.saved, self.save_fails, self.saving = 0, False, 0
        self.chunks: dict[int, Answer | None] = {}  # all that a restart did not take with it
        self.next = 0
        self.tasks = Tasks()
        self._make()

    def _make(self) -> None:
        context = DriverContext(Settings(data=Path("/nonexistent")), None, self.bus, self.spool)  # type: ignore[arg-type]
        self.quota, self.backpressure, self.tasks = Quota(self.each, self.total), Backpressure(), Tasks()
        self.quota.note(SPOOL_KEY, self.spool.path.stat().st_size if self.spool.path.exists() else 0)
        self.queue = RelayQueue(
            context, self.tasks, self.quota, self.backpressure, SPOOL_KEY, "peer", self.saved, self._save
        )

    async def _save(self, position: int) -> None:
        if self.save_fails:
            raise OSError(5, "injected")
        await asyncio.sleep(0)
        self.saved = position

    @property
    def line(self) -> ScriptedLine | None:
        return self.bus.line("peer")  # type: ignore[return-value]

    @property
    def in_memory(self) -> int:
        return self.queue._unproved_bytes + self.queue._incoming_bytes

    async def quiet(self) -> None:
        """Everything that can happen by itself has happened."""
        idle = 0
        while idle < 12:
            idle = 0 if self.spool.busy else idle + 1
            await asyncio.sleep(0)

    def send(self, size: int = 100, asked: bool = True) -> Answer | None:
        index, self.next = self.next, self.next + 1
        answer = Answer() if asked else None
        self.chunks[index] = answer
        body = json.dumps(["relay_chunk", {"session_id": "s", "chunk": "x" * size, "index": index, "total": 1}])
        self.queue.take(QueuedChunk(body.encode(), (), answer), self.sender)
        return answer

    def attach(self) -> ScriptedLine:
        line = ScriptedLine(self.peer)
        before = self.bus.attach("peer", line)
        if before is not None:
            before.disconnect(close=True)
        self.queue.wake()
        return line

    async def restart(self, *, kept: int = 0, back: bool = False, graceful: bool = False) -> None:
        if graceful:
            self.heal()
            if self.line is not None:
                self.line.die(0)
            await self.quiet()
            assert self.in_memory == 0
        elif self.line is not None:  # what a connection took arrives; what it did not take is lost with us
            self.line.arrive(self.line.taken)
            self.line.connected = self.line.over_budget = False
        if self.line is not None:
            self.bus.detach("peer", self.line)
        await self.tasks.close()
        while self.spool.busy:
            await asyncio.sleep(0)
        if not graceful:
            self.spool.power_cut(kept, back)
            memory = (*self.queue._unproved, *self.queue._incoming)
            for index in {json.loads(chunk.body)[1]["index"] for chunk in memory}:
                answer = self.chunks[index]
                assert answer is None or answer.word != "queued"
                del self.chunks[
                    index
                ]  # its connection and the server died before it was durable: the one way to lose it
        self._mend()
        self.sender = Sender()
        self._make()

    def heal(self) -> None:
        self._mend()
        self.queue.wake()

    def _mend(self) -> None:
        self.spool.fault, self.save_fails, self.spool.hanging, self.spool.passes = None, False, False, 0
        self.spool.freed.set()

    async def finish(self) -> None:
        """Everything works again and the peer is there: now it must have all that was not refused."""
        self.heal()
        line = self.attach()
        for _ in range(1000):
            await self.quiet()
            if not line.prove():
                break
        owed = [i for i, answer in self.chunks.items() if answer is None or answer.word != "refused"]
        assert set(owed) <= set(self.peer.received), sorted(set(owed) - set(self.peer.received))
        assert self.sender.paused == 0
        assert self.queue.idle
        assert self.quota.used == 0
        assert not self.spool.path.exists()

    async def close(self) -> None:
        self._mend()
        await self.tasks.close()
        await self.spool.disk.close()


class RelayMoves(RuleBasedStateMachine):
    """The relay never loses, overtakes or acknowledges what is neither delivered nor durable, and never holds more
    than its window."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.patch = pytest.MonkeyPatch()
        small_window(self.patch)
        self.logs = structlog.testing.capture_logs()
        self.logs.__enter__()
        self.bench = self.run(self._open())
        self.stuck: ScriptedLine | None = None

    async def _open(self) -> Bench:
        return Bench(Path(self.folder.name))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 10))

    def call(self, act: Callable[[], Any]) -> Any:
        """A call from within the loop, with nothing else running before it returns."""

        async def within() -> Any:
            return act()

        return self.run(within())

    def settle(self, quiet: bool) -> None:
        if quiet:
            self.run(self.bench.quiet())

    @rule(count=st.sampled_from([1, 3, 12]), size=st.sampled_from([60, 300, LARGEST]), asked=ODDS, quiet=ODDS)
    def send(self, count: int, size: int, asked: bool, quiet: bool) -> None:
        def act() -> None:
            for _ in range(count):
                if not self.bench.sender.paused:
                    self.bench.send(size, asked)

        self.call(act)
        self.settle(quiet)

    @rule()
    def quiet(self) -> None:
        self.run(self.bench.quiet())

    @rule(quiet=ODDS)
    def attach(self, quiet: bool) -> None:
        self.unstick()
        self.call(self.bench.attach)
        self.settle(quiet)

    @precondition(lambda self: self.bench.line is not None)
    @rule(more=st.integers(0, 5), quiet=ODDS)
    def die(self, more: int, quiet: bool) -> None:
        self.call(lambda: self.bench.line.die(more))
        self.settle(quiet)

    @precondition(lambda self: self.bench.line is not None and not self.bench.line.connected)
    @rule()
    def detach(self) -> None:
        self.bench.bus.detach("peer", self.bench.line)

    @precondition(lambda self: self.bench.line is not None and self.bench.line.proofs)
    @rule(times=st.integers(1, 4))
    def prove(self, times: int) -> None:
        for _ in range(times):
            self.call(self.bench.line.prove)
            self.run(self.bench.quiet())

    @precondition(lambda self: self.bench.line is not None and self.bench.line.connected)
    @rule()
    def clog(self) -> None:
        self.bench.line.over_budget = True

    @precondition(lambda self: self.bench.line is not None and self.bench.line.over_budget)
    @rule()
    def drain(self) -> None:
        self.call(self.bench.line.drain)

    @precondition(lambda self: self.bench.line is not None and self.stuck is None and not self.bench.sender.paused)
    @rule()
    def stick(self) -> None:
        """The peer itself waits for somebody: nothing of what it says is heard."""
        self.stuck = self.bench.line
        self.stuck.pause_reading = self.stuck.resume_reading = lambda: None
        self.bench.backpressure.hold(self.stuck)

    @precondition(lambda self: self.stuck is not None)
    @rule()
    def unstick(self) -> None:
        if self.stuck is not None and self.bench.backpressure.holds(self.stuck):
            self.bench.backpressure.release(self.stuck)
        self.stuck = None

    @precondition(lambda self: self.bench.spool.fault is None)
    @rule(fault=st.sampled_from(["append", "torn append", "full", "sync", "cut", "read", "size", "drop"]))
    def break_disk(self, fault: str) -> None:
        self.bench.spool.fault = fault

    @precondition(lambda self: not self.bench.save_fails)
    @rule()
    def break_database(self) -> None:
        self.bench.save_fails = True

    @precondition(lambda self: not self.bench.spool.hanging)
    @rule()
    def hang_disk(self) -> None:
        self.bench.spool.hanging = True

    @precondition(lambda self: self.bench.spool.hanging)
    @rule()
    def let_one_pass(self) -> None:
        """One operation of a slow disk ends, the next one hangs."""
        self.bench.spool.passes = 1
        self.bench.spool.freed.set()
        self.run(self.bench.quiet())

    @precondition(lambda self: self.bench.spool.fault or self.bench.spool.hanging or self.bench.save_fails)
    @rule()
    def heal(self) -> None:
        self.call(self.bench.heal)

    @rule(kept=st.integers(0, 3000), back=st.booleans(), graceful=st.booleans())
    def restart(self, kept: int, back: bool, graceful: bool) -> None:
        self.unstick()
        self.run(self.bench.restart(kept=kept, back=back, graceful=graceful))

    @invariant()
    def no_more_than_the_window(self) -> None:
        assert self.bench.in_memory <= WINDOW + LARGEST + 100

    @invariant()
    def a_sender_waits_for_nobody_who_cannot_answer(self) -> None:
        bench = self.bench
        if self.stuck is not None and bench.line is self.stuck and self.stuck.connected:
            well = not (bench.spool.hanging or bench.spool.fault or bench.save_fails or self.stuck.over_budget)
            if well:
                self.run(bench.quiet())
                assert bench.sender.paused == 0

    def teardown(self) -> None:
        try:
            self.unstick()
            self.run(self.bench.finish())
        finally:
            self.run(self.bench.close())
            self.loop.close()
            self.folder.cleanup()
            self.logs.__exit__(None, None, None)
            self.patch.undo()


TestRelayMoves = pytest.mark.timeout(90)(RelayMoves.TestCase)
TestRelayMoves.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


# The same promises, one by one, as they once were broken or easily could be.


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    small_window(monkeypatch)
    made = Bench(tmp_path)
    with structlog.testing.capture_logs():
        yield made
    await made.finish()
    await made.close()


@pytest.fixture
async def live(bench: Bench):
    bench.attach()
    await bench.quiet()
    return bench


anyio = pytest.mark.anyio


@anyio
async def test_a_line_that_died_but_is_still_listed_does_not_stop_the_loop(live: Bench):
    answer = live.send()
    live.line.die(0)
    queued = live.send()
    await live.quiet()  # the worker once span here for ever, and the whole server with it
    assert (answer.word, queued.word) == ("queued", "queued")  # the first went down the line, and was not proved


@anyio
async def test_what_a_dead_line_did_not_prove_goes_before_what_came_later(live: Bench):
    for _ in range(3):
        live.send()
    live.line.prove()
    live.line.die(0)
    live.send()
    await live.quiet()
    line = live.attach()
    await live.quiet()
    assert [index for index, _ in line.sent] == [1, 2, 3]


@anyio
async def test_what_nobody_can_be_told_of_is_kept_beyond_the_quota(live: Bench):
    live.each = live.quota.each = 300
    for _ in range(5):
        live.send(200, asked=False)
    live.line.die(0)
    late = live.send(200)
    await live.quiet()
    assert late.word == "refused"  # and `finish` sees that the five arrive


@anyio
async def test_what_nobody_can_be_told_of_outlives_a_failing_disk(live: Bench):
    live.spool.fault = "sync"
    live.send(asked=False)
    live.line.die(0)
    second = live.send()
    await live.quiet()
    assert second.word == "refused"  # and `finish` sees that the first arrives


@anyio
async def test_a_chunk_is_delivered_when_its_arrival_is_proved_and_not_when_a_socket_took_it(live: Bench):
    answer = live.send()
    await live.quiet()
    assert live.line.taken == 1
    assert answer.word is None
    live.line.prove()
    assert answer.word == "delivered"


@anyio
@pytest.mark.parametrize("fault", ["append", "torn append", "full", "sync"])
async def test_a_chunk_that_could_not_be_stored_is_refused_and_the_next_may_be_stored(bench: Bench, fault: str):
    bench.spool.fault = fault
    refused = bench.send()
    await bench.quiet()
    bench.heal()
    queued = bench.send()
    await bench.quiet()
    assert (refused.word, queued.word) == ("refused", "queued")
    await bench.restart()
    line = bench.attach()
    await bench.quiet()
    assert [index for index, _ in line.sent] == [1]


@anyio
async def test_nothing_is_acknowledged_as_queued_before_it_is_durable(bench: Bench):
    bench.spool.hanging, bench.spool.passes = True, 2  # the look and the append, not the sync
    answer = bench.send()
    await bench.quiet()
    assert bench.spool.path.stat().st_size > 100
    assert answer.word is None
    bench.heal()
    await bench.quiet()
    assert answer.word == "queued"


@anyio
async def test_an_old_position_never_skips_the_chunks_of_a_new_row(bench: Bench):
    bench.send(500)
    await bench.quiet()
    bench.attach()
    await bench.quiet()
    bench.line.prove()
    await bench.quiet()
    bench.line.die(0)
    assert not bench.spool.path.exists()
    await bench.restart()
    queued = [bench.send(50) for _ in range(8)]
    await bench.quiet()
    assert {answer.word for answer in queued} == {"queued"}
    await bench.restart()
    line = bench.attach()
    await bench.quiet()
    assert [index for index, _ in line.sent] == list(range(1, 9))


@anyio
async def test_a_restart_goes_on_behind_what_was_confirmed(bench: Bench):
    for _ in range(6):
        bench.send(600)
    await bench.quiet()
    line = bench.attach()
    await bench.quiet()
    line.prove()
    await bench.quiet()
    confirmed = bench.peer.received[-1]
    assert 0 < confirmed < 5
    await bench.restart()
    line = bench.attach()
    await bench.quiet()
    assert line.sent[0][0] == confirmed + 1


@anyio
async def test_a_stop_makes_durable_what_the_devices_had_no_time_to_confirm(live: Bench):
    for _ in range(3):
        live.send()
    await live.restart(graceful=True)
    line = live.attach()
    await live.quiet()
    assert [index for index, _ in line.sent] == [0, 1, 2]


@anyio
async def test_the_sender_waits_for_a_proof_past_the_window_and_goes_on_after_it(live: Bench):
    while not live.sender.paused:
        live.send(LARGEST)
    assert live.in_memory <= WINDOW + LARGEST + 100
    live.line.prove()
    live.line.prove()
    assert live.sender.paused == 0


@anyio
async def test_the_sender_waits_for_a_connection_that_takes_nothing(live: Bench):
    live.line.over_budget = True
    answer = live.send()
    assert live.sender.paused == 1
    assert answer.word is None
    live.line.drain()
    live.line.prove()
    assert live.sender.paused == 0
    assert answer.word == "delivered"


@anyio
async def test_nobody_waits_for_the_proof_of_one_who_waits_himself(live: Bench):
    line: Any = live.line
    line.pause_reading = line.resume_reading = lambda: None
    live.backpressure.hold(line)
    answers = []
    for _ in range(4):
        while not live.sender.paused and len(answers) < 40:
            answers.append(live.send(LARGEST))
        await live.quiet()
        assert live.sender.paused == 0
    assert answers[-1].word == "refused"  # the quota, not the window, is the bound now
    assert [index for index, _ in line.sent] == sorted({index for index, _ in line.sent})
    live.backpressure.release(line)
    while line.prove():
        await live.quiet()
    assert live.queue.idle


@anyio
async def test_a_late_proof_of_an_earlier_time_proves_nothing(live: Bench):
    old = live.line
    live.send()
    proofs, old.proofs = old.proofs, []
    live.attach()
    await live.quiet()
    live.send()
    await live.quiet()
    for _, done in proofs:
        done(True)
    assert live.queue._unproved
    live.line.die(0)


@anyio
async def test_a_damaged_row_gives_what_stands_before_the_damage(bench: Bench):
    for _ in range(3):
        bench.send(100)
    await bench.quiet()
    data = bytearray(bench.spool.path.read_bytes())
    data[-1] ^= 1
    bench.spool.path.write_bytes(data)
    line = bench.attach()
    await bench.quiet()
    assert [index for index, _ in line.sent] == [0, 1]
    del bench.chunks[2]


@anyio
async def test_a_row_that_somebody_took_away_does_not_stop_what_comes_after(bench: Bench):
    bench.send()
    await bench.quiet()
    bench.spool.path.unlink()
    line = bench.attach()
    await bench.quiet()
    bench.send()
    await bench.quiet()
    assert [index for index, _ in line.sent] == [1]
    del bench.chunks[0]


@anyio
async def test_a_record_that_a_crash_cut_short_is_cut_off_and_its_space_given_back(bench: Bench):
    bench.send()
    await bench.quiet()
    whole = bench.spool.path.stat().st_size
    with bench.spool.path.open("ab") as file:
        file.write(pack(b'["relay_chunk",{}]')[:-3])
    bench.spool.durable = bench.spool.path.stat().st_size
    await bench.restart()
    assert bench.send() is not None
    await bench.quiet()
    assert bench.quota.used == bench.spool.path.stat().st_size > whole


@anyio
async def test_after_a_failure_it_is_tried_again_without_being_asked(live: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subject, "_RETRY_S", 0.01)
    live.spool.fault = "append"
    live.send(asked=False)
    live.line.die(0)
    await live.quiet()
    live._mend()
    async with asyncio.timeout(20):
        while not live.spool.durable:
            await asyncio.sleep(0)
    assert live.in_memory == 0


def test_the_quota_counts_each_row_once():
    quota = Quota(100, 100)
    quota.note("a", 10)
    quota.note("b", 5)
    quota.note("a", 20)
    assert (quota.used, quota.held("a"), quota.held("c")) == (25, 20, 0)
    quota.note("a", 0)
    quota.note("b", 0)
    assert quota.used == 0
    assert not quota._held


# And on the wire


async def open_socket(server: Any, peer_id: str) -> Wire:
    """A registered socket that answers pings only when it is told to read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.app.reach.port, limit=1 << 24)
    wire = Wire(reader, writer)
    head = (
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    writer.write(head.encode())
    assert (await read_answer(reader)).status == 101
    await wire.text()
    await wire.send("40", "420" + json.dumps(["register_socket", {"peer_id": peer_id}]))
    await heard(wire, "430")
    return wire


async def heard(wire: Wire, start: str) -> str:
    """The next packet that starts so; pings on the way are answered."""
    while True:
        text = await wire.text()
        if text == "2":
            await wire.send("3")
        elif text.startswith(start):
            return text


@anyio
async def test_two_devices_that_flood_each_other_both_get_everything(tmp_path: Path):
    count, size = 120, 60_000
    async with running(tmp_path) as server:
        peers = [await server.connect("ann"), await server.connect("bob")]
        wires = [await open_socket(server, peer) for peer in peers]
        await wires[0].send("421" + json.dumps(["relay_request", {"target_peer_id": peers[1]}]))
        session = json.loads((await heard(wires[0], "431"))[3:])[0]["session_id"]

        async def receive(wire: Wire) -> list[int]:
            return [json.loads((await heard(wire, '42["relay_chunk"'))[2:])[1]["index"] for _ in range(count)]

        receiving = [asyncio.create_task(receive(wire)) for wire in wires]
        for index in range(count):
            chunk = {"session_id": session, "chunk": "x" * size, "index": index, "total": count}
            for wire in wires:  # all at once: the answer to a ping has to wait behind seven megabytes
                wire.frame(1, ("42" + json.dumps(["relay_chunk", chunk])).encode())
        async with asyncio.timeout(20):
            assert await asyncio.gather(*receiving) == [list(range(count))] * 2
        for wire in wires:
            wire.cut()


@anyio
async def test_a_receiver_whose_connection_breaks_amid_a_flood_gets_the_rest_when_it_is_back(tmp_path: Path):
    async with running(tmp_path) as server:
        ann, bob = await server.connect("ann"), await server.connect("bob")
        sender, receiver = await open_socket(server, ann), await open_socket(server, bob)
        await sender.send("421" + json.dumps(["relay_request", {"target_peer_id": bob}]))
        session = json.loads((await heard(sender, "431"))[3:])[0]["session_id"]
        got: list[int] = []
        for index in range(60):
            chunk = {"session_id": session, "chunk": "x" * 100, "index": index, "total": 60}
            sender.frame(1, ("42" + json.dumps(["relay_chunk", chunk])).encode())
            if index in (20, 40):
                got.append(json.loads((await heard(receiver, '42["relay_chunk"'))[2:])[1]["index"])
                receiver.cut()
                receiver = await open_socket(server, bob)
        while 59 not in got:
            got.append(json.loads((await heard(receiver, '42["relay_chunk"'))[2:])[1]["index"])
        assert list(dict.fromkeys(got)) == list(range(60))
        sender.cut()
        receiver.cut()
