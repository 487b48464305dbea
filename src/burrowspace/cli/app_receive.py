"""`burrow receive --as USER_ID`: takes what the published app sends to that user. Not sealed, and marked so.

The app is told yes, puts the file on the server, and it is fetched from there, written beside its place and renamed.
An app that insists on WebRTC falls back to the server, since nobody answers it here.
"""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from burrowspace.cli.app_peer import AppPeer, good
from burrowspace.cli.asking import can_ask, yes
from burrowspace.cli.exits import Exit
from burrowspace.cli.runner import Runner
from burrowspace.client import events
from burrowspace.client.errors import Cancelled, Unreachable
from burrowspace.client.files.moving import move_into
from burrowspace.client.files.space import make_sure_of_room
from burrowspace.client.server.http import NO_WARNING, Answer
from burrowspace.core.names import is_our_id, safe_name, shown
from burrowspace.faults import why
from burrowspace.system.files import sync

if TYPE_CHECKING:
    from burrowspace.cli.named_server import NamedServer

ANSWER_S = 60.0  # for the head of the answer
_TELL_S = 0.1


async def app_receive(
    runner: Runner, user: str, into: Path | None, where: "NamedServer | None", *, asks: bool, over: bool, quiet: bool
) -> Exit:
    """Takes the first file that is offered and accepted."""
    from burrowspace.cli.find_server import server_or_none
    from burrowspace.cli.reporters import reporter

    url = await server_or_none(runner, where, needed=True)
    assert url is not None
    runner.reporter = reporter(sending=False, server=url, json=runner.json, quiet=quiet, sealed=False)
    async with AppPeer(url, user) as peer:
        runner.say(f"Waiting for what the app sends to {shown(user)}. NOT sealed: the server can read it.", "yellow")
        while True:
            _, offer = await peer.hear("transfer_request")
            if not is_our_id(request := str(offer.get("request_id"))):
                continue
            name, sender = safe_name(str(offer.get("filename", ""))), str(offer.get("sender_id", ""))
            if not await _accepted(runner, name, sender, asks):
                await peer.call("POST", f"/reject-transfer/{request}")
                runner.say(f"Declined {shown(name)}.")
                continue
            approved = await peer.call("POST", f"/approve-transfer/{request}")
            await _take(runner, peer, str(approved["transfer_id"]), name, into, over)
            return Exit.DONE


async def _accepted(runner: Runner, name: str, sender: str, asks: bool) -> bool:
    assert runner.reporter is not None
    if not asks:
        return True
    if not can_ask() or runner.json:
        runner.say("Nobody is here to ask, so it is declined; --yes accepts.", "yellow")
        return False
    with runner.reporter.pause():
        return await yes(f"{shown(sender)} sends {shown(name)}. Take it?", default=False)


async def _take(runner: Runner, peer: AppPeer, transfer: str, name: str, into: Path | None, over: bool) -> None:
    while True:
        event, told = await peer.hear("transfer_completed", "transfer_cancelled")
        if told.get("transfer_id") == transfer:
            break
    if event == "transfer_cancelled":
        raise Cancelled("the other side called it off")
    folder, name = _place(into, name)
    began = time.monotonic()
    part = folder / f".burrow-{transfer}.part"
    try:
        size = await _download(runner, peer, transfer, part)
        written = await asyncio.to_thread(move_into, part, folder, name, overwrite=over)
    finally:
        part.unlink(missing_ok=True)
    await peer.call("POST", f"/delivered/{transfer}", {"peer_id": peer.peer})
    assert runner.reporter is not None
    place = str(folder / written)
    runner.reporter.heard(events.Finished(size, time.monotonic() - began, None, {}, verified=False, places=(place,)))


def _place(into: Path | None, name: str) -> tuple[Path, str]:
    """The folder and the name there."""
    if into is None:
        return Path.cwd(), name
    if into.is_dir():
        return into, name
    return into.parent, into.name


async def _download(runner: Runner, peer: AppPeer, transfer: str, part: Path) -> int:
    """The file to `part`; its size. Cut short, nothing counts."""
    assert runner.reporter is not None
    done, told, began = 0, 0.0, time.monotonic()
    line = None
    try:
        line = await peer.http.begin("GET", f"/download/{transfer}", NO_WARNING, tunnel=True)
        async with asyncio.timeout(ANSWER_S):
            status, head = await line.head()
        if status != 200:
            good(Answer(status, head, await line.body(head)))
        size = int(head["content-length"])
        make_sure_of_room(part.parent, [size])
        runner.reporter.heard(events.PathChanged("store", "", "the app's way"))
        with part.open("xb") as out:
            async for piece in line.pieces(head, size):
                await asyncio.to_thread(out.write, piece)
                done += len(piece)
                now = time.monotonic()
                if now - told >= _TELL_S or done == size:
                    told, rate = now, done / max(now - began, 1e-3)
                    runner.reporter.heard(events.Progress(done, size, rate, (size - done) / rate, "store"))
            sync(out.fileno())
    except (ConnectionError, TimeoutError, EOFError, asyncio.LimitOverrunError) as error:
        raise Unreachable(f"the download broke off: {why(error)}; the same command starts again") from error
    finally:
        if line is not None:
            line.close()
    if done != size:
        raise Unreachable("the download broke off before its end")
    return size
