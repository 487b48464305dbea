"""What may be requested before a yes, and what is said meanwhile: the walks of both languages, and the promise."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core.consent import SAY_EVERY, TABLE, WINDOW, Act, Consent, Person, Stage

HELD = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "session.json").read_text())
SPEC = (Path(__file__).resolve().parents[2] / "docs" / "spec" / "session.md").read_text()


def happen(consent: Consent, now: float, event: list[Any]) -> tuple[Act, ...]:
    what, *values = event
    if what == "know":
        return consent.know(now)
    if what == "tick":
        return consent.tick(now)
    return consent.answer(values[0]) if what == "answer" else ()


@pytest.mark.parametrize("walk", HELD["consents"], ids=lambda walk: walk["name"])
def test_a_receiver_decides_as_the_walk_says(walk: dict[str, Any]) -> None:
    consent, here = Consent(walk["blocks"], walk["window"], accepted=walk["accepted"]), 0
    for now, event, follows in walk["steps"]:
        acts = happen(consent, now, event)
        here = event[1] if event[0] == "here" else here
        limit, may = consent.limit(walk["positions"]), consent.may_request(here, walk["positions"])
        assert [list(acts), consent.stage, limit, may] == follows, event


@pytest.mark.parametrize("walk", HELD["persons"], ids=lambda walk: walk["name"])
def test_a_sender_sees_the_person_as_the_walk_says(walk: dict[str, Any]) -> None:
    person = Person(walk["blocks"])
    for (what, *values), follows in walk["steps"]:
        getattr(person, what)(*values)
        assert [person.stage, person.limit] == follows, what


def test_the_walks_reach_every_row_and_every_act() -> None:
    steps = [follows for walk in HELD["consents"] for _, _, follows in walk["steps"]]
    assert {stage for _, stage, *_ in steps} == set(Stage)
    assert {act for acts, *_ in steps for act in acts} == set(Act)
    assert {stage for walk in HELD["persons"] for _, (stage, _) in walk["steps"]} == set(Stage)


@pytest.mark.parametrize("stage", Stage)
def test_the_spec_has_the_same_table(stage: Stage) -> None:
    row = TABLE[stage]
    may = "everything" if row.beyond is None else f"the manifest and {row.beyond} blocks" if row.beyond else "nothing"
    said = f"at least every {SAY_EVERY:.0f} s" if row.says else "–"
    assert f"| `{stage}` | {may} | {said} | {row.because} |" in SPEC


events = st.lists(
    st.tuples(
        st.floats(0, 400),
        st.one_of(
            st.just(["know"]), st.just(["tick"]), st.tuples(st.just("answer"), st.booleans()).map(list)
        ),
    )
)  # fmt: skip


@given(events=events, blocks=st.integers(1, 9), window=st.integers(0, WINDOW))
def test_before_a_yes_nothing_beyond_the_manifest_and_one_window_may_be_requested(
    events: list[tuple[float, list[Any]]], blocks: int, window: int
) -> None:
    consent = Consent(blocks, window)
    for now, event in sorted(events, key=lambda each: each[0]):
        happen(consent, now, event)
        if not consent.accepted:
            limit = consent.limit(None)
            assert limit is not None
            assert limit <= blocks + WINDOW
            assert not consent.may_request(blocks + WINDOW, None)


@given(waits=st.lists(st.floats(0, 0.5), max_size=60))
def test_a_person_who_decides_is_spoken_of_within_every_five_seconds(waits: list[float]) -> None:
    consent, now, said = Consent(1), 0.0, 0.0
    assert consent.know(now) == (Act.ASK,)
    for wait in waits:
        now += wait  # a driver that looks twice a second, or more often
        if consent.tick(now):
            said = now
        assert now - said < SAY_EVERY
