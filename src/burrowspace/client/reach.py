"""How one end gets direct links to the other: where it listens, what it tells of that, and an attempt for each path.

Both ends have one of these for each other end. It decides nothing: core/paths.py says what is tried when (the receiver
asks; the sender only answers, and dials in turn when it hears addresses). Spec: docs/spec/paths.md.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from burrowspace.client.greet import Pass
from burrowspace.client.limits import Bucket
from burrowspace.client.link import Link
from burrowspace.client.link_tcp import Expected, Listener, connect
from burrowspace.client.options import Options
from burrowspace.core import signals
from burrowspace.core.errors import BurrowError
from burrowspace.core.paths import Path

log = structlog.get_logger("client")

ADDRESSES_S = 5.0  # to wait for the other end's addresses


class Reach:
    """`add` is called with each link that comes in; `make` gives those that were asked for."""

    def __init__(
        self,
        *,
        ticket: Pass,
        listener: Listener | None,
        options: Options,
        say: Callable[[signals.Signal], Awaitable[None]],
        add: Callable[[Link], None],
        bucket: Bucket | None = None,
    ) -> None:
        self._ticket, self._listener, self._options = ticket, listener, options
        self._say, self._add, self._bucket = say, add, bucket
        self._theirs: tuple[tuple[str, int], ...] = ()
        self._told = asyncio.Event()
        self._expected: Expected | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def possible(self) -> frozenset[Path]:
        """The paths that this program can make at all."""
        direct = {Path.TCP} if self._listener is not None else set()
        return frozenset({*direct, Path.RELAY, Path.STORE})

    async def open(self) -> None:
        """Lets links in and tells the other end where."""
        if self._listener is None:
            return
        self._expected = self._listener.expect(self._ticket, self._bucket)
        self._begin(self._let_in(self._expected))
        await self.tell_again()

    async def tell_again(self) -> None:
        """Says anew where this end is: the other one's program has begun again, or the network is another."""
        if self._listener is not None:
            await self._say(signals.Candidates(tcp=tuple(self._listener.addresses()[: signals.CANDIDATES])))

    def heard(self, signal: signals.Signal) -> None:
        """What the other end says of where it is."""
        if isinstance(signal, signals.Candidates) and self._listener is not None:
            self._theirs = signal.tcp
            self._told.set()
            if self._ticket.sender:
                self._begin(self._dial())

    async def make(self, path: Path) -> Link:
        """A link of this kind, made from here. OSError, TimeoutError or BurrowError where it cannot be."""
        if path is not Path.TCP:
            raise ConnectionError("this program cannot make such a path")
        async with asyncio.timeout(ADDRESSES_S):
            await self._told.wait()
        return await connect(self._theirs, self._ticket, bucket=self._bucket)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._expected is not None:
            self._expected.close()

    async def _let_in(self, expected: Expected) -> None:
        async for link in expected:
            self._add(link)

    async def _dial(self) -> None:
        with contextlib.suppress(OSError, BurrowError, TimeoutError):
            self._add(await self.make(Path.TCP))

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
