"""The Tunnel port on a program that the operator has installed: starting and ending it, reading what it says.

Not which program and what it means: that is one file for each (tunnel_cloudflared.py and its neighbours), a `Kind`.
What a program says is foreign text: lines are bounded, a flood is read slowly, a URL is believed only as its kind
describes it, and what is repeated to the operator is one tame line. tunnel_guard.py sees to it that no program
outlives the server.
"""

import asyncio
import contextlib
import os
import re
import shutil
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from burrowspace.adapters.tunnel_environment import small_environment
from burrowspace.faults import why
from burrowspace.ports import TunnelDown

PATIENCE_S = 30.0  # from the start of the program to its URL
LINE_BYTES = 4096  # of a line; the rest of a longer one is dropped
KEPT_LINES = 20  # for the reason of a failure
READ_BYTES = 16 * 1024
FLOOD_S = 0.01  # of rest after each full read: a flood costs no more than some 1.6 MB/s
CLOSE_S = 0.5  # that the guard gets to end the program
REST_S = 0.1  # that what an ended program said is waited for

_GUARD = Path(__file__).with_name("tunnel_guard.py")
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A text by which a program says that it cannot, and what an operator makes of it."""

    text: str
    why: str
    remedy: str
    final: bool = False


class Ear:
    """Understands one run of a program. `hears` gets each line; it gives the URL once the tunnel carries, else None."""

    def hears(self, line: str) -> str | None:
        raise NotImplementedError

    def late(self) -> str:
        """What the program has not done in time, as the end of a sentence."""
        return "gave no address"


@dataclass(frozen=True, slots=True)
class Kind:
    """A program: how it is started for a port of this machine, heard, and got."""

    name: str
    get: str  # where it is to be had: the end of a sentence
    arguments: Callable[[str, int], list[str]]  # (host, port): what follows the name; no secrets, everybody sees them
    ear: Callable[[], Ear]
    refusals: tuple[Refusal, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    inherits: tuple[str, ...] = ()  # of our environment, beyond what every program gets


class ProgramTunnel:
    """A public URL by a program. Proven by tests/contracts/test_tunnel.py."""

    def __init__(self, kind: Kind, *, host: str = "127.0.0.1", patience_s: float = PATIENCE_S) -> None:
        self._kind, self._host, self._patience_s = kind, reachable(host), patience_s
        self._guard: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[int] | None = None
        self._said: deque[str] = deque(maxlen=KEPT_LINES)

    async def open(self, port: int) -> str:
        kind = self._kind
        path = which(kind.name)
        if path is None:
            raise TunnelDown(f"{kind.name} is not installed", f"{kind.get}; then restart the server", final=True)
        await self.close()
        ear, found = kind.ear(), asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._patience_s):
                await self._start(str(path), kind.arguments(self._host, port))
                self._reading = asyncio.create_task(self._read(ear, found))
                await asyncio.wait({found, self._ended()}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            down = self._explain(f"{kind.name} {ear.late()} within {self._patience_s:g} s")
        except OSError as error:
            down = TunnelDown(f"{kind.name} could not be started ({why(error)})", "check that this user may run it")
        except asyncio.CancelledError:
            await self.close()
            raise
        else:
            await self._last_words()
            if found.done():
                return str(found.result())
            down = self._explain(f"{kind.name} ended before it gave an address")
        await self.close()
        raise down

    async def broken(self) -> str:
        await asyncio.wait({self._ended()})
        await self._last_words()
        return f"the tunnel broke: {self._explain(f'{self._kind.name} ended').why}"

    async def close(self) -> None:
        guard, self._guard = self._guard, None
        tasks = [task for task in (self._reading, self._ending) if task is not None]
        self._reading = self._ending = None
        if guard is not None:
            if guard.stdin is not None:
                guard.stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await guard.wait()
            with contextlib.suppress(ProcessLookupError):
                guard.kill()
            await guard.wait()
        if tasks:
            await asyncio.wait(tasks, timeout=REST_S)  # to its end: that closes the pipe
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        self._said.clear()

    async def _start(self, path: str, arguments: list[str]) -> None:
        self._guard = await asyncio.create_subprocess_exec(
            sys.executable,
            "-IP",
            str(_GUARD),
            path,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env={**small_environment(os.environ, *self._kind.inherits), **self._kind.environment},
        )

    def _ended(self) -> "asyncio.Task[int]":
        """Done when the guard has ended, and with it the program."""
        assert self._guard is not None
        if self._ending is None:
            self._ending = asyncio.create_task(self._guard.wait())
        return self._ending

    async def _last_words(self) -> None:
        """Waits until all that an ended program said is read; whoever escaped it may hold its output open for ever."""
        if self._ended().done() and self._reading is not None:
            await asyncio.wait({self._reading}, timeout=REST_S)

    async def _read(self, ear: Ear, found: "asyncio.Future[str]") -> None:
        """Every line, until the program and all that it started have ended."""
        assert self._guard is not None
        stdout = self._guard.stdout
        assert stdout is not None
        line = bytearray()
        while piece := await stdout.read(READ_BYTES):
            *ended, last = piece.split(b"\n")
            for part in ended:
                line += part[: LINE_BYTES - len(line)]
                self._heard(tame(line.decode("utf-8", "replace")), ear, found)
                line.clear()
            line += last[: LINE_BYTES - len(line)]
            if len(piece) == READ_BYTES and self._guard is not None:
                await asyncio.sleep(FLOOD_S)
        if line:
            self._heard(tame(line.decode("utf-8", "replace")), ear, found)

    def _heard(self, line: str, ear: Ear, found: "asyncio.Future[str]") -> None:
        if line:
            self._said.append(line)
            if not found.done() and (url := ear.hears(line)) is not None:
                found.set_result(url)

    def _explain(self, what: str) -> TunnelDown:
        """Why there is no URL: the latest refusal that is known, else the program's last words."""
        for line in reversed(self._said):
            for refusal in self._kind.refusals:
                if refusal.text in line:
                    return TunnelDown(refusal.why, refusal.remedy, final=refusal.final)
        words = f"; its last words: {self._said[-1][:200]}" if self._said else ""
        return TunnelDown(f"{what}{words}", f"run {self._kind.name} by hand to see more")


def which(name: str) -> Path | None:
    """Where the program is, looked for as a shell would."""
    found = shutil.which(name)
    return None if found is None else Path(found).absolute()


def tame(line: str) -> str:
    """A foreign line without colours, control characters and needless space.

    >>> tame("\\x1b[2m10:25\\x1b[0m \\x1b[32m INFO\\x1b[0m listening\\x07  at x\\r")
    '10:25 INFO listening? at x'
    """
    plain = " ".join(_COLOURS.sub("", line).split())
    return "".join(char if char.isprintable() else "?" for char in plain)


def reachable(host: str) -> str:
    """An address under which what listens on `host` is reached from this machine, fit for a URL.

    >>> reachable("0.0.0.0"), reachable("::"), reachable("192.168.1.5")
    ('127.0.0.1', '[::1]', '192.168.1.5')
    """
    if host in ("0.0.0.0", ""):  # noqa: S104
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
