"""The caller's address behind proxies and our own tunnel: one answer for every bound, `your_ip` and the sockets.

Headers are believed of the proxies in `trusted_proxies`, and of a connection from this very machine that asks for the
host of our tunnel while that is up: the tunnel's own process, or another program of this machine. Loopback has no
bounds, so a caller is loopback only if it connects from there and nothing says that it passes on somebody else's
request; where that cannot be told, it is `UNREADABLE`. Reading the headers: core/forwarded.py. Spec: docs/spec/http.md,
"Callers".
"""

import ipaddress
from typing import NamedTuple, cast

from starlette.types import ASGIApp, Receive, Scope, Send

from burrowspace.core import forwarded
from burrowspace.core.base_path import base_path, below
from burrowspace.core.errors import BurrowError, Forbidden, UnknownHost
from burrowspace.core.forwarded import Caller
from burrowspace.core.networks import UNREADABLE, counted, is_loopback, is_near
from burrowspace.server.hosts import Headers, Hosts, is_typed, tell
from burrowspace.server.reachability import Reachability, is_own_name
from burrowspace.server.request_guard import refuse

NOT_FOR_YOU = "this server answers only callers of its own local network"
_UNKNOWN_PROXY = (
    f"{NOT_FOR_YOU}, and this call came through a proxy that does not say clearly who calls; "
    "its operator can name the proxy in BURROW_TRUSTED_PROXIES"
)
NEAR = "burrow.near"  # in a scope: the address that the connection came from, whoever called
PASSED_ON = "burrow.passed_on"  # in a scope: a proxy or a tunnel stands between the caller and this machine


class SeenRequest(NamedTuple):
    """A request as everything behind the front sees it."""

    address: str  # the caller's, or UNREADABLE
    headers: Headers  # with the Host that the caller used
    refusal: BurrowError | None  # why it goes no further


class Callers:
    """Asked by the front for each connection and request."""

    def __init__(self, reach: Reachability, hosts: Hosts) -> None:
        self._reach, self.hosts = reach, hosts
        self._networks = [ipaddress.ip_network(each) for each in reach.settings.trusted_proxies]

    def trusts(self, address: str) -> bool:
        """Whether this is one of the operator's proxies."""
        if not self._networks:
            return False
        text = forwarded.plain(address)
        if text is None:
            return False
        known = ipaddress.ip_address(text)
        return any(known in network for network in self._networks)

    def counted(self, peer: str) -> str | None:
        """The name under which connections from there are counted. None: this machine's and the operator's proxies'
        have no limit."""
        return None if peer == "" or self.trusts(peer) else counted(peer)

    def is_stranger(self, address: str) -> bool:
        """Whether the settings refuse whoever has this address: the caller, or what a connection came from."""
        return self._reach.settings.local_only and not is_near(address)

    def who(self, peer: str, headers: Headers) -> Caller:
        """Who called over a connection from `peer`."""
        if self.trusts(peer):
            said = forwarded.caller(peer, headers, self.trusts)
            return Caller(UNREADABLE, said.host) if is_loopback(said.address) and _is_passed_on(headers) else said
        if not is_loopback(peer):
            return Caller(peer, None)
        if self._reach.tunnel_url is not None:
            if self._from_tunnel(peer, headers):
                near = forwarded.plain(peer)
                address = forwarded.caller(peer, headers, lambda each: each == near).address
                return Caller(UNREADABLE if is_loopback(address) else address, None)
            if self._is_mute:
                return Caller(UNREADABLE, None)
        return Caller(UNREADABLE if _is_passed_on(headers) else peer, None)

    def believes(self, peer: str, headers: Headers) -> bool:
        """Whether what a connection from `peer` says of its caller is taken."""
        return self.trusts(peer) or (self._reach.tunnel_url is not None and self._from_tunnel(peer, headers))

    def as_seen(self, peer: str, came: Headers, version: str) -> SeenRequest:
        """A request over a connection from `peer`, by its headers and its version of HTTP."""
        who, headers = self.who(peer, came), came
        if who.host is not None:
            headers = [pair for pair in came if pair[0] != b"host"] + [(b"host", who.host.encode("latin-1"))]
        refusal: BurrowError | None = self.hosts.refusal(came, headers, version)
        if self.is_stranger(who.address):
            refusal = Forbidden(_UNKNOWN_PROXY if who.address == UNREADABLE else NOT_FOR_YOU)
        return SeenRequest(who.address, headers, refusal)

    def own_url(self, peer: str, headers: Headers, url: bytes) -> bytes:
        """What is asked for, without the path below which this server is reached: a trusted proxy's X-Forwarded-Prefix,
        or that of the public URL. Everything behind the front sees a server at the root of its host."""
        if self._networks and self.trusts(peer):
            said = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-prefix"]
            if len(said) == 1 and (base := base_path(said[0])):
                url = below(base, url)
        return below(self._reach.base, url)

    def is_passed_on(self, peer: str, headers: Headers) -> bool:
        """Whether something stands in between that passes on TCP alone: a proxy of the operator's, a program of this
        machine that says so, and one that does not, but calls from this machine by a name of the outside."""
        if not is_loopback(peer):
            return self.trusts(peer) and _is_passed_on(headers)
        hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
        return _is_passed_on(headers) or (bool(hosts) and not is_own_name(hosts[0]))

    @property
    def _is_mute(self) -> bool:
        """bore passes bytes on and writes no header: what comes through it looks like a program of this machine."""
        return self._reach.settings.tunnel_kind == "bore"

    def _from_tunnel(self, peer: str, headers: Headers) -> bool:
        if self._is_mute or not is_loopback(peer):
            return False
        hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
        return len(hosts) == 1 and self._reach.is_tunnel(hosts[0])


def _is_passed_on(headers: Headers) -> bool:
    return any(name in forwarded.SIGNS for name, _ in headers)


class SeenAs:
    """ASGI: everything behind it sees the caller as `scope["client"]`, and the Host that the caller used."""

    def __init__(self, app: ASGIApp, callers: Callers) -> None:
        self._app, self._callers = app, callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client is not None and scope["type"] == "http":
            scope[NEAR] = client[0]
            came = cast(Headers, scope["headers"])
            scope[PASSED_ON] = self._callers.is_passed_on(client[0], came)
            address, headers, refusal = self._callers.as_seen(client[0], came, scope["http_version"])
            if refusal is not None:
                await (tell if isinstance(refusal, UnknownHost) and is_typed(came) else refuse)(send, refusal)
                return
            if address != client[0] or headers is not came:
                scope = {**scope, "client": (address, 0), "headers": headers}
        await self._app(scope, receive, send)
