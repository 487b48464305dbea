"""Vectors of what decides and what guards: scripts/make_vectors.py writes them, the web app's twins are held to them.

A walk of the path book is a row of things that happened and what was decided after each, in a form that needs no
code to read. Numbers come from a counted hash, so the files are the same every time.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from burrowspace.core import names
from burrowspace.core.path_book import PathBook
from burrowspace.core.paths import Allowed, Path

WALKS = 24
STEPS = 40

NAMES = [
    "../../.ssh/authorized_keys",
    "C:\\Users\\me\\holiday.mp4",
    "evil\u202egnp.exe\r\n",
    "CON.txt",
    "ConIn$",
    "conout$.log",
    "conin",
    "LPT\u00b3.tar.gz",
    "com¹",
    "..",
    "",
    " .",
    "a" * 300 + ".tar",
    "ö" * 200 + ".jpeg",
    "e\u0301te\u0301",
    "what?*<is>|this:",
    "zero\u200bwidth",
    "tab\there",
    "name. . .",
    "😀.png",
    "<img src=x onerror=alert(1)>",
]
PATHS = [
    ["holiday", "day 1", "beach.jpg"],
    ["..", "..", "etc", "passwd"],
    ["/etc/passwd"],
    ["C:", "aux.txt ", "a\\b"],
    [],
    [".."],
    [f"folder {each} " + "x" * 60 for each in range(40)],
    ["d"] * 100,
]
MANIFESTS: list[list[tuple[list[str], bool]]] = [
    [(["a"], True), (["A"], False), (["a", "x"], False), (["a", "X"], False)],
    [(["Straße"], False), (["STRASSE"], False), (["é"], False), (["E\u0301"], False)],
    [(["f"], False), (["f", "g"], False), (["../f"], False)],
    [(["beach.jpg"], False), (["beach.jpg "], False), (["BEACH.jpg"], False), (["beach (2).jpg"], False)],
]


def names_vectors() -> dict[str, Any]:
    return {
        "names": [{"offered": each, "safe": names.safe_name(each)} for each in NAMES],
        "paths": [{"offered": each, "safe": list(names.safe_path(each))} for each in PATHS],
        "manifests": [{"offered": each, "safe": [list(path) for path in names.safe_paths(each)]} for each in MANIFESTS],
        "shown": [{"text": each, "shown": names.shown(each, 12)} for each in NAMES],
    }


def _numbers(name: str) -> Iterator[int]:
    count = 0
    while True:
        yield from hashlib.sha256(f"burrow/1 walk {name} {count}".encode()).digest()
        count += 1


def _walk(number: int) -> dict[str, Any]:
    drawn = _numbers(str(number))
    options = Allowed(relay_only=number % 8 == 5, direct_only=number % 8 == 6, no_store=number % 8 == 7)
    possible = [each for each in Path if number % 3 or each not in (Path.TCP, Path.PUNCH)]
    book = PathBook(100.0, options, frozenset(possible))
    now, steps = 100.0, []
    for _ in range(STEPS):
        what, path = next(drawn) % 16, list(Path)[next(drawn) % 6]
        size = (next(drawn) + 1) * 50_000
        now = round(now + (next(drawn) % 40) / 8, 3)
        event: list[Any]
        if what < 7 and path in (Path.RELAY, Path.STORE):
            there, reading = what < 4, size % 100_000 > 0 and book.using is path
            book.announced(path, now, there=there, reading=reading)
            event = ["announced", path, there, reading]
        elif what < 4:
            book.up(path, now)
            event = ["up", path]
        elif what < 7:
            book.failed(path, now)
            event = ["failed", path]
        elif what == 12 and book.using is not None:
            book.pauses(now)
            event = ["pauses"]
        elif what < 12 and book.using is not None:
            book.carried(book.using, size, now)
            event = ["carried", book.using, size]
        elif what == 13:
            book.may_store(bool(size % 100_000))
            event = ["mayStore", bool(size % 100_000)]
        elif what == 14:
            book.sender(bool(size % 100_000))
            event = ["sender", bool(size % 100_000)]
        else:
            book.sender_came(now)
            event = ["senderCame"]
        said = book.decide(now)
        decided = [said.use, said.why, said.start, said.stop, said.ask_relay, said.penalise, round(said.again, 6)]
        steps.append([now, event, decided, [book.moved_at, book.idle_since]])
    allowed = {"relayOnly": options.relay_only, "directOnly": options.direct_only, "noStore": options.no_store}
    return {"began": 100.0, "options": allowed, "possible": possible, "steps": steps}


def paths_vectors() -> dict[str, Any]:
    return {"walks": [_walk(number) for number in range(WALKS)]}
