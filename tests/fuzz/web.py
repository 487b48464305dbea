"""Targets: HTTP as far as it is read by us: heads, forms, the headers of uploads and of proxies, JSON bodies."""

import ipaddress
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from burrowspace.core import download, forwarded, hosts, upload, upload_headers
from burrowspace.core.errors import BurrowError
from burrowspace.core.networks import is_loopback
from burrowspace.core.transfer import TransferState
from burrowspace.server.bulk import form
from burrowspace.server.headers import bearer, header_map
from burrowspace.server.multipart import read_form
from burrowspace.server.request_guard import check_json
from tests.fuzz.target import Target, pieces

logging.getLogger("python_multipart").setLevel(logging.ERROR)
MOST = 1 << 40  # bytes of the largest file
PROXY = "10.0.0.1"
KIND = "multipart/form-data; boundary=B"
HELD = (
    upload.UploadFacts(TransferState.READY, MOST, 0.0),
    upload.UploadFacts(TransferState.TRANSFERRING, MOST, 0.0, size=5, length=10, expires_at=60.0),
    upload.UploadFacts(TransferState.TRANSFERRING, MOST, 0.0, size=5),
    upload.UploadFacts(TransferState.COMPLETED, MOST, 0.0, size=10, length=10, complete=True),
    upload.UploadFacts(TransferState.CANCELLED, MOST, 0.0),
)


def _head(data: bytes) -> tuple[str, list[tuple[bytes, bytes]]]:
    """A method and headers, a line each, as the HTTP parser gives them: no line breaks, names in small letters."""
    first, *lines = data.split(b"\n")
    pairs = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    return first[:10].decode("latin-1").upper(), [(name, value) for name, value in pairs if name]


def upload_head(data: bytes) -> object:
    """An order to write stays within the largest file, wherever the transfer stands."""
    method, raw = _head(data)
    headers = header_map(raw)
    answers: list[object] = []
    for held in HELD:
        try:
            decided = upload.decide(upload.Asked(method, headers), held)
        except BurrowError as refusal:
            answers.append(refusal.code)
            continue
        answers.append(type(decided).__name__)
        if isinstance(decided, upload.Write):
            assert decided.at >= 0
            assert decided.at_most <= MOST
            assert decided.exactly is None or 0 <= decided.exactly <= MOST + (2 << 20)
            assert decided.length is None or 0 <= decided.length <= MOST
            assert decided.fresh or decided.at == held.size
    for read in (upload_headers.disposition_name, upload_headers.checksum, upload_headers.content_range):
        try:
            read(headers)
        except BurrowError as refusal:
            answers.append(refusal.code)
    bearer(headers.get("authorization"))
    return answers


def range_head(data: bytes) -> object:
    """A part lies within the file, and the headers that describe it say the same."""
    _, raw = _head(data)
    headers = header_map(raw)
    found = []
    for size, begin, held in ((0, 0, 0), (10, 0, 10), (10, 4, 10), (None, 0, 7), (None, 3, 7)):
        try:
            part = download.which(headers, size, '"t"', begin, held)
        except BurrowError as refusal:
            found.append(refusal.code)
            continue
        assert begin <= part.start
        assert part.stop is None or part.start <= part.stop
        assert size is None or (part.stop is not None and part.stop <= size)
        said = download.part_headers(part, size, '"t"')
        assert size is None or int(said["content-length"]) == (part.stop or 0) - part.start
        found.append(part.status)
    return found


def forwarding(data: bytes) -> object:
    """The caller is the connection's end or an address that a proxy wrote; never this machine, never a name."""
    _, raw = _head(b"\n" + data)
    who = forwarded.caller(PROXY, raw, lambda each: each.startswith("10."))
    if who.address not in (PROXY, forwarded.UNREADABLE):
        assert str(ipaddress.ip_address(who.address)) == who.address
        assert not is_loopback(who.address)
    assert forwarded.caller("203.0.113.7", raw, lambda each: each.startswith("10.")).address == "203.0.113.7"
    for host in (who.host, data[:300].decode("latin-1")):
        named = forwarded.authority_host(host)
        assert named is None or (named.isascii() and named == named.lower() and "/" not in named)
        hosts.is_real_name(host or "")
    return who.address


def multipart(data: bytes) -> object:
    """The same file in one piece or many; and the same as by the way that moves it without looking."""
    whole = _form([data])
    assert _form(pieces(data)) == whole
    unscanned = _unscanned(data)
    if whole is not None:  # a malformed head of an earlier part is only seen by who reads it
        assert unscanned is None or unscanned == whole, (unscanned, whole)
    kind = "multipart/form-data; boundary=" + data[:80].decode("latin-1")
    boundary = form.boundary_of(kind)
    assert boundary is None or 1 <= len(boundary) <= 70
    if whole is None:
        return None
    return whole[0], len(whole[1])


def _form(parts: list[bytes]) -> tuple[str | None, bytes] | None:
    async def stream() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    async def read() -> tuple[str | None, bytes]:
        found = read_form(KIND, stream())
        name = await found.file("file")
        return name, b"".join([piece async for piece in found])

    try:
        return _run(read())
    except BurrowError:
        return None


def _unscanned(body: bytes) -> tuple[str, bytes] | None:
    """What server/bulk/serve.py makes of the body; None where it would read it the ordinary way."""
    part = form.FormHead(b"B").feed(body)
    if part is None or len(body) - part.start < len(part.trailer):
        return None
    file, tail = body[part.start : -len(part.trailer)], body[-len(part.trailer) :]
    more = form.ends_as_it_must(tail, part.trailer)
    if more is None or part.trailer[:-4] in file:
        return None
    return part.name, file + tail[:more]


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """Of a coroutine that waits for nothing outside."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


def json_body(data: bytes) -> object:
    check_json(data)
    return True


TARGETS = (
    Target("upload", "web", upload_head, "upload headers: forms, tus, the IETF draft, PUT", 9000),
    Target("range", "web", range_head, "`Range` and `If-Range`", 400),
    Target("forwarding", "web", forwarding, "`Forwarded`, `X-Forwarded-For`, `Host`", 9000),
    Target("multipart", "web", multipart, "forms, read both ways", 4096),
    Target("json", "web", json_body, "JSON bodies of calls", 65_536),
)
