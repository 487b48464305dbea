"""One timer for all deadlines."""

from __future__ import annotations

import asyncio
from math import inf

import pytest

from burrowspace.socketio.timers import Timers
from tests.socketio.wire import until

pytestmark = pytest.mark.anyio


class Alarm:
    def __init__(self, timers: Timers, log: list[str], name: str, again: float = inf) -> None:
        self.wake = inf
        self.timers, self.log, self.name, self.again = timers, log, name, again

    def tick(self, now: float) -> float:
        self.log.append(self.name)
        again, self.again = self.again, inf
        return now + again if again != inf else inf


async def test_targets_wake_in_order_and_an_earlier_time_wins() -> None:
    timers, log = Timers(), list[str]()
    now = timers.now()
    late, early, moved = (Alarm(timers, log, name) for name in ("late", "early", "moved"))
    timers.wake_by(late, now + 0.02)
    timers.wake_by(early, now + 0.01)
    timers.wake_by(moved, now + 60)
    timers.wake_by(moved, now + 0.015)
    timers.wake_by(late, now + 60)  # no later than it was to be
    await until(lambda: len(log) == 3)
    assert log == ["early", "moved", "late"]
    timers.close()


async def test_a_tick_says_when_to_come_back_and_a_failing_one_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    timers, log = Timers(), list[str]()

    class Broken(Alarm):
        def tick(self, now: float) -> float:
            raise RuntimeError("broken")

    broken, twice = Broken(timers, log, "broken"), Alarm(timers, log, "twice", again=0.001)
    timers.wake_by(broken, timers.now())
    timers.wake_by(twice, timers.now())
    await until(lambda: log == ["twice", "twice"])
    assert "a deadline failed" in caplog.text
    timers.close()


async def test_the_forgotten_do_not_pile_up() -> None:
    timers, log = Timers(), list[str]()
    kept = Alarm(timers, log, "kept")
    timers.wake_by(kept, timers.now() + 0.01)
    for _ in range(1000):
        gone = Alarm(timers, log, "gone")
        timers.wake_by(gone, timers.now() + 60)
        timers.forget(gone)
    assert len(timers._heap) < 200
    await until(lambda: log)
    await asyncio.sleep(0)
    assert log == ["kept"]
    timers.close()
