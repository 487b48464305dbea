"""The pulse of a session, told the time by the test."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from burrowspace.socketio.heartbeat import Heartbeat


def test_it_pings_at_the_interval_and_gives_up_after_the_timeout() -> None:
    beat = Heartbeat(0.3, 0.2, now=10.0)
    assert beat.due == 10.3
    assert not beat.wants_ping(10.29)
    assert beat.wants_ping(10.3)
    beat.pinged(10.3)
    assert beat.due == 10.5
    assert not beat.dead(10.49)
    assert beat.dead(10.5)


def test_a_late_timer_does_not_move_the_deadline_but_a_stalled_process_does() -> None:
    late, stalled = Heartbeat(0.3, 0.2, 0.0), Heartbeat(0.3, 0.2, 0.0)
    late.pinged(0.31)
    stalled.pinged(2.0)
    assert late.dead(0.5)
    assert not stalled.dead(2.1)


def test_a_pong_starts_the_next_interval() -> None:
    beat = Heartbeat(25, 20, 0)
    beat.pinged(25)
    beat.ponged(26)
    assert not beat.dead(1000)
    assert beat.due == 51


def test_pings_go_on_at_their_interval_whatever_is_unanswered() -> None:
    """A client gives up when it hears none; how long it may say nothing counts from the first that is unanswered."""
    beat = Heartbeat(1, 10, 0)
    beat.pinged(1)
    assert not beat.wants_ping(1.9)
    for second in range(2, 11):
        assert beat.due == second
        assert beat.wants_ping(second)
        beat.pinged(second)
    assert not beat.dead(10.9)
    assert beat.dead(11)
    beat.ponged(11)  # of the first: it lives, and owes nine
    assert not beat.dead(20.9)
    assert beat.dead(21)


def test_a_proof_needs_a_ping_sent_after_it_was_asked_for() -> None:
    proofs: list[str] = []
    beat = Heartbeat(25, 20, 0)
    beat.pinged(25)  # the heartbeat's own
    beat.ask(lambda ok: proofs.append(f"first {ok}"))
    assert not beat.wants_ping(25)
    assert beat.ponged(26) is None  # the heartbeat's pong proves nothing
    assert beat.wants_ping(26)
    beat.pinged(26)
    beat.ask(lambda ok: proofs.append(f"second {ok}"))
    for done in beat.ponged(27) or ():
        done(True)
    assert proofs == ["first True"]
    assert beat.wants_ping(27)
    beat.pinged(27)
    for done in beat.ponged(28) or ():
        done(True)
    assert proofs == ["first True", "second True"]


def test_requests_share_a_ping() -> None:
    beat = Heartbeat(25, 20, 0)
    for _ in range(5):
        beat.ask(lambda ok: None)
    beat.pinged(1)
    assert len(beat.ponged(2) or ()) == 5
    assert not beat.wants_ping(2)


def test_pings_that_a_paused_client_could_not_answer_are_counted() -> None:
    beat = Heartbeat(1, 1, 0)
    beat.pinged(1)
    beat.pause()
    assert beat.wants_ping(2)
    beat.pinged(2)
    beat.ask(lambda ok: None)
    assert not beat.dead(100)
    beat.resume(100)
    assert not beat.dead(100.9)
    assert beat.dead(101)
    assert beat.ponged(100.5) is None
    assert beat.ponged(100.6) is None
    assert beat.wants_ping(100.6)
    beat.pinged(100.6)
    assert len(beat.ponged(100.7) or ()) == 1


def test_an_unasked_pong_proves_nothing() -> None:
    beat = Heartbeat(25, 20, 0)
    beat.ask(lambda ok: None)
    assert beat.ponged(1) is None
    assert len(beat.end()) == 1


@given(st.lists(st.sampled_from(["ask", "ping", "pong", "pause", "resume"]), max_size=60))
def test_a_proof_never_comes_before_the_pong_of_a_later_ping(moves: list[str]) -> None:
    beat, now = Heartbeat(1, 1, 0), 0.0
    asked_at: list[int] = []  # how many pings had been sent when it was asked for
    proven: list[int] = []
    pings = pongs = paused = 0
    for move in moves:
        now += 0.5
        if move == "ask":
            number = len(asked_at)
            asked_at.append(pings)
            beat.ask(lambda ok, number=number: proven.append(number))
        elif move == "ping" and beat.wants_ping(now):
            beat.pinged(now)
            pings += 1
        elif move == "pong" and pongs < pings:
            pongs += 1
            before = len(proven)
            for done in beat.ponged(now) or ():
                done(True)
            for number in proven[before:]:
                assert asked_at[number] < pongs
        elif move == "pause":
            beat.pause()
            paused = 1
        elif move == "resume" and paused:
            beat.resume(now)
    assert len(proven) + len(beat.end()) == len(asked_at)
    assert len(set(proven)) == len(proven)
