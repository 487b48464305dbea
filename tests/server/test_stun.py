"""STUN of our own over real UDP, who is offered it, and the credentials for TURN."""

import asyncio
import base64
import doctest
import hmac
import json
import secrets
import socket
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from burrowspace.client.links import nat
from burrowspace.config import Settings
from burrowspace.core import stun
from burrowspace.core.ice import GOOGLE
from burrowspace.core.nat import Nat
from burrowspace.server import stun as module
from burrowspace.server.reachability import Reachability
from tests.app import running
from tests.deploy.proxies import proxy

pytestmark = pytest.mark.anyio
SECRET = "a-secret-of-the-operator-0123"


def test_the_doctests_of_nat_hold() -> None:
    assert doctest.testmod(nat).failed == 0


def free_pair(family: int = socket.AF_INET, host: str = "127.0.0.1") -> int:
    """A UDP port that is free, and so is the next one."""
    for _ in range(100):
        with socket.socket(family, socket.SOCK_DGRAM) as one, socket.socket(family, socket.SOCK_DGRAM) as two:
            one.bind((host, 0))
            port = int(one.getsockname()[1])
            try:
                two.bind((host, port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports beside each other")


def exchange(line: socket.socket, where: tuple[str, int], *datagrams: bytes) -> bytes:
    """Sends them, and gives the first answer."""
    line.settimeout(20)
    for each in datagrams:
        line.sendto(each, where)
    return line.recv(2048)


async def test_whoever_asks_hears_its_address_from_both_ports_and_junk_hears_nothing(tmp_path: Path):
    port = free_pair()
    async with running(tmp_path, stun_port=port) as server:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.bind(("127.0.0.1", 0))
            for number in (port, port + 1):
                transaction = secrets.token_bytes(12)
                asked = stun.request(transaction)
                junk = (b"x", asked[:-1] + b"?", b"\0\x11" + asked[2:], bytes(1300))
                said = await asyncio.to_thread(exchange, line, ("127.0.0.1", number), *junk, asked)
                assert stun.mapped(said, transaction) == line.getsockname()
        hello, status = await server.get("/hello"), await server.get("/status")
        uris = [nat.read(each) for each in [*hello["nat_check"], "stun:[::1]:1", "stuns:127.0.0.1:1"]]
        found = await nat.look([each for each in uris if each is not None], [])
        assert found.mapping == (Nat.NONE, True)
        assert (len(found.seen), len({each.mapped for each in found.seen}), found.silent) == (2, 1, ())
        counts = server.app.stun.counts
        assert (counts.answered, counts.dropped, counts.limited) == (4, 8, 0)
        assert status["stun_servers"] == [*GOOGLE, f"stun:127.0.0.1:{port}"]
        assert hello["ice_servers"] == [{"urls": status["stun_servers"]}]
        assert hello["nat_check"] == [f"stun:127.0.0.1:{port}", f"stun:127.0.0.1:{port + 1}"]
        assert hello["ice_ttl_s"] is None


async def test_ipv6_is_answered_too(tmp_path: Path):
    port = free_pair(socket.AF_INET6, "::1")
    async with running(tmp_path, host="::1", stun_port=port):
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as line:
            said = await asyncio.to_thread(exchange, line, ("::1", port), stun.request(bytes(12)))
            assert stun.mapped(said, bytes(12)) == ("::1", line.getsockname()[1])


async def test_a_port_in_use_is_said_and_is_no_failure(tmp_path: Path):
    port = free_pair()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        async with running(tmp_path, stun_port=port) as server:
            assert (await server.get("/status"))["stun_servers"] == list(GOOGLE)
            message = server.app.reach.stun_message
            assert message is not None
            assert f"UDP port {port}" in message
            assert "in use" in message


async def test_one_address_is_answered_so_often_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "EACH", 3)
    port = free_pair()
    async with running(tmp_path, stun_port=port) as server:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            where, asked = ("127.0.0.1", port), stun.request(bytes(12))
            for _ in range(3):
                await asyncio.to_thread(exchange, line, where, asked)
            line.sendto(asked, where)
            async with asyncio.timeout(20):
                while server.app.stun.counts.limited == 0:
                    await asyncio.sleep(0.01)
            assert server.app.stun.counts.answered == 3


def reach(**chosen: Any) -> Reachability:
    found = Reachability(Settings(stun_servers=(), **chosen), port=5000, ip="192.168.1.20")
    found.stun_ports = (3478, 3479)
    return found


@pytest.mark.parametrize(
    ("host", "offered"),
    [
        ("burrow.example:5000", "stun:burrow.example:3478"),
        ("Burrow.Example", "stun:burrow.example:3478"),
        ("203.0.113.5:5000", "stun:203.0.113.5:3478"),
        ("[2001:db8::1]:5000", "stun:[2001:db8::1]:3478"),
        ("localhost:5000", "stun:192.168.1.20:3478"),
        ("127.0.0.1:5000", "stun:192.168.1.20:3478"),
        ("[::1]:5000", "stun:192.168.1.20:3478"),
        ("a b:1", "stun:192.168.1.20:3478"),
        ("x:3478?transport=udp", "stun:192.168.1.20:3478"),
        ("[::1%eth0]", "stun:192.168.1.20:3478"),
        (None, "stun:192.168.1.20:3478"),
    ],
)
def test_it_is_offered_by_the_host_that_the_client_called(host: str | None, offered: str) -> None:
    assert reach().stun_servers(host) == [offered]


def test_behind_a_tunnel_there_is_none_but_where_the_operator_names_a_host() -> None:
    through = reach()
    through.tunnel_url = "https://abc.ngrok.example"
    assert through.stun_servers("abc.ngrok.example") == []
    assert through.stun_servers("192.168.1.20:5000") == ["stun:192.168.1.20:3478"]
    named = reach(stun_host="2001:db8::5")
    named.tunnel_url = "https://abc.ngrok.example"
    assert named.stun_servers("abc.ngrok.example") == ["stun:[2001:db8::5]:3478"]
    assert reach(public_url="https://files.example/x").stun_servers(None) == ["stun:files.example:3478"]


async def test_each_peer_gets_turn_credentials_of_its_own_for_a_while(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    turned = {
        "turn_urls": "turn:t.example:3478,turns:t.example?transport=tcp",
        "turn_secret": SECRET,
        "turn_ttl_s": 600,
    }
    async with running(tmp_path, **turned) as server:
        connected, hello = await server.post("/connect", {"user_id": "ann"}), await server.get("/hello")
        for given, name in ((connected, connected["peer_id"]), (hello, None)):
            plain, turn = given["ice_servers"]
            assert plain == {"urls": list(GOOGLE)}
            assert turn["urls"] == ["turn:t.example:3478", "turns:t.example?transport=tcp"]
            expires, _, user = turn["username"].partition(":")
            assert 590 <= int(expires) - time.time() <= 600
            assert name is None or user == name
            digest = hmac.digest(SECRET.encode(), turn["username"].encode(), "sha1")
            assert base64.b64decode(turn["credential"]) == digest
            assert given["ice_ttl_s"] == 600
        assert "127.0.0.1" not in hello["ice_servers"][1]["username"]
        assert SECRET not in json.dumps([connected, hello, await server.get("/status")]) + repr(server.app.settings)
    assert SECRET not in "".join(capfd.readouterr())


async def test_who_asks_too_often_gets_an_answer_without_credentials(tmp_path: Path):
    turned = {"turn_urls": "turn:t.example", "turn_secret": SECRET, "max_turn_per_minute": 2}
    async with running(tmp_path, **turned) as server:
        answers = [await server.get("/hello") for _ in range(3)]
        assert [len(each["ice_servers"]) for each in answers] == [2, 2, 1]
        assert answers[2]["ice_ttl_s"] is None


def test_the_secret_comes_from_a_file_and_urls_without_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    settings = Settings(turn_secret_file=tmp_path / "secret", turn_urls="turn:a")
    assert settings.turn_secret is not None
    assert settings.turn_secret.get_secret_value() == SECRET
    for bad in (
        {"turn_urls": "turn:a"},
        {"turn_urls": "turn:a b", "turn_secret": SECRET},
        {"turn_secret_file": tmp_path / "none"},
        {"turn_secret": "short"},
        {"stun_host": "a/b"},
        {"trusted_proxies": "10.0.0.0/33"},
    ):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Settings(**bad)


async def offered(url: str, host: str | None = None, **headers: str) -> tuple[list[str], list[str]]:
    """What `/hello` and `/status` offer of our own STUN: all of it, for Google's is switched off."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    if host is not None:
        said["Host"] = host
    async with aiohttp.ClientSession(url, headers=said) as http:
        async with http.get("/hello") as answer:
            hello = await answer.json()
        async with http.get("/status") as answer:
            status = await answer.json()
    assert [uri for each in hello["ice_servers"] for uri in each["urls"]] == status["stun_servers"]
    return status["stun_servers"], hello["nat_check"]


async def test_behind_a_proxy_our_stun_is_offered_only_where_the_operator_says_how_udp_comes(tmp_path: Path):
    """With the settings of deploy.md: UDP is on loopback, and the name leads to the proxy."""
    port = free_pair()
    deployed = {
        "stun_servers": "",
        "stun_port": port,
        "trusted_proxies": "127.0.0.1",
        "public_url": "https://drop.example.org",
    }
    async with running(tmp_path / "a", **deployed) as server:
        assert await offered(server.url, "drop.example.org", X_Forwarded_For="203.0.113.7") == ([], [])
        assert await offered(server.url, X_Forwarded_For="203.0.113.7", X_Forwarded_Host="drop.example.org") == ([], [])
        assert await offered(server.url, "drop.example.org") == ([], [])  # a tunnel that says nothing
        assert await offered(server.url) == ([f"stun:127.0.0.1:{port}"], [f"stun:127.0.0.1:{port + n}" for n in (0, 1)])
    async with running(tmp_path / "b", **deployed, stun_host="drop.example.org") as server:
        found, both = await offered(server.url, "drop.example.org", X_Forwarded_For="203.0.113.7")
        assert found == [f"stun:drop.example.org:{port}"]
        assert both == [f"stun:drop.example.org:{port}", f"stun:drop.example.org:{port + 1}"]


async def test_a_server_of_this_machine_alone_answers_stun_outside_it_once_its_name_is_said(tmp_path: Path):
    """127.0.0.2 stands for another interface: what listens on 127.0.0.1 alone hears nothing there."""
    port = free_pair()
    asked = stun.request(bytes(12))
    async with running(tmp_path, stun_port=port, stun_host="drop.example.org"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.bind(("127.0.0.2", 0))
            said = await asyncio.to_thread(exchange, line, ("127.0.0.2", port), asked)
            assert stun.mapped(said, bytes(12)) == line.getsockname()


@pytest.mark.parametrize("name", ["nginx", "caddy", "haproxy"])
async def test_through_a_real_proxy_no_stun_is_offered_that_does_not_answer(name: str, tmp_path: Path):
    port = free_pair()
    async with (
        running(tmp_path / "data", stun_servers="", stun_port=port, trusted_proxies="127.0.0.1") as server,
        proxy(name, server.app.reach.port, tmp_path) as (url, trust),
        aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=trust)) as http,
        http.get("/hello") as answer,
    ):
        assert (await answer.json())["nat_check"] == []
