"""The web app in Firefox: page to page, with a terminal, by the server, over a reload, by its service worker."""

import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.cli.program import Person
from tests.client.carry import tree
from tests.e2e.served import Served, served
from tests.web.axe import violations
from tests.web.browser import Browsing
from tests.web.desk import EXCUSED, desk, made, sha256
from tests.web.firefox import firefox, in_firefox
from tests.web.test_vanishing import INCOMPLETE, grow, held, incomplete, shrink, three, vanish

pytestmark = pytest.mark.anyio
__all__ = ["firefox", "in_firefox"]

MB = 1_000_000


@pytest.fixture
async def server(tmp_path: Path, in_firefox: Browsing) -> AsyncIterator[Served]:
    in_firefox.excused = EXCUSED
    async with served(tmp_path / "data", stun_servers="") as running:
        yield running


async def test_firefox_sends_to_firefox_directly_and_what_was_there_outlives_a_reload(
    in_firefox: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "film.mkv", 24 * MB)
    ann, bob = await desk(in_firefox, server.url), await desk(in_firefox, server.url)
    await bob.page.goto(await ann.send(file))
    await bob.accept()
    await bob.goes_by("webrtc")
    await bob.reaches(10 * MB)
    await bob.page.reload()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
    assert sum((await bob.job("finished.shares")).values()) < 18 * MB, "what was there came again"
    await ann.whole()


async def test_firefox_sends_to_a_terminal_and_a_terminal_sends_a_folder_to_firefox(
    in_firefox: Browsing, server: Served, tmp_path: Path, person: Person
) -> None:
    file = made(tmp_path, "a.bin", 6 * MB)
    ann = await desk(in_firefox, server.url)
    program = await person.burrow("receive", await ann.send(file), "--json", "--yes")
    assert await program.ended(60) == 0, program.out
    assert sha256(person.folder / "a.bin") == sha256(file)
    await ann.whole()
    content = {"holiday/a.txt": MB, "holiday/sub/b.bin": 3 * MB}
    files = {name: made(person.folder, name, size) for name, size in content.items()}
    program = await person.burrow("send", person.folder / "holiday", "--server", server.url, "--json")
    bob = await desk(in_firefox, str((await program.event("ready"))["link"]))
    await bob.accept()
    await bob.whole()
    with zipfile.ZipFile(await bob.saved()) as found:
        assert {each: found.read(each) for each in found.namelist() if not each.endswith("/")} == {
            name: each.read_bytes() for name, each in files.items()
        }


@pytest.mark.parametrize(
    ("change", "why", "said"),
    [
        (vanish, "Not sent: it disappeared while it was being sent", "disappeared while it was being sent"),
        (shrink, "Not sent: it became shorter while it was being sent", "became shorter while it was being sent"),
    ],
)
async def test_firefox_leaves_out_what_it_cannot_read_any_more_and_the_rest_arrives(
    in_firefox: Browsing,
    server: Served,
    tmp_path: Path,
    person: Person,
    change: Callable[[Path], None],
    why: str,
    said: str,
) -> None:
    files = three(tmp_path)
    ann = await desk(in_firefox, server.url)
    link = await ann.send(*files)
    change(files[1])
    program = await person.burrow("receive", link, "--json", "--yes")
    assert await program.ended(60) == INCOMPLETE, program.out
    assert tree(person.folder) == {each.name: each.read_bytes() for each in (files[0], files[2])}
    assert program.events[-1]["left_out"] == [f"b.bin {said}: left out"]
    await incomplete(ann, "b.bin", why)


async def test_a_file_that_grows_is_sent_by_firefox_as_it_was(
    in_firefox: Browsing, server: Served, tmp_path: Path, person: Person
) -> None:
    files = three(tmp_path)
    was = {each.name: each.read_bytes() for each in files}
    ann = await desk(in_firefox, server.url)
    link = await ann.send(*files)
    grow(files[1])
    program = await person.burrow("receive", link, "--json", "--yes")
    assert await program.ended(60) == 0, program.out
    assert tree(person.folder) == was
    await ann.whole()


async def test_firefox_keeps_the_rest_of_what_a_terminal_or_a_page_could_not_send_to_the_end(
    in_firefox: Browsing, server: Served, tmp_path: Path, person: Person
) -> None:
    files = three(person.folder / "top")
    program = await person.burrow("send", person.folder / "top", "--server", server.url, "--json")
    bob = await desk(in_firefox, str((await program.event("ready"))["link"]))
    vanish(files[1])
    await bob.accept()
    await incomplete(bob, "top/b.bin", "Not sent: it disappeared while it was being sent")
    assert await program.ended(30) == INCOMPLETE, program.said
    assert held(await bob.saved()) == {f"top/{each.name}": each.read_bytes() for each in (files[0], files[2])}
    files = three(tmp_path)
    ann = await desk(in_firefox, server.url)
    link = await ann.send(*files)
    vanish(files[2])
    carl = await desk(in_firefox, link)
    await carl.page.get_by_text("Other ways to save").click()
    await carl.page.get_by_role("button", name="Download directly").click()
    for each in (carl, ann):
        await incomplete(each, "c.bin", "Not sent: it disappeared while it was being sent")
    assert held(await carl.saved()) == {each.name: each.read_bytes() for each in files[:2]}


# What Firefox hands over when somebody chooses a folder: no driver can choose one there.
CHOOSE = """(input, files) => {
  const chosen = files.map(([path, letter, size]) => {
    const file = new File([letter.repeat(size)], path.split("/").pop());
    return Object.defineProperty(file, "webkitRelativePath", { value: path });
  });
  Object.defineProperty(input, "files", { configurable: true, value: chosen });
  input.dispatchEvent(new Event("change"));
}"""


async def test_firefox_sends_a_folder(in_firefox: Browsing, server: Served, person: Person) -> None:
    ann = await desk(in_firefox, server.url)
    content = {"holiday/a.txt": ("a", MB), "holiday/sub/b.bin": ("b", 3 * MB), "holiday/sub/c.bin": ("c", 1)}
    chosen = [[path, letter, size] for path, (letter, size) in content.items()]
    await ann.page.locator("drop-burrow #folder").evaluate(CHOOSE, chosen)
    program = await person.burrow("receive", await ann.link(), "--json", "--yes")
    assert await program.ended(60) == 0, program.out
    await ann.whole()
    found = {each.relative_to(person.folder).as_posix(): each for each in (person.folder / "holiday").rglob("*.*")}
    assert set(found) == set(content)
    for path, (letter, size) in content.items():
        assert found[path].read_bytes() == letter.encode() * size


async def test_firefox_leaves_files_on_the_server_and_firefox_streams_them_to_the_downloads(
    in_firefox: Browsing, server: Served, tmp_path: Path
) -> None:
    """The sender is gone by then; the download is made by the service worker, as it goes."""
    files = [made(tmp_path, name, 2 * MB) for name in ("a.bin", "b.bin")]
    ann = await desk(in_firefox, server.url)
    link = await ann.leave(*files)
    await ann.page.context.close()
    bob = await desk(in_firefox, link)
    await bob.page.get_by_text("Other ways to save").click()
    await bob.page.get_by_role("button", name="Download directly").click()
    await bob.whole()
    assert await bob.job("path") == "store"
    with zipfile.ZipFile(await bob.saved()) as found:
        assert [found.read(each.name) for each in files] == [each.read_bytes() for each in files]


async def test_axe_finds_nothing_in_firefox_on_the_way_of_a_file(
    in_firefox: Browsing, server: Served, tmp_path: Path
) -> None:
    ann = await desk(in_firefox, server.url)
    await ann.page.get_by_role("heading", name="Any file, any device").wait_for()
    assert await violations(ann.page) == []
    bob = await desk(in_firefox, await ann.send(made(tmp_path, "a.bin", MB)))
    await bob.page.locator("offer-card button.main").wait_for()
    await ann.page.locator("transfer-card .waits").wait_for()
    for each in (ann, bob):
        assert await violations(each.page) == []
    await bob.accept()
    for each in (ann, bob):
        await each.whole()
        assert await violations(each.page) == []
