"""By which names this server may be called: the guard against DNS rebinding.

A web site may point its own name at this server's address. The browser then takes the two for one site and lets its
pages read every answer. So where a browser asks on behalf of a page, the Host header must hold a name of this server's
own. Apps and programs send neither Origin nor Sec-Fetch headers, and may use any name. Spec: docs/spec/http.md, "The
Host header".
"""

import ipaddress

import structlog
from starlette.types import Send

from burrowspace.core.errors import BadRequest, BurrowError, UnknownHost
from burrowspace.core.forwarded import authority_host
from burrowspace.core.hosts import LOCAL, ONE
from burrowspace.server.reachability import Reachability
from burrowspace.server.tls.identity import Identity
from burrowspace.server.tls.names import network_names, own_names

log = structlog.get_logger("server")

_TOLD = 20  # names that are logged
_UNKNOWN = (
    "web pages may not call this server by the name in the Host header; its operator can add that name to BURROW_HOSTS"
)
_PAGE = (
    b"This server does not know the name in your address bar, so it shows nothing here.\n\n"
    b"If the server is yours: set BURROW_HOSTS to that name, for example BURROW_HOSTS=files.example.org, or start it\n"
    b"with burrow serve --hosts files.example.org. Its IP address works in any case.\n\n"
    b"This keeps other web sites from reading what is on this server.\n"
)

Headers = list[tuple[bytes, bytes]]


class Hosts:
    """The names of one server. `identity`: who it is to TLS, where it speaks that."""

    def __init__(self, reach: Reachability, identity: Identity | None = None) -> None:
        self._reach, self._identity = reach, identity
        names = own_names()
        near = [f"{each}.{ending}" for each in names if "." not in each for ending in LOCAL]
        self._own = frozenset((*names, *near, *network_names(), *reach.settings.hosts))
        self._any = "*" in self._own
        self._told: set[str] = set()

    def knows(self, authority: str | None) -> bool:
        """Whether a Host header holds a name of this server, or an address."""
        host = authority_host(authority)
        if host is None:
            return False
        host = host.removesuffix(".")
        if self._any or host in self._own or host.endswith(".local") or _is_address(host):
            return True
        if self._reach.is_public(host):
            return True
        names = self._identity.names if self._identity is not None else ()
        return host in names or f"*.{host.partition('.')[2]}" in names

    def refusal(self, came: Headers, seen: Headers, version: str) -> BurrowError | None:
        """What is wrong with a request's Host. `came`: its headers, names in small letters; `seen`: the same, with the
        Host that a trusted proxy was asked for. `version`: of HTTP."""
        named, page = 0, False
        for name, _ in came:
            if name == b"host":
                named += 1
            elif name == b"origin" or name.startswith(b"sec-fetch-"):
                page = True
        if named > 1 or (named == 0 and version != "1.0"):
            return BadRequest(ONE)
        host = None
        if named:
            host = next(value for name, value in seen if name == b"host").decode("latin-1").strip()
            if authority_host(host) is None:
                return BadRequest(ONE)
        return self._unknown(host) if page and not self.knows(host) else None

    def _unknown(self, host: str | None) -> BurrowError:
        name = authority_host(host)
        if name is not None and name not in self._told and len(self._told) < _TOLD:
            self._told.add(name)
            log.warning(
                "a browser called this server by a name that it does not know, and was refused; "
                "if the name is yours, add it to BURROW_HOSTS (--hosts)",
                host=name,
            )
        return UnknownHost(_UNKNOWN)


def is_typed(headers: Headers) -> bool:
    """Whether a person opens a page with this request, and reads what comes back."""
    return (b"sec-fetch-mode", b"navigate") in headers


async def tell(send: Send, refusal: BurrowError) -> None:
    """Answers such a person."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(_PAGE)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": _PAGE})


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
