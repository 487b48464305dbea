"""Which server a command uses: --server, then BURROW_SERVER, then the person's file, then none.

A server that was named is used or is an error. Only where nobody named one may another be found, or send be its own.
"""

import asyncio
import contextlib
import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from burrowspace.cli.exits import Usage
from burrowspace.core.base_path import base_path
from burrowspace.core.networks import is_near
from burrowspace.faults import why, why_and_cure
from burrowspace.system.folders import config_home

_HOW = "write it as https://drop.example.org"
_SHARED = ipaddress.ip_network("100.64.0.0/10")
# An address as people write it: what a slip of the finger makes of one must not be read as some other host.
_WRITTEN = re.compile(
    r"(?:(?P<scheme>https?)://)?(?:[^\s/?#@]*@)?"
    r"(?P<host>\[[0-9a-f:.]+(?:%[\w.-]+)?\]|[^\s/?#@:\[\]\\]+)(?::(?P<port>[^/?#]*))?"
    r"(?P<path>/(?!/)[^\s?#]*)?(?:[?#][^\s]*)?",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*:/+|https?:)", re.IGNORECASE)  # of something else, or not all of it


@dataclass(frozen=True, slots=True)
class NamedServer:
    """A server's origin, and who named it. `guessed`: https was taken, for no scheme was written."""

    url: str
    said_by: str
    guessed: bool = False

    @property
    def hint(self) -> str:
        """What to try when nobody answers there, behind the sentence that says so; empty: nothing.

        >>> NamedServer("https://a.b:5000", "x", guessed=True).hint
        '; nothing stood before a.b:5000, so https was taken: write http://a.b:5000 if that server has no TLS'
        """
        host = self.url.partition("://")[2]
        more = f"; nothing stood before {host}, so https was taken: write http://{host} if that server has no TLS"
        return more if self.guessed else ""


def named(written: str, said_by: str) -> NamedServer:
    """The server that somebody named. Usage: it is no address."""
    url = origin(written, said_by)
    return NamedServer(url, said_by, "://" not in written and url.startswith("https:"))


def config_file(environment: Mapping[str, str]) -> Path:
    """Where a person's settings lie."""
    return config_home(environment) / "config.toml"


def settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """The person's file; empty where there is none. Usage: it cannot be read."""
    path = config_file(environment)
    try:
        text = path.read_text("utf-8")
        import tomllib  # late: most people have no such file

        return tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        said = why(error) if isinstance(error, OSError) else str(error)
        raise Usage(f"{path} cannot be read: {said}; correct or remove it") from None


def named_server(option: str | None, environment: Mapping[str, str] | None = None) -> NamedServer | None:
    """The server to use, if any was named. Usage: what was named is no address."""
    known = os.environ if environment is None else environment
    if option is not None:
        return named(option, "--server")
    if variable := known.get("BURROW_SERVER"):
        return named(variable, "BURROW_SERVER")
    written, file = settings(known).get("server"), str(config_file(known))
    if written is not None and not isinstance(written, str):
        raise Usage(f"`server` in {file} is not a text; {_HOW}")
    return None if written is None else named(written, file)


def remembered(server: str | None) -> NamedServer | None:
    """The server of a transfer that was begun and is gone on with, where no other is named now. One of a local network
    was most likely found there, and is looked for again.

    >>> remembered("https://drop.example.org"), remembered("http://192.168.1.7:5000")
    (NamedServer(url='https://drop.example.org', said_by='where this was begun', guessed=False), None)
    """
    parts = urlsplit(server or "")
    if not server or (parts.scheme == "http" and _is_near(parts.hostname or "")):
        return None
    return NamedServer(server, "where this was begun")


def own_name(environment: Mapping[str, str] | None = None) -> str:
    """`name` of the person's file: what to call this end to the other; empty: the host's name."""
    name = settings(os.environ if environment is None else environment).get("name")
    return name[:64] if isinstance(name, str) else ""


def origin(written: str, said_by: str) -> str:
    """An address as a server's origin, with the path below which it is reached; what has no scheme is https, or http
    where it is not of the internet. A link's page, /r, is no such path.

    >>> origin("[fe80::1%eth0]:5000", "x"), origin("http://[fe80::1%25eth0]:5000", "x")
    ('http://[fe80::1%25eth0]:5000', 'http://[fe80::1%25eth0]:5000')
    >>> origin("drop.example.org", "x"), origin("192.168.1.7:5000", "x"), origin("http://a.b:80/path/", "x")
    ('https://drop.example.org', 'http://192.168.1.7:5000', 'http://a.b:80/path')
    >>> origin("https://a.b/r?x#y", "x"), origin("https://a.b/path/r/", "x")
    ('https://a.b', 'https://a.b/path')
    """
    text = written.strip()
    if not text:
        raise Usage(f"{said_by} is empty, which is no address of a server; {_HOW}")
    found = _WRITTEN.fullmatch(text)
    begins = _SCHEME.match(text) if found is None or found["scheme"] is None else None
    if found is None or begins or found["host"].lower() in ("http", "https"):
        why = f": it begins with {begins[1]}" if begins else ""
        raise Usage(f"{text!r} of {said_by} is no address of a server{why}; {_HOW}")
    port = found["port"]
    if port is not None and not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise Usage(f"{text!r} of {said_by} is no address of a server: {port!r} is no port; {_HOW}")
    try:
        host = urlsplit(f"//{found['host']}").hostname or ""
    except ValueError:
        raise Usage(f"{text!r} of {said_by} is no address of a server; {_HOW}") from None
    scheme = (found["scheme"] or ("http" if _is_near(host) else "https")).lower()
    base = base_path(re.sub(r"(/r)?/?$", "", found["path"] or ""))
    if base is None:
        raise Usage(f"{text!r} of {said_by} is no address of a server: its path is none of ours; {_HOW}")
    written = found["host"].replace("%25", "%").replace("%", "%25")  # a zone, in whichever of the two spellings
    return f"{scheme}://{written}{'' if port is None else f':{port}'}{base}"


def _is_near(host: str) -> bool:
    """Whether only a local network knows it, where a certificate can hardly be had: an address of one
    (core/networks.py), of a carrier's NAT or an overlay network (RFC 6598), 0.0.0.0, one label, a name of mDNS or of a
    router.

    >>> [_is_near(host) for host in ("10.0.0.7", "100.64.1.2", "fe80::1", "0.0.0.0", "nas", "nas.local", "nas.lan")]
    [True, True, True, True, True, True, True]
    >>> [_is_near(host) for host in ("9.9.9.9", "100.128.0.1", "2620:fe::fe", "nas.local.example.org", "example.org")]
    [False, False, False, False, False]
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.rstrip(".")
        return "." not in name or name.endswith((".local", ".lan", ".localhost"))
    return is_near(host) or address.is_unspecified or address in _SHARED


@contextlib.contextmanager
def explained(server: NamedServer) -> Iterator[None]:
    """An Unreachable in here says what else could be meant, too."""
    from burrowspace.client.errors import Unreachable
    from burrowspace.client.server.trust import Untrusted

    try:
        yield
    except Unreachable as error:
        if isinstance(error.__cause__, Untrusted) or not server.hint:
            raise
        raise Unreachable(f"{error}{server.hint}") from error


async def reachable(server: NamedServer, seconds: float = 5.0) -> str | None:
    """None when a BurrowSpace server answers there within `seconds`; else why not, in a few words."""
    from burrowspace.client.server.api import AGAIN_S, TRIES, not_ours
    from burrowspace.client.server.http import Http, refusal
    from burrowspace.client.server.trust import Untrusted

    http, why = Http(server.url, seconds), None
    try:
        for _ in range(TRIES):
            answer = await http.request("GET", "/status")
            if (why := not_ours(answer)) is None:
                break
            await asyncio.sleep(AGAIN_S)
        if not 200 <= answer.status < 300 and why is None:
            return refusal(answer.status, answer.body)[1]
        known = answer.json()
    except Untrusted as error:
        return str(error)
    except OSError as error:
        from burrowspace.core.names import shown

        return shown(why_and_cure(error), 300) + server.hint
    except ValueError:
        return why or "what answers there is no BurrowSpace server"
    finally:
        await http.close()
    if not isinstance(known, dict) or "server_id" not in known:
        return "what answers there is no BurrowSpace server"
    return None
