"""Events that a user's devices must hear: kept with the change they speak of, handed over until confirmed.

A notice is written in the same transaction as its cause and sent to the devices that are here; one that is away hears
it when it registers. A device has heard it when it answered the ping that followed, not when a socket took the bytes.
Each node tells the devices whose sockets it has; the Bus says to the others which user has to hear something.
"""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from burrowspace.core import messages
from burrowspace.core.inbox import NEVER, unheard
from burrowspace.core.records import Notice, Peer
from burrowspace.ports import Line, Rows
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.tasks import Tasks
from burrowspace.socketio import Encoded

_FOR_TOKENS = "device_request"  # only a device with a token can answer it
_KEPT = 5000  # notices kept per user; the oldest go first


def write_notice(rows: Rows, user_id: str, event: msgspec.Struct, subject: str, now: float) -> None:
    """Adds a notice to the running transaction; `Postman.wake` sends it after the commit."""
    rows.put(Notice(0, user_id, messages.name_of(event), messages.encode(event).decode(), subject, now))
    if rows.count(Notice, user_id=user_id) > _KEPT:
        for old in rows.find(Notice, user_id=user_id, order="number", limit=_KEPT // 10):
            rows.drop(Notice, number=old.number)


class Postman:
    """Carries notices to live devices and remembers what each has confirmed."""

    def __init__(self, context: DriverContext, tasks: Tasks) -> None:
        self._context, self._tasks = context, tasks
        self._sent: dict[str, tuple[Line, int]] = {}  # the last notice sent down a device's present line
        self._confirmed: dict[str, int] = {}  # waits to be written
        self._writing = False
        self._users: dict[str, set[str]] = {}  # devices that have a socket here, by their user's key
        self._user_of: dict[str, str] = {}  # that key, by device
        self._woken: dict[str, None] = {}  # devices of which some node says that they have to hear something
        self._waking = False
        if context.node:
            context.bus.on_ring(self._rung)

    def came(self, peer: Peer) -> None:
        """The device has a socket here."""
        if self._context.node:
            key = self._user_of[peer.peer_id] = _key(peer.user_id)
            self._users.setdefault(key, set()).add(peer.peer_id)

    async def wake(self, users: Iterable[str]) -> None:
        """Sends what the users' live devices have not heard yet."""
        told = sorted(set(users))
        if self._context.node:
            self._context.bus.ring([_key(user_id) for user_id in told])  # heard here, too
            return
        for user_id in told:
            for peer in await self._context.state.read(lambda rows, u=user_id: rows.find(Peer, user_id=u)):  # type: ignore[misc]
                if self._context.bus.here(peer.peer_id) is not None:
                    await self.deliver(peer.peer_id)

    async def deliver(self, peer_id: str) -> None:
        """Sends one live device everything it has not heard, in order."""

        def ask(rows: Rows) -> tuple[list[Notice], int]:
            peer = rows.get(Peer, peer_id)
            if peer is None:
                return [], 0
            others = [p for p in rows.find(Peer, user_id=peer.user_id) if p.peer_id != peer_id]
            after = {} if peer.seen == NEVER else {"number__gt": peer.seen}
            kept = rows.find(Notice, user_id=peer.user_id, order="number", **after)
            heard = [n for n in unheard(peer, others, kept) if peer.token_used or n.event != _FOR_TOKENS]
            return heard, kept[-1].number if kept else 0

        waiting, newest = await self._context.state.read(ask)
        line = self._context.bus.here(peer_id)
        if line is None:
            return
        held, sent = self._sent.get(peer_id, (None, 0))
        last = sent if held is line else 0
        fresh = [notice for notice in waiting if notice.number > last]
        if not fresh:
            return
        for notice in fresh:
            line.send_encoded(Encoded.from_raw("/", messages.array(notice.event, notice.body.encode())))
        last = newest  # what it was not told of those before is not for it
        self._sent[peer_id] = (line, last)
        line.confirm(lambda arrived: self._arrived(peer_id, last) if arrived else None)

    def forget(self, peer_id: str) -> None:
        """The device's line is gone."""
        self._sent.pop(peer_id, None)
        key = self._user_of.pop(peer_id, None)
        if key is not None:
            self._users[key].discard(peer_id)
            if not self._users[key]:
                del self._users[key]

    def _rung(self, keys: Sequence[str]) -> None:
        """Some node says that these users have to hear something; without keys: anybody may."""
        for key in keys or list(self._users):
            for peer_id in self._users.get(key, ()):
                self._woken[peer_id] = None
        if self._woken and not self._waking:
            self._waking = True
            self._tasks.start(self._deliver_woken())

    async def _deliver_woken(self) -> None:
        try:
            while self._woken:
                peer_id = next(iter(self._woken))
                del self._woken[peer_id]
                await self.deliver(peer_id)
        finally:
            self._waking = False

    def _arrived(self, peer_id: str, number: int) -> None:
        self._confirmed[peer_id] = max(number, self._confirmed.get(peer_id, 0))
        if not self._writing:
            self._writing = True
            self._tasks.start(self._write())

    async def _write(self) -> None:
        try:
            while self._confirmed:
                batch, self._confirmed = self._confirmed, {}

                def change(rows: Rows, batch: dict[str, int] = batch) -> None:
                    for peer_id, number in batch.items():
                        peer = rows.get(Peer, peer_id)
                        if peer is not None and peer.seen < number:
                            rows.put(msgspec.structs.replace(peer, seen=number))

                await self._context.state.write(change)
        finally:
            self._writing = False


def _key(user_id: str) -> str:
    """What is rung for a user, whose id may be any text."""
    return "user " + hashlib.sha256(user_id.encode()).hexdigest()
