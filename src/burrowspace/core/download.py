"""Which bytes of a file a GET or HEAD asks for: RFC 9110 section 14, one range at a time.

Nothing is sent or counted here. Many ranges in one request are answered with the whole file, as RFC 9110 14.2 allows:
assembling multipart/byteranges for a stranger is work without a use.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from burrowspace.core.errors import WrongRange

_ONE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*\Z", re.IGNORECASE | re.ASCII)


class Part(NamedTuple):
    """The answer: its status, the first byte and the one behind the last (None: to the end, wherever that will be)."""

    status: int
    start: int
    stop: int | None


def which(headers: Mapping[str, str], size: int | None, tag: str, begin: int = 0, held: int = 0) -> Part:
    """What to send of a file of `size` bytes. Header names are lower case.

    Where `size` is None the file still grows and nobody knows its length: RFC 8673. A range with a last byte, however
    far, is what the answer says and follows; one without is of the bytes that are `held` now; a suffix is no range.

    A range we do not understand is no range. `begin` is the first byte that is here: what lies before it was never sent
    to this server, or has been given back, and WrongRange says so.

    >>> which({"range": "bytes=2-4"}, 10, '"t"')
    Part(status=206, start=2, stop=5)
    >>> which({"range": "bytes=-3"}, 10, '"t"')
    Part(status=206, start=7, stop=10)
    """
    asked = _ONE.match(headers.get("range", "")[:100])
    if asked is None or not any(asked.groups()) or not _may_be_part(headers.get("if-range"), tag):
        return _here(Part(200, 0, size), begin)
    first, last = asked.groups()
    if size is None:
        return _of_growing(first, last, begin, held)
    if not first:
        if int(last) == 0:
            raise WrongRange("a suffix of no bytes cannot be sent", size)
        return _here(Part(206, max(0, size - int(last)), size), begin) if size else Part(200, 0, 0)
    start = int(first)
    if last and int(last) < start:
        return _here(Part(200, 0, size), begin)
    if start >= size:
        raise WrongRange(f"the file has {size} bytes", size)
    return _here(Part(206, start, min(size, int(last) + 1) if last else size), begin)


def _of_growing(first: str, last: str, begin: int, held: int) -> Part:
    if not first or (last and int(last) < int(first)):
        return _here(Part(200, 0, None), begin)
    if not last and int(first) >= held:
        raise WrongRange(f"{held} bytes are here so far; name a last byte, however far, to wait for more")
    return _here(Part(206, int(first), int(last) + 1 if last else held), begin)


def _may_be_part(if_range: str | None, tag: str) -> bool:
    """Whether If-Range lets a part be sent: only for our strong tag; we send no dates."""
    return if_range is None or if_range.strip() == tag


def _here(part: Part, begin: int) -> Part:
    if part.start < begin:
        raise WrongRange(f"the first {begin} bytes of this file are not here; ask from there on", part.stop)
    return part


def part_headers(part: Part, size: int | None, tag: str) -> dict[str, str]:
    """The headers that say which part this is.

    >>> part_headers(Part(206, 2, 5), 10, '"t"')["content-range"]
    'bytes 2-4/10'
    """
    headers = {"accept-ranges": "bytes", "etag": tag}
    if part.stop is not None and size is not None:
        headers["content-length"] = str(part.stop - part.start)
    if part.status == 206 and part.stop is not None:
        headers["content-range"] = f"bytes {part.start}-{part.stop - 1}/{'*' if size is None else size}"
    return headers
