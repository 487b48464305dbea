"""The server on the local network, where none was named: which of those that announce themselves is meant.

`BURROW_NEARBY=0` or `nearby = false` in the person's file: nobody is looked for.
"""

import os
from typing import TYPE_CHECKING

from burrowspace.cli.exits import Usage

if TYPE_CHECKING:
    from burrowspace.cli.stage import Stage
    from burrowspace.client.nearby import Near


def wanted() -> bool:
    from burrowspace.cli.places import settings

    if named := os.environ.get("BURROW_NEARBY"):
        return named.strip().lower() not in ("0", "false", "no", "off")
    return settings(os.environ).get("nearby", True) is not False


async def standing(stage: "Stage", *, needed: bool, quiet: bool = False) -> str | None:
    """The only server of the network that stays; None where there is none. Where there are several somebody has to
    choose: Usage if one is `needed`, else None."""
    found = [near for near in await look() if not near.brief]
    if len(found) == 1:
        return _used(stage, found[0], quiet)
    if found and needed:
        raise Usage(f"there are several servers on your network: {named(found)}; choose one with --server")
    if found and not quiet:
        stage.say(f"There are several servers on your network: {named(found)}; --server chooses one.", "yellow")
    return None


async def knowing(stage: "Stage", number: int, *, quiet: bool = False) -> str | None:
    """The only server of the network on which somebody waits under the number of a code; None where there is none.

    Usage: there are several, and a guess at the wrong one would burn a stranger's code.
    """
    import asyncio

    found = await look()
    known = await asyncio.gather(*(_knows(near.url, number) for near in found))
    found = [near for near, knows in zip(found, known, strict=True) if knows]
    if len(found) > 1:
        raise Usage(f"several servers on your network know the number {number}: {named(found)}; choose with --server")
    return _used(stage, found[0], quiet) if found else None


async def look() -> "list[Near]":
    """All that answer; none where nobody is to be looked for."""
    from burrowspace.client import nearby

    return await nearby.look() if wanted() else []


async def _knows(url: str, number: int) -> bool:
    from burrowspace.client.api import Refused, Server, Unreachable

    async with Server(url) as server:
        try:
            return await server.knows(number)
        except (Refused, Unreachable):
            return False


def _used(stage: "Stage", near: "Near", quiet: bool) -> str:
    if not quiet:
        stage.say(f"Using the server {near.url}, found on your network.", "dim")
    return near.url


def named(found: "list[Near]") -> str:
    return ", ".join(near.url for near in found)
