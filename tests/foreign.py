"""Programs of other people that a test starts in a network namespace."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from tests.netns import run


@contextlib.asynccontextmanager
async def foreign(within: Sequence[str], listens: str, *command: str, cwd: Path) -> AsyncIterator[None]:
    """`command`, from when it listens at `listens` (`:port`, TCP or UDP) until it is ended, with all that it started.
    `within`: the command that runs others in its namespace."""
    assert shutil.which(command[0]), f"the tests need {command[0]}; see scripts/test_parts.sh"
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *within, *command, stdin=quiet, stdout=quiet, stderr=quiet, cwd=cwd, start_new_session=True
    )
    try:
        async with asyncio.timeout(20):
            while f"{listens} " not in await asyncio.to_thread(run, *within, "ss", "-Hltun"):
                assert process.returncode is None, f"{command[0]} ended at once"
                await asyncio.sleep(0.05)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
