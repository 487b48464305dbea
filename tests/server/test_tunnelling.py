"""The keeper of the public URL, with a scripted tunnel, a hand-wound clock and no sleeping."""

import asyncio
import doctest
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.config import Settings
from burrowspace.ports import TunnelDown
from burrowspace.server import tunnelling
from burrowspace.server.reachability import Reachability
from burrowspace.server.tunnelling import FIRST_S, LONGEST_S, STEADY_S, TunnelKeeper, backoff_s

pytestmark = pytest.mark.anyio

URL = "https://one.example.org"
AWAY = TunnelDown("the service cannot be reached", "check the network")


class Script:
    """A tunnel that does what is written: a URL opens it, an exception is raised, None waits for ever."""

    def __init__(self, *lines: str | Exception | None) -> None:
        self._lines = list(lines)
        self.ports: list[int] = []
        self.breaks: asyncio.Queue[str | Exception] = asyncio.Queue()
        self.closed = 0

    async def open(self, port: int) -> str:
        self.ports.append(port)
        line = self._lines.pop(0) if self._lines else AWAY
        if line is None:
            await asyncio.Event().wait()
        if isinstance(line, Exception):
            raise line
        return str(line)

    async def broken(self) -> str:
        why = await self.breaks.get()
        if isinstance(why, Exception):
            raise why
        return why

    async def close(self) -> None:
        self.closed += 1


class Stage:
    """A keeper at work. `asked` gets the seconds of each wait; `wake` ends one."""

    def __init__(self, tunnel: Any, on_up: Callable[[str], None] | None = None) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self.wakes: asyncio.Queue[None] = asyncio.Queue()
        self.shown: asyncio.Queue[str] = asyncio.Queue()
        self.now = 0.0
        settings = Settings()
        self.reach = Reachability(settings, port=5000)
        self.keeper = TunnelKeeper(
            tunnel,
            self.reach,
            settings,
            on_up=on_up or self.shown.put_nowait,
            entropy=lambda: 1.0,
            clock=lambda: self.now,
            sleep=self._sleep,
        )
        self.task = asyncio.ensure_future(self.keeper.run())

    async def _sleep(self, seconds: float) -> None:
        self.asked.put_nowait(seconds)
        await self.wakes.get()

    async def wait(self) -> float:
        """The seconds it wants to wait, once it does."""
        return await asyncio.wait_for(self.asked.get(), 10)

    def wake(self) -> None:
        self.wakes.put_nowait(None)

    async def up(self) -> str:
        return await asyncio.wait_for(self.shown.get(), 10)


async def test_an_open_tunnel_gives_the_public_url_and_is_shown_once() -> None:
    stage = Stage(tunnel := Script(URL))
    assert await stage.up() == URL
    assert (stage.reach.tunnel_state, stage.reach.public_url) == ("up", URL)
    assert stage.reach.tunnel_message is None
    assert tunnel.ports == [5000]
    await stage.keeper.close()


async def test_without_a_tunnel_there_is_nothing_to_do() -> None:
    stage = Stage(None)
    await asyncio.wait_for(stage.task, 10)
    assert stage.reach.tunnel_state == "off"
    await stage.keeper.close()


async def test_while_the_service_is_asked_the_state_says_so() -> None:
    stage = Stage(tunnel := Script(None))
    while not tunnel.ports:
        await asyncio.sleep(0)
    assert (stage.reach.tunnel_state, stage.reach.public_url) == ("opening", None)
    await stage.keeper.close()


async def test_a_service_that_is_away_is_asked_again_after_ever_longer_waits() -> None:
    stage = Stage(Script(AWAY, AWAY, AWAY, URL))
    for wanted in (2.0, 4.0, 8.0):
        assert await stage.wait() == wanted
        assert stage.reach.tunnel_state == "down"
        assert stage.reach.tunnel_message == (
            "the service cannot be reached; check the network; it is tried again by itself"
        )
        stage.wake()
    assert await stage.up() == URL
    await stage.keeper.close()


async def test_a_final_refusal_is_not_tried_again() -> None:
    stage = Stage(tunnel := Script(TunnelDown("the token is wrong", "get another", final=True), URL))
    await asyncio.wait_for(stage.task, 10)
    assert stage.reach.tunnel_state == "down"
    assert stage.reach.tunnel_message == "the token is wrong; get another; it is not tried again until a restart"
    assert len(tunnel.ports) == 1
    await stage.keeper.close()


async def test_a_broken_tunnel_takes_its_url_back_and_is_opened_again() -> None:
    stage = Stage(tunnel := Script(URL, "https://two.example.org"))
    await stage.up()
    tunnel.breaks.put_nowait("the line was cut")
    assert await stage.wait() == FIRST_S
    assert (stage.reach.public_url, stage.reach.tunnel_state) == (None, "down")
    assert (stage.reach.tunnel_message or "").startswith("the line was cut; ")
    stage.wake()
    assert await stage.up() == "https://two.example.org"
    await stage.keeper.close()


async def test_a_tunnel_that_breaks_at_once_does_not_start_the_count_anew() -> None:
    stage = Stage(tunnel := Script(URL, URL, URL))
    waits = []
    for lived in (0.0, STEADY_S - 1, STEADY_S):
        await stage.up()
        stage.now += lived
        tunnel.breaks.put_nowait("cut")
        waits.append(await stage.wait())
        stage.wake()
    assert waits == [2.0, 4.0, 2.0]
    await stage.keeper.close()


@pytest.mark.parametrize("fault", [ValueError("odd"), OSError(5, "odd")])
async def test_a_faulty_adapter_does_not_end_the_keeper(fault: Exception) -> None:
    stage = Stage(tunnel := Script(fault, URL, URL))
    await stage.wait()
    stage.wake()
    await stage.up()
    tunnel.breaks.put_nowait(fault)
    await stage.wait()
    assert "unexpectedly" in (stage.reach.tunnel_message or "")
    stage.wake()
    assert await stage.up() == URL
    await stage.keeper.close()


async def test_an_address_that_cannot_be_shown_is_up_all_the_same() -> None:
    called = asyncio.Event()

    def show(url: str) -> None:
        called.set()
        raise OSError("the terminal has gone")

    stage = Stage(Script(URL), on_up=show)
    await asyncio.wait_for(called.wait(), 10)
    assert stage.reach.public_url == URL
    await stage.keeper.close()


async def test_closing_ends_the_task_and_the_tunnel() -> None:
    stage = Stage(tunnel := Script(URL))
    await stage.up()
    await stage.keeper.close()
    assert stage.task.done()
    assert tunnel.closed == 1
    assert (stage.reach.tunnel_state, stage.reach.public_url) == ("off", None)
    await stage.keeper.run()
    assert len(tunnel.ports) == 1, "a closed keeper stays closed"


async def test_closing_takes_less_than_two_seconds_whatever_the_tunnel_does() -> None:
    class Stubborn(Script):
        async def open(self, port: int) -> str:
            self.ports.append(port)
            return await self._never()

        async def close(self) -> None:
            await self._never()

        async def _never(self) -> str:
            while not self.free.is_set():
                try:
                    await self.free.wait()
                except asyncio.CancelledError:
                    continue
            return URL

        free = asyncio.Event()

    stage = Stage(tunnel := Stubborn())
    while not tunnel.ports:
        await asyncio.sleep(0)
    began = time.monotonic()
    await stage.keeper.close()
    assert time.monotonic() - began < 2
    tunnel.free.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(stage.task, 10)
    assert stage.reach.public_url is None


@pytest.mark.parametrize(
    "url",
    ["https://x.trycloudflare.com", "https://x.ngrok-free.app", "https://x.pango-lin.ts.net", "http://bore.pub:36647"],
)
async def test_pages_of_the_public_address_may_call_as_long_as_it_is_ours(url: str) -> None:
    stage = Stage(tunnel := Script(url))
    await stage.up()
    assert stage.reach.origin_allowed(url, "127.0.0.1:5000")
    assert not stage.reach.origin_allowed(url + ".evil.example", "127.0.0.1:5000")
    assert not stage.reach.origin_allowed(url.replace("http", "xttp"), "127.0.0.1:5000")
    tunnel.breaks.put_nowait("cut")
    await stage.wait()
    assert not stage.reach.origin_allowed(url, "127.0.0.1:5000")
    await stage.keeper.close()


@given(failures=st.integers(min_value=0, max_value=10**9), entropy=st.floats(min_value=0, max_value=1))
def test_a_wait_lies_between_half_and_all_of_a_bounded_doubling(failures: int, entropy: float) -> None:
    wait_s = backoff_s(failures, entropy)
    assert FIRST_S / 2 <= wait_s <= LONGEST_S
    assert wait_s <= backoff_s(failures + 1, 1.0)
    assert backoff_s(failures, 0.0) == backoff_s(failures, 1.0) / 2


def test_the_doctests_hold() -> None:
    assert doctest.testmod(tunnelling).failed == 0
