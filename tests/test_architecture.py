"""Who may import whom, and what the core must not touch: read from the source, not from running it.

The checks are proven on small wrong trees at the end.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent
SOURCE = REPO / "src" / "burrowspace"
IMPURE = {"asyncio", "socket", "os", "time", "random", "logging", "secrets", "threading", "pathlib", "io", "shutil"}
IMPURE |= {"subprocess", "tempfile", "selectors", "multiprocessing", "uuid", "structlog", "sqlalchemy", "fastapi"}
CALLS = {"open", "print", "input", "exec", "eval", "__import__", "breakpoint"}
CLOCKS = {"now", "utcnow", "today"}  # of datetime
TUNNELS = {"tunnel_program", "tunnel_guard", "tunnel_cloudflared", "tunnel_bore", "tunnel_tailscale"}
TUNNELS |= {"tunnel_ngrok", "ngrok_agent", "tunnel_environment"}
SQL = {
    "state_sql",
    "state_sqlite",
    "state_postgres",
    "sql_faults",
    "sql_jobs",
    "sql_rows",
    "schema",
    "tables",
    "migrations",
}
BUS = {"bus_nats", "bus_remote"}
FAMILIES = [SQL, TUNNELS, BUS]


def modules(root: Path, *under: str) -> Iterator[tuple[str, ast.Module]]:
    """Each module of the package in `root`, or of a part of it, by its dotted name."""
    for path in sorted(root.joinpath(*under).rglob("*.py")):
        parts = ["burrowspace", *path.relative_to(root).with_suffix("").parts]
        yield ".".join(parts), ast.parse(path.read_text(), str(path))


def imported(module: str, tree: ast.Module) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it that stands; `from a import b` may mean module a.b."""
    package = module.removesuffix(".__init__") if module.endswith(".__init__") else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def impurities(root: Path) -> list[str]:
    """What in the core reaches for the world outside."""
    found = []
    for module, tree in modules(root, "core"):
        found += [f"{module} imports {name}" for name in imported(module, tree) if name.split(".")[0] in IMPURE]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func
                if isinstance(called, ast.Name) and called.id in CALLS:
                    found.append(f"{module} calls {called.id}")
                if isinstance(called, ast.Attribute) and called.attr in CLOCKS:
                    found.append(f"{module} reads a clock")
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                found.append(f"{module} waits")
    return found


def adapter_users(root: Path) -> list[str]:
    """Who but the composition root imports an adapter."""
    return [
        f"{module} imports {name}"
        for module, tree in modules(root)
        if module != "burrowspace.server.build" and not within(module, "burrowspace.adapters")
        for name in imported(module, tree)
        if within(name, "burrowspace.adapters")
    ]


def family(module: str) -> set[str]:
    """The adapters that an adapter may know, itself among them."""
    name = module.split(".")[2]
    return next((members for members in FAMILIES if name in members), {name})


def strange_neighbours(root: Path) -> list[str]:
    """Which adapter imports one that is not of its family."""
    return [
        f"{module} imports {name}"
        for module, tree in modules(root, "adapters")
        for name in imported(module, tree)
        if within(name, "burrowspace.adapters")
        and (len(name.split(".")) < 3 or name.split(".")[2] not in family(module))
    ]


def leaks_of_socketio(root: Path) -> list[str]:
    """What of BurrowSpace the real-time server knows: it could stand alone."""
    return [
        f"{module} imports {name}"
        for module, tree in modules(root, "socketio")
        for name in imported(module, tree)
        if within(name, "burrowspace") and not within(name, "burrowspace.socketio")
    ]


def past_the_driver(root: Path) -> list[str]:
    """What in the server reaches through the driver for the ports, which are the driver's; and what would let it."""
    found = []
    for module, tree in modules(root, "server"):
        inside = within(module, "burrowspace.server.driver")
        name = "context" if inside else "_context"
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == name and _is_self(node.value) == inside:
                found.append(f"{module} has .{name} in line {node.lineno}")
    return found


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def packet_writers(root: Path) -> list[str]:
    """Who in the server writes the head of a Socket.IO packet: only socketio/ knows what one looks like."""
    return [
        f"{module} writes {node.value[:8]!r}"
        for module, tree in modules(root, "server")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and node.value[:3] in ("42[", b"42[")
    ]


CHECKS = [impurities, adapter_users, strange_neighbours, leaks_of_socketio, past_the_driver, packet_writers]


STANDS = "The client, and the doctor on top of it, stand on the core alone"


def parts_of_the_client() -> set[str]:
    """As pyproject.toml orders them."""
    contracts = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each.get("containers") == ["burrowspace.client"])
    return {f"client/{name}" for layer in layers for name in re.split(r" [|:] ", layer)}


def lint_imports(config: Path, source: Path) -> subprocess.CompletedProcess[str]:
    """import-linter's own verdict, in a process of its own: it reads `source` and runs none of it."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    return subprocess.run(
        [*command, "--config", str(config), "--no-cache"],
        cwd=config.parent,
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_contracts_of_pyproject_hold():
    verdict = lint_imports(REPO / "pyproject.toml", REPO / "src")
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert "0 broken" in verdict.stdout


@pytest.mark.parametrize("check", CHECKS)
def test_the_source_keeps_the_rule(check):
    assert check(SOURCE) == []


def test_there_is_something_to_look_at():
    names = {module for module, _ in modules(SOURCE)}
    assert {"burrowspace.core.names", "burrowspace.server.build", "burrowspace.socketio.session"} <= names
    build = ast.parse((SOURCE / "server" / "build.py").read_text())
    assert any(within(name, "burrowspace.adapters") for name in imported("burrowspace.server.build", build))


WRONG = [
    (impurities, "core/a.py", "import asyncio"),
    (impurities, "core/a.py", "import os.path as p"),
    (impurities, "core/a.py", "from time import monotonic"),
    (impurities, "core/a.py", "def late():\n    from pathlib import Path"),
    (impurities, "core/a.py", "def read(name):\n    return open(name).read()"),
    (impurities, "core/a.py", "from datetime import datetime\nx = datetime.now()"),
    (impurities, "core/deep/a.py", "async def wait(): ..."),
    (adapter_users, "server/api/a.py", "from burrowspace.adapters.tables import KEY"),
    (adapter_users, "server/run.py", "from burrowspace import adapters"),
    (adapter_users, "cli/main.py", "def late():\n    import burrowspace.adapters.spool_disk"),
    (adapter_users, "server/run.py", "from ..adapters import bus_local"),
    (strange_neighbours, "adapters/spool_disk.py", "from burrowspace.adapters.tables import KEY"),
    (strange_neighbours, "adapters/state_sql.py", "from . import bus_local"),
    (strange_neighbours, "adapters/migrations/env.py", "from ..ngrok_agent import run"),
    (past_the_driver, "server/api/a.py", "def room(server):\n    return server.driver._context.spool.room()"),
    (
        past_the_driver,
        "server/driver/a.py",
        "class Uploads:\n    def __init__(self, given):\n        self.context = given",
    ),
    (packet_writers, "server/a.py", "INTRO = b'42[\"peer_signal\",'"),
    (packet_writers, "server/a.py", "def intro(name):\n    return f'42[\"{name}\",'"),
    (leaks_of_socketio, "socketio/a.py", "from burrowspace.core.errors import BurrowError"),
    (leaks_of_socketio, "socketio/a.py", "from ..config import Settings"),
    (leaks_of_socketio, "socketio/__init__.py", "from burrowspace import ports"),
]


@pytest.mark.parametrize(("check", "path", "text"), WRONG)
def test_a_check_fails_on_a_wrong_tree(tmp_path: Path, check, path: str, text: str):
    for name in {*("core", "server", "adapters", "socketio", "cli"), str(Path(path).parent)}:
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    assert len(check(tmp_path)) == 1
    assert [other.__name__ for other in CHECKS if other is not check and other(tmp_path)] == []


def test_a_family_may_know_itself(tmp_path: Path):
    (tmp_path / "adapters" / "migrations").mkdir(parents=True)
    (tmp_path / "adapters" / "state_sql.py").write_text(
        "from burrowspace.adapters.tables import KEY\nfrom . import tables"
    )
    (tmp_path / "adapters" / "migrations" / "env.py").write_text("from burrowspace.adapters.tables import metadata")
    assert strange_neighbours(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "text", "broken"),
    [
        ("core/names.py", "import burrowspace.ports", "Imports only go down"),
        ("ports.py", "from burrowspace.server import build", "Imports only go down"),
        ("socketio/stats.py", "import burrowspace.core.names", "The real-time server knows nothing of transfers"),
        ("client/files/source.py", "import burrowspace.server", "Imports only go down"),
        ("server/build.py", "import burrowspace.client.files.source", "Imports only go down"),
        ("client/files/source.py", "from burrowspace.socketio import stats", STANDS),
        ("client/files/source.py", "import burrowspace.ports", STANDS),
        ("client/files/source.py", "import burrowspace.doctor", "Imports only go down"),
        ("doctor/__init__.py", "import burrowspace.server", STANDS),
        ("client/files/source.py", "import burrowspace.client.session", "The client's packages only go down"),
        ("client/relay/a.py", "import burrowspace.client.rendezvous", "The client's packages only go down"),
        ("client/anywhere.py", "", "The client's packages only go down"),
        ("core/names.py", "import burrowspace.client", "Imports only go down"),
        ("core/names.py", "import asyncio", "The core is pure"),
    ],
)
def test_a_contract_of_pyproject_fails_on_a_wrong_tree(tmp_path: Path, path: str, text: str, broken: str):
    shutil.copy(REPO / "pyproject.toml", tmp_path)
    package = tmp_path / "src" / "burrowspace"
    floors = ("", "cli", "doctor", "server", "client", "adapters", "socketio", "system", "core")
    for name in (*floors, *parts_of_the_client()):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").touch()
    single = ("ports", "config", "private", "faults")
    for name in (*single, "server/build", "client/files/source", "core/names", "socketio/stats"):
        (package / f"{name}.py").touch()
    kept = lint_imports(tmp_path / "pyproject.toml", tmp_path / "src")
    assert kept.returncode == 0, kept.stdout + kept.stderr
    (package / path).write_text(text + "\n")
    verdict = lint_imports(tmp_path / "pyproject.toml", tmp_path / "src")
    assert verdict.returncode == 1, verdict.stdout + verdict.stderr
    assert f"{broken} BROKEN" in verdict.stdout


SESSION = ("client/session/*.py", "client/relay/*.py", "web/wire/session/*.js", "web/wire/relay/*.js")
LONGEST = 250  # lines, with everything counted


def too_long(package: Path) -> list[str]:
    """Files of the session, in either language, that nobody reads at one go."""
    files = [file for pattern in SESSION for file in package.glob(pattern)]
    return [str(file.relative_to(package)) for file in files if len(file.read_text().splitlines()) > LONGEST]


def test_no_file_of_the_session_is_too_long() -> None:
    package = REPO / "src" / "burrowspace"
    assert too_long(package) == []
    assert all(list(package.glob(pattern)) for pattern in SESSION)


@pytest.mark.parametrize("pattern", SESSION)
def test_a_file_of_the_session_that_is_too_long_is_seen(tmp_path: Path, pattern: str) -> None:
    for name, lines in (("long", LONGEST + 1), ("short", LONGEST)):
        file = tmp_path / pattern.replace("*", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n" * lines)
    assert too_long(tmp_path) == [pattern.replace("*", "long")]
