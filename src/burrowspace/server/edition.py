"""The web app as it is at one moment: its version, the names that the page calls its scripts by, and its bundles."""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

import structlog

from burrowspace.server.bundle import FOLDER, MAKER, Bundler, NotBundled
from burrowspace.server.page_form import Form, forms

_SCRIPTS = re.compile(r'"(/?)web/([^"]+\.(js|css))"')  # in a page
_WORKERS = re.compile(r"(?:.*/)?[\w-]+-worker\.js")
_JOINED = "index.html"  # the page whose scripts come as bundles

log = structlog.get_logger("pages")


class Edition:
    """One state of all files. Whatever has changed since belongs to another one."""

    def __init__(self, digests: Mapping[str, bytes], read: Callable[[str], str]) -> None:
        """`digests` of all files by their paths below `web/`; `read` gives the text of one, or raises NotBundled."""
        self.digests = digests
        self.version = hashlib.sha256(repr((MAKER, sorted(digests.items()))).encode()).hexdigest()[:12]
        self._read = read
        self._bundler = Bundler(read)
        self._made: dict[str, dict[bool, Form]] = {}
        self._entries: frozenset[str] = frozenset()  # scripts of the page
        self._late: frozenset[str] = frozenset()  # what it imports when it is wanted
        self._workers: frozenset[str] = frozenset()
        self._whole: frozenset[str] = frozenset()  # what they import when it is wanted: nothing else is there
        try:
            self._find()
        except NotBundled as error:
            log.warning("the page loads its modules one by one", why=str(error))

    def page(self, name: str, text: str) -> str:
        """The page with its scripts and styles named by this edition."""

        def named(found: re.Match[str]) -> str:
            bundled = name == _JOINED and found[2] in self._entries
            return f'"{found[1]}web/@{self.version}/{FOLDER if bundled else ""}{found[2]}"'

        return _SCRIPTS.sub(named, text)

    def bundle(self, place: str, *, zipped: bool) -> Form | None:
        """The script at a path that is one: a bundle of the page, or a worker. None: there is none at this path."""
        if place not in self._made:
            made = self._script(place)
            if made is None:
                return None
            self._made[place] = forms(PurePosixPath(place).name, made.encode())
        held = self._made[place]
        return held.get(zipped) or held[False]

    def _script(self, place: str) -> str | None:
        entry = place.removeprefix(FOLDER)
        try:
            if place != entry and entry in self._entries:
                return self._bundler.script(entry)
            if place != entry and entry in self._late | self._whole:
                return self._bundler.script(entry, () if entry in self._whole else self._first())
            if entry in self._workers:
                return self._bundler.script(entry, folder="")
        except NotBundled as error:
            log.warning("a script cannot be joined", why=str(error))
        return None

    def _first(self) -> set[str]:
        return {place for entry in self._entries for place in self._bundler.closure(entry)}

    def _find(self) -> None:
        if _JOINED not in self.digests:
            return
        entries = frozenset(place for _, place, kind in _SCRIPTS.findall(self._read(_JOINED)) if kind == "js")
        workers = frozenset(place for place in self.digests if _WORKERS.fullmatch(place))
        late, whole = (self._wanted_later(each) for each in (entries, workers))
        self._entries, self._late, self._workers, self._whole = entries, late, workers, whole

    def _wanted_later(self, entries: frozenset[str]) -> frozenset[str]:
        late, starts = self._bundler.late(entries)
        return frozenset(
            late | {place for place in self.digests if place.endswith(".js") and place.startswith(tuple(starts))}
        )
