"""The page that says how a device learns to trust this server's own authority. It runs nothing and loads nothing."""

import base64
import hashlib
import string
from pathlib import Path

_HTML = Path(__file__).with_name("ca.html").read_text("utf-8")
_STYLE = _HTML.partition("<style>")[2].partition("</style>")[0]
_ALLOWED = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

PAGE_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_ALLOWED}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def page(fingerprint: str) -> bytes:
    """`fingerprint`: hexadecimal pairs and colons, as `Authority.fingerprint` gives it."""
    return string.Template(_HTML).substitute(fingerprint=fingerprint).encode()
