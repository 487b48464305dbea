"""The web app's own tests, run by `node --test`: the core against the vectors, the wire in small; what is vendored."""

import shutil
import subprocess
from pathlib import Path

import pytest
from scripts import vendor_web

HERE = Path(__file__).parent
REPO = HERE.parents[1]


@pytest.mark.parametrize("file", sorted(HERE.glob("*/*.test.mjs")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_core_and_the_wire_hold_in_node(file: Path) -> None:
    node = shutil.which("node")
    assert node, "the tests need Node 20 or later"
    said = subprocess.run([node, "--test", file], cwd=REPO, capture_output=True, text=True, timeout=110)
    assert said.returncode == 0, said.stdout[-8000:] + said.stderr[-2000:]


def test_what_is_vendored_is_what_was_fetched() -> None:
    assert vendor_web.wrong() == []


@pytest.mark.parametrize("file", sorted(vendor_web.VENDOR.parent.rglob("*.js")), ids=lambda path: path.name)
def test_no_module_asks_another_host(file: Path) -> None:
    """Every import is of a file beside it."""
    for line in file.read_text().splitlines():
        if line.startswith(("import ", "} from ", "export {")) and " from " in line:
            source = line.rpartition(" from ")[2].strip("\"'; ")
            assert source.startswith("."), line[:200]
            assert (file.parent / source).resolve().is_file(), line[:200]
