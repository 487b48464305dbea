"""Two people, their programs and a server, each a real process: started, watched by what it says as JSON, killed, and
started again with the very same words.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from burrowspace.cli.exits import Exit
from tests.cli.program import Person, Program
from tests.e2e.files import digest
from tests.e2e.served import Served
from tests.e2e.transfer.land import PORT, SERVER, Land

MB = 1_000_000
SEALED = 262_144 + 28  # bytes of a full sealed block
CREDIT = 32  # blocks that may be under way


class Machine(Person):
    """A person, perhaps in a network of their own."""

    def __init__(self, home: Path, within: tuple[str, ...] = ()) -> None:
        super().__init__(home)
        self.within = within


class Pair:
    """`ann` sends, `bob` (and others) receive. `server.url` is known to all."""

    def __init__(self, server: Served, ann: Machine, bob: Machine) -> None:
        self.server, self.ann, self.bob = server, ann, bob

    async def send(self, *args: str | Path, **more: Any) -> Program:
        return await self.ann.burrow("send", *args, "--server", self.server.url, "--json", **more)

    async def receive(self, link: str, *args: str | Path, who: Machine | None = None) -> Program:
        return await (who or self.bob).burrow("receive", link, *args, "--json")

    def same(self, name: str, who: Machine | None = None) -> None:
        """What arrived is what was sent, to the last byte."""
        got = (who or self.bob).folder / name
        assert digest(got) == digest(self.ann.folder / name)
        assert not list(got.parent.glob(".burrow-*")), "something unfinished lies beside it"


@contextlib.asynccontextmanager
async def pair(home: Path, land: Land | None = None, **settings: Any) -> AsyncIterator[Pair]:
    """Leave the context and none of the processes runs."""
    server = Served(home / "data", **settings)
    if land is not None:
        server.within, server.host, server.port = land.within("server"), SERVER, PORT
    ann = Machine(home / "ann", land.within("ann") if land else ())
    bob = Machine(home / "bob", land.within("bob") if land else ())
    try:
        yield Pair(await server.start(), ann, bob)
    finally:
        await asyncio.gather(ann.close(), bob.close())
        await server.close()


async def link_of(sender: Program) -> str:
    return str((await sender.event("ready"))["link"])


async def kill(program: Program) -> None:
    """-9."""
    with contextlib.suppress(ProcessLookupError):
        program.process.kill()
    await program.ended()


def through(program: Program) -> bool:
    """It was, whatever ended it then."""
    return program.process.returncode == 0 or any(each["event"] == "finished" for each in program.events)


async def leaves(program: Program) -> None:
    """Ctrl-C; it may be through at this very moment."""
    with contextlib.suppress(ProcessLookupError):
        program.interrupt()
    assert await program.ended(10) in (0, 130)


async def moved(program: Program, seconds: float) -> None:
    """Lets it go on for so long after its first byte; it may end meanwhile."""
    await program.until(lambda p: any(e["event"] in ("progress", "finished", "error") for e in p.events), 60)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await program.process.wait()


async def reaches(program: Program, done: int, seconds: float = 60) -> None:
    """Waits until so many bytes of the content are there."""
    await program.until(
        lambda p: any(e["event"] in ("progress", "finished") and size(e) >= done for e in p.events), seconds
    )


def size(event: dict[str, Any]) -> int:
    return int(event["done"] if event["event"] == "progress" else event["size"])


def paths(program: Program) -> list[str]:
    """The ways it took, in order."""
    return [event["path"] for event in program.events if event["event"] == "path"]


async def takes(program: Program, path: str, after: int = 0, seconds: float = 60) -> int:
    """Waits until it goes by `path` (its `after`th change of path or a later one); the number behind that change."""

    def found(program: Program) -> int:
        ways = paths(program)
        return next((n + 1 for n, way in enumerate(ways) if n >= after and way == path), 0)

    return int(await program.until(found, seconds))


async def well(program: Program, seconds: float = 120) -> dict[str, Any]:
    """Its last event, after it ended by itself, well."""
    code = await program.ended(seconds)
    assert code == 0, (code, program.said, program.out[-2000:])
    last = program.events[-1]
    assert last["event"] == "finished"
    return last


async def well_or_over(receiver: Program, seconds: float = 120) -> None:
    """It ends well. One before it may have been killed between its last word to the sender and its own last line: then
    there is nothing more to receive, and it says so. Whether the file is there, the caller looks."""
    if await receiver.ended(seconds) == Exit.WRONG_CODE:
        assert receiver.events[-1]["code"] == "gone", receiver.said
    else:
        await well(receiver)


def blocks(finished: dict[str, Any]) -> int:
    """Of full size, that travelled."""
    return int(sum(finished["shares"].values())) // SEALED


def frugal(finished: dict[str, Any], size: int, changes: int = 0, receivers: int = 1) -> None:
    """What crossed the network by all paths, and what was sealed, is the content once for each receiver, the list,
    and what was on its way at each change of path."""
    most = receivers * (size // 262_144 + 3) + overlap(changes)
    assert sum(finished["network"].values()) <= most * SEALED, finished["network"]
    assert finished["sealed"] <= most, finished


def overlap(changes: int) -> int:
    """So many blocks may come twice: what one path has on its way when another takes over may come by both."""
    return changes * CREDIT


def draw(seed: int) -> random.Random:
    """Chance that is the same in every run."""
    return random.Random(seed)
