"""Lists of all that is online cost little, however often they are asked for."""

import asyncio

import orjson
import pytest

from burrowspace.core.records import Peer
from burrowspace.server.api.directory import FRESH_S, MANY, Directory

pytestmark = pytest.mark.anyio


class Online:
    """So many peers, and how often somebody asked for them."""

    def __init__(self, count: int) -> None:
        self.count, self.asked, self.time = count, 0, 100.0

    async def online(self) -> list[Peer]:
        self.asked += 1
        names = (f"{number:032x}" for number in range(self.count))
        return [Peer(name, 'a"b', "", False, 0.0, 0.0, False, -1) for name in names]

    async def listed(self, directory: Directory) -> dict[str, object]:
        body = await directory.body(self.online, lambda peer: {"user_id": peer.user_id}, lambda: self.time)
        peers: dict[str, object] = orjson.loads(body)["peers"]
        assert len(peers) in (self.count, self.count - 1)
        return peers


async def test_a_long_list_is_made_once_for_everybody_who_asks_at_the_same_time() -> None:
    online, directory = Online(MANY + 1), Directory()
    await asyncio.gather(*(online.listed(directory) for _ in range(20)))
    assert online.asked == 1
    online.time += FRESH_S
    await online.listed(directory)
    assert online.asked == 2


async def test_a_long_list_is_made_in_many_turns_of_the_loop() -> None:
    online, directory = Online(5 * MANY), Directory()
    turns = 0
    listing = asyncio.create_task(online.listed(directory))
    while not listing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns >= 5


async def test_a_short_list_is_always_new() -> None:
    online, directory = Online(0), Directory()
    assert await online.listed(directory) == {}
    online.count = 1
    assert list((await online.listed(directory)).values()) == [{"user_id": 'a"b'}]
