"""Keeps the public URL up: opens the tunnel beside the running server, says why it is not up, tries again.

    state     meaning                                    what ends it
    off       no tunnel is wanted                        nothing
    opening   the service is being asked                 it answers, refuses, or does not answer in time
    up        the URL works and is printed               the tunnel breaks
    down      waits before it is asked again; or, after  the wait is over; or, after a final refusal, a restart
              a final refusal, rests

The state, the URL and the reason stand in `Reachability`, and so in `GET /status`. Nothing here delays the start or
makes it fail.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from burrowspace.config import Settings
from burrowspace.ports import Tunnel, TunnelDown
from burrowspace.server.reachability import Reachability

log = structlog.get_logger("tunnel")

FIRST_S = 2.0
LONGEST_S = 300.0
STEADY_S = 60.0  # a tunnel that stood this long has earned a new count
CLOSE_S = 0.7  # for each of the two steps of closing


def backoff_s(failures: int, entropy: float) -> float:
    """Seconds to wait after so many failures in a row; `entropy`, from 0 to 1, spreads many servers over the wait.

    >>> [backoff_s(n, 1.0) for n in (1, 2, 3, 8, 9, 10_000)]
    [2.0, 4.0, 8.0, 256.0, 300.0, 300.0]
    >>> backoff_s(3, 0.0)
    4.0
    """
    longest = min(LONGEST_S, FIRST_S * 2.0 ** min(max(failures, 1) - 1, 30))
    return longest * (0.5 + 0.5 * entropy)


class TunnelKeeper:
    """One background task: `run()` until it is cancelled or closed."""

    def __init__(
        self,
        tunnel: Tunnel | None,
        reach: Reachability,
        settings: Settings,
        *,
        on_up: Callable[[str], None] | None = None,
        entropy: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._tunnel, self._reach, self._on_up = tunnel, reach, on_up
        self._entropy, self._clock, self._sleep = entropy, clock, sleep
        self._task: asyncio.Task[Any] | None = None
        self._closed = False

    async def run(self) -> None:
        """Opens and reopens. Ends at once without a tunnel, else at a final refusal; raises nothing of the tunnel's."""
        if self._tunnel is None or self._closed:
            return
        self._task = asyncio.current_task()
        failures = 0
        while True:
            began = self._clock()
            down = await self._once(self._tunnel)
            if down.final:
                self._say_down(down, None)
                return
            failures = 1 if self._clock() - began >= STEADY_S else failures + 1
            wait_s = backoff_s(failures, self._entropy())
            self._say_down(down, wait_s)
            await self._sleep(wait_s)

    async def close(self) -> None:
        """Ends the task and the tunnel, within two seconds whatever they do."""
        self._closed = True
        if self._task is not None and self._task is not asyncio.current_task() and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CLOSE_S)
        if self._tunnel is not None:
            await _bounded(self._tunnel.close())
        self._reach.tunnel_url, self._reach.tunnel_state, self._reach.tunnel_message = None, "off", None

    async def _once(self, tunnel: Tunnel) -> TunnelDown:
        """One life of the tunnel, from opening to its end; why it is down now."""
        self._reach.tunnel_state, self._reach.tunnel_message = "opening", None
        try:
            url = await tunnel.open(self._reach.port)
            if self._closed:  # and the adapter has swallowed the cancellation
                raise asyncio.CancelledError
            self._up(url)
            return TunnelDown(await tunnel.broken(), "it is opened again")
        except TunnelDown as down:
            return down
        except Exception as error:  # an adapter with a fault must not end the keeper
            log.error("the tunnel failed unexpectedly", error=repr(error), exc_info=error)
            return TunnelDown("the tunnel failed unexpectedly", "the log of the server says how")
        finally:
            self._reach.tunnel_url = None

    def _up(self, url: str) -> None:
        self._reach.tunnel_url, self._reach.tunnel_state, self._reach.tunnel_message = url, "up", None
        log.info("the tunnel is up", url=url)
        if self._on_up is not None:
            try:
                self._on_up(url)
            except Exception as error:
                log.error("the public address could not be shown", error=repr(error), exc_info=error)

    def _say_down(self, down: TunnelDown, wait_s: float | None) -> None:
        then = "it is tried again by itself" if wait_s is not None else "it is not tried again until a restart"
        self._reach.tunnel_state = "down"
        self._reach.tunnel_message = f"{down.why}; {down.remedy}; {then}"
        log.warning(
            "the public URL is not up; the server runs on without it",
            why=down.why,
            remedy=down.remedy,
            next_try="after a restart" if wait_s is None else f"in {wait_s:.0f} s",
        )


async def _bounded(work: Coroutine[Any, Any, Any]) -> None:
    """Waits for `work`, but no longer than the closing may take, and raises nothing of it."""
    task = asyncio.ensure_future(work)
    await asyncio.wait({task}, timeout=CLOSE_S)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        if task.done():
            task.result()
