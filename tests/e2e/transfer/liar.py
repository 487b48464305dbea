"""A server that lies: between the receiver and the real one, it spoils what is downloaded from spools."""

import contextlib
from collections.abc import AsyncIterator, Callable

import aiohttp
from aiohttp import web

Spoil = Callable[[bytes], bytes]
"""What it makes of the sealed bytes of a whole download."""

BLOCK = 262_144 + 28


def swapped(data: bytes) -> bytes:
    """Two blocks of the pack have changed places."""
    first = len(data) % BLOCK  # the manifest's block is short
    one, two = data[first : first + BLOCK], data[first + BLOCK : first + 2 * BLOCK]
    return data[:first] + two + one + data[first + 2 * BLOCK :]


def repeated(data: bytes) -> bytes:
    """A block comes a second time in the place of the next."""
    return data[: -2 * BLOCK] + data[-3 * BLOCK : -2 * BLOCK] + data[-BLOCK:]


def cut(data: bytes) -> bytes:
    """The end is missing."""
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    """One bit is different."""
    at = len(data) * 3 // 4
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def shortened(data: bytes) -> bytes:
    """A byte is missing, so that all behind it is moved."""
    at = len(data) // 2
    return data[:at] + data[at + 1 :]


SPOILS: dict[str, Spoil] = {
    "swapped": swapped,
    "repeated": repeated,
    "cut": cut,
    "bit flipped": flipped,
    "byte missing": shortened,
}


@contextlib.asynccontextmanager
async def lying(real: str, spoil: Spoil) -> AsyncIterator[str]:
    """The origin of a server that passes everything on to `real` but tells lies about spools."""
    async with aiohttp.ClientSession(auto_decompress=False) as http:

        async def serve(request: web.Request) -> web.StreamResponse:
            headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
            body = await request.read()
            async with http.request(request.method, real + request.path_qs, headers=headers, data=body) as answer:
                data = await answer.read()
                kept = ("content-type", "content-range", "etag")
                told = {k: v for k, v in answer.headers.items() if k.lower() in kept}
                if request.path.startswith("/download/") and answer.status in (200, 206):
                    data = spoil(data)
                return web.Response(status=answer.status, body=data, headers=told)

        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{tail:.*}", serve)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
