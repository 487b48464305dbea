"""The page that says how a device learns to trust this server's own authority. It runs nothing and loads nothing."""

import base64
import hashlib
import string
from pathlib import Path

from burrowspace.server.tls.authority import Authority

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


_BOUND = """<p>The certificate can only speak for private addresses and for this server's own names: not for other web
sites, mail or programs.</p>"""
_OLD = """<p><strong>This certificate was made by an older version and could vouch for more than this server.</strong>
Do not install it. If the server is yours: stop it, remove the folder <code>tls</code> in its data folder, start it and
open this page again. If you have installed it already: remove it from your device once there is a new one.</p>"""


def page(authority: Authority) -> bytes:
    """How to trust this authority; or, of one that an older version made, that it needs renewing."""
    said = {"fingerprint": authority.fingerprint, "bounds": _OLD if authority.is_too_mighty else _BOUND}
    return string.Template(_HTML).substitute(said).encode()
