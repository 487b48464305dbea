"""How fast does a file get from one page to another, and to and from a terminal, beside PeerJS and a bare data channel?

Real Chromium, each page in a browser of its own with an ordinary profile (a private window keeps what it is given in
its memory, and is slower), over loopback; the receiver writes into the browser's own file system. Every byte is
compared, but for the bare channel's, which are counted. Speed is from the yes of the receiver to "whole and verified".
CPU seconds are of all processes of both browsers together, and of the server, for a GB.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
from playwright.async_api import BrowserType, async_playwright
from tests.cli.program import Person
from tests.e2e.served import Served, served
from tests.web.browser import Browsing, ordinary
from tests.web.desk import Desk, desk, sha256

from bench.common import BenchError, parser, verdict
from bench.report import Figures, Metric, publish

MB = 1_000_000
SIZE = 300 * MB
DIRECT = 100 * MB  # what goes by data channels, which are slower
PEERJS = Path(__file__).parent / "rivals" / "peerjs"
CHANNEL = Path(__file__).parent / "rivals" / "channel.js"
CHOSEN = "page to page, by the way that the app chooses"
METRICS = {
    "chosen": Metric(CHOSEN, "MB/s", 1),
    "chosen_cpu": Metric("that: CPU of both browsers for a GB", "s", 1),
    "relay": Metric("page to page, through the server", "MB/s", 1, bound=60, side="at least", of="value"),
    "relay_cpu": Metric("through the server: CPU of both browsers for a GB", "s", 1),
    "relay_server": Metric("through the server: CPU of the server for a GB", "s", 2),
    "direct": Metric("page to page, by data channel alone", "MB/s", 1, bound=35, side="at least", of="value"),
    "direct_cpu": Metric("by data channel: CPU of both browsers for a GB", "s", 1),
    "to_terminal": Metric("page to terminal", "MB/s", 1, bound=22, side="at least", of="value"),
    "from_terminal": Metric("terminal to page", "MB/s", 1, bound=30, side="at least", of="value"),
    "heap": Metric("growth of the heap of a page, 300 MB", "MB", 1, bound=60, of="value"),
    "paint": Metric("first contentful paint, cold", "s", 2, bound=0.4, of="value"),
    "load": Metric("first load, compressed", "KB", 0, bound=150, of="value"),
    "requests": Metric("first load, requests", "", 0, bound=12, of="value"),
    "phone_paint": Metric("at 400 Kbit/s and 300 ms: words to read", "s", 1, bound=2, of="value"),
    "phone_ready": Metric("at 400 Kbit/s and 300 ms: possible to send", "s", 1, bound=6, of="value"),
}
NO_RELAY = """(() => {
  const real = globalThis.fetch;
  const cut = (url) => /\\/download\\//.test(url);
  globalThis.fetch = (url, how) => (cut(url) ? Promise.reject(new TypeError("cut")) : real(url, how));
})()"""


class Bench:
    """One round is each job once. `place` holds the files."""

    def __init__(self, chromium: BrowserType, server: Served, place: Path, figures: Figures) -> None:
        self.chromium, self.server, self.place, self.figures = chromium, server, place, figures
        self.file, self.small = _random(place / "film.bin", SIZE), _random(place / "clip.bin", DIRECT)
        self.sums = {each: sha256(each) for each in (self.file, self.small)}

    async def round(self) -> None:
        await self._first_look()
        await self._first_look_of_a_phone()
        await self._pages("chosen", self.file)
        await self._pages("relay", self.file)
        await self._pages("direct", self.small)
        await self._to_terminal()
        await self._from_terminal()

    async def _pages(self, how: str, file: Path) -> None:
        async with self._browsing() as browsing:
            ann, bob = await desk(browsing, self.server.url), await desk(browsing, self.server.url)
            size = file.stat().st_size
            if how == "relay":
                for each in (ann, bob):
                    await each.cut()
            elif how == "direct":
                await bob.page.context.add_init_script(NO_RELAY)
            before = max(await ann.heap(), await bob.heap())
            link = await ann.send(file)
            await bob.page.goto("about:blank")
            await bob.page.goto(link)
            await bob.page.locator("offer-card button.main").wait_for()
            used, served_cpu, began = busy(), self.server.cpu(), time.monotonic()
            await bob.accept()
            await bob.whole(240)
            seconds = time.monotonic() - began
            found = {how: size / MB / seconds, f"{how}_cpu": (busy() - used) * 1e9 / size}
            if how == "chosen":
                found["heap"] = (max(await ann.heap(), await bob.heap()) - before) / MB
            elif how == "relay":
                found["relay_server"] = (self.server.cpu() - served_cpu) * 1e9 / size
            shares = (await bob.job("finished"))["shares"]
            self._went(how, shares)
            await self._check(bob, file)
            self.figures.add("burrowspace", **found)

    def _went(self, how: str, shares: dict[str, int]) -> None:
        """A figure for a way that was not taken is none."""
        total = sum(shares.values())
        print(f"      by {', '.join(f'{path} {part / total:.0%}' for path, part in shares.items())}", flush=True)
        for path, only in (("relay", "relay"), ("direct", "webrtc")):
            if how == path and shares.get(only, 0) < 0.98 * total:
                raise BenchError(f"it was to go by {only} alone, and went by {shares}")

    async def _to_terminal(self) -> None:
        async with self._browsing() as browsing, self._person() as person:
            ann = await desk(browsing, self.server.url)
            link = await ann.send(self.file)
            program = await person.burrow("receive", link, "--json", "--yes")
            await program.event("met")
            began = time.monotonic()
            if await program.ended(120):
                raise BenchError(f"burrow receive failed: {program.out[-500:]}")
            seconds = time.monotonic() - began
            if sha256(person.folder / self.file.name) != self.sums[self.file]:
                raise BenchError("what the terminal has is not what was sent")
            self.figures.add("burrowspace", to_terminal=SIZE / MB / seconds)

    async def _from_terminal(self) -> None:
        async with self._browsing() as browsing, self._person() as person:
            program = await person.burrow("send", self.file, "--server", self.server.url, "--json")
            bob = await desk(browsing, str((await program.event("ready"))["link"]))
            await bob.page.locator("offer-card button.main").wait_for()
            began = time.monotonic()
            await bob.accept()
            await bob.whole(120)
            seconds = time.monotonic() - began
            await self._check(bob, self.file)
            self.figures.add("burrowspace", from_terminal=SIZE / MB / seconds)

    async def _first_look(self) -> None:
        async with self._browsing() as browsing:
            context = await browsing.device()
            page = await context.new_page()
            session = await context.new_cdp_session(page)
            await session.send("Network.enable")
            sizes: list[int] = []
            session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
            await page.goto(self.server.url)
            await page.get_by_role("heading", name="Devices").wait_for()
            ask = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
            while not (paint := await page.evaluate(ask)):
                await asyncio.sleep(0.02)
            self.figures.add("burrowspace", paint=paint / 1000, load=sum(sizes) / 1000)

    async def _first_look_of_a_phone(self) -> None:
        """On a slow line, from the moment that somebody opens the address."""
        async with self._browsing() as browsing:
            page = await (await browsing.device()).new_page()
            session = await page.context.new_cdp_session(page)
            await session.send("Network.enable")
            line = {"offline": False, "latency": 300, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
            await session.send("Network.emulateNetworkConditions", line)
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            began = time.monotonic()
            await page.goto(self.server.url, wait_until="commit")
            await page.locator("drop-burrow button").first.wait_for()
            ready = time.monotonic() - began
            requests = len(asked)
            paint = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            self.figures.add("burrowspace", phone_paint=paint / 1000, phone_ready=ready, requests=requests)

    async def bare(self) -> None:
        """As many bytes through a channel of which nothing is asked."""
        async with self._browsing() as browsing:
            ann, bob = [await browsing.page("data:text/html,", await browsing.device()) for _ in range(2)]
            for page in (ann, bob):
                await page.evaluate(f"{CHANNEL.read_text()}; 0")
            await ann.evaluate(
                "(answered) => connect(answered)",
                await bob.evaluate("(it) => answer(it)", await ann.evaluate("offer()")),
            )
            used, began = busy(), time.monotonic()
            await ann.evaluate(f"send({DIRECT})")
            while await bob.evaluate("got") < DIRECT:
                await asyncio.sleep(0.02)
            seconds = time.monotonic() - began
            self.figures.add("bare channel", direct=DIRECT / MB / seconds, direct_cpu=(busy() - used) * 1e9 / DIRECT)

    async def peerjs(self, page_port: int, peer_port: int) -> None:
        """The same file by PeerJS, page to page."""

        def at(own: str) -> str:
            return f"http://127.0.0.1:{page_port}/?own={own}&port={peer_port}"

        name = os.urandom(4).hex()
        async with self._browsing() as browsing:
            bob = await browsing.page(at(f"bob{name}"), await browsing.device())
            ann = await browsing.page(at(f"ann{name}"), await browsing.device())
            for page in (ann, bob):
                page.set_default_timeout(240_000)
                await page.evaluate("ready()")
            await ann.set_input_files("#file", self.small)
            receiving = asyncio.create_task(bob.evaluate("receive()"))
            used, began = busy(), time.monotonic()
            await ann.evaluate(f"send('bob{name}')")
            found: dict[str, Any] = await receiving
            seconds = time.monotonic() - began
            cpu = (busy() - used) * 1e9 / DIRECT
            async with bob.expect_download() as download:
                await bob.evaluate(
                    f"Object.assign(document.createElement('a'), {{href: '{found['url']}', download: 'x'}}).click()"
                )
            if sha256(Path(await (await download.value).path())) != self.sums[self.small]:
                raise BenchError("what PeerJS brought is not what was sent")
            self.figures.add("peerjs", direct=DIRECT / MB / seconds, direct_cpu=cpu)

    async def _check(self, bob: Desk, file: Path) -> None:
        if sha256(await bob.saved()) != self.sums[file]:
            raise BenchError("what the page has is not what was sent")

    @contextlib.asynccontextmanager
    async def _browsing(self) -> AsyncIterator[Browsing]:
        profiles = Path(tempfile.mkdtemp(dir=self.place))
        browsing = Browsing(ordinary(self.chromium, profiles), profiles / "downloads")
        try:
            yield browsing
        finally:
            await browsing.close()
            shutil.rmtree(profiles)

    @contextlib.asynccontextmanager
    async def _person(self) -> AsyncIterator[Person]:
        person = Person(Path(tempfile.mkdtemp(dir=self.place)))
        try:
            yield person
        finally:
            await person.close()


def busy() -> float:
    """CPU seconds of all browsers that run."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "chrom" in process.name():
                total += sum(process.cpu_times()[:2])
    return total


def _random(file: Path, size: int) -> Path:
    file.write_bytes(os.urandom(size))
    return file


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def _peerjs() -> AsyncIterator[tuple[int, int]]:
    """Its page and its server; modules are installed where they are missing."""
    if not (PEERJS / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=PEERJS, check=True, stdout=sys.stderr, timeout=300)
    ports = _free(), _free()
    process = await asyncio.create_subprocess_exec("node", "server.mjs", *map(str, ports), cwd=PEERJS)
    try:
        for port in ports:
            await _until(lambda port=port: _listens(port))
        yield ports
    finally:
        process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        (await asyncio.open_connection("127.0.0.1", port))[1].close()
    except OSError:
        return False
    return True


async def _until(so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await so():
            await asyncio.sleep(0.05)


async def run(rounds: int, figures: Figures) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as made:
        place = Path(made)
        async with (
            async_playwright() as playwright,
            served(place / "data", stun_servers="") as server,
            _peerjs() as ports,
        ):
            bench = Bench(playwright.chromium, server, place, Figures(METRICS))
            for number in range(rounds + 1):  # the first is not counted: everything is warm after it
                if number == 1:
                    bench.figures = figures
                print(f"  round {number}/{rounds} ...", file=sys.stderr, flush=True)
                await bench.round()
                await bench.bare()
                await bench.peerjs(*ports)


def main(argv: list[str] | None = None) -> int:
    options = parser(__doc__).parse_args(argv)
    rounds = options.rounds or (1 if options.quick else 3)
    figures = Figures(METRICS)
    asyncio.run(run(rounds, figures))
    how = (
        f"{SIZE // MB} MB ({DIRECT // MB} by data channels) over loopback, all on a tmpfs, two of Chromium's headless "
        f"shells with ordinary profiles, no STUN. {rounds} round(s) after one that is not counted, median (lowest – "
        "highest). Bare channel: zeros in messages of 64 KiB, counted, neither read from a file nor sealed, hashed or "
        "kept; what WebRTC itself gives here. PeerJS 1.5 with its own server, slices of 1 MiB, kept in Blobs. What "
        "others used counts Chromium's renderers, for which nobody of ours waits."
    )
    question = "How fast does a file get from one page to another, and to and from a terminal?"
    publish("web", question, how, figures, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
