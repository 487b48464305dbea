"""The examples do what they say."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from burrowspace import Client
from tests.e2e.served import ROOT, served

pytestmark = pytest.mark.anyio


async def test_the_example_of_the_sdk_sends_and_receives_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.bin").write_bytes(bytes(range(256)) * 4096)
    (folder / "deep" / "two.txt").write_text("two")
    async with served(tmp_path / "data", fresh=True) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "examples" / "send_and_receive.py"),
            f"http://127.0.0.1:{server.port}",
            str(folder),
            str(tmp_path / "into"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            told = (await process.communicate())[0].decode()
    assert process.returncode == 0, told
    assert "verified: True" in told
    got = tmp_path / "into" / "photos"
    assert (got / "one.bin").read_bytes() == (folder / "one.bin").read_bytes()
    assert (got / "deep" / "two.txt").read_text() == "two"


async def test_the_example_in_the_guide_sends_and_says_when_it_is_verified(tmp_path: Path) -> None:
    (tmp_path / "one.bin").write_bytes(bytes(range(256)) * 4096)
    async with served(tmp_path / "data", fresh=True) as server:
        origin = f"http://127.0.0.1:{server.port}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", str(ROOT / "examples" / "watch_a_transfer.py"), origin, str(tmp_path / "one.bin")),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
        )
        assert process.stdout is not None
        async with asyncio.timeout(60), Client(origin, state=tmp_path / "mine") as client:
            ready = re.search(r"the code is (\S+), the link is", (await process.stdout.readline()).decode())
            assert ready is not None
            await client.receive(ready[1], tmp_path / "two.bin")
            told = (await process.communicate())[0].decode()
    assert process.returncode == 0, told
    assert "received and verified after" in told
    assert (tmp_path / "two.bin").read_bytes() == (tmp_path / "one.bin").read_bytes()
