"""A multipart body whose file is moved unscanned: where it starts, where it must end, and the proof that it did.

Nearly every client sends the file as the last part, so its length is Content-Length minus what stands before and
behind. The bytes behind it are checked, and the file is searched for another part, as fast as memory is read; where
there is one, or the closing boundary is not where it must be, the form is read again from the disk.
"""

import re
from typing import NamedTuple

from burrowspace.core.names import form_name
from burrowspace.server.multipart import PARTS, header_options
from burrowspace.system.files import read_into
from burrowspace.system.search import Window

HEAD_BYTES = 64 * 1024  # of a form before its file, here; longer ones take the ordinary way
OVERLAP = 80  # bytes in which a boundary may lie across two pieces
_DISPOSITION = re.compile(rb"(?<=\r\n)content-disposition:[ \t]*([^\r]*)", re.IGNORECASE)
_LOOK = 256 << 10  # bytes that are searched at once; they stay in the processor's cache


class FilePart(NamedTuple):
    """Where the file's bytes start in the body, the name they came under, and what must follow them."""

    start: int
    name: str
    trailer: bytes


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a form, or None where there is no proper one."""
    kind, options = header_options(content_type)
    boundary = options.get(b"boundary", b"")
    return boundary if kind == b"multipart/form-data" and 1 <= len(boundary) <= 70 else None


class FormHead:
    """The beginning of a form, looked through once as it comes in: what was searched is not searched again, however
    small the pieces are.

    >>> head = FormHead(b"B")
    >>> head.feed(b'--B\\r\\nContent-Disposition: form-data; name="file"; filename="a"\\r\\n\\r')
    >>> part = head.feed(b"\\nxyz")
    >>> bytes(head.data[part.start :])
    b'xyz'
    """

    def __init__(self, boundary: bytes, field: bytes = b"file") -> None:
        self.data = bytearray()
        self.over = False  # the file part is not here and will not be found: the ordinary way may read the form
        self.searched = 0  # bytes that were looked at, in all
        self._field, self._boundary = field, boundary
        self._at = len(boundary) + 4  # where the headers of the present part begin
        self._end: int | None = None  # and end, once that is known and the part is not the file
        self._from = 0  # nothing before this needs another look
        self._parts = 0

    def feed(self, data: bytes) -> FilePart | None:
        """The file part once its headers are complete; None while more must come, or when it is `over`."""
        self.data += data
        found = None
        while found is None and not self.over and self._step():
            found = self._file()
        self.over = self.over or (found is None and len(self.data) >= HEAD_BYTES)
        return found

    def _step(self) -> bool:
        """Whether the headers of another part are complete."""
        if self._parts == 0:
            start = b"--" + self._boundary + b"\r\n"
            if not start.startswith(self.data[: len(start)]):
                self.over = True
            if len(self.data) < len(start) or self.over:
                return False
            self._parts, self._from = 1, self._at
        if self._end is not None:
            delimiter = b"\r\n--" + self._boundary + b"\r\n"
            at = self._find(delimiter, self._end + 2)
            if at < 0:
                return False
            self._at = self._from = at + len(delimiter)
            self._end = None
            self._parts += 1
            self.over = self._parts > PARTS
        end = self._find(b"\r\n\r\n", self._at)
        if end >= 0:
            self._end = self._from = end
        return end >= 0 and not self.over

    def _find(self, needle: bytes, start: int) -> int:
        start = max(start, self._from)
        found = self.data.find(needle, start)
        self.searched += (found if found >= 0 else len(self.data)) - start
        if found < 0:
            self._from = max(start, len(self.data) - len(needle) + 1)
        return found

    def _file(self) -> FilePart | None:
        """The part whose headers are complete now, if it is the file."""
        assert self._end is not None
        found = _DISPOSITION.search(self.data, self._at, self._end)
        _, options = header_options(bytes(found[1]) if found else b"")
        if options.get(b"name") != self._field or b"filename" not in options:
            return None
        return FilePart(self._end + 4, form_name(options[b"filename"]), b"\r\n--" + self._boundary + b"--\r\n")


def ends_as_it_must(tail: bytes, trailer: bytes) -> int | None:
    """How many bytes of `tail`, as long as `trailer`, still belong to the file; None where the form goes on otherwise.

    Some clients leave out the last line break: then two more bytes are the file's.
    """
    if tail == trailer:
        return 0
    short = trailer[:-2]
    return 2 if tail[2:] == short else None


def holds(file: int, needle: bytes) -> bool:
    """Whether the bytes lie anywhere in the file."""
    window = Window(OVERLAP + _LOOK)
    view, at = window.view, 0
    while got := read_into(file, view[OVERLAP:], at):
        if window.holds(needle, OVERLAP + got):
            return True
        at += got
        view[:OVERLAP] = view[got : got + OVERLAP]
    return False
