"""https on the one port: bytes arrive, plain requests find their way, certificates are renewed while it runs."""

import asyncio
import contextlib
import datetime
import hashlib
import os
import socket
import ssl
import sys
import time
from pathlib import Path

import aiohttp
import pytest
import socketio
from cryptography import x509

from burrowspace.client.errors import Unreachable
from burrowspace.client.server import trust
from burrowspace.client.server.api import Server
from burrowspace.config import Settings
from burrowspace.core.hosts import ONE, hosts
from burrowspace.core.nearby import Announcement
from burrowspace.doctor import endpoint
from burrowspace.ports import Beacon
from burrowspace.server.build import build
from burrowspace.server.doctor import host
from burrowspace.server.lan import announce
from burrowspace.server.tls.authority import Authority
from burrowspace.server.tls.context import NoIdentity, make_context
from burrowspace.server.tls.identity import Identity, identity_of
from tests.app import Running, running
from tests.bulk.wire import Wire

pytestmark = pytest.mark.anyio
NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
LOOPS = pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": on}) for on in (False, True)])
DATA = bytes(range(256)) * 8192  # 2 MiB


def pair(folder: Path, *names: str, now: datetime.datetime | None = None) -> Authority:
    """An authority and a certificate for these names."""
    made, at = Authority(folder), now or datetime.datetime.now(datetime.UTC)
    chosen = names or ("localhost", "127.0.0.1")
    made.open(*hosts(chosen), at)
    made.issue(*hosts(chosen), at)
    return made


async def shown(server: Running) -> bytes:
    """The certificate that a new handshake gets, DER."""
    port = server.app.reach.port
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ssl._create_unverified_context())
    writer.close()
    return writer.get_extra_info("ssl_object").getpeercert(binary_form=True)  # type: ignore[no-any-return]


async def plainly(server: Running, request: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.app.reach.port)
    writer.write(request.encode())
    async with asyncio.timeout(10):
        said = await reader.read()
    writer.close()
    return said.decode("latin-1")


@pytest.fixture
async def server(tmp_path: Path):
    async with running(tmp_path, tls="self-signed", follow_wait_s=5) as server:
        yield server


@LOOPS
async def test_files_signals_and_polls_work_over_tls(server: Running):
    assert (await server.get("/status"))["port"] == server.app.reach.port
    key, form = await server.transfer(), aiohttp.FormData()
    form.add_field("file", DATA, filename="a.bin")
    await server.call("POST", f"/upload/{key}", data=form)
    async with server.http.get(f"/download/{key}", headers={"Range": "bytes=5-"}) as answer:
        assert (answer.status, await answer.read()) == (206, DATA[5:])
    heard: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    peers = [await server.connect(user) for user in ("ann", "bob")]
    async with asyncio.timeout(20):
        sockets = []
        for peer, transport in zip(peers, ("websocket", "polling"), strict=True):
            each = socketio.AsyncClient(http_session=server.http, reconnection=False)
            each.on("peer_signal", heard.set_result)
            await each.connect(server.url, transports=[transport])
            assert (await each.call("register_socket", {"peer_id": peer}))["status"] == "success"
            sockets.append(each)
        said = {"target_peer_id": peers[1], "sender_peer_id": peers[0], "signal": "x" * 3000}
        assert (await sockets[0].call("peer_signal", said))["status"] == "success"
        assert (await heard)["signal"] == "x" * 3000  # type: ignore[index]
        for each in sockets:
            await each.disconnect()


@LOOPS
async def test_a_running_upload_is_followed_over_tls_and_the_kernel_is_not_asked_to_move_it(server: Running):
    assert server.app.bulk.movers
    key, half, up = await server.transfer(), len(DATA) // 2, await Wire.to(server)
    async with asyncio.timeout(20):
        await up.ask("PUT", f"/upload/{key}", DATA[:half], Content_Length=str(len(DATA)))
        async with server.http.get(f"/download/{key}?follow=1") as answer:
            first = await answer.content.readexactly(half)
            await up.send(DATA[half:])
            assert (await up.get()).status == 200
            assert first + await answer.content.read() == DATA
    await up.close()


async def test_a_plain_request_is_shown_the_way(server: Running):
    port = server.app.reach.port
    said = await plainly(server, f"GET /r?x=1 HTTP/1.1\r\nHost: box.lan:{port}\r\n\r\n")
    assert said.startswith("HTTP/1.1 308 ")
    assert f"\r\nlocation: https://box.lan:{port}/r?x=1\r\n" in said
    assert "\r\ncache-control: no-store\r\n" in said
    said = await plainly(server, "POST /connect HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
    assert said.startswith("HTTP/1.1 400 ")
    assert said.endswith('{"error":"this server speaks https: https://a","code":"https-only"}')


@pytest.mark.parametrize(
    "host", ["a\r\nHost: b", "evil.example/@x", "x y", "<script>", "a" * 300, "[::1]:5000]", "", "a:1:2"]
)
async def test_a_strange_host_is_refused_and_not_repeated(server: Running, host: str):
    for version in ("1.0", "1.1"):
        said = await plainly(server, f"GET / HTTP/{version}\r\nHost: {host}\r\n\r\n")
        assert said.startswith("HTTP/1.1 400 ")
        assert "location:" not in said
        assert said.endswith(f'{{"error":"{ONE}","code":"bad-request"}}')


async def test_only_http_1_0_may_leave_the_host_out(server: Running):
    assert (await plainly(server, "GET / HTTP/1.1\r\n\r\n")).startswith("HTTP/1.1 400 ")
    said = await plainly(server, "GET / HTTP/1.0\r\n\r\n")
    assert f"\r\nlocation: https://127.0.0.1:{server.app.reach.port}/\r\n" in said


@pytest.mark.parametrize("noise", ["\r\n\r\n", "GET / HTTP/1.1\r\nX: " + "y" * 20_000, "GET /\x00 HTTP/1.1\r\n\r\n"])
async def test_what_is_neither_gets_a_sentence(server: Running, noise: str):
    assert (await plainly(server, noise)).startswith("HTTP/1.1 400 ")


async def test_the_authority_is_offered_over_both_with_a_page_that_runs_nothing(server: Running):
    authority = server.app.identity.authority
    der = (await plainly(server, "GET /ca.crt HTTP/1.1\r\nHost: a\r\n\r\n")).partition("\r\n\r\n")[2].encode("latin-1")
    assert der == authority.der
    assert hashlib.sha256(der).digest().hex(":").upper() == authority.fingerprint
    async with server.http.get("/ca.crt") as answer:
        assert (answer.content_type, await answer.read()) == ("application/x-x509-ca-cert", der)
    async with server.http.get("/ca") as answer:
        page, policy = await answer.text(), answer.headers["content-security-policy"]
    assert (await plainly(server, "GET /ca HTTP/1.1\r\nHost: a\r\n\r\n")).endswith(page.encode().decode("latin-1"))
    assert authority.fingerprint in page
    assert "<script" not in page
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    async with server.http.head("/status") as answer:
        assert "strict-transport-security" not in answer.headers


@LOOPS
async def test_a_handshake_that_stalls_or_fails_holds_nothing(server: Running, monkeypatch):
    monkeypatch.setattr("burrowspace.server.tls.tls_sniff.HELLO_S", 0.2)
    for hello in (b"", b"\x16\x03\x01", b"\x16" + b"\0" * 400):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.app.reach.port)
        writer.write(hello)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()
    assert (await server.get("/status"))["status"] == "online"


async def test_a_renewed_certificate_is_used_and_a_broken_one_is_not(tmp_path: Path):
    first, second = pair(tmp_path / "a"), pair(tmp_path / "b")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def put(certificate: Authority, private: Authority) -> None:
        for to, made in ((cert, certificate.cert), (key, private.key)):
            part = tmp_path / "part"
            part.write_bytes(made.read_bytes())
            part.replace(to)

    put(first, first)
    async with running(tmp_path / "data", tls_cert=cert, tls_key=key) as server:
        identity = server.app.identity
        assert await shown(server) == ssl.PEM_cert_to_DER_cert(first.cert.read_text())
        put(second, first)
        identity.look()
        assert await shown(server) == ssl.PEM_cert_to_DER_cert(first.cert.read_text())
        put(second, second)
        identity.look()
        assert await shown(server) == ssl.PEM_cert_to_DER_cert(second.cert.read_text())


def test_what_cannot_be_used_is_refused_with_a_sentence(tmp_path: Path):
    first, second = pair(tmp_path / "a"), pair(tmp_path / "b")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(NoIdentity, match="does not belong to the certificate"):
        make_context(first.cert, second.key)
    with pytest.raises(NoIdentity, match="cannot be read: there is no such file"):
        make_context(tmp_path / "none", first.key)
    with pytest.raises(NoIdentity, match="not in PEM form"):
        make_context(tmp_path / "text", first.key)
    with pytest.raises(ValueError, match="go together"):
        Settings(tls_cert=first.cert)


async def test_a_server_without_its_key_does_not_start(tmp_path: Path):
    made = pair(tmp_path / "a")
    argv = [sys.executable, "-m", "burrowspace", "serve", "--tls-cert", str(made.cert), "--tls-key", "none.pem"]
    env = {**os.environ, "BURROW_DATA": str(tmp_path / "data"), "BURROW_PORT": "0", "BURROW_HOST": "127.0.0.1"}
    process = await asyncio.create_subprocess_exec(*argv, env=env, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    cure = b"correct --tls-key (BURROW_TLS_KEY), or let this user read that file"
    wanted = b"burrow: the key none.pem cannot be read: there is no such file or folder; " + cure + b"\n"
    assert (process.returncode, said) == (2, wanted)


def test_the_certificate_follows_the_names_and_its_end_and_the_authority_stays(tmp_path: Path):
    made = pair(tmp_path, "box.lan", "10.0.0.7", now=NOW)
    for file in ("ca.key", "server.key"):
        assert (tmp_path / file).stat().st_mode & 0o777 == 0o600
    assert made.issue(*hosts(["box.lan", "10.0.0.7"]), NOW) is None
    assert made.issue(*hosts(["box.lan", "10.0.0.8"]), NOW) == []
    assert made.issue(*hosts(["box.lan", "10.0.0.8"]), NOW + datetime.timedelta(days=300)) is None
    assert made.issue(*hosts(["box.lan", "10.0.0.8"]), NOW + datetime.timedelta(days=340)) == []
    held = x509.load_pem_x509_certificate(made.cert.read_bytes())
    assert held.not_valid_after_utc - held.not_valid_before_utc <= datetime.timedelta(days=397)
    assert made.issue(*hosts(["bank.example", "8.8.8.8", "10.0.0.8"]), NOW) == ["bank.example", "8.8.8.8"]
    again = Authority(tmp_path)
    again.open([], [], NOW)
    assert again.fingerprint == made.fingerprint


def test_the_authority_cannot_vouch_for_a_bank(tmp_path: Path, monkeypatch):
    made = pair(tmp_path / "own")
    monkeypatch.setattr(Authority, "_may_name", lambda *_: True)
    made.issue(["bank.example"], [], datetime.datetime.now(datetime.UTC))
    trusts = ssl.create_default_context(cadata=made.der)
    incoming, outgoing = [ssl.MemoryBIO() for _ in "ab"], [ssl.MemoryBIO() for _ in "ab"]
    bank = make_context(made.cert, made.key).wrap_bio(incoming[0], outgoing[0], server_side=True)
    client = trusts.wrap_bio(incoming[1], outgoing[1], server_hostname="bank.example")

    def shake() -> None:
        for side, other, end in ((1, 0, client), (0, 1, bank)) * 5:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
            incoming[other].write(outgoing[side].read())

    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        shake()


async def test_a_new_address_gets_a_certificate_while_the_server_runs(server: Running, monkeypatch):
    before = await shown(server)
    monkeypatch.setattr("burrowspace.server.tls.identity.own_addresses", lambda: hosts(["127.0.0.1", "10.9.8.7"])[1])
    server.app.identity.look()
    after = x509.load_der_x509_certificate(await shown(server))
    assert after.serial_number != x509.load_der_x509_certificate(before).serial_number
    names = after.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "10.9.8.7" in [str(each) for each in names.get_values_for_type(x509.IPAddress)]


async def test_hsts_is_said_for_a_real_name_that_somebody_vouches_for_alone(tmp_path: Path):
    made = pair(tmp_path / "a", "drop.example.org", "127.0.0.1")
    async with running(tmp_path / "data", tls_cert=made.cert, tls_key=made.key, hsts=True) as server:
        trusts = ssl.create_default_context(cadata=made.der)
        for host, said in (("drop.example.org:5000", True), ("box.local", False), ("127.0.0.1", False)):
            async with server.http.get("/status", headers={"Host": host}, ssl=trusts) as answer:
                assert ("strict-transport-security" in answer.headers) is said


async def test_a_tunnel_of_this_server_may_come_in_plain_from_this_machine(tmp_path: Path):
    settings = Settings(host="127.0.0.1", port=0, data=tmp_path, tls="self-signed")
    assert build(settings).tunnel is None
    async with running(tmp_path / "b", tls="self-signed", use_ngrok=True) as server:
        assert (await plainly(server, "GET /status HTTP/1.0\r\n\r\n")).startswith("HTTP/1.1 200 ")


async def test_a_client_names_the_fingerprint_of_a_server_it_does_not_trust_and_the_option(
    server: Running, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(trust, "_named", [])
    monkeypatch.setattr(trust, "_made", None)
    async with Server(server.url) as asked:
        with pytest.raises(Unreachable, match=server.app.identity.authority.fingerprint) as refused:
            await asked.hello()
    assert "--ca" in refused.value.sentence
    for name, content in (("ca.der", server.app.identity.authority.der), ("ca.pem", None)):
        monkeypatch.setattr(trust, "_named", [])
        monkeypatch.setattr(trust, "_made", None)
        file = tmp_path / name
        file.write_bytes(content or (tmp_path / "tls" / "ca.crt").read_bytes())
        trust.trust(file)
        async with Server(server.url) as asked:
            assert "features" in await asked.hello()


async def test_connections_of_an_address_are_bounded_before_their_handshake(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("burrowspace.server.callers.Callers.counted", lambda _, address: address)
    async with running(tmp_path, tls="self-signed", connections_per_address=2) as server:
        held = [socket.create_connection(("127.0.0.1", server.app.reach.port)) for _ in range(3)]
        reader, writer = await asyncio.open_connection(sock=held[-1])
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        for each in held[:-1]:
            each.close()
        writer.close()


async def test_with_local_only_a_stranger_gets_not_even_the_authority(server: Running, monkeypatch):
    said = await plainly(server, "GET /ca.crt HTTP/1.1\r\nhost: x\r\n\r\n")
    assert said.startswith("HTTP/1.1 200 ")
    monkeypatch.setattr("burrowspace.server.callers.is_near", lambda _: False)
    object.__setattr__(server.app.settings, "local_only", True)
    for line in ("GET /ca.crt", "GET /", "BREW /"):
        said = await plainly(server, f"{line} HTTP/1.1\r\nhost: x\r\n\r\n")
        assert said.startswith("HTTP/1.1 403 ")
    await server.get("/status", 403)


async def test_the_doctor_sees_that_the_port_speaks_tls(server: Running, tmp_path: Path):
    found = await server.get("/doctor")
    end = datetime.datetime.fromisoformat(found["tls"].pop("ends"))
    assert found["tls"] == {"on": True}
    assert 390 < (end - datetime.datetime.now(datetime.UTC)).days < 397
    known = Settings(host="127.0.0.1", port=server.app.reach.port, data=tmp_path, tls="self-signed", stun_port=0)
    by_check = {each.check: each for each in await asyncio.to_thread(host.look, known)}
    assert by_check["port"].facts["served"] is True
    assert by_check["certificate"].facts["ends"] == end.date().isoformat()
    assert host.own_url(known) == server.url
    named = known.model_copy(update={"tls_names": ("other.lan",)})
    assert "not for other.lan" in {each.check: each for each in host.look(named)}["certificate"].found


async def test_the_doctor_says_how_an_authority_of_its_own_is_trusted(server: Running, tmp_path: Path, monkeypatch):
    assert server.app.identity is not None
    assert server.app.identity.authority is not None
    at = endpoint.endpoint(server.url)
    bad = await endpoint.tls(at, time.time)
    assert bad is not None
    assert server.app.identity.authority.fingerprint in bad.found
    assert "--ca" in bad.found
    monkeypatch.setattr(trust, "_named", [])
    monkeypatch.setattr(trust, "_made", None)
    trust.trust(tmp_path / "tls" / "ca.crt")
    good = await endpoint.tls(at, time.time)
    assert good is not None
    assert "is trusted" in good.found


async def test_a_server_with_tls_announces_itself_so(server: Running):
    heard: list[Announcement] = []

    class Recorder(Beacon):
        async def announce(self, said: Announcement) -> None:
            heard.append(said)

        async def withdraw(self) -> None:
            pass

    server.app.beacon = Recorder()
    await announce(server.app, brief=False)
    assert [each.urls() for each in heard] == [[server.url]]


def test_there_is_no_identity_without_tls(tmp_path: Path):
    assert identity_of(Settings(data=tmp_path)) is None
    assert isinstance(identity_of(Settings(data=tmp_path, tls="self-signed")), Identity)
