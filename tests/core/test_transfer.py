"""The tables of requests and transfers: total, without a way back from the end, and progress that only rises."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.core.errors import WrongState
from burrowspace.core.transfer import (
    NEXT,
    NEXT_REQUEST,
    REPORTED,
    RequestState,
    Step,
    TransferState,
    advance,
    after_report,
    answer,
    reported,
    walk,
)

S = TransferState
OVER = [S.CANCELLED, S.EXPIRED]
ANSWERS = ["approve", "reject", "expire"]


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("state", S)
def test_every_step_from_every_state_leads_somewhere_or_is_refused_with_the_state(state: S, step: Step) -> None:
    if step in NEXT[state]:
        assert walk(state, step) is NEXT[state][step]
        return
    with pytest.raises(WrongState) as refusal:
        walk(state, step)
    sentence = str(refusal.value)
    assert refusal.value.state == state
    assert refusal.value.body() == {"error": sentence, "code": "wrong-state", "state": state}
    assert state in sentence
    assert step in sentence


@pytest.mark.parametrize("step", [*ANSWERS, "approved", ""])
@pytest.mark.parametrize("state", RequestState)
def test_every_answer_to_every_request_leads_somewhere_or_is_refused_with_the_state(
    state: RequestState, step: str
) -> None:
    if step in NEXT_REQUEST[state]:
        assert answer(state, step) is NEXT_REQUEST[state][step]
        return
    with pytest.raises(WrongState) as refusal:
        answer(state, step)
    assert refusal.value.state == state
    assert refusal.value.body()["state"] == state


def test_the_tables_have_a_row_for_every_state() -> None:
    assert set(NEXT) == set(S)
    assert set(NEXT_REQUEST) == set(RequestState)


@pytest.mark.parametrize("state", OVER)
@pytest.mark.parametrize("step", [Step.START, Step.STORE, Step.COMPLETE, Step.RETRY, Step.FAIL])
def test_what_was_called_off_or_expired_moves_no_byte_any_more(state: S, step: Step) -> None:
    with pytest.raises(WrongState):
        walk(state, step)


def test_what_is_over_stays_over() -> None:
    assert all(set(NEXT[state].values()) <= {state} for state in OVER)
    for state in RequestState:
        if state is not RequestState.PENDING:
            assert set(NEXT_REQUEST[state].values()) <= {state}


@pytest.mark.parametrize("state", [s for s in S if s not in OVER])
def test_every_state_can_reach_every_end(state: S) -> None:
    assert walk(state, Step.CANCEL) is S.CANCELLED
    assert walk(state, Step.EXPIRE) is S.EXPIRED


def test_only_a_failed_transfer_starts_over() -> None:
    back = [state for state, row in NEXT.items() if row.get(Step.RETRY) is S.READY and state is not S.READY]
    assert back == [S.FAILED]


@pytest.mark.parametrize("step", Step)
def test_a_step_said_twice_changes_nothing_more(step: Step) -> None:
    """A client that did not hear the answer may say it again."""
    for state, row in NEXT.items():
        if step in row:
            assert walk(walk(state, step), step) is walk(state, step)


@pytest.mark.parametrize("step", ["approve", "reject"])
def test_an_answer_given_twice_is_the_same_answer(step: str) -> None:
    once = answer(RequestState.PENDING, step)
    assert answer(once, step) is once


@pytest.mark.parametrize("state", REPORTED)
def test_a_word_of_the_table_is_a_step_that_leads_to_it(state: S) -> None:
    step = reported(S.READY, state, 0)
    assert step is REPORTED[state]
    assert {row[step] for row in NEXT.values() if step in row} == {state}


@pytest.mark.parametrize("word", ["READY", "done", "expired", "inProgress", "error", "transferring ", "\0"])
def test_any_other_word_says_no_more_than_that_bytes_have_moved(word: str) -> None:
    for state in S:
        moves = state in (S.READY, S.TRANSFERRING)
        assert after_report(state, 7.0, word, 0) == (state, 7.0)
        assert after_report(state, 7.0, word, 9) == ((S.TRANSFERRING, 9.0) if moves else (state, 7.0))


@settings(max_examples=300, derandomize=True)
@given(
    state=st.sampled_from(S),
    word=st.sampled_from([*REPORTED, "paused"]),
    reports=st.lists(st.floats() | st.integers(-5, 200) | st.just(10**400), max_size=20),
)
def test_a_report_never_takes_progress_back_and_keeps_it_within_its_bounds(
    state: S, word: str, reports: list[float]
) -> None:
    held = 0.0
    for offered in reports:
        before, (state, after) = (state, held), after_report(state, held, word, offered)
        assert after >= held or before[0] is S.FAILED
        assert type(after) is float
        assert 0 <= after <= 100
        held = after


def test_a_report_that_the_table_does_not_have_changes_nothing() -> None:
    for state, row in NEXT.items():
        for word, step in REPORTED.items():
            if step not in row:
                assert after_report(state, 40.0, word, 60.0) == (state, 40.0)


@pytest.mark.parametrize("offered", [math.nan, -math.inf, -0.001])
def test_what_is_no_percentage_is_no_progress(offered: float) -> None:
    assert advance(3.0, offered) == 3.0


@settings(max_examples=300, derandomize=True)
@given(st.lists(st.sampled_from(Step), max_size=30))
def test_no_way_leads_out_of_an_end(steps: list[Step]) -> None:
    state, ended = S.READY, None
    for step in steps:
        if step in NEXT[state]:
            state = walk(state, step)
        assert ended in (None, state)
        ended = state if state in OVER else None
