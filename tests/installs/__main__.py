"""Runs every install line in a clean Debian, as it comes: `make installs`. Needs root and mmdebstrap.

Each runs in a virtual environment of its own, with the pip of that Debian and with pip 23.2, and then what shows that
it works. A pip that gets its packages from somewhere else here does so there too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.installs.lines import PROOFS, REPO

SUITES = ("bookworm", "trixie")
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
OLD_PIP = "23.2"  # it does not see that the extras `asyncio_client` and `asyncio-client` are one
AFTER = {"--no-deps .": "-r requirements.txt"}  # what the guides tell to install before
REFUSES = "externally-managed-environment"  # PEP 668


def pip_settings() -> dict[str, str]:
    """Those of this machine's pip, as environment variables."""
    listed = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    pairs = (line.split("=", 1) for line in listed.splitlines() if "=" in line)
    return {"PIP_" + key.rsplit(".", 1)[-1].upper().replace("-", "_"): value.strip("'\"") for key, value in pairs}


def paths_in(settings: dict[str, str]) -> list[Path]:
    """The files and folders of this machine that they name, each once; none below another."""
    words = " ".join(settings.values()).split()
    named = {Path(word.removeprefix("file://")) for word in words if word.removeprefix("file://").startswith("/")}
    # an index has its files beside its pages (PEP 503 says only where the pages lie)
    there = sorted(path.parent if path.name == "simple" else path for path in named if path.exists())
    return [path for path in there if not any(other in path.parents for other in there)]


@contextlib.contextmanager
def root_of(suite: str) -> Iterator[Path]:
    """A new Debian in a folder of its own, with this checkout in /checkout."""
    with tempfile.TemporaryDirectory(prefix=f"{suite}-") as folder:
        root = Path(folder) / "root"
        made = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", suite, str(root)]
        subprocess.run(made, check=True, timeout=600)
        subprocess.run(["git", "clone", "--quiet", str(REPO), str(root / "checkout")], check=True, timeout=60)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        yield root


def run(root: Path, script: str) -> subprocess.CompletedProcess[str]:
    """The shell's script in that root. What it mounts is gone when it ends."""
    settings = pip_settings()
    mounts = ["mount --rbind /proc $0/proc", "mount --rbind /dev $0/dev"]
    for path in paths_in(settings):
        there = f"$0{path}"
        mounts.append(
            f"mkdir -p {there}" if path.is_dir() else f"mkdir -p {Path(there).parent} && touch {there}",
        )
        mounts.append(f"mount --rbind {path} {there}")
    inside = f'{" && ".join(mounts)} && exec chroot $0 /bin/sh -euc "$1"'
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LC_ALL": "C.UTF-8", **settings}
    asked = ["unshare", "--mount", "--propagation=private", "/bin/sh", "-euc", inside, str(root), script]
    return subprocess.run(asked, capture_output=True, text=True, timeout=900, env=environment)


def script_of(line: str, pip: str | None) -> str:
    """A fresh environment, the line as it is told, and the proof."""
    lines = ["cd /checkout", "rm -rf /venv", "python3 -m venv /venv", ". /venv/bin/activate"]
    if pip:
        lines.append(f"pip install --quiet pip=={pip}")
    for each in (AFTER.get(line), line):
        if each:
            lines.append(f"pip install --quiet {each.replace('[', chr(92) + '[')}")
    return "\n".join([*lines, PROOFS[line]])


def main() -> int:
    asked = argparse.ArgumentParser(prog="make installs", description=__doc__)
    asked.add_argument("--suites", nargs="+", default=SUITES)
    options = asked.parse_args()
    if os.geteuid() != 0 or not shutil.which("mmdebstrap"):
        print("make installs needs root and mmdebstrap: apt-get install mmdebstrap", file=sys.stderr)
        return 2
    failed = 0
    for suite in options.suites:
        with root_of(suite) as root:
            refused = run(root, "cd /checkout && pip install .")
            said = REFUSES in refused.stderr
            failed += not said
            print(f"{suite}: the system's own Python {'refuses packages' if said else 'did not refuse'}", flush=True)
            for line in PROOFS:
                for pip in (None, OLD_PIP):
                    done = run(root, script_of(line, pip))
                    failed += done.returncode != 0
                    with_pip = f"pip {pip}" if pip else "its own pip"
                    print(
                        f"{suite}, {with_pip}: pip install {line}: {'ok' if not done.returncode else 'FAILED'}",
                        flush=True,
                    )
                    if done.returncode:
                        print(done.stdout[-1000:], done.stderr[-3000:], sep="\n", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
