"""Who this server is to a TLS client: the certificate in use, read again when it was renewed.

Two kinds: files that somebody else renews, and an authority of its own. A look that fails changes nothing: the old
certificate stays in use and the log says why.
"""

import asyncio
import datetime
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from cryptography import x509

from burrowspace.config import Settings
from burrowspace.core.hosts import hosts
from burrowspace.server.tls.authority import Authority
from burrowspace.server.tls.context import NoIdentity, make_context
from burrowspace.server.tls.names import own_addresses, own_names

log = structlog.get_logger("tls")

LOOK_S = 10.0  # seconds between two looks at the files and at the addresses


class Identity:
    """Use `identity_of`. `context` is for the next handshake; it is another object after a renewal. `ends`: when its
    certificate does, seconds since 1970, where it tells. `names`: the DNS names in it, in small letters."""

    def __init__(self, cert: Path, key: Path, authority: Authority | None = None, names: Iterable[str] = ()) -> None:
        self.authority = authority
        self._cert, self._key, self._names = cert, key, tuple(names)
        self._warned = False
        self._renew()
        self._seen = self._stamp()
        self._failed: object = None
        self._use()

    def _use(self) -> None:
        self.context = make_context(self._cert, self._key)
        held = self._held()
        self.ends = None if held is None else held.not_valid_after_utc.timestamp()
        self.names = frozenset() if held is None else _names_in(held)

    def _held(self) -> x509.Certificate | None:
        """None where it cannot be read here: OpenSSL takes more than this library does."""
        try:
            return x509.load_pem_x509_certificate(self._cert.read_bytes())
        except (OSError, ValueError):
            return None

    @property
    def is_vouched_for(self) -> bool:
        """Whether the certificate is by somebody else, so that browsers may hold the name to https."""
        if self.authority is not None:
            return False
        held = self._held()
        return held is not None and held.issuer != held.subject

    def look(self) -> None:
        """Uses what is new. Blocking, for a few milliseconds; raises nothing."""
        try:
            self._renew()
            stamp = self._stamp()
            if stamp in (self._seen, self._failed):
                return
            self._failed = stamp
            self._use()
        except NoIdentity as error:
            log.error("the new certificate cannot be used; the old one stays in use", why=str(error))
            return
        self._seen, self._failed = stamp, None
        log.info("a new certificate is in use", certificate=str(self._cert))

    async def watch(self) -> None:
        """Looks every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await asyncio.to_thread(self.look)

    def _renew(self) -> None:
        if self.authority is None:
            return
        names, addresses = hosts(self._names)
        left_out = self.authority.issue([*own_names(), *names], [*own_addresses(), *addresses], _now())
        if self.authority.is_too_mighty and not self._warned:
            self._warned = True
            log.warning(
                "the authority that your devices trust was made by an older version and could vouch for more than this "
                "server; renew it: stop the server, remove its folder, start the server, open /ca on each device, and "
                "remove the old certificate there",
                folder=str(self.authority.folder),
            )
        if left_out:
            log.warning(
                "the certificate is not for all names of this machine: its authority was made for others; a new one, "
                "which every device must then trust anew, is made when its folder is removed",
                left_out=left_out,
                folder=str(self.authority.folder),
            )

    def _stamp(self) -> object:
        """Changes when a file does, links followed."""
        return tuple(_stamp(path) for path in (self._cert, self._key))


def identity_of(settings: Settings) -> Identity | None:
    """None without TLS; NoIdentity when its certificate cannot be used. Blocking."""
    if settings.tls == "self-signed":
        public = urlsplit(settings.public_url or "").hostname
        given = [*settings.tls_names, *([public] if public else [])]
        authority = Authority(settings.data / "tls")
        names, addresses = hosts(given)
        authority.open([*own_names(), *names], [*own_addresses(), *addresses], _now())
        return Identity(authority.cert, authority.key, authority, given)
    if settings.tls_cert is not None and settings.tls_key is not None:
        return Identity(settings.tls_cert, settings.tls_key)
    return None


def _names_in(held: x509.Certificate) -> frozenset[str]:
    try:
        names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    return frozenset(each.lower() for each in names.get_values_for_type(x509.DNSName))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
