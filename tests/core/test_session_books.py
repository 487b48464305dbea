"""Segments and the sender's book: the walks of both languages, every rule reached, and what always holds."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core import sender_book
from burrowspace.core.consent import WINDOW
from burrowspace.core.segments import (
    FILL,
    REST,
    Announced,
    Flow,
    Part,
    Rest,
    RestRow,
    Row,
    ahead,
    covered,
    rest,
    serving,
)
from burrowspace.core.sender_book import RULES, Facts, Step, step
from burrowspace.core.sender_words import Act, SenderWords
from burrowspace.core.signals import parse_signal
from burrowspace.core.silence import Silence

ROOT = Path(__file__).resolve().parents[2]
HELD = json.loads((ROOT / "tests" / "vectors" / "session.json").read_text())
SPEC = (ROOT / "docs" / "spec" / "session.md").read_text()


@pytest.mark.parametrize("walk", HELD["announced"], ids=lambda walk: walk["name"])
def test_a_receiver_knows_its_segments_as_the_walk_says(walk: dict[str, Any]) -> None:
    known = Announced()
    for (what, *values), follows in walk["steps"]:
        getattr(known, what)(*values)
        found = []
        for position in walk["looks"]:
            live, rest = known.pick(position, False), known.pick(position, True)
            found.append([live and live.spool, rest and rest.spool, known.nothing_left(position)])
        assert found == follows, what


@pytest.mark.parametrize("case", HELD["leavings"], ids=lambda case: case["name"])
def test_a_receiver_leaves_a_segment_when_the_case_says(case: dict[str, Any]) -> None:
    known = Announced()
    known.begins("a", 0, "A256GCM", False)
    segment = known.pick(0, False)
    assert segment is not None
    for what, *values in case["steps"]:
        getattr(known, what)(*values)
    for taken, held, still, leaves in case["asked"]:
        assert known.leaves(segment, taken, held, still) is leaves, (taken, held, still)


@pytest.mark.parametrize("walk", HELD["sender_words"], ids=lambda walk: walk["name"])
def test_the_words_of_a_sender_mean_what_the_walk_says(walk: dict[str, Any]) -> None:
    words = SenderWords(100.0)
    for (what, *values), follows in walk["steps"]:
        acts = getattr(words, what)(*values[:-1], parse_signal(json.dumps(values[-1]).encode())) or ()
        live, rest = (words.announced.pick(0, resting) for resting in (False, True))
        found = [words.offer and words.offer.transfer, words.here, words.over, words.heard_at]
        assert [list(acts), *found, live and live.spool, rest and rest.spool] == follows, values


def test_the_walks_reach_all_that_follows_from_a_word() -> None:
    assert {act for walk in HELD["sender_words"] for step in walk["steps"] for act in step[1][0]} == set(Act)


@pytest.mark.parametrize("walk", HELD["silences"], ids=lambda walk: walk["name"])
def test_a_sender_that_cannot_come_back_is_given_up_as_the_walk_says(walk: dict[str, Any]) -> None:
    silence = Silence(100.0)
    for now, heard_at, wanted, follows in walk["steps"]:
        assert [silence.tick(now, heard_at, wanted=wanted), silence.warned] == follows, now


@pytest.mark.parametrize("case", HELD["parts"], ids=lambda case: case["name"])
def test_a_sender_knows_what_its_segments_carry(case: dict[str, Any]) -> None:
    parts = [Part(**each) for each in case["parts"]]
    for position, serves, upto in case["asked"]:
        assert [serving(parts, position, suite) for suite in ("A256GCM", "XC20P")] == serves
        assert covered(parts, position, case["positions"]) == upto


@pytest.mark.parametrize("case", HELD["parts"], ids=lambda case: case["name"])
def test_what_one_who_has_gone_lacks_rests_as_the_case_says(case: dict[str, Any]) -> None:
    parts = [Part(**each) for each in case["parts"]]
    for own, held, how, which in case["rests"]:
        assert rest(parts, own, held, case["positions"]) == (how, which)


def test_the_cases_reach_every_row_about_resting() -> None:
    assert {how for case in HELD["parts"] for _, _, how, _ in case["rests"]} == set(Rest)
    assert [row.rest for row in REST] == list(Rest)


@pytest.mark.parametrize("row", REST, ids=lambda row: row.rest)
def test_the_spec_has_the_rows_about_resting(row: RestRow) -> None:
    assert f"| {REST.index(row) + 1} | {row.rest} | {row.because} |" in SPEC


@pytest.mark.parametrize("case", HELD["flows"], ids=lambda case: case["name"])
def test_a_sender_fills_a_segment_as_far_as_the_case_says(case: dict[str, Any]) -> None:
    assert ahead(Flow(**{**case["flow"], "limits": tuple(case["flow"]["limits"])})) == case["ahead"]


def test_the_cases_reach_every_row_about_filling() -> None:
    flows = [Flow(**{**case["flow"], "limits": tuple(case["flow"]["limits"])}) for case in HELD["flows"]]
    assert {next(row for row in FILL if row.applies(flow)) for flow in flows} == set(FILL)


@pytest.mark.parametrize("row", FILL, ids=lambda row: row.ahead)
def test_the_spec_has_the_rows_about_filling(row: Row) -> None:
    assert f"| {FILL.index(row) + 1} | {row.ahead} | {row.because} |" in SPEC


@given(
    first=st.integers(0, 99),
    wanted=st.booleans(),
    linked=st.booleans(),
    limits=st.lists(st.integers(1, 50), min_size=1),
)
def test_before_a_yes_a_live_segment_gets_a_credit_or_what_consent_allows(
    first: int, wanted: bool, linked: bool, limits: list[int]
) -> None:
    upto = ahead(Flow(first, False, wanted, linked, tuple(limits)))
    assert upto is not None
    assert upto <= max(first + WINDOW, *limits)


@pytest.mark.parametrize("case", HELD["sendings"], ids=lambda case: case["name"])
def test_a_sender_does_what_the_case_says(case: dict[str, Any]) -> None:
    assert step(Facts(**case["facts"])) == case["step"]


def test_the_cases_reach_every_rule() -> None:
    assert {case["step"] for case in HELD["sendings"]} == set(Step)
    assert [rule.step for rule in RULES] == list(Step)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.step)
def test_the_spec_has_the_rules_in_their_order(rule: sender_book.Rule) -> None:
    assert f"| {RULES.index(rule) + 1} | `{rule.step}` | {rule.because} |" in SPEC


part = st.builds(
    Part,
    first=st.integers(0, 40),
    suite=st.just("a"),
    rests=st.booleans(),
    upto=st.none() | st.integers(0, 50),
    whole=st.booleans(),
)


@given(parts=st.lists(part, max_size=6), position=st.integers(0, 50))
def test_every_block_before_what_is_covered_lies_in_a_segment_that_rests(parts: list[Part], position: int) -> None:
    upto = covered(parts, position, 50)
    end = 50 if upto is None else upto
    assert end >= position
    for block in range(position, end):
        there = (p for p in parts if p.rests and p.first <= block and (p.whole or (p.upto or 0) > block))
        assert any(there), block


facts = st.builds(
    Facts,
    now=st.floats(0, 100),
    began=st.just(0.0),
    wanted=st.none() | st.integers(1, 3),
    store_now=st.booleans(),
    may_store=st.booleans(),
    by_code=st.booleans(),
    stored=st.booleans(),
    known=st.integers(0, 3),
    verified=st.integers(0, 3),
    living=st.integers(0, 3),
    rests=st.booleans(),
    all_rests=st.booleans(),
    missing_rests=st.booleans(),
    patience=st.none() | st.floats(0, 60),
    met=st.booleans(),
)


@given(facts=facts)
def test_a_sender_never_leaves_somebody_who_is_here_or_what_may_not_rest(facts: Facts) -> None:
    found = step(facts)
    if found is Step.LEAVE:
        assert not facts.living
        assert facts.all_rests or facts.missing_rests
    if found is Step.STORE:
        assert facts.may_store
        assert not facts.stored
    if found is Step.FINISH:
        assert facts.wanted is not None
        assert facts.verified >= facts.wanted
