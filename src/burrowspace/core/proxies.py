"""Which proxy stands between this machine and a server. Pure: the environment and the network are arguments.

The rules are those of curl and of Python's standard library, and one more: what is on this machine or on its own
network needs no proxy. How a connection is made through one: client/server/line.py. Guide: docs/guide/proxies.md.
"""

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, unquote, urlsplit

from burrowspace.core.networks import is_near

NetworkTest = Callable[[str], bool]


class Kind(StrEnum):
    HTTP = "http"
    HTTPS = "https"  # an HTTP proxy that is itself reached by TLS
    SOCKS5 = "socks5"  # this machine looks up the server's name
    SOCKS5H = "socks5h"  # the proxy does


PORTS = {Kind.HTTP: 3128, Kind.HTTPS: 443, Kind.SOCKS5: 1080, Kind.SOCKS5H: 1080}
_KINDS = {**{kind.value: kind for kind in Kind}, "socks": Kind.SOCKS5H}  # `socks://` is what GNOME writes
_USABLE = "http, https, socks5 or socks5h"


class BadProxy(ValueError):
    """What names a proxy cannot be read. The text never repeats it: it may hold a password."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """`named_by`: the variable, or the system settings. User and password stay out of every text that is shown."""

    kind: Kind
    host: str
    port: int
    named_by: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def is_http(self) -> bool:
        return self.kind in (Kind.HTTP, Kind.HTTPS)

    @property
    def address(self) -> str:
        """Without user and password: for people and logs.

        >>> Proxy(Kind.HTTP, "fd00::1", 3128, "HTTP_PROXY", "ann", "secret").address
        'http://[fd00::1]:3128'
        """
        return f"{self.kind}://{_bracketed(self.host)}:{self.port}"

    @property
    def authorization(self) -> dict[str, str]:
        """The header that an HTTP proxy wants, by its name; empty without a user."""
        if not self.user and not self.password:
            return {}
        known = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"proxy-authorization": f"Basic {known}"}

    def __str__(self) -> str:
        return f"the proxy {self.address} ({self.named_by})"


def proxy_for(
    scheme: str, host: str, port: int, environment: Mapping[str, str], is_here: NetworkTest = is_near
) -> Proxy | None:
    """The proxy for a server. BadProxy: one is named, but cannot be read.

    `is_here` says of a private address whether it is on a network of this machine.

    >>> proxy_for("https", "drop.example.org", 443, {"HTTPS_PROXY": "http://ann:secret@10.0.0.1"})
    Proxy(kind=<Kind.HTTP: 'http'>, host='10.0.0.1', port=3128, named_by='HTTPS_PROXY')
    >>> proxy_for("https", "drop.example.org", 443, {"https_proxy": "10.0.0.1", "no_proxy": ".example.org"})
    >>> proxy_for("http", "192.168.1.7", 5000, {"all_proxy": "socks5h://10.0.0.1"})
    """
    found = _named(scheme, environment)
    if found is None or is_local(host, is_here) or is_excepted(host, port, _either("no_proxy", environment)[1]):
        return None
    return parsed(*found)


def parsed(named_by: str, written: str) -> Proxy:
    """A proxy as people write it; without a scheme it is an HTTP proxy. BadProxy."""
    written = written.strip()
    try:
        parts = urlsplit(written if "://" in written else f"http://{written}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    kind = _KINDS.get(parts.scheme.lower())
    if parts.scheme and kind is None:
        scheme = parts.scheme[:20]
        raise BadProxy(f"{named_by} names a proxy of the kind {scheme}, which cannot be used; use {_USABLE}")
    if kind is None or not host or port == 0:
        raise BadProxy(f"{named_by} is not the address of a proxy; write it as http://proxy.example.org:3128")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(kind, host, PORTS[kind] if port is None else port, named_by, user, password)


def is_local(host: str, is_here: NetworkTest) -> bool:
    """Whether this machine reaches a host by itself: itself, its link, a private address on a network of its own.

    >>> [is_local(host, lambda at: at == "10.0.0.7") for host in ("localhost", "::1", "fe80::1%eth0", "10.0.0.7")]
    [True, True, True, True]
    >>> [is_local(host, lambda at: at == "10.0.0.7") for host in ("10.0.0.8", "nas", "203.0.113.7")]
    [False, False, False]
    """
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    if address is None:
        return False
    if address.is_loopback or address.is_unspecified or address.is_link_local:
        return True
    return is_near(str(address)) and is_here(str(address))


def is_excepted(host: str, port: int, no_proxy: str) -> bool:
    """Whether NO_PROXY names this host: itself, a domain above it, a network, or `*` for all; with a port or without.

    >>> [is_excepted("a.example.org", 443, each) for each in ("example.org", ".example.org", "*.example.org", "*")]
    [True, True, True, True]
    >>> [is_excepted("10.1.2.3", 5000, each) for each in ("10.0.0.0/8", "10.1.2.3:5000", "10.1.2.3:80", "2.3")]
    [True, True, False, False]
    """
    name = host.rstrip(".").lower()
    address = _address(name)
    return any(_names(each, name, port, address) for each in re.split(r"[,\s]+", no_proxy.lower()) if each)


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _names(rule: str, name: str, port: int, address: _Address | None) -> bool:
    if rule == "*":
        return True
    if "/" in rule:
        try:
            return address is not None and address in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    if _address(rule) is None:
        rule, _, wanted = rule.partition("]:") if rule.startswith("[") else rule.partition(":")
        if wanted and wanted != str(port):
            return False
    if address is not None:
        return _address(rule) == address
    domain = rule.removeprefix("*").strip(".")
    return bool(domain) and (name == domain or name.endswith("." + domain))


def _named(scheme: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable that counts, and what it says."""
    for name in (f"{scheme}_proxy", "all_proxy"):
        variable, said = _either(name, environment)
        # A CGI program's HTTP_PROXY is what a stranger wrote in a `Proxy` header (httpoxy)
        if said and not (variable == "HTTP_PROXY" and "REQUEST_METHOD" in environment):
            return variable, said
    return None


def _either(name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Lower case counts before upper case, even where it is empty."""
    for each in (name, name.upper()):
        if each in environment:
            return each, environment[each].strip()
    return name, ""


def _address(host: str) -> _Address | None:
    try:
        found = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


# ---- what a proxy answers, in a sentence

DENIED = (401, 403, 405, 451)
AWAY = (502, 503, 504)


def refusal(proxy: Proxy, status: int, to: str) -> str:
    """What a proxy's answer to a wish for `to` (host:port) means, and what to do.

    >>> refusal(Proxy(Kind.HTTP, "10.0.0.1", 3128, "HTTPS_PROXY"), 403, "drop.example.org:443")
    'the proxy http://10.0.0.1:3128 (HTTPS_PROXY) does not allow connections to drop.example.org:443 (403); ask whoever runs it, or set NO_PROXY=drop.example.org if this machine can reach it without the proxy'
    """  # noqa: E501
    host = to.rpartition(":")[0]
    if status in (401, 407):  # 401 is what tinyproxy says to a wrong password
        return login(proxy)
    if status in DENIED:
        return (
            f"{proxy} does not allow connections to {to} ({status}); ask whoever runs it, or set NO_PROXY={host} "
            "if this machine can reach it without the proxy"
        )
    if status in AWAY:
        return (
            f"{proxy} cannot reach {to} ({status}); check the address, or set NO_PROXY={host} if this machine can "
            "reach it without the proxy"
        )
    return f"{proxy} answered {status}; ask whoever runs it, or set NO_PROXY={host} to go without it"


def login(proxy: Proxy) -> str:
    """It wants a user and a password, or others."""
    if proxy.user:
        return (
            f"{proxy} did not accept the user and the password; correct them in {proxy.named_by}. Special characters "
            f"are written as %XX there, for example {quote('@', safe='')} for @"
        )
    place = f"{proxy.kind}://USER:PASSWORD@{_bracketed(proxy.host)}:{proxy.port}"
    return f"{proxy} wants a user and a password; set {proxy.named_by}={place}"


SOCKS_REPLIES = {  # RFC 1928, section 6
    1: "failed",
    2: "does not allow connections to {to}",
    3: "has no network that leads to {to}",
    4: "cannot reach {to}",
    5: "found nobody listening at {to}",
    6: "got no answer from {to}",
    7: "does not make connections",
    8: "does not know addresses such as {to}",
}


def socks_refusal(proxy: Proxy, code: int, to: str) -> str:
    """The same for SOCKS."""
    what = SOCKS_REPLIES.get(code, "refused").format(to=to)
    return f"{proxy} {what}; check the address, or set NO_PROXY={to.rpartition(':')[0]} to go without the proxy"


def silent(proxy: Proxy) -> str:
    return f"{proxy} does not answer; check its address, or unset {proxy.named_by} if there is no proxy here any more"


def no_answer(proxy: Proxy) -> str:
    return f"no answer came in time through {proxy}; if this machine needs no proxy here, unset {proxy.named_by}"


def cut(proxy: Proxy) -> str:
    return f"{proxy} closed the connection without an answer; check that it is a proxy, and of the kind {proxy.kind}"


def strange(proxy: Proxy) -> str:
    return f"what answers at {proxy.address} is not a proxy of the kind {proxy.kind}; correct {proxy.named_by}"


def unreachable(proxy: Proxy, why: str) -> str:
    return f"{proxy} cannot be reached ({why}); correct {proxy.named_by}, or unset it if there is no proxy here"
