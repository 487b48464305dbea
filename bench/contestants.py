"""Who competes: BurrowSpace first, then its rivals; the ratio is always ours to a rival's.

All start as they come, with an address, a port and a data directory; ours also lets one address open many sockets,
since here all clients share a few.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from functools import cache

from bench.common import ROOT, BenchError, Contestant

NODE = ROOT / "bench" / "rivals" / "node"
LISTEN = {"BURROW_HOST": "127.0.0.1", "BURROW_PORT": "{port}", "BURROW_DATA": "{data}"}


@cache
def install_node_rival() -> None:
    """`npm ci` when the modules are missing or older than the lock file; bufferutil must be the native one."""
    lock, installed = NODE / "package-lock.json", NODE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=NODE, check=True, stdout=sys.stderr, timeout=300)
    look = "if (require('bufferutil') === require('bufferutil/fallback')) process.exit(1)"
    if subprocess.run(["node", "-e", look], cwd=NODE, timeout=30).returncode:
        raise BenchError("bufferutil is not native here: the comparison would not be fair")


BURROWSPACE = Contestant(
    name="burrowspace",
    argv=[sys.executable, "server.py"],
    env={**LISTEN, "BURROW_MAX_SOCKETS_PER_ADDRESS": "20000"},
)
BARE = Contestant(
    name="bare",
    argv=[sys.executable, "bench/rivals/bare.py"],
    env=LISTEN,
)
NODE_SOCKETIO = Contestant(
    name="node",
    argv=["node", "bench/rivals/node/server.js"],
    env={**LISTEN, "NODE_ENV": "production"},
    prepare=install_node_rival,
)
PYTHON_SOCKETIO = Contestant(
    name="python-socketio",
    argv=[sys.executable, "bench/rivals/python_socketio.py"],
    env=LISTEN,
)


def chosen(options: argparse.Namespace) -> list[Contestant]:
    everybody = {each.name: each for each in (BURROWSPACE, BARE, NODE_SOCKETIO, PYTHON_SOCKETIO)}
    if options.only:
        if unknown := set(options.only) - set(everybody):
            raise SystemExit(f"no contestant is called {', '.join(sorted(unknown))}; there are {', '.join(everybody)}")
        return [everybody[name] for name in options.only]
    return [BURROWSPACE, NODE_SOCKETIO, *([PYTHON_SOCKETIO] if options.with_python_socketio else [])]
