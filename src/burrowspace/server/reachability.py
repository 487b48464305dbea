"""The addresses under which this server can be reached, as far as it knows them."""

import contextlib
import ipaddress
import re
import socket
import sys
from dataclasses import dataclass, field

import ifaddr

from burrowspace.config import Settings
from burrowspace.core.base_path import base_of
from burrowspace.core.forwarded import authority_host
from burrowspace.core.hosts import is_of_lan
from burrowspace.core.ice import is_stun_uri
from burrowspace.core.interfaces import Interface, likeliest, networks
from burrowspace.core.networks import is_loopback

_LOCAL = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?\Z")


@dataclass(slots=True)
class Reachability:
    """Filled by whoever learns something: the listener its port, the tunnel its URL."""

    settings: Settings
    port: int = 0
    ip: str = "127.0.0.1"
    tunnel_url: str | None = None
    tunnel_state: str = "off"  # off, opening, up, down
    tunnel_message: str | None = None
    addresses: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)  # of the addresses, one for each network with other devices
    stun_ports: tuple[int, ...] = ()  # UDP, of our own; none, one, or two that follow each other
    stun_message: str | None = None  # why there are none
    base: str = field(init=False)  # the path of the public URL of the settings; empty: none

    def __post_init__(self) -> None:
        self.base = base_of(self.settings.public_url or "") or ""

    @property
    def scheme(self) -> str:
        return "https" if self.settings.is_secure else "http"

    @property
    def public_url(self) -> str | None:
        return self.tunnel_url or self.settings.public_url

    def look(self) -> None:
        """Reads the addresses of this machine; the first is the one a phone would use."""
        if self.settings.host not in ("0.0.0.0", "::", ""):  # noqa: S104
            self.addresses = self.networks = [self.settings.host]
        else:
            found = _interfaces()
            self.addresses = likeliest(found, _routed()) or ["127.0.0.1"]
            self.networks = networks(found, self.addresses)
        self.ip = self.addresses[0] if self.addresses else "127.0.0.1"

    def is_tunnel(self, authority: str | None) -> bool:
        """Whether a request with this Host came for the tunnel's URL."""
        tunnel = authority_host(_authority_of(self.tunnel_url))
        return tunnel is not None and tunnel == authority_host(authority)

    def is_public(self, host: str) -> bool:
        """Whether the public URL or the tunnel's has this host, in small letters."""
        urls = (self.tunnel_url, self.settings.public_url)
        return any(url is not None and authority_host(_authority_of(url)) == host for url in urls)

    def own_stun(self, authority: str | None, *, passed_on: bool = False) -> list[str]:
        """STUN URIs of our own ports for a client that called us by this Host; none where UDP does not come to us.

        A tunnel or a proxy (`passed_on`) passes no UDP on. On loopback nobody but this machine reaches it.
        Who called by a name of this machine alone gets the address that others see.
        """
        host = self.settings.stun_host
        if host is None:
            if passed_on or self.is_tunnel(authority):
                return []
            host = authority_host(authority) or authority_host(_authority_of(self.settings.public_url))
            if host is not None and is_loopback(self.settings.host) and not _LOCAL.match(host):
                return []
        if host is None or _LOCAL.match(host):
            host = f"[{self.ip}]" if ":" in self.ip else self.ip
        found = [f"stun:{host}:{port}" for port in self.stun_ports]
        return [uri for uri in found if is_stun_uri(uri)]

    def stun_servers(self, authority: str | None, *, passed_on: bool = False) -> list[str]:
        """All that this client is offered: those of the settings, then our first port."""
        return [*self.settings.stun_servers, *self.own_stun(authority, passed_on=passed_on)[:1]]

    def origin_allowed(self, origin: str | None, host: str | None) -> bool:
        """Whether a web page of `origin` may call us: one of this host, of the public URL, a configured one, and one of
        localhost where this is a server of the local network without a public URL.

        No origin is a native app or a program, and those may.
        """
        if origin is None:
            return True
        allowed = self.settings.cors_origins
        if "*" in allowed or origin in allowed or origin == _origin_of(self.public_url):
            return True
        scheme, slashes, authority = origin.partition("://")
        if not slashes or scheme not in ("http", "https"):
            return False
        if host is not None and authority.lower() == host.lower():
            return True
        return _LOCAL.match(authority.lower()) is not None and self.public_url is None and is_of_lan(host)


def is_own_name(authority: str) -> bool:
    """Whether only this very machine can call by this Host.

    >>> is_own_name("localhost:5000"), is_own_name("[::1]"), is_own_name("drop.example.org")
    (True, True, False)
    """
    return _LOCAL.match(authority.lower()) is not None


def _authority_of(url: str | None) -> str | None:
    return None if url is None else url.partition("://")[2].split("/", 1)[0]


def _origin_of(url: str | None) -> str | None:
    if url is None:
        return None
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.split('/', 1)[0]}"


def _interfaces() -> list[Interface]:
    """What this machine has. No name is looked up: a name service may not answer."""
    found = []
    for adapter in ifaddr.get_adapters():
        for each in adapter.ips:
            if isinstance(each.ip, str):
                found.append(Interface(adapter.nice_name, each.ip))
            else:
                host, _, zone = each.ip
                local = ipaddress.ip_address(host).is_link_local
                found.append(Interface(adapter.nice_name, f"{host}%{_zone(adapter.name, zone)}" if local else host))
    return found


def _routed() -> list[str]:
    """Which addresses this machine speaks from to the outside. Nothing is sent."""
    found = []
    for family, outside in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):  # for documentation
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((outside, 9))
            found.append(str(probe.getsockname()[0]))
    return found


def _zone(name: str, number: int) -> str:
    """As this system writes it: Windows has numbers."""
    return str(number) if sys.platform == "win32" else name
