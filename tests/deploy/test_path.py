"""Below a path of somebody else's site, behind Caddy, nginx and haproxy, with the files of deploy/path/."""

from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import pytest
import socketio

from tests.app import Running, running
from tests.deploy.below_path import BASE, WAYS, below_path, free_port, settings
from tests.deploy.proxies import NAMES
from tests.deploy.test_proxies import (
    SIGNAL,
    a_file_comes_back_whole,
    a_long_poll_hears_at_once,
    an_upload_is_followed_while_it_runs,
)

pytestmark = pytest.mark.anyio


class Below:
    """A session of aiohttp whose every path is below the base."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http, self._url = http, url

    def __getattr__(self, name: str) -> Any:
        if name == "request":
            return lambda method, path, **more: self._http.request(method, self._url + path, **more)
        return lambda path, **more: self._http.request(name.upper(), self._url + path, **more)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
async def test_all_of_it_works_below_a_path(name: str, way: str, tmp_path: Path):
    port = free_port()
    async with (
        running(tmp_path / "data", **settings(way, port)) as server,
        below_path(name, way, server.app.reach.port, port, tmp_path) as url,
        aiohttp.ClientSession() as http,
    ):
        through = Running(server.app, Below(http, url))  # type: ignore[arg-type]
        assert (await through.get("/status"))["server_id"] == server.app.driver.server_id
        await the_page_is_below_it(http, url)
        await a_file_comes_back_whole(through)
        await an_upload_is_followed_while_it_runs(through)
        await a_long_poll_hears_at_once(through)
        await an_upload_is_resumed_where_the_server_says(through, http, url)
        await a_signal_reaches_its_peer(through, http, url)
        async with http.get(url.removesuffix(BASE) + "/status") as answer:  # the site's own
            assert answer.status != 200


async def the_page_is_below_it(http: aiohttp.ClientSession, url: str) -> None:
    """Nothing of it names a path from the root; what a browser follows stays below."""
    for path in ("/", "/r", "/r/", "", "/docs"):
        async with http.get(url + path) as answer:
            assert answer.status == 200
            assert str(answer.url).startswith(f"{url}/")
            text = await answer.text()
            assert 'src="/' not in text
            assert 'href="/' not in text
    for path in ("/sw.js", "/manifest.webmanifest", "/web/app.js", "/openapi.json"):
        async with http.get(url + path) as answer:
            assert answer.status == 200
    same = {"Sec-Fetch-Site": "same-origin"}
    async with http.get(f"{url}/share/{'0a' * 16}", headers=same, allow_redirects=False) as answer:
        assert urljoin(str(answer.url), answer.headers["location"]) == f"{url}/?shared={'0a' * 16}"
    async with http.post(f"{url}/share", headers=same, allow_redirects=False) as answer:
        assert urljoin(str(answer.url), answer.headers["location"]) == f"{url}/?shared=failed"


async def an_upload_is_resumed_where_the_server_says(through: Running, http: aiohttp.ClientSession, url: str) -> None:
    key = await through.transfer()
    begin = {"Tus-Resumable": "1.0.0", "Upload-Length": "10"}
    async with http.post(f"{url}/upload/{key}", headers=begin) as answer:
        assert answer.status == 201, await answer.text()
        place = urljoin(str(answer.url), answer.headers["location"])
    assert place == f"{url}/upload/{key}"
    piece = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    async with http.patch(place, headers=piece, data=b"0123456789") as answer:
        assert (answer.status, answer.headers["upload-offset"]) == (204, "10")


async def a_signal_reaches_its_peer(through: Running, http: aiohttp.ClientSession, url: str) -> None:
    ann, bob = [await through.connect(user) for user in ("carol", "dave")]
    sockets = []
    for peer, transport in ((ann, "websocket"), (bob, "polling")):
        each = socketio.AsyncSimpleClient(http_session=http)
        await each.connect(url.removesuffix(BASE), transports=[transport], socketio_path=f"{BASE[1:]}/socket.io")
        assert (await each.call("register_socket", {"peer_id": peer}))["status"] == "success"
        sockets.append(each)
    said = {"target_peer_id": bob, "sender_peer_id": ann, "signal": SIGNAL}
    assert (await sockets[0].call("peer_signal", said))["status"] == "success"
    assert await sockets[1].receive(timeout=20) == ["peer_signal", {"sender_peer_id": ann, "signal": SIGNAL}]
    for each in sockets:
        await each.disconnect()


@pytest.mark.parametrize("prefix", ["/burrow/..", "//burrow", "/bur row", "/.burrow", "burrow", "/" + "a" * 200])
async def test_a_path_that_is_none_is_not_taken_off(prefix: str, tmp_path: Path):
    async with running(tmp_path, trusted_proxies="127.0.0.1") as server:
        said = {"X-Forwarded-Prefix": prefix, "X-Forwarded-For": "192.0.2.1"}
        async with server.http.get(f"{server.url}/burrow/status", headers=said) as answer:
            assert answer.status == 404


async def test_only_a_trusted_proxy_says_below_which_path_the_server_is(tmp_path: Path):
    said = {"X-Forwarded-Prefix": "/burrow", "X-Forwarded-For": "192.0.2.1"}
    for trusted, status in (("127.0.0.1", 200), ("192.0.2.9", 404)):
        async with (
            running(tmp_path / trusted, trusted_proxies=trusted) as server,
            server.http.get("/burrow/status", headers=said) as answer,
        ):
            assert answer.status == status


async def test_a_server_with_a_path_is_still_reached_without_it(tmp_path: Path):
    """On the local network, by its address."""
    async with running(tmp_path, public_url="https://box.example.org/burrow/") as server:
        for path in ("/status", "/burrow/status"):
            assert (await server.get(path))["public_url"] == "https://box.example.org/burrow"
        async with server.http.get("/burrow", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["location"]) == (302, "burrow/")
        async with server.http.get("/burrowed/status") as answer:
            assert answer.status == 404
