"""People who think before they say yes, who say no, and who leave: what crosses the network meanwhile is counted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from burrowspace import Client, Options
from burrowspace.client import events
from burrowspace.client.errors import Cancelled
from burrowspace.client.session.transfer import Transfer
from burrowspace.core.manifest import Manifest
from tests.e2e.files import digest, make
from tests.e2e.served import served
from tests.e2e.transfer.counting import Counting, counting

pytestmark = pytest.mark.anyio

MB = 1_000_000
SIZE = 40 * MB
WINDOW = 34 * 262_144  # the manifest and one window, with what surrounds them


@dataclass
class Answer:
    """A person in front of the question: `asked` when they see it, they think until `says` is called."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    _said: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def __call__(self, manifest: Manifest, sender: str) -> bool:
        self.asked.set()
        return await self._said

    def says(self, yes: bool) -> None:
        self._said.set_result(yes)

    async def after(self, seconds: float, *, yes: bool = True) -> None:
        """Thinks for so long after the question came."""
        await asyncio.wait_for(self.asked.wait(), 20)
        await asyncio.sleep(seconds)
        self.says(yes)


class Told:
    """A transfer that runs, and all that it told."""

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self.events: list[events.Event] = []
        self._news = asyncio.Condition()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        with contextlib.suppress(Exception):
            async for event in self.transfer:
                async with self._news:
                    self.events.append(event)
                    self._news.notify_all()
        async with self._news:
            self._news.notify_all()

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, fits, seconds: float = 30):
        """The first event that fits."""
        async with asyncio.timeout(seconds), self._news:
            while not (found := [event for event in self.events if fits(event)]):
                assert not self._task.done(), self.events
                await self._news.wait()
            return found[0]


class Two:
    """Ann sends, Bob receives; each reaches the server through a proxy of their own that counts."""

    def __init__(self, home: Path, port: int, ann: Counting, bob: Counting) -> None:
        self.home, self.port, self.ann, self.bob = home, port, ann, bob
        self.file = make(home / "film.bin", SIZE)
        self._clients: list[Client] = []

    def client(self, who: str, url: str | None = None) -> Client:
        client = Client(url, state=self.home / f"{who}-state")
        self._clients.append(client)
        return client

    async def send(self, **options) -> tuple[Told, str]:
        sending = Told(self.client("ann", self.ann.url).send([self.file], with_code=False, options=Options(**options)))
        ready = await sending.until(lambda event: isinstance(event, events.Ready))
        return sending, ready.link

    def receive(self, link: str, accept, who: str = "bob", **options) -> Told:
        link = link.replace(self.ann.url, self.bob.url)
        into = self.home / who
        into.mkdir(exist_ok=True)
        return Told(self.client(who).receive(link, into, accept=accept, options=Options(name=who, **options)))

    def same(self, who: str = "bob") -> None:
        assert digest(self.home / who / "film.bin") == digest(self.file)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    async with served(tmp_path / "data") as server, counting(server.port) as ann, counting(server.port) as bob:
        two = Two(tmp_path, server.port, ann, bob)
        try:
            yield two
        finally:
            await two.close()


def sealed(sending: events.Finished) -> int:
    return sum(sending.shares.values())


@pytest.mark.parametrize("seconds", [0, 4, 12])
async def test_a_person_who_thinks_costs_nothing_direct(two: Two, seconds: float) -> None:
    sending, link = await two.send()
    bob = Answer()
    receiving = two.receive(link, bob)
    await bob.after(seconds)
    got, sent = await asyncio.gather(receiving.transfer, sending.transfer)
    two.same()
    assert sealed(sent) < SIZE * 1.02
    assert set(got.shares) == set(sent.shares) == {"tcp"}, "the pause counted as a stall"
    assert two.ann.up < MB, "some of it went through the server"


@pytest.mark.parametrize("seconds", [0, 4, 12])
async def test_a_person_who_thinks_costs_nothing_by_relay(two: Two, seconds: float) -> None:
    sending, link = await two.send(relay_only=True)
    bob = Answer()
    receiving = two.receive(link, bob, relay_only=True)
    await asyncio.wait_for(bob.asked.wait(), 20)
    await asyncio.sleep(seconds)
    assert two.bob.down < WINDOW, "more than one window came before the person said yes"
    assert two.ann.up < WINDOW, "more than one window went to the server before the person said yes"
    bob.says(True)
    _, sent = await asyncio.gather(receiving.transfer, sending.transfer)
    two.same()
    assert two.bob.down < SIZE * 1.02 + WINDOW
    assert two.ann.up < SIZE * 1.02 + WINDOW
    assert sealed(sent) < SIZE * 1.02 + WINDOW


async def test_the_sender_sees_that_somebody_is_deciding_every_five_seconds(two: Two) -> None:
    sending, link = await two.send()
    bob = Answer()
    receiving = two.receive(link, bob)
    asked = asyncio.create_task(bob.after(12))
    await sending.until(lambda event: isinstance(event, events.Waiting) and event.why == "bob is deciding", 10)
    await asked
    await asyncio.gather(receiving.transfer, sending.transfer)
    assert len([event for event in sending.of(events.Waiting) if event.why == "bob is deciding"]) in (3, 4)
    assert {event.why for event in sending.of(events.Waiting)} == {"bob is deciding"}
    assert receiving.of(events.Waiting) == [], "who is asked needs no word that nothing moves"


@pytest.mark.parametrize("way", [{}, {"relay_only": True}], ids=["direct", "relay"])
async def test_a_no_ends_it_at_both_ends_and_nothing_is_left(two: Two, way: dict[str, bool]) -> None:
    sending, link = await two.send(**way)
    bob = Answer()
    receiving = two.receive(link, bob, **way)
    await bob.after(2, yes=False)
    with pytest.raises(Cancelled, match="you declined it"):
        await receiving.transfer
    with pytest.raises(Cancelled, match="bob declined it"):
        await asyncio.wait_for(sending.transfer, 5)
    assert two.bob.down < WINDOW
    assert two.ann.up < WINDOW
    assert list((two.home / "bob").iterdir()) == []
    assert two.client("bob").unfinished() == [], "what was declined waits to be gone on with"


@pytest.mark.parametrize("way", [{}, {"relay_only": True}], ids=["direct", "relay"])
async def test_with_many_receivers_a_no_is_named_and_the_others_go_on(two: Two, way: dict[str, bool]) -> None:
    sending, link = await two.send(receivers=2, **way)
    bob, carl, dora = Answer(), Answer(), Answer()
    runs = [two.receive(link, who, name, **way) for who, name in ((bob, "bob"), (carl, "carl"), (dora, "dora"))]
    await asyncio.gather(bob.after(0), carl.after(1, yes=False), dora.after(3))
    got, _, also = await asyncio.gather(*(run.transfer for run in runs), return_exceptions=True)
    assert isinstance(got, events.Finished)
    assert isinstance(also, events.Finished)
    sent = await asyncio.wait_for(sending.transfer, 10)
    assert sent.verified
    [declined] = sending.of(events.Declined)
    assert (declined.peer, declined.why) == ("carl", "carl declined it")
    assert not [task for task in asyncio.all_tasks() if "RemoteReceiver" in repr(task)]
    two.same("bob")
    two.same("dora")


@pytest.mark.parametrize("way", [{}, {"relay_only": True}], ids=["direct", "relay"])
async def test_who_leaves_while_deciding_and_comes_back_gets_it_once(two: Two, way: dict[str, bool]) -> None:
    sending, link = await two.send(store=False, **way)
    first = Answer()
    receiving = two.receive(link, first, **way)
    await asyncio.wait_for(first.asked.wait(), 20)
    await asyncio.sleep(2)
    await receiving.transfer.close()
    again = Answer()
    receiving = two.receive(link, again, **way)
    await again.after(3)
    _, sent = await asyncio.gather(receiving.transfer, sending.transfer)
    two.same()
    assert sum(sent.network.values()) < SIZE * 1.02 + 3 * WINDOW
    assert two.bob.down + two.ann.up < 2 * SIZE * 1.02 + 4 * WINDOW


async def test_a_small_file_that_came_while_somebody_decides_is_there_at_once(two: Two) -> None:
    make(two.file, MB)
    for number in range(5):
        sending, link = await two.send()
        bob = Answer()
        receiving = two.receive(link, bob, f"bob{number}")
        await bob.after(0.3)
        got, _ = await asyncio.gather(receiving.transfer, sending.transfer)
        assert sum(got.network.values()) < MB * 1.01
        two.same(f"bob{number}")


async def test_one_decides_while_another_takes_it_by_the_same_leg(two: Two) -> None:
    sending, link = await two.send(receivers=2, relay_only=True)
    bob, carl = Answer(), Answer()
    slow, quick = two.receive(link, bob, "bob", relay_only=True), two.receive(link, carl, "carl", relay_only=True)
    await asyncio.gather(bob.after(6), carl.after(0))
    await asyncio.gather(slow.transfer, quick.transfer, sending.transfer)
    two.same("bob")
    two.same("carl")
    assert two.bob.down < 2 * SIZE * 1.02 + 2 * WINDOW
    assert two.ann.up < 2 * SIZE * 1.02 + 2 * WINDOW
