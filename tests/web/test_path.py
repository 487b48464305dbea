"""Below a path of somebody else's site a page and a terminal send each other files, by link and by code."""

from pathlib import Path

import pytest

from tests.cli.program import people
from tests.deploy.below_path import BASE, below_path, free_port, settings
from tests.e2e.served import served
from tests.web.browser import SERVER_GONE, Browsing
from tests.web.desk import EXCUSED, desk, sha256

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("name", "way"), [("nginx", "cut-off"), ("caddy", "header"), ("haproxy", "public-url")])
async def test_a_page_and_a_terminal_meet_below_a_path(browsing: Browsing, tmp_path: Path, name: str, way: str) -> None:
    browsing.excused = (*EXCUSED, *SERVER_GONE)  # the proxy goes before the pages
    port = free_port()
    async with (
        served(tmp_path / "data", stun_servers="", **settings(way, port)) as server,
        below_path(name, way, server.port, port, tmp_path) as url,
        people(tmp_path / "people", "ann", "bob") as [ann, bob],
    ):
        (ann.folder / "a.bin").write_bytes(b"a" * 3_000_000)
        (tmp_path / "b.bin").write_bytes(b"b" * 3_000_000)

        page = await desk(browsing, f"{url}/")
        link = await page.send(tmp_path / "b.bin")
        assert link.startswith(f"{url}/r#")
        receiver = await bob.burrow("receive", link, "--yes", "--relay-only")
        assert await receiver.ended() == 0, receiver.err
        assert sha256(bob.folder / "b.bin") == sha256(tmp_path / "b.bin")

        sender = await ann.burrow("send", "a.bin", "--server", url, "--json")
        ready = await sender.event("ready")
        assert ready["link"].startswith(f"{url}/r#")
        other = await desk(browsing, ready["link"])
        await other.accept()
        await other.whole()
        assert other.page.url == f"{url}/"
        assert sha256(await other.saved()) == sha256(ann.folder / "a.bin")
        assert await sender.ended() == 0
        scope = await other.page.evaluate("navigator.serviceWorker.ready.then(({ scope }) => scope)")
        assert scope == f"{url}/"
        assert BASE in scope

        sender = await ann.burrow("send", "a.bin", "--server", url, "--json")
        code = (await sender.event("ready"))["code"]
        receiver = await bob.burrow("receive", code, "--server", f"{url}/", "--yes")
        assert await receiver.ended() == 0, receiver.err
        assert sha256(bob.folder / "a.bin") == sha256(ann.folder / "a.bin")
