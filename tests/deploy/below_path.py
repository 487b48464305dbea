"""The proxies with the files of deploy/path/: BurrowSpace at /burrow/ of a site, by plain http on this machine."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tests.deploy.proxies import DEPLOY, program
from tests.machine import free_port

# How the server learns of the path: by the proxy's header, by its public URL, or not at all, for the proxy cuts it off
WAYS = ("header", "public-url", "cut-off")
BASE = "/burrow"


def _text(file: str, changes: list[tuple[str, str]]) -> str:
    text = (DEPLOY / "path" / file).read_text()
    for old, new in changes:
        assert old in text, f"{file} has no {old!r}"
        text = text.replace(old, new)
    return text


def _nginx(folder: Path, upstream: int, port: int, way: str) -> tuple[list[str], dict[str, str]]:
    slash = "/" if way == "cut-off" else ""
    changes = [("127.0.0.1:5000;", f"127.0.0.1:{upstream}{slash};")]
    if way != "header":
        changes.append(("    proxy_set_header X-Forwarded-Prefix /burrow;\n", ""))
    (folder / "below.conf").write_text(_text("nginx.conf", changes))
    (folder / "nginx.conf").write_text(
        f"worker_processes 1; pid {folder}/nginx.pid; events {{ worker_connections 512; }}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ return 204; }} include {folder}/below.conf; }} }}\n"
    )
    argv = [program("nginx"), "-e", f"{folder}/errors", "-c", f"{folder}/nginx.conf", "-g", "daemon off;"]
    return argv, {}


def _caddy(folder: Path, upstream: int, port: int, way: str) -> tuple[list[str], dict[str, str]]:
    changes = [("handle /burrow/*", "handle_path /burrow/*")] if way == "cut-off" else []
    if way != "header":
        changes.append(("\t\theader_up X-Forwarded-Prefix /burrow\n", ""))
    site = _text("Caddyfile", changes)
    options = "{\n\tadmin off\n\tauto_https off\n\tgrace_period 10ms\n}\n"  # waiting calls end with it
    (folder / "Caddyfile").write_text(f"{options}http://localhost:{port} {{\n{site}\trespond 204\n}}\n")
    env = {"XDG_DATA_HOME": str(folder), "HOME": str(folder), "BURROW_UPSTREAM": f"127.0.0.1:{upstream}"}
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")], env


def _haproxy(folder: Path, upstream: int, port: int, way: str) -> tuple[list[str], dict[str, str]]:
    changes = [
        ("127.0.0.1:5000", f"127.0.0.1:{upstream}"),
        ("bind :443 ssl crt /etc/haproxy/box.example.org.pem alpn http/1.1", f"bind 127.0.0.1:{port}"),
        ("set-header X-Forwarded-Proto https", "set-header X-Forwarded-Proto http"),
    ]
    if way == "cut-off":
        changes.append(("    # http-request replace-path", "    http-request replace-path"))
    if way != "header":
        changes.append(("    http-request set-header X-Forwarded-Prefix /burrow\n", ""))
    (folder / "haproxy.cfg").write_text(_text("haproxy.cfg", changes))
    return [program("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")], {}


_STARTED: dict[str, Callable[[Path, int, int, str], tuple[list[str], dict[str, str]]]] = {
    "nginx": _nginx,
    "caddy": _caddy,
    "haproxy": _haproxy,
}


@contextlib.asynccontextmanager
async def below_path(name: str, way: str, upstream: int, port: int, folder: Path) -> AsyncIterator[str]:
    """Where the server is reached: `http://localhost:PORT/burrow`."""
    argv, env = _STARTED[name](folder, upstream, port, way)
    with (folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*argv, stdout=log, stderr=log, env={**os.environ, **env})
        try:
            async with asyncio.timeout(20):
                while not await _listens(port):
                    assert process.returncode is None, (folder / f"{name}.log").read_text()
                    await asyncio.sleep(0.02)
            yield f"http://localhost:{port}{BASE}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def settings(way: str, port: int) -> dict[str, str]:
    """What the server is told besides."""
    more = {"public_url": f"http://localhost:{port}{BASE}"} if way == "public-url" else {}
    return {"trusted_proxies": "127.0.0.1", **more}


__all__ = ["BASE", "WAYS", "below_path", "free_port", "settings"]
