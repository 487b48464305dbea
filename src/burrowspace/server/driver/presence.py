"""Peers come, are heard, fall silent and go."""

from typing import NamedTuple

import msgspec

from burrowspace.core import messages
from burrowspace.core.errors import NotFound, TooMany
from burrowspace.core.inbox import NEVER
from burrowspace.core.names import is_our_id
from burrowspace.core.presence import fell_silent, is_online
from burrowspace.core.records import Peer
from burrowspace.ports import Line, Rows
from burrowspace.server.driver.announcer import Announcer
from burrowspace.server.driver.kit import Kit
from burrowspace.server.driver.notices import Postman
from burrowspace.server.driver.tokens import digest, speak_for

_IDLE_S = 3600.0  # a device may only be forgotten in favour of a new one after an hour of silence


class Welcome(NamedTuple):
    peer: Peer
    token: str


class Presence:
    """Who is online, and telling the others who is not any more."""

    def __init__(self, kit: Kit, announcer: Announcer, postman: Postman) -> None:
        self._kit, self._announcer, self._postman = kit, announcer, postman

    async def connect(self, user_id: str) -> Welcome:
        """A new device of the user. TooMany at the bounds of peers."""
        kit, token = self._kit, self._kit.new_token()
        settings, now = kit.settings, kit.now()

        def change(rows: Rows) -> Peer:
            if rows.count(Peer, user_id=user_id) >= settings.max_user_peers:
                idle = rows.find(Peer, user_id=user_id, last_seen__lt=now - _IDLE_S, order="last_seen", limit=1)
                if not idle:
                    raise TooMany(f"this user has {settings.max_user_peers} devices already; disconnect one first")
                rows.drop(Peer, peer_id=idle[0].peer_id)
            elif rows.count(Peer) >= settings.max_peers:
                raise TooMany("this server remembers as many devices as it may; try again later")
            return rows.put(Peer(kit.new_id(), user_id, digest(token), False, now, now, False, NEVER))

        return Welcome(await kit.state.write(change), token)

    async def heard(self, peer_id: str, token: str | None) -> Peer:
        """A sign of life; brings the peer back online. NotFound for an unknown one."""
        now = self._kit.now()

        def change(rows: Rows) -> Peer:
            peer = speak_for(rows, known(rows, peer_id), token)
            return rows.put(msgspec.structs.replace(peer, last_seen=max(now, peer.last_seen), gone=False))

        return await self._kit.state.write(change)

    async def register(self, line: Line, peer_id: str, token: str | None) -> Peer:
        """`line` is the peer's from now on; another socket that was it is let go. The caller delivers next."""
        peer = await self.heard(peer_id, token)
        if line.connected:
            if (before := self._kit.bus.attach(peer_id, line)) is not None:
                before.disconnect(close=True)
        elif self._kit.bus.line(peer_id) is None:  # it closed while the record was written
            await self._gone([peer_id])
        return peer

    async def disconnect(self, peer_id: str, token: str | None) -> Peer:
        """The peer says good-bye; its socket, if any, is closed."""

        def change(rows: Rows) -> Peer:
            return speak_for(rows, known(rows, peer_id), token)

        peer = await self._kit.state.write(change)
        line = self._kit.bus.line(peer_id)
        if line is not None and self._kit.bus.detach(peer_id, line):
            line.disconnect(close=True)
        await self._gone([peer_id])
        return peer

    async def lost(self, peer_id: str, line: Line) -> None:
        """A socket closed; the peer is offline at once unless another socket has taken its place."""
        if self._kit.bus.detach(peer_id, line):
            self._postman.forget(peer_id)
            await self._gone([peer_id])

    async def sweep_silent(self) -> None:
        """Marks those that have fallen silent, once each, and tells the others."""
        now, silence = self._kit.now(), self._kit.settings.silence_s
        quiet = await self._kit.state.read(lambda rows: rows.find(Peer, gone=False, last_seen__lt=now - silence))
        silent = [p.peer_id for p in quiet if fell_silent(p, live=self._live(p), now=now, silence_s=silence)]
        alive = [p.peer_id for p in quiet if self._live(p)]
        if alive:  # an open socket is a sign of life: the next look passes over these for a while
            await self._kit.state.write(lambda rows: _heard_all(rows, alive, now))
        if silent:
            await self._gone(silent)

    async def sweep_forgotten(self) -> None:
        """Forgets the peers that have been silent for many days."""
        old = self._kit.now() - self._kit.settings.peer_days * 86_400
        await self._kit.state.write(lambda rows: rows.drop(Peer, gone=True, last_seen__lt=old))

    async def online(self, user_id: str | None = None) -> list[Peer]:
        """The online peers, of one user or of all, longest connected first."""
        where = {} if user_id is None else {"user_id": user_id}
        peers = await self._kit.state.read(
            lambda rows: rows.find(Peer, gone=False, order="connected_at", limit=100_000, **where)
        )
        return [peer for peer in peers if self.is_online(peer)]

    async def is_here(self, user_id: str) -> bool:
        return bool(await self.online(user_id))

    def is_online(self, peer: Peer) -> bool:
        return is_online(peer, live=self._live(peer), now=self._kit.now(), silence_s=self._kit.settings.silence_s)

    def _live(self, peer: Peer) -> bool:
        return self._kit.bus.line(peer.peer_id) is not None

    async def _gone(self, peer_ids: list[str]) -> None:
        """Marks peers gone; each that was not yet is announced, exactly once."""
        kit = self._kit

        def change(rows: Rows) -> list[str]:
            went = []
            for start in range(0, len(peer_ids), 500):
                for peer in rows.find(Peer, peer_id__in=peer_ids[start : start + 500], gone=False):
                    rows.put(msgspec.structs.replace(peer, gone=True))
                    went.append(peer.peer_id)
            return went

        for peer_id in await kit.state.write(change):
            if kit.bus.line(peer_id) is None:
                self._announcer.say(messages.PeerDisconnected(peer_id), but=peer_id)


def _heard_all(rows: Rows, peer_ids: list[str], now: float) -> None:
    for start in range(0, len(peer_ids), 500):
        for peer in rows.find(Peer, peer_id__in=peer_ids[start : start + 500], gone=False):
            rows.put(msgspec.structs.replace(peer, last_seen=now))


def known(rows: Rows, peer_id: str) -> Peer:
    """The peer, or NotFound."""
    peer = rows.get(Peer, peer_id) if is_our_id(peer_id) else None
    if peer is None:
        raise NotFound("no such peer; connect first")
    return peer
