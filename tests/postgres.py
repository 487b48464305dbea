"""A PostgreSQL of the tests' own: made in a folder, started and ended by them, with a database for each test."""

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from tests.machine import free_port

_NAMES = itertools.count(1)


def programs() -> Path:
    """The folder with initdb and the others: Debian keeps them out of PATH. The newest version that is here."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    assert folders, "the tests need PostgreSQL; see scripts/test_parts.sh"
    return folders[-1]


class Postgres:
    """One cluster on 127.0.0.1. It may be stopped, killed and started again."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="burrow-pg-"))
        self.port = free_port()
        self._whose: dict[str, Any] = {}
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            shutil.chown(self.folder, "postgres", "postgres")
            self._whose = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self._run("initdb", "-D", "data", "-U", "burrow", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        self.start()

    def start(self) -> None:
        """Returns once it answers. Its answers are not durable: no test takes its power away."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", options + " -c max_connections=60")

    def stop(self, how: str = "fast") -> None:
        """`how`: smart, fast or immediate, as pg_ctl says."""
        self._run("pg_ctl", "stop", "-w", "-D", "data", "-m", how)

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://burrow@127.0.0.1:{self.port}/{name}"

    def database(self) -> str:
        """The URL of a new one, which is empty."""
        name = f"test{next(_NAMES)}"
        self.say(f"CREATE DATABASE {name}")
        return self.url(name)

    def say(self, statement: str, *values: Any, name: str = "postgres") -> list[tuple[Any, ...]]:
        """Runs a statement of a test; its rows."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            done = connection.execute(statement, values or None)  # type: ignore[call-overload]
            return done.fetchall() if done.description else []

    def _run(self, program: str, *words: str) -> None:
        with (self.folder / "said").open("w") as said:  # no pipe: the server would hold it open
            done = subprocess.run(
                [str(programs() / program), *words],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=60,
                check=False,
                **self._whose,
            )
        assert done.returncode == 0, f"{program}: {(self.folder / 'said').read_text()}"
