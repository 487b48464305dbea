"""The small HTTP client: which connections are used again."""

import asyncio

import pytest

from burrowspace.client.http import Http

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
