"""Files that vanish or change while a page sends or receives them: the rest arrives, and both cards name them."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import Person
from tests.client.carry import tree
from tests.e2e.served import Served
from tests.web.axe import violations
from tests.web.browser import Browsing
from tests.web.desk import EXCUSED, JOB, Desk, desk, made, sha256

pytestmark = pytest.mark.anyio

MB = 1_000_000
INCOMPLETE = 9
VANISHED = "Not sent: it disappeared while it was being sent"
STALE = "Not sent: it changed, or can no longer be read"


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    """The server goes after the pages."""
    browsing.excused = EXCUSED


def vanish(path: Path) -> None:
    path.unlink()


def rewrite(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def shrink(path: Path) -> None:
    os.truncate(path, 5)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def three(folder: Path) -> list[Path]:
    return [made(folder, f"{name}.bin", size * MB) for name, size in (("a", 2), ("b", 4), ("c", 3))]


async def incomplete(one: Desk, name: str, why: str) -> None:
    """Its card says that one file is missing, which and why, and nowhere that all is well."""
    card = one.page.locator("transfer-card [data-state=incomplete]").first
    await card.get_by_text("Incomplete: 1 file is missing").wait_for()
    await card.get_by_role("listitem").filter(has_text=name).get_by_text(why).wait_for()
    assert await one.job("finished.incomplete")
    said = await card.inner_text()
    assert "Done" not in said
    assert "Every byte" not in said


@pytest.mark.parametrize("way", [(), ("--relay-only",)], ids=["direct", "relay"])
@pytest.mark.parametrize(("change", "why"), [(vanish, VANISHED), (rewrite, STALE), (shrink, STALE), (grow, STALE)])
async def test_a_page_leaves_it_out_and_a_terminal_keeps_the_rest(
    browsing: Browsing,
    server: Served,
    tmp_path: Path,
    person: Person,
    change: Callable[[Path], None],
    why: str,
    way: tuple[str, ...],
) -> None:
    files = three(tmp_path)
    ann = await desk(browsing, server.url)
    link = await ann.send(*files)
    change(files[1])
    program = await person.burrow("receive", link, "--json", "--yes", *way)
    assert await program.ended(60) == INCOMPLETE, program.out
    assert tree(person.folder) == {each.name: each.read_bytes() for each in (files[0], files[2])}
    end = program.events[-1]
    assert (end["verified"], end["incomplete"], end["size"]) == (True, True, 5 * MB)
    [said] = end["left_out"]
    assert said.startswith("b.bin disappeared" if why == VANISHED else "b.bin changed, or can no longer be read")
    await incomplete(ann, "b.bin", why)
    assert await ann.page.get_by_text("To send what's missing, choose it again.").count() == 1


async def test_a_terminal_leaves_it_out_and_a_page_keeps_the_rest(
    browsing: Browsing, server: Served, person: Person
) -> None:
    """Also after a reload, and the history knows."""
    files = three(person.folder / "top")
    program = await person.burrow("send", person.folder / "top", "--server", server.url, "--json")
    bob = await desk(browsing, str((await program.event("ready"))["link"]))
    vanish(files[1])
    await bob.accept()
    await incomplete(bob, "top/b.bin", VANISHED)
    assert await program.ended(30) == INCOMPLETE, program.said
    wanted = {f"top/{each.name}": each.read_bytes() for each in (files[0], files[2])}
    assert held(await bob.saved()) == wanted
    await bob.page.get_by_text("The rest is in your downloads.").wait_for()
    ask = bob.page.get_by_text("to send what's missing again.")
    await ask.wait_for()
    assert await violations(bob.page) == []
    await bob.page.goto(server.url)
    await bob.page.locator("history-list").get_by_text("Incomplete: 1 file is missing").wait_for()
    await bob.page.get_by_role("button", name="Show", exact=True).click()
    await bob.page.get_by_role("listitem").filter(has_text="top/b.bin").get_by_text(VANISHED).wait_for()
    async with bob.page.expect_download() as again:
        await bob.page.locator("received-files button").first.click()
    assert held(await browsing.saved(await again.value)) == wanted


@pytest.mark.parametrize("way", ["Keep in this browser", "Download directly", "http"])
async def test_from_page_to_page_it_is_named_on_both_cards_whichever_way_it_is_saved(
    browsing: Browsing, server: Served, tmp_path: Path, way: str
) -> None:
    files = three(tmp_path)
    ann = await desk(browsing, server.url)
    link = await ann.send(*files)
    rewrite(files[2])
    bob = await desk(browsing, link.replace("127.0.0.1", "page.local") if way == "http" else link)
    if way == "Download directly":
        await bob.page.get_by_text("Other ways to save").click()
        await bob.page.get_by_role("button", name=way).click()
    else:
        await bob.accept()
    await incomplete(bob, "c.bin", STALE)
    await incomplete(ann, "c.bin", STALE)
    kind = {"Keep in this browser": "browser", "Download directly": "stream", "http": "memory"}[way]
    assert await bob.job("sink.kind") == kind
    assert held(await bob.saved()) == {each.name: each.read_bytes() for each in files[:2]}
    for each in (ann, bob):
        assert await violations(each.page) == []


async def test_what_a_page_leaves_on_the_server_names_it_before_and_after(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    """Each of them after a reload, too."""
    files = three(tmp_path)
    ann = await desk(browsing, server.url)
    link = await ann.send(*files)
    vanish(files[0])
    await ann.page.get_by_text("More options").click()
    await ann.page.get_by_role("button", name="Upload so I can close this page").click()
    await ann.page.get_by_text("Encrypted and stored on the server").wait_for()
    for _ in range(2):
        await ann.page.get_by_text("1 file can't be sent:").wait_for()
        await ann.page.get_by_role("listitem").filter(has_text="a.bin").get_by_text(VANISHED).wait_for()
        await ann.page.reload()
    await ann.page.context.close()
    bob = await desk(browsing, link)
    await bob.accept()
    await incomplete(bob, "a.bin", VANISHED)
    assert held(await bob.saved()) == {each.name: each.read_bytes() for each in files[1:]}


async def test_a_sender_that_is_loaded_again_goes_on_without_it(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    files = [*three(tmp_path), made(tmp_path, "d.bin", 20 * MB)]
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    for each in (ann, bob):
        await each.cut()
    link = await ann.send(*files)
    vanish(files[0])
    await bob.page.evaluate(f"location.href = {link!r}")
    await bob.page.locator("offer-card button.main").wait_for()
    line = await bob.page.context.new_cdp_session(bob.page)
    slow = {"offline": False, "latency": 0, "uploadThroughput": -1, "downloadThroughput": 4 * MB}
    await line.send("Network.emulateNetworkConditions", slow)
    await bob.accept()
    await ann.page.get_by_text("1 file can't be sent:").wait_for()
    await bob.reaches(3 * MB)
    await ann.page.reload()
    await line.send("Network.emulateNetworkConditions", slow | {"downloadThroughput": -1})
    for each in (bob, ann):
        await incomplete(each, "a.bin", VANISHED)
    assert held(await bob.saved()) == {each.name: each.read_bytes() for each in files[1:]}


async def test_a_file_beside_it_is_saved_as_itself(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    files = three(tmp_path)[:2]
    ann = await desk(browsing, server.url)
    link = await ann.send(*files)
    vanish(files[0])
    bob = await desk(browsing, link)
    await bob.accept()
    await incomplete(bob, "a.bin", VANISHED)
    saved = await bob.saved()
    assert (saved.name, sha256(saved)) == ("b.bin", sha256(files[1]))


async def test_where_it_was_the_only_file_both_pages_say_what_to_do(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "a.bin", MB)
    ann = await desk(browsing, server.url)
    link = await ann.send(file)
    rewrite(file)
    bob = await desk(browsing, link)
    await bob.accept()
    await bob.page.get_by_role("alert").get_by_text("Ask them to send it again.").wait_for()
    await ann.page.get_by_role("alert").get_by_text("Choose it again and send it again.").wait_for()
    assert await ann.page.get_by_role("button", name="Send again").count() == 0, "the same File cannot be read again"
    await ann.page.get_by_role("button", name="Send something", exact=True).wait_for()
    assert await bob.page.evaluate(f"{JOB}.state") == "ended"


def held(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as found:
        return {each.filename: found.read(each) for each in found.infolist() if not each.is_dir()}
