"""What a plain HTTP request gets on a port that speaks TLS: the way to https, in words or as a redirect.

And what a device needs before it can trust this server: the certificate of its authority, and how to install it. One
request for each connection, no body read, nothing of the application reached.
"""

from __future__ import annotations

import asyncio
import re

import orjson

from burrowspace.core.errors import BadRequest
from burrowspace.core.hosts import ONE
from burrowspace.server.json_answers import JSON
from burrowspace.server.tls.identity import Identity
from burrowspace.server.tls.page import PAGE_HEADERS, page

HEAD_S = 10.0
HEAD_BYTES = 16 * 1024
_LINGER_S = 2.0  # a close with unread bytes would be a reset, and the answer lost
_LINE = re.compile(rb"([A-Z]{3,10}) (/[!-~]{0,8000}) HTTP/1\.([01])\r\n")
_HOST = re.compile(rb"(?i)\r\nhost:[ \t]*([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?[ \t]*(?=\r\n)")
_HOSTS = re.compile(rb"(?i)\r\nhost[ \t]*:")
CERTIFICATE_HEADERS = {
    "content-type": "application/x-x509-ca-cert",
    "content-disposition": 'attachment; filename="burrowspace-ca.crt"',
}
_LINES = {200: "OK", 308: "Permanent Redirect", 400: "Bad Request"}


class Plain(asyncio.Protocol):
    """The protocol of one connection."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._head = bytearray()
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle
        self._answered = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(HEAD_S, transport.abort)

    def connection_lost(self, error: Exception | None) -> None:
        self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._answered:
            return
        self._head += data
        if b"\r\n\r\n" in self._head or len(self._head) > HEAD_BYTES:
            self._answered = True
            self._transport.write(answer(bytes(self._head), self._own_host(), self._identity))
            self._transport.write_eof()
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(_LINGER_S, self._transport.abort)

    def _own_host(self) -> bytes:
        host, port = self._transport.get_extra_info("sockname")[:2]
        return f"[{host}]:{port}".encode() if ":" in host else f"{host}:{port}".encode()


def answer(head: bytes, own_host: bytes, identity: Identity) -> bytes:
    """The whole answer to a request's head, of which no byte is trusted."""
    head, end, _ = head.partition(b"\r\n\r\n")
    head += b"\r\n"
    line, named, lines = _LINE.match(head) if end else None, _HOST.findall(head), len(_HOSTS.findall(head))
    host = b"".join(named[0]) if len(named) == 1 == lines else own_host
    if line is None:
        return _said(400, host, b"GET")
    if host is own_host and (lines or line[3] != b"0"):
        return _built(400, {"content-type": JSON}, orjson.dumps(BadRequest(ONE).body()), line[1])
    method, target = line[1], line[2]
    path = target.partition(b"?")[0]
    if identity.authority is not None and method in (b"GET", b"HEAD"):
        if path == b"/ca.crt":
            return _built(200, CERTIFICATE_HEADERS, identity.authority.der, method)
        if path == b"/ca":
            return _built(200, PAGE_HEADERS, page(identity.authority), method)
    if method in (b"GET", b"HEAD"):
        return _said(308, host, method, target)
    return _said(400, host, method)


def _said(status: int, host: bytes, method: bytes, target: bytes = b"") -> bytes:
    there = f"https://{host.decode('ascii')}"
    sentence = f"this server speaks https: {there}"
    headers = {"content-type": JSON}
    if status == 308:
        headers["location"] = there + target.decode("ascii")
    return _built(status, headers, orjson.dumps({"error": sentence, "code": "https-only"}), method)


def _built(status: int, headers: dict[str, str], body: bytes, method: bytes) -> bytes:
    """`no-store`: whoever turns TLS off again must not be haunted by redirects that browsers have kept."""
    said = {**headers, "content-length": str(len(body)), "cache-control": "no-store", "connection": "close"}
    lines = [f"HTTP/1.1 {status} {_LINES[status]}", *(f"{name}: {value}" for name, value in said.items()), "", ""]
    return "\r\n".join(lines).encode("ascii") + (b"" if method == b"HEAD" else body)
