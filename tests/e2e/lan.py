"""A local network of hosts in namespaces of their own, joined by a bridge in one more. Needs root and iproute2. Nothing
stays behind.
"""

import contextlib
import secrets
import subprocess
from collections.abc import Iterator

from tests.netns import run


class Lan:
    """`within(name)` is the command that runs another one on a host, `address(name)` where that is reached."""

    def __init__(self, mark: str, hosts: tuple[str, ...], prefix: str) -> None:
        self._mark, self._hosts, self._prefix = mark, hosts, prefix

    def name(self, host: str) -> str:
        """Of its namespace."""
        return f"{self._mark}-{host}"

    def within(self, name: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", f"{self._mark}-{name}")

    def address(self, name: str) -> str:
        """Empty on a network where each has only the IPv6 address that it gave itself."""
        return self._prefix and f"{self._prefix}{self._hosts.index(name) + 2}"

    def join(self, host: str, other: "Lan") -> str:
        """Puts a host of this network on another one as well, as eth1; its address there."""
        name, hub, address = self.name(host), other.name("hub"), f"{other._prefix}200"
        run("ip", "-n", name, "link", "add", "eth1", "type", "veth", "peer", "name", "joined", "netns", hub)
        run("ip", "-n", hub, "link", "set", "joined", "master", "bridge", "up")
        run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth1")
        run("ip", "-n", name, "link", "set", "eth1", "up")
        return address


@contextlib.contextmanager
def lan(*hosts: str, prefix: str = "10.73.0.") -> Iterator[Lan]:
    """The hosts, with multicast between them and no way to anywhere else. `prefix` "fd73::": a network of IPv6 alone;
    "": of link-local addresses alone."""
    mark = f"l{secrets.token_hex(3)}"
    made, hub = Lan(mark, hosts, prefix), f"{mark}-hub"
    try:
        run("ip", "netns", "add", hub)
        run("ip", "-n", hub, "link", "add", "bridge", "type", "bridge", "mcast_snooping", "0")
        run("ip", "-n", hub, "link", "set", "bridge", "up")
        for number, host in enumerate(hosts):
            name = f"{mark}-{host}"
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", f"p{number}", "netns", hub)
            run("ip", "-n", hub, "link", "set", f"p{number}", "master", "bridge", "up")
            # An IPv6 address is good at once, and not after a second of asking around
            run(*made.within(host), "sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0")
            if prefix:
                size = 64 if ":" in prefix else 24
                run("ip", "-n", name, "addr", "add", f"{made.address(host)}/{size}", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
        yield made
    finally:
        for end in (*hosts, "hub"):
            subprocess.run(["ip", "netns", "del", f"{mark}-{end}"], capture_output=True, timeout=20, check=False)
