"""The files of the web app, served beside the API. An ASGI application.

Every path that is served stands in an index of the folder `web/`; no path of a stranger is ever joined to it. A file is
read and compressed once, and again when it has changed. The page names its scripts and styles by the version of all
files together, so a page that was loaded before an upgrade never gets a module of after it. What may run in a page, the
policy below says: modules of ours, and nothing inline. Spec: docs/spec/http.md, "The web app".
"""

import gzip
import hashlib
import re
import time
from pathlib import Path
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from burrowspace.core.errors import Forbidden
from burrowspace.server.request_guard import refuse

FOLDER = Path(__file__).resolve().parents[1] / "web"
SHARE = "/share"  # where a system's share sheet posts to; the service worker takes it before it comes here
_KEPT = re.compile(r"/share/([0-9a-f]{32})")  # where the service worker asks whether the page may have what it took

_TYPES = {
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
_ALIASES = {
    "/": "index.html",
    "/r": "index.html",
    "/docs": "docs.html",
    "/sw.js": "sw.js",
    "/manifest.webmanifest": "manifest.webmanifest",
    "/favicon.ico": "icons/burrow.svg",
}
_SPELLED = re.compile(r"/r(/?)(#[\w-]{1,200})?", re.ASCII)  # a link with a slash, or whose # came as %23
_VERSIONED = re.compile(r"/web/@([0-9a-f]{12})(/.+)")
_SCRIPTS = re.compile(rb'"(/?)web/([^"]+\.(?:js|css))"')  # in the page
_LOOK_S = 1.0  # between two looks for files that are new
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
_ALONE = {"cross-origin-opener-policy": "same-origin"}

Headers = list[tuple[bytes, bytes]]


class _Form(NamedTuple):
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


class _File:
    """One file, and what was made of it when it was read last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None  # time of change and size, of what the digest is of
        self._digest = b""
        self._forms: dict[tuple[str, bool], _Form] = {}  # by the version that it names, and whether it is compressed

    def digest(self) -> bytes:
        """Of what is in it now; empty for one that is gone."""
        try:
            held = self._path.stat()
            if self._seen != (held.st_mtime_ns, held.st_size):
                self._digest = hashlib.sha256(self._path.read_bytes()).digest()
                self._seen = (held.st_mtime_ns, held.st_size)
                self._forms = {}
        except FileNotFoundError:
            return b""
        return self._digest

    def form(self, version: str, *, zipped: bool) -> _Form | None:
        """None for one that is gone. `version`: of all files together, which a page names."""
        if not self.digest():
            return None
        named = version if self._path.suffix == ".html" else ""
        if (named, False) not in self._forms:
            body = self._path.read_bytes()
            if hashlib.sha256(body).digest() != self._digest:
                return None  # it changes this very moment
            if named:
                body = _SCRIPTS.sub(rb'"\1web/@%s/\2"' % named.encode(), body)
            self._forms = {(named, small): form for small, form in self._make(body).items()}
        return self._forms.get((named, zipped)) or self._forms[named, False]

    def _make(self, body: bytes) -> dict[bool, _Form]:
        name, suffix = self._path.name, self._path.suffix
        headers = {"content-type": _TYPES[suffix]}
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


def _form(etag: str, kept: dict[str, str], body: bytes, headers: dict[str, str]) -> _Form:
    every = _raw({**kept, "etag": etag})
    return _Form(etag.encode(), every, body, every + _raw({**headers, "content-length": str(len(body))}))


def _raw(headers: dict[str, str]) -> Headers:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


class Pages:
    """All of `FOLDER`. Ask `takes` first."""

    def __init__(self, base: str = "") -> None:
        """`base`: the path below which the server is reached; without the slash at its end it is sent on."""
        self._folder, self._base = FOLDER, base
        self._files: dict[str, _File] = {}
        self._looked = 0.0
        self._version = ""
        self._of_version: dict[str, bytes] = {}  # what was in each file then
        self._versioned = 0.0
        self._look()

    def takes(self, scope: Scope) -> bool:
        """Whether this request is for a page; every other path and method is the API's to answer or refuse."""
        if scope["type"] != "http":
            return False
        path, method = scope["path"], scope["method"]
        if method not in ("GET", "HEAD"):
            return bool(path == SHARE and method == "POST")
        if self._spelled(path) or (method == "GET" and _KEPT.fullmatch(path)):
            return True
        if _VERSIONED.fullmatch(path):
            return True
        file = self._files.get(path)
        if file is None and (path in _ALIASES or path.startswith("/web/")) and time.monotonic() > self._looked:
            self._look()
            file = self._files.get(path)
        return file is not None and bool(file.digest())

    @property
    def version(self) -> str:
        """Of all files together, by what is in them: the same on every machine."""
        if time.monotonic() > self._versioned:
            self._look()
            self._of_version = {url: file.digest() for url, file in sorted(self._files.items())}
            self._version = hashlib.sha256(repr(self._of_version).encode()).hexdigest()[:12]
            self._versioned = time.monotonic() + _LOOK_S
        return self._version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == SHARE or scope["path"].startswith(f"{SHARE}/"):
            await _share(scope, send)
            return
        if place := self._spelled(scope["path"]):
            moved = [(b"location", place.encode()), (b"content-length", b"0"), (b"cache-control", b"no-store")]
            await _answer(send, 302, moved)
            return
        said = {name: value for name, value in scope["headers"] if name in (b"accept-encoding", b"if-none-match")}
        zipped = takes_gzip(said.get(b"accept-encoding", b"").decode("latin-1"))
        if named := _VERSIONED.fullmatch(scope["path"]):
            form = self._versioned_form(named[1], f"/web{named[2]}", zipped=zipped)
        else:
            form = self._files[scope["path"]].form(self.version, zipped=zipped)
        if form is None:  # of another version, or gone since it was looked for
            status = 410 if named else 404
            await _answer(send, status, [(b"content-length", b"0"), (b"cache-control", b"no-store")])
        elif is_held(form.etag.decode(), said.get(b"if-none-match", b"").decode("latin-1")):
            await _answer(send, 304, form.kept)
        else:
            # By plain http browsers ignore it, and complain.
            alone = _raw(_ALONE) if scope["scheme"] == "https" else []
            headers = form.lasting if named else form.headers
            await _answer(send, 200, headers + alone, b"" if scope["method"] == "HEAD" else form.body)

    def _versioned_form(self, version: str, url: str, *, zipped: bool) -> _Form | None:
        file = self._files.get(url)
        if version != self.version or file is None or file.digest() != self._of_version.get(url):
            return None
        return file.form(version, zipped=zipped)

    def _spelled(self, path: str) -> str | None:
        return f"{path.rpartition('/')[2]}/" if self._base and path == self._base else spelled(path)

    def _look(self) -> None:
        """Indexes the folder; what was made of a file that is still there is kept."""
        found = {
            f"/web/{path.relative_to(self._folder).as_posix()}": path
            for path in self._folder.rglob("*")
            if path.suffix in _TYPES and not path.name.startswith(".") and path.is_file()
        }
        files = {url: self._files.get(url) or _File(path) for url, path in found.items()}
        aliases = {url: files[f"/web/{name}"] for url, name in _ALIASES.items() if f"/web/{name}" in files}
        self._files = files | aliases
        self._looked = time.monotonic() + _LOOK_S


def spelled(path: str) -> str | None:
    """Where a link leads that mail or chat spelled in another way, relative to it; the browser keeps what is behind #.

    >>> spelled("/r/"), spelled("/r#AbC"), spelled("/r/#AbC"), spelled("/r"), spelled("/r/x")
    ('../r', 'r#AbC', '../r#AbC', None, None)
    """
    found = _SPELLED.fullmatch(path)
    return f"{'../r' if found[1] else 'r'}{found[2] or ''}" if found and path != "/r" else None


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding allows gzip (RFC 9110, section 12.5.3).

    >>> [takes_gzip(text) for text in ("gzip, br", "br;q=1, GZIP;q=0.5", "gzip;q=0", "*;q=0.1", "", "*, gzip;q=0.000")]
    [True, True, False, True, False, False]
    """
    found: dict[str, bool] = {}
    for part in accepted[:1000].split(","):
        coding, _, weight = part.partition(";")
        found[coding.strip().lower()] = re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight, re.IGNORECASE) is None
    return found.get("gzip", found.get("*", False))


def is_held(etag: str, asked: str) -> bool:
    """Whether an If-None-Match names this version (RFC 9110, section 13.1.2).

    >>> [is_held('"a"', text) for text in ('"a"', 'W/"b", W/"a"', '"b"', "*", "")]
    [True, True, False, True, False]
    """
    named = [part.strip().removeprefix("W/") for part in asked[:1000].split(",")]
    return etag in named or named == ["*"]


async def _share(scope: Scope, send: Send) -> None:
    """Sends a share on to the page: the browser says that a person or this very site began it, and no other site.

    Nothing of a body is read: without the service worker there is nobody to keep it.
    """
    kept = _KEPT.fullmatch(scope["path"])
    begun = [value for name, value in scope["headers"] if name == b"sec-fetch-site"]
    if begun not in ([b"none"], [b"same-origin"]):
        await refuse(send, Forbidden("only this site and the system's share sheet may share with it"))
        return
    shared = kept[1] if kept is not None else "failed"
    up = "./" if kept is None else "../"  # relative: a proxy may have put a path in front
    place = (b"location", f"{up}?shared={shared}".encode())
    await _answer(send, 303, [place, (b"content-length", b"0"), (b"cache-control", b"no-store")])


async def _answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
