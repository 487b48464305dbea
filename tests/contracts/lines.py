"""A line that a test holds both ends of: what came down it, and what becomes of it."""

from collections.abc import Callable

from burrowspace.socketio import Encoded
from burrowspace.socketio.encoded import EVENT_HEAD, plain


class HeldLine:
    """A Line that takes nothing before it is told to, and then everything."""

    def __init__(self, *, open_hand: bool = True) -> None:
        self.connected, self.over_budget, self.arrivals = True, False, 0
        self.got: list[list[bytes]] = []  # the packets, each its text and its attachments
        self.open_hand = open_hand
        self._taken: list[Callable[[bool], None]] = []
        self._asked: list[Callable[[bool], None]] = []
        self._drains: list[Callable[[], None]] = []

    def send_encoded(self, packet: Encoded, taken: Callable[[bool], None] | None = None) -> bool:
        if not self.connected:
            return False
        self.got.append([bytes(plain(packet.head)), *(bytes(plain(each)) for each in packet.attachments)])
        if taken is not None and self.open_hand:
            taken(True)
        elif taken is not None:
            self._taken.append(taken)
        return True

    def send_array(self, head: bytes, body: bytes, tail: bytes) -> bool:
        return self.send_encoded(Encoded(EVENT_HEAD + head + body + tail))

    def confirm(self, done: Callable[[bool], None]) -> None:
        if self.connected:
            self._asked.append(done)
        else:
            done(False)

    def on_drain(self, callback: Callable[[], None]) -> None:
        if self.connected and self.over_budget:
            self._drains.append(callback)
        else:
            callback()

    def disconnect(self, close: bool = False) -> None:
        self.connected = False
        self._settle(False)

    def take(self) -> None:
        """The peer's connection takes what was sent."""
        taken, self._taken = self._taken, []
        for each in taken:
            each(True)
        self.over_budget = False
        drains, self._drains = self._drains, []
        for drained in drains:
            drained()

    def answer(self) -> None:
        """The peer proves that all has arrived."""
        asked, self._asked = self._asked, []
        for each in asked:
            each(True)

    @property
    def asked(self) -> int:
        """How many proofs are waited for."""
        return len(self._asked)

    def _settle(self, ok: bool) -> None:
        waiting, self._taken, self._asked = self._taken + self._asked, [], []
        for each in waiting:
            each(ok)
        drains, self._drains = self._drains, []
        for drained in drains:
            drained()
