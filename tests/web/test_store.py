"""Where a page puts what it receives, what it keeps over a reload, what it hands over: real bytes in Chromium."""

import hashlib
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.web.browser import SERVER_GONE, WEB, Browsing, Pages, serving

pytestmark = pytest.mark.anyio

BLOCK = 262144
SIZES = {"photos/one.bin": 3 * BLOCK + 7, "message.txt": 5, "photos/CON": 70_000, "empty": 0, "späß 10.bin": 5 * BLOCK}
FORM = """() => {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: "/share", enctype: "multipart/form-data" });
  for (const [name, value] of [["title", "look"], ["text", "look"], ["url", "https://example.org/"]]) {
    form.append(Object.assign(document.createElement("input"), { name, value }));
  }
  form.append(Object.assign(document.createElement("input"), { type: "file", name: "files", multiple: true }));
  document.body.append(form);
}"""  # what another app shares, as the browser posts it
NAMES = {"photos/CON": "photos/_CON"}


def row(begin: int, end: int) -> bytes:
    """Bytes of all contents, one behind the other, as scenes.js makes them."""
    return bytes((at * 31 + (at >> 8) * 7) & 255 for at in range(begin, end))


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def expected() -> dict[str, bytes]:
    """What each file holds, by the name it gets."""
    whole = row(0, sum(SIZES.values()))
    found, at = {}, 0
    for name, size in SIZES.items():
        found[NAMES.get(name, name)] = whole[at : at + size]
        at += size
    del found["message.txt"]
    return found


async def scene(page: Page, call: str) -> Any:
    """What an expression gives in the page; `s` is scenes.js."""
    return await page.evaluate(f'async () => {{ const s = await import("/scenes.js"); return {call}; }}')


def check_zip(path: Path, lost: Sequence[str] = ()) -> None:
    """Python and Info-ZIP find in it what was sent, without the lost ones."""
    wanted = {name: each for name, each in expected().items() if name not in lost}
    with zipfile.ZipFile(path) as found:
        assert found.testzip() is None
        assert {each.filename: found.read(each) for each in found.infolist() if not each.is_dir()} == wanted
        assert "nothing/here/" in found.namelist()
        assert all(each.date_time[:3] == (2024, 2, 29) for each in found.infolist() if not each.is_dir())
    subprocess.run(["unzip", "-tqq", path], check=True)


async def test_what_arrives_in_the_browser_survives_a_reload_at_any_point(browsing: Browsing, pages: Pages) -> None:
    page = await browsing.page(pages.url)
    begun = await scene(page, 's.first("browser")')
    assert (begun["best"], begun["survives"]) == ("browser", True)
    assert await scene(page, 's.settings.set("name", "Ann").then(() => s.database.lasting)')
    ended = '{ id: `${when}`, title: "t", size: 1, direction: "send", peer: "", shares: {}, when, digest: "" }'
    await scene(page, f"Promise.all([9, 11, 10].map((when) => s.history.add({ended})))")
    await page.reload()
    assert await scene(page, 's.settings.get("name")') == "Ann"
    assert [each["id"] for each in await scene(page, "s.history.list()")] == ["11", "10", "9"]
    held = await scene(page, "s.second()")
    assert [name for name, _, _ in held] == list(expected())
    assert all(crc is not None for _, _, crc in held)
    await page.reload()  # all is here, and not handed over
    async with page.expect_download() as download:
        assert await scene(page, "s.zipped()") == held
    saved = await browsing.saved(await download.value)
    assert saved.name == "ngs_.zip"
    check_zip(saved)
    handed = await scene(page, "s.intoFolder()")
    assert sorted(handed["tops"]) == ["empty", "nothing", "photos (2)", "späß 10.bin"]
    assert handed["wrote"] == sum(map(len, expected().values()))
    wanted = {name.replace("photos/", "photos (2)/"): digest(each) for name, each in expected().items()}
    assert handed["found"] == wanted | {"photos": digest(b"")} | dict.fromkeys(
        ["photos (2)/", "nothing/", "nothing/here/"], ""
    )
    assert await scene(page, "s.dropped()") == [None, 0]


async def test_what_arrives_in_a_folder_survives_a_reload_and_takes_nobodys_place(
    browsing: Browsing, pages: Pages
) -> None:
    page = await browsing.page(pages.url)
    begun = await scene(page, "s.firstIntoFolder()")
    assert (begun["best"], begun["survives"]) == ("browser", True)
    assert "folder" in begun["others"]
    await page.reload()
    assert await scene(page, "s.second()") == []
    names = {"photos/one.bin": "photos (2)/one.bin", "photos/_CON": "photos (2)/_CON", "empty": "empty (2)"}
    wanted = {names.get(name, name): digest(each) for name, each in expected().items()}
    wanted |= {"photos": digest(b"")}
    wanted |= dict.fromkeys(["photos (2)/", "empty/", "nothing/", "nothing/here/"], "")
    assert await scene(page, "s.inFolder()") == wanted


async def test_a_large_file_in_a_folder_is_copied_only_when_it_has_doubled(browsing: Browsing, pages: Pages) -> None:
    page = await browsing.page(pages.url)
    done = await scene(page, f"s.firstIntoFile({40 << 20})")
    # in steps of 4 MiB: cheap up to 16, then at 20 (safe to 16: no), 32 (twice 16); the end is in place by itself
    assert done == {"flushes": [True] * 4 + [False] * 3 + [True, False, True], "same": True}


async def test_a_download_is_made_on_the_way_and_waits_for_nobody_to_hold_it(browsing: Browsing, pages: Pages) -> None:
    page = await browsing.page(pages.url)
    assert await scene(page, "s.registerWorker().then(Boolean)")
    async with page.expect_download() as download:
        done = await scene(page, 's.straight("stream")')
    assert (done["survives"], done["places"], done["kept"]) == (False, ["things.zip"], None)
    check_zip(await browsing.saved(await download.value))
    async with page.expect_download() as download:
        assert await scene(page, f's.streamed({24 << 20}, "späß\\"%;.bin")') == ["späß_%;.bin"]
    saved = await browsing.saved(await download.value)
    assert saved.name == "späß_%;.bin"
    assert saved.stat().st_size == 24 << 20
    assert saved.read_bytes()[-3:] == row((24 << 20) - 3, 24 << 20)
    async with page.expect_download() as download:
        await scene(page, "s.halfStreamed()")
    assert await (await download.value).failure() is not None


async def test_a_page_without_https_holds_it_in_memory(browsing: Browsing, pages: Pages) -> None:
    page = await browsing.page(pages.lan)
    async with page.expect_download() as download:
        done = await scene(page, 's.straight("memory")')
    assert (done["best"], done["survives"]) == ("memory", False)
    check_zip(await browsing.saved(await download.value))


LOST = {0: "photos/one.bin", 4: "späß 10.bin"}  # by their number


@pytest.mark.parametrize("kind", ["browser", "memory", "stream"])
async def test_a_file_that_is_lost_is_in_no_zip_whichever_way_it_is_made(
    browsing: Browsing, pages: Pages, kind: str
) -> None:
    page = await browsing.page(pages.lan if kind == "memory" else pages.url)
    if kind == "stream":
        assert await scene(page, "s.registerWorker().then(Boolean)")
    async with page.expect_download() as download:
        await scene(page, f's.straight("{kind}", undefined, {list(LOST)})')
    check_zip(await browsing.saved(await download.value), list(LOST.values()))


async def test_the_only_file_of_a_download_that_is_lost_is_a_download_that_failed(
    browsing: Browsing, pages: Pages
) -> None:
    """Though the browser has every byte of it by then."""
    page = await browsing.page(pages.url)
    assert await scene(page, "s.registerWorker().then(Boolean)")
    async with page.expect_download() as download:
        assert await scene(page, f's.streamed({8 * BLOCK}, "one.bin", [0])') == []
    assert await (await download.value).failure() is not None


async def test_a_file_that_is_lost_does_not_stay_in_the_folder_and_what_is_called_like_it_does(
    browsing: Browsing, pages: Pages
) -> None:
    page = await browsing.page(pages.url)
    done = await scene(page, f"s.lostInFolder({list(LOST)})")
    assert done["places"] == done["again"] == ["chosen/nothing", "chosen/photos", "chosen/empty (2)"]
    wanted = {"photos/_CON": digest(expected()["photos/_CON"]), "empty (2)": digest(b""), "empty": digest(b"")}
    wanted |= {"späß 10.bin": digest(b"")} | dict.fromkeys(["photos/", "nothing/", "nothing/here/"], "")
    assert done["found"] == wanted


@pytest.mark.parametrize("secure", [True, False], ids=["https", "http"])
async def test_one_tab_alone_goes_on_with_a_transfer(browsing: Browsing, pages: Pages, secure: bool) -> None:
    url = pages.url if secure else pages.lan
    one, other = await browsing.page(url), await browsing.page(url)
    take = 's.hold("t1").then((free) => (globalThis.free = free) !== null)'
    assert await scene(one, take)
    assert not await scene(other, take)
    await one.evaluate("free()")
    assert await scene(other, take)
    await other.close()
    assert await scene(one, take)


async def test_the_app_is_there_without_a_network_and_a_share_reaches_it(browsing: Browsing) -> None:
    async with serving({"/scenes.js": WEB.parents[2] / "tests/web/store/scenes.js"}) as shelf:
        page = await browsing.page(shelf.url)
        assert await scene(page, "s.registerWorker().then(Boolean)")
        await page.evaluate(FORM)
        await page.set_input_files("input[type=file]", [Path(__file__), Path(__file__).with_name("browser.py")])
        async with page.expect_navigation(url="**/?shared=*"):
            await page.evaluate("document.querySelector('form').submit()")
        take = "s.takeShared(new URLSearchParams(location.search).get('shared'))"
        assert await scene(page, "s.takeShared('1')") == []
        shared = await scene(page, f"{take}.then(s.shown)")
        assert [each.get("path") for each in shared] == ["test_store.py", "browser.py", None]
        assert shared[0]["text"] == Path(__file__).read_text()
        assert shared[2] == {"text": "look\nhttps://example.org/"}
        assert await scene(page, take) == []
        assert "POST /share" not in shelf.asked
        await page.reload()
    await page.goto(shelf.url + "/r")
    assert await page.title() == "burrow"
    assert await page.evaluate('import("/web/core/names.js").then((names) => names.safeName("../a"))') == "a"
    browsing.excused = SERVER_GONE
    assert await page.evaluate('fetch("/status").then(() => true, () => false)') is False


async def test_what_is_dropped_is_walked_and_kept_over_a_reload(
    browsing: Browsing, pages: Pages, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    (album / "deep" / "hollow").mkdir(parents=True)
    for name in ("10.txt", "9.txt", "deep/é.txt", ".DS_Store"):
        (album / name).write_text(name)
    (tmp_path / "alone.txt").write_text("alone")
    page = await browsing.page(pages.url)
    await scene(page, "s.awaitDrop()")
    files = [str(album), str(tmp_path / "alone.txt")]
    session = await page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": files, "dragOperationsMask": 1}
        await session.send("Input.dispatchDragEvent", {"type": kind, "x": 50, "y": 50, "data": data})
    found = await scene(page, "s.keepDropped()")
    wanted = [
        {"path": "album/9.txt", "text": "9.txt", "from": "root"},
        {"path": "album/10.txt", "text": "10.txt", "from": "root"},
        {"path": "album/deep/é.txt", "text": "deep/é.txt", "from": "root"},
        {"folder": ["album", "deep", "hollow"]},
        {"path": "alone.txt", "text": "alone", "from": "handle"},
    ]
    assert found == wanted
    await page.reload()
    assert await scene(page, "s.revived()") == {"items": found, "gone": []}
    (album / "9.txt").unlink()
    assert await scene(page, "s.revived()") == {"items": found[1:], "gone": [[0, "vanished"]]}
    assert await scene(page, 's.revived([[0, "stale"], [3, "stale"]])') == {"items": found[1:4], "gone": []}
    shutil.rmtree(album)
    assert await scene(page, "s.revived()") == {
        "items": found[3:],
        "gone": [[0, "vanished"], [1, "vanished"], [2, "vanished"]],
    }
    (tmp_path / "alone.txt").unlink()
    assert await scene(page, "s.revived()") is None


async def test_what_is_chosen_or_pasted_becomes_things_to_send(
    browsing: Browsing, pages: Pages, tmp_path: Path
) -> None:
    (tmp_path / "album" / "deep").mkdir(parents=True)
    for name in ("deep/b.txt", "Thumbs.db", "a.txt"):
        (tmp_path / "album" / name).write_text(name)
    page = await browsing.page(pages.url)
    choice = "Object.assign(document.createElement('input'), {type: 'file', webkitdirectory: true})"
    await page.evaluate(f"document.body.append({choice})")
    await page.set_input_files("input", tmp_path / "album")
    found = await scene(page, 's.picked.fromInput(document.querySelector("input").files).then(s.shown)')
    assert [each["path"] for each in found] == ["album/a.txt", "album/deep/b.txt"]
    found = await scene(page, 's.pasted(["x", "y"], "seen").then(s.shown)')
    assert [(each["path"], each["text"]) for each in found] == [("image.png", "x"), ("image (2).png", "y")]
    assert await scene(page, r's.pasted([], "grüß \ud800 dich")') == [{"text": "grüß � dich"}]
