"""How long a receiver waits for a sender that cannot come back: one that reads its standard input, once it was stopped.

Nobody can tell a sender that was killed from one that is cut off, so it is asked a few times, then given up. Tell it
what time it is, and it says what to do. No clock, no socket; times are seconds of one clock. Twin of
web/core/silence.js, held to the same walks. Spec: docs/spec/session.md.
"""

from enum import StrEnum

ASK_AT = (10.0, 20.0, 40.0, 80.0)  # of silence: a sender that lives answers each time
END_AT = 120.0  # of silence, after which it counts as stopped


class Act(StrEnum):
    ASK = "ask"  # for a segment from what is held on
    END = "end"


class Silence:
    """
    >>> silence = Silence(100.0)
    >>> silence.tick(110.0, 100.0, wanted=True), silence.tick(120.0, 100.0, wanted=True), silence.warned
    (<Act.ASK: 'ask'>, <Act.ASK: 'ask'>, True)
    >>> silence.tick(121.0, 120.5, wanted=True), silence.tick(240.5, 120.5, wanted=True), silence.warned
    (None, <Act.END: 'end'>, False)
    """

    def __init__(self, now: float) -> None:
        self._since, self._asked = now, 0

    @property
    def warned(self) -> bool:
        """It has not answered once: the person hears what that may mean."""
        return self._asked > 1

    def tick(self, now: float, heard_at: float, *, wanted: bool) -> Act | None:
        """`heard_at`: its last word, or the last byte of its blocks. `wanted`: only the sender has what is missing, the
        person wants it, and the server answers us. Any other time is no silence of the sender's."""
        if not wanted or heard_at > self._since:
            self._since, self._asked = heard_at if wanted else now, 0
        silent = now - self._since
        if silent >= END_AT:
            return Act.END
        if self._asked >= len(ASK_AT) or silent < ASK_AT[self._asked]:
            return None
        self._asked += 1
        return Act.ASK
