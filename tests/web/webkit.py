"""A real WebKit (GTK's, on a screen of its own) for tests of the web app, asked by W3C WebDriver.

One browser, whose tabs are asked in turn; it keeps what a private window keeps, and has neither WebRTC nor OPFS.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.machine import free_port
from tests.web.desk import JOB, until

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # of the W3C's, in every answer
# The page's parts lie in each other's shadow trees.
DEEP = """const inside = (root) => [...root.querySelectorAll("*")]
  .flatMap((each) => [each, ...(each.shadowRoot ? inside(each.shadowRoot) : [])]);
const deep = (selector, has = "") => selector.split(" ").reduce((roots, step) => roots
  .flatMap((root) => inside(root.shadowRoot ?? root)).filter((each) => each.matches(step)), [document])
  .find((each) => each.textContent.includes(has)) ?? null;
const text = () => inside(document)
  .map((each) => [...each.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join(""))
  .join(" ").replace(/\\s+/g, " ");
"""


class Tab:
    """One page. What it does is awaited by what it shows."""

    def __init__(self, webkit: "WebKit", handle: str) -> None:
        self._webkit, self._handle = webkit, handle

    async def goto(self, url: str) -> None:
        await self._webkit.ask(self._handle, "url", {"url": url})

    async def reload(self) -> None:
        await self._webkit.ask(self._handle, "refresh", {})

    async def evaluate(self, expression: str) -> Any:
        """What an expression gives, or what its promise does; `deep(selector, text)` is the first such element."""
        script = f"{DEEP} const done = arguments[arguments.length - 1];"
        script += f" Promise.resolve({expression}).then(done, (error) => done({{failed: String(error)}}));"
        got = await self._webkit.ask(self._handle, "execute/async", {"script": script, "args": []})
        assert not (isinstance(got, dict) and "failed" in got), got
        return got

    async def click(self, selector: str, text: str = "") -> None:
        there = f"deep({selector!r}, {text!r})"
        await until(lambda: self.evaluate(f"Boolean({there})"))
        await self.evaluate(f"{there}.click()")

    async def sees(self, text: str, seconds: float = 30) -> None:
        await until(lambda: self.evaluate(f"text().includes({text!r})"), seconds)

    async def send(self, *paths: Path) -> str:
        """The link of a transfer that has begun."""
        await until(lambda: self.evaluate("Boolean(deep('#files'))"))
        await self.choose(*paths)
        await until(lambda: self.evaluate("Boolean(deep('share-panel qr-code'))"))
        return str(await self.evaluate("document.querySelector('burrow-app').app.jobs[0].link"))

    async def choose(self, *paths: Path) -> None:
        """In answer to the page, or before it asks."""
        chosen = await self.evaluate("deep('#files')")
        text = "\n".join(str(each) for each in paths)
        await self._webkit.ask(self._handle, f"element/{chosen[ELEMENT]}/value", {"text": text})

    async def accept(self) -> None:
        await self.click("offer-card button.main")

    async def whole(self, seconds: float = 60) -> None:
        """Until it is there and verified, as the page says."""
        await until(self._is_whole, seconds)

    async def _is_whole(self) -> bool:
        state = await self.job("state")
        assert state != "failed", await self.job("why")
        return bool(state == "done")

    async def job(self, field: str) -> Any:
        """Of the newest transfer."""
        return await self.evaluate(f"{JOB}?.{field} ?? null")

    async def reaches(self, done: int, seconds: float = 60) -> None:
        """Until so many bytes are there."""

        async def there() -> bool:
            return (await self.job("done") or 0) >= done

        await until(there, seconds)


class WebKit:
    """The browser; `tab` is one more page of it."""

    def __init__(self, http: aiohttp.ClientSession, session: str, downloads: Path) -> None:
        self._http, self._session, self._downloads = http, session, downloads
        self._turn = asyncio.Lock()
        self._here = ""

    async def tab(self, url: str) -> Tab:
        async with self._turn:
            made = await self._do("window/new", {"type": "tab"})
        tab = Tab(self, made["handle"])
        await tab.goto(url)
        return tab

    async def saved(self, name: str) -> Path:
        """A file among the downloads, whole: until then it has another name."""

        async def there() -> bool:
            return (self._downloads / name).exists()

        await until(there)
        return self._downloads / name

    async def close(self, tab: Tab) -> None:
        async with self._turn:
            await self._do("window", {"handle": tab._handle})
            self._here = (await self._do("window", None, "DELETE"))[0]
            await self._do("window", {"handle": self._here})

    async def ask(self, handle: str, path: str, body: Any) -> Any:
        async with self._turn:
            if self._here != handle:
                await self._do("window", {"handle": handle})
                self._here = handle
            return await self._do(path, body)

    async def _do(self, path: str, body: Any, method: str = "POST") -> Any:
        async with self._http.request(method, f"session/{self._session}/{path}", json=body) as answer:
            said = (await answer.json())["value"]
            assert answer.status == 200, (path, said)
            return said


@contextlib.asynccontextmanager
async def _running(*command: str, **how: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(*command, **how)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _browser() -> str:
    """AssertionError: none is installed."""
    found = sorted(Path("/usr/lib").glob("*/webkit*/MiniBrowser"))
    assert found, "the tests need WebKit; on Debian: apt-get install webkit2gtk-driver libwebkit2gtk-4.1-0 xvfb"
    return str(found[0])


@pytest.fixture(scope="module")
async def webkit(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebKit]:
    """One for each test module."""
    home, port = tmp_path_factory.mktemp("webkit"), free_port()
    quiet = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    read, write = os.pipe()
    async with contextlib.AsyncExitStack() as stack:
        screen = ("Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp")
        assert shutil.which("Xvfb"), "the tests need a screen; on Debian: apt-get install xvfb"
        await stack.enter_async_context(_running(*screen, pass_fds=(write,), **quiet))
        os.close(write)
        with os.fdopen(read) as told:
            display = (await asyncio.to_thread(told.readline)).strip()
        env = {**os.environ, "DISPLAY": f":{display}", "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
        env |= {"NO_AT_BRIDGE": "1", "LIBGL_ALWAYS_SOFTWARE": "1", "WEBKIT_DISABLE_COMPOSITING_MODE": "1"}
        await stack.enter_async_context(_running("WebKitWebDriver", f"--port={port}", env=env, **quiet))
        http = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}/"))

        async def up() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get("status") as answer:
                    return answer.status == 200
            return False

        await until(up)
        options = {"binary": _browser(), "args": ["--automation"]}
        wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        async with http.post("session", json=wanted) as answer:
            made = (await answer.json())["value"]
            assert answer.status == 200, made
        await http.post(f"session/{made['sessionId']}/timeouts", json={"script": 20_000, "pageLoad": 60_000})
        yield WebKit(http, made["sessionId"], home)
        await http.delete(f"session/{made['sessionId']}")
