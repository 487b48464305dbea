"""A real Chromium for tests of the web app; what its pages complain of fails the test.

`chromium` is one browser for each test module, `browsing` a fresh profile for each test. `pages` serves the app's files
as they are, with the headers that the server gives them, for tests of its parts.
"""

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import (
    Browser,
    BrowserContext,
    BrowserType,
    ConsoleMessage,
    Download,
    Page,
    Playwright,
    WebError,
    async_playwright,
)

HERE = Path(__file__).parent
WEB = HERE.parents[1] / "src" / "burrowspace" / "web"
LAN = "page.local"  # a name that is 127.0.0.1 and no localhost: a page without https in a LAN
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", f"--host-resolver-rules=MAP {LAN} 127.0.0.1"),
]
CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:;"
    " connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-src 'self'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script';"
    " trusted-types lit-html burrow-worker"
)
# A violation inside a worker, or of a rule that only reports, is no error on the console.
VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`violates ${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`))"""


Opens = Callable[..., Awaitable[BrowserContext]]


def program() -> str:
    """AssertionError: none is installed."""
    # The shell has no window to draw, and so costs half; all else is the same Chromium.
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert found, "the tests need Chromium; on Debian: apt-get install chromium-headless-shell"
    return found


def private(browser: Browser) -> Opens:
    """Each device is a private window: quickly made, and all that it keeps is in the browser's memory. Nothing moves on
    its pages unless a test asks for it: to draw that costs a busy machine more than many a test."""
    return partial(browser.new_context, accept_downloads=True, reduced_motion="reduce")


def ordinary(chromium: BrowserType, place: Path) -> Opens:
    """Each device is a browser of its own, with a profile in a folder of `place`."""

    async def opens(**options: Any) -> BrowserContext:
        profile = tempfile.mkdtemp(dir=place)
        return await chromium.launch_persistent_context(
            profile, executable_path=program(), args=FLAGS, accept_downloads=True, **options
        )

    return opens


async def launched(playwright: Playwright, within: Iterable[str], home: Path, *secure: str) -> Browser:
    """Chromium, started by the command `within` that puts it into a namespace. What is at the origins `secure`
    counts as behind https: what a page may do must not hang on a certificate."""
    command = " ".join(within)
    script = home / f"chromium-{command.replace('/', '-').replace(' ', '-')}"
    script.write_text(f'#!/bin/sh\nexec {command} {program()} "$@"\n')
    script.chmod(0o700)
    flags = [*FLAGS, f"--unsafely-treat-insecure-origin-as-secure={','.join(secure)}"]
    return await playwright.chromium.launch(executable_path=script, args=flags)


# What Chromium says of calls that were open when the test ended the server or the proxy before the pages. Which of
# these it is depends on how far the call had come.
SERVER_GONE = ("ERR_CONNECTION_", "ERR_EMPTY_RESPONSE", "ERR_SOCKET_NOT_CONNECTED", "Failed to fetch")


class Browsing:
    """Devices with a profile each: pages, downloads, and what the pages complained of."""

    def __init__(self, opens: Opens, downloads: Path) -> None:
        self.complaints: list[str] = []
        self.excused: tuple[str, ...] = ()  # what may be in a complaint
        self._opens = opens
        self._downloads = downloads
        self._contexts: list[BrowserContext] = []

    async def device(self, **options: Any) -> BrowserContext:
        """One more profile: it shares nothing with the others."""
        context = await self._opens(**options)
        self._contexts.append(context)
        await context.add_init_script(VIOLATIONS)
        context.on("console", self._said)
        context.on("weberror", self._threw)
        return context

    async def page(self, url: str, context: BrowserContext | None = None) -> Page:
        """A tab at `url`, of the first profile unless another is named."""
        if context is None:
            context = self._contexts[0] if self._contexts else await self.device()
        page = await context.new_page()
        page.set_default_timeout(20_000)
        await page.goto(url)
        return page

    async def saved(self, download: Download) -> Path:
        """The file that was downloaded, whole."""
        path = self._downloads / download.suggested_filename
        await download.save_as(path)
        return path

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complain(f"{message.text} ({message.location.get('url', '')})")

    def _threw(self, error: WebError) -> None:
        self._complain(str(error.error))

    def _complain(self, text: str) -> None:
        if not any(each in text for each in self.excused):
            self.complaints.append(text)


class Pages:
    """The app's files on a port of 127.0.0.1; `lan`: the same without a secure context. `asked`: methods and paths."""

    def __init__(self, port: int, asked: list[str]) -> None:
        self.url, self.lan, self.asked = f"http://localhost:{port}", f"http://{LAN}:{port}", asked


@contextlib.asynccontextmanager
async def serving(files: Mapping[str, Path]) -> AsyncIterator[Pages]:
    """`files` beside the app's own; `/` and `/r` are an empty page."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        path = request.path
        asked.append(f"{request.method} {path}")
        headers = {"Content-Security-Policy": CSP, "Cache-Control": "no-cache"}
        if request.method != "GET":
            return web.json_response({"error": "there is no such call", "code": "method-not-allowed"}, status=405)
        if path.startswith("/share/"):
            raise web.HTTPSeeOther(f"/?shared={path.removeprefix('/share/')}")
        if path in ("/", "/r"):
            text = "<!doctype html><meta charset=utf-8><title>burrow</title><link rel=icon href=data:,>"
            return web.Response(text=text, content_type="text/html", headers=headers)
        file = files.get(path) or (WEB / "sw.js" if path == "/sw.js" else WEB / path.removeprefix("/web/"))
        if not file.is_file():
            return web.Response(status=404)
        return web.FileResponse(file, headers=headers | {"Content-Type": "text/javascript"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield Pages(runner.addresses[0][1], asked)
    finally:
        await runner.cleanup()


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for each module: its browser lives in it."""
    return "asyncio"


@pytest.fixture(scope="module")
async def chromium(anyio_backend: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program(), args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def browsing(chromium: Browser, tmp_path: Path) -> AsyncIterator[Browsing]:
    fresh = Browsing(private(chromium), tmp_path / "downloads")  # away from what is sent
    yield fresh
    await fresh.close()
    assert not fresh.complaints, fresh.complaints


@pytest.fixture(scope="module")
async def pages(anyio_backend: str) -> AsyncIterator[Pages]:
    async with serving({"/scenes.js": HERE / "store" / "scenes.js"}) as served:
        yield served
