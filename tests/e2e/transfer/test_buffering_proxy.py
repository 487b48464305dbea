"""A slow uplink, and behind it a proxy that passes on a request only when all of it has come: nginx as many run it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from burrowspace import Client, Options
from burrowspace.client import events
from tests.client.nginx import block, nginx
from tests.e2e.files import make
from tests.e2e.served import served
from tests.e2e.transfer.counting import Counting, counting
from tests.e2e.transfer.pair import SEALED
from tests.e2e.transfer.test_consent import MB, Told
from tests.machine import free_port
from tests.web.test_interop import page

pytestmark = pytest.mark.anyio

UPLINK = 150_000  # bytes a second
PIECE = 4 * SEALED  # the first one, whatever the line can do
WORDS = 100_000  # all that is said besides: heads, messages, the beginning of the next piece
SLOW = "the line to the server is slow; nothing more has arrived there yet"


@contextlib.asynccontextmanager
async def slow(home: Path) -> AsyncIterator[Counting]:
    """The server as it is reached from behind such a line."""
    port = free_port()
    async with served(home / "data") as server:
        before = block(port, f"http://127.0.0.1:{server.port}", proxy_request_buffering="on")
        async with nginx(home / "nginx", {port: before}), counting(port, UPLINK) as line:
            yield line


async def test_a_terminal_says_that_the_line_is_slow_and_shows_something_after_one_small_piece(tmp_path: Path) -> None:
    film = make(tmp_path / "film.bin", 12 * MB)
    async with slow(tmp_path) as line, Client(line.url, state=tmp_path / "ann") as ann:
        sending = Told(ann.send([film], with_code=False, options=Options(store_now=True)))
        await sending.until(lambda event: isinstance(event, events.Progress) and event.done > 0)
        assert line.up < PIECE + WORDS
        told = [event for event in sending.events if isinstance(event, events.Waiting | events.Progress)]
        said_until_something_came([getattr(event, "why", None) or event.done for event in told])
        await sending.transfer.close()


async def test_a_page_says_so_as_well(tmp_path: Path) -> None:
    film = make(tmp_path / "film.bin", 12 * MB)
    async with slow(tmp_path) as line, page("send", line, {"storeNow": True}, film) as ann:  # type: ignore[arg-type]
        await ann.done(1)
        assert line.up < PIECE + WORDS
        told = [event for event in ann.events if event["event"] in ("waiting", "progress")]
        said_until_something_came([event.get("why") or event["done"] for event in told])


def said_until_something_came(told: list[str | int]) -> None:
    """`told`: reasons to wait and how much had come, in their order."""
    before = told[: next(at for at, each in enumerate(told) if isinstance(each, int) and each)]
    assert set(before[before.index(SLOW) :]) == {SLOW}, "nothing came, and something else was shown"
