"""Builds and drives `sio`, the load client in load/: it prints a line when its sockets stand and one for each command.

Between two lines nothing is on its way, so the server's CPU read there belongs exactly to the messages of one command.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bench.common import ROOT, WORK, BenchError, Running, cores, end, spawn

SOURCES = ROOT / "bench" / "load"
OFFICIAL = ROOT / "bench" / "rivals" / "node" / "client.js"
SETUP_SECONDS = 150.0


@cache
def build() -> Path:
    """The compiled client, made again when a source is newer."""
    WORK.mkdir(exist_ok=True)
    made = WORK / "sio"
    sources = sorted(SOURCES.glob("*.c"))
    newest = max(path.stat().st_mtime for path in SOURCES.iterdir())
    if not made.exists() or made.stat().st_mtime < newest:
        subprocess.run(
            ["cc", "-O3", "-std=gnu11", "-Wall", "-Wextra", "-o", str(made), *map(str, sources)],
            check=True,
            timeout=120,
        )
    return made


class LoadClient:
    """One run of `sio`. Every answer is checked for errors and losses before it is handed out."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._selector = selectors.DefaultSelector()
        assert process.stdout is not None
        self._selector.register(process.stdout, selectors.EVENT_READ)

    def ask(self, command: str, seconds: float) -> dict[str, Any]:
        """Sends a command; its answer, or BenchError when it has not come within `seconds`."""
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()
        return self.answer(seconds)

    def answer(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        if not self._selector.select(max(0.0, deadline - time.monotonic())):
            raise BenchError(f"the load client said nothing for {seconds:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise BenchError("the load client gave up; what it said is above")
        found: dict[str, Any] = json.loads(line)
        if found["errors"] or found.get("lost") or found.get("dropped"):
            raise BenchError(f"not everything arrived as it was sent: {line.decode().strip()}")
        return found


def load(*arguments: object) -> contextlib.AbstractContextManager[LoadClient]:
    """`sio` with these arguments, on the client's core, its sockets connected."""
    return _driven(str(build()), *map(str, arguments))


def official(*arguments: object) -> contextlib.AbstractContextManager[LoadClient]:
    """The same for the official client; it knows only `relay`."""
    return _driven("node", str(OFFICIAL), *map(str, arguments))


@contextlib.contextmanager
def _driven(*argv: str) -> Iterator[LoadClient]:
    process = spawn(argv, cores()[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    try:
        client = LoadClient(process)
        client.answer(SETUP_SECONDS)
        yield client
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        end(process)
        process.stdout.close()


@contextlib.contextmanager
def peers_file(peers: Sequence[str]) -> Iterator[Path]:
    """The peers' ids, one a line, as `sio` reads them."""
    with tempfile.NamedTemporaryFile("w", prefix="bench-peers-", suffix=".txt") as file:
        file.write("\n".join(peers) + "\n")
        file.flush()
        yield Path(file.name)


def metered(server: Running, client: LoadClient, command: str, seconds: float) -> tuple[dict[str, Any], float]:
    """The answer to a command, and the CPU seconds that the server spent on it."""
    before = server.cpu_seconds()
    found = client.ask(command, seconds)
    return found, server.cpu_seconds() - before
