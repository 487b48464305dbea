"""The addresses under which this server can be reached, as far as it knows them."""

import ipaddress
import re
import socket
from dataclasses import dataclass, field

from burrowspace.config import Settings

_LOCAL = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?\Z")


@dataclass(slots=True)
class Reach:
    """Filled by whoever learns something: the listener its port, the tunnel its URL."""

    settings: Settings
    port: int = 0
    ip: str = "127.0.0.1"
    tunnel_url: str | None = None
    tunnel_state: str = "off"  # off, opening, up, down
    tunnel_message: str | None = None
    addresses: list[str] = field(default_factory=list)

    @property
    def scheme(self) -> str:
        return "https" if self.settings.is_secure else "http"

    @property
    def public_url(self) -> str | None:
        return self.tunnel_url or self.settings.public_url

    def look(self) -> None:
        """Reads the addresses of this machine; the first is the one a phone would use."""
        if self.settings.host not in ("0.0.0.0", "::", ""):  # noqa: S104
            self.addresses = [self.settings.host]
        else:
            self.addresses = lan_addresses()
        self.ip = self.addresses[0] if self.addresses else "127.0.0.1"

    def origin_allowed(self, origin: str | None, host: str | None) -> bool:
        """Whether a web page of `origin` may call us: this host, localhost, the public URL and the configured.

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
        return _LOCAL.match(authority.lower()) is not None


def _origin_of(url: str | None) -> str | None:
    if url is None:
        return None
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.split('/', 1)[0]}"


def lan_addresses() -> list[str]:
    """IPv4 addresses of this machine, the one with the default route first; loopback if there is nothing else."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1: chooses a route, sends nothing
            found.append(probe.getsockname()[0])
        except OSError:
            pass  # no route to anywhere: a machine without a network
    try:
        named = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        named = []
    found += [str(info[4][0]) for info in named]
    outside = [a for a in dict.fromkeys(found) if not ipaddress.ip_address(a).is_loopback and a != "0.0.0.0"]  # noqa: S104
    return outside or ["127.0.0.1"]
