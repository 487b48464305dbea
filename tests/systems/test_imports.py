"""Every module of the package can be imported on a system that lacks what macOS and Windows lack."""

import subprocess
import sys

import pytest

from tests.systems.as_on import SYSTEMS, as_on

EVERY_MODULE = """
import importlib, os, pkgutil, sys, traceback
import burrowspace
from burrowspace.system import loops
import burrowspace.system.files as files
if sys.argv[1] == "win32":
    assert files.PLAIN & files.os.O_BINARY
assert files.sys.platform == sys.argv[1] and not hasattr(files.os, "splice")
failed = []
for each in pkgutil.walk_packages(burrowspace.__path__, "burrowspace.", onerror=failed.append):
    if ".migrations." in each.name or ".links.webrtc_" in each.name or each.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(each.name)
    except Exception:
        traceback.print_exc()
        failed.append(each.name)
print(*failed)
"""


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_module_is_imported(system: str):
    done = subprocess.run(
        [sys.executable, "-c", EVERY_MODULE, system], env=as_on(system), capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
