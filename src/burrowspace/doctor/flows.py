"""What transfers by way of the server need: calls that wait, bodies of some size, bytes that flow on at once, speed.

All of it is tried with a mailbox and spools of our own, which are removed afterwards. A check raises nothing.
"""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

from burrowspace.client.errors import Refused, Unreachable
from burrowspace.client.server.api import Server, Spool
from burrowspace.client.server.http import Exchange, Http, refusal
from burrowspace.core.findings import Finding, Verdict, bad, doubtful, good
from burrowspace.core.names import shown
from burrowspace.core.sizes import size_shown
from burrowspace.faults import why

KiB, MiB = 1 << 10, 1 << 20

BODY = MiB + 64 * KiB  # a little more than nginx allows unless it is told otherwise (1m)
PIECE = 60 * MiB  # what a transfer puts into one request, client/relay/spool_writer.py
FLOWING = 65_000  # no multiple of a page: a proxy keeps the rest of one back
FLOW_S = 2.0
SPEED_MOST = 16 * MiB
SLOW = 100_000  # bytes/s below which a person will wonder
SECONDS = 5.0
_CHUNK = 64 * KiB
_NOISE = os.urandom(_CHUNK)  # nothing in between can press it

_UPLOAD = {"tus-resumable": "1.0.0", "content-type": "application/offset+octet-stream"}
_BODIES = "Raise the limit of the proxy in front of the server: nginx `client_max_body_size 0`, at least 60 MiB."
_UP = "Let the proxy in front hand uploads on as they come: nginx `proxy_request_buffering off`."
_DOWN = "Let the proxy in front hand answers on as they come: nginx `proxy_buffering off`."


class Sent(NamedTuple):
    status: int  # 0: the connection was cut
    code: str
    words: str
    front: str  # who says that it answered, where that is not our server
    seconds: float


async def poll(http: Http, wait: float, check: str = "poll") -> Finding:
    """Whether a call may wait so many seconds for news, as all clients do."""
    where = f"/mailboxes/{secrets.token_hex(16)}"
    began = time.monotonic()
    try:
        made = await http.request("PUT", where)
        if made.status != 200:
            return bad(check, f"No mailbox is to be had: {_sentence(made.status, made.body)}.", _OPERATOR)
        began = time.monotonic()
        answer = await http.request("GET", where, params={"after": -1, "wait": wait}, seconds=wait + SECONDS)
        took = time.monotonic() - began
    except OSError:
        took = time.monotonic() - began
        found = f"A call that waits {wait:g} s for news is cut off after {took:.1f} s."
        return bad(check, found, _IDLE, seconds=took) if wait < 10 else doubtful(check, found, _IDLE, seconds=took)
    finally:
        with contextlib.suppress(OSError):
            await http.request("DELETE", where, seconds=1)
    if answer.status != 200 or took < wait * 0.9:
        found = f"A call that was to wait {wait:g} s for news was answered after {took:.1f} s with {answer.status}."
        return doubtful(check, found, _IDLE, seconds=took)
    return good(check, f"A call may wait {wait:g} s for news.", seconds=took)


_OPERATOR = "Its operator finds more in the server's log."
_IDLE = "Raise the idle limit of the proxy or tunnel in between to 60 s or more: nginx `proxy_read_timeout`."


async def body(http: Http, server: Server, size: int = BODY, check: str = "body", seconds: float = SECONDS) -> Finding:
    """Whether a body of `size` bytes comes through."""
    async with _spool(server, size) as made:
        if isinstance(made, Finding):
            return made
        sent = await _send(http, made, size, seconds)
    shown_size = size_shown(size)
    if sent.status == 204:
        return good(check, f"A body of {shown_size} comes through.", bytes=size, seconds=sent.seconds)
    by = f" by {sent.front}" if sent.front else ""
    if sent.status == 413:
        found = f"A body of {shown_size} is refused as too large (413{by}): relayed and stored transfers fail."
        return bad(check, found, _BODIES, bytes=size)
    if sent.status == 507 or sent.code == "no-space":
        return bad(check, f"The server's disk is full: {sent.words}.", _SPACE, bytes=size)
    if sent.code == "slow":
        todo = "The line is slow; it will work, and take its time."
        return doubtful(check, f"A body of {shown_size} took more than {seconds:g} s.", todo, bytes=size)
    if not sent.status:
        found = f"The connection is cut while a body of {shown_size} is sent ({sent.words})."
        return bad(check, found, _BODIES, bytes=size)
    return bad(check, f"A body of {shown_size} is refused{by} ({sent.status}): {sent.words}.", _OPERATOR, bytes=size)


_SPACE = "Free space on the server, or lower BURROW_DISK_FLOOR_BYTES there."


async def follow(http: Http, server: Server) -> Finding:
    """Whether a receiver gets bytes while their upload still runs: what a live relay is."""
    began = time.monotonic()
    async with _spool(server, 2 * FLOWING) as made:
        if isinstance(made, Finding):
            return made
        patience = FLOW_S + 4 * (time.monotonic() - began)  # a slow line or a busy machine is no proxy that holds back
        try:
            return await _follow(http, server, made, patience)
        except (OSError, EOFError, Refused, Unreachable, asyncio.LimitOverrunError) as error:
            return bad("follow", f"Following an upload breaks off: {_words(error)}.", _UP)


async def _follow(http: Http, server: Server, made: Spool, patience: float) -> Finding:
    began, got, took = time.monotonic(), 0, None
    headers = {**_UPLOAD, "authorization": f"Bearer {made.token}", "upload-offset": "0"}
    up = await http.begin("PATCH", f"/upload/{made.id}", {**headers, "content-length": str(2 * FLOWING)})
    down = await http.begin("GET", f"/download/{made.id}?follow=1", {})
    try:
        up.writer.write((_NOISE * 2)[:FLOWING])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                status, said = await down.head()
                if status != 200:
                    return bad("follow", f"Following an upload is answered with {status}.", _UP)
                async for piece in down.pieces(said):
                    got += len(piece)
                    if took is None and got >= FLOWING:
                        took = time.monotonic() - began
                        up.writer.write((_NOISE * 2)[:FLOWING])
                await up.head()
        if took is not None:
            return good("follow", f"Bytes flow on while their upload runs ({took * 1000:.0f} ms).", seconds=took)
        held = (await server.spool(made.id)).offset
    finally:
        up.close()
        down.close()
    if held < FLOWING:
        found = "Something in front of the server keeps uploads back until they are whole: nothing flows on meanwhile."
        return doubtful("follow", found, _UP, held=held, got=got)
    found = (
        f"Something in front of the server keeps answers back: of {FLOWING} bytes {got} came within {patience:.0f} s."
    )
    return doubtful("follow", found, _DOWN, held=held, got=got)


async def speed(http: Http, server: Server, first: Finding, span: float) -> Finding:
    """Bytes a second to the server's disk and back, for about `span` seconds each way. `first`: what `body` found."""
    took = first.facts.get("seconds")
    if first.verdict != Verdict.GOOD or not isinstance(took, float):
        return _judged(BODY / SECONDS, None)
    rate = BODY / max(took, 0.001)
    size = min(SPEED_MOST, max(_CHUNK, int(rate * (span if took < span else span / 2))))
    async with _spool(server, size) as made:
        if isinstance(made, Finding):
            return made
        sent = await _send(http, made, size, 2 * span + took)
        if sent.status != 204:
            return _judged(rate, None)
        return _judged(size / max(sent.seconds, 0.001), await _fetched(http, made, span))


def _judged(up: float, down: float | None) -> Finding:
    said = f"{size_shown(int(up))}/s up" + (f", {size_shown(int(down))}/s down" if down is not None else "")
    facts = {"up": round(up), "down": None if down is None else round(down)}
    if min(up, up if down is None else down) < SLOW:
        todo = "The line to the server is slow or busy; direct ways between devices do not depend on it."
        return doubtful("speed", f"To the server and back: {said}.", todo, **facts)
    return good("speed", f"To the server and back: {said}.", **facts)


async def _fetched(http: Http, made: Spool, span: float) -> float | None:
    """Bytes a second of what lies there; None where it breaks off."""
    got, began = 0, time.monotonic()
    try:
        async with asyncio.timeout(SECONDS):
            down = await http.begin("GET", f"/download/{made.id}", {})
            try:
                _, said = await down.head()
                async for piece in down.pieces(said):
                    got += len(piece)
                    if time.monotonic() - began > span:
                        break
            finally:
                down.close()
    except (OSError, EOFError, asyncio.LimitOverrunError):
        return None
    return got / max(time.monotonic() - began, 0.001)


@contextlib.asynccontextmanager
async def _spool(server: Server, size: int) -> AsyncIterator[Spool | Finding]:
    """A spool that is dropped behind it; a finding where none is to be had."""
    try:
        made = await server.make_spool(size, "rest")
    except Refused as error:
        if error.said == "no-space":
            yield bad("body", f"The server's disk is full: {shown(error.sentence, 200)}.", _SPACE)
        else:
            yield bad("body", f"The server gives no room: {shown(error.sentence, 200)}.", _OPERATOR)
        return
    except Unreachable as error:
        yield bad("body", f"The server gives no room: {shown(error.sentence, 200)}.", _OPERATOR)
        return
    try:
        yield made
    finally:
        with contextlib.suppress(Refused, Unreachable):
            await server.drop_spool(made)


async def _send(http: Http, made: Spool, size: int, seconds: float) -> Sent:
    """A body of `size` bytes into the empty spool, and what it was answered with: maybe before all of it was sent."""
    began = time.monotonic()
    headers = {**_UPLOAD, "authorization": f"Bearer {made.token}", "upload-offset": "0", "content-length": str(size)}
    line = None
    try:
        async with asyncio.timeout(seconds):
            line = await http.begin("PATCH", f"/upload/{made.id}", headers)
            writing = asyncio.ensure_future(_write(line, size))
            try:
                status, said = await line.head()
                while 100 <= status < 200:
                    status, said = await line.head()
                took = time.monotonic() - began
                text = b"" if status == 204 else await _text(line, said)
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
    except TimeoutError:
        return Sent(0, "slow", f"no answer within {seconds:g} s", "", seconds)
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        return Sent(0, "cut", _words(error), "", time.monotonic() - began)
    finally:
        if line is not None:
            line.close()
    code, words = refusal(status, text)
    return Sent(status, code, shown(words, 200), shown(said.get("server", ""), 40), took)


async def _write(line: Exchange, size: int) -> None:
    while size:
        piece = _NOISE[: min(size, _CHUNK)]
        line.writer.write(piece)
        await line.writer.drain()
        size -= len(piece)


async def _text(line: Exchange, said: dict[str, str]) -> bytes:
    text = b""
    with contextlib.suppress(OSError, EOFError):
        async for piece in line.pieces(said):
            text += piece
            if len(text) > _CHUNK:
                break
    return text


def _sentence(status: int, text: bytes) -> str:
    return shown(refusal(status, text)[1], 200)


def _words(error: BaseException) -> str:
    return shown(why(error), 200)
