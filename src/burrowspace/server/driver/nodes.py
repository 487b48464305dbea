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
_ABSENT_MOST = 1000  # nodes without a row that are remembered


class Nodes:
    """All nodes, as this one sees them. Where there is only this one (`context.node` is empty) it costs nothing."""

    def __init__(self, context: DriverContext, clock: Callable[[], float] = time.monotonic) -> None:
        self._context, self._clock = context, clock
        self._seen: dict[str, tuple[int, float]] = {}  # beats of the others, and since when
        self._absent: dict[str, None] = {}  # those that were looked for and have no row
        self._beats = 0

    def lives(self, node: str | None) -> bool:
        """Whether it is another node that lives. One that is heard of for the first time does, until the next look: it
        may have begun since the last one, and nobody of its peers must be taken for gone meanwhile."""
        if node is None or node == self._context.node or node in self._absent:
            return False
        _, since = self._seen.setdefault(node, (0, self._clock()))
        return self._clock() - since < DEAD_S

    async def beat(self) -> None:
        """Shows that this node lives, and looks at the others."""
        own, self._beats = self._context.node, self._beats + 1
        if not own:
            return

        def change(rows: Rows) -> list[Node]:
            rows.put(Node(own, self._beats))
            rows.drop(Node, node_id__in=over)
            return rows.find(Node)

        now, looked_for = self._clock(), list(self._seen)
        over = [node for node, (_, since) in self._seen.items() if now - since > _FORGOTTEN_S]
        found = {each.node_id: each.beats for each in await self._context.state.write(change, about=[f"node:{own}"])}
        now = self._clock()
        for node in looked_for:
            if node not in found:
                del self._seen[node]
                self._absent[node] = None
        for node in list(self._absent)[:-_ABSENT_MOST]:
            del self._absent[node]
        for node, beats in found.items():
            self._absent.pop(node, None)
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
