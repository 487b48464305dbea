"""What a server finds about itself: the call for strangers, and the checks of the machine that serves."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from burrowspace.config import Settings
from burrowspace.core.findings import Finding, Verdict
from burrowspace.server.doctor import host
from tests.app import running
from tests.client.nginx import certificate
from tests.machine import free_port

pytestmark = pytest.mark.anyio


def settings(data: Path, port: int = 0, **more: object) -> Settings:
    return Settings(**{"host": "127.0.0.1", "data": data, "port": port, "stun_port": 0, **more})


def says(finding: Finding, verdict: Verdict, *words: str) -> None:
    assert finding.verdict == verdict, finding
    assert all(word in finding.found + " -> " + finding.todo for word in words), finding


@contextlib.contextmanager
def holding(kind: socket.SocketKind) -> Iterator[int]:
    """A port that another process holds."""
    code = "import socket, sys; s = socket.socket(type=int(sys.argv[1])); s.bind(('127.0.0.1', 0))\n"
    code += "s.type == socket.SOCK_STREAM and s.listen(); print(s.getsockname()[1], flush=True); sys.stdin.read()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, str(int(kind))], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        assert process.stdin is not None
        process.stdin.close()


async def test_a_stranger_learns_how_the_server_is_and_none_of_its_secrets(tmp_path: Path):
    more = {"turn_urls": "turn:turn.example.org", "turn_secret": "only-for-this-test-0123456789"}
    async with running(tmp_path, stun_servers="", stun_port=free_port(), **more) as server:
        found = await server.get("/doctor")
        status = await server.get("/status")
    assert abs(datetime.fromisoformat(found.pop("time")).timestamp() - time.time()) < 60
    assert found.pop("uptime_s") >= 0
    assert found.pop("limits")["max_wait_s"] == 50
    assert found.pop("stun")["ports"][0] == server.app.settings.stun_port
    assert found == {
        "version": status["version"],
        "tls": {"on": False, "ends": None},
        "tunnel": {"state": "off", "message": None},
        "turn": True,
        "your_ip": "127.0.0.1",
        "via": {"forwarded": False, "believed": False, "host_known": True},
        "space": "good",
        "features": status["features"],
    }
    assert str(tmp_path) not in str(found)


@pytest.mark.parametrize(
    ("trusted", "believed", "seen"), [("127.0.0.1", True, "203.0.113.7"), ("", False, "127.0.0.1")]
)
async def test_it_says_whether_the_word_of_a_proxy_is_taken(tmp_path: Path, trusted: str, believed: bool, seen: str):
    async with running(tmp_path, trusted_proxies=trusted) as server:
        found = await server.call("GET", "/doctor", headers={"X-Forwarded-For": "203.0.113.7"})
    assert (found["via"], found["your_ip"]) == (
        {"forwarded": True, "believed": believed, "host_known": True},
        seen,
    )


async def test_it_says_why_there_is_no_stun_and_that_the_disk_is_full(tmp_path: Path):
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        async with running(tmp_path, stun_port=port, disk_floor_bytes=1 << 60) as server:
            found = await server.get("/doctor")
    assert found["stun"]["ports"] == []
    assert "in use" in found["stun"]["message"]
    assert found["space"] == "bad"


async def test_a_running_server_and_its_ports_are_known(tmp_path: Path):
    async with running(tmp_path, stun_port=(stun := free_port())) as server:
        known = settings(tmp_path, server.app.reach.port, stun_port=stun)
        found = {each.check: each for each in await asyncio.to_thread(host.look, known)}
    says(found["port"], Verdict.GOOD, "A BurrowSpace server runs on port")
    says(found["stun"], Verdict.GOOD, "most likely by our STUN")
    says(found["folder"], Verdict.GOOD, "free for", str(tmp_path))
    says(found["addresses"], Verdict.DOUBTFUL, "Only this machine itself", "--host 0.0.0.0")


def test_who_holds_a_port_is_named(tmp_path: Path):
    with holding(socket.SOCK_STREAM) as port, holding(socket.SOCK_DGRAM) as udp:
        known = settings(tmp_path, port, stun_port=udp)
        says(host.port(known), Verdict.BAD, f"Port {port} is held by python", "(process ", "--port")
        says(host.stun(known, running=False), Verdict.DOUBTFUL, f"UDP port {udp}", "held by python", "BURROW_STUN_PORT")
    says(host.port(known), Verdict.GOOD, "is free: the server does not run")
    says(host.port(settings(tmp_path, port, host="192.0.2.77")), Verdict.BAD, "Nobody can listen on 192.0.2.77")


def test_a_folder_without_room_or_rights_is_named(tmp_path: Path):
    full = settings(tmp_path / "later", disk_floor_bytes=1 << 60)
    says(host.folder(full), Verdict.BAD, "The disk is full", "BURROW_DISK_FLOOR_BYTES", "--data")
    (tmp_path / "file").write_text("")
    says(host.folder(settings(tmp_path / "file" / "data")), Verdict.BAD, "may not be written to")


def test_a_clock_that_went_back_is_named(tmp_path: Path):
    (tmp_path / "burrowspace.db").write_text("")
    written = time.time()
    os.utime(tmp_path / "burrowspace.db", (written, written))
    says(host.clock(settings(tmp_path), written - 3600), Verdict.BAD, "3600 s later", "The clock went back")
    assert host.clock(settings(tmp_path), written + 60).verdict != Verdict.BAD


def test_a_proxy_without_a_name_is_named():
    assert host.hosts(Settings()) is None
    says(host.hosts(Settings(trusted_proxies="10.0.0.1")), Verdict.DOUBTFUL, "BURROW_PUBLIC_URL", "BURROW_HOSTS")
    for named in ({"hosts": "a.example"}, {"public_url": "https://a.example"}):
        says(host.hosts(Settings(trusted_proxies="10.0.0.1", **named)), Verdict.GOOD, "a.example")


def test_a_tunnel_whose_program_is_missing_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    says(host.tunnels("cloudflared"), Verdict.BAD, "cloudflared is wanted", "not installed", "Install cloudflared")
    says(host.tunnels(None), Verdict.GOOD, "No tunnel is wanted; no program for one")


def test_a_certificate_is_judged_by_its_end_and_its_names(tmp_path: Path):
    pem = certificate(tmp_path / "a.pem", "drop.example.org").read_bytes()
    now = time.time()
    says(host.certificate(pem, now, ["drop.example.org"]), Verdict.GOOD, "(self-signed)", "drop.example.org")
    says(host.certificate(pem, now, ["other.example.org"]), Verdict.DOUBTFUL, "not for other.example.org")
    says(host.certificate(pem, now + 80 * 86_400), Verdict.DOUBTFUL, "ends in 10 days", "Renew")
    end = datetime.fromtimestamp(now + 90 * 86_400, UTC).date().isoformat()
    says(host.certificate(pem, now + 91 * 86_400), Verdict.BAD, f"has expired on {end}")
    says(host.certificate(b"-----", now), Verdict.BAD, "holds none in PEM")
