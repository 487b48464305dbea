"""A file of the web app as it travels: compressed or not, with its type, its policy and what may be kept of it."""

import gzip
import hashlib
import re
from pathlib import PurePosixPath
from typing import NamedTuple

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_PACKED = (".png", ".woff2")  # compressed already
_WORKER = re.compile(r"(?:sw|(?:.*-)?worker)\.js")  # a worker has the policy of its own answer, not that of its page

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "frame-src 'self'",  # a download that the service worker streams
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types lit-html burrow-worker",
    )
)
# Swagger UI makes its elements from text, without Trusted Types; the page shows what this server says of itself, and
# its pictures are in its style sheet. A frame, a worker or a form would be somebody else's.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_EVERY = {"x-content-type-options": "nosniff", "cache-control": "no-cache", "vary": "Accept-Encoding"}
_FOREVER = (b"cache-control", b"max-age=31536000, immutable")
_GUARDED = {"content-security-policy": _POLICY, "referrer-policy": "no-referrer"}
_PAGE = {
    **_GUARDED,
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
ALONE = {"cross-origin-opener-policy": "same-origin"}

Headers = list[tuple[bytes, bytes]]


class Form(NamedTuple):
    """A file as it travels: compressed or not."""

    etag: bytes
    kept: Headers  # also of an answer that says "you have it"
    body: bytes
    headers: Headers

    @property
    def lasting(self) -> Headers:
        """Under a name with its version: nobody needs to ask for it twice."""
        others = [each for each in self.headers if each[0] not in (b"cache-control", b"etag")]
        return [*others, _FOREVER]


def forms(name: str, body: bytes) -> dict[bool, Form]:
    """By whether it is compressed; one that would not be smaller has no compressed form."""
    suffix = PurePosixPath(name).suffix
    headers = {"content-type": TYPES[suffix]}
    kept = {**_EVERY, **(_PAGE if suffix == ".html" else _GUARDED if _WORKER.fullmatch(name) else {})}
    if name == "docs.html":
        kept["content-security-policy"] = _DOCS_POLICY
    if name == "sw.js":
        kept["service-worker-allowed"] = "/"
    tag = hashlib.sha256(body).hexdigest()[:32]
    forms = {False: _form(f'"{tag}"', kept, body, headers)}
    if suffix not in _PACKED:
        small = gzip.compress(body, 9, mtime=0)
        if len(small) < len(body):
            forms[True] = _form(f'"{tag}-gzip"', kept, small, {**headers, "content-encoding": "gzip"})
    return forms


def _form(etag: str, kept: dict[str, str], body: bytes, headers: dict[str, str]) -> Form:
    every = raw({**kept, "etag": etag})
    return Form(etag.encode(), every, body, every + raw({**headers, "content-length": str(len(body))}))


def raw(headers: dict[str, str]) -> Headers:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
