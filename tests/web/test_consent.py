"""People who think, where one end is a page: what crosses the network meanwhile is counted.

By the relay of a real server. Node stands for the page.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from burrowspace.client import events
from burrowspace.client.client import Client
from burrowspace.client.options import Options
from burrowspace.core.codes import parse_code
from burrowspace.core.errors import BadCode
from tests.app import Running, running
from tests.e2e.transfer.counting import Counting, counting
from tests.web.test_interop import MiB, content, digest, page

pytestmark = pytest.mark.anyio

SIZE = 20 * MiB
WINDOW = 9 * MiB  # the manifest and one window, with what surrounds them


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "data") as house:
        yield house


@dataclasses.dataclass
class Through:
    """A server as the page reaches it."""

    url: str


async def link_of(told: asyncio.Queue[events.Event]) -> str:
    while True:
        if isinstance(event := await told.get(), events.Ready):
            return event.link


@pytest.mark.parametrize("seconds", [0, 4, 12])
async def test_a_person_who_thinks_in_front_of_a_page_costs_nothing(
    house: Running, tmp_path: Path, seconds: float
) -> None:
    port = int(house.url.rpartition(":")[2])
    film = content(tmp_path / "sent", "film.bin", SIZE)
    (tmp_path / "got").mkdir()
    async with counting(port) as up, counting(port) as down, Client(up.url, state=tmp_path / "ann") as client:
        sending, told = client.send([film], with_code=False), asyncio.Queue[events.Event]()

        async def listen() -> None:
            async for event in sending:
                told.put_nowait(event)

        listening = asyncio.create_task(listen())
        link = (await link_of(told)).replace(up.url, down.url)
        async with page("receive", Through(down.url), {"thinks": seconds}, link, tmp_path / "got") as bob:  # type: ignore[arg-type]
            await bob.event("offered")
            if seconds:
                await asyncio.sleep(seconds - 1)
                assert up.up < WINDOW, "more than one window went to the server before the yes"
                assert down.down < MiB, "more than the manifest came before the yes"
            finished = await bob.event("finished")
        sent = await asyncio.wait_for(sending, 20)
        await listening
    assert digest(tmp_path / "got" / "film.bin") == digest(film)
    assert up.up < SIZE * 1.02 + WINDOW
    assert down.down < SIZE * 1.02 + WINDOW
    assert sum(finished["network"].values()) < SIZE * 1.02
    assert sent.sealed < SIZE // 262_144 * 1.02 + 2  # the manifest's block, and the one that ends it
    deciding = [e for e in list(told._queue) if isinstance(e, events.Waiting) and e.why == "a page is deciding"]  # type: ignore[attr-defined]
    assert len(deciding) >= seconds // 5


@pytest.mark.parametrize("seconds", [0, 12])
async def test_a_person_who_thinks_in_front_of_a_terminal_costs_a_page_nothing(
    house: Running, tmp_path: Path, seconds: float
) -> None:
    port = int(house.url.rpartition(":")[2])
    film = content(tmp_path / "sent", "film.bin", SIZE)
    (tmp_path / "got").mkdir()
    async with contextlib.AsyncExitStack() as stack:
        up, down = [await stack.enter_async_context(counting(port)) for _ in range(2)]
        client = await stack.enter_async_context(Client(down.url, state=tmp_path / "bob"))
        ann = await stack.enter_async_context(page("send", Through(up.url), {}, film))  # type: ignore[arg-type]
        link = (await ann.event("ready"))["link"].replace(up.url, down.url)
        asked = asyncio.Event()

        async def thinks(*_: object) -> bool:
            asked.set()
            await asyncio.sleep(seconds)
            return True

        receiving = client.receive(link, tmp_path / "got", accept=thinks, options=Options(relay_only=True))
        await asyncio.wait_for(asked.wait(), 20)
        if seconds:
            await asyncio.sleep(seconds - 1)
            check(up, down)
            assert any(e["event"] == "waiting" and e["why"] == "the receiver is deciding" for e in ann.events)
        got = await asyncio.wait_for(receiving, 40)
        finished = await ann.event("finished")
    assert digest(tmp_path / "got" / "film.bin") == digest(film)
    assert got.verified
    assert up.up < SIZE * 1.02 + WINDOW
    assert down.down < SIZE * 1.02 + WINDOW
    assert finished["sealed"] < SIZE // 262_144 * 1.02 + 2


def check(up: Counting, down: Counting) -> None:
    assert up.up < WINDOW, "more than one window went to the server before the yes"
    assert down.down < WINDOW, "more than one window came before the yes"


async def test_a_page_with_many_receivers_names_who_says_no_and_goes_on(house: Running, tmp_path: Path) -> None:
    film = content(tmp_path / "sent", "film.bin", MiB)
    for who in ("bob", "carl"):
        (tmp_path / who).mkdir()
    async with page("send", house, {"receivers": 2, "store": False}, film) as ann:
        link = (await ann.event("ready"))["link"]
        async with page("receive", house, {"decline": True, "name": "carl"}, link, tmp_path / "carl") as carl:
            assert (await carl.error())["code"] == "cancelled"
        declined = await ann.event("declined")
        assert (declined["peer"], declined["why"]) == ("carl", "carl declined it")
        for who in ("bob", "carl"):
            async with page("receive", house, {"name": who}, link, tmp_path / who) as taker:
                await taker.event("finished")
        assert (await ann.event("finished"))["verified"]


async def test_who_dies_at_the_prompt_costs_a_page_its_code_and_it_offers_another(
    house: Running, tmp_path: Path
) -> None:
    film = content(tmp_path / "sent", "film.bin", MiB)
    (tmp_path / "got").mkdir()
    asked = asyncio.Event()

    async def thinks(*_: object) -> bool:
        asked.set()
        await asyncio.Event().wait()
        return True

    async with page("send", house, {"withCode": True}, film) as ann, Client(house.url, state=tmp_path / "bob") as bob:
        code = (await ann.event("ready"))["code"]
        receiving = bob.receive(code, tmp_path / "got", accept=thinks, options=Options(name="bob"))
        await asyncio.wait_for(asked.wait(), 20)
        used = await ann.event("new-code")
        assert (used["code"], used["asks"]) == (None, False)
        async with Client(house.url, state=tmp_path / "dora") as dora:
            with pytest.raises(BadCode, match="a page is still there, but this code was used already"):
                await dora.receive(code, tmp_path / "got")
        await receiving.close()
        renewed = await ann.event("new-code", after=1)
        assert renewed["why"] == "the receiver left without taking it, and their code is used up"
        async with Client(house.url, state=tmp_path / "carl") as carl:
            await carl.receive(renewed["code"], tmp_path / "got")
        assert (await ann.event("finished"))["verified"]
        assert [e["event"] for e in ann.events].count("new-code") == 3
        assert not await bob.server().knows(parse_code(renewed["code"]).nameplate)
    assert digest(tmp_path / "got" / "film.bin") == digest(film)
