"""A certificate authority of this server's own, and the server's certificate by it: for networks without a DNS name.

Made once in a folder. A device that trusts it trusts whoever holds its key, so the key never leaves the folder (0600)
and the authority binds itself (RFC 5280, 4.2.1.10): it can speak for private addresses and for what this machine was
called when it was made, for servers only, and never for a bank, a mailbox or a URI. A name of one label would stand for
everything under it, such as all of `.dev`, so it has none. Asks no network. Errors: NoIdentity.
"""

import datetime
import hashlib
import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from burrowspace.core.hosts import LOCAL, Address
from burrowspace.faults import why_and_cure
from burrowspace.private import close_files, private_folder
from burrowspace.server.tls.context import NoIdentity
from burrowspace.system.files import open_file, replace, sync

_DAY = datetime.timedelta(days=1)
_AUTHORITY_LIFE = 3650 * _DAY
_LEAF_LIFE = 396 * _DAY  # 397 with the day before, for clocks that are late: more is refused by Apple's systems
_RENEW = 60 * _DAY  # before the end
_ANY_HOME = "home.arpa"  # RFC 8375: names that exist in one home only
_AGAIN = "remove the folder to get a new one, which every device must then trust anew"
_NOBODY = "burrowspace.invalid"  # RFC 6761: who may only have this for a mailbox or a URI may have none
_PRIVATE = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)

_Name: TypeAlias = x509.DNSName | x509.IPAddress


_OURS = ("ca.", "server.")  # how the names in its folder begin


class Authority:
    """Its files in `folder`: ca.crt, ca.key, server.crt, server.key. `now` is UTC everywhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cert, self.key = folder / "server.crt", folder / "server.key"
        self._cert: x509.Certificate
        self._key: ec.EllipticCurvePrivateKey

    def open(self, names: Iterable[str], addresses: Iterable[Address], now: datetime.datetime) -> None:
        """Reads it, or makes it where the folder has none: it may then also speak for these names and addresses."""
        try:
            private_folder(self.folder, _OURS)
            close_files(self.folder, _OURS)
            if not (self.folder / "ca.crt").exists():
                self._make(names, addresses, now)
        except OSError as error:
            raise NoIdentity(f"the authority in {self.folder} cannot be used: {why_and_cure(error)}") from None
        self.read()
        if self._cert.not_valid_after_utc - now < _RENEW:
            raise NoIdentity(f"the authority in {self.folder} is at the end of its ten years; {_AGAIN}")

    def read(self) -> None:
        """Reads what the folder has, and changes nothing there."""
        try:
            self._cert = x509.load_pem_x509_certificate((self.folder / "ca.crt").read_bytes())
            found = serialization.load_pem_private_key((self.folder / "ca.key").read_bytes(), None)
        except OSError as error:
            raise NoIdentity(f"the authority in {self.folder} cannot be used: {why_and_cure(error)}") from None
        except (ValueError, TypeError):
            raise NoIdentity(f"the authority in {self.folder} is damaged; {_AGAIN}") from None
        if not isinstance(found, ec.EllipticCurvePrivateKey) or found.public_key() != self._cert.public_key():
            raise NoIdentity(f"the key of the authority in {self.folder} is not its own; {_AGAIN}")
        self._key = found

    @property
    def der(self) -> bytes:
        """Its certificate, as devices install it."""
        return self._cert.public_bytes(serialization.Encoding.DER)

    @property
    def is_too_mighty(self) -> bool:
        """Whether it was made by an older version, which let it speak for more than this machine: it needs renewing."""
        try:
            bounds = self._cert.extensions.get_extension_for_class(x509.NameConstraints).value
            usage = self._cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            return True
        allowed = bounds.permitted_subtrees or ()
        kinds = {type(each) for each in allowed}
        return (
            not kinds >= {x509.DNSName, x509.IPAddress, x509.RFC822Name, x509.UniformResourceIdentifier}
            or any(isinstance(each, x509.DNSName) and "." not in each.value for each in allowed)
            or list(usage) != [ExtendedKeyUsageOID.SERVER_AUTH]
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of that, written as systems show it: `AB:CD:…`."""
        return hashlib.sha256(self.der).digest().hex(":").upper()

    def issue(self, names: Iterable[str], addresses: Iterable[Address], now: datetime.datetime) -> list[str] | None:
        """A new server certificate, unless the one in the folder is for exactly these and not near its end: then None.

        Answers the names and addresses that it had to leave out: the authority has bound itself not to speak for them.
        Names of one label are left out without a word: no new authority could speak for them either.
        """
        offered: list[_Name] = [
            *map(x509.DNSName, dict.fromkeys(names)),
            *map(x509.IPAddress, dict.fromkeys(addresses)),
        ]
        wanted = [each for each in offered if self._may_name(each)]
        if self._holds_good(wanted, now):
            return None
        self._issue(wanted, now)
        missing = [each for each in offered if each not in wanted]
        return [str(each.value) for each in missing if not isinstance(each, x509.DNSName) or "." in each.value]

    def _may_name(self, asked: _Name) -> bool:
        bounds = self._cert.extensions.get_extension_for_class(x509.NameConstraints).value
        for allowed in bounds.permitted_subtrees or ():
            if isinstance(asked, x509.DNSName) and isinstance(allowed, x509.DNSName):
                if f".{asked.value}".endswith(f".{allowed.value}"):
                    return True
            elif isinstance(asked, x509.IPAddress) and isinstance(allowed, x509.IPAddress):
                network = allowed.value
                if isinstance(network, ipaddress.IPv4Network | ipaddress.IPv6Network) and asked.value in network:
                    return True
        return False

    def _holds_good(self, wanted: list[_Name], now: datetime.datetime) -> bool:
        try:
            held = x509.load_pem_x509_certificate(self.cert.read_bytes())
            key = serialization.load_pem_private_key(self.key.read_bytes(), None)
            held.verify_directly_issued_by(self._cert)
            said = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False  # none, or none of ours: a new one takes its place
        ours = isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == held.public_key()
        return (
            ours and held.not_valid_before_utc <= now < held.not_valid_after_utc - _RENEW and set(said) == set(wanted)
        )

    def _make(self, names: Iterable[str], addresses: Iterable[Address], now: datetime.datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named("BurrowSpace authority of this network")
        networks = [ipaddress.ip_network(each) for each in (*_PRIVATE, *addresses)]
        permitted = [
            *map(x509.DNSName, dict.fromkeys((_ANY_HOME, *_bounded(names)))),
            *map(x509.IPAddress, dict.fromkeys(networks)),
            x509.RFC822Name(_NOBODY),
            x509.UniformResourceIdentifier(_NOBODY),
        ]
        public = key.public_key()
        made = (
            _begun(subject, subject, public, now, _AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.NameConstraints(permitted, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self.folder / "ca.key", _pem_of(key))
        _write(self.folder / "ca.crt", made.public_bytes(serialization.Encoding.PEM))  # last: it says that all is there

    def _issue(self, wanted: list[_Name], now: datetime.datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key()
        issuer = self._cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        made = (
            _begun(_named("BurrowSpace"), self._cert.subject, public, now, _LEAF_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(wanted), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        try:
            _write(self.key, _pem_of(key))
            _write(self.cert, made.public_bytes(serialization.Encoding.PEM))
        except OSError as error:
            raise NoIdentity(f"a certificate cannot be written into {self.folder}: {why_and_cure(error)}") from None


def _bounded(names: Iterable[str]) -> Iterable[str]:
    """Names that an authority may be bound to. One label stands for this machine with each local ending."""
    for name in names:
        if "." in name:
            yield name
        elif name != "localhost":
            yield from (f"{name}.{ending}" for ending in LOCAL if ending not in ("localhost", "test", "invalid"))


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
    life: datetime.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + life)
    )


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, for this user alone from its first byte."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    file = open_file(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, content)
        sync(file)
    finally:
        os.close(file)
    replace(part, path)
