"""The web app in WebKit, which has neither WebRTC nor OPFS here, and whose database stores no file."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import Person
from tests.client.carry import tree
from tests.e2e.served import Served
from tests.web.desk import made, sha256, until
from tests.web.test_vanishing import INCOMPLETE, rewrite, three, vanish
from tests.web.webkit import WebKit, webkit

pytestmark = pytest.mark.anyio
__all__ = ["webkit"]

MB = 1_000_000


async def test_webkit_sends_to_a_terminal(webkit: WebKit, server: Served, tmp_path: Path, person: Person) -> None:
    file = made(tmp_path, "a.bin", 5 * MB)
    ann = await webkit.tab(server.url)
    program = await person.burrow("receive", await ann.send(file), "--json", "--yes")
    assert await program.ended(60) == 0, program.out
    assert sha256(person.folder / "a.bin") == sha256(file)
    await ann.whole()
    await webkit.close(ann)


@pytest.mark.parametrize("change", [vanish, rewrite])
async def test_webkit_leaves_out_what_it_cannot_read_any_more(
    webkit: WebKit, server: Served, tmp_path: Path, person: Person, change: Callable[[Path], None]
) -> None:
    """It says of both that the file was not found."""
    files = three(tmp_path)
    ann = await webkit.tab(server.url)
    link = await ann.send(*files)
    change(files[1])
    program = await person.burrow("receive", link, "--json", "--yes")
    assert await program.ended(60) == INCOMPLETE, program.out
    assert tree(person.folder) == {each.name: each.read_bytes() for each in (files[0], files[2])}
    assert program.events[-1]["left_out"] == ["b.bin disappeared while it was being sent: left out"]
    await ann.sees("Incomplete: 1 file is missing")
    await webkit.close(ann)


async def test_a_terminal_sends_a_folder_to_webkit(webkit: WebKit, server: Served, person: Person) -> None:
    """As a download that its service worker makes: it has no place for it in the browser."""
    files = [made(person.folder, name, 2 * MB) for name in ("holiday/a.bin", "holiday/sub/b.bin")]
    program = await person.burrow("send", person.folder / "holiday", "--server", server.url, "--json")
    bob = await webkit.tab(str((await program.event("ready"))["link"]))
    await bob.accept()
    await bob.whole()
    assert await bob.job("sink.kind") == "stream"
    with zipfile.ZipFile(await webkit.saved("holiday.zip")) as found:
        assert {name: found.read(name) for name in found.namelist() if not name.endswith("/")} == {
            str(each.relative_to(person.folder)): each.read_bytes() for each in files
        }
    assert await program.ended(30) == 0
    await webkit.close(bob)


async def test_webkit_goes_on_after_a_reload_and_leaves_it_on_the_server_for_webkit(
    webkit: WebKit, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "c.bin", 12 * MB)
    ann = await webkit.tab(server.url)
    link = await ann.send(file)
    await ann.reload()
    await until(lambda: ann.evaluate("Boolean(deep('share-panel qr-code'))"))
    assert await ann.evaluate("document.querySelector('burrow-app').app.jobs[0].link") == link, (
        "the files were there again"
    )
    await ann.click("button", "Upload so I can close this page")
    await ann.sees("Encrypted and stored on the server")
    await webkit.close(ann)
    bob = await webkit.tab(link)
    await bob.accept()
    await bob.whole()
    assert sha256(await webkit.saved("c.bin")) == sha256(file)
    await webkit.close(bob)


async def test_webkit_is_asked_for_more_than_its_database_holds_again(
    webkit: WebKit, server: Served, tmp_path: Path, person: Person
) -> None:
    file = made(tmp_path, "d.bin", 20 * MB)
    ann = await webkit.tab(server.url)
    link = await ann.send(file)
    await ann.reload()
    await ann.sees("Choose the same files again to continue")
    await ann.click("transfer-card button", "Choose again")
    await ann.choose(file)
    program = await person.burrow("receive", link, "--json", "--yes")
    assert await program.ended(60) == 0, program.out
    assert sha256(person.folder / "d.bin") == sha256(file)
    await webkit.close(ann)
