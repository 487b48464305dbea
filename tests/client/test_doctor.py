"""Set-ups broken by hand, of real parts: what the doctor says of each, and that it does not say it of a sound one."""

import asyncio
import contextlib
import hashlib
import http.server
import json
import os
import ssl
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from burrowspace.client.links.nat import Uri
from burrowspace.client.server import trust
from burrowspace.client.server.http import Answer
from burrowspace.core.findings import Finding, Verdict
from burrowspace.core.ice import TurnCredentials
from burrowspace.doctor import outside, turning, welcome
from burrowspace.doctor.endpoint import endpoint
from burrowspace.doctor.examine import Examination, Pace
from tests.app import running
from tests.client.coturn import SECRET, coturn
from tests.client.nginx import block, certificate, nginx
from tests.e2e.served import Served, served
from tests.machine import free_port, small_disk
from tests.netns import run, wired

pytestmark = pytest.mark.anyio

GOOD, DOUBTFUL, BAD = Verdict


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


async def looked(url: str, now: Callable[[], float] = time.time) -> dict[str, Finding]:
    """The findings, by check."""
    examination = Examination(lambda finding: None, now=now, pace=Pace(0.1, 0.1))
    await examination.server(url)
    return {each.check: each for each in examination.findings}


def says(finding: Finding, verdict: Verdict, *words: str) -> None:
    assert finding.verdict == verdict, finding
    for word in words:
        assert word in finding.found + " -> " + finding.todo, finding
    assert bool(finding.todo) == (verdict != Verdict.GOOD), finding


def only(found: dict[str, Finding], *checks: str) -> None:
    """Nothing but these is found fault with; how fast a busy machine is, it decides itself."""
    wrong = {each: finding for each, finding in found.items() if finding.verdict != Verdict.GOOD and each != "speed"}
    assert set(wrong) == set(checks), wrong


async def test_nobody_listens():
    found = await looked(f"http://127.0.0.1:{free_port()}")
    says(found["port"], BAD, "Nobody listens on port", "refused", "burrow serve")
    assert list(found) == ["name", "port"]


@contextlib.contextmanager
def program(pages: dict[str, bytes], status: int = 200) -> Iterator[str]:
    """Another program, by its URL: GET is answered with the page of that path or of any, all else with that of any."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path, pages["*"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        do_PUT = do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        thread = threading.Thread(target=other.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{other.server_port}"
        finally:
            other.shutdown()
            thread.join()


async def test_another_program_answers():
    with program({"*": b"<html><title>Printer \x1b[2J</title>"}, 404) as url:
        found = await looked(url)
    says(found["server"], BAD, "Another program answers", "BaseHTTP", "“Printer �[2J”")


async def test_what_only_says_that_it_is_a_server_of_ours_is_found_out():
    hello = {"server_id": "x", "version": "0.1.0", "features": list(welcome.NEEDED), "your_ip": "\x1b[2J"}
    for rubbish in (b"[]", b"[" * 100_000, b'{"transfer_id": 7, "via": [], "messages": 7}'):
        with program({"/hello": json.dumps(hello).encode(), "*": rubbish}) as url:
            found = await looked(url)
        assert {check for check, finding in found.items() if finding.verdict == BAD} >= {"websocket", "body", "path"}
        assert "\x1b" not in "".join(each.found + each.todo for each in found.values())


async def test_a_proxy_of_the_environment_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    found = await looked("http://drop.example.org")
    says(found["port"], BAD, "Nobody listens", "http_proxy", "unset it")


@pytest.mark.parametrize(
    ("written", "words"),
    [("nonsense://x", "of the kind nonsense"), ("http://ann:secret@proxy:port", "is not the address of a proxy")],
)
async def test_a_proxy_of_the_environment_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, written: str, words: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", written)
    [only_one] = (await looked("https://drop.example.org")).values()
    says(only_one, BAD, "HTTPS_PROXY", words)
    assert "secret" not in only_one.found + only_one.todo


async def test_a_database_that_went_away_is_named(tmp_path: Path) -> None:
    async with served(tmp_path / "data") as server:
        server.excused = ("the database does not work", "the folder for files does not work")
        says((await looked(server.url))["database"], GOOD, "database works")
        (server.data / "burrowspace.db").unlink()
        await server.logged("the database does not work")
        says((await looked(server.url))["database"], BAD, "its file is gone", "log")


async def test_what_a_proxy_in_front_breaks_is_named(tmp_path: Path):
    """nginx, right and five times wrong, and once asked by X-Accel-Buffering, before one server."""
    async with running(tmp_path / "data", stun_servers="", trusted_proxies="127.0.0.1") as server:
        wrong: dict[str, dict[str, str | None]] = {
            "right": {},
            "answers": {"proxy_buffering": "on", "proxy_ignore_headers": "X-Accel-Buffering"},
            "asked": {"proxy_buffering": "on"},
            "uploads": {"proxy_request_buffering": "on"},
            "upgrades": {"proxy_set_header_Upgrade": None, "proxy_set_header_Connection": None},
            "bodies": {"client_max_body_size": "100k"},
            "default": {"client_max_body_size": None},
        }
        ports = {name: free_port() for name in [*wrong, "away"]}
        blocks = {ports[name]: block(ports[name], server.url, **change) for name, change in wrong.items()}
        blocks[ports["away"]] = block(ports["away"], f"http://127.0.0.1:{free_port()}")
        async with nginx(tmp_path / "nginx", blocks):
            every = await asyncio.gather(*(looked(f"http://127.0.0.1:{port}") for port in ports.values()))
            by_name = dict(zip(ports, every, strict=True))
        says(by_name["right"]["between"], GOOD, "nginx")
        only(by_name["right"], "udp", "nat", "path")  # no STUN server is offered
        only(by_name["asked"], "udp", "nat", "path")
        says(by_name["answers"]["follow"], DOUBTFUL, "keeps answers back", "proxy_buffering off")
        says(by_name["uploads"]["follow"], DOUBTFUL, "keeps uploads back", "proxy_request_buffering off")
        says(by_name["upgrades"]["websocket"], DOUBTFUL, "WebSockets do not come through", "polling works", "upgrade")
        for name in ("bodies", "default"):
            says(by_name[name]["body"], BAD, "refused as too large (413", "nginx", "client_max_body_size")
            says(by_name[name]["path"], BAD, "relay")
        says(by_name["away"]["server"], BAD, "does not reach the server (502)", "nginx", "burrow serve")
        for name, check in [("answers", "follow"), ("uploads", "follow"), ("upgrades", "websocket")]:
            only(by_name[name], "udp", "nat", "path", check)
        assert await server.app.spool.keys() == []


async def test_a_proxy_whose_word_is_not_taken_is_named(tmp_path: Path):
    async with running(tmp_path / "data", stun_servers="") as server:
        port = free_port()
        async with nginx(tmp_path / "nginx", {port: block(port, server.url)}):
            met = welcome.Welcome(Finding("server", GOOD, ""), *await said_by(f"http://127.0.0.1:{port}"))
    finding = welcome.between(met, endpoint(f"http://127.0.0.1:{port}"), [])
    says(finding, DOUBTFUL, "does not believe it", "BURROW_TRUSTED_PROXIES")


async def said_by(url: str) -> tuple[dict[str, Any], dict[str, str], float, float, dict[str, Any]]:
    from burrowspace.client.server.http import Http

    line = Http(url, 5)
    try:
        answer = await line.request("GET", "/hello")
        return answer.json(), answer.headers, 0.0, 0.0, await welcome.own_findings(line)
    finally:
        await line.close()


async def test_what_is_wrong_with_a_certificate_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = {
        "sound": certificate(tmp_path / "sound.pem", "127.0.0.1"),
        "expired": certificate(tmp_path / "expired.pem", "127.0.0.1", days=-1),
        "early": certificate(tmp_path / "early.pem", "127.0.0.1", days=400),
        "soon": certificate(tmp_path / "soon.pem", "127.0.0.1", days=5),
        "name": certificate(tmp_path / "name.pem", "drop.example.org"),
        "stranger": certificate(tmp_path / "stranger.pem", "127.0.0.1"),
    }
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(b"".join(file.read_bytes() for name, file in made.items() if name != "stranger"))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    monkeypatch.setattr(trust, "_made", None)  # it is read once
    async with running(tmp_path / "data", stun_servers="", trusted_proxies="127.0.0.1") as server:
        ports = {name: free_port() for name in made}
        blocks = {ports[name]: block(ports[name], server.url, tls=file) for name, file in made.items()}
        async with nginx(tmp_path / "nginx", blocks):
            every = await asyncio.gather(*(looked(f"https://127.0.0.1:{port}") for port in ports.values()))
            by_name = dict(zip(ports, every, strict=True))
            plain = await looked(f"http://127.0.0.1:{ports['sound']}")
        wrong_scheme = await looked(server.url.replace("http:", "https:"))
    says(by_name["sound"]["tls"], GOOD, "TLSv1.3", "trusted")
    only(by_name["sound"], "udp", "nat", "path")
    says(by_name["expired"]["tls"], BAD, "has expired on", "Renew it")
    says(by_name["early"]["tls"], BAD, "holds only from", "clock here is behind")
    says(by_name["soon"]["tls"], DOUBTFUL, "5 days from now")
    says(by_name["name"]["tls"], BAD, "not for 127.0.0.1 but for drop.example.org")
    der = ssl.PEM_cert_to_DER_cert("-----BEGIN CERT" + made["stranger"].read_text().partition("-----BEGIN CERT")[2])
    says(by_name["stranger"]["tls"], BAD, "self-signed", hashlib.sha256(der).digest().hex(":").upper(), "--ca")
    assert list(by_name["stranger"]) == ["name", "port", "tls"]
    says(plain["server"], BAD, "speaks TLS", "https://127.0.0.1")
    says(wrong_scheme["tls"], BAD, "speaks no TLS", "http://127.0.0.1")


async def test_a_clock_that_is_an_hour_off_is_named(tmp_path: Path):
    async with running(tmp_path, stun_servers="") as server:
        ahead, behind = await asyncio.gather(
            looked(server.url, lambda: time.time() + 3600), looked(server.url, lambda: time.time() - 40)
        )
    says(ahead["clock"], DOUBTFUL, "60 min ahead of the server's", "NTP")
    says(behind["clock"], DOUBTFUL, "s behind the server's")


async def test_a_full_disk_is_named(tiny: Path):
    async with running(tiny, stun_servers="", disk_floor_bytes=1 << 30) as server:
        found = await looked(server.url)
    says(found["space"], BAD, "The server's disk is full", "BURROW_DISK_FLOOR_BYTES")
    says(found["body"], BAD, "disk is full", "Free space on the server")
    says(found["path"], BAD, "relay")


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of eight MiB."""
    with small_disk(tmp_path / "tiny", 8) as place:
        yield place


@pytest.mark.parametrize(("secret", "verdict"), [(SECRET, GOOD), ("another-secret-0123456789", BAD)])
async def test_a_turn_server_with_another_secret_is_named(tmp_path: Path, secret: str, verdict: Verdict):
    async with coturn(tmp_path) as (host, port):
        uri = f"turn:{host}:{port}"
        more = f"{uri},{uri}?transport=tcp"
        async with running(tmp_path / "data", stun_servers="", turn_urls=more, turn_secret=secret) as server:
            hello = await server.get("/hello")
            by_udp, by_tcp = [await turning.relay([each]) for each in outside.offered(hello).turn]
    for finding in (by_udp, by_tcp):
        assert finding is not None
        says(finding, verdict, *(["(401)", "BURROW_TURN_SECRET"] if verdict == BAD else ["lets us in"]))


async def test_a_turn_server_that_is_not_there_is_named():
    uri = Uri("turn", "127.0.0.1", free_port(), "udp")
    finding = await turning.relay([(uri, TurnCredentials("a", "b"))])
    assert finding is not None
    says(finding, BAD, "refused" if "refused" in finding.found else "No answer", "BURROW_TURN_URLS")


NAT = """
flush ruleset
table ip nat {{
  chain post {{ type nat hook postrouting priority srcnat; oifname "w1a" masquerade{how}; }}
}}
table ip guard {{
  chain forward {{ type filter hook forward priority filter; {rule} }}
}}
"""
CASES = {"keeps": ("", ""), "symmetric": (" fully-random", ""), "blocked": ("", "meta l4proto udp drop;")}


@contextlib.contextmanager
def one_nat() -> Iterator[tuple[str, str, str]]:
    """Namespaces: ann (10.72.1.2), her NAT (198.18.0.1), and far (198.18.0.2). All are gone afterwards."""
    ann, nat, far = (f"d{os.getpid()}-{name}" for name in ("ann", "nat", "far"))
    wires = [(ann, "10.72.1.2/24", nat, "10.72.1.1/24"), (nat, "198.18.0.1/24", far, "198.18.0.2/24")]
    with wired((ann, nat, far), wires):
        run("ip", "-n", ann, "route", "add", "default", "via", "10.72.1.1")
        run("ip", "netns", "exec", nat, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        yield ann, nat, far


@contextlib.asynccontextmanager
async def looking_from(place: str, url: str) -> AsyncIterator[Callable[[], Awaitable[dict[str, Finding]]]]:
    """Looks as often as it is called, from within a namespace."""
    command = ["ip", "netns", "exec", place, sys.executable, "-m", "tests.client.doctor_end", url]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None

    async def look() -> dict[str, Finding]:
        process.stdin.write(b"\n")
        said = json.loads(await asyncio.wait_for(process.stdout.readline(), 40))
        return {each["check"]: Finding(**each | {"verdict": Verdict(each["verdict"])}) for each in said}

    try:
        yield look
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 20)


async def test_the_kind_of_nat_and_blocked_udp_are_named(tmp_path: Path):
    found = {}
    with one_nat() as (ann, nat, far):
        server = Served(tmp_path, stun_servers="", stun_port=3478)
        server.within, server.host, server.port = ("ip", "netns", "exec", far), "198.18.0.2", 5000
        try:
            async with looking_from(ann, server.url) as look:
                await server.start()
                for name, (how, rule) in CASES.items():
                    run("ip", "netns", "exec", nat, "nft", "-f", "-", text=NAT.format(how=how, rule=rule))
                    found[name] = await look()
        finally:
            await server.close()
    says(found["keeps"]["nat"], GOOD, "keeps your port", "endpoint-independent", "198.18.0.1")
    says(found["keeps"]["path"], GOOD, "punch")
    says(found["keeps"]["between"], GOOD, "the server sees us as 198.18.0.1")
    only(found["keeps"])
    says(found["symmetric"]["udp"], GOOD, "UDP works")
    says(found["symmetric"]["nat"], DOUBTFUL, "endpoint-dependent", "symmetric NAT")
    says(found["symmetric"]["path"], DOUBTFUL, "relayed by the server")
    says(found["blocked"]["udp"], DOUBTFUL, "UDP is blocked", "198.18.0.2:3478", "firewall")
    says(found["blocked"]["path"], DOUBTFUL, "relayed by the server", "connects directly (tcp)")
    only(found["blocked"], "udp", "nat", "path")


ANSWERS = [
    (Answer(511, {}, b""), "captive portal", "log in"),
    (Answer(302, {"location": "http://portal.lan/\x1b[2J"}, b""), "sends us on to http://portal.lan/�[2J", "captive"),
    (
        Answer(200, {"content-type": "text/html"}, b"<title>Sign in to cafe</title>"),
        "titled “Sign in to cafe”",
        "login",
    ),
    (Answer(404, {"ngrok-error-code": "ERR_NGROK_3200"}, b"gone"), "A page of the tunnel ngrok", "tunnel"),
    (Answer(530, {"server": "cloudflare"}, b"error"), "(cloudflare) does not reach the server (530)", "burrow serve"),
    (Answer(401, {"server": "Apache"}, b""), "(Apache) wants a login", "without a login"),
    (Answer(200, {}, b'{"server_id":"x","version":"0.0.9","features":["storage"]}'), "no follow, mailboxes", "Update"),
    (Answer(200, {}, b'[["server_id"]]'), "Another program", "Check host and port"),
]


@pytest.mark.parametrize(("answer", "words", "todo"), ANSWERS)
def test_who_answers_is_told_from_the_answer(answer: Answer, words: str, todo: str):
    finding, _ = welcome.read(answer, endpoint("http://drop.example.org"))
    says(finding, BAD, words, todo)


def test_what_a_server_offers_is_bounded_and_read_only_where_it_can_be():
    hello = {
        "nat_check": ["stun:a:1", 7, "stun:b:2"],
        "ice_servers": [
            {"urls": [f"stun:h{number}:3478" for number in range(100)]},
            {"urls": "turns:t:5349", "username": "u", "credential": "c"},
            {"urls": ["http://x", None, "turn:t:99999", "stun:[::1]:3478"]},
            "x",
        ],
    }
    found = outside.offered(hello)
    assert found.stun[0] == Uri("stun", "a", 1, "udp")
    assert len(found.stun) == outside.SERVERS
    assert [(uri.transport, uri.port, passed.username) for uri, passed in found.turn] == [("tcp", 5349, "u")]
    assert outside.offered({"ice_servers": 7, "nat_check": "x"}) == outside.Offered((), ())


def test_what_a_server_says_of_itself_is_hostile_until_read():
    assert welcome.of_itself({"space": [], "tunnel": 7, "stun": "x", "via": 1}, "a") == []
    [finding] = welcome.of_itself({"via": {"host_known": False}}, "files.example.org")
    says(finding, DOUBTFUL, "refuses browsers", "files.example.org", "BURROW_HOSTS")
    [finding] = welcome.of_itself({"tunnel": {"state": "down", "message": "\x1b[2Jno token"}}, "a")
    says(finding, DOUBTFUL, "�[2Jno token")
