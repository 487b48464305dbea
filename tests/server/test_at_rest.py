"""What lies in the data folder is for its owner alone, whatever the umask and whoever made the folder."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from burrowspace.config import Settings
from burrowspace.server.build import build
from tests.e2e.served import calling, served

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[0o000, 0o022], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    was = os.umask(request.param)
    yield
    os.umask(was)


def open_to_others(root: Path) -> list[str]:
    return [
        f"{each.relative_to(root.parent)} {stat.S_IMODE(each.lstat().st_mode):o}"
        for each in (root, *root.rglob("*"))
        if each.lstat().st_mode & 0o077
    ]


async def test_nothing_in_the_data_folder_is_open_to_others(tmp_path: Path, umask: None) -> None:
    data = tmp_path / "data"
    async with served(data, fresh=True, tls="self-signed", stun_servers="") as server:
        assert server.running
        assert {"burrowspace.db", "burrowspace.db-wal", "lock", "spool", "tls"} <= {
            each.name for each in data.iterdir()
        }
        assert open_to_others(data) == []
    assert open_to_others(data) == []


async def test_no_upload_is_open_to_others(tmp_path: Path, umask: None) -> None:
    data = tmp_path / "data"
    async with served(data, fresh=True, stun_servers="") as server, calling(server) as api:
        key = await api.transfer()
        await api.call("PUT", f"/upload/{key}", data=b"x" * 300_000)
        made = await api.post("/spools", {"policy": "live", "length": 1 << 20, "window": 1 << 16})
        writing = {"Authorization": f"Bearer {made['write_token']}", "Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
        writing["Content-Type"] = "application/offset+octet-stream"
        async with api.http.patch(
            f"{server.url}/upload/{made['transfer_id']}", data=b"x" * (1 << 16), headers=writing
        ) as answer:
            assert answer.status == 204
        assert [each for each in (data / "spool").rglob("*") if each.is_file()]
        assert open_to_others(data) == []


async def test_a_folder_that_was_open_to_others_is_closed_and_that_is_said_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with served(data, stun_servers="", tls="self-signed"):
        pass
    for each in (data, *data.rglob("*")):
        each.chmod(0o755 if each.is_dir() else 0o644)
    async with served(data, stun_servers="", tls="self-signed") as server:
        [said] = [line for line in server.log if "open to other users" in line["event"]]
        assert said["level"] == "warning"
        assert str(data) in said["event"]
        assert [each for each in open_to_others(data) if "spool/" not in each] == []
    async with served(data, stun_servers="", tls="self-signed") as server:
        assert not [line for line in server.log if "open to other users" in line["event"]]


async def test_a_folder_with_other_things_in_it_keeps_its_mode_and_our_files_are_closed(tmp_path: Path) -> None:
    data = tmp_path / "home"
    data.mkdir(mode=0o755)
    (data / "letters").mkdir()
    with structlog.testing.capture_logs() as logs:
        world = build(Settings(host="127.0.0.1", port=0, data=data, stun_port=0))
    await world.close()
    assert stat.S_IMODE(data.stat().st_mode) == 0o755
    [said] = [line["event"] for line in logs if str(data) in line["event"]]
    assert "letters" in said
    assert "folder of its own" in said
    assert {each.split()[0] for each in open_to_others(data)} == {"home", "home/letters"}
