"""The server on the local network, where none was named: which of those that announce themselves is meant.

`BURROW_FIND_SERVERS=0`, or `find_servers = false` in the person's file: do not look for any. Both were called `nearby`,
which a server takes for another wish of the same name; the older name still works.
"""

import os
import sys
from typing import TYPE_CHECKING

from burrowspace.cli.exits import Usage

if TYPE_CHECKING:
    from burrowspace.cli.runner import Runner
    from burrowspace.client.server.nearby import Near


# For who knows a code: a sender that has just begun takes a second to announce itself (RFC 6762, section 8.1)
LOOKS = 3
TWO_MEANINGS = (
    "BURROW_NEARBY (--nearby, `nearby`) means two things, so it has two new names: BURROW_SHOW_DEVICES is whether a "
    "server shows devices of one network to each other, BURROW_FIND_SERVERS is whether `burrow` looks for a server. "
    "Use the one that you mean."
)

_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def wanted() -> bool:
    """Whether to look for servers at all. Usage: what is written is neither yes nor no, and a guess might be wrong."""
    from burrowspace.cli.named_server import config_file, settings

    for name in ("BURROW_FIND_SERVERS", "BURROW_NEARBY"):
        if named := os.environ.get(name):
            if (said := named.strip().lower()) not in (*_YES, *_NO):
                raise Usage(f"{name} is {named[:40]!r}; it should be 1 or 0")
            _tell(older=name == "BURROW_NEARBY")
            return said in _YES
    for name in ("find_servers", "nearby"):
        if (written := settings(os.environ).get(name)) is not None:
            if not isinstance(written, bool):
                raise Usage(f"`{name}` in {config_file(os.environ)} should be true or false, without quotation marks")
            _tell(older=name == "nearby")
            return written
    return True


_told = False


def _tell(*, older: bool) -> None:
    """Once for each command."""
    global _told
    if older and not _told:
        _told = True
        print(TWO_MEANINGS, file=sys.stderr, flush=True)


async def standing(runner: "Runner", *, needed: bool, quiet: bool = False) -> str | None:
    """The only server of the network that stays; None where there is none. Where there are several somebody has to
    choose: Usage if one is `needed`, else None."""
    found = [near for near in await look() if not near.brief]
    if len(found) == 1:
        return _used(runner, found[0], quiet)
    if found and needed:
        raise Usage(f"there are several servers on your network: {named(found)}; choose one with --server")
    if found and not quiet:
        runner.say(f"There are several servers on your network: {named(found)}; --server chooses one.", "yellow")
    return None


async def knowing(runner: "Runner", number: int, *, quiet: bool = False) -> str | None:
    """The only server of the network on which somebody waits under the number of a code; None where there is none.

    Usage: there are several, and a guess at the wrong one would burn a stranger's code.
    """
    import asyncio

    found: list[Near] = []
    for _ in range(LOOKS if wanted() else 0):
        seen = await look()
        known = await asyncio.gather(*(_knows(near.url, number) for near in seen))
        found = [near for near, knows in zip(seen, known, strict=True) if knows]
        if found:
            break
    if len(found) > 1:
        raise Usage(f"several servers on your network know the number {number}: {named(found)}; choose with --server")
    return _used(runner, found[0], quiet) if found else None


async def look() -> "list[Near]":
    """All that answer; none where nobody is to be looked for."""
    from burrowspace.client.server import nearby

    return await nearby.look() if wanted() else []


async def _knows(url: str, number: int) -> bool:
    from burrowspace.client.errors import Refused, Unreachable
    from burrowspace.client.server.api import Server

    async with Server(url) as server:
        try:
            return await server.knows(number)
        except (Refused, Unreachable):
            return False


def _used(runner: "Runner", near: "Near", quiet: bool) -> str:
    if not quiet:
        runner.say(f"Using the server {near.url}, found on your network.", "dim")
    return near.url


def named(found: "list[Near]") -> str:
    return ", ".join(near.url for near in found)
