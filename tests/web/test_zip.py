"""The web app's ZIPs, as Python's zipfile and Info-ZIP read them: more entries and bytes than a plain ZIP counts."""

import base64
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.web.browser import HERE

GiB = 1 << 30


def made(*arguments: str | Path) -> str:
    node = shutil.which("node")
    assert node, "the tests need Node 20 or later"
    command = [node, str(HERE / "store" / "zip.mjs"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_more_than_65535_entries_are_all_there(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    made("many", path)
    with zipfile.ZipFile(path) as found:
        assert len(found.infolist()) == 66_001
        assert found.read("many/grüß 65999.txt") == b"file 65999"
    subprocess.run(["unzip", "-tqq", path], check=True)


@pytest.mark.parametrize("files", [3, 40_000, 70_000])
def test_a_file_that_was_lost_on_the_way_is_not_there_and_the_length_is_the_announced_one(
    tmp_path: Path, files: int
) -> None:
    """A megabyte of rows and more, and more entries than a plain ZIP counts, with the lost ones or without."""
    path = tmp_path / "lost.zip"
    made("lost", path, str(files))
    there = [number for number in range(files) if number % 3 != 1]
    with zipfile.ZipFile(path) as found:
        assert found.namelist() == ["top/", *(f"top/grüß {number}.txt" for number in there)]
        assert found.read(f"top/grüß {there[-1]}.txt") == f"file {there[-1]}".encode()
    said = subprocess.run(["unzip", "-tq", path], capture_output=True, text=True, check=True)
    assert "No errors detected" in said.stdout
    assert not said.stderr


def test_more_than_4_gib_are_found_behind_it(tmp_path: Path) -> None:
    """The large contents are holes: their sums are not checked, those of what lies behind them are."""
    path = tmp_path / "large.zip"
    with path.open("wb") as into:
        for line in made("large").splitlines():
            part = json.loads(line)
            if isinstance(part, int):
                into.truncate(into.seek(part, 1))
            else:
                into.write(base64.b64decode(part))
    with zipfile.ZipFile(path) as found:
        sizes = {each.filename: (each.file_size, each.CRC) for each in found.infolist()}
        assert sizes["stream.bin"] == (5 * GiB, 0x12345678)
        assert sizes["large.bin"] == (4 * GiB, 0x9ABCDEF0)
        assert found.read("a.txt") == found.read("b.txt") == b"behind four gibibytes"
    subprocess.run(["unzip", "-tqq", path, "a.txt", "b.txt"], check=True)
    said = subprocess.run(["unzip", "-v", path], capture_output=True, text=True, check=True).stdout
    assert str(9 * GiB + 2 * len("behind four gibibytes")) in said
