"""All that is looked at from here, in the order in which it is told; what does not wait for anything runs at once."""

import asyncio
import contextlib
import functools
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from burrowspace.client.links.addresses import own_addresses
from burrowspace.client.links.link_webrtc import library
from burrowspace.client.server.api import Server
from burrowspace.client.server.http import Http
from burrowspace.core.errors import BurrowError
from burrowspace.core.findings import Finding, Verdict, bad
from burrowspace.core.names import shown
from burrowspace.core.proxies import BadProxy
from burrowspace.doctor import endpoint, flows, here, likely, outside, turning, upgrade, welcome
from burrowspace.doctor.endpoint import Endpoint
from burrowspace.doctor.welcome import Welcome
from burrowspace.faults import told

CALL_S = 4.0  # for a call
LONG_POLL_S = 50.0
LONG_BODY_S = 120.0
MOST_S = 15.0  # for a check, which has bounds of its own

Heard = Callable[[Finding], None]


async def guarded(check: str, work: Awaitable[Finding], seconds: float = MOST_S) -> Finding:
    """What `work` finds, or that it came to no end: whatever answers there may say anything, and take any time."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except (OSError, EOFError, asyncio.LimitOverrunError, BurrowError) as error:
        said = shown(told(error), 200)
    except (ValueError, LookupError, TypeError, RecursionError):
        said = "the answer is not one of a BurrowSpace server"
    return bad(check, f"This could not be tried to its end: {said}.", "Look at what answers there, and at its log.")


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that the patient checks take."""

    poll: float = 3.0
    speed: float = 2.0


class Examination:
    """`heard` is called with each finding, in the order of the lines; `looking` with what is being looked at.

    `now` is this machine's clock, seconds since 1970. `long`: also what takes a minute.
    """

    def __init__(
        self,
        heard: Heard,
        *,
        now: Callable[[], float] = time.time,
        long: bool = False,
        pace: Pace = Pace(),
        looking: Callable[[str], None] = lambda what: None,
    ) -> None:
        self._heard, self._now, self._long, self._pace, self._looking = heard, now, long, pace, looking
        self.findings: list[Finding] = []

    def machine(self, folder: Path) -> None:
        """This machine alone. Blocking, for an instant."""
        self._looking("this machine")
        self._tell(here.program())
        self._tell(here.addresses())
        self._tell(here.disk(folder, os.environ))

    async def server(self, origin: str) -> None:
        """The server at `origin` and the network before it. ValueError: the origin is none."""
        try:
            at = endpoint.endpoint(origin)
        except BadProxy as error:
            self._tell(welcome.of_proxy("between", str(error)))
            return
        self._looking("the way to the server")
        steps: tuple[Callable[[Endpoint], Awaitable[Finding | None]], ...]
        steps = (endpoint.name, endpoint.port, functools.partial(endpoint.tls, now=self._now))
        for step in steps:
            finding = await step(at)
            if finding is not None and self._tell(finding).verdict == Verdict.BAD:
                return
        http, server = Http(origin, CALL_S), Server(origin)
        try:
            met = await self._meet(http, at)
            if self._tell(met.finding).verdict == Verdict.BAD:
                return
            await self._through(http, server, at, met)
        finally:
            await server.close()
            await http.close()

    async def _meet(self, http: Http, at: Endpoint) -> Welcome:
        try:
            began, wall = time.monotonic(), self._now()
            answer = await http.request("GET", "/hello")
            took = time.monotonic() - began
        except (OSError, ValueError) as error:
            return Welcome(await welcome.no_answer(error, at))
        with contextlib.suppress(OSError, ValueError):  # over a connection that is there, for its time
            began, wall = time.monotonic(), self._now()
            answer = await http.request("GET", "/hello")
            took = time.monotonic() - began
        if answer.status == 400 and not at.secure and await welcome.speaks_tls(at):
            return Welcome(welcome.wants_tls(at))
        finding, hello = welcome.read(answer, at)
        own = await welcome.own_findings(http) if hello else {}
        return Welcome(finding, hello, answer.headers, wall + took / 2, took, own)

    async def _through(self, http: Http, server: Server, at: Endpoint, met: Welcome) -> None:
        own = await asyncio.to_thread(own_addresses)
        self._looking("the server, waiting calls, bodies, speed, UDP")
        offers = outside.offered(met.hello)
        rtt = f"A call and its answer take {met.round_trip * 1000:.0f} ms."
        async with asyncio.TaskGroup() as group:
            database = group.create_task(welcome.database(http))
            upgrades = group.create_task(guarded("websocket", upgrade.websocket(http)))
            polls = group.create_task(guarded("poll", flows.poll(http, self._pace.poll)))
            moved = group.create_task(self._moved(http, server))
            udp = group.create_task(outside.look(offers.stun, own))
            turned = group.create_task(turning.relay(offers.turn))
            self._tell(Finding("round-trip", Verdict.GOOD, rtt, facts={"seconds": met.round_trip}))
            self._tell_all([welcome.clock(met.headers, met.at), welcome.between(met, at, own)])
            self._tell_all([await database])
            self._tell_all(welcome.of_itself(met.own, at.host))
            self._tell(await upgrades)
            self._tell(await polls)
            bodies = await moved
            self._tell_all(bodies)
            looked = await udp
            self._tell_all([looked.udp, looked.nat])
            relayed = await turned
            self._tell_all([relayed])
        facts = likely.Facts(
            nat=looked.mapping,
            webrtc=library() is not None,
            turn=relayed is not None and relayed.verdict == Verdict.GOOD,
            relay=all(each.verdict != Verdict.BAD for each in bodies),
            proxied=at.proxy is not None,
            addresses=bool(own),
        )
        self._tell(likely.path(facts))
        if self._long:
            await self._slowly(http, server)

    async def _moved(self, http: Http, server: Server) -> list[Finding]:
        """One after the other: each would slow the others down."""
        first = await guarded("body", flows.body(http, server))
        if first.verdict == Verdict.BAD:
            return [first]
        second = await guarded("follow", flows.follow(http, server))
        return [first, second, await guarded("speed", flows.speed(http, server, first, self._pace.speed))]

    async def _slowly(self, http: Http, server: Server) -> None:
        self._looking(f"a body of 60 MiB, and a call that waits {LONG_POLL_S:g} s")
        both: list[Coroutine[Any, Any, Finding]] = [
            guarded("long-body", flows.body(http, server, flows.PIECE, "long-body", LONG_BODY_S), 2 * LONG_BODY_S),
            guarded("long-poll", flows.poll(http, LONG_POLL_S, "long-poll"), 2 * LONG_POLL_S),
        ]
        works: list[Awaitable[Finding]] = [asyncio.ensure_future(each) for each in both]
        for work in works:
            self._tell(await work)

    def _tell(self, finding: Finding) -> Finding:
        self.findings.append(finding)
        self._heard(finding)
        return finding

    def _tell_all(self, findings: "list[Finding] | list[Finding | None]") -> None:
        for each in findings:
            if each is not None:
                self._tell(each)
