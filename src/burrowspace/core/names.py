"""The doors between a stranger's text and everything that shows or stores it.

On the server nothing from outside ever becomes a path: what rests there is named by our own ids. A receiving client
does write what it is offered, and `safe_paths` is its only door.
Spec: docs/spec/names.md.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import quote

from burrowspace.core.errors import BadRequest

NAME_BYTES = 255  # UTF-8 bytes of a cleaned file name: the limit of ext4, APFS and NTFS segments
PATH_BYTES = 1024  # UTF-8 bytes of a cleaned path, separators counted: macOS takes no more
PATH_PARTS = 64  # segments of a cleaned path
ID_CHARS = 256  # characters of a user id

_PORTS = {f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³"}
_RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$", *_PORTS}  # on Windows
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, bidi and zero-width marks, surrogates
_OUR_ID = re.compile(r"[0-9a-f]{32}\Z")


class Keeps(NamedTuple):
    """What the names on a disk may be; the default fits every system. Lengths are bytes of UTF-8."""

    characters: bool = False  # all but `/`: also `< > : " | ? * \\`, spaces and dots at the ends, Windows' device names
    case: bool = False  # `a` and `A` are two files
    forms: bool = False  # so are the composed and the decomposed `é`
    name: int = NAME_BYTES
    path: int = PATH_BYTES
    parts: int = PATH_PARTS


ANYWHERE = Keeps()


def safe_name(offered: str) -> str:
    """The last path segment of a peer's file name, fit to write on any system, at most 255 bytes of UTF-8.

    The only door between a stranger's text and a disk or a header. Anyone who stores or sends a name calls it.

    >>> safe_name("../../.ssh/authorized_keys")
    'authorized_keys'
    >>> safe_name("C:\\\\Users\\\\me\\\\holiday.mp4")
    'holiday.mp4'
    >>> safe_name("evil\\u202egnp.exe\\r\\n")
    'evilgnp.exe'
    >>> safe_name("CON.txt"), safe_name(".."), safe_name("")
    ('_CON.txt', 'file', 'file')
    """
    last = re.split(r"[/\\]", offered)[-1]
    if last.isascii() and last.isprintable():
        composed = last
    else:
        shown = "".join(c for c in last if unicodedata.category(c) not in _UNSEEN)
        composed = unicodedata.normalize("NFC", shown)
    plain = _cut(_FORBIDDEN.sub("_", composed).strip(" ").rstrip(". ") or "file", NAME_BYTES)
    if plain.split(".", 1)[0].strip().lower() in _RESERVED:
        return "_" + _cut(plain, NAME_BYTES - 1)
    return plain


def form_name(sent: bytes) -> str:
    """The file name of a part of a form, uncleaned: browsers and the app escape quotes and line breaks, nothing else.

    >>> form_name(b"say %22hello%22 100%25")
    'say "hello" 100%25'
    """
    return sent.replace(b"%22", b'"').replace(b"%0D%0A", b"\r\n").decode("utf-8", "replace")


def kept_name(offered: str, keeps: Keeps) -> str:
    """One segment of a peer's path, as near to what was offered as this disk can keep it: `safe_name`, where it cannot
    keep more. Nothing that moves a terminal's cursor, hides or turns text is ever kept.

    >>> kept_name('what? "that": a|b ', Keeps(characters=True, forms=True)), kept_name("what?", ANYWHERE)
    ('what? "that": a|b ', 'what_')
    >>> kept_name(".\u200b.", Keeps(characters=True)), kept_name("a/b", Keeps(characters=True))
    ('file', 'a_b')
    """
    if not keeps.characters:
        return _cut(safe_name(re.sub(r"[/\\]", "_", offered)), keeps.name)
    shown = "".join(c for c in offered if unicodedata.category(c) not in _UNSEEN).replace("/", "_")
    if not keeps.forms:
        shown = unicodedata.normalize("NFC", shown)
    if len(shown.encode()) > keeps.name:
        shown = _cut(shown, keeps.name)
    return "file" if shown in {"", ".", ".."} else shown


def safe_path(parts: Sequence[str], keeps: Keeps = ANYWHERE) -> tuple[str, ...]:
    """A peer's path as segments that stay below the folder they are written in, on any system or as a disk keeps them.

    Segments that are empty, `.` or `..` go; a separator inside one becomes `_`; each is then a `safe_name`. Too deep or
    too long, the innermost folders go and the last segment stays. There is always at least one segment.

    >>> safe_path(("holiday", "day 1", "beach.jpg"))
    ('holiday', 'day 1', 'beach.jpg')
    >>> safe_path(("..", "..", "etc", "passwd"))
    ('etc', 'passwd')
    >>> safe_path(("/etc/passwd",)), safe_path(("C:", "aux.txt ", "a\\\\b"))
    (('_etc_passwd',), ('C_', '_aux.txt', 'a_b'))
    >>> safe_path(()), safe_path(("..",)), safe_path((" .",))
    (('file',), ('file',), ('file',))
    """
    kept = [kept_name(part, keeps) for part in parts if part not in {"", ".", ".."}] or ["file"]
    last = kept.pop()
    room = keeps.path - len(last.encode())
    folders: list[str] = []
    for name in kept[: keeps.parts - 1]:
        room -= len(name.encode()) + 1
        if room < 0:
            break
        folders.append(name)
    return (*folders, last)


def safe_paths(offered: Iterable[tuple[Sequence[str], bool]], keeps: Keeps = ANYWHERE) -> list[tuple[str, ...]]:
    """The paths of one manifest, each `(path, is it a folder)`, as safe ones, in the same order.

    Two that a system might take for one (the case of letters, composed or not, a file and a folder of one name) do not
    meet: the later is numbered. What lies in a folder follows it. Two folders whose names become the same when they are
    cleaned are one; no file is lost by that. The only door between a manifest and a disk.

    >>> safe_paths([(("a",), True), (("A",), False), (("a", "x"), False), (("a", "X"), False)])
    [('a',), ('A (2)',), ('a', 'x'), ('a', 'X (2)')]
    """
    folders: dict[tuple[str, ...], tuple[str, ...]] = {(): ()}  # as offered -> as written
    taken: dict[tuple[str, ...], set[str]] = {}
    numbers: dict[tuple[tuple[str, ...], str], int] = {}  # where the next search begins: a million like names are quick

    def place(parent: tuple[str, ...], name: str) -> tuple[str, ...]:
        near = taken.setdefault(parent, set())
        like = _key(name, keeps)
        free, number = name, numbers.get((parent, like), 1)
        while _key(free, keeps) in near:
            number += 1
            free = numbered(name, number, keeps.name)
        if number > 1:
            numbers[(parent, like)] = number
        near.add(_key(free, keeps))
        return (*parent, free)

    def folder(path: tuple[str, ...]) -> tuple[str, ...]:
        known = folders.get(path)
        if known is None:
            known = folders[path] = place(folder(path[:-1]), path[-1])
        return known

    cleaned: dict[tuple[str, ...], tuple[str, ...]] = {}
    placed = []
    for path, is_folder in offered:
        parts = tuple(path)
        parent = cleaned.get(parts[:-1])
        if parent is None or not parts or parts[-1] in {"", ".", ".."}:
            safe = safe_path(parts, keeps)
        else:  # the folder was cleaned before: a manifest lists a folder's files one after the other
            safe = (*parent, *safe_path(parts[-1:], keeps))
            if len("/".join(safe).encode()) > keeps.path or len(safe) > keeps.parts:
                safe = safe_path(parts, keeps)
        if is_folder:
            cleaned[parts] = safe
            placed.append(folder(safe))
        else:
            placed.append(place(folder(safe[:-1]), safe[-1]))
    return placed


def alike(name: str) -> str:
    """What a file system that folds case and composes characters would take a name for.

    >>> alike("Straße") == alike("STRASSE"), alike("e\u0301") == alike("É")
    (True, True)
    """
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _key(name: str, keeps: Keeps) -> str:
    """What a disk takes a name for."""
    if not keeps.case:
        return alike(name)
    return name if keeps.forms else unicodedata.normalize("NFC", name)


def distinct(name: str, taken: set[str]) -> str:
    """`name`, or the first of `name (2)`, `name (3)` … that is like none of `taken` (of `alike`).

    >>> distinct("beach.jpg", {"beach.jpg", "beach (2).jpg"}), distinct(".profile", {".profile"})
    ('beach (3).jpg', '.profile (2)')
    """
    free, number = name, 1
    while alike(free) in taken:
        number += 1
        free = numbered(name, number)
    return free


def numbered(name: str, number: int, limit: int = NAME_BYTES) -> str:
    """`name` with a number before its extension, still at most `limit` bytes.

    >>> numbered("holiday.tar.gz", 2), numbered("holiday", 3)
    ('holiday.tar (2).gz', 'holiday (3)')
    """
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > 16:
        stem, dot, ending = name, "", ""
    tail = f" ({number}){dot}{ending}"
    return _cut(stem, limit - len(tail.encode())) + tail


def _cut(name: str, limit: int) -> str:
    """`name` in at most `limit` bytes, its extension kept where that leaves a stem."""
    if len(name.encode()) <= limit:
        return name
    stem, dot, ending = name.rpartition(".")
    tail = (dot + ending).encode() if stem and len(ending.encode()) <= 16 else b""
    head = (stem if tail else name).encode()[: limit - len(tail)]
    return (head.decode(errors="ignore") + tail.decode()).rstrip(". ") or "file"


def user_id(offered: str) -> str:
    """A user id as the app chose it: 1 to 256 visible characters, kept as they are.

    >>> user_id("ann@home")
    'ann@home'
    """
    if not offered or len(offered) > ID_CHARS:
        raise BadRequest(f"a user id has 1 to {ID_CHARS} characters")
    if any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in offered):
        raise BadRequest("a user id has no control characters")
    return offered


def is_our_id(offered: str) -> bool:
    """Whether this could be an id that this server gave out (32 hex digits): all else is unknown without a look-up.

    >>> is_our_id("0123456789abcdef0123456789abcdef"), is_our_id("../../etc/passwd")
    (True, False)
    """
    return _OUR_ID.match(offered) is not None


def shown(text: str, limit: int = 80) -> str:
    """A stranger's text as one short line for a terminal: nothing in it moves the cursor, hides or turns the rest.

    What is not to be seen becomes `�`. Whoever prints a name, a reason or an address of the other side calls it.

    >>> shown("holiday\\x1b[2J\\r\\nrm -rf"), shown("evil\\u202egnp.exe"), shown("x" * 99, 8)
    ('holiday�[2J��rm -rf', 'evil�gnp.exe', 'xxxxxxx…')
    """
    head = unicodedata.normalize("NFC", text[: 4 * limit])
    line = "".join("�" if unicodedata.category(c) in _UNSEEN else c for c in head)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def attachment(name: str) -> str:
    """A Content-Disposition value for a cleaned name, RFC 6266 section 4 with RFC 8187 encoding.

    >>> attachment("plain.txt")
    'attachment; filename="plain.txt"'
    >>> attachment("fünf €.txt")
    'attachment; filename="f_nf _.txt"; filename*=UTF-8\\'\\'f%C3%BCnf%20%E2%82%AC.txt'
    """
    ascii_name = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    if ascii_name == name:
        return f'attachment; filename="{name}"'
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"
