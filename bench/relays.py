"""Do 200 live relays at once get fair shares, and does a signal still come through in time?

RELAYS transfers, each a PUT with `Burrow-Policy: live` at 1 MB/s and one receiver that follows it, every byte compared;
beside them signals at a steady rate between sockets of the same server. What each receiver has when the time is up,
the growth of the server's memory, and how late the signals were. No rival: each of them does only one of the two.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from functools import cache
from pathlib import Path

from bench.common import ROOT, WORK, BenchError, Running, connect_peers, cores, parser, running, spawn, verdict
from bench.contestants import BURROWSPACE
from bench.loadclient import load, metered, peers_file
from bench.report import Figures, Metric, publish

RELAYS, BYTES_PER_S, SOCKETS, SIGNALS = 200, 1_000_000, 200, 500
METRICS = {
    "share": Metric("slowest relay, of the mean", "×", 3, bound=0.8, side="at least", of="value"),
    "mean": Metric("mean of a relay", "MB/s", 3),
    "memory": Metric("growth of the server's memory", "MiB", 1, bound=64, of="value"),
    "p50": Metric("signal meanwhile, p50", "ms", 2),
    "p99": Metric("signal meanwhile, p99", "ms", 2, bound=20, of="value"),
    "own": Metric("of which the client itself was late, p99", "ms", 2),
    "cpu": Metric("CPU of the server, signals included", "% of a core", 0),
    "gb": Metric("CPU for a GB relayed, signals included", "s", 2),
}


@cache
def client() -> Path:
    """The compiled client, made again when its source is newer."""
    WORK.mkdir(exist_ok=True)
    made, source = WORK / "relays", ROOT / "bench" / "load" / "bulk" / "relays.c"
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", str(made), str(source)], check=True, timeout=60)
    return made


def transfers(port: int, count: int) -> list[str]:
    """So many approved transfers, over one kept-alive connection."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:

        def post(path: str, body: object = None) -> dict[str, str]:
            more = {"Content-Type": "application/json"} if body is not None else {}
            connection.request("POST", path, None if body is None else json.dumps(body), more)
            answer = connection.getresponse()
            said: dict[str, str] = json.loads(answer.read())
            if answer.status != 200:
                raise BenchError(f"POST {path} answered {answer.status}: {said}")
            return said

        made = []
        for number in range(count):
            ask = {"sender_id": f"from-{number}", "receiver_id": f"to-{number}", "filename": "f"}
            request = post("/request-transfer", ask)["request_id"]
            made.append(post(f"/approve-transfer/{request}")["transfer_id"])
        return made


class Relays:
    """The relays of one round, by a process of its own."""

    def __init__(self, server: Running, count: int, seconds: float) -> None:
        with tempfile.NamedTemporaryFile("w", prefix="bench-keys-", delete=False) as keys:
            keys.write("\n".join(transfers(server.port, count)) + "\n")
        argv = [str(client()), str(server.port), keys.name, str(BYTES_PER_S), str(seconds)]
        self._process = spawn(argv, cores()[1], stdout=subprocess.PIPE)
        self._keys = Path(keys.name)

    def result(self, seconds: float) -> dict[str, float]:
        try:
            said, _ = self._process.communicate(timeout=seconds)
        finally:
            self._process.kill()
            self._keys.unlink()
        found: dict[str, float] = json.loads(said or b"{}")
        if self._process.returncode:
            raise BenchError(f"a relay did not end as it must: {found}")
        return found


class Growth:
    """The most by which a server's memory grew, looked at a few times a second."""

    def __init__(self, server: Running) -> None:
        self._server, self._before = server, server.memory_kib()
        self.mib = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Growth:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.25):
            self.mib = max(self.mib, (self._server.memory_kib() - self._before) / 1024)


def measure(count: int, seconds: float, figures: Figures) -> None:
    with (
        running(BURROWSPACE) as server,
        peers_file(connect_peers(server.port, SOCKETS)) as peers,
        load("signal", server.port, peers, 1536) as signals,
    ):
        signals.ask(f"open 1 {SIGNALS}", 30)  # warms up
        with Growth(server) as growth:
            relays = Relays(server, count, seconds)
            steady, cpu = metered(server, signals, f"open {seconds} {SIGNALS}", seconds + 60)
            found = relays.result(seconds + 60)
    figures.add(
        "burrowspace",
        share=found["slowest"] / found["mean"],
        mean=found["mean"] / seconds / 1e6,
        memory=growth.mib,
        p50=steady["p50_us"] / 1000,
        p99=steady["p99_us"] / 1000,
        own=steady["late_p99_us"] / 1000,
        cpu=cpu / steady["seconds"] * 100,
        gb=cpu / (found["mean"] * count / 1e9),
    )


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--relays", type=int, default=RELAYS)
    made.add_argument("--seconds", type=float, help="length of each round (default 30; 20 with --quick)")
    options = made.parse_args(argv)
    seconds = options.seconds or (20.0 if options.quick else 30.0)
    rounds = options.rounds or (1 if options.quick else 3)
    figures = Figures(METRICS)
    for number in range(rounds):
        print(f"  round {number + 1}/{rounds} ...", file=sys.stderr, flush=True)
        measure(options.relays, seconds, figures)
    how = (
        f"{options.relays} relays at {BYTES_PER_S / 1e6:g} MB/s each for {seconds:g} s, {SIGNALS} signals/s beside. "
        f"{rounds} round(s), median (lowest – highest)."
    )
    publish("relays", "Do 200 live relays get fair shares, and do signals come through?", how, figures, options.write)
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
