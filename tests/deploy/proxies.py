"""The reverse proxies of deploy/, started with those very files: only names, ports and paths of certificates differ."""

import asyncio
import contextlib
import os
import shutil
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.client.nginx import certificate
from tests.machine import free_port

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
NAMES = ("caddy", "nginx", "haproxy")


def replaced(file: str, changes: list[tuple[str, str]]) -> str:
    """The text of a file of deploy/ with each of these replaced; each must be there."""
    text = (DEPLOY / file).read_text()
    for old, new in changes:
        assert old in text, f"{file} has no {old!r}"
        text = text.replace(old, new)
    return text


@contextlib.asynccontextmanager
async def proxy(name: str, upstream: int, folder: Path) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """Its https address on this machine, and what a client trusts."""
    port, plain = free_port(), free_port()
    argv, root, env = globals()[f"_{name}"](folder, upstream, port, plain)
    log = (folder / f"{name}.log").open("wb")
    process = await asyncio.create_subprocess_exec(*argv, stdout=log, stderr=log, env={**os.environ, **env})
    try:
        async with asyncio.timeout(20):
            while not await _speaks(port, root):
                assert process.returncode is None, (folder / f"{name}.log").read_text()
                await asyncio.sleep(0.02)
        yield f"https://localhost:{port}", ssl.create_default_context(cafile=str(root))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        log.close()


async def _speaks(port: int, root: Path) -> bool:
    """Whether a handshake succeeds: Caddy listens before it has a certificate."""
    try:
        trust = ssl.create_default_context(cafile=str(root))
        _, writer = await asyncio.open_connection("localhost", port, ssl=trust)
    except OSError:
        return False
    writer.close()
    return True


def program(name: str) -> str:
    found = shutil.which(
        name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"])
    )
    assert found is not None, f"the tests need {name}: scripts/test_parts.sh and the dev extras bring it"
    return found


Started = tuple[list[str], Path, dict[str, str]]


def _caddy(folder: Path, upstream: int, port: int, plain: int) -> Started:
    options = f"{{\n\tadmin off\n\tskip_install_trust\n\thttp_port {plain}\n\tservers {{"
    text = replaced(
        "Caddyfile",
        [("{\n\tservers {", options), ("drop.example.org {", f"https://localhost:{port} {{\n\ttls internal")],
    )
    (folder / "Caddyfile").write_text(text)
    env = {"XDG_DATA_HOME": str(folder), "HOME": str(folder), "BURROW_UPSTREAM": f"127.0.0.1:{upstream}"}
    argv = [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    return argv, folder / "caddy" / "pki" / "authorities" / "local" / "root.crt", env


def _nginx(folder: Path, upstream: int, port: int, plain: int) -> Started:
    both = certificate(folder / "both.pem", "localhost")
    text = replaced(
        "nginx.conf",
        [
            ("/run/nginx.pid", f"{folder}/nginx.pid"),
            ("/var/log/nginx/error.log", f"{folder}/errors"),
            ("/etc/letsencrypt/live/drop.example.org/fullchain.pem", str(both)),
            ("/etc/letsencrypt/live/drop.example.org/privkey.pem", str(both)),
            ("127.0.0.1:5000", f"127.0.0.1:{upstream}"),
            ("listen 80;", f"listen 127.0.0.1:{plain};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
            ("drop.example.org", "localhost"),
            ("worker_processes auto;", "worker_processes 1;"),
        ],
    )
    (folder / "nginx.conf").write_text(text)
    argv = [program("nginx"), "-e", f"{folder}/errors", "-c", f"{folder}/nginx.conf", "-g", "daemon off;"]
    return argv, both, {}


def _haproxy(folder: Path, upstream: int, port: int, plain: int) -> Started:
    both = certificate(folder / "both.pem", "localhost")
    text = replaced(
        "haproxy.cfg",
        [
            ("127.0.0.1:5000", f"127.0.0.1:{upstream}"),
            ("bind :80", f"bind 127.0.0.1:{plain}"),
            ("bind :443", f"bind 127.0.0.1:{port}"),
            ("/etc/haproxy/drop.example.org.pem", str(both)),
        ],
    )
    (folder / "haproxy.cfg").write_text(text)
    return [program("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")], both, {}
