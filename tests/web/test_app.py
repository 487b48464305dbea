"""The web app with real files, real pages, a real server and real terminals: what was sent is what arrives."""

import asyncio
import contextlib
import os
import re
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psutil
import pytest
from playwright.async_api import Browser, Route

from burrowspace.client.rendezvous.meeting import take_over
from burrowspace.client.server.api import Server
from burrowspace.core.codes import parse_code
from burrowspace.core.errors import WrongCode
from tests.cli.program import Person
from tests.client.codes import another
from tests.e2e.served import Served, calling, served
from tests.web.browser import SERVER_GONE, Browsing, ordinary
from tests.web.desk import EXCUSED, JOB, Desk, desk, made, sha256, until

pytestmark = pytest.mark.anyio

MB = 1_000_000
KEPT = "import('/web/store/kept.js').then(({ kept }) => kept.list())"
OFFICE = {"extra_http_headers": {"X-Forwarded-For": "203.0.113.7"}}  # all its pages come from one address
CROWDED = (*EXCUSED, *SERVER_GONE, "429 (Too Many Requests)")  # the server goes before the pages


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    """The server goes after the pages."""
    browsing.excused = EXCUSED


def office(home: Path, **bounds: str) -> contextlib.AbstractAsyncContextManager[Served]:
    """A server with these bounds that believes what OFFICE says."""
    return served(home / "office", stun_servers="", trusted_proxies="127.0.0.1", **bounds)


async def two(browsing: Browsing, url: str, file: Path) -> tuple[Desk, Desk]:
    """Ann's page sends the file, Bob's has said yes to it."""
    ann, bob = await desk(browsing, url), await desk(browsing, url)
    await bob.page.goto(await ann.send(file))
    await bob.accept()
    return ann, bob


async def test_a_large_file_goes_from_page_to_page_directly_and_neither_holds_it(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "film.mkv", 120 * MB)
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    before = [await ann.heap(), await bob.heap()]
    link = await ann.send(file)
    await bob.page.goto(link)
    await bob.accept()
    await bob.goes_by("webrtc")
    await bob.reaches(90 * MB)
    grown = [await ann.heap() - before[0], await bob.heap() - before[1]]
    await bob.whole(90)
    assert sha256(await bob.saved()) == sha256(file)
    assert max(grown) < 60 * MB, grown
    await ann.whole()


async def test_a_folder_goes_by_its_code_and_arrives_as_a_zip(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    folder = tmp_path / "holiday"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("A")
    made(folder / "sub", "b.bin", 3 * MB)
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    await ann.send_folder(folder)
    code = await ann.code()
    await bob.page.get_by_label("Code or link").fill(code.upper().replace("-", " "))
    await bob.page.get_by_role("button", name="Receive").click()
    await bob.accept()
    await bob.whole()
    with zipfile.ZipFile(await bob.saved()) as found:
        assert found.filename is not None
        assert found.filename.endswith("holiday.zip")
        held = {each.filename: found.read(each) for each in found.infolist() if not each.is_dir()}
    assert held == {
        "holiday/a.txt": b"A",
        "holiday/sub/b.bin": (folder / "sub" / "b.bin").read_bytes(),
    }


async def test_a_page_sends_to_a_terminal(browsing: Browsing, server: Served, tmp_path: Path, person: Person) -> None:
    file = made(tmp_path, "a.bin", 12 * MB)
    ann = await desk(browsing, server.url)
    link = await ann.send(file)
    program = await person.burrow("receive", link, "--json", "--yes")
    assert await program.ended(60) == 0, program.out
    assert sha256(person.folder / "a.bin") == sha256(file)
    await ann.whole()


async def test_a_terminal_sends_to_a_page(browsing: Browsing, server: Served, person: Person) -> None:
    file = made(person.folder, "b.bin", 12 * MB)
    program = await person.burrow("send", file, "--server", server.url, "--json")
    link = str((await program.event("ready"))["link"])
    bob = await desk(browsing, link)
    await bob.accept()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
    assert await program.ended(30) == 0


async def test_what_was_left_on_the_server_arrives_when_the_sender_is_gone(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "c.bin", 12 * MB)
    ann = await desk(browsing, server.url)
    link = await ann.leave(file)
    await ann.page.reload()
    await ann.page.get_by_text(
        "Encrypted and stored on the server"
    ).wait_for()  # and nobody is asked for the files again
    await ann.page.context.close()
    bob = await desk(browsing, link)
    await bob.accept()
    await bob.whole()
    assert await bob.job("path") == "store"
    assert sha256(await bob.saved()) == sha256(file)


async def test_a_page_that_says_it_may_be_closed_has_written_down_all_that_the_next_one_needs(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann = await desk(browsing, server.url)
    await ann.send(made(tmp_path, "r.bin", 2 * MB))
    said = f"""import('/web/store/kept.js').then(({{ kept }}) => new Promise((resolve) => {{
      const job = {JOB};
      job.watch(() => job.state === 'resting' && resolve(kept.get(job.id)));
      job.leave();
    }})).then(({{ state, files }}) => [files, state.more.until > Date.now(), state.legs.map((leg) => leg.whole)])"""
    assert await ann.page.evaluate(said) == [None, True, [True]]


async def test_what_was_left_on_the_server_is_taken_back_from_the_history(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    link = await ann.leave(made(tmp_path, "l.bin", 2 * MB))
    (record,) = await ann.page.evaluate(KEPT)
    spools = [f"/spools/{leg['spool']['id']}" for leg in record["state"]["legs"]]
    async with calling(server) as api:
        assert [(await api.get(spool))["complete"] for spool in spools] == [True]
    await ann.page.get_by_role("button", name="Remove").click()
    await ann.page.locator("transfer-card").wait_for(state="detached")
    await ann.page.reload()
    await ann.take_back("You took it back")
    assert await ann.page.locator("transfer-card").count() == 0, "it was cleared away"
    assert await ann.page.evaluate(KEPT) == [], "its secret is of no use any more"
    async with calling(server) as api:
        for spool in spools:
            await api.get(spool, expect=404)
    await bob.page.goto(link)
    await bob.page.get_by_role("alert").get_by_text("The sender took it back").wait_for()


@pytest.mark.parametrize(
    ("before", "said"), [("taken", "It had already been downloaded"), ("lapsed", "It was no longer on the server")]
)
async def test_what_cannot_be_taken_back_any_more_says_so(
    browsing: Browsing, server: Served, tmp_path: Path, before: str, said: str
) -> None:
    ann = await desk(browsing, server.url)
    link = await ann.leave(made(tmp_path, "m.bin", MB))
    if before == "taken":
        bob = await desk(browsing, link)
        await bob.accept()
        await bob.whole()
    else:
        drop = "document.querySelector('burrow-app').app.server.dropSpool(kept.state.legs[0].spool)"
        await ann.page.evaluate(f"{KEPT}.then(([kept]) => {drop})")
    await ann.take_back(said)
    assert await ann.job("state") == "ended"


async def test_one_page_sends_to_three(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    file = made(tmp_path, "d.bin", 8 * MB)
    ann = await desk(browsing, server.url)
    link = await ann.send(file)
    await ann.page.get_by_text("More options").click()
    await ann.page.get_by_label("Allow several people to receive it").check()
    others = [await desk(browsing, link) for _ in range(3)]
    for each in others:
        await each.accept()
    for each in others:
        await each.whole()
        assert sha256(await each.saved()) == sha256(file)
    await until(lambda: ann.page.evaluate(f"[...{JOB}.peers.values()].filter((peer) => peer.verified).length === 3"))
    assert not await ann.job("over")  # it stays for whoever else has the link


async def test_a_direct_path_that_is_cut_gives_way_to_the_relay(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "e.bin", 24 * MB)
    ann, bob = await two(browsing, server.url, file)
    await bob.goes_by("webrtc")
    await bob.reaches(8 * MB)
    await asyncio.gather(ann.cut(), bob.cut())
    await bob.goes_by("relay")
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
    shares = await bob.job("finished.shares")
    assert shares["webrtc"] >= 8 * MB
    assert sum(shares.values()) < 25 * MB, "something came twice"


async def test_a_receiving_page_that_is_loaded_again_receives_nothing_again(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "f.bin", 30 * MB)
    _, bob = await two(browsing, server.url, file)
    await bob.reaches(12 * MB)
    await bob.page.reload()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
    assert sum((await bob.job("finished.shares")).values()) < 22 * MB, "what was there came again"


async def test_a_page_that_is_loaded_again_while_it_tells_the_sender_has_all_of_it(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "w.bin", 3 * MB)
    ann = await desk(browsing, server.url)
    link = await ann.leave(file)
    await ann.page.context.close()
    told = asyncio.Event()

    async def delivered(route: Route) -> None:
        await route.fetch()  # nothing rests on the server any more
        told.set()

    bob = await desk(browsing, link)
    await bob.page.route("**/delivered/*", delivered)
    await bob.accept()
    await told.wait()
    await bob.page.unroute("**/delivered/*")
    await bob.page.reload()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)


async def test_a_text_is_there_until_it_is_cleared_away(browsing: Browsing, server: Served) -> None:
    ann = await desk(browsing, server.url)
    await ann.page.get_by_role("button", name="Text").click()
    await ann.page.get_by_role("textbox", name="Text").fill("meet me at nine")
    await ann.page.get_by_role("dialog").get_by_role("button", name="Send").click()
    bob = await desk(browsing, await ann.link())
    await bob.whole()
    await ann.whole()
    await bob.page.goto(server.url)
    await bob.page.get_by_role("button", name="Show").click()
    await bob.page.get_by_text("meet me at nine").wait_for()
    await bob.page.get_by_role("button", name="Delete now").click()
    await bob.page.locator("transfer-card").wait_for(state="detached")
    assert await bob.page.evaluate(KEPT) == []


async def test_a_sending_page_that_is_loaded_again_goes_on(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    file = made(tmp_path, "g.bin", 68 * MB)  # more than a page copies into the browser: it is chosen again
    ann, bob = await two(browsing, server.url, file)
    await bob.reaches(20 * MB)
    ann.page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))  # it warns before it goes
    await ann.page.reload()
    async with ann.page.expect_file_chooser() as chooser:
        await ann.page.get_by_role("button", name="Choose again").click()
    await (await chooser.value).set_files(file)
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
    assert sum((await bob.job("finished.shares")).values()) < 70 * MB, "something came twice"


async def test_a_server_that_is_killed_and_started_again_costs_nothing_but_time(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    browsing.excused = (*EXCUSED, *SERVER_GONE)
    file = made(tmp_path, "h.bin", 40 * MB)
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    for each in (ann, bob):
        await each.cut()  # all of it goes through the server
    link = await ann.send(file)
    await bob.page.evaluate(f"location.href = {link!r}")
    await bob.accept()
    await bob.reaches(10 * MB)
    await server.kill()
    await server.start()
    await bob.whole(90)
    assert sha256(await bob.saved()) == sha256(file)


async def test_a_device_nearby_takes_it_by_one_tap(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    file = made(tmp_path, "i.bin", MB)
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    name = await bob.page.locator("header .me .name", has_text=re.compile(r"\w")).inner_text()
    device = ann.page.locator("device-list").get_by_role("button", name=name)
    async with ann.page.expect_file_chooser() as chooser:
        await device.click()
    await (await chooser.value).set_files(file)
    await bob.accept()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)


async def test_paired_pages_need_no_code_any_more(browsing: Browsing, server: Served, tmp_path: Path) -> None:
    file = made(tmp_path, "j.bin", MB)
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    await ann.page.get_by_role("button", name="Pair", exact=True).first.click()
    code = ann.page.locator("pair-dialog .code")
    await until(lambda: code.evaluate("(shown) => shown.textContent.includes('-')"))
    await bob.page.get_by_role("button", name="Pair", exact=True).first.click()
    await bob.page.get_by_label("Code from the other device").fill(await code.inner_text())
    await bob.page.locator("pair-dialog form button").click()
    for each in (ann, bob):
        await each.page.get_by_text("Paired with").wait_for()
        await each.page.get_by_role("button", name="Close").click()
    async with ann.page.expect_file_chooser() as chooser:
        await ann.page.locator("device-list button", has_text="paired").click()
    await (await chooser.value).set_files(file)
    await bob.accept()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)


async def test_a_page_by_plain_http_works_and_says_what_it_is(
    browsing: Browsing, server: Served, tmp_path: Path, person: Person
) -> None:
    from tests.web.browser import LAN

    file = made(tmp_path, "k.bin", 4 * MB)
    url = f"http://{LAN}:{server.port}"
    ann, bob = await two(browsing, url, file)
    assert not await ann.page.evaluate("isSecureContext")
    await ann.page.get_by_text("was loaded over plain http").first.wait_for()
    assert (await ann.job("link")).startswith(url)
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)


async def test_what_is_loaded_late_is_loaded_although_the_network_changes(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    """A phone that leaves its Wi-Fi: the requests that run then fail."""
    browsing.excused = (*EXCUSED, "ERR_INTERNET_DISCONNECTED", "reading 'addEventListener'")  # of no service worker
    context = await browsing.device(service_workers="block")
    failed: set[str] = set()

    async def once(route: Route) -> None:
        path = re.sub(r".*/web/(@\w+/)?", "", route.request.url)
        if path in failed:
            await route.continue_()
        else:
            failed.add(path)
            await route.abort("internetdisconnected")

    of_the_page = ("bundle/features/model/work.js", "bundle/features/parts/of-transfers.js")
    parts = (*of_the_page, "wire/files/engine-worker.js")
    for late in parts:
        await context.route(f"**/{late}", once)
    ann = Desk(await browsing.page(server.url, context), browsing)
    link = await ann.leave(made(tmp_path, "a.bin", MB))
    assert len(failed) == 3
    context = await browsing.device(service_workers="block")
    await context.route("**/store/opfs-worker.js", once)
    bob = Desk(await browsing.page(link, context), browsing)
    await bob.accept()
    await bob.whole()
    assert len(failed) == 4


async def test_after_three_wrong_codes_a_page_asks_and_makes_another(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "a.bin", MB)
    ann = await desk(browsing, server.url)
    await ann.send(file)
    async with Server(server.url) as stranger:
        lengths = []
        for burns in range(3):
            code = parse_code(await ann.code())
            lengths.append(len(code.words))
            with pytest.raises(WrongCode):
                await take_over(stranger, another(code))
            if burns < 2:
                await until(lambda code=code: ann.page.evaluate(f"{JOB}.code !== null && {JOB}.code !== '{code}'"))
    assert lengths == [2, 3, 3]
    await ann.page.get_by_text("Three wrong codes were entered, so no new one appears by itself").wait_for()
    assert await ann.page.locator("share-panel .code").count() == 0
    await ann.page.get_by_role("button", name="Get a new code").click()
    bob = await desk(browsing, server.url)
    await bob.page.get_by_label("Code or link").fill(await ann.code())
    await bob.page.get_by_role("button", name="Receive", exact=True).click()
    await bob.accept()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)


async def test_who_leaves_at_the_prompt_costs_a_code_and_the_page_shows_another(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    file = made(tmp_path, "a.bin", MB)
    ann = await desk(browsing, server.url)
    await ann.send(file)
    code = await ann.code()
    for leaves in (True, False):
        bob = await desk(browsing, server.url)
        await bob.page.get_by_label("Code or link").fill(await ann.code())
        await bob.page.get_by_role("button", name="Receive", exact=True).click()
        await bob.page.locator("offer-card button.main").wait_for()
        await ann.page.locator("share-panel").wait_for(state="detached")
        if leaves:
            await bob.page.goto("about:blank")
            await ann.page.get_by_text("They left without accepting, so here's a new code").wait_for()
            assert await ann.code() != code
            late = await desk(browsing, server.url)
            await late.page.get_by_label("Code or link").fill(code)
            await late.page.get_by_label("Code or link").press("Enter")
            said = late.page.get_by_role("alert").get_by_text("This code has already been used. Ask")
            await said.wait_for()
    await bob.accept()
    await bob.whole()
    assert sha256(await bob.saved()) == sha256(file)
    await ann.whole()


async def test_a_page_without_a_network_says_so_and_not_that_the_other_side_is_away(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    browsing.excused = (*EXCUSED, "ERR_INTERNET_DISCONNECTED", "ERR_FAILED")
    ann = await desk(browsing, server.url)
    link = await ann.send(made(tmp_path, "a.bin", MB))
    bob = await desk(browsing, server.url)
    for page in (ann, bob):
        await page.page.context.set_offline(True)
    await ann.page.get_by_text("You're offline. We'll continue when you're back.").wait_for()
    await bob.page.get_by_label("Code or link").fill("7-walnut-orbit")
    await bob.page.get_by_label("Code or link").press("Enter")
    await bob.page.locator("code-box").get_by_role("alert").get_by_text("You're offline").wait_for()
    for page in (ann, bob):
        await page.page.context.set_offline(False)
    await ann.page.get_by_text("You're back online").wait_for()
    await bob.page.goto(link)
    await bob.page.locator("offer-card button.main").wait_for()
    await bob.page.context.set_offline(True)
    await bob.accept()
    await bob.page.get_by_text("You're offline. We'll continue when you're back.").wait_for()
    await bob.page.context.set_offline(False)
    await bob.whole()
    await ann.whole()


async def test_a_code_that_a_page_tried_in_vain_is_refused_there_from_then_on(
    browsing: Browsing, server: Served, tmp_path: Path
) -> None:
    """Over a reload; the sender hears of one try only."""
    browsing.excused = (*EXCUSED, "404 (Not Found)")
    file = made(tmp_path, "a.bin", MB)
    ann, bob = await desk(browsing, server.url), await desk(browsing, server.url)
    await ann.send(file)
    wrong = str(another(parse_code(await ann.code())))
    for said in ("That code didn't match", "You already tried this code"):
        await bob.page.get_by_label("Code or link").fill(wrong)
        await bob.page.get_by_label("Code or link").press("Enter")
        await bob.page.get_by_role("alert").get_by_text(said).wait_for()
        await bob.page.reload()
    assert await ann.page.evaluate(f"{JOB}.code.split('-').length") == 4


async def test_where_no_code_is_left_the_link_is_enough_and_a_page_that_goes_gives_its_code_back(
    browsing: Browsing, tmp_path: Path
) -> None:
    """Twenty colleagues behind one address."""
    browsing.excused = CROWDED
    file = made(tmp_path, "a.bin", MB)
    async with office(tmp_path, max_nameplates_per_address="1") as server, aiohttp.ClientSession() as http:
        ann = await desk(browsing, server.url, **OFFICE)
        await ann.send(file)
        number = (await ann.code()).split("-")[0]
        bob = await desk(browsing, server.url, **OFFICE)
        link = await bob.send(file)
        await bob.page.get_by_text("The server has no short code left. The link still works.").wait_for()
        assert await bob.page.locator("share-panel .code").count() == 0
        eve = await desk(browsing, link, **OFFICE)
        await eve.accept()
        await eve.whole()
        await ann.page.goto("about:blank")

        async def free() -> bool:
            async with http.get(f"{server.url}/nameplates/{number}") as answer:
                return answer.status == 404

        await until(free)


async def test_where_no_more_calls_of_an_address_may_wait_a_transfer_goes_to_its_end(
    browsing: Browsing, tmp_path: Path
) -> None:
    browsing.excused = CROWDED
    file = made(tmp_path, "a.bin", MB)
    async with office(tmp_path, max_waits_per_address="1") as server, aiohttp.ClientSession() as http:
        mailbox = f"{server.url}/mailboxes/{'0' * 32}"
        await http.put(mailbox)
        waits = asyncio.create_task(http.get(f"{mailbox}?after=-1&wait=50", headers=OFFICE["extra_http_headers"]))
        ann = await desk(browsing, server.url, **OFFICE)
        await ann.send(file)
        bob = await desk(browsing, server.url, **OFFICE)
        box = bob.page.locator("code-box")
        await box.locator("input").fill(await ann.code())
        await box.get_by_role("button", name="Receive").click()
        await bob.accept()
        await bob.whole()
        assert sha256(await bob.saved()) == sha256(file)
        await ann.whole()
        assert not waits.done(), "it was the one that waits"
        waits.cancel()


def used(*kinds: str) -> int:
    """Bytes that are these processes' own, of both browsers together. "browser" is the one that holds what is sent."""
    found = 0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            kind = next((each.removeprefix("--type=") for each in line if each.startswith("--type=")), "browser")
            if line and "chromium" in line[0] and kind in kinds:
                found += process.memory_full_info().uss
    return found


@pytest.fixture
async def at_home(chromium: Browser, server: Served, tmp_path: Path) -> AsyncIterator[Browsing]:
    """Ordinary windows: a private one keeps in its memory what a person has on their disk."""
    fresh = Browsing(ordinary(chromium.browser_type, tmp_path), tmp_path / "saved")
    yield fresh
    await fresh.close()


@pytest.mark.proof
@pytest.mark.timeout(3600)
async def test_8_gb_go_through_two_pages_that_stay_small(at_home: Browsing, server: Served, tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    with file.open("wb") as opened:
        for _ in range(8000):
            opened.write(os.urandom(MB))
    _, bob = await two(at_home, server.url, file)
    await bob.reaches(200 * MB)
    before = most = used("renderer")
    begun = held = used("browser")
    began = time.monotonic()
    while await bob.job("state") in ("running", "waiting"):
        most, held = max(most, used("renderer")), max(held, used("browser"))
        await asyncio.sleep(1)  # between two looks at the memory
    seconds = time.monotonic() - began
    await bob.whole(120)
    shares = (await bob.job("finished"))["shares"]
    print(f"7.8 GB in {seconds:.0f} s by {shares}; pages {before / MB:.0f} -> {most / MB:.0f} MB", end="; ")
    print(f"browsers {begun / MB:.0f} -> {held / MB:.0f} MB")
    assert most - before < 200 * MB
    assert held - begun < 400 * MB  # pieces on their way, and those that wait for their worker to end
    assert sha256(await bob.saved()) == sha256(file)
