"""`burrow doctor` as a person or a script calls it."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.app import running
from tests.cli.program import BURROW, environment, people
from tests.machine import free_port

pytestmark = pytest.mark.anyio


async def test_a_script_gets_every_finding_and_an_exit_code(tmp_path: Path):
    async with people(tmp_path, "ann") as [ann], running(tmp_path / "data", stun_servers="") as server:
        here, gone = await ann.burrow("doctor", "--json"), free_port()
        bad = await ann.burrow("doctor", "--json", "--server", f"http://127.0.0.1:{gone}")
        good = await ann.burrow("doctor", "--server", server.url)
        assert [await each.ended() for each in (here, bad, good)] == [0, 8, 0]
    [*found, last] = bad.events
    assert {each["event"] for each in found} == {"finding"}
    assert [each["check"] for each in found if each["verdict"] == "bad"] == ["port"]
    assert found[-1]["facts"] == {"port": gone}
    assert last["event"] == "finished"
    assert (last["verdict"], last["bad"]) == ("bad", 1)
    assert "No server is named" in here.events[-2]["found"]
    text = good.out.decode()
    assert f"From here to {server.url}:" in text
    for check in ("name", "port", "server", "websocket", "poll", "body", "follow", "speed"):
        assert f"  good      {check:<11}  " in text, text
    assert "the arrows say what to do" in text.splitlines()[-1]


def test_at_a_terminal_the_lines_have_signs_and_fit(tmp_path: Path):
    """And in the folder where a server's data lies, that machine is looked at."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "burrowspace.db").touch()
    (tmp_path / "state").mkdir(mode=0o700)
    more = {"TERM": "xterm", "COLUMNS": "60", "BURROW_PORT": str(free_port()), "BURROW_STUN_PORT": "0"}
    master, end = pty.openpty()
    done = subprocess.run(
        [BURROW, "doctor"],
        stdin=end,
        stdout=end,
        stderr=subprocess.PIPE,
        env=environment(tmp_path / "state", **more),
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    os.close(end)
    said = b""
    while piece := _read(master):
        said += piece
    os.close(master)
    text = said.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert "This machine as the one that serves" in text
    assert "✓" in text
    assert "→" in text
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert max(len(line.rpartition("\r")[2]) for line in plain.split("\r\n")) <= 60


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 1 << 16)
    except OSError:
        return b""  # the other end is closed


def test_what_the_settings_would_not_take_is_a_sentence(tmp_path: Path):
    (tmp_path / "state").mkdir(mode=0o700)
    command = [BURROW, "doctor", "--host", "--json"]
    env = environment(tmp_path / "state", BURROW_PORT="x")
    done = subprocess.run(command, capture_output=True, env=env, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 2
    assert "BURROW_PORT" in json.loads(done.stdout)["error"]
