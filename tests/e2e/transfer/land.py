"""Networks for the proofs: ann, bob and a server in network namespaces, a hub between them that can be told what to
let through. Needs root, iproute2 and nftables. Nothing stays behind.
"""

import contextlib
import secrets
import subprocess
from collections.abc import Iterator

from tests.netns import run

PORT = 5000  # of the server
SERVER = "198.18.0.2"

_NAT = """
table ip nat {{
  chain post {{ type nat hook postrouting priority srcnat; oifname "{wan}" masquerade{how}; }}
}}
table ip guard {{
  chain input {{ type filter hook input priority filter; iifname "{wan}" ct state new drop; }}
  chain forward {{ type filter hook forward priority filter; iifname "{wan}" ct state new drop; }}
}}
"""
RULES = {
    "open": "",
    "no direct path": "ip saddr != {server} ip daddr != {server} drop;",
    "direct path reset": "ip saddr != {server} ip daddr != {server} meta l4proto tcp reject with tcp reset;"
                         " ip saddr != {server} ip daddr != {server} drop;",
    "no UDP": "meta l4proto udp drop;",
    "only HTTP": "ip daddr {server} tcp dport {port} accept; ip saddr {server} tcp sport {port} accept; drop;",
    "no server": "ip saddr {server} drop; ip daddr {server} drop;",
}  # fmt: skip
"""What the hub does, by name; `Land.let`."""


class Land:
    """`within(name)` is the command that runs another one at `ann`, `bob` or the `server`."""

    def __init__(self, mark: str) -> None:
        self._mark = mark

    def within(self, name: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", f"{self._mark}-{name}")

    def let(self, rule: str) -> None:
        """From now on the hub lets through what RULES says."""
        body = RULES[rule].format(server=SERVER, port=PORT)
        text = (
            "table ip hub\ndelete table ip hub\ntable ip hub {\nchain forward {\n"
            f"type filter hook forward priority filter;\n{body}\n}}\n}}\n"
        )
        run(*self.within("hub"), "nft", "-f", "-", text=text)


@contextlib.contextmanager
def land(nat: str | None = None) -> Iterator[Land]:
    """Ann and bob on two networks of their own around the hub; each behind a NAT if `nat` is given: "" keeps ports,
    "fully-random" does not."""
    mark = f"g{secrets.token_hex(3)}"
    made = Land(mark)
    ends = ["ann", "bob", "server", "hub"] + (["one", "two"] if nat is not None else [])
    # (left, its address, right, its address): the default route of the left goes to the right
    if nat is None:
        wires = [("ann", "198.18.1.2", "hub", "198.18.1.1"), ("bob", "198.18.2.2", "hub", "198.18.2.1")]
    else:
        wires = [
            ("ann", "10.71.1.2", "one", "10.71.1.1"),
            ("bob", "10.71.2.2", "two", "10.71.2.1"),
            ("one", "198.18.1.2", "hub", "198.18.1.1"),
            ("two", "198.18.2.2", "hub", "198.18.2.1"),
        ]
    wires.append(("server", SERVER, "hub", "198.18.0.1"))
    try:
        for end in ends:
            run("ip", "netns", "add", f"{mark}-{end}")
            run("ip", "-n", f"{mark}-{end}", "link", "set", "lo", "up")
            run(*made.within(end), "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for number, (left, left_at, right, right_at) in enumerate(wires):
            a, b = f"{left}{number}", f"{right}{number}"
            ours, theirs = f"{mark}-{left}", f"{mark}-{right}"
            run("ip", "-n", ours, "link", "add", a, "type", "veth", "peer", "name", b, "netns", theirs)
            for place, name, address in ((ours, a, left_at), (theirs, b, right_at)):
                run("ip", "-n", place, "addr", "add", f"{address}/24", "dev", name)
                run("ip", "-n", place, "link", "set", name, "up")
            run("ip", "-n", ours, "route", "add", "default", "via", right_at)
            if left in ("one", "two"):
                how = f" {nat}" if nat else ""
                run(*made.within(left), "nft", "-f", "-", text=_NAT.format(wan=a, how=how))
        yield made
    finally:
        for end in ends:
            subprocess.run(["ip", "netns", "del", f"{mark}-{end}"], capture_output=True, timeout=20, check=False)
