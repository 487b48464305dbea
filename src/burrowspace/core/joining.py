"""Who may be a device of a user, and which network a socket for it may come from: two tables. Nothing here acts.

A user is *guarded* once one of their devices has used its token: see `guards`. A new device of a guarded user shows the
token of one of them or waits until one of them answers. Who acts: server/driver/devices.py and presence.py. Spec:
docs/spec/devices.md.
"""

from collections.abc import Iterable
from enum import StrEnum

from burrowspace.core.errors import WrongState
from burrowspace.core.records import Applicant, Origin, Peer

PER_USER = 10  # devices of one user that may wait for an answer
PER_NETWORK = 5  # of those, from one network; one more takes the place of the oldest
TOTAL = 10_000  # on the whole server
WAIT_S = 3600.0  # how long a device waits for an answer
ANSWER_S = 5.0  # how long an old socket has to show that it is alive when another network wants its place
KNOWN_S = 7 * 86_400.0  # how long a device without a token keeps a later one from guarding its user
PRESENT_S = 3600.0  # how long after its last sign of life a device without a token may still make calls


class Joining(StrEnum):
    PENDING = "pending"  # it waits; no device of the user has answered
    APPROVED = "approved"  # it is a peer of the user now
    REJECTED = "rejected"  # it never will be under this id


# fmt: off
NEXT: dict[Joining, dict[str, Joining]] = {
    Joining.PENDING:  {"approve": Joining.APPROVED, "reject": Joining.REJECTED},
    Joining.APPROVED: {"approve": Joining.APPROVED},
    Joining.REJECTED: {"reject": Joining.REJECTED},
}
# fmt: on


def answered(state: Joining, answer: str) -> Joining:
    """Where an answer takes a device that asked to join. WrongState where it was answered otherwise.

    >>> answered(Joining.PENDING, "approve"), answered(Joining.REJECTED, "reject")
    (<Joining.APPROVED: 'approved'>, <Joining.REJECTED: 'rejected'>)
    """
    try:
        return NEXT[state][answer]
    except KeyError:
        raise WrongState(f"this device was {state} already", state) from None


class Seat(StrEnum):
    """What becomes of a call or a new socket that speaks for a peer."""

    FREE = "free"  # it may
    ASK = "ask"  # first ask the live socket whether it is still there
    TAKEN = "taken"  # it may not: the peer is alive elsewhere


def seat(*, token: bool, live: bool, near: bool, alive: bool | None = None) -> Seat:
    """Whether a caller may take a peer's place. `token`: it showed the peer's. `live`: another socket of the peer is
    open. `near`: the caller is in the network that connected the peer, or in that socket's. `alive`: that socket's
    answer to a ping; None before it was asked.

    >>> seat(token=False, live=True, near=False), seat(token=False, live=True, near=False, alive=True)
    (<Seat.ASK: 'ask'>, <Seat.TAKEN: 'taken'>)
    >>> seat(token=False, live=False, near=False)
    <Seat.FREE: 'free'>
    """
    if token or near or not live or alive is False:
        return Seat.FREE
    return Seat.ASK if alive is None else Seat.TAKEN


def guards(peer: Peer, origin: Origin | None, others: Iterable[Peer], origins: dict[str, Origin]) -> bool:
    """Whether `peer`, which has just used its token, guards its user from now on.

    Not while the user has a device that came first, goes without a token and is in another network: whoever is second
    to a user id must not lock out whoever was first.
    """
    here = None if origin is None else origin.network
    for other in others:
        first = not other.token_used and other.connected_at <= peer.connected_at
        if first and other.last_seen > peer.connected_at - KNOWN_S:
            there = origins.get(other.peer_id)
            if (None if there is None else there.network) != here:
                return False
    return True


def makes_room(waiting: list[Applicant], network: str | None) -> Applicant | None:
    """Who gives up its place when as many devices wait as may: the oldest of the network that has most of them.

    None where that is the caller's own network: then the caller is turned away.
    """
    crowds: dict[str | None, list[Applicant]] = {}
    for each in waiting:
        crowds.setdefault(each.network, []).append(each)
    most = max(map(len, crowds.values()))
    if len(crowds.get(network, ())) >= most:
        return None
    return min(next(crowd for crowd in crowds.values() if len(crowd) == most), key=lambda each: each.asked_at)
