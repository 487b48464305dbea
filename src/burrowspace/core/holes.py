"""Where the files of a transfer have holes: runs of zeros that take no room on a disk, and need not travel.

Arithmetic only. Offsets and lengths are bytes. Spec: docs/spec/manifest.md.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

HOLES = 100_000  # of one manifest; what else there is travels as zeros
LEAST = 64 << 10  # bytes of a hole that is worth a word

Hole = tuple[int, int, int]  # number of the file in the pack, offset in it, length


class Holes:
    """The holes of a row of files: `starts` says where each file begins in the content."""

    def __init__(self, holes: Sequence[Hole], starts: Sequence[int]) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        self.files = {file for file, _, _ in holes}
        self.of: dict[int, int] = {}  # bytes of a file's holes
        for file, offset, length in holes:
            begin = starts[file] + offset
            self.of[file] = self.of.get(file, 0) + length
            if self._ends and self._ends[-1] == begin:
                self._ends[-1] += length
            else:
                self._begins.append(begin)
                self._ends.append(begin + length)

    def run(self, at: int) -> int:
        """How many bytes from `at` of the content on lie in holes.

        >>> holes = Holes([(0, 10, 5), (1, 0, 5)], [0, 15])
        >>> holes.run(9), holes.run(10), holes.run(19), holes.run(20)
        (0, 10, 1, 0)
        """
        near = bisect_right(self._begins, at) - 1
        return max(0, self._ends[near] - at) if near >= 0 else 0

    def split(self, at: int, upto: int) -> Iterator[tuple[int, int, bool]]:
        """[at, upto) of the content as pieces (begin, end, is it a hole), in order.

        >>> list(Holes([(0, 10, 5)], [0]).split(8, 20))
        [(8, 10, False), (10, 15, True), (15, 20, False)]
        """
        while at < upto:
            run = self.run(at)
            if run:
                end = min(upto, at + run)
            else:
                near = bisect_right(self._begins, at)
                end = min(upto, self._begins[near]) if near < len(self._begins) else upto
            yield at, end, bool(run)
            at = end


def fit(holes: Sequence[Hole], sizes: Sequence[int | None]) -> bool:
    """Whether they lie in files of these sizes, in order and apart.

    >>> fit([(0, 0, 5), (0, 7, 1)], [8]), fit([(0, 0, 5), (0, 4, 1)], [8]), fit([(1, 0, 1)], [8])
    (True, False, False)
    """
    before = (-1, 0)
    for file, offset, length in holes:
        if not 0 <= file < len(sizes) or (size := sizes[file]) is None:
            return False
        if offset < 0 or length < 1 or offset + length > size or (file, offset) < before:
            return False
        before = (file, offset + length)
    return True
