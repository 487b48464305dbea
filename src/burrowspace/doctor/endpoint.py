"""The way to a server: its name, its port, its certificate. Each check gives a finding and raises nothing.

Where the environment names a proxy, name and port are the proxy's: this machine does not go further by itself.
"""

import asyncio
import datetime
import hashlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography import x509

from burrowspace.client.server import trust
from burrowspace.client.server.http import authority_of
from burrowspace.client.server.proxies import proxy_of
from burrowspace.core.findings import Fact, Finding, bad, doubtful, good
from burrowspace.core.names import shown
from burrowspace.core.proxies import Proxy
from burrowspace.faults import why

SECONDS = 4.0  # for each step
SOON_DAYS = 14  # before its end, in which a certificate that renews itself has done so
_DAY_S = 86_400
_BITS = {18, 19}  # X509_V_ERR_…: self-signed, alone or at the end of its chain
_EXPIRED, _EARLY, _NAME, _ADDRESS = 10, 9, 62, 64


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is: `host` and `port` of its origin, and of the proxy that has to be asked first."""

    origin: str
    host: str
    port: int
    secure: bool
    proxy: Proxy | None = None

    @property
    def near(self) -> tuple[str, int]:
        """Whom this machine connects to."""
        return (self.host, self.port) if self.proxy is None else (self.proxy.host, self.proxy.port)


def endpoint(origin: str) -> Endpoint:
    """BadProxy: what names a proxy cannot be read. ValueError: the origin is none."""
    parts = urlsplit(origin)
    host, secure = parts.hostname or "", parts.scheme == "https"
    proxy = proxy_of(parts.scheme, host, parts.port)
    return Endpoint(origin, host, parts.port or (443 if secure else 80), secure, proxy)


async def name(at: Endpoint) -> Finding:
    """Whether the host's name has an address."""
    host, _ = at.near
    try:
        async with asyncio.timeout(SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except TimeoutError:
        return bad("name", f"Nobody says within {SECONDS:g} s which address {shown(host)} has.", _ASK_DNS)
    except (OSError, UnicodeError) as error:
        said = why(error) if isinstance(error, OSError) else "it is no name"
        todo = "Check how it is written; where it is right, this network's name service (DNS) does not know it."
        return bad("name", f"{shown(host)} has no address here: {said}.", todo)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if addresses == [host]:
        return good("name", f"{shown(host)} is an address; no name has to be looked up.", addresses=host)
    listed = ", ".join(addresses[:4])
    return good("name", f"{shown(host)} is {listed}.", addresses=listed)


_ASK_DNS = "Check this machine's network and its name service (DNS)."


async def port(at: Endpoint) -> Finding:
    """Whether somebody listens."""
    host, number = at.near
    what = f"port {number} of {shown(host)}"
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(host, number, happy_eyeballs_delay=0.25)
    except TimeoutError:
        todo = "A firewall drops the connection, or the machine is off: open the port there, and check the address."
        return bad("port", f"No answer from {what} within {SECONDS:g} s.", todo, port=number)
    except ConnectionRefusedError:
        todo = "Start the server there (`burrow serve`), or correct the port of the address."
        if at.proxy is not None:
            todo = f"That is the proxy of {at.proxy.named_by}: correct or unset it."
        return bad("port", f"Nobody listens on {what}: the connection is refused.", todo, port=number)
    except OSError as error:
        todo = "Check this machine's network: there is no way to that address."
        return bad("port", f"{what} cannot be reached: {why(error)}.", todo, port=number)
    took = loop.time() - began
    writer.close()
    through = f" (the proxy that {at.proxy.named_by} names)" if at.proxy is not None else ""
    return good("port", f"{what.capitalize()}{through} answers after {took * 1000:.0f} ms.", seconds=took)


async def tls(at: Endpoint, now: Callable[[], float]) -> Finding | None:
    """The certificate, and what is wrong with it; None where there is none to look at. `now`: seconds since 1970."""
    if not at.secure:
        return None
    if at.proxy is not None:
        return good("tls", "The certificate is looked at when the proxy has let us through.")
    try:
        version, raw = await _handshake(at, trust.context())
    except ssl.SSLCertVerificationError as error:
        return await _distrusted(at, error, now())
    except ssl.SSLError as error:
        if "WRONG_VERSION" in str(error) or "RECORD_LAYER" in str(error) or "HTTP_REQUEST" in str(error):
            todo = f"Use http://{at.host}:{at.port}, or give the server a certificate (--tls-cert)."
            return bad("tls", f"What listens there speaks no TLS on port {at.port}.", todo)
        return bad("tls", f"What answers there cannot be spoken with: {shown(why(error))}.", _FRONT)
    except (OSError, EOFError, TimeoutError) as error:
        return bad("tls", f"The TLS handshake is not answered: {_why(error)}.", _FRONT)
    return judged(raw, now(), version)


_FRONT = "Look at what ends TLS there: the server itself, or the proxy in front of it."


def judged(raw: bytes, now: float, version: str) -> Finding:
    """Of a certificate (DER) that is trusted."""
    held = x509.load_der_x509_certificate(raw)
    days = (held.not_valid_after_utc.timestamp() - now) / _DAY_S
    end = held.not_valid_after_utc.date().isoformat()
    said = f"{version}; the certificate is trusted and holds until {end}"
    if days < SOON_DAYS:
        todo = "Renew it; where that should happen by itself, look at why it did not."
        return doubtful("tls", f"{said}, {max(days, 0):.0f} days from now.", todo, ends=end, version=version)
    return good("tls", f"{said}.", ends=end, version=version)


async def _distrusted(at: Endpoint, error: ssl.SSLCertVerificationError, now: float) -> Finding:
    """Looks at the certificate itself; nothing is sent over that connection."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    try:
        _, raw = await _handshake(at, blind)
    except (OSError, EOFError, TimeoutError):
        return bad("tls", f"The server is not to be trusted: {why(error)}.", _FRONT)
    offered = await authority_of(at.origin) if error.verify_code in trust.NO_AUTHORITY else None
    if offered is not None:
        said = trust.untrusted(error, at.origin, offered)
        return bad("tls", f"The certificate is by an authority of the server's own: {said}.", "Then name it with --ca.")
    return wrong(raw, error.verify_code, why(error), at.host, now)


def wrong(raw: bytes, code: int, said: str, host: str, now: float) -> Finding:
    """What is wrong with a certificate (DER) that OpenSSL refused with `code` (X509_V_ERR_…)."""
    held = x509.load_der_x509_certificate(raw)
    print_ = hashlib.sha256(raw).digest().hex(":").upper()
    begins, ends = held.not_valid_before_utc.timestamp(), held.not_valid_after_utc.timestamp()
    facts: dict[str, Fact] = {"fingerprint": print_, "ends": held.not_valid_after_utc.date().isoformat(), "code": code}
    if code == _EARLY or now < begins:
        found = f"The certificate holds only from {_day(begins)}, and this machine's clock says {_day(now)}."
        return bad("tls", found, "Most likely the clock here is behind: set it right.", **facts)
    if code == _EXPIRED or now > ends:
        found = f"The certificate has expired on {_day(ends)}; this machine's clock says {_day(now)}."
        return bad("tls", found, "Renew it on the server; if that date is not past, set the clock here right.", **facts)
    if code in (_NAME, _ADDRESS):
        found = f"The certificate is not for {shown(host)} but for {shown(', '.join(_names(held)) or 'no name', 200)}."
        return bad("tls", found, "Call the server by such a name, or get it a certificate for this one.", **facts)
    if code in _BITS or held.issuer == held.subject:
        found = f"The certificate is self-signed: nobody that this machine trusts vouches for it. SHA-256 {print_}."
        todo = "If the server's own screen shows the same fingerprint, trust it with --ca FILE; else do not go on."
        return bad("tls", found, todo, **facts)
    issuer = shown(held.issuer.rfc4514_string(), 120)
    found = f"The certificate is by {issuer}, which this machine does not trust ({said}). SHA-256 {print_}."
    todo = "Serve the whole chain of certificates; an authority of your own is trusted with --ca FILE."
    return bad("tls", found, todo, **facts)


def _names(held: x509.Certificate) -> list[str]:
    try:
        found = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))][:8]


async def _handshake(at: Endpoint, context: ssl.SSLContext) -> tuple[str, bytes]:
    """The version of TLS and the certificate, DER."""
    async with asyncio.timeout(SECONDS):
        _, writer = await asyncio.open_connection(at.host, at.port, ssl=context, server_hostname=at.host)
    try:
        line = writer.get_extra_info("ssl_object")
        return str(line.version()), line.getpeercert(binary_form=True) or b""
    finally:
        writer.transport.abort()


def _day(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing comes within {SECONDS:g} s"
    return shown(why(error), 200)
