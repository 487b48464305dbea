"""New devices of a guarded user: they wait, a device of the user that has a token answers, and then they are peers.

A device that waits is no peer: whatever looks for one does not find it, so nothing of the user's reaches it. Rules:
core/joining.py. Spec: docs/spec/devices.md.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from burrowspace.core import messages
from burrowspace.core.errors import NotFound, TooMany
from burrowspace.core.inbox import NEVER
from burrowspace.core.joining import PER_NETWORK, PER_USER, TOTAL, WAIT_S, Joining, answered, makes_room
from burrowspace.core.names import is_our_id
from burrowspace.core.networks import UNREADABLE, counted, neighbourhood
from burrowspace.core.records import Applicant, Notice, Origin, Peer
from burrowspace.ports import Rows
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.notices import Postman, write_notice
from burrowspace.server.driver.tasks import Tasks
from burrowspace.server.driver.tokens import digest, is_guarded, is_token_of, not_approved, speak_for_user


class DeviceInfo(NamedTuple):
    """From where a device asks to join, and what it calls itself."""

    network: str | None = None
    address: str | None = None
    name: str = ""


class Listed(NamedTuple):
    """The devices of a user."""

    guarded: bool
    peers: list[Peer]
    origins: dict[str, Origin]
    waiting: list[Applicant]


def network(address: str) -> str:
    """The network of a caller. All who cannot be told from others are of one."""
    return neighbourhood(address) or UNREADABLE


Told = Callable[[Joining], None]  # what the socket of a device that waits does with the answer


class Devices:
    """Who waits, and who lets them in."""

    def __init__(self, context: DriverContext, postman: Postman) -> None:
        self._context, self._postman = context, postman
        self._sockets: dict[str, tuple[object, Told]] = {}  # of devices that wait: the last that asked to register
        self._tasks = Tasks()
        if context.node:
            context.bus.on_ring(self._rung)

    def apply(self, rows: Rows, user_id: str, token: str | None, made: str, device: DeviceInfo) -> Applicant:
        """A new device asks to be let in; `token` is the one of an earlier try, and then nothing changes."""
        now = self._context.now()
        waiting = _waiting(rows, user_id, now)
        for each in waiting:
            if token is not None and is_token_of(token, each):
                return each
        same = [each for each in waiting if each.network == device.network]
        if len(same) >= PER_NETWORK:  # an app that is started again and again
            _drop(rows, same[0])
        elif len(waiting) >= PER_USER:
            last = makes_room(waiting, device.network)
            if last is None:
                words = f"{PER_USER} devices of this user wait for an answer already; try again later"
                raise TooMany(words, min(each.expires_at for each in waiting) - now)
            _drop(rows, last)
        for where, most in (({}, TOTAL), ({"network": device.network}, TOTAL // 10)):
            if None not in where.values() and rows.count(Applicant, **where) >= most:
                first = rows.find(Applicant, order="expires_at", limit=1, **where)[0]
                words = "too many devices wait for an answer on this server; try again later"
                raise TooMany(words, first.expires_at - now)
        asked = rows.put(
            Applicant(
                self._context.new_id(),
                user_id,
                digest(made),
                device.name,
                device.network,
                device.address,
                Joining.PENDING.value,
                now,
                now + WAIT_S,
            )
        )
        ends = datetime.fromtimestamp(asked.expires_at, UTC).isoformat()
        told = messages.DeviceRequest(asked.peer_id, asked.name, asked.address, ends)
        write_notice(rows, user_id, told, asked.peer_id, now)
        return asked

    async def approve(self, peer_id: str, token: str | None) -> Peer:
        """The device is a peer of the user from now on. Saying it twice changes nothing."""
        now = self._context.now()

        def change(rows: Rows) -> tuple[Peer, bool]:
            asked = self._answered(rows, peer_id, "approve", token, now)
            held = rows.get(Peer, peer_id)
            if held is not None:
                return held, False
            if asked.state == Joining.APPROVED:
                raise NotFound("no such device; it was approved, and has gone since")
            count, most = rows.count(Peer, user_id=asked.user_id), self._context.settings.max_user_peers
            if count >= most:
                raise TooMany(f"this user has {most} devices already; revoke one first")
            rows.put(msgspec.structs.replace(asked, state=Joining.APPROVED.value))
            rows.put(Origin(peer_id, asked.user_id, asked.network, False))
            made = Peer(peer_id, asked.user_id, asked.token_hash, False, now, now, False, NEVER, _counted(asked))
            return rows.put(made), True

        peer, fresh = await self._context.state.write(change)
        if fresh:
            self._tell(peer_id, Joining.APPROVED)
        return peer

    async def reject(self, peer_id: str, token: str | None) -> None:
        """The device stays out. Saying it twice changes nothing."""
        now = self._context.now()

        def change(rows: Rows) -> None:
            asked = self._answered(rows, peer_id, "reject", token, now)
            rows.put(msgspec.structs.replace(asked, state=Joining.REJECTED.value))

        await self._context.state.write(change)
        self._tell(peer_id, Joining.REJECTED)

    async def listed(self, user_id: str, token: str | None) -> Listed:
        """The user's devices and those that wait. Only for a device of the user with a token."""
        now = self._context.now()

        def change(rows: Rows) -> Listed:
            speak_for_user(rows, user_id, token)
            origins = {each.peer_id: each for each in rows.find(Origin, user_id=user_id)}
            peers = rows.find(Peer, user_id=user_id, order="connected_at")
            return Listed(is_guarded(rows, user_id), peers, origins, _waiting(rows, user_id, now))

        return await self._context.state.write(change)

    def withdraw(self, rows: Rows, asked: Applicant) -> None:
        """The device does not wait any longer."""
        _drop(rows, asked)

    def hold(self, peer_id: str, socket: object, told: Told) -> None:
        """The socket of a device that waits: it is told the answer."""
        self._sockets[peer_id] = socket, told

    def forget(self, peer_id: str, socket: object) -> None:
        """The socket is gone."""
        held = self._sockets.get(peer_id)
        if held is not None and held[0] is socket:
            del self._sockets[peer_id]

    async def wake(self, asked: Applicant) -> None:
        """Tells the user's devices that one more waits."""
        await self._postman.wake([asked.user_id])

    async def sweep(self) -> None:
        """Forgets who waited too long."""
        now = self._context.now()

        def change(rows: Rows) -> list[Applicant]:
            over = rows.find(Applicant, expires_at__lt=now, limit=1000)
            for each in over:
                _drop(rows, each)
            return [each for each in over if each.state == Joining.PENDING]

        for each in await self._context.state.write(change):
            self._tell(each.peer_id, Joining.REJECTED)

    def _answered(self, rows: Rows, peer_id: str, answer: str, token: str | None, now: float) -> Applicant:
        """The device that asked, once `token` may answer for its user; its question is withdrawn."""
        asked = rows.get(Applicant, peer_id) if is_our_id(peer_id) else None
        if asked is None or asked.expires_at < now:
            raise NotFound("no such device waits for an answer")
        speak_for_user(rows, asked.user_id, token)
        answered(Joining(asked.state), answer)
        rows.drop(Notice, subject=peer_id)
        return asked

    def _tell(self, peer_id: str, answer: Joining) -> None:
        _, told = self._sockets.pop(peer_id, (None, None))
        if told is not None:
            told(answer)
        elif self._context.node:
            self._context.bus.ring([_CHANGE + peer_id])

    def _rung(self, keys: Sequence[str]) -> None:
        """Some node says that these devices have their answers; without keys: any may."""
        asked = [key.removeprefix(_CHANGE) for key in keys if key.startswith(_CHANGE)] if keys else list(self._sockets)
        for peer_id in asked:
            if peer_id in self._sockets:
                self._tasks.start(self._look(peer_id))

    async def _look(self, peer_id: str) -> None:
        """Another node may have answered for a device whose socket waits here."""
        peer, asked = await self._context.state.read(
            lambda rows: (rows.get(Peer, peer_id), rows.get(Applicant, peer_id))
        )
        if peer is not None or asked is None or asked.state == Joining.REJECTED:
            _, told = self._sockets.pop(peer_id, (None, None))
            if told is not None:
                told(Joining.REJECTED if peer is None else Joining.APPROVED)

    async def close(self) -> None:
        await self._tasks.close()


def check_applicant(rows: Rows, peer_id: str, now: float) -> None:
    """NotApproved where a device of this id waits for an answer."""
    asked = rows.get(Applicant, peer_id)
    if asked is not None and asked.state == Joining.PENDING and asked.expires_at >= now:
        raise not_approved(peer_id)


_CHANGE = "device "  # how a key begins that is rung for a device that has its answer


def _counted(asked: Applicant) -> str | None:
    """Whose bounds the device counts against once it is a peer."""
    return None if asked.address is None else counted(asked.address)


def _waiting(rows: Rows, user_id: str, now: float) -> list[Applicant]:
    found = rows.find(Applicant, user_id=user_id, state=Joining.PENDING.value, order="asked_at")
    return [each for each in found if each.expires_at >= now]


def _drop(rows: Rows, asked: Applicant) -> None:
    rows.drop(Applicant, peer_id=asked.peer_id)
    if asked.state == Joining.PENDING:
        rows.drop(Notice, subject=asked.peer_id)
