"""The server as its operator starts it: `python server.py`, a process of its own, watched from outside.

What it logs is read as it comes; an error in the log fails the test that caused it. Only processes started here are
ever signalled, by their pid.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from tests import warm
from tests.machine import free_port

ROOT = Path(__file__).resolve().parents[2]
SERVER = str(ROOT / "server.py")
_CLOCK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0  # /proc counts by it
KiB, MiB, GiB = 1 << 10, 1 << 20, 1 << 30


class Served:
    """One server process after another on the same data and the same port.

    `within` is a command that runs it elsewhere (`ip netns exec …`), `host` where it listens and is reached then.
    """

    within: tuple[str, ...] = ()
    host = "127.0.0.1"

    def __init__(self, data: Path, *, under: tuple[str, ...] = (), fresh: bool = False, **settings: Any) -> None:
        self.data, self.settings, self.port = data, settings, free_port()
        self.fresh = fresh  # a new interpreter, not a fork of one that has imported the server
        self.under = under  # a program that becomes the server, and its arguments
        self.log: list[dict[str, Any]] = []
        self.excused: tuple[str, ...] = ()  # events that may be logged as errors
        self._process: asyncio.subprocess.Process | warm.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    async def start(self) -> "Served":
        """Up and listening when this returns."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("BURROW_", "USE_NGROK"))}
        env |= {"BURROW_HOST": self.host, "BURROW_PORT": str(self.port), "BURROW_DATA": str(self.data)}
        env |= {"BURROW_DISK_FLOOR_BYTES": "0", "BURROW_LOG_FORMAT": "json"}
        env |= {f"BURROW_{name.upper()}": str(value) for name, value in self.settings.items()}
        fresh = self.within or self.under or self.fresh or warm.MISSING
        self._process = await self._fresh(env) if fresh else await self._warm(env)
        assert not self.errors(), self.errors()  # of the run before
        self.log = []
        self._reader = asyncio.create_task(self._read(self._process))
        await self.logged("BurrowSpace is up", seconds=30)
        return self

    async def _fresh(self, env: dict[str, str]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self.within,
            *self.under,
            sys.executable,
            SERVER,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=16 * MiB,
            **warm.OWN_GROUP,
        )

    async def _warm(self, env: dict[str, str]) -> warm.Process:
        return await warm.start(SERVER, env=env, stdout=asyncio.subprocess.DEVNULL, limit=16 * MiB)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def logged(self, event: str, seconds: float = 10) -> dict[str, Any]:
        """Waits for a line of the log whose event starts so."""
        async with asyncio.timeout(seconds):
            while not (found := [line for line in self.log if line["event"].startswith(event)]):
                assert self._reader is not None
                assert not self._reader.done(), f"the server ended: {self.log}"
                self._news.clear()
                await self._news.wait()
        return found[0]

    async def kill(self) -> None:
        """As a power cut ends it, but for what the kernel holds."""
        assert self._process is not None
        self._process.kill()
        await self._ended()

    def terminate(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGTERM)

    async def ended(self, seconds: float = 15) -> int:
        """Waits until it has ended by itself; its exit code."""
        async with asyncio.timeout(seconds):
            return await self._ended()

    async def stop(self) -> int:
        """As an operator ends it; its exit code."""
        self.terminate()
        return await self.ended()

    async def close(self) -> None:
        """However the test went, no process is left."""
        if self.running:
            await self.kill()
        assert not self.errors(), self.errors()

    def errors(self) -> list[dict[str, Any]]:
        return [
            line
            for line in self.log
            if line["level"] in ("error", "critical") and not line["event"].startswith(self.excused or ("\0",))
        ]

    def cpu(self) -> float:
        """Seconds of processor time that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK

    def memory(self) -> int:
        """Resident bytes now."""
        return self._status("VmRSS")

    def peak(self) -> int:
        """Most resident bytes since the start or the last `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _status(self, field: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * KiB
        raise AssertionError(f"no {field}")

    async def _read(self, process: asyncio.subprocess.Process | warm.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"level": "error", "event": line.decode(errors="replace").rstrip()})
            self._news.set()
        self._news.set()

    async def _ended(self) -> int:
        assert self._process is not None
        assert self._reader is not None
        code = await self._process.wait()
        await self._reader
        return code


@contextlib.asynccontextmanager
async def served(
    data: Path, *, under: tuple[str, ...] = (), fresh: bool = False, **settings: Any
) -> AsyncIterator[Served]:
    """A running server; leave the context and its process is gone, and its log held no error."""
    server = Served(data, under=under, fresh=fresh, **settings)
    try:
        yield await server.start()
    finally:
        await server.close()


class Api:
    """HTTP calls to a server, for the parts of a test that are not the app's own."""

    def __init__(self, server: Served, http: aiohttp.ClientSession) -> None:
        self.server, self.http = server, http

    async def call(self, method: str, path: str, expect: int = 200, **more: Any) -> Any:
        async with self.http.request(method, self.server.url + path, **more) as answer:
            body = await answer.json()
            assert answer.status == expect, (answer.status, body)
            return body

    async def post(self, path: str, body: Any = None, expect: int = 200) -> Any:
        return await self.call("POST", path, expect, **({} if body is None else {"json": body}))

    async def get(self, path: str, expect: int = 200) -> Any:
        return await self.call("GET", path, expect)

    async def connect(self, user_id: str) -> str:
        return (await self.post("/connect", {"user_id": user_id}))["peer_id"]

    async def transfer(self, sender: str = "ann", receiver: str = "bob", filename: str = "a.bin") -> str:
        """An approved transfer; its id."""
        asked = await self.post(
            "/request-transfer", {"sender_id": sender, "receiver_id": receiver, "filename": filename}
        )
        return (await self.post(f"/approve-transfer/{asked['request_id']}"))["transfer_id"]


@contextlib.asynccontextmanager
async def calling(server: Served) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600)) as http:
        yield Api(server, http)
