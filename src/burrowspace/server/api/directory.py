"""The answer to `GET /peers` for all users, which anybody may ask for as often as they like.

Where many peers are online it is made once in a while for everybody who asks, a few peers in each turn of the loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from math import inf

import orjson

from burrowspace.core.records import Peer

MANY = 200  # peers; more of them are not listed anew for each caller
FRESH_S = 2.0  # how old the list of many may be


class Directory:
    """The list, as it was last made."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._made, self._size, self._body = -inf, 0, b""

    async def body(
        self, online: Callable[[], Awaitable[list[Peer]]], row: Callable[[Peer], object], now: Callable[[], float]
    ) -> bytes:
        """JSON: `{"peers": {peer_id: row(peer), …}}`."""
        async with self._lock:
            if self._size <= MANY or not 0 <= now() - self._made < FRESH_S:
                peers = await online()
                self._body = await _encoded(peers, row)
                self._size, self._made = len(peers), now()
            return self._body


async def _encoded(peers: Iterable[Peer], row: Callable[[Peer], object]) -> bytes:
    parts = []
    for number, peer in enumerate(peers, 1):
        parts.append(orjson.dumps(peer.peer_id) + b":" + orjson.dumps(row(peer)))
        if number % MANY == 0:
            await asyncio.sleep(0)
    return b'{"peers":{' + b",".join(parts) + b"}}"
