"""The files of the web app, served beside the API. An ASGI application.

Every path that is served stands in an index of the folder `web/`; no path of a stranger is ever joined to it. A file is
read and compressed once, and again when it has changed. The page names its scripts and styles by the version of all
files together, so a page that was loaded before an upgrade never gets a module of after it; and its modules come joined
(bundle.py), but with `?dev`. What may run in a page, the policy below says: modules of ours, and nothing inline.
Spec: docs/spec/http.md, "The web app".
"""

import hashlib
import re
import time
from pathlib import Path

from starlette.types import Receive, Scope, Send

from burrowspace.core.errors import Forbidden
from burrowspace.server.bundle import NotBundled
from burrowspace.server.edition import Edition
from burrowspace.server.page_form import ALONE, TYPES, Form, Headers, forms, raw
from burrowspace.server.request_guard import refuse

FOLDER = Path(__file__).resolve().parents[1] / "web"
SHARE = "/share"  # where a system's share sheet posts to; the service worker takes it before it comes here
_KEPT = re.compile(r"/share/([0-9a-f]{32})")  # where the service worker asks whether the page may have what it took

_ALIASES = {
    "/": "index.html",
    "/r": "index.html",
    "/docs": "docs.html",
    "/sw.js": "sw.js",
    "/manifest.webmanifest": "manifest.webmanifest",
    "/favicon.ico": "icons/burrow.svg",
}
_SPELLED = re.compile(r"/r(/?)(#[\w-]{1,200})?", re.ASCII)  # a link with a slash, or whose # came as %23
_VERSIONED = re.compile(r"/web/@([0-9a-f]{12})/(.+)")
_DEV = b"dev"  # behind the address of the page: its modules come one by one, as they are written
_LOOK_S = 1.0  # between two looks for files that are new


class _File:
    """One file, and what was made of it when it was read last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None  # time of change and size, of what the digest is of
        self._digest = b""
        self._forms: dict[tuple[str, bool], Form] = {}  # by the version that it names, and whether it is compressed

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

    def text(self) -> str:
        """NotBundled: it is gone, or changes this very moment."""
        body = self._path.read_bytes() if self.digest() else b""
        if not body or hashlib.sha256(body).digest() != self._digest:
            raise NotBundled(f"{self._path.name} is not there")
        return body.decode()

    def form(self, edition: Edition | None, *, zipped: bool) -> Form | None:
        """None for one that is gone. `edition`: whose scripts and styles a page names; None: as they are written."""
        if not self.digest():
            return None
        names = edition if self._path.suffix == ".html" else None
        version = names.version if names is not None else ""
        if (version, False) not in self._forms:
            body = self._path.read_bytes()
            if hashlib.sha256(body).digest() != self._digest:
                return None  # it changes this very moment
            if names is not None:
                body = names.page(self._path.name, body.decode()).encode()
            kept = {key: form for key, form in self._forms.items() if not key[0]}
            self._forms = kept | {(version, small): form for small, form in forms(self._path.name, body).items()}
        return self._forms.get((version, zipped)) or self._forms[version, False]


class Pages:
    """All of `FOLDER`. Ask `takes` first."""

    def __init__(self, base: str = "") -> None:
        """`base`: the path below which the server is reached; without the slash at its end it is sent on."""
        self._folder, self._base = FOLDER, base
        self._files: dict[str, _File] = {}
        self._looked = 0.0
        self._look()
        self._edition = Edition({}, self._read)
        self._compared = 0.0

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
    def edition(self) -> Edition:
        """What is served now: the same on every machine, by what is in the files."""
        if time.monotonic() > self._compared:
            self._look()
            digests = {
                url.removeprefix("/web/"): file.digest() for url, file in self._files.items() if url not in _ALIASES
            }
            if digests != self._edition.digests:
                self._edition = Edition(digests, self._read)
            self._compared = time.monotonic() + _LOOK_S
        return self._edition

    def _read(self, place: str) -> str:
        file = self._files.get(f"/web/{place}")
        if file is None:
            raise NotBundled(f"{place} is not there")
        return file.text()

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
            form = self._versioned_form(named[1], named[2], zipped=zipped)
        else:
            edition = None if scope.get("query_string") == _DEV else self.edition
            form = self._files[scope["path"]].form(edition, zipped=zipped)
        if form is None:  # of another version, or gone since it was looked for
            status = 410 if named else 404
            await _answer(send, status, [(b"content-length", b"0"), (b"cache-control", b"no-store")])
        elif is_held(form.etag.decode(), said.get(b"if-none-match", b"").decode("latin-1")):
            await _answer(send, 304, form.kept)
        else:
            # By plain http browsers ignore it, and complain.
            alone = raw(ALONE) if scope["scheme"] == "https" else []
            headers = form.lasting if named else form.headers
            await _answer(send, 200, headers + alone, b"" if scope["method"] == "HEAD" else form.body)

    def _versioned_form(self, version: str, place: str, *, zipped: bool) -> Form | None:
        edition, file = self.edition, self._files.get(f"/web/{place}")
        if version != edition.version:
            return None
        if (bundle := edition.bundle(place, zipped=zipped)) is not None:
            return bundle
        if file is None or file.digest() != edition.digests.get(place):
            return None
        return file.form(edition, zipped=zipped)

    def _spelled(self, path: str) -> str | None:
        return f"{path.rpartition('/')[2]}/" if self._base and path == self._base else spelled(path)

    def _look(self) -> None:
        """Indexes the folder; what was made of a file that is still there is kept."""
        found = {
            f"/web/{path.relative_to(self._folder).as_posix()}": path
            for path in self._folder.rglob("*")
            if path.suffix in TYPES and not path.name.startswith(".") and path.is_file()
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
