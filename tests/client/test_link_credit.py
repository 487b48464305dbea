"""What is asked and what is sent, without sockets: never more than the credit, nothing twice, nothing forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.client.limits import Bucket
from burrowspace.core.credit import CREDIT, Asked, Asking
from burrowspace.core.errors import BadRequest


@given(
    streams=st.integers(1, 8),
    end=st.integers(0, 200),
    known=st.booleans(),
    seed=st.randoms(use_true_random=False),
)
def test_whatever_the_order_of_arrival_each_position_is_asked_once_and_within_the_credit(streams, end, known, seed):
    asking = Asking(0, end if known else None, streams)
    senders = [Asked() for _ in range(streams)]
    asked: list[int] = []
    early: set[int] = set()
    held = 0
    while held < end:
        for stream, start, upto in asking.wants():
            senders[stream].want(start, upto)
            asked += range(start, upto)
            assert upto <= held + CREDIT
        busy = [number for number, each in enumerate(senders) if each.waiting]
        assert busy, "nothing is asked and not everything is held"
        stream = seed.choice(busy)
        position = senders[stream].next()
        assert position is not None
        assert asking.arrived(stream, position)
        early.add(position)
        while held in early:
            early.remove(held)
            held += 1
        asking.moved(held)
        assert asking.outstanding <= CREDIT
    assert asked == list(range(len(asked)))
    assert len(asked) >= end
    assert not known or max(asked, default=-1) < end


def test_what_was_asked_before_a_stop_may_still_come_and_nothing_else():
    asking = Asking(0, None, 1)
    asking.wants()
    asking.stop()
    assert (asking.outstanding, asking.wants()) == (0, [])
    assert asking.arrived(0, 3)
    assert not asking.arrived(0, 3)
    assert not asking.arrived(0, CREDIT)
    asking.begin(1, None)
    assert asking.wants() == [(0, 1, 1 + CREDIT)]


def test_a_stream_that_joins_gets_its_share():
    asking = Asking(0, None, 1)
    asking.wants()
    asking.add_stream()
    asking.moved(16)
    assert [stream for stream, _, _ in asking.wants()] == [1, 1, 1, 1]


@pytest.mark.parametrize(("start", "upto"), [(0, 0), (5, 4), (-1, 3), (0, CREDIT + 1)])
def test_a_range_that_is_none_or_too_long_is_refused(start: int, upto: int):
    with pytest.raises(BadRequest):
        Asked().want(start, upto)


def test_many_small_ranges_count_together():
    asked = Asked()
    for position in range(CREDIT):
        asked.want(position, position + 1)
    with pytest.raises(BadRequest):
        asked.want(CREDIT, CREDIT + 1)
    asked.stop()
    asked.want(7, 8)
    assert (asked.next(), asked.next()) == (7, None)


@given(sizes=st.lists(st.integers(1, 300_000), min_size=1, max_size=50), rate=st.floats(1e3, 1e8))
def test_the_rate_holds_whatever_is_sent(sizes: list[int], rate: float):
    now = [0.0]
    bucket = Bucket(rate, clock=lambda: now[0])
    for size in sizes:
        now[0] += bucket.spend(size)
    assert sum(sizes) <= rate * now[0] + bucket.burst + 1e-3


def test_a_rate_of_nothing_is_refused():
    with pytest.raises(ValueError, match="more than 0"):
        Bucket(0)
