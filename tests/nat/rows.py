"""What the lab found, as a page in Markdown: docs/nat.md."""

import datetime
import os
import platform
import subprocess
from pathlib import Path

from tests.nat.cases import CASES, NETWORKS, PROGRAMS, Case
from tests.nat.ends import Finished
from tests.nat.kinds import MADE
from tests.web.browser import program

ROOT = Path(__file__).resolve().parents[2]
ALSO = 0.02  # of the bytes: a way that carried less is not named

_PAGE = """# Through which networks, by which way

Made by `make nat-lab`; do not edit. A file goes from the left to the right: {small} MB, or {large} MB where WebRTC can
carry it; each side sends at most {rate} Mbit/s to the outside. The table says which ways carried it, in their order,
and the seconds from the meeting of the two programs to the first byte. In every case the file arrived, and its SHA-256
was that of what was sent. That a direct way is direct was counted by the network itself: nothing of it passed the
server or TURN.

{table}

`tcp` and `punch` are TCP from device to device, `webrtc` is a data channel from device to device, `relay` is the
server, over HTTP. `relay → webrtc` means that the relay carried until the direct way could be compared with it, which
takes 4 s; `webrtc → relay` means that the relay was looked at, for WebRTC carried less than 25 MB/s. A TURN server
changes nothing here: it is asked only where the relay fails (docs/spec/paths.md).

Measured on {day} at commit {commit}: {machine}. Server, routers and
both ends share this one machine; its load (the mean of a minute) was {least:.0f} to {most:.0f}.

## How each network is made

Two hosts, two routers, and an outside with the server, its own STUN and coturn, each a network namespace
(`tests/nat/lab.py`); the routers are made by nftables. No other STUN server is asked.

| network | how |
| --- | --- |
{made}
"""


class Rows:
    """All that was found. `page` wants every case."""

    def __init__(self) -> None:
        self._found: dict[Case, str] = {}
        self._loads: list[float] = []

    def add(self, case: Case, got: Finished) -> None:
        self._found[case] = cell(got)
        self._loads.append(os.getloadavg()[0])

    @property
    def complete(self) -> bool:
        return set(self._found) == set(CASES)

    def table(self) -> str:
        head = ["left – right", *(f"{sender} → {receiver}" for sender, receiver in PROGRAMS)]
        lines = [head, ["---"] * len(head)]
        for left, right, turn in NETWORKS:
            cells = [self._found.get(Case(left, right, turn, *programs), "") for programs in PROGRAMS]
            lines.append([f"{left} – {right}{'' if turn else ', no TURN'}", *cells])
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def page(self, small: int, large: int, rate: float) -> str:
        return _PAGE.format(
            small=f"{small / 1e6:.0f}",
            large=f"{large / 1e6:.0f}",
            rate=f"{rate:.0f}",
            table=self.table(),
            day=datetime.datetime.now(datetime.UTC).date(),
            commit=_said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
            machine=machine(),
            least=min(self._loads),
            most=max(self._loads),
            made="\n".join(f"| {kind} | {how} |" for kind, how in MADE.items()),
        )


def cell(got: Finished) -> str:
    """`relay 56 % → webrtc, 1.2 s`."""
    total = sum(got.shares.values())
    ways = [(path, size / total) for path, size in got.shares.items() if size / total >= ALSO]
    if len(ways) == 1:
        words = ways[0][0]
    else:
        words = " → ".join([*(f"{path} {share:.0%}" for path, share in ways[:-1]), ways[-1][0]])
    return f"{words}, {got.first_byte:.1f} s"


def machine() -> str:
    chromium = _said(program(), "--version").partition(" built")[0]
    return f"{os.cpu_count()} cores of {platform.machine()}, Python {platform.python_version()}, {chromium}"


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()
