"""A link: where the server is, and behind the `#` the secret that no server sees.

And the names and keys that follow from it.

`https://host/r#…`: a browser keeps what stands behind the `#` to itself. Whoever has the link has the files. Spec:
docs/spec/meeting.md.
"""

import base64
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from burrowspace.core.base_path import SEGMENT, base_path
from burrowspace.core.errors import BadLink, BurrowError
from burrowspace.core.networks import is_loopback, is_near
from burrowspace.core.pasted import SECRET_CHARS, cleaned, links_in
from burrowspace.core.sealing import SECRET_BYTES, derive

LINK_CHARS = 512  # of a link; more is refused
HOW = "a link is an address, /r# and 43 letters and digits: https://host/r#…"

_LINK = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?"
    r"(?P<host>\[[0-9a-f:.]+(?:%(?:25)?(?P<zone>[a-z0-9_.~-]{1,32}))?\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    rf"(?P<path>(?:/{SEGMENT})*?)/r/?",
    re.IGNORECASE,
)
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, repr=False)
class Link:
    """`server` is where it is reached, `https://host`, `http://host:port` or `https://host/path`;

    `str` gives the whole link, `repr` hides the secret.
    """

    server: str
    secret: bytes

    def __str__(self) -> str:
        return format_link(self.server, self.secret)

    def __repr__(self) -> str:
        return f"Link({self.server!r}, …)"


def format_link(server: str, secret: bytes) -> str:
    """The link for a secret on the server of this origin.

    >>> format_link("https://example.org", bytes(32))
    'https://example.org/r#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret has {SECRET_BYTES} bytes")
    return f"{server.rstrip('/')}/r#{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"


def parse_link(text: str) -> Link:
    """What a person pasted, with what stands around and in it (core/pasted.py). https where no scheme stands in front.
    BadLink teaches.

    >>> parse_link("It is at Example.org/r?utm_source=mail#" + "A" * 43 + ".").server
    'https://example.org'
    """
    found = links_in(text)
    if len(found) > 1:
        raise BadLink("there is more than one link in it; give one of them")
    return _parsed(found[0] if found else cleaned(text[: LINK_CHARS + 1]))


def _parsed(plain: str) -> Link:
    if len(plain) > LINK_CHARS:
        raise BadLink(f"that is too long for a link; {HOW}")
    address, mark, fragment = plain.partition("#")
    if not mark:
        raise BadLink(f"the part behind the # is missing, and it is the key; {HOW}")
    found = _LINK.fullmatch(address)
    if found is None:
        raise BadLink(f"the part in front of the # is not where a BurrowSpace server is; {HOW}")
    scheme = (found["scheme"] or "https").lower()
    if scheme not in ("http", "https"):
        raise BadLink(f"a link begins with https:// or http://; {HOW}")
    port = found["port"]
    if port is not None and not 1 <= int(port) <= 65535:
        raise BadLink(f"there is no such port; {HOW}")
    if base_path(found["path"]) is None:
        raise BadLink(f"the path in front of /r is too long; {HOW}")
    if not _SECRET.fullmatch(fragment):
        raise BadLink(f"behind the # stand {SECRET_CHARS} letters, digits, - and _; copy the whole link. {HOW}")
    secret = base64.urlsafe_b64decode(fragment + "=")
    if base64.urlsafe_b64encode(secret).decode().rstrip("=") != fragment:
        raise BadLink("the last character of the link is wrong; copy the whole link")
    host = found["host"].lower()
    if found["zone"]:  # of a link-local address; RFC 6874 spells its % as %25
        host = f"{host.partition('%')[0]}%25{found['zone']}]"
    return Link(f"{scheme}://{host}{f':{int(port)}' if port else ''}{found['path']}", secret)


def mailbox_id(secret: bytes, receiver: str | None = None) -> str:
    """The mailbox of a transfer, where receivers knock; or the one of a receiver (32 hex digits) alone with the sender.

    >>> mailbox_id(bytes(32)) != mailbox_id(bytes(32), "0" * 32)
    True
    """
    if receiver is None:
        return derive(secret, b"", "burrow/1 mailbox", 16).hex()
    return derive(secret, bytes.fromhex(receiver), "burrow/1 mailbox receiver", 16).hex()


def link_tag(secret: bytes, receiver: str) -> bytes:
    """16 bytes by which a direct link with this receiver is told from others; they may be seen on the line."""
    return derive(secret, bytes.fromhex(receiver), "burrow/1 link tag", 16)


def link_key(secret: bytes, receiver: str) -> bytes:
    """The key that both ends of a direct link with this receiver prove to know (core/frames.py)."""
    return derive(secret, bytes.fromhex(receiver), "burrow/1 link key")


def reached_at(origin: str, public: object) -> str:
    """Where a link leads: to the public address that a server names, if we reach it by one of a local network, which
    the other side may not be in. Whoever serves the link's page has the secret of a browser that opens it; so we take
    that word only of a server that serves the page under its own address as well. A secure server cannot name an
    address that is not.

    >>> reached_at("http://127.0.0.1:5000", "https://a.trycloudflare.com")
    'https://a.trycloudflare.com'
    >>> reached_at("https://drop.example.org", "https://evil.example"), reached_at("http://10.0.0.7:1", "javascript:0")
    ('https://drop.example.org', 'http://10.0.0.7:1')
    >>> reached_at("https://10.0.0.7:5000", "http://drop.example.org")
    'https://10.0.0.7:5000'
    """
    host = urlsplit(origin).hostname or ""
    if not isinstance(public, str) or not (host == "localhost" or is_near(host)):
        return origin
    try:
        named = parse_link(format_link(public, bytes(SECRET_BYTES))).server
    except BurrowError:
        return origin
    return origin if origin.startswith("https:") and not named.startswith("https:") else named


def is_of_machine(origin: str) -> bool:
    """Whether only this very machine reaches a server by this origin.

    >>> is_of_machine("http://localhost:5000"), is_of_machine("http://[::1]:5000"), is_of_machine("http://10.0.0.7:5000")
    (True, True, False)
    """
    host = urlsplit(origin).hostname or ""
    return host == "localhost" or is_loopback(host)


def reached_by_others(origin: str, ip: object, port: object) -> str:
    """Where a link leads, to a server that we call by a name of this machine alone: to the address of its network, as
    its status says. Where it says another port, something stands in between, and that address may be a container's.

    >>> reached_by_others("http://localhost:5000", "10.0.0.7", 5000)
    'http://10.0.0.7:5000'
    >>> reached_by_others("http://localhost:8080", "172.17.0.2", 5000)
    'http://localhost:8080'
    """
    parts = urlsplit(origin)
    own_port = parts.port or (443 if parts.scheme == "https" else 80)
    if not is_of_machine(origin) or not isinstance(ip, str) or is_loopback(ip) or port != own_port:
        return origin
    host = f"[{ip.replace('%', '%25')}]" if ":" in ip else ip
    return f"{parts.scheme}://{host}:{port}{parts.path}"
