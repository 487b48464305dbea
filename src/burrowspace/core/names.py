"""The doors between a stranger's text and everything that shows or stores it.

Not a place for paths: nothing from outside ever becomes one here; files on the server's disk are named by our own ids.
Spec: docs/spec/names.md.
"""

import re
import unicodedata
from urllib.parse import quote

from burrowspace.core.errors import BadRequest

NAME_BYTES = 255  # UTF-8 bytes of a cleaned file name: the limit of ext4, APFS and NTFS segments
ID_CHARS = 256  # characters of a user id

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³")}  # Windows
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_OUR_ID = re.compile(r"[0-9a-f]{32}\Z")


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
    shown = "".join(c for c in last if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    composed = unicodedata.normalize("NFC", shown)
    plain = _cut(_FORBIDDEN.sub("_", composed).strip(" ").rstrip(". ") or "file", NAME_BYTES)
    if plain.split(".", 1)[0].strip().lower() in _RESERVED:
        return "_" + _cut(plain, NAME_BYTES - 1)
    return plain


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
