"""docs/guide/three-modes.md: every command that it shows is run, in its order, in one shell."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.served import ROOT
from tests.machine import free_port

pytestmark = pytest.mark.anyio

GUIDE = ROOT / "docs" / "guide" / "three-modes.md"


def commands() -> str:
    """All shell blocks of the guide; each says where it stands before it begins."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) > 5
    return "\n".join(f"echo; echo '== block {number}'\n{block}" for number, block in enumerate(blocks))


async def test_every_command_of_the_guide_works(tmp_path: Path):
    port = free_port()
    for part in ("server.py", "src", "examples"):
        (tmp_path / part).symlink_to(ROOT / part)
    script = "set -eu -o pipefail\n" + commands().replace("127.0.0.1:5000", f"127.0.0.1:{port}")
    script = script.replace("examples/two_devices.py", f"examples/two_devices.py --server http://127.0.0.1:{port}")
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BURROW_HOST": "127.0.0.1",
        "BURROW_PORT": str(port),
        "PIP_NO_INDEX": "1",
        "PYTHONUNBUFFERED": "1",
    }
    shell = shutil.which("bash")
    assert shell is not None
    output = tmp_path / "output"
    with output.open("wb") as told_to:  # no pipe: who is left behind would hold it open
        process = await asyncio.create_subprocess_exec(
            shell,
            "-c",
            script,
            cwd=tmp_path,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=told_to,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(80):
            await process.wait()
    except TimeoutError:
        raise AssertionError(f"the guide does not come to its end: {output.read_text()}") from None
    finally:
        with contextlib.suppress(ProcessLookupError):  # the shell and what it started, nobody else
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    told = output.read_text()
    assert process.returncode == 0, told
    assert '"status":"online"' in told
    assert told.count("has arrived, transfer_mode p2p") == told.count("holiday.bin, transfer_mode p2p") == 1
    assert told.count("has arrived, transfer_mode server_relay") == 2
    assert '"code":"not-ready"' in told
    assert '"code":"gone"' in told
    assert "Traceback" not in told, told
