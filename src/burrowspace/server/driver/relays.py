"""Relay sessions: who may send to whom through the server, and the two relay queues of each."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from weakref import WeakValueDictionary

import msgspec
import structlog

from burrowspace.core import messages
from burrowspace.core.attempts import DOUBLED_S
from burrowspace.core.errors import BadRequest, BurrowError, Forbidden, NotFound, TooMany
from burrowspace.core.names import is_our_id
from burrowspace.core.records import Peer, Relay, Transfer
from burrowspace.ports import Line, Rows
from burrowspace.server.driver.backpressure import Backpressure, Feeder
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.pace import Kind, Pace
from burrowspace.server.driver.queued_chunk import QueuedChunk
from burrowspace.server.driver.quota import Quota
from burrowspace.server.driver.relay_queue import RelayQueue
from burrowspace.server.driver.tasks import Tasks
from burrowspace.socketio import Encoded

log = structlog.get_logger("relay")

_DAY_S = 86_400.0
_CLOSE_S = 5.0  # for what is in memory to reach the disk at the end
_AGAIN_S = 10.0  # a peer that asks anew is told of its session again, but not for each signal of one attempt
_SESSIONS = 1000  # sessions that one peer may have opened
_CHANGE = "peer "  # how a key begins that is rung for a peer that registered
_FRESH_S = 600.0  # an unused session leaves memory after this long; its record stays


class Session:
    """A session in memory: the record as it was loaded, and a relay queue for each direction."""

    __slots__ = (
        "announced",
        "attempt",
        "begun_at",
        "marked",
        "over",
        "record",
        "sent_at",
        "to_opener",
        "to_target",
        "used_at",
    )

    def __init__(self, record: Relay, to_opener: RelayQueue, to_target: RelayQueue) -> None:
        self.record, self.to_opener, self.to_target = record, to_opener, to_target
        self.marked = False  # the transfer has been told that bytes go through the server
        self.used_at = 0.0
        self.attempt = (record.opener_id, record.target_id)  # as its opener began it; an heir may have its place since
        self.begun_at = 0.0  # when its opener began an attempt last
        self.sent_at: float | None = None  # when the opener sent a chunk last
        self.over = False  # the opener has sent its last chunk
        self.announced: dict[str, tuple[Line, float]] = {}  # which line of a peer was told of the session, and when

    def queue_to(self, peer_id: str) -> RelayQueue:
        """The queue for what goes to `peer_id`, one of the two."""
        return self.to_target if peer_id == self.record.target_id else self.to_opener

    def queue(self, sender: str) -> RelayQueue:
        """The queue for what `sender` sends. Forbidden to anyone but the two."""
        receiver = self.receiver(sender)
        if receiver is None:
            raise Forbidden("this relay session is not yours")
        return self.queue_to(receiver)

    def receiver(self, sender: str) -> str | None:
        """Who gets what `sender` sends; None for anyone but the two."""
        if sender == self.record.opener_id:
            return self.record.target_id
        return self.record.opener_id if sender == self.record.target_id else None

    def takes(self, now: float) -> bool:
        """Whether a signal that finds its target absent belongs to this attempt. Chunks know only their index: a
        second file may not come into a session that had one."""
        return not self.over and (self.sent_at is None or now - self.sent_at < _AGAIN_S)


class Relays:
    """All sessions of this server."""

    def __init__(
        self,
        context: DriverContext,
        tasks: Tasks,
        is_online: Callable[[Peer], bool],
        relayed: Callable[[str], Awaitable[None]],
        pace: Pace,
    ) -> None:
        self._pace = pace
        self._context, self._tasks, self._is_online, self._relayed = context, tasks, is_online, relayed
        self._sessions: dict[str, Session] = {}
        self._loading: dict[str, list[tuple[QueuedChunk, Feeder, str, bool]]] = {}
        self._attempts: dict[tuple[str, str], Session] = {}  # begun by a signal to an absent peer: opener, target
        self._beginning: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        settings = context.settings
        self._quota = Quota(
            settings.relay_rest_bytes, settings.relay_rest_total_bytes, settings.relay_rest_address_bytes
        )
        self._backpressure = Backpressure()
        self._work = Tasks()  # of the relay queues
        if context.node:
            context.bus.on_ring(self._rung)

    def chunk(self, session_id: str, sender: str, chunk: QueuedChunk, feeder: Feeder, *, last: bool) -> None:
        """A chunk from a socket, the `last` of its file or not. Raises where it is refused at once; else the chunk's
        answer comes later."""
        session = self._sessions.get(session_id)
        if session is None or session_id in self._loading:  # nothing overtakes what waits for the record
            self._load(session_id, sender, chunk, feeder, last=last)
            return
        queue = session.queue(sender)
        if not session.marked:
            self._mark(session)
        session.used_at = self._context.now()
        if sender == session.record.opener_id:
            session.sent_at = session.used_at
            session.over = session.over or last
        queue.take(chunk, feeder)

    async def between(self, opener: str, target: str, address: str | None = None, *, begins: bool = False) -> Relay:
        """The session that a signal to an absent peer starts; the signals of one attempt share it. `begins`: this one
        begins an attempt. A second attempt is told of its session at once, which is another one if chunks were sent.

        NotFound where there is no such peer; TooMany where `address` opens too many.
        """

        def change(rows: Rows) -> Relay:
            if not is_our_id(target) or rows.get(Peer, target) is None:
                raise NotFound("no such peer")
            return self._open(rows, opener, target, None)

        async with self._beginning.setdefault((opener, target), asyncio.Lock()):
            session, now = self._attempts.get((opener, target)), self._context.now()
            again = begins and session is not None and now - session.begun_at > DOUBLED_S
            if again and session is not None:
                session.announced.pop(opener, None)
            if session is None or not session.takes(now) or (again and session.sent_at is not None):
                self._pace.check(Kind.WRITE, address)
                await self._pace.may_grow()
                session = self._attempts[opener, target] = self._remember(await self._context.state.write(change))
            if begins:
                session.begun_at = now
        self._announce_to_both(session)
        return session.record

    def receiver(self, session_id: str, sender: str) -> str | None:
        """Who gets what `sender` sends in a session; None where nobody does."""
        session = self._sessions.get(session_id)
        return None if session is None else session.receiver(sender)

    async def inherit(self, peer: Peer) -> None:
        """The device connected anew: it gets what rests for those of its user that are away. The published app is a new
        peer each time it starts, and the old one never comes back."""

        sessions = self._sessions.values()
        if not self._quota.used and all(each.to_opener.idle and each.to_target.idle for each in sessions):
            return

        def resting(rows: Rows) -> list[tuple[Relay, str]]:
            others = [other for other in rows.find(Peer, user_id=peer.user_id) if other.peer_id != peer.peer_id]
            return [
                (relay, other.peer_id)
                for other in others
                if other.connected_at <= peer.connected_at
                for relay in _of_peer(rows, other.peer_id)
                if peer.peer_id not in (relay.opener_id, relay.target_id)
            ]

        for relay, absent in await self._context.state.read(resting):
            session = self._sessions.get(relay.session_id)
            rests = self._quota.held(_key(relay, absent)) or (session and not session.queue_to(absent).idle)
            if rests and await self._context.bus.find(absent) is None:
                await self._readdress(relay, absent, peer)

    async def _readdress(self, relay: Relay, absent: str, heir: Peer) -> None:
        def change(rows: Rows) -> Relay | None:
            held = rows.get(Relay, relay.session_id)
            if held is None:
                return None
            end = "target" if absent == held.target_id else "opener"
            return rows.put(
                msgspec.structs.replace(held, **{f"{end}_id": heir.peer_id, f"{end}_address": heir.address})
            )

        after = await self._context.state.write(change)
        session = self._sessions.get(relay.session_id)
        if after is not None and session is not None:
            session.queue_to(absent).readdress(heir.peer_id)
            session.record = after
        if after is not None:
            self._own(after)

    async def for_transfer(self, asker: str, transfer_id: str, target: str | None, address: str | None = None) -> Relay:
        """The session of a transfer, asked for by either side where a direct attempt failed.

        The other end is `target`, or the other user's device that was heard last.
        """

        def change(rows: Rows) -> Relay:
            transfer = rows.get(Transfer, transfer_id) if is_our_id(transfer_id) else None
            peer = rows.get(Peer, asker)
            if transfer is None or peer is None:
                raise NotFound("no such transfer")
            if peer.user_id not in (transfer.sender_id, transfer.receiver_id):
                raise Forbidden("this transfer is not yours")
            other = transfer.receiver_id if peer.user_id == transfer.sender_id else transfer.sender_id
            devices = [d for d in rows.find(Peer, user_id=other, order="-last_seen") if d.peer_id != asker]
            if target is not None:
                devices = [d for d in devices if d.peer_id == target]
            if not devices:
                raise NotFound("the other side of this transfer has no such device")
            chosen = next((d for d in devices if self._is_online(d)), devices[0]).peer_id
            for a, b in ((asker, chosen), (chosen, asker)):
                for relay in rows.find(Relay, opener_id=a, target_id=b, transfer_id=transfer_id, limit=1):
                    return relay
            return self._open(rows, asker, chosen, transfer_id)

        self._pace.check(Kind.WRITE, address)
        await self._pace.may_grow()
        return await self._start(change)

    async def arrived(self, peer_id: str) -> None:
        """The peer registered: what rests for it is delivered, each session announced before its chunks."""
        if self._context.node:
            self._context.bus.ring([_CHANGE + peer_id])  # something may rest on other nodes
        await self._deliver(peer_id)

    def _rung(self, keys: Sequence[str]) -> None:
        """Some node has these peers now; without keys: any may have come."""
        sessions = self._sessions.values()
        if not self._quota.used and all(each.to_opener.idle and each.to_target.idle for each in sessions):
            return
        ends = {each for s in sessions for each in (s.record.opener_id, s.record.target_id)}
        for peer_id in {key.removeprefix(_CHANGE) for key in keys if key.startswith(_CHANGE)} if keys else ends:
            if self._context.bus.here(peer_id) is None:
                self._tasks.start(self._deliver(peer_id))

    async def _deliver(self, peer_id: str) -> None:
        for relay in await self._context.state.read(lambda rows: _of_peer(rows, peer_id)):
            session = self._sessions.get(relay.session_id)
            if not self._quota.held(_key(relay, peer_id)) and (session is None or session.queue_to(peer_id).idle):
                continue
            session = session or self._remember(relay)
            await self._context.bus.find(peer_id)
            self._announce(session, peer_id)
            session.queue_to(peer_id).wake()

    async def recover(self) -> None:
        """After a start: counts what rests; removes queues that no session owns."""
        for key in await self._context.spool.keys():
            session_id, _, way = key.partition("-")
            if way:
                relay = await self._context.state.read(lambda rows, s=session_id: rows.get(Relay, s))  # type: ignore[misc]
                if relay is None:
                    await self._context.spool.drop(key)
                else:
                    self._own(relay)
                    self._quota.note(key, await self._context.spool.size(key))

    async def close(self) -> None:
        """What was sent to peers that could not prove its arrival any more goes to the spool."""
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._work.idle()
        except TimeoutError:
            log.error("some relay chunks could not be stored at the end")
        await self._work.close()

    async def sweep(self) -> None:
        """Lets go of sessions: from memory soon, from the disk after a day, or when what rests in them is too old."""
        now, context = self._context.now(), self._context
        used = {s.record.session_id: s.used_at for s in self._sessions.values() if s.used_at > s.record.used_at}
        for session_id, session in list(self._sessions.items()):
            if session.to_opener.idle and session.to_target.idle and now - session.used_at > _FRESH_S:
                del self._sessions[session_id]
                if self._attempts.get(session.attempt) is session:
                    del self._attempts[session.attempt]

        def change(rows: Rows) -> list[Relay]:
            for session_id, at in used.items():
                relay = rows.get(Relay, session_id)
                if relay is not None and relay.used_at < at:
                    rows.put(msgspec.structs.replace(relay, used_at=at))
            idle = rows.find(Relay, used_at__lt=now - _DAY_S, order="used_at", limit=5000)
            old = now - context.settings.transfer_days * _DAY_S
            over = [relay for relay in idle if not self._wanted(relay, old)]
            rows.drop(Relay, session_id__in=[relay.session_id for relay in over])
            return over

        for relay in await context.state.write(change):
            for peer_id in (relay.opener_id, relay.target_id):
                key = _key(relay, peer_id)
                await context.spool.drop(key)
                self._quota.forget(key)

    def _wanted(self, relay: Relay, old: float) -> bool:
        """Whether an idle session is kept: while it is in memory, or something rests in it that is not too old."""
        if relay.session_id in self._sessions:
            return True
        keys = [_key(relay, peer_id) for peer_id in (relay.opener_id, relay.target_id)]
        return relay.used_at >= old and any(map(self._quota.held, keys))

    def _open(self, rows: Rows, opener: str, target: str, transfer_id: str | None) -> Relay:
        if opener == target:
            raise BadRequest("a peer cannot relay to itself")
        now, most = self._context.now(), self._context.settings.max_relays_per_address
        addresses = [None if (peer := rows.get(Peer, each)) is None else peer.address for each in (opener, target)]
        for where, bound in (({"opener_id": opener}, _SESSIONS), ({"opener_address": addresses[0]}, most)):
            if None not in where.values() and rows.count(Relay, **where) >= bound:
                oldest = rows.find(Relay, order="used_at", limit=1, **where)[0]
                words = f"this peer or its address has opened {bound} relay sessions; try again later"
                raise TooMany(words, oldest.used_at + _DAY_S - now)
        return rows.put(Relay(self._context.new_id(), opener, target, transfer_id, now, now, 0, 0, *addresses))

    async def _start(self, change: Callable[[Rows], Relay]) -> Relay:
        relay = await self._context.state.write(change)
        for peer_id in (relay.opener_id, relay.target_id):
            await self._context.bus.find(peer_id)
        self._announce_to_both(self._sessions.get(relay.session_id) or self._remember(relay))
        return relay

    def _announce_to_both(self, session: Session) -> None:
        for peer_id in (session.record.opener_id, session.record.target_id):
            self._announce(session, peer_id)

    def _announce(self, session: Session, peer_id: str) -> None:
        line, now = self._context.bus.line(peer_id), self._context.now()
        told, at = session.announced.get(peer_id, (None, 0.0))
        if line is not None and (told is not line or now - at > _AGAIN_S):
            session.announced[peer_id] = (line, now)
            line.send_encoded(initiated(session.record))

    def _load(self, session_id: str, sender: str, chunk: QueuedChunk, feeder: Feeder, *, last: bool) -> None:
        """The first chunk of a session that is not in memory: it and those behind it wait for the record."""
        if not is_our_id(session_id):
            raise NotFound("no such relay session")
        feeder.pause_reading()
        waiting = self._loading.get(session_id)
        if waiting is not None:
            waiting.append((chunk, feeder, sender, last))
            return
        self._loading[session_id] = [(chunk, feeder, sender, last)]
        self._tasks.start(self._fetch(session_id))

    async def _fetch(self, session_id: str) -> None:
        relay: Relay | None = None
        refusal: BurrowError = NotFound("no such relay session")
        try:
            relay = await self._context.state.read(lambda rows: rows.get(Relay, session_id))
        except Exception as error:
            log.error("a relay session could not be loaded", session=session_id, error=repr(error), exc_info=error)
            refusal = BurrowError("the server failed at this; send it again later")
        waiting = self._loading.pop(session_id)
        if relay is not None and session_id not in self._sessions:
            self._remember(relay)
        for chunk, feeder, sender, last in waiting:
            try:
                if relay is None:
                    raise refusal
                self.chunk(session_id, sender, chunk, feeder, last=last)
            except BurrowError as error:
                chunk.refuse(error)
        for _, feeder, _, _ in waiting:
            feeder.resume_reading()

    def _remember(self, relay: Relay) -> Session:
        def queue(peer_id: str, confirmed: int, field: str) -> RelayQueue:
            async def save(offset: int) -> None:
                def change(rows: Rows) -> None:
                    held = rows.get(Relay, relay.session_id)
                    if held is not None:
                        rows.put(msgspec.structs.replace(held, **{field: offset}))

                await self._context.state.write(change)

            key = _key(relay, peer_id)
            self._own(relay)
            lost = partial(self._tell_lost, relay.session_id, field, receiver=False)
            missed = partial(self._tell_lost, relay.session_id, field, receiver=True)
            return RelayQueue(
                self._context, self._work, self._quota, self._backpressure, key, peer_id, confirmed, save, lost, missed
            )

        session = self._sessions[relay.session_id] = Session(
            relay,
            queue(relay.opener_id, relay.to_opener, "to_opener"),
            queue(relay.target_id, relay.to_target, "to_target"),
        )
        session.used_at = self._context.now()
        return session

    def _tell_lost(self, session_id: str, field: str, *, receiver: bool) -> None:
        """Something that a sender was told is kept is lost. Each end that is here hears what the published app knows:
        the other is gone. The `receiver` does once it has what stood before."""
        session = self._sessions.get(session_id)
        if session is None:
            return
        ends = session.record.opener_id, session.record.target_id
        who, other = ends if (field == "to_target") is not receiver else reversed(ends)
        line = self._context.bus.line(who)
        if line is not None:
            gone = messages.encode(messages.PeerDisconnected(other))
            line.send_encoded(Encoded.from_raw("/", messages.array("peer_disconnected", gone)))

    def _own(self, relay: Relay) -> None:
        """What rests for one end of the session counts against the address of the other."""
        self._quota.own(_key(relay, relay.target_id), relay.opener_address)
        self._quota.own(_key(relay, relay.opener_id), relay.target_address)

    def _mark(self, session: Session) -> None:
        session.marked = True
        if session.record.transfer_id is not None:
            self._tasks.start(_run(self._relayed(session.record.transfer_id)))


async def _run(work: Awaitable[None]) -> None:
    await work


def initiated(relay: Relay) -> Encoded:
    """The event that tells both sides of a session."""
    event = messages.RelayInitiated(relay.session_id, relay.target_id, relay.opener_id, relay.transfer_id)
    return Encoded.from_raw("/", messages.array(messages.name_of(event), messages.encode(event)))


def _of_peer(rows: Rows, peer_id: str) -> list[Relay]:
    return [*rows.find(Relay, target_id=peer_id, order="created_at"), *rows.find(Relay, opener_id=peer_id)]


def _key(relay: Relay, peer_id: str) -> str:
    """The spool key of what goes to `peer_id`."""
    return f"{relay.session_id}-{'target' if peer_id == relay.target_id else 'opener'}"
