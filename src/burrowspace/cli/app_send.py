"""`burrow send --to USER_ID --plain`: as the published app sends through its server. Not sealed, and marked so.

For each file: ask the other user, wait for the yes, put it up; the server keeps it until the other takes it. The other
side learns of it from its server, so both must use the same one.
"""

import asyncio
import contextlib
import getpass
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from burrowspace.cli.app_peer import AppPeer, good
from burrowspace.cli.exits import Exit, Usage
from burrowspace.cli.runner import Runner
from burrowspace.client import events
from burrowspace.client.errors import Cancelled, Unreachable
from burrowspace.client.limits import Bucket
from burrowspace.client.server.http import NO_WARNING, Answer
from burrowspace.core.names import safe_name, shown
from burrowspace.faults import why

if TYPE_CHECKING:
    from burrowspace.cli.named_server import NamedServer
    from burrowspace.client.options import Options

PIECE = 1 << 18
WRITE_S = 60.0  # that a piece may wait for the line
ANSWER_S = 300.0  # for the answer to it all: the server makes it durable first
_TELL_S = 0.1


async def app_send(
    runner: Runner,
    paths: list[str],
    to: str,
    user: str | None,
    where: "NamedServer | None",
    options: "Options",
    *,
    quiet: bool,
) -> Exit:
    """Sends each file in turn."""
    from burrowspace.cli.find_server import server_or_none
    from burrowspace.cli.reporters import reporter

    files = [Path(each) for each in paths]
    for file in files:
        if not file.is_file():
            raise Usage(f"{file} is no file; the app takes files only, one by one" if file.exists() else
                        f"{file} is not there; check the name")  # fmt: skip
    url = await server_or_none(runner, where, needed=True)
    assert url is not None
    runner.reporter = reporter(sending=True, server=url, json=runner.json, quiet=quiet, sealed=False)
    runner.say("NOT sealed: the app's way goes in the clear through the server's disk.", "yellow")
    async with AppPeer(url, user or options.name or getpass.getuser()) as peer:
        for file in files:
            await _one(runner, peer, file, to, options)
    return Exit.DONE


async def _one(runner: Runner, peer: AppPeer, file: Path, to: str, options: "Options") -> None:
    assert runner.reporter is not None
    hear = runner.reporter.heard
    name, size = safe_name(file.name), (await asyncio.to_thread(file.stat)).st_size
    asked = await peer.call("POST", "/request-transfer", {"sender_id": peer.user, "receiver_id": to, "filename": name})
    here = "" if asked.get("receiver_online") else ", who is not online now and will be asked when that changes"
    runner.say(f"Asked {shown(to)} to take {shown(name)}{here}.")
    while True:
        event, told = await peer.hear("transfer_approved", "transfer_rejected")
        if told.get("request_id") == asked["request_id"]:
            break
    if event == "transfer_rejected":
        raise Cancelled(f"{shown(to)} declined {shown(name)}")
    began = time.monotonic()
    hear(events.PathChanged("store", "", "the app's way", to))
    sent = await _upload(runner, peer, str(told["transfer_id"]), file, name, size, options, to)
    seconds = time.monotonic() - began
    hear(events.Finished(sent, seconds, None, {}, verified=False))
    runner.say(f"{shown(name)} lies on the server for {shown(to)} to take.")


async def _upload(
    runner: Runner, peer: AppPeer, transfer: str, file: Path, name: str, size: int, options: "Options", to: str
) -> int:
    """Puts it up as a form; the bytes that went."""
    assert runner.reporter is not None
    heard = runner.reporter.heard
    boundary = "burrow-" + transfer
    quoted = name.replace("\\", "\\\\").replace('"', "%22")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    bucket = Bucket(options.limit_rate) if options.limit_rate else None
    began = time.monotonic()

    async def body() -> AsyncIterator[bytes]:
        yield head
        done, told = 0, 0.0
        with file.open("rb") as opened:
            while piece := await asyncio.to_thread(opened.read, min(PIECE, size - done)):  # it may grow meanwhile
                if bucket is not None:
                    await asyncio.sleep(bucket.spend(len(piece)))
                yield piece
                done += len(piece)
                now = time.monotonic()
                if now - told >= _TELL_S or done == size:
                    told, rate = now, done / max(now - began, 1e-3)
                    eta = (size - done) / rate if rate else None
                    heard(events.Progress(done, size, rate, eta, "store", to))
        if done != size:
            raise Cancelled(f"{shown(name)} became shorter while it was sent; send it again")
        yield tail

    length = len(head) + size + len(tail)
    headers = {"content-type": f"multipart/form-data; boundary={boundary}", "content-length": str(length)}
    try:
        good(await _put(peer, f"/upload/{transfer}", headers, body()))
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        raise Unreachable(f"the upload broke off: {why(error)}") from error
    return size


async def _put(peer: AppPeer, path: str, headers: dict[str, str], body: AsyncIterator[bytes]) -> Answer:
    """Posts a long body. OSError, EOFError."""
    line = await peer.http.begin("POST", path, {**NO_WARNING, **headers}, tunnel=True)
    try:
        with contextlib.suppress(ConnectionError):  # the server may have said why before it hung up
            async for piece in body:
                line.writer.write(piece)
                async with asyncio.timeout(WRITE_S):
                    await line.writer.drain()
        async with asyncio.timeout(ANSWER_S):
            status, head = await line.head()
            return Answer(status, head, await line.body(head))
    finally:
        line.close()
