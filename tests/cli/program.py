"""`burrow` as a process of its own, with a state folder of its own; what it prints is watched as it comes."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from tests import warm

BURROW = str(Path(sys.executable).with_name("burrow"))
OURS = ("BURROW_", "USE_NGROK", "NGROK_", "XDG_", "NO_COLOR", "COLUMNS")


def environment(state: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    quiet = {
        "BURROW_FIND_SERVERS": "0",
        "BURROW_NEARBY": "0",
        "BURROW_SHOW_DEVICES": "0",
    }  # the second for earlier ones
    return kept | quiet | {"BURROW_STATE": str(state), "XDG_CONFIG_HOME": str(state / "config"), **more}


class Program:
    """A running command. `err` and `out` grow; `until` waits for either."""

    def __init__(self, process: asyncio.subprocess.Process | warm.Process) -> None:
        self.process = process
        self.out, self.err = bytearray(), bytearray()
        self._news = asyncio.Condition()
        self._readers = [
            asyncio.create_task(self._read(stream, into))
            for stream, into in ((process.stdout, self.out), (process.stderr, self.err))
            if stream is not None
        ]

    @property
    def said(self) -> str:
        return self.err.decode(errors="replace")

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines() if line.endswith(b"}")]

    async def until(self, condition: Callable[["Program"], Any], seconds: float = 30) -> Any:
        """What `condition` gives, once that is something."""
        async with asyncio.timeout(seconds), self._news:
            while not (found := condition(self)):
                assert not all(reader.done() for reader in self._readers), f"it ended: {self.said}\n{self.out[:2000]!r}"
                await self._news.wait()
            return found

    async def event(self, name: str, **fields: Any) -> dict[str, Any]:
        """Waits for an event of --json."""

        def found(program: "Program") -> Any:
            for event in program.events:
                if event["event"] == name and all(event.get(key) == value for key, value in fields.items()):
                    return event
            return None

        return await self.until(found)

    def interrupt(self) -> None:
        self.process.send_signal(signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGINT)

    async def ended(self, seconds: float = 60) -> int:
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            await asyncio.gather(*self._readers)
        return code

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.ended()

    async def _read(self, stream: asyncio.StreamReader, into: bytearray) -> None:
        while piece := await stream.read(1 << 16):
            async with self._news:
                into += piece
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()


class Screen:
    """A terminal that a command runs in: what it shows, without colours, and a keyboard."""

    def __init__(self) -> None:
        self._ours, self.theirs = os.openpty()
        self.shown = ""
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._ours, self._read)

    def _read(self) -> None:
        said = os.read(self._ours, 1 << 16).decode(errors="replace")
        self.shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.shown + said)
        self._news.set()

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    async def until(self, pattern: str, seconds: float = 30) -> "re.Match[str]":
        """The first place where that is shown; what is before it is forgotten."""
        async with asyncio.timeout(seconds):
            while not (found := re.search(pattern, self.shown)):
                self._news.clear()
                await self._news.wait()
        self.shown = self.shown[found.end() :]
        return found

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
        os.close(self.theirs)


class Person:
    """Somebody with a machine: a state folder and a working folder."""

    within: tuple[str, ...] = ()  # a command that runs theirs in another network

    def __init__(self, home: Path) -> None:
        self.state, self.folder = home / "state", home / "here"
        self.folder.mkdir(parents=True)
        self._started: list[Program] = []

    async def burrow(
        self,
        *args: str | Path,
        stdin: Any = asyncio.subprocess.DEVNULL,
        stdout: Any = asyncio.subprocess.PIPE,
        stderr: Any = asyncio.subprocess.PIPE,
        **more: str,
    ) -> Program:
        words, env = [BURROW, *map(str, args)], environment(self.state, **more)
        process: asyncio.subprocess.Process | warm.Process
        if stdin == asyncio.subprocess.DEVNULL and not self.within and not warm.MISSING:
            process = await warm.start(*words, env=env, cwd=self.folder, stdout=stdout)
        else:
            process = await asyncio.create_subprocess_exec(
                *self.within,
                *words,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=env,
                cwd=self.folder,
                **warm.OWN_GROUP,
            )
        program = Program(process)
        self.watch(program)
        return program

    def watch(self, program: Program) -> None:
        """It ends with this person."""
        self._started.append(program)

    async def run(self, *args: str | Path, **more: str) -> Program:
        """To its end."""
        program = await self.burrow(*args, **more)
        await program.ended()
        return program

    async def close(self) -> None:
        await asyncio.gather(*(program.close() for program in self._started))


@contextlib.asynccontextmanager
async def people(home: Path, *names: str) -> AsyncIterator[list[Person]]:
    """Leave the context and none of their programs runs."""
    made = [Person(home / name) for name in names]
    try:
        yield made
    finally:
        await asyncio.gather(*(person.close() for person in made))
