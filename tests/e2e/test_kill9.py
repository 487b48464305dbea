"""SIGKILL amid everything: whatever the server had acknowledged is there when it is started again.

Clerks call the HTTP API, a device streams to one that is there and to one that is away; each acknowledgement is
entered in a ledger. The server is killed, at moments that a seed draws, and the ledger is held against its successor.
"""

import asyncio
import base64
import contextlib
import random
import sqlite3
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.device import Device, devices
from tests.e2e.files import make
from tests.e2e.raw import raw
from tests.e2e.served import Api, KiB, MiB, Served, calling, served

pytestmark = pytest.mark.anyio

CLERKS = 4
TOLD = ("transfer_request", "transfer_approved", "transfer_completed", "transfer_cancelled")
DEAD = (aiohttp.ClientError, ConnectionError, asyncio.TimeoutError)


def synthetic(session: str, index: int) -> str:
    """What a stream's chunk holds; the same as in js/device.mjs."""
    return f"{session}:{index}:" + "x" * (index * 7919 % 8000)


@dataclass
class Deal:
    """A transfer as its clerk knows it: what was acknowledged, and what may have happened without its knowledge."""

    transfer_id: str
    sender: str
    receiver: str
    state: str = "ready"
    progress: float = 0.0
    file: bytes | None = None
    maybe: set[str] = field(default_factory=set)
    maybe_file: bytes | None = None


@dataclass
class Ledger:
    """Everything acknowledged."""

    peers: list[str] = field(default_factory=list)
    asked: dict[str, tuple[str, str]] = field(default_factory=dict)  # requests that wait: sender, receiver
    answered: set[str] = field(default_factory=set)  # requests for whose approval no answer came
    deals: list[Deal] = field(default_factory=list)
    due: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))  # events, by user
    count: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def enter(self) -> None:
        self.count += 1
        self._news.set()

    async def reaches(self, count: int) -> None:
        while self.count < count:
            self._news.clear()
            await self._news.wait()


class Clerk:
    """Makes requests, answers them, reports, uploads and cancels, one thing after another until the server dies."""

    def __init__(self, api: Api, ledger: Ledger, draw: random.Random, name: str) -> None:
        self.api, self.ledger, self.draw, self.name = api, ledger, draw, name
        self.mine: list[Deal] = []
        self.wait: list[str] = []
        self.made = 0

    async def work(self, users: list[str]) -> None:
        with contextlib.suppress(*DEAD):
            while True:
                await self.draw.choices(
                    [self.connect, self.ask, self.approve, self.report, self.upload, self.cancel], [2, 3, 3, 6, 3, 1]
                )[0](users)
                self.ledger.enter()

    async def post(self, path: str, body: Any = None) -> Any:
        more = {} if body is None else {"json": body}
        async with self.api.http.post(self.api.server.url + path, **more) as answer:
            told = await answer.json()
            assert answer.status == 200, (path, answer.status, told)
            return told

    async def connect(self, _: list[str]) -> None:
        self.made += 1
        self.ledger.peers.append((await self.post("/connect", {"user_id": f"{self.name}.{self.made}"}))["peer_id"])

    async def ask(self, users: list[str]) -> None:
        sender, receiver = self.draw.sample(users, 2)
        body = {"sender_id": sender, "receiver_id": receiver, "filename": f"{self.name}.{self.made}"}
        request = (await self.post("/request-transfer", body))["request_id"]
        self.ledger.asked[request] = sender, receiver
        self.ledger.due[receiver].add(("transfer_request", request))
        self.wait.append(request)

    async def approve(self, users: list[str]) -> None:
        if not self.wait:
            return await self.ask(users)
        request = self.wait.pop(0)
        self.ledger.answered.add(request)
        transfer = (await self.post(f"/approve-transfer/{request}"))["transfer_id"]
        sender, receiver = self.ledger.asked.pop(request)
        self.ledger.due[receiver].discard(("transfer_request", request))  # nobody needs to hear of it any more
        self.ledger.due[sender].add(("transfer_approved", transfer))
        self.mine.append(Deal(transfer, sender, receiver))
        self.ledger.deals.append(self.mine[-1])
        return None

    def pick(self, *states: str) -> Deal | None:
        fit = [deal for deal in self.mine if deal.state in states and not deal.maybe]
        return self.draw.choice(fit) if fit else None

    async def report(self, users: list[str]) -> None:
        if (deal := self.pick("ready", "transferring")) is None or deal.file is not None:
            return await self.approve(users)
        progress = min(100.0, deal.progress + self.draw.uniform(0, 40))
        state = "completed" if progress == 100 else "transferring"
        deal.maybe = {state}
        await self.post(f"/update-transfer-status/{deal.transfer_id}", {"status": state, "progress": progress})
        deal.maybe, deal.state, deal.progress = set(), state, progress
        if state == "completed":
            self.completed(deal)
        return None

    async def upload(self, users: list[str]) -> None:
        if (deal := self.pick("ready")) is None:
            return await self.approve(users)
        data = self.draw.randbytes(self.draw.choice([0, 1, 5_000, 70_000, 400_000]))
        deal.maybe, deal.maybe_file = {"transferring", "completed"}, data
        form = aiohttp.FormData()
        form.add_field("file", data, filename="up.bin")
        async with self.api.http.post(f"{self.api.server.url}/upload/{deal.transfer_id}", data=form) as answer:
            assert (await answer.json())["status"] == "completed"
        deal.maybe, deal.maybe_file = set(), None
        deal.state, deal.progress, deal.file = "completed", 100.0, data
        self.completed(deal)
        return None

    async def cancel(self, users: list[str]) -> None:
        if (deal := self.pick("ready", "transferring", "completed")) is None:
            return await self.ask(users)
        deal.maybe = {"cancelled"}
        await self.post(f"/cancel-transfer/{deal.transfer_id}")
        deal.maybe, deal.state, deal.file = set(), "cancelled", None
        for user in (deal.sender, deal.receiver):
            self.ledger.due[user].add(("transfer_cancelled", deal.transfer_id))
        return None

    def completed(self, deal: Deal) -> None:
        for user in (deal.sender, deal.receiver):
            self.ledger.due[user].add(("transfer_completed", deal.transfer_id))


class Chaos:
    """The server, its load, and the ledger."""

    def __init__(self, server: Served, api: Api, ann: Device, bob: Device, seed: int) -> None:
        self.server, self.api, self.ann, self.bob = server, api, ann, bob
        self.draw = random.Random(seed)
        self.ledger = Ledger()
        self.clerks = [Clerk(api, self.ledger, random.Random(seed * 100 + n), f"clerk{n}") for n in range(CLERKS)]
        self.queued: dict[str, tuple[str, str]] = {}  # sessions whose receiver is away: its user and peer
        self.restarts: list[float] = []
        self._acked: dict[str, list[int]] = defaultdict(list)
        self._read = 0

    async def begin(self) -> None:
        await asyncio.gather(self.ann.arrive(), self.bob.arrive())
        await self.bob.do("check_stream")
        self.live = (await self.ann.ask("relay_request", {"target_peer_id": self.bob.peer}))["session_id"]
        self.streaming = self.ann.begin("stream", session=self.live, window=6)

    def acked(self, session: str) -> list[int]:
        """The chunks of the session that were acknowledged so far, in the order of their answers."""
        told = self.ann.said("$acked")
        for each in told[self._read :]:
            assert each["status"] in ("success", "queued"), each
            self._acked[each["session"]].append(each["index"])
        self._read = len(told)
        return self._acked[session]

    async def round(self, number: int) -> None:
        """Load, SIGKILL, start, check."""
        away = await self.api.connect(f"away{number}")
        self.ledger.peers.append(away)
        signal = {"target_peer_id": away, "sender_peer_id": self.ann.peer, "signal": "?"}
        session = (await self.ann.ask("peer_signal", signal))["session_id"]
        self.queued[session] = f"away{number}", away
        queue = self.ann.begin("stream", session=session, window=3)
        work = [asyncio.create_task(clerk.work(["ann", "bob", f"away{number}"])) for clerk in self.clerks]
        streamed = len(self.acked(self.live))
        try:
            async with asyncio.timeout(60):
                await self.ledger.reaches(self.ledger.count + self.draw.randint(10, 150))
                enough = self.draw.randint(1, 30)
                await self.ann.until(lambda: len(self.acked(session)) >= enough)
                await self.ann.until(lambda: len(self.acked(self.live)) >= streamed + enough)
                await asyncio.sleep(self.draw.uniform(0, 0.1))  # not only right behind an answer
            await self.server.kill()
        finally:
            for task in work:
                if self.server.running:
                    task.cancel()
            await asyncio.gather(*work)
        await self.ann.do("stop_stream", session=session)
        await queue
        at = time.perf_counter()
        await self.server.start()
        self.restarts.append(time.perf_counter() - at)
        for device in (self.ann, self.bob):
            await device.hears("$registered", number + 2, seconds=30)
        await self.check(self.ledger.peers[-30:], self.ledger.deals[-60:])
        if number % 2:
            await self.deliver(session)

    async def check(self, peers: list[str], deals: list[Deal]) -> None:
        for peer in peers:
            assert await self.api.post(f"/heartbeat/{peer}") == {"status": "ok"}
        for deal in deals:
            await self.check_deal(deal)
        for request in [*self.ledger.asked]:
            if request in self.ledger.answered:  # approved, but nobody heard of it: approving again gives the same
                sender, receiver = self.ledger.asked.pop(request)
                made = (await self.api.post(f"/approve-transfer/{request}"))["transfer_id"]
                self.ledger.due[receiver].discard(("transfer_request", request))
                self.ledger.due[sender].add(("transfer_approved", made))
                self.ledger.deals.append(Deal(made, sender, receiver))

    async def check_deal(self, deal: Deal) -> None:
        held = await self.api.get(f"/transfer-status/{deal.transfer_id}")
        assert held["status"] in {deal.state} | deal.maybe, (held, deal)
        assert held["progress"] >= deal.progress, (held, deal)
        async with self.api.http.get(f"{self.server.url}/download/{deal.transfer_id}") as answer:
            data = await answer.read()
            if held["status"] == "completed" and deal.state == "completed":
                stored = deal.file
            elif held["status"] == "completed" and deal.maybe_file is not None:
                stored = deal.maybe_file
            else:
                stored = None
            if held["status"] == "cancelled":
                assert answer.status == 404
            elif stored is None:
                assert answer.status == 400, (answer.status, held, deal)
            else:
                assert answer.status == 200, (answer.status, held, deal)
                assert data == stored
        deal.file = stored
        deal.state, deal.progress = held["status"], held["progress"]
        deal.maybe, deal.maybe_file = set(), None

    async def deliver(self, session: str) -> None:
        """The one that was away comes: it hears all it is due, and the chunks in order."""
        user, peer = self.queued.pop(session)
        heard: set[tuple[str, str]] = set()
        got: list[int] = []
        due, acked = self.ledger.due.pop(user, set()), set(self.acked(session))
        rests = self.server.data / "spool" / session[:2] / f"{session}-target"
        async with raw(self.server, user, peer) as late, asyncio.timeout(30):
            async for name, data, _ in late.events():
                if name == "relay_chunk":
                    assert data["chunk"] == synthetic(session, data["index"])
                    if data["index"] not in got:
                        got.append(data["index"])
                else:
                    heard.add((name, subject(name, data)))
                if acked <= set(got) and due <= heard:
                    break
            reading = asyncio.create_task(late.read_on())  # to answer the ping that proves it
            while rests.exists():
                await asyncio.sleep(0.01)
            reading.cancel()
        assert got == list(range(len(got)))

    async def end(self) -> None:
        await self.check(self.ledger.peers, self.ledger.deals)
        for session in list(self.queued):
            await self.deliver(session)
        await self.ann.do("stop_stream", session=self.live)
        await self.streaming
        acked = set(self.acked(self.live))

        told = self.bob.said("$chunk")
        await self.bob.until(lambda: told[-1]["index"] >= max(acked), 30)
        assert all(each["right"] for each in told)
        first = list(dict.fromkeys(each["index"] for each in told))
        assert first == list(range(len(first)))
        assert acked <= set(first)
        for device in (self.ann, self.bob):
            due = self.ledger.due[device.user]
            await device.until(lambda d=device, due=due: due <= subjects(d), 30)
        assert await self.server.stop() == 0
        files = {deal.transfer_id for deal in self.ledger.deals if deal.file is not None}
        held = {path.name for path in (self.server.data / "spool").glob("??/*")}
        assert held - {f"{self.live}-target"} == files  # the last chunks may rest: bob's proof was cut off by the stop
        with contextlib.closing(sqlite3.connect(self.server.data / "burrowspace.db")) as rows:
            assert rows.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def subject(event: str, data: Any) -> str:
    return str(data["request_id" if event == "transfer_request" else "transfer_id"]) if "transfer" in event else ""


def subjects(device: Device) -> set[tuple[str, str]]:
    return {(event, subject(event, data)) for event in TOLD for data in device.said(event)}


@contextlib.asynccontextmanager
async def chaos(data: Path, seed: int) -> AsyncIterator[Chaos]:
    async with served(data) as server, calling(server) as api, devices(server, "ann", "bob") as (ann, bob):
        made = Chaos(server, api, ann, bob, seed)
        await made.begin()
        yield made


@pytest.mark.parametrize(
    ("rounds", "seed"),
    [
        pytest.param(3, 1, id="3-rounds"),
        pytest.param(50, 2, id="50-rounds", marks=[pytest.mark.proof, pytest.mark.timeout(1800)]),
    ],
)
async def test_what_was_acknowledged_survives_sigkill(tmp_path: Path, rounds: int, seed: int):
    async with chaos(tmp_path / "data", seed) as chaotic:
        for number in range(rounds):
            await chaotic.round(number)
        await chaotic.end()
        ledger = chaotic.ledger
        files = sum(deal.file is not None for deal in ledger.deals)
        print(
            f"\n{rounds} rounds: {ledger.count} calls, {len(ledger.peers)} peers, {len(ledger.deals)} transfers, "
            f"{files} files, {len(chaotic.ann.said('$acked'))} chunks acknowledged; "
            f"up again after {max(chaotic.restarts):.2f} s at most"
        )


async def test_success_means_that_the_receivers_program_has_it(tmp_path: Path):
    """The receiver's connection took the chunks, its program did not, and then the server dies: no ack was a lie."""
    size, chunk = 1 * MiB, 64 * KiB
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(served(tmp_path / "data"))
        ann, eve = await stack.enter_async_context(devices(server, "ann", "eve"))
        await asyncio.gather(ann.arrive(), eve.arrive())
        source = make(tmp_path / "source", size)
        async with raw(server, "bob") as bob:
            session = (await ann.ask("relay_request", {"target_peer_id": bob.peer}))["session_id"]
            sending = ann.begin(
                "send_chunks", session=session, path=str(source), chunk=chunk, window=8, tell=True, **{"as": "base64"}
            )
            # what the server answers now, it answers behind all that these chunks set in motion; bob reads nothing
            for _ in range(20):
                signal = {"target_peer_id": eve.peer, "sender_peer_id": ann.peer, "signal": 0}
                assert (await ann.ask("peer_signal", signal))["status"] == "success"
            await server.kill()
        await server.start()
        await ann.hears("$registered", 2)
        assert set(await sending) <= {"success", "queued"}
        last = {"session_id": session, "chunk": "", "index": size // chunk, "total": size // chunk + 1}
        assert (await ann.ask("relay_chunk", last))["status"] == "queued"
        got: dict[int, bytes] = {}
        async with raw(server, "bob", bob.peer) as bob, asyncio.timeout(30):
            async for name, data, _ in bob.events():
                if name == "relay_chunk":
                    got[data["index"]] = base64.b64decode(data["chunk"])
                if last["index"] in got:
                    break
        assert b"".join(got[index] for index in sorted(got)) == source.read_bytes()
