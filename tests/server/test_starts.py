"""A start that cannot work ends with exit code 2 and one sentence that holds the cure, whatever stands in its way.

Each case makes the fault itself: a small disk, another user, a file where a folder should be. `burrow serve`, and
whatever lives under limits of its own, is a fresh interpreter, as an operator starts it.
"""

import asyncio
import contextlib
import os
import re
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from burrowspace.server.tls.authority import Authority
from tests import warm
from tests.machine import small_disk

ROOT = Path(__file__).resolve().parents[2]
SERVERS = {"python server.py": [str(ROOT / "server.py")], "burrow serve": ["-m", "burrowspace", "serve"]}
MACHINE = re.compile(r"Traceback|\[Errno|_ssl\.c|\[SSL|Connect call failed|sqlalchemy|sqlite3\.|Error\b|0x[0-9a-f]")
NOBODY = 65534


def start(
    *words: str,
    way: str = "python server.py",
    before: Callable[[], None] | None = None,
    **settings: str,
) -> subprocess.CompletedProcess[str]:
    """To its end, which must come by itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BURROW_", "USE_NGROK"))}
    given = {"HOST": "127.0.0.1", "PORT": "0", "MDNS": "0", "STUN_PORT": "0", "DISK_FLOOR_BYTES": "0"} | settings
    env = kept | {f"BURROW_{name}": value for name, value in given.items()}
    if before is None and way == "python server.py" and not warm.MISSING:
        return asyncio.run(forked(SERVERS[way][0], *words, env=env))
    return subprocess.run(
        [sys.executable, *SERVERS[way], *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=before,
        check=False,
    )


async def forked(*command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The same from a process that has imported the server already."""
    process = await warm.start(*command, env=env, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        out, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())
        code = await process.wait()
    return subprocess.CompletedProcess(command, code, out.decode(), errors.decode())


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence; what the log says beside it is left out."""
    assert done.returncode == 2, done.stderr
    assert not MACHINE.search(done.stderr), done.stderr
    [said] = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert said.startswith("burrow: ")
    return said


def a_file(place: Path) -> Path:
    place.write_bytes(b"")
    return place


def under_a_file(place: Path) -> Path:
    return a_file(place) / "data"


def a_database_that_is_a_folder(place: Path) -> Path:
    (place / "burrowspace.db").mkdir(parents=True)
    return place


def a_damaged_database(place: Path) -> Path:
    place.mkdir()
    (place / "burrowspace.db").write_bytes(os.urandom(1 << 14))
    return place


def a_newer_database(place: Path) -> Path:
    place.mkdir()
    with contextlib.closing(sqlite3.connect(place / "burrowspace.db")) as made, made:
        made.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        made.execute("INSERT INTO alembic_version VALUES ('9999')")
    return place


def a_database_of_something_else(place: Path) -> Path:
    place.mkdir()
    with contextlib.closing(sqlite3.connect(place / "burrowspace.db")) as made, made:
        made.execute("CREATE TABLE peers (x)")
    return place


FOLDERS: list[tuple[Callable[[Path], Path], str]] = [
    (a_file, "is a file; remove it, or choose another with --data"),
    (under_a_file, "a part of the path is a file"),
    (a_database_that_is_a_folder, "it is a folder, not a file"),
    (a_damaged_database, "it is damaged; restore a backup"),
    (a_newer_database, "was made by a newer version of BurrowSpace (revision 9999"),
    (a_database_of_something_else, "it is not a database of BurrowSpace"),
]


@pytest.mark.parametrize("way", SERVERS)
@pytest.mark.parametrize(("make", "wanted"), FOLDERS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_data_folder_that_cannot_be_used(tmp_path: Path, way: str, make: Callable[[Path], Path], wanted: str) -> None:
    assert wanted in sentence(start(way=way, DATA=str(make(tmp_path / "data"))))


def test_a_newer_database_is_left_as_it_is(tmp_path: Path) -> None:
    data = a_newer_database(tmp_path / "data")
    sentence(start(DATA=str(data)))
    with contextlib.closing(sqlite3.connect(data / "burrowspace.db")) as held:
        assert held.execute("SELECT name FROM sqlite_master").fetchall() == [("alembic_version",)]


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        (disk / "filler").write_bytes(bytes(900 << 10))
        with contextlib.suppress(OSError):
            (disk / "rest").write_bytes(bytes(1 << 20))
        assert "full; free some space" in sentence(start(DATA=str(disk / "data")))


@pytest.fixture
def readable(tmp_path: Path) -> Iterator[Path]:
    """A folder that another user may reach: pytest's own are closed to them."""
    place = Path(f"/tmp/burrow-starts-{os.getpid()}")
    place.mkdir()
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def as_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def own(*words: str, before: Callable[[], None] | None = as_nobody) -> subprocess.CompletedProcess[str]:
    """A program that asks `build` as another user would: the tests' own Python may not be theirs to run."""
    program = (
        "import sys; from pathlib import Path; from burrowspace.config import Settings;"
        "from burrowspace.server.run import run; import os; os.setgroups([]);"
        f"os.setgid({NOBODY}); os.setuid({NOBODY}); sys.exit(run(Settings(data=Path(sys.argv[1]), port=0,"
        "host='127.0.0.1', mdns=False, stun_port=0, disk_floor_bytes=0)))"
    )
    return subprocess.run(
        [sys.executable, "-c", f"import burrowspace.server.run, burrowspace.adapters.state_sqlite;{program}", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_folder_of_another_user(readable: Path) -> None:
    (readable / "data").mkdir(mode=0o755)
    said = sentence(own(str(readable / "data")))
    assert "this user has no permission; check the permissions" in said
    assert "--data (BURROW_DATA)" in said


def test_a_database_of_another_user(readable: Path) -> None:
    data = readable / "data"
    data.mkdir()
    (data / "burrowspace.db").touch(mode=0o600)
    os.chown(data, NOBODY, NOBODY)
    said = sentence(own(str(data)))
    assert "burrowspace.db cannot be used: this user has no permission" in said


def test_a_read_only_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert "the disk is read-only" in sentence(start(DATA=str(disk / "data")))


def test_a_taken_port_names_who_has_it_and_both_ways_to_choose_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = sentence(start(DATA=str(tmp_path / "data"), PORT=str(taken.getsockname()[1])))
    assert f"(process {os.getpid()})" in said
    assert "--port (BURROW_PORT)" in said


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "::ffff:1"])
def test_a_host_that_is_not_this_machine(tmp_path: Path, host: str) -> None:
    assert "--host (BURROW_HOST)" in sentence(start(DATA=str(tmp_path / "data"), HOST=host))


@pytest.mark.parametrize("setting", ["PORT=70000", "PORT=x", "TUNNEL=none", "GRACE_S=99", "LOG_LEVEL=loud"])
def test_a_setting_that_is_out_of_bounds(tmp_path: Path, setting: str) -> None:
    name, _, value = setting.partition("=")
    said = sentence(start(**{"DATA": str(tmp_path / "data"), name: value}))
    assert f"BURROW_{name}" in said
    assert value in said


def pem(place: Path) -> tuple[Path, Path]:
    import datetime

    made = Authority(place)
    made.open(["here.test"], [], datetime.datetime.now(datetime.UTC))
    return place / "ca.crt", place / "ca.key"


def broken(place: Path, what: bytes) -> Path:
    place.write_bytes(what)
    return place


def test_a_certificate_or_key_that_cannot_be_used(tmp_path: Path) -> None:
    cert, key = pem(tmp_path / "one")
    _, other = pem(tmp_path / "two")
    half = broken(tmp_path / "half.pem", cert.read_bytes()[:200] + b"\n-----END CERTIFICATE-----\n")
    for given, wanted in (
        ((tmp_path / "no.pem", key), "correct --tls-cert (BURROW_TLS_CERT)"),
        ((cert, tmp_path / "no.key"), "correct --tls-key (BURROW_TLS_KEY)"),
        ((tmp_path, key), "it is a folder"),
        ((broken(tmp_path / "x.pem", b"x"), key), "not in PEM form"),
        ((half, key), "cannot be used: it is damaged"),
        ((cert, other), "does not belong to the certificate"),
    ):
        words = ("--tls-cert", str(given[0]), "--tls-key", str(given[1]))
        assert wanted in sentence(start(*words, DATA=str(tmp_path / "data"))), given


def limited(kind: int, most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (most, most))


@pytest.mark.parametrize("files", [16, 40, 127])
def test_too_few_open_files(tmp_path: Path, files: int) -> None:
    said = sentence(start(DATA=str(tmp_path / "data"), before=limited(resource.RLIMIT_NOFILE, files)))
    assert "ulimit -n" in said


@pytest.mark.parametrize("mib", [60, 100, 150, 200, 300])
@pytest.mark.parametrize("way", SERVERS)
def test_too_little_address_space(tmp_path: Path, mib: int, way: str) -> None:
    said = sentence(start(DATA=str(tmp_path / "data"), way=way, before=limited(resource.RLIMIT_AS, mib << 20)))
    assert "ulimit -v" in said
