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

    def __init__(self, mark: str, hosts: tuple[str, ...]) -> None:
        self._mark, self._hosts = mark, hosts

    def within(self, name: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", f"{self._mark}-{name}")

    def address(self, name: str) -> str:
        return f"10.73.0.{self._hosts.index(name) + 2}"


@contextlib.contextmanager
def lan(*hosts: str) -> Iterator[Lan]:
    """The hosts, with multicast between them and no way to anywhere else."""
    mark = f"l{secrets.token_hex(3)}"
    made, hub = Lan(mark, hosts), f"{mark}-hub"
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
            run("ip", "-n", name, "addr", "add", f"{made.address(host)}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
        yield made
    finally:
        for end in (*hosts, "hub"):
            subprocess.run(["ip", "netns", "del", f"{mark}-{end}"], capture_output=True, timeout=20, check=False)
