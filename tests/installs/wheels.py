"""Asks the package index whether every pinned package is there for a machine without a compiler: `make installs`.

For each machine the wheels that its pip would take are looked up, with the hashes of requirements.txt; nothing is
installed. A package in pure Python has one wheel for all machines.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

from tests.installs.lines import REPO

PINS = REPO / "requirements.txt"
PYTHONS = ("3.11", "3.13")
MACHINES = {  # what pip calls them, and what markers call their system
    "Linux on ARM (aarch64)": (("manylinux2014_aarch64", "manylinux_2_28_aarch64"), "linux"),
    "macOS on ARM": (("macosx_11_0_arm64",), "darwin"),
    "Windows": (("win_amd64",), "win32"),
}


def pins(text: str, system: str) -> str:
    r"""Those that `system` takes, with their hashes and without their markers.

    >>> pins('a==1 \\\n    --hash=sha256:0a\nb==2 ; sys_platform != "win32" \\\n    --hash=sha256:0b\n', "win32")
    'a==1 --hash=sha256:0a\n'
    """
    kept = []
    for line in text.replace("\\\n", " ").splitlines():
        words, *hashes = re.split(r"\s+(?=--hash=)", line.strip())
        if not words or words.startswith("#"):
            continue
        wanted = Requirement(words)
        if wanted.marker is None or wanted.marker.evaluate({"sys_platform": system}):
            kept.append(" ".join([f"{wanted.name}{wanted.specifier}", *hashes]))
    return "\n".join(kept) + "\n"


def missing(platforms: tuple[str, ...], system: str, python: str) -> str:
    """What pip says it does not find; empty: everything is there."""
    with tempfile.TemporaryDirectory() as folder:
        (asked := Path(folder) / "pins.txt").write_text(pins(PINS.read_text(), system))
        words = [word for each in platforms for word in ("--platform", each)]
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run"),
                *("--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", python, *words),
                *("--target", folder, "-r", str(asked)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return "" if not done.returncode else "\n".join(said or done.stderr.splitlines()[-5:])


def main() -> int:
    failed = 0
    for name, (platforms, system) in MACHINES.items():
        for python in PYTHONS:
            lacks = missing(platforms, system, python)
            failed += bool(lacks)
            print(f"{name}, Python {python}: {lacks or 'every pin has a wheel'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
