"""Makes the wheel of an earlier commit's client that tests/compat runs against today's.

    python -m tests.compat.make_wheel b7960fb

It holds what two ends of a transfer need, the terminal's and the page's, and no server and no pictures.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KEPT = ("client/", "cli/", "core/", "web/core/", "web/wire/", "web/vendor/", "config.py", "__init__.py", "__main__.py")
DEVICE = "tests/web/wire/device.mjs"  # a page's session without a browser


def kept(name: str) -> bool:
    _, _, inside = name.partition("burrowspace/")
    return ".dist-info/" in name or (inside.startswith(KEPT) and "/lit" not in inside)


def make(commit: str) -> Path:
    made = HERE / f"burrowspace-0.1.0+{commit}-py3-none-any.whl"
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "commit.tar"
        subprocess.run(["git", "archive", "-o", archive, commit], cwd=ROOT, check=True)
        subprocess.run(["tar", "xf", archive, "-C", folder], check=True)
        pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, folder]
        subprocess.run(pip, check=True)
        [wheel] = Path(folder).glob("*.whl")
        with (
            zipfile.ZipFile(wheel) as whole,
            zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as small,
        ):
            for each in whole.infolist():
                if not kept(each.filename):
                    continue
                data = whole.read(each)
                if each.filename.endswith("/RECORD"):
                    lines = data.decode().splitlines(keepends=True)
                    data = "".join(line for line in lines if kept(line.partition(",")[0])).encode()
                small.writestr(zipfile.ZipInfo(each.filename, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
            small.writestr("device.mjs", (Path(folder) / DEVICE).read_bytes(), zipfile.ZIP_DEFLATED)
    return made


if __name__ == "__main__":
    sys.stdout.write(f"{make(sys.argv[1])}\n")
