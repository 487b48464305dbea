"""What a receiver says of how far it is: the walks of both languages, and what always holds."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core.paths import Path as Way
from burrowspace.core.reports import (
    BACK,
    OVER,
    TELL,
    WHY,
    Meter,
    Reason,
    Standing,
    Storing,
    Tell,
    ToPerson,
    ToSender,
)
from burrowspace.core.silence import Silence

ROOT = Path(__file__).resolve().parents[2]
HELD = json.loads((ROOT / "tests" / "vectors" / "session.json").read_text())
SPEC = (ROOT / "docs" / "spec" / "session.md").read_text()


@pytest.mark.parametrize("walk", HELD["to_senders"], ids=lambda walk: walk["name"])
def test_a_sender_hears_what_the_walk_says(walk: dict[str, Any]) -> None:
    said = ToSender()
    for event, expected in walk["steps"]:
        if event == ["arrived"]:
            said.arrived()
        else:
            now, path, held, moved_at = event
            assert said.tick(now, path and Way(path), held, moved_at) == expected, now


@pytest.mark.parametrize("walk", HELD["to_persons"], ids=lambda walk: walk["name"])
def test_a_person_is_told_what_the_walk_says(walk: dict[str, Any]) -> None:
    seen = ToPerson(Silence(100.0) if walk["stdin"] else None)
    for event, expected in walk["steps"]:
        if isinstance(event, bool):
            seen.looked(event)
        else:
            told = seen.tick(Standing(**event))
            assert (told and list(told)) == expected, event


def test_the_walks_reach_every_reason() -> None:
    told = [step[1] for walk in HELD["to_persons"] for step in walk["steps"] if step[1]]
    assert {why for _, why in told} == {"", BACK, OVER, *(reason.why for reason in WHY)}
    assert {what for what, _ in told} == set(Tell)


def test_what_goes_to_rest_is_told_as_the_walk_says() -> None:
    seen = Storing()
    for now, safe_at, stored, follows in HELD["storings"]:
        assert [seen.tick(now, safe_at, stored), seen.stored] == follows, now


def test_the_rate_is_the_one_of_the_walk() -> None:
    meter = Meter()
    for now, done, total, follows in HELD["meters"]:
        assert list(meter.add(now, done, total)) == follows, now


@given(step=st.integers(1, 60), size=st.integers(1, 10**7), blocks=st.integers(6, 40))
def test_the_time_left_on_a_steady_line_is_true_at_every_moment_whatever_a_block_takes(
    step: int, size: int, blocks: int
) -> None:
    """A block arrives every `step` tenths of a second, and the sender looks five times a second or as often as that."""
    meter, look = Meter(), min(step, 2)
    for tenths in range(0, step * blocks, look):
        rate, left = meter.add(tenths / 10, size * (tenths // step), size * blocks)
        if tenths >= 3 * step:
            truth = (step * blocks - tenths) / 10
            assert left is not None
            assert abs(left - truth) <= 0.2 * truth + 0.4, (tenths, left, truth)
            assert rate > 0


def test_who_stands_still_has_no_speed_and_no_time_left() -> None:
    meter = Meter()
    for now in range(5):
        meter.add(float(now), 10 * now, 100)
    assert meter.add(4.9, 40, 100) == (10.0, pytest.approx(5.1))
    assert meter.add(8.0, 40, 100) == (0.0, None)


@pytest.mark.parametrize("reason", WHY, ids=lambda reason: reason.because)
def test_the_spec_has_the_reasons_in_their_order(reason: Reason) -> None:
    assert f"| {WHY.index(reason) + 1} | {reason.why} | {reason.because} |" in SPEC


@given(steps=st.lists(st.tuples(st.integers(1, 40), st.booleans(), st.booleans()), max_size=60))
def test_nobody_is_told_to_wait_before_the_server_was_asked(steps: list[tuple[int, bool, bool]]) -> None:
    seen, now, asked = ToPerson(), 0.0, False
    for tenths, carries, moved in steps:
        now += tenths / 10
        told = seen.tick(Standing(now, carries, now if moved else 0.0, 0.0))
        if told == (Tell.LOOK, ""):
            asked = True
            seen.looked(True)
        assert told is None or told[0] is not Tell.WAITING or asked


def test_a_person_is_told_at_most_ten_times_a_second() -> None:
    seen = ToPerson()
    told = [seen.tick(Standing(number / 100, True, number / 100, 0.0)) for number in range(100)]
    assert sum(each is not None for each in told) <= 1 / TELL + 1
