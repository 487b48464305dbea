"""How often somebody may do something: a bucket for each address that fills at a steady rate.

Pure: the clock comes in. What it remembers is bounded; whoever was heard least lately is forgotten first.
"""

_REMEMBERED = 20_000  # addresses


class Rate:
    """`per_minute` times a minute, and as many at once.

    >>> rate = Rate(2)
    >>> [rate.allows("a", 0.0), rate.allows("a", 0.0), rate.allows("a", 1.0), rate.allows("a", 31.0)]
    [True, True, False, True]
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._most, self._per_s = float(per_minute), per_minute / 60
        self._left: dict[str, tuple[float, float]] = {}  # how many are left, and when that was so; the latest last

    def allows(self, who: str, now: float) -> bool:
        """Counts one more; False, and counts nothing, where that is too many."""
        return not self.wait(who, now)

    def wait(self, who: str, now: float) -> float:
        """Counts one more, and gives 0; or counts nothing, and gives the seconds until that would pass.

        >>> rate = Rate(1)
        >>> rate.wait("a", 0.0), rate.wait("a", 0.0), rate.wait("a", 30.0)
        (0.0, 60.0, 30.0)
        """
        left, since = self._left.get(who, (self._most, now))
        left = min(self._most, left + max(0.0, now - since) * self._per_s)
        if left < 1:
            return (1 - left) / self._per_s
        if self._left.pop(who, None) is None and len(self._left) >= _REMEMBERED:
            del self._left[next(iter(self._left))]  # heard least lately: of all buckets it has filled up the longest
        self._left[who] = (left - 1, now)
        return 0.0


class Window:
    """At most `each` for one name and `most` in all, in every stretch of `seconds`; cheap whatever comes in.

    For strangers whose names may be made up: what it remembers is bounded by `most` and costs nothing to forget.

    >>> window = Window(2, 3, 10)
    >>> [window.allows(who, 0.0) for who in "aaabc"], window.allows("c", 10.0)
    ([True, True, False, True, False], True)
    """

    def __init__(self, each: int, most: int, seconds: float) -> None:
        self._each, self._most, self._seconds = each, most, seconds
        self._counts: dict[str, int] = {}
        self._all, self._until = 0, 0.0

    def allows(self, who: str, now: float) -> bool:
        """Counts one more; False, and counts nothing, where that is too many."""
        if now >= self._until:
            self._counts, self._all, self._until = {}, 0, now + self._seconds
        count = self._counts.get(who, 0)
        if count >= self._each or self._all >= self._most:
            return False
        self._counts[who] = count + 1
        self._all += 1
        return True
