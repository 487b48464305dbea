"""Which notices a device has yet to hear. Numbers rise; a device confirms up to one.

A device that has confirmed nothing yet hears what no other device of its user has heard, every request that still waits
for an answer, and all that came since it connected, whoever heard that; one that has hears what came since.
"""

from collections.abc import Iterable, Sequence

from burrowspace.core.records import Notice, Peer

NEVER = -1  # the `seen` of a device that has confirmed nothing yet
WAITING = frozenset({"transfer_request", "device_request"})  # dropped once answered: those that are left still wait


def unheard(peer: Peer, others: Iterable[Peer], notices: Sequence[Notice]) -> list[Notice]:
    """The notices to hand to `peer` now, in order; `others` are the user's other devices."""
    if peer.seen != NEVER:
        return [n for n in notices if n.number > peer.seen]
    heard = max((o.seen for o in others), default=0)
    return [n for n in notices if n.number > heard or n.event in WAITING or n.created_at >= peer.connected_at]
