"""The Host header: one for each request, and a name of this server where a web page asks. Against DNS rebinding."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from burrowspace.config import Settings
from burrowspace.core.hosts import is_of_lan
from burrowspace.server.hosts import Hosts
from burrowspace.server.reachability import Reachability
from burrowspace.server.tls.names import network_names
from tests.app import Running, running

pytestmark = pytest.mark.anyio

EVIL = "evil.example"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
PAGE = [{"Origin": f"http://{EVIL}"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Mode": "cors"}]
SOCKET = "/socket.io/?EIO=4&transport=websocket"
POLLING = "/socket.io/?EIO=4&transport=polling"


async def says(server: Running, head: str, body: bytes = b"") -> tuple[int, str]:
    """The status and the rest of the answer to a request, which is sent as it stands."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.app.reach.port, limit=1 << 20)
    try:
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        async with asyncio.timeout(20):
            answer = (await reader.readuntil(b"\r\n\r\n")).decode()
            found = [line for line in answer.lower().split("\r\n") if line.startswith("content-length:")]
            length = int(found[0].partition(":")[2]) if found else 0
            answer += (await reader.readexactly(length)).decode()
        return int(answer[9:12]), answer
    finally:
        writer.close()


def lines(headers: dict[str, str]) -> str:
    return "".join(f"\n{name}: {value}" for name, value in headers.items())


@pytest.fixture
async def spool(tmp_path: Path):
    async with running(tmp_path) as server:
        made = await server.post("/spools", {"length": 100_000})
        yield server, made["upload"], {"Authorization": f"Bearer {made['write_token']}"}


@pytest.mark.parametrize("page", PAGE)
async def test_a_page_that_calls_by_a_foreign_name_is_refused_on_every_way_in(spool, page: dict[str, str]):
    server, upload, writer = spool
    big = {**writer, "Content-Length": "100000"}
    for line, more, body in (
        ("GET /hello", {}, b""),
        ("GET /", {}, b""),
        ("GET /web/app.js", {}, b""),
        ("POST /nameplates", {}, b""),
        ("OPTIONS /nameplates", {"Access-Control-Request-Method": "POST"}, b""),
        (f"GET {POLLING}", {}, b""),
        (f"GET {SOCKET}", UPGRADE, b""),
        (f"PUT {upload}", big, bytes(100_000)),
    ):
        head = f"{line} HTTP/1.1\nHost: {EVIL}{lines({**page, **more})}"
        status, answer = await says(server, head, body)
        assert status == 421, (line, answer)
        assert "BURROW_HOSTS" in answer
        assert "access-control-allow-origin" not in answer.lower()
    assert not server.app.realtime.engine.sessions


async def test_a_program_may_call_by_any_name(spool):
    """The published app sends neither Origin nor Sec-Fetch headers."""
    server, upload, writer = spool
    assert (await says(server, f"GET /hello HTTP/1.1\nHost: {EVIL}"))[0] == 200
    assert (await says(server, f"GET {SOCKET} HTTP/1.1\nHost: {EVIL}{lines(UPGRADE)}"))[0] == 101
    head = f"PUT {upload} HTTP/1.1\nHost: {EVIL}{lines({**writer, 'Content-Length': '100000'})}"
    assert (await says(server, head, bytes(100_000)))[0] == 200


async def test_a_person_whose_browser_uses_an_unknown_name_reads_what_to_do(tmp_path: Path, caplog):
    async with running(tmp_path) as server:
        typed = lines({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"})
        status, answer = await says(server, f"GET / HTTP/1.1\nHost: files.example.org{typed}")
        assert status == 421
        assert "content-type: text/plain" in answer.lower()
        assert "BURROW_HOSTS" in answer


@pytest.mark.parametrize("page", [{}, {"Origin": "http://127.0.0.1"}])
@pytest.mark.parametrize("hosts", ["", "\nHost: 127.0.0.1\nHost: 127.0.0.1", "\nHost: a b", "\nHost:", "\nHost: a@b"])
async def test_a_request_without_exactly_one_host_is_refused_on_every_way_in(spool, hosts: str, page: dict[str, str]):
    server, upload, writer = spool
    big = {**writer, "Content-Length": "100000"}
    for line, more, body in (
        ("GET /hello", {}, b""),
        ("GET /", {}, b""),
        (f"GET {POLLING}", {}, b""),
        (f"GET {SOCKET}", UPGRADE, b""),
        (f"PUT {upload}", big, bytes(100_000)),
    ):
        status, answer = await says(server, f"{line} HTTP/1.1{hosts}{lines({**page, **more})}", body)
        assert status == 400, (line, answer)
        assert "Host" in answer


async def test_http_1_0_may_leave_the_host_out_but_no_page_may(tmp_path: Path):
    async with running(tmp_path) as server:
        assert (await says(server, "GET /hello HTTP/1.0"))[0] == 200
        assert (await says(server, "GET /hello HTTP/1.0\nHost: a\nHost: a"))[0] == 400
        assert (await says(server, f"GET /hello HTTP/1.0{lines(PAGE[0])}"))[0] == 421


NAMES = [
    ("127.0.0.1:5000", True),
    ("192.168.1.7", True),
    ("203.0.113.7:80", True),
    ("[::1]:5000", True),
    ("[2001:db8::1]", True),
    ("localhost:5000", True),
    ("LOCALHOST", True),
    ("printer.local:5000", True),
    ("box.local.", True),
    ("box", True),
    ("box.lan", True),
    ("box.home.arpa", True),
    ("box.example.com", True),
    ("box.example.org", False),
    ("drop.example.org", True),
    ("files.example.org:8443", True),
    (TUNNEL := "abc.ngrok.example", True),
    ("x.ngrok.example", False),
    (EVIL, False),
    ("evil.lan", False),
    ("localhost.evil.example", False),
    ("127.0.0.1.evil.example", False),
    ("evillocal", False),
    ("local", False),
]


@pytest.mark.parametrize(("host", "known"), NAMES)
def test_which_names_are_this_servers_own(tmp_path: Path, monkeypatch, host: str, known: bool):
    monkeypatch.setattr(socket, "gethostname", lambda: "box.example.com")
    settings = Settings(data=tmp_path, public_url="https://drop.example.org", hosts="files.example.org, Other.Example")
    reach = Reachability(settings)
    hosts = Hosts(reach)
    assert not hosts.knows(TUNNEL)
    reach.tunnel_url = f"https://{TUNNEL}"
    assert hosts.knows(host) is known
    assert Hosts(Reachability(Settings(data=tmp_path, hosts="*"))).knows(host)


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("nameserver 192.168.178.1\nsearch fritz.box\n", ["nas.fritz.box"]),
        ("domain old.example\nsearch fritz.box. Corp.Example\n", ["nas.fritz.box", "nas.corp.example"]),
        ("search a b c d e f g h\n", [f"nas.{each}" for each in "abcdef"]),
        ("search -- _x .\n\nsearch\n", []),
        (None, []),
    ],
)
def test_the_name_that_a_router_gives_this_machine_is_known(tmp_path: Path, monkeypatch, written: str | None, names):
    monkeypatch.setattr(socket, "gethostname", lambda: "NAS")
    file = tmp_path / "resolv.conf"
    if written is not None:
        file.write_text(written)
    assert network_names(file) == names
    monkeypatch.setattr("burrowspace.server.hosts.network_names", lambda: network_names(file))
    hosts = Hosts(Reachability(Settings(data=tmp_path)))
    assert hosts.knows("nas.fritz.box:5000") is ("nas.fritz.box" in names)
    assert not hosts.knows("evil.fritz.box")


async def test_the_names_of_the_certificate_are_known(tmp_path: Path):
    async with running(tmp_path, tls="self-signed", tls_names="files.example.org") as server:
        for host, status in (("files.example.org", 200), (EVIL, 421)):
            async with server.http.get("/hello", headers={"Host": host, "Sec-Fetch-Site": "none"}) as answer:
                assert answer.status == status


def test_a_wildcard_certificate_knows_one_label(tmp_path: Path):
    class Held:
        names = frozenset({"*.example.org"})

    hosts = Hosts(Reachability(Settings(data=tmp_path)), Held())  # type: ignore[arg-type]
    assert [hosts.knows(each) for each in ("a.example.org", "a.b.example.org", "example.org")] == [True, False, False]


async def test_the_host_that_a_trusted_proxy_says_is_looked_at(tmp_path: Path):
    async with running(tmp_path, trusted_proxies="127.0.0.1", hosts="files.example.org") as server:
        for said, status in (("files.example.org", 200), (EVIL, 421)):
            passed = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": said, "Origin": f"https://{said}"}
            async with server.http.get("/hello", headers=passed) as answer:
                assert answer.status == status


async def test_a_name_is_logged_once_and_no_more_than_a_few(tmp_path: Path, monkeypatch):
    told: list[Any] = []
    monkeypatch.setattr("burrowspace.server.hosts.log.warning", lambda said, **more: told.append(more["host"]))
    async with running(tmp_path) as server:
        for number in range(60):
            for _ in range(2):
                page = {"Host": f"n{number}.evil.example", "Sec-Fetch-Site": "cross-site"}
                await server.call("GET", "/hello", 421, headers=page)
    assert told[:2] == ["n0.evil.example", "n1.evil.example"]
    assert len(told) == len(set(told)) <= 20


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1:5000", True),
        ("10.0.0.7", True),
        ("[fd00::1]:80", True),
        ("localhost", True),
        ("box.lan", True),
        ("box", True),
        ("203.0.113.7", False),
        ("[2001:db8::1]", False),
        ("files.example.org", False),
        (None, False),
        ("a b", False),
    ],
)
def test_localhost_pages_may_call_only_a_server_of_the_local_network(tmp_path: Path, host: str | None, near: bool):
    assert is_of_lan(host) is near
    reach = Reachability(Settings(data=tmp_path))
    assert reach.origin_allowed("http://localhost:8080", host) is near
    reach.tunnel_url = "https://abc.ngrok.example"
    assert not reach.origin_allowed("http://localhost:8080", host)
    assert not Reachability(Settings(data=tmp_path, public_url="https://a.example")).origin_allowed(
        "http://[::1]", host
    )
    named = Settings(data=tmp_path, public_url="https://a.example", cors_origins="http://localhost:8080")
    assert Reachability(named).origin_allowed("http://localhost:8080", host)


async def test_the_doctor_says_whether_pages_may_call_by_this_name(tmp_path: Path):
    async with running(tmp_path) as server:
        assert (await server.get("/doctor"))["via"]["host_known"] is True
        assert (await server.call("GET", "/doctor", headers={"Host": EVIL}))["via"]["host_known"] is False


async def test_a_socket_of_a_page_at_a_known_name_opens(tmp_path: Path):
    async with running(tmp_path, hosts="files.example.org") as server:
        page = {"Host": "files.example.org", "Origin": "http://files.example.org"}
        await (await server.http.ws_connect(SOCKET, headers=page)).close()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await server.http.ws_connect(SOCKET, headers={**page, "Origin": "http://evil.example"})
        assert refused.value.status == 403
        async with server.http.get("/hello", headers=page) as answer:
            assert json.loads(await answer.text())["server_id"]
