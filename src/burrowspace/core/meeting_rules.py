"""What the end of a meeting costs: this meeting alone, or the code. Twin of web/core/meeting-rules.js.

A meeting is one try of a code at one end. Until a proof came (at the sender) or was given (at the receiver), nobody can
test a guess, so whatever goes wrong ends this meeting only. From the proof on, anything but success burns the code at
that end. No socket, no clock. Spec, with the arithmetic: docs/spec/meeting.md.
"""

from collections.abc import Sequence
from enum import StrEnum

FIRST_WORDS, NEXT_WORDS = 2, 3  # of the first code for one receiver, and of every other
BURNS_MOST = 3  # after so many the person decides whether there is another code
LIVE_MOST = 16  # meetings of one code side by side
MEETING_S = 30.0  # that one meeting may take


class Stand(StrEnum):
    OPEN = "open"  # no proof yet
    PROVED = "proved"  # sender: a proof came and is being checked; receiver: its own is about to leave
    DONE = "done"  # the secret changed hands
    OVER = "over"  # this meeting ended, the code is still good
    BURNT = "burnt"  # this end must not use the code again


NEXT: dict[Stand, dict[str, Stand]] = {
    Stand.OPEN: {
        "proof": Stand.PROVED,
        "malformed": Stand.OVER,  # not a message, or not the one that is due
        "no-point": Stand.OVER,  # not a point of the curve, or our own message
        "refused": Stand.OVER,  # by the server: the mailbox is full or gone
        "unreachable": Stand.OVER,
        "late": Stand.OVER,
        "cut": Stand.OVER,  # cancelled here, or it gave way to another
    },
    Stand.PROVED: {
        "done": Stand.DONE,
        "wrong-proof": Stand.BURNT,
        "malformed": Stand.BURNT,
        "no-point": Stand.BURNT,
        "refused": Stand.BURNT,
        "unreachable": Stand.BURNT,
        "late": Stand.BURNT,
        "cut": Stand.BURNT,
    },
    Stand.DONE: {},
    Stand.OVER: {},
    Stand.BURNT: {},
}
EVENTS = frozenset(event for row in NEXT.values() for event in row)


def after(stand: Stand, event: str) -> Stand:
    """Where a meeting stands after an event. What has ended stays as it ended.

    >>> after(Stand.OPEN, "unreachable"), after(Stand.PROVED, "unreachable"), after(Stand.DONE, "cut")
    (<Stand.OVER: 'over'>, <Stand.BURNT: 'burnt'>, <Stand.DONE: 'done'>)
    """
    if event not in EVENTS:
        raise ValueError(f"a meeting has no event {event}")
    row = NEXT[stand]
    if row and event not in row:
        raise ValueError(f"{event} cannot happen while a meeting is {stand}")
    return row.get(event, stand)


def words_for(burns: int, *, several: bool = False) -> int | None:
    """How many words the next code of a transfer has, after so many burnt ones; None: only if the person asks for one,
    and then NEXT_WORDS. `several`: more than one receiver may use it, and each gives the server a guess.

    >>> [words_for(burns) for burns in range(5)], words_for(0, several=True)
    ([2, 3, 3, None, None], 3)
    """
    if burns >= BURNS_MOST:
        return None
    return NEXT_WORDS if burns or several else FIRST_WORDS


def gives_way(live: Sequence[tuple[Stand, bool]]) -> int | None:
    """Which of the meetings makes room for a new claim. Each: (stand, whether anything was heard), the oldest first.

    The oldest one that nobody spoke in, else the oldest without a proof; one with a proof never gives way. None: there
    is room, or none gives way.

    >>> gives_way([(Stand.OPEN, True)] * 8 + [(Stand.OPEN, False)] * 8), gives_way([(Stand.OPEN, True)] * 16)
    (8, 0)
    """
    if len(live) < LIVE_MOST:
        return None
    waiting = [at for at, (stand, _) in enumerate(live) if stand is Stand.OPEN]
    silent = [at for at in waiting if not live[at][1]]
    return next(iter(silent or waiting), None)
