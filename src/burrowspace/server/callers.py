"""The caller's address behind proxies and our own tunnel: one answer for every bound, `your_ip` and the sockets.

Headers are believed of the proxies in `trusted_proxies`, and of a connection from this very machine that asks for the
host of our tunnel while that is up: the tunnel's own process, or another program of this machine, which has no bounds
to get around. Reading them: core/forwarded.py. Spec: docs/spec/http.md, "Callers".
"""

import ipaddress
from typing import cast

from starlette.types import ASGIApp, Receive, Scope, Send

from burrowspace.core import forwarded
from burrowspace.core.errors import Forbidden
from burrowspace.core.forwarded import Caller
from burrowspace.core.networks import counted, is_loopback, is_near
from burrowspace.server.door import refuse
from burrowspace.server.reach import Reach

NOT_FOR_YOU = "this server answers only callers of its own local network"
NEAR = "burrow.near"  # in a scope: the address that the connection came from, whoever called

Headers = list[tuple[bytes, bytes]]


class Callers:
    """Asked by the front for each connection and request."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
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
            return forwarded.caller(peer, headers, self.trusts)
        if self._reach.tunnel_url is not None and self._from_tunnel(peer, headers):
            near = forwarded.plain(peer)
            return Caller(forwarded.caller(peer, headers, lambda each: each == near).address, None)
        return Caller(peer, None)

    def believes(self, peer: str, headers: Headers) -> bool:
        """Whether what a connection from `peer` says of its caller is taken."""
        return self.trusts(peer) or (self._reach.tunnel_url is not None and self._from_tunnel(peer, headers))

    def as_seen(self, peer: str, headers: Headers) -> tuple[str, Headers]:
        """The caller's address, and the headers with the Host that the caller used."""
        who = self.who(peer, headers)
        if who.host is not None:
            headers = [pair for pair in headers if pair[0] != b"host"] + [(b"host", who.host.encode("latin-1"))]
        return who.address, headers

    def _from_tunnel(self, peer: str, headers: Headers) -> bool:
        """bore passes bytes on and writes no header: what came through it is the caller's own invention."""
        if self._reach.settings.tunnel_kind == "bore" or not is_loopback(peer):
            return False
        hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
        return len(hosts) == 1 and self._reach.is_tunnel(hosts[0])


class SeenAs:
    """ASGI: everything behind it sees the caller as `scope["client"]`, and the Host that the caller used."""

    def __init__(self, app: ASGIApp, callers: Callers) -> None:
        self._app, self._callers = app, callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client is not None and scope["type"] == "http":
            scope[NEAR] = client[0]
            address, headers = self._callers.as_seen(client[0], cast(Headers, scope["headers"]))
            if self._callers.is_stranger(address):
                await refuse(send, Forbidden(NOT_FOR_YOU))
                return
            if address != client[0] or headers is not scope["headers"]:
                scope = {**scope, "client": (address, 0), "headers": headers}
        await self._app(scope, receive, send)
