"""What a server says of itself on the local network, and what of that is believed. Pure; spec: docs/spec/lan.md.

Anybody on the network may announce anything. So an announcement is read within bounds, only addresses of local networks
are taken from it, and whoever is found must still answer as a BurrowSpace server before it is used.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from burrowspace.core.networks import is_near

SERVICE = "_burrowspace._tcp.local."
VERSION = "1"  # of the announcement
ADDRESSES = 8  # of one announcement that are looked at
SERVERS = 32  # announcements that are looked at
_ZONE = re.compile(r"[\w.-]{1,32}")
_ID = re.compile(r"[0-9a-f]{8,64}\Z")


@dataclass(frozen=True, slots=True)
class Announcement:
    """`brief`: it serves one transfer and goes; nobody else's transfer should be begun there."""

    server_id: str
    port: int
    addresses: tuple[str, ...]  # literal, the likeliest first
    secure: bool = False
    brief: bool = False

    def urls(self) -> list[str]:
        """The origins under which it says that it is reached.

        >>> Announcement("0" * 32, 5000, ("10.0.0.7", "fd00::7")).urls()
        ['http://10.0.0.7:5000', 'http://[fd00::7]:5000']
        >>> Announcement("0" * 32, 5000, ("fe80::7%eth0",)).urls()
        ['http://[fe80::7%25eth0]:5000']
        """
        scheme = "https" if self.secure else "http"
        hosts = [f"[{at.replace('%', '%25')}]" if ":" in at else at for at in self.addresses]
        return [f"{scheme}://{host}:{self.port}" for host in hosts]

    def is_at(self, origin: str) -> bool:
        """Whether it says that it is reached under this origin. Zones do not count: each end has its own.

        >>> said = Announcement("0" * 32, 5000, ("10.0.0.7", "fe80::7%wlan0"))
        >>> [said.is_at(f"http://{host}:5000") for host in ("10.0.0.7", "[FE80::7%25eth0]", "10.0.0.8", "nas")]
        [True, True, False, False]
        >>> said.is_at("http://10.0.0.7:5001"), said.is_at("https://10.0.0.7:5000"), said.is_at("http://10.0.0.7:5000/x")
        (False, False, False)
        """
        wanted = _place(origin)
        return wanted is not None and any(_place(url) == wanted for url in self.urls())


def _place(origin: str) -> tuple[str, object, int] | None:
    """Scheme, literal address and port of an origin; None for one with a name or a path."""
    try:
        parts = urlsplit(origin)
        address = ipaddress.ip_address((parts.hostname or "").partition("%")[0])
    except ValueError:
        return None
    return None if parts.path else (parts.scheme, address, parts.port or (443 if parts.scheme == "https" else 80))


def properties(said: Announcement) -> dict[str, str]:
    """Its TXT record.

    >>> properties(Announcement("00ff00ff", 5000, ()))
    {'v': '1', 'id': '00ff00ff', 'path': '/', 'tls': '0', 'brief': '0'}
    """
    flags = {"tls": said.secure, "brief": said.brief}
    return {"v": VERSION, "id": said.server_id, "path": "/"} | {name: str(int(is_so)) for name, is_so in flags.items()}


def believe(port: int | None, addresses: Iterable[str], text: Mapping[bytes, bytes | None]) -> Announcement | None:
    """What a stranger's announcement is worth; None: nothing. The only door between them and our connections.

    An IPv6 link-local address without its zone, which says on which of our networks it is, leads nowhere: it is left
    out. The zone is our own system's word, not the announcement's.

    >>> believe(5000, ["8.8.8.8", "10.0.0.7"], {b"v": b"1", b"id": b"00ff00ff"})
    Announcement(server_id='00ff00ff', port=5000, addresses=('10.0.0.7',), secure=False, brief=False)
    >>> believe(22, ["10.0.0.7"], {b"v": b"1", b"id": b"<script>"})
    """
    server_id = (text.get(b"id") or b"")[:65].decode("ascii", "replace")
    near = dict.fromkeys(
        at
        for at in list(addresses)[:ADDRESSES]
        if is_near(at)
        and _ZONE.fullmatch(at.partition("%")[2] or "-")
        and ("%" in at or not at.lower().startswith("fe80:"))
    )
    if text.get(b"v") != VERSION.encode() or text.get(b"path", b"/") != b"/" or not _ID.match(server_id):
        return None
    if port is None or not 1 <= port <= 65535 or not near:
        return None
    return Announcement(server_id, port, tuple(near), text.get(b"tls") == b"1", text.get(b"brief") == b"1")
