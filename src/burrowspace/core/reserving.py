"""How much an upload reserves while it runs: in steps, as its bytes arrive. Sizes are bytes.

A stranger may announce any length and send nothing. So an announcement is only compared with the room there is; what
counts against the quotas is a few times what has really come, at least one small step and at most one large one more.
"""

from typing import NamedTuple

STEP, STEP_MOST = 16 << 20, 1 << 30
LEAST = 64 << 10  # bytes that must fit for an upload to go on, where its length is not known


class Need(NamedTuple):
    """`fits` must fit, or the upload is refused; up to `most` is reserved. Both count what rests already."""

    fits: int
    most: int


def need(rest: int, whole: int | None, coming: int | None) -> Need:
    """What an upload needs of which `rest` bytes lie here: `whole` is what will lie here in the end, if that is known,
    and `coming` what this body brings, if that is.

    >>> need(0, 10 << 30, 0), need(0, 1000, 1000)
    (Need(fits=10737418240, most=0), Need(fits=1000, most=1000))
    >>> need(0, 10 << 30, 10 << 30).most >> 20, need(64 << 20, None, None).most >> 20
    (16, 256)
    """
    if coming is not None and whole is not None:
        whole = max(whole, rest + coming)
    goal = whole if whole is not None else None if coming is None else rest + coming
    step = min(STEP_MOST, max(STEP, 3 * rest))
    if coming == 0:
        return Need(rest if goal is None else goal, rest)
    if goal is None:
        return Need(rest + LEAST, rest + step)
    return Need(goal, min(goal, rest + step))


def enough(reserved: int, rest: int, coming: int | None, most: int) -> bool:
    """Whether what is reserved lasts for a while, so that nothing needs to be written down.

    >>> enough(64 << 20, 0, 60 << 20, 1 << 40), enough(64 << 20, 60 << 20, 60 << 20, 1 << 40)
    (True, False)
    """
    return reserved >= min(most, rest + STEP if coming is None else rest + min(coming, STEP))
