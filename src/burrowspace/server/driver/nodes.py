"""Which nodes live: each counts in its row, and the others see that it goes on.

No clock is compared with another one: a node is dead here once its row has not changed for DEAD_S as this node saw it.
"""

import time
from collections.abc import Callable

from burrowspace.core.records import Node, Peer
from burrowspace.ports import Rows
from burrowspace.server.driver.context import DriverContext

BEAT_S = 2.0  # between two signs of life
DEAD_S = 6.0  # without one
_FORGOTTEN_S = 60.0  # until the row goes


class Nodes:
    """All nodes, as this one sees them. Where there is only this one (`context.node` is empty) it costs nothing."""

    def __init__(self, context: DriverContext, clock: Callable[[], float] = time.monotonic) -> None:
        self._context, self._clock = context, clock
        self._seen: dict[str, tuple[int, float]] = {}  # beats of the others, and since when
        self._beats = 0

    def lives(self, node: str | None) -> bool:
        """Whether it is another node that lives."""
        if node is None or node == self._context.node:
            return False
        return self._clock() - self._seen.get(node, (0, -DEAD_S))[1] < DEAD_S

    async def beat(self) -> None:
        """Shows that this node lives, and looks at the others."""
        own, self._beats = self._context.node, self._beats + 1
        if not own:
            return

        def change(rows: Rows) -> list[Node]:
            rows.put(Node(own, self._beats))
            rows.drop(Node, node_id__in=over)
            return rows.find(Node)

        now = self._clock()
        over = [node for node, (_, since) in self._seen.items() if now - since > _FORGOTTEN_S]
        found = {each.node_id: each.beats for each in await self._context.state.write(change, about=[f"node:{own}"])}
        now = self._clock()
        for node in [each for each in self._seen if each not in found]:
            del self._seen[node]
        for node, beats in found.items():
            if node != own and self._seen.get(node, (None, 0))[0] != beats:
                self._seen[node] = beats, now

    async def leave(self) -> None:
        """This node ends: nobody waits for it."""
        own = self._context.node
        if own:
            await self._context.state.write(lambda rows: rows.drop(Node, node_id=own), about=[f"node:{own}"])

    async def has(self, peer_id: str) -> bool:
        """Whether State says that the peer has a socket on another node that lives."""
        peer = await self._context.state.read(lambda rows: rows.get(Peer, peer_id))
        return peer is not None and not peer.gone and self.lives(peer.node)
