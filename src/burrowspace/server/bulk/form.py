"""A multipart body whose file is moved unscanned: where it starts, where it must end, and the proof that it did.

Nearly every client sends the file as the last part, so its length is Content-Length minus what stands before and
behind. The bytes behind it are checked, and the file is searched for another part, as fast as memory is read; where
there is one, or the closing boundary is not where it must be, the form is read again from the disk.
"""

import ctypes
import os
import re
from typing import NamedTuple

from python_multipart.multipart import parse_options_header

HEAD_BYTES = 64 * 1024  # of a form before its file, here; longer ones take the ordinary way
OVERLAP = 80  # bytes in which a boundary may lie across two pieces
_LOOK = 256 << 10  # bytes that are searched at once; they stay in the processor's cache
_MEMMEM = ctypes.CDLL(None).memmem
_MEMMEM.restype = ctypes.c_void_p
_MEMMEM.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)


class FilePart(NamedTuple):
    """Where the file's bytes start in the body, the name they came under, and what must follow them."""

    start: int
    name: str
    trailer: bytes


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a form, or None where there is no proper one."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    return boundary if kind == b"multipart/form-data" and 1 <= len(boundary) <= 70 else None


def find_file(head: bytes, boundary: bytes, field: bytes = b"file") -> FilePart | None:
    """The file part whose headers are complete in `head`, the beginning of the body; None where it is not there (yet).

    >>> body = b'--B\\r\\nContent-Disposition: form-data; name="file"; filename="a"\\r\\n\\r\\nxyz'
    >>> body[find_file(body, b"B").start :]
    b'xyz'
    """
    if not head.startswith(b"--" + boundary + b"\r\n"):
        return None
    at = len(boundary) + 4
    while True:
        end = head.find(b"\r\n\r\n", at)
        if end < 0:
            return None
        found = re.search(rb"(?im)^content-disposition:[ \t]*([^\r\n]*)", head[at:end])
        _, options = parse_options_header(found[1] if found else b"")
        if options.get(b"name") == field and b"filename" in options:
            name = options[b"filename"].decode("utf-8", "replace")
            return FilePart(end + 4, name, b"\r\n--" + boundary + b"--\r\n")
        following = head.find(b"\r\n--" + boundary + b"\r\n", end + 2)
        if following < 0:
            return None
        at = following + len(boundary) + 6


def ends_as_it_must(tail: bytes, trailer: bytes) -> int | None:
    """How many bytes of `tail`, as long as `trailer`, still belong to the file; None where the form goes on otherwise.

    Some clients leave out the last line break: then two more bytes are the file's.
    """
    if tail == trailer:
        return 0
    short = trailer[:-2]
    return 2 if tail[2:] == short else None


def holds(file: int, needle: bytes) -> bool:
    """Whether the bytes lie anywhere in the file. libc's memmem, since `bytes.find` takes a second for a GB."""
    buffer = (ctypes.c_char * (OVERLAP + _LOOK))()
    view, at = memoryview(buffer).cast("B"), 0
    while got := os.preadv(file, [view[OVERLAP:]], at):
        if _MEMMEM(buffer, OVERLAP + got, needle, len(needle)):
            return True
        at += got
        view[:OVERLAP] = view[got : got + OVERLAP]
    return False
