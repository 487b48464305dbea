"""What the authority of our own can vouch for, in the eyes of OpenSSL; and owners of an old one hear of it."""

import datetime
import ipaddress
import os
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from burrowspace.config import Settings
from burrowspace.core.findings import Verdict
from burrowspace.core.hosts import hosts
from burrowspace.server.doctor import host
from burrowspace.server.tls.authority import Authority
from tests.app import running

pytestmark = pytest.mark.anyio

NOW = datetime.datetime.now(datetime.UTC)
OWN = ("localhost", "dev", "dev.local", "box.example.org", "10.0.0.7", "203.0.113.5")
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def authority(folder: Path) -> Authority:
    made = Authority(folder)
    made.open(*hosts(OWN), NOW)
    return made


def leaf(folder: Path, name: x509.GeneralName, usage: x509.ObjectIdentifier = SERVER) -> Path:
    """A certificate by the authority in `folder` for whatever somebody with its key wants."""
    issuer = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    signs = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    assert isinstance(signs, ec.EllipticCurvePrivateKey)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.subject)
        .public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(hours=1))
        .not_valid_after(NOW + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .sign(signs, hashes.SHA256())
    )
    file = folder / "leaf.crt"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return file


def accepted(
    folder: Path, name: x509.GeneralName, usage: x509.ObjectIdentifier = SERVER, purpose: str = "sslserver"
) -> bool:
    ca, certificate = folder / "ca.crt", leaf(folder, name, usage)
    run = subprocess.run(["openssl", "verify", "-purpose", purpose, "-CAfile", ca, certificate], capture_output=True)
    return run.returncode == 0


def dns(name: str) -> x509.DNSName:
    return x509.DNSName(name)


def ip(text: str) -> x509.IPAddress:
    return x509.IPAddress(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "name",
    [dns("dev.local"), dns("dev.lan"), dns("box.example.org"), dns("x.home.arpa"), ip("10.1.2.3"), ip("203.0.113.5")],
)
def test_it_vouches_for_this_machine(tmp_path: Path, name: x509.GeneralName):
    authority(tmp_path)
    assert accepted(tmp_path, name)


@pytest.mark.parametrize(
    "name",
    [
        *map(
            dns, ("dev", "google.dev", "x.local", "printer.lan", "bank.example", "example.org", "localhost", "a.home")
        ),
        ip("203.0.113.6"),
        x509.RFC822Name("ann@example.org"),
        x509.RFC822Name("ann@dev.local"),
        x509.UniformResourceIdentifier("https://bank.example/x"),
        x509.UniformResourceIdentifier("spiffe://dev.local/x"),
    ],
)
def test_it_vouches_for_nothing_else(tmp_path: Path, name: x509.GeneralName):
    authority(tmp_path)
    assert not accepted(tmp_path, name)


@pytest.mark.parametrize("purpose", ["sslclient", "smimesign", "timestampsign"])
def test_it_vouches_for_servers_only(tmp_path: Path, purpose: str):
    authority(tmp_path)
    usage = {"sslclient": CLIENT, "smimesign": ExtendedKeyUsageOID.EMAIL_PROTECTION}.get(
        purpose, ExtendedKeyUsageOID.TIME_STAMPING
    )
    assert not accepted(tmp_path, dns("dev.local"), usage, purpose)


def test_no_name_in_its_bounds_has_one_label(tmp_path: Path):
    authority(tmp_path)
    made = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    bounds = made.extensions.get_extension_for_class(x509.NameConstraints)
    assert bounds.critical
    names = [each.value for each in bounds.value.permitted_subtrees or () if isinstance(each, x509.DNSName)]
    assert names
    assert all("." in name for name in names)


def test_a_machine_without_a_name_of_its_own_still_binds_its_authority(tmp_path: Path):
    made = Authority(tmp_path)
    made.open(["localhost"], [], NOW)
    assert not made.is_too_mighty
    assert not accepted(tmp_path, dns("bank.example"))


def test_names_of_one_label_are_left_out_of_the_certificate_without_a_word(tmp_path: Path):
    made = authority(tmp_path)
    assert made.issue(*hosts([*OWN, "bank.example"]), NOW) == ["bank.example"]
    held = x509.load_pem_x509_certificate(made.cert.read_bytes())
    said = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert said.get_values_for_type(x509.DNSName) == ["dev.local", "box.example.org"]


def old(folder: Path) -> None:
    """An authority as version 0.1.0 made it on a machine called `dev`."""
    folder.mkdir(parents=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "BurrowSpace authority of this network")])
    networks = [ipaddress.ip_network(each) for each in ("10.0.0.0/8", "127.0.0.0/8", "::1/128")]
    names = ("localhost", "local", "lan", "home", "internal", "home.arpa", "dev", "dev.local")
    usage = [False] * 5 + [True, True, False, False]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=1))
        .not_valid_after(NOW + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(*usage), critical=True)
        .add_extension(
            x509.NameConstraints([*map(x509.DNSName, names), *map(x509.IPAddress, networks)], None), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(folder / "ca.key", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(secret)


async def test_the_owner_of_an_old_authority_is_told_to_renew_it_and_how(tmp_path: Path, monkeypatch):
    old(tmp_path / "tls")
    assert accepted(tmp_path / "tls", dns("google.dev")), "what is wrong with it"
    said: list[str] = []
    monkeypatch.setattr("burrowspace.server.tls.identity.log.warning", lambda text, **more: said.append(text))
    async with running(tmp_path, tls="self-signed") as server:
        async with server.http.get("/ca") as answer:
            page = await answer.text()
        server.app.identity.look()
    assert [text for text in said if "older version" in text and "remove its folder" in text] == said[:1]
    assert "older version" in page
    assert "remove the folder <code>tls</code>" in page
    finding = host.authority(Settings(data=tmp_path, tls="self-signed"))
    assert finding is not None
    assert finding.verdict is Verdict.DOUBTFUL
    assert str(tmp_path / "tls") in finding.todo


async def test_the_owner_of_a_new_one_is_not(tmp_path: Path, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr("burrowspace.server.tls.identity.log.warning", lambda text, **more: said.append(text))
    async with running(tmp_path, tls="self-signed") as server, server.http.get("/ca") as answer:
        assert "older version" not in await answer.text()
    assert said == []
    finding = host.authority(Settings(data=tmp_path, tls="self-signed"))
    assert finding is not None
    assert finding.verdict is Verdict.GOOD
    assert host.authority(Settings(data=tmp_path)) is None
