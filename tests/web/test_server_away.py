"""The server's database is away for a while: pages say so, wait, and go on by themselves."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.served import Served
from tests.web.browser import Browsing
from tests.web.desk import EXCUSED, JOB, desk, made, sha256, until

pytestmark = pytest.mark.anyio

MB = 1_000_000
SAID = "The server can't work right now"


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    server.excused = ("the database does not work", "the folder for files does not work")
    browsing.excused = (*EXCUSED, "503 (Service Unavailable)")


@contextlib.asynccontextmanager
async def database_away(server: Served) -> AsyncIterator[None]:
    away = server.data.with_name("away")
    server.data.rename(away)
    await server.logged("the database does not work")
    yield
    away.rename(server.data)
    await server.logged("the database works again")


async def test_pages_that_are_loaded_meanwhile_say_so_and_go_on(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "a.bin", MB)
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    link = await ann.send(file)
    async with database_away(server):
        await ann.page.reload()
        await bob.page.goto(link)
        for page in (ann, bob):
            await page.page.locator("transfer-card").get_by_text(SAID).wait_for()
    await bob.accept()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
    await ann.whole()


async def test_a_transfer_by_relay_waits_and_goes_on(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    file = made(tmp_path, "b.bin", 60 * MB)
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    for each in (ann, bob):
        await each.cut()
    link = await ann.send(file)
    await bob.page.evaluate(f"location.href = {link!r}")
    await bob.accept()
    await bob.reaches(4 * MB)
    async with database_away(server):
        await bob.page.locator("transfer-card").get_by_text(SAID).wait_for()

        async def both_try() -> bool:
            states = [await page.page.evaluate(f"{JOB}.state") for page in (ann, bob)]
            assert not {"failed", "ended"} & set(states), states
            return "waiting" in states

        await until(both_try)
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
    await ann.whole()


async def test_what_is_left_on_the_server_goes_there_once_it_works_again(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "c.bin", 3 * MB)
    ann = await desk(browsing, server.url)
    link = await ann.send(file)
    async with database_away(server):
        await ann.page.evaluate(f"{JOB}.leave()")
        await ann.page.locator("transfer-card").get_by_text(SAID).wait_for()

    async def rests() -> bool:
        return bool(await ann.page.evaluate(f"{JOB}.state === 'resting'"))

    await until(rests)
    await ann.page.close()
    bob = await desk(browsing, link)
    await bob.accept()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
