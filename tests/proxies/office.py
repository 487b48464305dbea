"""An office: ann and bob, each in a network of their own, a gateway that forwards nothing, and a server outside.

Whatever leaves goes through a proxy on the gateway: tinyproxy, squid, microsocks, Dante, or one that misbehaves. Needs
root and iproute2. However a test ends, its processes and namespaces are gone.
"""

import asyncio
import contextlib
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from tests.client.nginx import certificate
from tests.e2e.served import Served
from tests.e2e.transfer.pair import Machine
from tests.foreign import foreign
from tests.netns import run, wired

NAME = "drop.example.org"  # of the server; only the gateway and the server know it
SERVER, GATEWAY = "203.0.113.7", "10.77.1.1"
USER, PASSWORD = "ann", "pa-ss.w_rd"
WRITTEN = "ann:pa%2Dss.w_rd"  # as in a URL
BAD = Path(__file__).with_name("bad_proxy.py")


class Office:
    def __init__(self, mark: str, home: Path) -> None:
        self._mark, self.home = mark, home
        self.ann, self.bob = Machine(home / "ann", self.within("ann")), Machine(home / "bob", self.within("bob"))
        self._stack = contextlib.AsyncExitStack()

    def within(self, place: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", f"{self._mark}-{place}")

    async def server(self, *, tls: bool = False, own: bool = False, port: int = 5000, **settings: Any) -> str:
        """The origin of a new one. `own`: its certificate is by an authority of its own."""
        if own:
            settings |= {"tls": "self-signed", "tls_names": NAME}
        elif tls:
            cert = certificate(self.home / "cert.pem", NAME)
            settings |= {"tls_cert": cert, "tls_key": cert}
        server = Served(self.home / f"data-{port}", **{"stun_servers": "", "mdns": "0", "hosts": NAME, **settings})
        server.within, server.host, server.port = self.within("server"), SERVER, port
        self._stack.push_async_callback(server.close)
        await server.start()
        return f"https://{NAME}:{port}" if tls or own else f"http://{NAME}:{port}"

    async def tinyproxy(self, *lines: str, port: int = 8888, auth: bool = False) -> str:
        """Its address, with user and password if it wants them."""
        config = self.home / f"tinyproxy-{port}.conf"
        who = [f"BasicAuth {USER} {PASSWORD}"] if auth else []
        config.write_text("\n".join([f"Port {port}", "Timeout 600", "LogLevel Critical", *who, *lines]) + "\n")
        await self._start("gateway", f":{port}", "tinyproxy", "-d", "-c", str(config))
        return f"http://{WRITTEN + '@' if auth else ''}{GATEWAY}:{port}"

    async def microsocks(self, scheme: str = "socks5h", port: int = 1080, *, auth: bool = False) -> str:
        who = ("-u", USER, "-P", PASSWORD) if auth else ()
        await self._start("gateway", f":{port}", "microsocks", "-p", str(port), *who)
        return f"{scheme}://{WRITTEN + '@' if auth else ''}{GATEWAY}:{port}"

    async def squid(self, port: int = 3128, *, auth: bool = False) -> str:
        """As Debian sets it up: tunnels go to port 443 only."""
        checks = f"auth_param basic program /bin/sed -u -e s/^{USER}.{PASSWORD}$/OK/ -e t -e s/.*/ERR/"
        allowed = (
            [checks, "acl known proxy_auth REQUIRED", "http_access allow known"] if auth else ["http_access allow all"]
        )
        lines = [
            f"http_port {port}",
            "visible_hostname gateway",
            "pid_filename none",
            "access_log none",
            "cache_log /dev/null",
            "pinger_enable off",
            "acl SSL_ports port 443",
            "http_access deny CONNECT !SSL_ports",
            *allowed,
            "http_access deny all",
        ]
        config = self.home / "squid.conf"
        config.write_text("\n".join(lines) + "\n")
        await self._start("gateway", f":{port}", "squid", "-N", "-f", str(config))
        return f"http://{WRITTEN + '@' if auth else ''}{GATEWAY}:{port}"

    async def dante(self, scheme: str = "socks5h", port: int = 1081, *, auth: bool = False) -> str:
        config = self.home / "danted.conf"
        config.write_text(
            f"logoutput: /dev/null\ninternal: {GATEWAY} port = {port}\nexternal: 203.0.113.1\n"
            f"clientmethod: none\nsocksmethod: {'username' if auth else 'none'}\n"
            "user.privileged: root\nuser.unprivileged: nobody\n"
            "client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n"
            "socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 protocol: tcp }\n"
        )
        await self._start("gateway", f":{port}", "danted", "-f", str(config))
        return f"{scheme}://{WRITTEN + '@' if auth else ''}{GATEWAY}:{port}"

    async def by_tls(self, behind: int, port: int = 8443) -> str:
        """TLS before a proxy on the gateway; its certificate is for the gateway's address."""
        cert, config = certificate(self.home / "gateway.pem", GATEWAY), self.home / "haproxy.cfg"
        config.write_text(
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
            f"listen tls\n  bind {GATEWAY}:{port} ssl crt {cert}\n  server proxy 127.0.0.1:{behind}\n"
        )
        await self._start("gateway", f":{port}", "haproxy", "-db", "-f", str(config))
        return f"https://{WRITTEN}@{GATEWAY}:{port}"

    async def bad(self, how: str, port: int = 8080) -> str:
        """One that does nothing but this; see bad_proxy.py."""
        await self._start("gateway", f":{port}", sys.executable, str(BAD), str(port), how)
        return f"http://{GATEWAY}:{port}"

    async def close(self) -> None:
        await asyncio.gather(self.ann.close(), self.bob.close())
        await self._stack.aclose()

    async def _start(self, place: str, listens: str, *command: str) -> None:
        """A foreign program, until it listens."""
        await self._stack.enter_async_context(foreign(self.within(place), listens, *command, cwd=self.home))


@contextlib.asynccontextmanager
async def office(home: Path) -> AsyncIterator[Office]:
    mark = f"o{secrets.token_hex(3)}"
    with _networks(mark):
        made = Office(mark, home)
        try:
            yield made
        finally:
            await made.close()


@contextlib.contextmanager
def _networks(mark: str) -> Iterator[None]:
    gateway = f"{mark}-gateway"
    wires = [
        (f"{mark}-ann", "10.77.1.2/24", gateway, f"{GATEWAY}/24"),
        (f"{mark}-bob", "10.77.2.2/24", gateway, "10.77.2.1/24"),
        (f"{mark}-server", f"{SERVER}/24", gateway, "203.0.113.1/24"),
    ]
    folders = [Path(f"/etc/netns/{mark}-{each}") for each in ("gateway", "server")]
    try:
        for folder in folders:  # `ip netns exec` lays what is here over /etc
            folder.mkdir(parents=True)
            (folder / "hosts").write_text(f"127.0.0.1 localhost\n{SERVER} {NAME}\n")
        _user_of_the_system(folders[0])
        with wired([f"{mark}-{each}" for each in ("ann", "bob", "gateway", "server")], wires):
            run("ip", "netns", "exec", gateway, "sysctl", "-qw", "net.ipv4.ip_forward=0")
            run("ip", "-n", f"{mark}-bob", "route", "add", "10.77.1.0/24", "via", "10.77.2.1")
            yield
            subprocess.run(["ip", "netns", "pids", gateway], capture_output=True, timeout=20, check=False)
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def _user_of_the_system(folder: Path) -> None:
    """Dante knows the users of its system only; ann becomes one inside the gateway."""
    held = run("openssl", "passwd", "-6", PASSWORD).strip()
    lines = {"passwd": f"{USER}:x:54321:65534::/:/usr/sbin/nologin", "shadow": f"{USER}:{held}:20000:0:99999:7:::"}
    for name, line in lines.items():
        (folder / name).write_text(Path("/etc", name).read_text().rstrip("\n") + f"\n{line}\n")
