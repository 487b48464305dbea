"""Peers come, are heard, fall silent and go."""

import asyncio
from typing import NamedTuple

import msgspec

from burrowspace.core import messages
from burrowspace.core.errors import Forbidden, NotFound, TooMany
from burrowspace.core.inbox import NEVER
from burrowspace.core.joining import ANSWER_S, Joining, Seat, seat
from burrowspace.core.names import is_our_id
from burrowspace.core.presence import IDLE_S, fell_silent, is_online, makes_room
from burrowspace.core.records import Applicant, Origin, Peer
from burrowspace.ports import Line, Rows
from burrowspace.server.driver.announcer import Announcer
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.devices import DeviceInfo, Devices, check_applicant, network
from burrowspace.server.driver.nodes import Nodes
from burrowspace.server.driver.notices import Postman
from burrowspace.server.driver.tokens import device_of, digest, is_guarded, is_token_of, speak_for, speak_for_user


class Welcome(NamedTuple):
    peer: Peer
    token: str
    pending: bool = False  # it is no peer yet: a device of the user has to approve it


class Registered(NamedTuple):
    """A peer whose socket is its line now; `anew`: for the first time."""

    peer: Peer
    anew: bool


class Presence:
    """Who is online, and telling the others who is not any more."""

    def __init__(
        self, context: DriverContext, announcer: Announcer, postman: Postman, nodes: Nodes | None = None
    ) -> None:
        self._context, self._announcer, self._postman = context, announcer, postman
        self._nodes = nodes or Nodes(context)
        self.devices = Devices(context, postman)
        self._networks: dict[str, str | None] = {}  # of the sockets that are peers now

    async def connect(
        self, user_id: str, token: str | None = None, device: DeviceInfo | None = None, address: str | None = None
    ) -> Welcome:
        """A new device of the user. TooMany at the bounds of peers; one that was never used makes room first.

        Where the user is guarded, `token` is that of another of their devices, or the new one waits for an answer;
        with the token of one that waits already, it is that one.
        """
        context, made, device = self._context, self._context.new_token(), device or DeviceInfo()
        settings, now = context.settings, context.now()

        def change(rows: Rows) -> Peer | Applicant:
            known = None if token is None else device_of(rows, user_id, token)
            if known is None and is_guarded(rows, user_id):
                return self.devices.apply(rows, user_id, token, made, device)
            self._make_room(rows, user_id, address, now)
            if address is not None and rows.count(Peer, address=address) >= settings.max_peers_per_address:
                words = f"{settings.max_peers_per_address} devices have connected from your address already"
                self._forget_one(rows, words, now, address=address)
            elif rows.count(Peer) >= settings.max_peers:
                self._forget_one(rows, "this server remembers as many devices as it may; try again later", now)
            peer = Peer(context.new_id(), user_id, digest(made), False, now, now, False, NEVER, address, used=False)
            rows.put(Origin(peer.peer_id, user_id, device.network, False))
            return rows.put(peer)

        given = await context.state.write(change)
        if isinstance(given, Peer):
            return Welcome(given, made)
        await self.devices.wake(given)
        again = token is not None and is_token_of(token, given)
        return Welcome(_to_be(given), token if again and token is not None else made, pending=True)

    def _make_room(self, rows: Rows, user_id: str, address: str | None, now: float) -> None:
        """For one more peer of the user. TooMany."""
        most, peers = self._context.settings.max_user_peers, rows.find(Peer, user_id=user_id)
        guards = {each.peer_id for each in rows.find(Origin, user_id=user_id, guards=True)}
        goes, wait_s = makes_room(peers, guards, address, self._live, now, most)
        if goes is not None:
            _forget(rows, [goes.peer_id])
        elif wait_s > 0:
            raise TooMany(f"this user has {most} devices already, or your address too many of them", wait_s)

    def _forget_one(self, rows: Rows, words: str, now: float, **where: str) -> None:
        """Makes room among the peers of `where`: for one that was never used and is silent, or else for the longest
        silent of those that are gone. TooMany where there is none."""
        silence = self._context.settings.silence_s
        unused = rows.find(Peer, used=False, order="last_seen", limit=1, **where)
        gone = rows.find(Peer, gone=True, order="last_seen", limit=1, **where)
        free = [(unused[0].last_seen + silence, unused[0])] if unused else []
        free += [(gone[0].last_seen + IDLE_S, gone[0])] if gone else []
        for free_at, peer in free:
            if free_at < now and not self._live(peer):
                _forget(rows, [peer.peer_id])
                return
        raise TooMany(words, min([free_at - now for free_at, _ in free if free_at >= now], default=IDLE_S))

    async def heard(self, peer_id: str, token: str | None) -> Peer:
        """A sign of life; brings the peer back online. NotFound for an unknown one, NotApproved for one that waits."""
        return (await self._hear(peer_id, token)).peer

    async def _hear(self, peer_id: str, token: str | None, *, registers: bool = False) -> Registered:
        now, node = self._context.now(), self._context.node

        def change(rows: Rows) -> Registered:
            check_applicant(rows, peer_id, now)
            peer = speak_for(rows, known(rows, peer_id), token)
            after = msgspec.structs.replace(peer, last_seen=max(now, peer.last_seen), gone=False, used=True)
            if registers and node:
                after = msgspec.structs.replace(after, node=node, line=peer.line + 1)
            return Registered(rows.put(after), not peer.used)

        return await self._context.state.write(change)

    async def register(self, line: Line, peer_id: str, token: str | None, address: str | None = None) -> Registered:
        """`line` is the peer's from now on; another socket that was it is let go. The caller delivers next.

        Forbidden where the peer has no token, another network's socket is it, and that one is alive.
        """
        await self._take_seat(peer_id, token, address, line)
        registered = await self._hear(peer_id, token, registers=True)
        if line.connected:
            self._networks[peer_id] = None if address is None else network(address)
            self._postman.came(registered.peer)
            if (before := self._context.bus.attach(peer_id, line, registered.peer.line)) is not None:
                before.disconnect(close=True)
        elif self._context.bus.here(peer_id) is None:  # it closed while the record was written
            await self._gone([peer_id])
        return registered

    async def disconnect(self, peer_id: str, token: str | None, address: str | None = None) -> Peer:
        """The peer says good-bye; its socket, if any, is closed. A device that waits for an answer waits no longer."""
        await self._take_seat(peer_id, token, address, None)

        def change(rows: Rows) -> Peer:
            asked = rows.get(Applicant, peer_id)
            if asked is not None and asked.state == Joining.PENDING:
                self.devices.withdraw(rows, asked)
                return _to_be(asked)
            return speak_for(rows, known(rows, peer_id), token)

        peer = await self._context.state.write(change)
        await self._hang_up(peer_id)
        await self._gone([peer_id], anywhere=True)
        return peer

    async def revoke(self, peer_id: str, token: str | None) -> None:
        """A device of the user that has a token takes one of the user's devices away: it is unknown from now on."""

        def change(rows: Rows) -> Peer:
            peer = known(rows, peer_id)
            speak_for_user(rows, peer.user_id, token)
            rows.drop(Applicant, peer_id=peer_id)
            _forget(rows, [peer_id])
            return peer

        peer = await self._context.state.write(change)
        await self._hang_up(peer_id)
        if not peer.gone:
            self._announcer.say(messages.PeerDisconnected(peer_id), but=peer_id)

    async def lost(self, peer_id: str, line: Line) -> None:
        """A socket closed; the peer is offline at once unless another socket has taken its place."""
        self.devices.forget(peer_id, line)
        if self._context.bus.detach(peer_id, line):
            self._networks.pop(peer_id, None)
            self._postman.forget(peer_id)
            await self._gone([peer_id])

    async def sweep_silent(self) -> None:
        """Marks those that have fallen silent, once each, and tells the others."""
        now, silence = self._context.now(), self._context.settings.silence_s
        quiet = await self._context.state.read(lambda rows: rows.find(Peer, gone=False, last_seen__lt=now - silence))
        silent = [p.peer_id for p in quiet if fell_silent(p, live=self._live(p), now=now, silence_s=silence)]
        alive = []
        for peer in quiet:
            line = self._context.bus.here(peer.peer_id)
            if line is None:
                continue
            if self._nodes.lives(peer.node):  # it has registered elsewhere, and this node was not told
                line.disconnect(close=True)
            else:
                alive.append(peer.peer_id)
        if alive:  # an open socket is a sign of life: the next look passes over these for a while
            await self._context.state.write(lambda rows: _heard_all(rows, alive, now))
        if silent:
            await self._gone(silent, silent_since=now - silence)

    async def sweep_forgotten(self) -> None:
        """Forgets the peers that have been silent for many days, and soon those that never came."""
        settings, now = self._context.settings, self._context.now()
        old, unused = now - settings.peer_days * 86_400, now - settings.unused_peer_s

        def change(rows: Rows) -> None:
            over = rows.find(Peer, gone=True, last_seen__lt=old) + rows.find(Peer, used=False, last_seen__lt=unused)
            for start in range(0, len(over), 500):
                _forget(rows, [peer.peer_id for peer in over[start : start + 500]])

        await self._context.state.write(change)

    async def online(self, user_id: str | None = None) -> list[Peer]:
        """The online peers, of one user or of all, longest connected first."""
        where = {} if user_id is None else {"user_id": user_id}
        peers = await self._context.state.read(
            lambda rows: rows.find(Peer, gone=False, order="connected_at", limit=100_000, **where)
        )
        return [peer for peer in peers if self.is_online(peer)]

    async def online_count(self) -> int:
        """How many peers are online. Reads the few that the next sweep will look at, never all."""
        cutoff = self._context.now() - self._context.settings.silence_s

        def count(rows: Rows) -> tuple[int, list[Peer]]:
            return rows.count(Peer, gone=False, last_seen__gt=cutoff), rows.find(Peer, gone=False, last_seen__lt=cutoff)

        heard, quiet = await self._context.state.read(count)
        return heard + sum(map(self._live, quiet))

    async def is_here(self, user_id: str) -> bool:
        return bool(await self.online(user_id))

    def is_online(self, peer: Peer) -> bool:
        return is_online(
            peer, live=self._live(peer), now=self._context.now(), silence_s=self._context.settings.silence_s
        )

    async def _take_seat(self, peer_id: str, token: str | None, address: str | None, line: Line | None) -> None:
        """Passes who may take the place of the peer's live socket: see `seat`. `line` is the caller's own, if any."""
        if token is not None or address is None:
            return
        alive: bool | None = None
        asked: Line | None = None
        while True:
            before = await self._context.bus.find(peer_id)
            live = before is not None and before is not line and before.connected
            if not live:
                return
            if before is not asked:  # the first time, or another socket registered meanwhile
                peer, origin = await self._context.state.read(
                    lambda rows: (rows.get(Peer, peer_id), rows.get(Origin, peer_id))
                )
                if peer is None or peer.token_used:
                    return  # refused where the token is looked at
                alive = None
            here = network(address)
            near = here in (self._networks.get(peer_id), origin.network if origin else None)
            match seat(token=False, live=live, near=near, alive=alive):
                case Seat.FREE:
                    return
                case Seat.TAKEN:
                    raise Forbidden("this peer has a live socket in another network; only that one may speak for it")
                case Seat.ASK:
                    assert before is not None
                    asked, alive = before, await _is_alive(before)

    async def _hang_up(self, peer_id: str) -> None:
        """Closes the peer's socket, wherever it is."""
        line = await self._context.bus.find(peer_id)
        if line is not None:
            if self._context.bus.detach(peer_id, line):
                self._networks.pop(peer_id, None)
                self._postman.forget(peer_id)
            line.disconnect(close=True)

    def _live(self, peer: Peer) -> bool:
        """Whether it has a socket: here, or on another node that lives and has not said that it is gone."""
        return self._context.bus.line(peer.peer_id) is not None or (not peer.gone and self._nodes.lives(peer.node))

    async def _gone(self, peer_ids: list[str], *, anywhere: bool = False, silent_since: float | None = None) -> None:
        """Marks peers gone; each that was not yet is announced, exactly once. One that registered on another node
        meanwhile is not gone, unless it is `anywhere`; nor is one that was heard after `silent_since`."""
        context = self._context

        def stays(peer: Peer) -> bool:
            elsewhere = not anywhere and self._nodes.lives(peer.node)
            return elsewhere or (silent_since is not None and peer.last_seen >= silent_since)

        def change(rows: Rows) -> list[str]:
            went = []
            for start in range(0, len(peer_ids), 500):
                for peer in rows.find(Peer, peer_id__in=peer_ids[start : start + 500], gone=False):
                    if not stays(peer):
                        rows.put(msgspec.structs.replace(peer, gone=True))
                        went.append(peer.peer_id)
            return went

        for peer_id in await context.state.write(change):
            if context.bus.line(peer_id) is None:
                self._announcer.say(messages.PeerDisconnected(peer_id), but=peer_id)


async def _is_alive(line: Line) -> bool:
    """Whether a socket answers a ping in time, or something of it arrives: its pong may wait behind what it sends."""
    before = line.arrivals
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    line.confirm(lambda ok: None if answer.done() else answer.set_result(ok))
    try:
        async with asyncio.timeout(ANSWER_S):
            return await answer
    except TimeoutError:
        return line.connected and line.arrivals != before


def _to_be(asked: Applicant) -> Peer:
    """The peer that a device would be; stored nowhere."""
    return Peer(asked.peer_id, asked.user_id, asked.token_hash, False, asked.asked_at, asked.asked_at, True, NEVER)


def _forget(rows: Rows, peer_ids: list[str]) -> None:
    rows.drop(Peer, peer_id__in=peer_ids)
    rows.drop(Origin, peer_id__in=peer_ids)


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
