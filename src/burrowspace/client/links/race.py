"""Many addresses, one link: connections started one after the other in quick succession, the first proven one wins.

As RFC 8305 (happy eyeballs) does it. Who loses is closed before it has said or heard anything of worth.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence

from burrowspace.client.links.addresses import Address
from burrowspace.client.links.handshake import Commit, Greeted, Ticket, approach
from burrowspace.client.links.sockets import tune
from burrowspace.core.errors import BurrowError
from burrowspace.faults import told

STAGGER = 0.05  # s between two starts: addresses of a LAN answer at once or not at all
PATIENCE = 1.0  # s for which a race waits for the last word of the one that came first, before the next may try
CONNECT = 4.0  # s that one connection may take

Prepare = Callable[[socket.socket], None]


async def race(
    addresses: Sequence[Address], ticket: Ticket, extra: Sequence[Ticket] = (), prepare: Prepare | None = None
) -> Greeted:
    """The first of `addresses` behind which the other side proved itself, on a connected, non-blocking socket.

    ConnectionError when none did. `prepare` does what a socket needs before it connects (punching binds it).
    """
    passes = {each.tag: each for each in (ticket, *extra)}
    turn = asyncio.Lock()
    losers: list[socket.socket] = []

    async def attempt(address: Address, delay: float) -> Greeted:
        await asyncio.sleep(delay)
        line = await dial(address, prepare)
        losers.append(line)
        commit = await approach(line, passes, None if ticket.sender else ticket)
        return await in_turn(turn, commit)

    tasks = [asyncio.create_task(attempt(each, number * STAGGER)) for number, each in enumerate(addresses)]
    won: Greeted | None = None
    reasons: list[str] = []
    try:
        for done in asyncio.as_completed(tasks):
            try:
                won = await done
                break
            except (OSError, BurrowError, TimeoutError) as error:
                reasons.append(told(error))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in losers:
            if won is None or line is not won.line:
                line.close()
    if won is None:
        said = "; ".join(list(dict.fromkeys(reasons))[:3]) or "it named none"
        raise ConnectionError(f"no address of the other side answers: {said}")
    return won


async def in_turn(turn: asyncio.Lock, commit: Commit) -> Greeted:
    """Lets one at a time take the last step, so that the other side sees one link and not several.

    The one in front may take PATIENCE; after that the next one goes beside it.
    """
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(turn.acquire(), PATIENCE)
        try:
            return await commit()
        finally:
            turn.release()
    return await commit()


async def dial(address: Address, prepare: Prepare | None = None) -> socket.socket:
    """A connected, tuned, non-blocking socket. OSError or TimeoutError."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    line = socket.socket(family, socket.SOCK_STREAM)
    try:
        line.setblocking(False)
        tune(line)
        if prepare:
            prepare(line)
        async with asyncio.timeout(CONNECT):
            await asyncio.get_running_loop().sock_connect(line, address)
    except BaseException:
        line.close()
        raise
    return line
