"""Who is online: a rule over a peer's record, the time, and whether a socket of it is live. No timers here."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from math import inf

from burrowspace.core.records import Peer

SILENCE_S = 60.0  # a peer not heard from for this long is offline (contract)


def is_online(peer: Peer, *, live: bool, now: float, silence_s: float = SILENCE_S) -> bool:
    """Online is a live socket, or a sign of life in the last minute with no good-bye after it."""
    return live or (not peer.gone and now - peer.last_seen < silence_s)


def fell_silent(peer: Peer, *, live: bool, now: float, silence_s: float = SILENCE_S) -> bool:
    """Whether this peer is to be marked gone now, and the others told, once."""
    return not peer.gone and not is_online(peer, live=live, now=now, silence_s=silence_s)


IDLE_S = 3600.0  # a device that was used may be forgotten in favour of a new one after this long a silence


def makes_room(
    peers: Sequence[Peer],
    guards: Collection[str],
    address: str | None,
    live: Callable[[Peer], bool],
    now: float,
    most: int,
) -> tuple[Peer | None, float]:
    """Which of a user's peers is forgotten for a new one from `address`, where `most` are remembered of one user.

    None and 0: there is room. None and seconds: nobody may go before that. Anyone may say any user's name, so an
    address may hold only half of a user's peers: from then on its own make room. Peers that were never used go
    first, those whose token guards the user go last.
    """
    mine = [peer for peer in peers if address is not None and peer.address == address]
    full = len(mine) >= max(1, most // 2)
    if not full and len(peers) < most:
        return None, 0.0
    among = mine if full else peers
    idle_s = SILENCE_S if full else IDLE_S
    free_at = {peer.peer_id: _free_at(peer, live(peer), own=full, now=now, idle_s=idle_s) for peer in among}
    order = sorted(among, key=lambda peer: (peer.peer_id in guards, peer.used, peer.last_seen))
    gone = next((peer for peer in order if free_at[peer.peer_id] < now), None)
    if gone is None and not full:
        gone = _crowding(peers, address)
    return gone, 0.0 if gone is not None else max(1.0, min(free_at.values()) - now)


def _free_at(peer: Peer, live: bool, *, own: bool, now: float, idle_s: float) -> float:
    """From when on the peer may be forgotten in favour of another, if nothing is heard of it."""
    if live:
        return now + idle_s
    if not peer.used:
        return -inf if own else peer.last_seen + SILENCE_S
    return peer.last_seen + idle_s


def _crowding(peers: Sequence[Peer], address: str | None) -> Peer | None:
    """The oldest unused peer of the address that has the most of those, if that is another's and has several."""
    unused = [peer for peer in peers if not peer.used and peer.address is not None]
    counts = Counter(peer.address for peer in unused)
    crowd, count = counts.most_common(1)[0] if counts else (None, 0)
    if count < 2 or crowd == address:
        return None
    return min((peer for peer in unused if peer.address == crowd), key=lambda peer: peer.last_seen)
