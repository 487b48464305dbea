"""The caller's address behind a proxy and our tunnel: in answers and bounds; never by a stranger's word."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.app import Running, running
from tests.machine import free_port

pytestmark = pytest.mark.anyio

REAL, OTHER, THIRD = "203.0.113.7", "203.0.113.8", "203.0.113.9"
TUNNEL = "abc.ngrok.example"


async def hello(server: Running, **headers: str) -> Any:
    return await server.call(
        "GET", "/hello", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


async def test_a_strangers_headers_say_nothing(tmp_path: Path):
    async with running(tmp_path) as server:
        for name in ("X_Forwarded_For", "Forwarded"):
            value = REAL if name != "Forwarded" else f"for={REAL}"
            assert (await hello(server, **{name: value}))["your_ip"] == "127.0.0.1"
        assert (await server.post("/connect", {"user_id": "ann"}))["your_ip"] == "127.0.0.1"


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Running]:
    """A server whose proxies are on this machine."""
    settings = {"max_nameplates_per_address": 1, "max_sockets_per_address": 1, "connections_per_address": 1}
    async with running(tmp_path, trusted_proxies="127.0.0.1,10.0.0.0/8", hosts="files.example", **settings) as server:
        yield server


async def test_behind_a_proxy_each_caller_has_bounds_of_its_own(behind: Running):
    assert (await hello(behind, X_Forwarded_For=f"1.2.3.4, {REAL}, 10.0.0.2"))["your_ip"] == REAL
    assert (await hello(behind, Forwarded=f'for="{REAL}:80"'))["your_ip"] == REAL
    for caller, status in ((REAL, 200), (REAL, 429), (OTHER, 200), (f"{OTHER}, {THIRD}", 200)):
        await behind.call("POST", "/nameplates", status, headers={"X-Forwarded-For": caller})


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_sockets_are_counted_for_the_caller_not_for_the_proxy(behind: Running, transport: str):
    async def opens(address: str) -> int:
        url, headers = f"/socket.io/?EIO=4&transport={transport}", {"X-Forwarded-For": address}
        if transport == "polling":
            async with behind.http.get(url, headers=headers) as answer:
                return answer.status
        try:
            held.append(await behind.http.ws_connect(url, headers=headers))
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status
        return 200

    held: list[aiohttp.ClientWebSocketResponse] = []
    assert [await opens(each) for each in (REAL, REAL, OTHER)] == [200, 429, 200]
    for each in held:
        await each.close()


UNCLEAR = [
    {"X-Forwarded-For": REAL, "Forwarded": "for=1.2.3.4"},  # an appending proxy, and a stranger's own header
    {"X-Forwarded-For": REAL, "Forwarded": "for="},
    {"Forwarded": 'for="1.2.3.4'},
    {"X-Forwarded-For": f"1.2.3.4, {REAL}".rjust(5000, ",")},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-For": "unknown"},
    {"X-Real-IP": REAL},
]


@pytest.mark.parametrize("kind", ["trusted", "unknown", "tunnel"])
async def test_callers_whose_headers_cannot_be_read_share_one_bound(tmp_path: Path, kind: str):
    settings: dict[str, Any] = {"max_nameplates_per_address": 1, "max_sockets_per_address": 1}
    if kind == "trusted":
        settings["trusted_proxies"] = "127.0.0.1"
    async with running(tmp_path, **settings) as server:
        through = {}
        if kind == "tunnel":
            server.app.reach.tunnel_url, through = f"https://{TUNNEL}", {"Host": TUNNEL}
        for number, headers in enumerate(UNCLEAR):
            status = 429 if number else 200
            await server.call("POST", "/nameplates", status, headers={**through, **headers})
            polling = "/socket.io/?EIO=4&transport=polling"
            async with server.http.get(polling, headers={**through, **headers}) as answer:
                assert answer.status == status
        for _ in range(3):  # a program of this machine has no such bound
            await server.call("POST", "/nameplates")


async def test_what_comes_through_bore_has_bounds_since_it_looks_like_this_machine(tmp_path: Path):
    async with running(tmp_path, tunnel="bore", max_nameplates_per_address=1) as server:
        await server.call("POST", "/nameplates")
        await server.call("POST", "/nameplates")
        server.app.reach.tunnel_url = f"http://{TUNNEL}:1234"
        await server.call("POST", "/nameplates")
        await server.call("POST", "/nameplates", 429, headers={"Host": "127.0.0.1"})


async def test_a_caller_that_cannot_be_told_is_not_of_the_local_network(tmp_path: Path):
    async with running(tmp_path, local_only=True, trusted_proxies="127.0.0.1") as server:
        assert (await hello(server))["your_ip"] == "127.0.0.1"
        for headers in UNCLEAR:
            refused = await server.call("GET", "/hello", 403, headers=headers)
            assert "BURROW_TRUSTED_PROXIES" in refused["error"]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize(
    ("same", "other"),
    [
        (("2001:db8::1", "2001:db8::2:0:0:1"), "2001:db8:0:1::1"),
        (("192.0.2.1", "::ffff:192.0.2.1"), "::ffff:192.0.2.2"),
    ],
)
async def test_sockets_of_one_ipv6_network_are_counted_together(
    behind: Running, transport: str, same: tuple[str, str], other: str
):
    held = contextlib.AsyncExitStack()
    async with held:
        url = f"/socket.io/?EIO=4&transport={transport}"

        async def opens(address: str) -> int:
            headers = {"X-Forwarded-For": address}
            if transport == "polling":
                async with behind.http.get(url, headers=headers) as answer:
                    return answer.status
            try:
                await held.enter_async_context(behind.http.ws_connect(url, headers=headers))
            except aiohttp.WSServerHandshakeError as refused:
                return refused.status
            return 200

        assert [await opens(each) for each in (*same, other)] == [200, 429, 200]


@pytest.mark.parametrize("tls", ["off", "self-signed"])
async def test_connections_of_one_ipv6_network_are_counted_together(tmp_path: Path, monkeypatch, tls: str):
    async with running(tmp_path, tls=tls, connections_per_address=2) as server:
        known = server.app.callers.counted
        came = iter(["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"])
        monkeypatch.setattr(server.app.callers, "counted", lambda _: known(next(came)))
        async with contextlib.AsyncExitStack() as held:
            cut = []
            for _ in range(4):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.app.reach.port)
                held.callback(writer.close)
                cut.append(reader)
            async with asyncio.timeout(10):
                with contextlib.suppress(ConnectionError):
                    assert await cut[2].read() == b""
            assert not any(reader.at_eof() for reader in (cut[0], cut[1], cut[3]))


async def test_a_page_of_the_host_that_the_proxy_says_may_call(behind: Running):
    page = {"Origin": "https://files.example", "X-Forwarded-For": REAL}
    spool = json.dumps({"length": 100_000})
    await behind.call("POST", "/nameplates", 403, headers=page)
    page["X-Forwarded-Host"] = "files.example"
    await behind.call("POST", "/nameplates", headers=page)
    made = await behind.call("POST", "/spools", headers={**page, "Content-Type": "application/json"}, data=spool)
    big, page = bytes(100_000), {**page, "Authorization": f"Bearer {made['write_token']}"}
    foreign = {name: value for name, value in page.items() if name != "X-Forwarded-Host"}
    async with behind.http.put(made["upload"], data=big, headers=foreign) as answer:  # by the bulk path
        assert answer.status == 403, await answer.text()
    async with behind.http.put(made["upload"], data=big, headers=page) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Access-Control-Allow-Origin"] == "https://files.example"
    socket = await behind.http.ws_connect("/socket.io/?EIO=4&transport=websocket", headers=page)
    await socket.close()
    status = await behind.call("GET", "/status", headers=page)
    assert status["stun_servers"][0].startswith("stun:stun.l.google.com")


async def test_our_tunnel_says_who_called_while_it_is_up(tmp_path: Path):
    async with running(tmp_path) as server:
        through = {"X_Forwarded_For": f"1.2.3.4, {REAL}", "Host": TUNNEL}
        assert (await hello(server, **through))["your_ip"] == "127.0.0.1"
        server.app.reach.tunnel_url = f"https://{TUNNEL}"
        assert (await hello(server, **through))["your_ip"] == REAL
        assert (await hello(server, **{**through, "Host": "127.0.0.1"}))["your_ip"] == "127.0.0.1"
        assert (await hello(server, Host=TUNNEL))["your_ip"] == "127.0.0.1"
        server.app.reach.tunnel_url = None
        assert (await hello(server, **through))["your_ip"] == "127.0.0.1"


async def test_what_comes_through_bore_says_nothing_for_bore_writes_no_header(tmp_path: Path):
    async with running(tmp_path, tunnel="bore") as server:
        server.app.reach.tunnel_url = f"http://{TUNNEL}:1234"
        assert (await hello(server, X_Forwarded_For="10.0.0.7", Host=f"{TUNNEL}:1234"))["your_ip"] == "127.0.0.1"


async def test_with_local_only_our_own_stun_is_offered_and_googles_is_not(tmp_path: Path):
    port = free_port()
    async with running(tmp_path, local_only=True, stun_port=port) as server:
        assert (await server.get("/status"))["stun_servers"] == [f"stun:127.0.0.1:{port}"]
        assert [each["urls"] for each in (await hello(server))["ice_servers"]] == [[f"stun:127.0.0.1:{port}"]]


@pytest.mark.parametrize("tls", ["off", "self-signed"])
async def test_with_local_only_a_trusted_proxys_client_outside_is_refused(tmp_path: Path, tls: str):
    async with running(tmp_path, local_only=True, trusted_proxies="127.0.0.1", tls=tls) as server:
        near, far = {"X-Forwarded-For": "10.0.0.7"}, {"X-Forwarded-For": f"10.0.0.7, {REAL}"}
        made = await server.call("POST", "/spools", headers=near, json={"length": 100_000})
        writer = {"Authorization": f"Bearer {made['write_token']}"}
        for path, method, data in (
            ("/status", "GET", None),
            ("/web/index.html", "GET", None),
            ("/socket.io/?EIO=4&transport=polling", "GET", None),
            (made["upload"], "PUT", bytes(100_000)),
        ):
            async with server.http.request(method, path, headers={**writer, **far}, data=data) as answer:
                assert (answer.status, (await answer.json())["code"]) == (403, "forbidden"), path
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await server.http.ws_connect("/socket.io/?EIO=4&transport=websocket", headers=far)
        assert refused.value.status == 403
        async with server.http.put(made["upload"], headers={**writer, **near}, data=bytes(100_000)) as answer:
            assert answer.status == 200
        await (await server.http.ws_connect("/socket.io/?EIO=4&transport=websocket", headers=near)).close()
