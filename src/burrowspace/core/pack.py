"""The pack: the contents of a manifest's files, one behind the other, then one BLAKE3 of 32 bytes for each.

Arithmetic and hashing that both ends share; no file is touched here. Spec: docs/spec/manifest.md.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from blake3 import blake3

DIGEST = 32  # bytes
UNKNOWN = 1 << 62  # bytes: stands for the size of a stream until it ends; more than any manifest may say

Piece = tuple[int, int, int, int]  # file, offset in it, begin and end in the range that was asked for


class Row:
    """Where each file lies in the pack. `sizes` in bytes, in manifest order."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = list(sizes)
        self.starts = list(accumulate(self.sizes, initial=0))
        self.content = self.starts.pop()  # bytes of all files
        self.digests = DIGEST * len(self.sizes)  # bytes of what follows them
        self.size = self.content + self.digests

    def end(self, size: int) -> None:
        """The last file's size, which was not known (UNKNOWN stood for it), turned out to be this."""
        self.sizes[-1] = size
        self.content = self.starts[-1] + size
        self.size = self.content + self.digests

    def pieces(self, at: int, upto: int) -> Iterator[Piece]:
        """What of which file lies in [at, upto) of the content, in order; an empty file is a piece of no bytes.

        >>> list(Row([3, 0, 5]).pieces(2, 6)), list(Row([3, 0, 5]).pieces(0, 3))
        ([(0, 2, 0, 1), (1, 0, 1, 1), (2, 0, 1, 4)], [(0, 0, 0, 3)])
        """
        starts, sizes = self.starts, self.sizes
        file = bisect_left(starts, at)
        if file and starts[file - 1] + sizes[file - 1] > at:
            file -= 1
        last = upto >= self.content  # then empty files at the very end belong here
        while file < len(starts) and (starts[file] < upto or (last and starts[file] == upto)):
            start = starts[file]
            offset = max(0, at - start)
            begin = start + offset - at
            yield file, offset, begin, min(begin + sizes[file] - offset, upto - at)
            file += 1


class Digests:
    """BLAKE3 of each file of a row, from the content given once and in order."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self._hasher = blake3()
        self.upto = 0  # bytes of the content that were hashed
        self.area = bytearray()  # digests of the files that are complete
        self._file = 0

    def add(self, content: memoryview) -> None:
        """The next bytes of the content; what lies behind its end is not looked at."""
        at = self.upto
        upto = min(at + len(content), self._row.content)
        for file, offset, begin, end in self._row.pieces(at, upto):
            if file < self._file:  # an empty file at a seam, which was counted already
                continue
            whole = offset + end - begin == self._row.sizes[file]
            if whole and not offset:
                self.area += blake3(content[begin:end]).digest()
                self._file += 1
                continue
            self._hasher.update(content[begin:end])
            if whole:
                self.area += self._hasher.digest()
                self._hasher = blake3()
                self._file += 1
        self.upto = upto

    def end(self) -> None:
        """All content was given: completes a last file whose size is known only now."""
        if self._file < len(self._row.sizes):
            self.area += self._hasher.digest()
            self._file += 1


def total(area: bytes | bytearray) -> bytes:
    """The digest of a whole transfer: BLAKE3 over the digests of its files."""
    return blake3(area).digest()
