"""Who is online: a rule over a peer's record, the time, and whether a socket of it is live. No timers here."""

from burrowspace.core.records import Peer

SILENCE_S = 60.0  # a peer not heard from for this long is offline (contract)


def is_online(peer: Peer, *, live: bool, now: float, silence_s: float = SILENCE_S) -> bool:
    """Online is a live socket, or a sign of life in the last minute with no good-bye after it."""
    return live or (not peer.gone and now - peer.last_seen < silence_s)


def fell_silent(peer: Peer, *, live: bool, now: float, silence_s: float = SILENCE_S) -> bool:
    """Whether this peer is to be marked gone now, and the others told, once."""
    return not peer.gone and not is_online(peer, live=live, now=now, silence_s=silence_s)
