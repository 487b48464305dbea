"""The small HTTP client: which connections are used again, and whose word is taken for what."""

import asyncio
import ssl
from pathlib import Path

import pytest

from burrowspace.client.errors import Unreachable
from burrowspace.client.server.api import Server
from burrowspace.client.server.http import Http
from burrowspace.client.server.trust import Untrusted
from tests.client.nginx import certificate

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("line", "connections"),
    [
        ("HTTP/1.1 200 OK", 1),
        ("HTTP/1.0 200 OK", 2),
        ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive", 1),
        ("HTTP/1.1 200 OK\r\nConnection: foo, Close", 2),
    ],
)
async def test_a_connection_is_kept_only_where_the_server_keeps_it(line: str, connections: int) -> None:
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(f"{line}\r\nContent-Length: 2\r\n\r\nok".encode())
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    http = Http(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", 10)
    assert [(await http.request("GET", "/")).body for _ in range(2)] == [b"ok", b"ok"]
    assert served == connections
    await http.close()
    server.close()


@pytest.mark.parametrize("kind", ["text/html", "text/plain"])
async def test_a_redirect_is_named_and_never_followed(kind: str) -> None:
    asked: list[bytes] = []
    target = await asyncio.start_server(lambda reader, writer: asked.append(b"!"), "127.0.0.1")
    elsewhere = f"http://127.0.0.1:{target.sockets[0].getsockname()[1]}"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 301 Moved\r\nLocation: {elsewhere}/hello\r\nContent-Type: {kind}\r\nConnection: close"
        writer.write(f"{head}\r\nContent-Length: 5\r\n\r\nmoved".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    async with Server(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as asking:
        with pytest.raises(Unreachable, match=f"it sends callers to {elsewhere}; name that address"):
            await asking.hello()
    assert not asked
    server.close()
    target.close()


async def test_a_certificate_is_judged_behind_a_proxy_as_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path / "cert.pem", "drop.example.org"))

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        await writer.drain()
        try:
            await writer.start_tls(context)
        except OSError:
            writer.close()

    proxy = await asyncio.start_server(pretend, "127.0.0.1")
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
    http = Http("https://drop.example.org", 10)
    with pytest.raises(Untrusted, match=r"its certificate is self-signed|nobody that this machine trusts"):
        await http.request("GET", "/hello")
    proxy.close()
