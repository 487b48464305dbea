"""What the ends ask of a server: words in mailboxes, numbers of codes, spools. Control only; blocks go by relay/.

Errors of HTTP and of sockets stop here: Unreachable when no answer came, Refused when the server said no. Calls that
may be made twice are made again after a broken connection. Spec: docs/spec/mailboxes.md, docs/spec/bytes.md.
"""

import asyncio
import base64
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from burrowspace.client import offline
from burrowspace.client.errors import Missing, Refused, Unreachable
from burrowspace.client.server.http import AWAY, Answer, Http, is_page, refusal
from burrowspace.client.server.line import ProxyFailed
from burrowspace.client.server.trust import Untrusted
from burrowspace.core import reports
from burrowspace.core.errors import BurrowError
from burrowspace.core.names import shown
from burrowspace.faults import why_and_cure

TIMEOUT_S = 10.0  # for an answer, beyond what a call says that it may wait
BUSY_S = 2.0  # between two looks at a server that lets no more calls of our address wait
WAIT_S = 25.0  # that a call waits for news: below the idle limits of the usual proxies
TRIES = 3
ANSWER_S = 4.0  # for an answer to somebody who wonders whether it can be reached
AGAIN_S = 0.2
AT_ONCE_S = 5.0  # a call that took longer before it failed is not made again at once
MOVED = {301, 302, 303, 307, 308}


class _Away(ConnectionError):
    """Something in between answered."""


@dataclass(frozen=True, slots=True)
class Nameplate:
    number: int
    token: str


@dataclass(frozen=True, slots=True)
class Spool:
    """Where sealed bytes travel: `token` is the writer's."""

    id: str
    token: str


@dataclass(frozen=True, slots=True)
class SpoolState:
    offset: int  # where the next byte goes
    first: int  # the first byte that is still there
    length: int | None
    complete: bool
    readers: int
    expires_at: float  # seconds since 1970, UTC


class News(NamedTuple):
    messages: list[tuple[int, bytes]]  # (number, body)
    made: str  # when the mailbox was made, as the server writes it; empty: it was not there


class Server:
    """One server, by its origin: `http://192.168.1.7:5000`. `async with Server(origin) as server: …`"""

    def __init__(self, origin: str) -> None:
        self.origin = origin.rstrip("/")
        self._http: Http | None = None

    async def __aenter__(self) -> "Server":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def hello(self) -> dict[str, Any]:
        """What the server is and can do; `your_ip` is how it sees us."""
        answer = await self._call("GET", "/hello")
        with _understood():
            return dict(answer.json())

    async def status(self) -> dict[str, Any]:
        """Whether it is there, and by which `ip` and `port` its network reaches it."""
        answer = await self._call("GET", "/status")
        with _understood():
            return dict(answer.json())

    # mailboxes

    async def post(self, mailbox: str, message: bytes) -> int:
        """Adds a message; its number."""
        kind = {"content-type": "application/octet-stream"}
        answer = await self._call("POST", f"/mailboxes/{mailbox}", content=message, headers=kind)
        with _understood():
            return int(answer.json()["number"])

    async def make_mailbox(self, mailbox: str) -> None:
        await self._call("PUT", f"/mailboxes/{mailbox}")

    async def messages(self, mailbox: str, after: int, wait: float = 0.0) -> list[tuple[int, bytes]]:
        """Those with a number above `after`, waiting up to `wait` seconds for one. Empty if there is no mailbox yet."""
        return (await self.news(mailbox, after, wait)).messages

    async def news(self, mailbox: str, after: int, wait: float = 0.0) -> News:
        """The same, and when the mailbox was made. One that is not there is made."""
        try:
            return await self.letters(mailbox, after, wait)
        except Missing:
            await self.make_mailbox(mailbox)
            return News([], "")

    async def letters(self, mailbox: str, after: int, wait: float = 0.0) -> News:
        """The same. Missing: there is no such mailbox, and none is made."""
        answer = await self._waiting(f"/mailboxes/{mailbox}", after, wait)
        with _understood():
            said = answer.json()
            found = [(int(each["number"]), base64.b64decode(each["body"])) for each in said["messages"]]
            return News(found, str(said["created_at"]))

    async def remove_mailbox(self, mailbox: str) -> None:
        await self._call("DELETE", f"/mailboxes/{mailbox}", missing=True)

    async def trim_mailbox(self, mailbox: str, upto: int) -> None:
        """Drops the messages up to number `upto`, that one too."""
        await self._call("DELETE", f"/mailboxes/{mailbox}", params={"upto": upto}, missing=True)

    # nameplates

    async def offer_nameplate(self) -> Nameplate:
        answer = await self._call("POST", "/nameplates")
        with _understood():
            made = answer.json()
            return Nameplate(int(made["nameplate"]), str(made["token"]))

    async def claim(self, number: int) -> str:
        """The mailbox for this claim. Missing: nobody waits under that number."""
        answer = await self._call("POST", f"/nameplates/{number}/claim")
        with _understood():
            return str(answer.json()["mailbox"])

    async def knows(self, number: int) -> bool:
        """Whether somebody waits under that number."""
        try:
            await self._call("GET", f"/nameplates/{number}")
        except Missing:
            return False
        return True

    async def claims(self, plate: Nameplate, after: int, wait: float = WAIT_S) -> list[tuple[int, str]]:
        """(number, mailbox) of each claim beyond `after`."""
        answer = await self._waiting(f"/nameplates/{plate.number}/claims", after, wait, headers=_bearer(plate.token))
        with _understood():
            return [(int(each["number"]), str(each["mailbox"])) for each in answer.json()["claims"]]

    async def burn(self, plate: Nameplate) -> None:
        await self._call("DELETE", f"/nameplates/{plate.number}", headers=_bearer(plate.token), missing=True)

    # spools

    async def make_spool(self, length: int | None, policy: str, window: int | None = None) -> Spool:
        asked: dict[str, Any] = {"policy": policy, "length": length}
        if window is not None:
            asked["window"] = window
        answer = await self._call("POST", "/spools", json=asked)
        with _understood():
            made = answer.json()
            return Spool(str(made["transfer_id"]), str(made["write_token"]))

    async def answers(self) -> bool:
        """Whether it can be reached now: a call that waits for news may not notice for half a minute."""
        with contextlib.suppress(TimeoutError, BurrowError):
            async with asyncio.timeout(ANSWER_S):
                if not self.offline():
                    await self.hello()
                    return True
        return False

    async def spool(self, spool: str) -> SpoolState:
        answer = await self._call("GET", f"/spools/{spool}")
        with _understood():
            found = answer.json()
            return SpoolState(
                int(found["offset"]),
                int(found["first"]),
                None if found["length"] is None else int(found["length"]),
                bool(found["complete"]),
                int(found["readers"]),
                _seconds(found["expires_at"]),
            )

    async def let_rest(self, spool: Spool) -> None:
        """From now on all of it may lie there, whoever reads."""
        await self._call("PATCH", f"/spools/{spool.id}", json={"policy": "rest"}, headers=_bearer(spool.token))

    async def drop_spool(self, spool: Spool) -> None:
        headers = {**_bearer(spool.token), "tus-resumable": "1.0.0"}
        await self._call("DELETE", f"/upload/{spool.id}", headers=headers, missing=True)

    async def delivered(self, spool: str) -> None:
        """Says that all that was read of it is verified."""
        await self._call("POST", f"/delivered/{spool}", json={}, missing=True)

    async def _waiting(self, path: str, after: int, wait: float, **how: Any) -> Answer:
        """The answer to a question for what lies beyond `after`, which the server may keep for `wait` seconds. Where as
        many of an address wait as may, it is looked in a moment, and not waited."""
        try:
            return await self._call("GET", path, params={"after": after, "wait": wait}, seconds=wait + TIMEOUT_S, **how)
        except Refused as error:
            if error.http_status != 429 or not wait:
                raise
            await asyncio.sleep(min(wait, BUSY_S))
            return await self._call("GET", path, params={"after": after, "wait": 0}, seconds=TIMEOUT_S, **how)

    def offline(self) -> bool:
        """Whether the system knows no way to this server any more. False until it was reached."""
        peer = None if self._http is None else self._http.peer
        return peer is not None and offline.no_route(peer)

    def why_away(self) -> str:
        """For a person, where no answer comes."""
        return reports.OFFLINE if self.offline() else reports.AWAY

    async def _call(self, method: str, path: str, *, missing: bool = False, **how: Any) -> Answer:
        """An answer with a good status. `missing`: a 404 or 410 is good too.

        A POST whose connection broke may have arrived and is not made again; one that a tunnel or a proxy answered
        has not.
        """
        tries = TRIES
        while True:
            tries, began = tries - 1, time.monotonic()
            try:
                if self._http is None:
                    self._http = Http(self.origin, TIMEOUT_S)
                answer = await self._http.request(method, path, **how)
                if (why := not_ours(answer)) is None:
                    break
                raise _Away(why)
            except OSError as error:
                if isinstance(error, Untrusted) or (isinstance(error, ProxyFailed) and error.final):
                    raise Unreachable(f"{self.origin} cannot be reached: {error}") from error
                # Who waited for an answer once has waited long enough: the caller decides whether to wait again
                if (
                    not tries
                    or time.monotonic() - began > AT_ONCE_S
                    or (method == "POST" and not isinstance(error, _Away))
                ):
                    raise Unreachable(f"{self.origin} cannot be reached: {_words(error)}") from error
                await asyncio.sleep(AGAIN_S)
            except ValueError as error:
                raise Unreachable(f"{self.origin} is no address of a server") from error
        if 200 <= answer.status < 300 or (missing and answer.status in (404, 410)):
            return answer
        code, sentence = refusal(answer.status, answer.body)
        if code == "unavailable":  # it is there, and will work again: as good as away
            raise Unreachable(f"{self.origin} cannot work at the moment: {sentence}")
        raise (Missing if answer.status in (404, 410) else Refused)(answer.status, code, sentence)


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """Reads a good answer. Unreachable: whoever gave it is not a server of ours, or is broken."""
    try:
        yield
    except (ValueError, LookupError, TypeError, OverflowError):
        raise Unreachable("what answers there is not a BurrowSpace server, or it is broken") from None


def not_ours(answer: Answer) -> str | None:
    """Why this is the word of something in between; None for the server's own."""
    if answer.status in MOVED and refusal(answer.status, answer.body)[0] == "error":
        return f"it sends callers to {_elsewhere(answer)}; name that address if it is the right one"
    if is_page(answer.headers.get("content-type")):
        return f"a page of something else answers there ({answer.status})"
    if answer.status in AWAY and refusal(answer.status, answer.body)[0] == "error":
        return f"what stands before it answered {answer.status}"
    return None


def _elsewhere(answer: Answer) -> str:
    """Where a redirect leads. It is never followed: it could lead from https to http, or to somebody else."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(answer.headers.get("location", ""))
        if parts.scheme in ("http", "https") and parts.hostname:
            return shown(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", 200)
    return "another address"


def _words(error: OSError) -> str:
    return shown(why_and_cure(error), 300)


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
