"""The Bus port within one process: a map from peer to line."""

from collections.abc import Awaitable, Callable, Iterator, Sequence

from burrowspace.ports import Line
from burrowspace.socketio import Encoded


class LocalBus:
    """Bus without a wire."""

    may_lose, away_s = False, 0.0

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._rung: list[Callable[[Sequence[str]], None]] = []
        self._shouted: list[Callable[[Encoded, str], None]] = []
        self.line = self._lines.get  # the hottest call of the server: no frame of ours around it
        self.here = self.line

    async def open(self, lives: Callable[[str], Awaitable[bool]]) -> None:
        """There is no other node to join."""

    async def close(self) -> None:
        """There is none to leave."""

    def attach(self, peer_id: str, line: Line, number: int = 0) -> Line | None:
        before = self._lines.get(peer_id)
        self._lines[peer_id] = line
        return before if before is not line else None

    def detach(self, peer_id: str, line: Line) -> bool:
        if self._lines.get(peer_id) is not line:
            return False
        del self._lines[peer_id]
        return True

    async def find(self, peer_id: str) -> Line | None:
        return self.line(peer_id)

    def lines(self) -> Iterator[tuple[str, Line]]:
        return iter(list(self._lines.items()))

    def on_ring(self, rung: Callable[[Sequence[str]], None]) -> None:
        self._rung.append(rung)

    def on_shout(self, shouted: Callable[[Encoded, str], None]) -> None:
        self._shouted.append(shouted)

    def ring(self, keys: Sequence[str]) -> None:
        for rung in self._rung:
            rung(keys)

    def shout(self, packet: Encoded, but: str) -> None:
        for shouted in self._shouted:
            shouted(packet, but)

    def __len__(self) -> int:
        return len(self._lines)
