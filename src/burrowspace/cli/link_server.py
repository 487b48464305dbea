"""Where the server of a link is reached from here: at the link's address, or at another one of the same server.

A link has one address, and its server may be on several networks. A server of a local network announces all of its
addresses, so who cannot reach the link's looks for an announcement that names it. Spec: docs/spec/lan.md.
"""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from burrowspace.core.links import Link
from burrowspace.core.networks import is_near

if TYPE_CHECKING:
    from burrowspace.cli.named_server import NamedServer
    from burrowspace.cli.runner import Runner
    from burrowspace.client.server.nearby import Elsewhere

HEAD_START_S = 0.7  # that the link's own address has before others are looked for
OPTION = "--server"


async def link_server(runner: "Runner", link: Link, where: "NamedServer | None", *, quiet: bool = False) -> Link:
    """The link with the address to use. Unreachable names every address that was tried; but what was begun before waits
    for its server.

    `where` counts if it is the option's: then it is used or is an error. A server that was named once and for all is
    not the link's.
    """
    from burrowspace.cli.named_server import NamedServer, reachable
    from burrowspace.client.errors import Unreachable
    from burrowspace.client.state.folders import here

    begun = here().by_secret(link.secret)
    if where is not None and where.said_by == OPTION:
        why = None if begun else await reachable(where)
        if why is not None:
            raise Unreachable(f"{where.url} ({OPTION}) cannot be reached: {why}")
        return replace(link, server=where.url)
    own = asyncio.create_task(reachable(NamedServer(link.server, "the link")))
    try:
        await asyncio.wait([own], timeout=HEAD_START_S)
        found = None if own.done() and own.result() is None else await _looked_for(link.server, own)
        if found is not None and found.near is not None:
            if not quiet:
                runner.say(
                    f"{link.server} of the link does not answer; using {found.near.url}, the same server.", "dim"
                )
            return replace(link, server=found.near.url)
        why = await own
    finally:
        own.cancel()
        await asyncio.gather(own, return_exceptions=True)
    if why is None:
        return link
    if begun is not None:
        return link if found is None else replace(link, server=begun.server or link.server)
    raise Unreachable(f"{link.server} of the link cannot be reached: {why}{_more(link.server, found)}")


async def _looked_for(server: str, own: "asyncio.Task[str | None]") -> "Elsewhere | None":
    """Another address of this server. None: its own answered first, or it is none that announces itself."""
    from burrowspace.cli import near

    if not _of_lan(server) or not near.wanted():
        return None
    from burrowspace.client.server.nearby import elsewhere

    looking = asyncio.create_task(elsewhere(server))
    waiting: set[asyncio.Task[Any]] = {looking, own}
    try:
        while looking in waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if own in done and own.result() is None:
                return None
        return looking.result()
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def _more(server: str, found: "Elsewhere | None") -> str:
    """What else was tried, and what a person can do.

    >>> from burrowspace.client.server.nearby import Elsewhere
    >>> _more("http://10.0.0.7:5000", Elsewhere(None, ("http://10.1.0.7:5000",)))
    "; http://10.1.0.7:5000, where the same server announces itself, cannot be reached either; if the sender's screen shows another address, name it with --server"
    >>> _more("http://10.0.0.7:5000", Elsewhere(None, ()))
    "; it is not announced on your network either; if the sender's screen shows another address, name it with --server"
    >>> _more("https://drop.example.org", None)
    ''
    """  # noqa: E501
    if not _of_lan(server):
        return ""
    said = f"if the sender's screen shows another address, name it with {OPTION}"
    if found is None:
        return f"; {said}"
    if not found.tried:
        return f"; it is not announced on your network either; {said}"
    return f"; {', '.join(found.tried)}, where the same server announces itself, cannot be reached either; {said}"


def _of_lan(server: str) -> bool:
    """Whether it is named by an address of a local network: only those are announced."""
    return is_near(urlsplit(server).hostname or "")
