"""One receiver's life as its sender sees it: the walks of both languages, every row reached, and what always holds."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scripts.vectors_receiver import say

from burrowspace.core import credit
from burrowspace.core.receiver_book import CREDIT, LIFE, SILENT, Act, ReceiverBook, Row, Rule, Stage
from burrowspace.core.receiver_words import ReceiverWords, Runs
from burrowspace.core.segments import Part

ROOT = Path(__file__).resolve().parents[2]
HELD = json.loads((ROOT / "tests" / "vectors" / "session.json").read_text())
SPEC = (ROOT / "docs" / "spec" / "session.md").read_text()


def happen(book: ReceiverBook, event: list[Any]) -> Any:
    what, *values = event
    return getattr(book, what)(*[Part(**each) if isinstance(each, dict) else each for each in values])


@pytest.mark.parametrize("walk", HELD["lives"], ids=lambda walk: walk["name"])
def test_a_sender_treats_its_receiver_as_the_walk_says(walk: dict[str, Any]) -> None:
    book = ReceiverBook(walk["blocks"], walk["held"], 100.0, walk["may_store"], walk["alone"])
    for now, event, follows in walk["steps"]:
        acts = happen(book, event) or ()
        assert [list(acts), book.stage(now), book.held, book.person.limit] == follows, (now, event)


@pytest.mark.parametrize("case", HELD["positions"], ids=lambda case: f"{case['name']}-{case['following']}")
def test_a_sender_knows_how_far_a_silent_receiver_is(case: dict[str, Any]) -> None:
    book = ReceiverBook(1, case["held"], 100.0)
    book.looked(100.0, case["following"], False)
    assert book.position(case["part"] and Part(**case["part"])) == case["position"]


@pytest.mark.parametrize("walk", HELD["words"], ids=lambda walk: walk["name"])
def test_its_words_mean_what_the_walk_says(walk: dict[str, Any]) -> None:
    book = ReceiverBook(1, 0, 100.0, alone=walk["alone"])
    words = ReceiverWords(book, "one", direct_only=walk["direct_only"])
    for event, follows in walk["steps"]:
        said = json.loads(json.dumps(say(words, event)))
        assert [said, words.asked, words.digest, words.why, book.held, book.stage(110.0)] == follows, event


@pytest.mark.parametrize("walk", HELD["runs"], ids=lambda walk: walk["name"])
def test_a_sender_hears_the_run_that_said_hello_last(walk: dict[str, Any]) -> None:
    runs = Runs[str]("one")
    for (what, *values), follows in walk["steps"]:
        assert getattr(runs, what)(*values) == follows


def test_the_walks_reach_every_stage_every_act_and_every_rule() -> None:
    steps = [step for walk in HELD["lives"] for step in walk["steps"]]
    assert {stage for _, _, (_, stage, *_) in steps} == {row.stage for row in LIFE} == set(Stage)
    assert {act for _, _, (acts, *_) in steps for act in acts} == set(Act)
    answered = {tuple(acts) for _, event, (acts, *_) in steps if event[0] == "reached"}
    assert answered == {() if rule.act is None else (rule.act,) for rule in SILENT}


def test_a_link_and_a_segment_run_as_far_ahead() -> None:
    assert credit.CREDIT == CREDIT


@pytest.mark.parametrize("row", LIFE, ids=lambda row: row.stage)
def test_the_spec_has_the_stages_in_their_order(row: Row) -> None:
    tick = "–" if row.tick is None else f"`{row.tick}`"
    assert f"| {LIFE.index(row) + 1} | `{row.stage}` | {tick} | {row.because} |" in SPEC


@pytest.mark.parametrize("rule", SILENT, ids=lambda rule: rule.act or "nothing")
def test_the_spec_has_what_is_done_about_a_silent_one(rule: Rule) -> None:
    act = "–" if rule.act is None else f"`{rule.act}`"
    assert f"| {SILENT.index(rule) + 1} | {act} | {rule.because} |" in SPEC


def part(first: int, at: int | None, *, rests: bool, whole: bool) -> Part:
    return Part(first, "a", rests, None, whole, at)


parts = st.none() | st.builds(part, st.integers(0, 9), st.none() | st.integers(0, 99), rests=st.booleans(),
                              whole=st.booleans())  # fmt: skip
held = st.integers(0, 99)
moves = st.lists(
    st.tuples(
        st.floats(0, 8),
        st.one_of(
            st.tuples(st.sampled_from(["asks", "holds", "accepts"]), held),
            st.tuples(st.sampled_from(["given", "linked", "verifies", "declines", "ends", "stored"])),
            st.tuples(st.sampled_from(["leaves", "compared"]), st.booleans()),
            st.tuples(st.sampled_from(["hello now", "requests now"]), held),
            st.tuples(st.just("progress now"), held, st.none() | st.booleans()),
            st.tuples(st.sampled_from(["heard now", "not_stored now"])),
            st.tuples(st.just("tick now"), parts, st.booleans()),
            st.tuples(st.sampled_from(["looked now", "reached now"]), st.booleans(), st.booleans()),
        ),
    ),
    max_size=60,
)


@given(moves=moves, may_store=st.booleans(), alone=st.booleans())
@example(  # it called it off while its person was deciding, and a word of before arrives
    moves=[(0.0, ("holds", 1)), (0.0, ("ends",)), (0.0, ("progress now", 1, None))], may_store=True, alone=False
)
def test_nobody_who_is_here_is_stored_for_and_nothing_is_said_of_one_who_is_done(
    moves: list[tuple[float, tuple[Any, ...]]], may_store: bool, alone: bool
) -> None:
    book, now, ends, pending = ReceiverBook(1, 0, 100.0, may_store, alone), 100.0, 0, set[Act]()
    for wait, (what, *values) in moves:
        now += wait
        name, timed = what.removesuffix(" now"), what.endswith(" now")
        here, before = book.here(now), book.stage(now)
        acts: tuple[Act, ...] = getattr(book, name)(*([now, *values] if timed else values)) or ()
        if Act.STORE in acts:
            assert may_store
            assert not here
        if before in (Stage.OVER, Stage.DONE):
            assert not set(acts) & {
                Act.TELL_PROGRESS,
                Act.TELL_DECIDING,
                Act.TELL_AWAY,
                Act.STORE,
                Act.CHECK,
                Act.COMPARE,
            }
        ends += Act.FAIL in acts or Act.CLOSE in acts
        for act, answer in ((Act.GIVE, "given"), (Act.LOOK, "looked"), (Act.CHECK, "reached")):
            if name == answer:
                pending.discard(act)
            if act in acts:
                assert act not in pending, "it is asked again before the answer"
                pending.add(act)
    assert ends <= 1
