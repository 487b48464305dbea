"""The server of a command: the named one, the one on this network, or none."""

import asyncio
from typing import TYPE_CHECKING

from burrowspace.cli.runner import Runner

if TYPE_CHECKING:
    from burrowspace.cli.named_server import NamedServer


async def server_or_none(
    runner: Runner, where: "NamedServer | None", *, needed: bool, quiet: bool = False
) -> str | None:
    """The server that is named, or else the one on the local network. Unreachable: the named one does not answer or
    cannot be trusted; nothing takes its place.

    None: there is none, so be one yourself. Where a server is `needed`, that is an error too.
    """
    from burrowspace.cli.named_server import reachable
    from burrowspace.client.errors import Unreachable

    if where is None:
        from burrowspace.cli import near
        from burrowspace.cli.own_server import prepare

        preparing = None if needed or not near.wanted() else asyncio.create_task(asyncio.to_thread(prepare))
        if (found := await near.standing(runner, needed=needed, quiet=quiet)) is not None:
            return found
        if preparing is not None:
            await preparing
        if needed:
            raise Unreachable("this needs a server that both sides use; name it with --server or BURROW_SERVER")
        return None
    why = await reachable(where)
    if why is not None:
        or_own = "" if needed or where.guessed else "; or be the server yourself with --own-server"
        raise Unreachable(f"{where.url} ({where.said_by}) cannot be reached: {why}{or_own}")
    return where.url
