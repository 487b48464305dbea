"""A lab of networks: a server outside, and two hosts, each behind a router that can be told what kind it is.

    left ── left router ── outside (server, STUN, coturn) ── right router ── right

Five network namespaces with addresses of 10.90 (outside) and 10.91 (inside) that nobody else sees. Needs root,
iproute2, nftables. However it ends, its processes and namespaces are gone.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from tests.client.coturn import SECRET
from tests.e2e.served import Served
from tests.foreign import foreign
from tests.nat.kinds import RULES, Kind
from tests.netns import run

SERVER = "10.90.0.1"
PLAIN, TURNING = 5000, 5001  # ports of the server without and with TURN
TURN = 3490
RELAYED = "49152-65535"  # UDP ports of coturn's allocations
PROXY = 8888
SIDES = ("left", "right")

# Payload that comes in from either side, by whom it is for; a byte of a file is counted once
_COUNT = f"""
table ip count {{
  counter direct {{ }}
  counter server {{ }}
  counter turn {{ }}
  chain forward {{ type filter hook forward priority -1; counter name direct; }}
  chain input {{
    type filter hook input priority -1; iifname "lo" return;
    tcp dport {{ {PLAIN}, {TURNING} }} counter name server;
    meta l4proto {{ tcp, udp }} th dport {TURN} counter name turn;
    udp dport {RELAYED} counter name turn;
  }}
}}
"""


class Lab:
    """`within(place)` is the command that runs another one at `left`, `right` or `outside`."""

    def __init__(self, mark: str, home: Path) -> None:
        self._mark, self._home = mark, home
        self.kinds: dict[str, Kind] = {}
        self._servers: dict[bool, Served] = {}
        self._proxies: set[str] = set()
        self._stack = contextlib.AsyncExitStack()

    def name(self, place: str) -> str:
        return f"{self._mark}-{place}"

    def within(self, place: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name(place))

    def be(self, left: Kind, right: Kind) -> None:
        """From now on the routers are of these kinds."""
        self.kinds = {"left": left, "right": right}
        for side, kind in self.kinds.items():
            rules = RULES[kind].format(
                wan="wan",
                host=_inside(side, 2),
                server=SERVER,
                ports=f"{{ {PLAIN}, {TURNING} }}",
            )
            run(*self.within(f"{side}-router"), "nft", "-f", "-", text=f"flush ruleset\n{rules}")
        hidden = [side for side, kind in self.kinds.items() if kind is not Kind.NONE]
        shut = "".join(f"ip daddr {_inside(side, 2)} ct state new drop; " for side in hidden)
        text = f"table ip shut {{ chain forward {{ type filter hook forward priority 0; {shut}\n}}\n}}"
        run(*self.within("outside"), "nft", "-f", "-", text=f"flush ruleset\n{_COUNT}\n{text}")

    def slow(self, mbit: float) -> None:
        """From now on each side sends at most so many Mbit/s to the outside."""
        for side in SIDES:
            how = ("root", "tbf", "rate", f"{mbit}mbit", "burst", "32kb", "latency", "100ms")
            run(*self.within(f"{side}-router"), "tc", "qdisc", "replace", "dev", "wan", *how)

    def proxy(self, side: str) -> str | None:
        """The address of the proxy that the host of this side has to use."""
        return f"http://{_inside(side, 1)}:{PROXY}" if self.kinds[side] is Kind.PROXY else None

    def carried(self) -> dict[str, int]:
        """Bytes since `be`, as the network counted them: `direct`, by the `server`, by `turn`."""
        said = json.loads(run(*self.within("outside"), "nft", "-j", "list", "counters"))["nftables"]
        return {each["counter"]["name"]: each["counter"]["bytes"] for each in said if "counter" in each}

    async def server(self, turn: bool) -> Served:
        """The server that offers its own STUN and, if so wished, coturn; started when it is first asked for."""
        if turn not in self._servers:
            more: dict[str, object] = {"stun_servers": "", "mdns": "0", "stun_port": 3480 if turn else 3478}
            if turn:
                await self._coturn()
                urls = f"turn:{SERVER}:{TURN}?transport=udp,turn:{SERVER}:{TURN}?transport=tcp"
                more |= {"turn_urls": urls, "turn_secret": SECRET}
            server = Served(self._home / f"data-{turn:d}", **more)
            server.within, server.host, server.port = self.within("outside"), SERVER, TURNING if turn else PLAIN
            self._stack.push_async_callback(server.close)
            self._servers[turn] = await server.start()
        return self._servers[turn]

    async def proxies(self) -> None:
        """A forward proxy on each router that is of that kind."""
        for side, kind in self.kinds.items():
            if kind is not Kind.PROXY or side in self._proxies:
                continue
            self._proxies.add(side)
            config = self._home / f"{side}-proxy.conf"
            config.write_text(f"Port {PROXY}\nListen {_inside(side, 1)}\nTimeout 600\nLogLevel Critical\n")
            await self._start(f"{side}-router", f":{PROXY}", "tinyproxy", "-d", "-c", str(config))

    async def close(self) -> None:
        await self._stack.aclose()

    async def _coturn(self) -> None:
        await self._start(
            "outside",
            f":{TURN}",
            *("turnserver", "-n", "--use-auth-secret", "--realm=test", f"--static-auth-secret={SECRET}"),
            *(f"--listening-ip={SERVER}", f"--relay-ip={SERVER}", f"--listening-port={TURN}"),
            *(f"--db={self._home / 'turndb'}", f"--pidfile={self._home / 'pid'}", f"--log-file={self._home / 'log'}"),
            *("--simple-log", "--no-cli", "--no-tls", "--no-dtls", "--relay-threads=1"),
        )

    async def _start(self, place: str, listens: str, *command: str) -> None:
        """A foreign server, until it listens."""
        await self._stack.enter_async_context(foreign(self.within(place), listens, *command, cwd=self._home))


def _inside(side: str, number: int) -> str:
    return f"10.91.{SIDES.index(side) + 1}.{number}"


def _outside(side: str, number: int) -> str:
    return f"10.90.{SIDES.index(side) + 1}.{number}"


@contextlib.asynccontextmanager
async def lab(home: Path) -> AsyncIterator[Lab]:
    with _namespaces() as mark:
        made = Lab(mark, home)
        made.be(Kind.NONE, Kind.NONE)
        try:
            yield made
        finally:
            await made.close()


@contextlib.contextmanager
def _namespaces() -> Iterator[str]:
    mark = f"n{secrets.token_hex(3)}"
    names = [f"{mark}-{each}" for each in ("outside", "left-router", "right-router", *SIDES)]
    made: list[str] = []
    try:
        for each in names:
            run("ip", "netns", "add", each)
            made.append(each)
            # Else an IPv6 address that is good after a second is a change of networks to Chromium, whose requests fail
            run("ip", "netns", "exec", each, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
            run("ip", "-n", each, "link", "set", "lo", "up")
            run("ip", "netns", "exec", each, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        run("ip", "-n", f"{mark}-outside", "addr", "add", f"{SERVER}/32", "dev", "lo")
        for side in SIDES:
            host, router = f"{mark}-{side}", f"{mark}-{side}-router"
            _wire((host, "lan", _inside(side, 2)), (router, "lan", _inside(side, 1)))
            _wire((router, "wan", _outside(side, 2)), (f"{mark}-outside", side, _outside(side, 1)))
            run("ip", "-n", f"{mark}-outside", "route", "add", f"{_inside(side, 0)}/24", "via", _outside(side, 2))
        yield mark
    finally:
        for each in made:
            _clear(each)


def _wire(left: tuple[str, str, str], right: tuple[str, str, str]) -> None:
    """The default route of the left goes to the right."""
    run("ip", "-n", left[0], "link", "add", left[1], "type", "veth", "peer", "name", right[1], "netns", right[0])
    for place, name, address in (left, right):
        run("ip", "-n", place, "addr", "add", f"{address}/24", "dev", name)
        run("ip", "-n", place, "link", "set", name, "up")
    run("ip", "-n", left[0], "route", "add", "default", "via", right[2])


def _clear(name: str) -> None:
    """Ends what still runs within, then the namespace and its wires."""
    held = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, timeout=20, check=False)
    for pid in held.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=20, check=False)
