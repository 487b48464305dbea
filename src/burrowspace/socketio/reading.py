"""Whether one session's client is read: pauses that are counted, and a bucket of tokens that events are paid from.

It reads nothing itself: it tells the WebSocket to stop and go on, and lets a POST wait.
Spec: docs/spec/realtime.md, "Backpressure".
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Protocol

from burrowspace.socketio.engine_base import SessionBase
from burrowspace.socketio.inlet import NARROW, Inlet

if TYPE_CHECKING:
    from burrowspace.socketio.heartbeat import Heartbeat

GRANT = 32  # messages after which a client is asked whether it may go on in this turn of the loop
LARGE = 16_384  # bytes of a message after which it is asked at once
LONGEST = 10  # no client rests more than so many times as long because of others


class Connection(Protocol):
    """A WebSocket, as far as it is read or not."""

    inlet: Inlet

    def pause(self) -> None: ...
    def resume(self) -> None: ...


class Session(SessionBase, Protocol):
    """Whose client it is."""

    @property
    def beat(self) -> Heartbeat: ...
    @property
    def websocket(self) -> Connection | None: ...


class Reading:
    """The inlet of one session. `tokens` is public for the sake of the one subtraction per message: what is left of
    those last taken from the bucket."""

    heavy = True  # see Turns

    __slots__ = ("_bucket", "_readable", "_refilled", "_session", "_turn", "paused", "throttled_until", "tokens")

    def __init__(self, session: Session, now: float) -> None:
        self._session = session
        self.paused = 0  # who wants the client not to be read; 0 for nobody
        self._bucket = float(session.engine.options.events_burst)
        self.tokens = 0.0
        self._refilled = now
        self._turn = -1  # in which tokens were last taken from the bucket
        self.throttled_until = inf
        self._readable: asyncio.Future[None] | None = None

    def spend(self) -> None:
        """One token for something that is not a text packet: a binary message, a fragment, a WebSocket ping."""
        self.tokens -= 1
        if self.tokens < 0:
            self.throttle()

    @property
    def balance(self) -> float:
        """Tokens in all. It changes with each message."""
        return self._bucket + self.tokens

    def throttle(self) -> None:
        """The tokens are used up: takes some from the bucket, or stops reading until it holds one again. Also stops
        reading until a later turn of the loop, where this one has lasted long enough."""
        engine = self._session.engine
        rate, now = engine.options.events_per_second, engine.timers.now()
        left = min(float(engine.options.events_burst), self.balance + (now - self._refilled) * rate)
        self._refilled = now
        self.tokens = min(left, GRANT)
        self._bucket = left - self.tokens
        websocket = self._session.websocket
        if websocket is not None and websocket.inlet.most > NARROW:
            websocket.inlet.most = NARROW
        if left >= 0:
            self._go_on()
        elif self.throttled_until == inf:
            engine.stats.throttled += 1
            self.throttled_until = now + (1 - left) / rate
            self.pause()
            engine.timers.wake_by(self._session, self.throttled_until)

    def _go_on(self) -> None:
        """Lets others have their turn, if this one was long and the client said much in it: a pause costs more than the
        few messages that most clients say at once."""
        turns = self._session.engine.turns
        again = turns.number == self._turn
        if turns.over() and again:
            self.yields()
        self._turn = turns.number

    def yields(self, *, large: bool = False) -> None:
        """Lets others have their turn, if this one was long."""
        turns = self._session.engine.turns
        if not self.paused and turns.over(large=large):
            self.pause()
            turns.wait(self)

    def rest(self, seconds: float) -> None:
        """The client is not read for so long: what it said took long to look at, and others wait.

        Clients that rest come back one after the other, so that ten of them together cost no more of the loop than one.
        """
        engine = self._session.engine
        now = engine.timers.now()
        until = min(max(now, engine.last_turn) + seconds, now + LONGEST * seconds)
        engine.last_turn = max(engine.last_turn, until)
        if self.throttled_until == inf:
            self.throttled_until = until
            self.pause()
        else:
            self.throttled_until = max(self.throttled_until, until)
        engine.timers.wake_by(self._session, self.throttled_until)

    def tick(self, now: float) -> None:
        """The end of a throttling, if it is due."""
        if now >= self.throttled_until:
            self.throttled_until = inf
            self._session.engine.turns.wait(self)  # many of them may be due at once

    def pause(self) -> None:
        """Stops reading the client until as many `resume`."""
        self.paused += 1
        session = self._session
        if self.paused == 1 and session.is_open:
            session.beat.pause()
            if session.websocket is not None:
                session.websocket.pause()

    def resume(self) -> None:
        if not self.paused:
            return
        self.paused -= 1
        session = self._session
        if self.paused or not session.is_open:
            return
        timers = session.engine.timers
        session.beat.resume(timers.now())
        timers.wake_by(session, session.beat.due)
        self.release()
        if session.websocket is not None:
            session.websocket.resume()

    async def readable(self) -> None:
        """Waits until the client may be read, or is gone."""
        while self.paused and self._session.is_open:
            if self._readable is None:
                self._readable = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._readable)

    def release(self) -> None:
        """Lets a POST that waits look again."""
        readable, self._readable = self._readable, None
        if readable is not None:
            readable.set_result(None)
