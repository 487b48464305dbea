"""The arithmetic of a spool: promises over any row of moves."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from burrowspace.core.spooling import Ahead, Ledger, Policy

WINDOW = 50


class Spool(RuleBasedStateMachine):
    """A ledger beside a plain account of which bytes still lie there."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(policy=self.policy, window=WINDOW, begin=7)
        self.number = 0

    policy = Policy.LIVE

    @rule(wanted=st.integers(1, 80))
    def write(self, wanted: int) -> None:
        self.ledger.wrote(min(wanted, self.ledger.room()))
        if self.policy is Policy.LIVE and self.ledger.room() and self.ledger.readers:
            assert self.ledger.size + self.ledger.room() <= min(self.ledger.readers.values()) + WINDOW

    @rule(place=st.integers(0, 200))
    def join(self, place: int) -> None:
        if self.ledger.can_read_from(place):
            self.number += 1
            self.ledger.join(self.number, place)

    @precondition(lambda self: self.ledger.readers)
    @rule(which=st.integers(0, 100), wanted=st.integers(1, 80))
    def read(self, which: int, wanted: int) -> None:
        number = sorted(self.ledger.readers)[which % len(self.ledger.readers)]
        if self.ledger.ahead(number) is Ahead.MORE:
            offset = self.ledger.readers[number]
            assert offset >= self.ledger.given, "a reader would find a hole"
            self.ledger.read(number, min(wanted, self.ledger.size - offset))

    @precondition(lambda self: self.ledger.readers)
    @rule(which=st.integers(0, 100))
    def leave(self, which: int) -> None:
        self.ledger.leave(sorted(self.ledger.readers)[which % len(self.ledger.readers)])

    @rule()
    def give_back(self) -> None:
        before, spare = self.ledger.given, self.ledger.spare()
        if self.policy is Policy.LIVE_THEN_REST and self.ledger.readers:
            assert spare <= max(before, min(self.ledger.readers.values()) - WINDOW), (
                "what was sent may not have arrived"
            )
        self.ledger.gave_back(spare)

    @invariant()
    def nothing_unread_is_given_back(self) -> None:
        assert all(offset >= self.ledger.given for offset in self.ledger.readers.values())

    @invariant()
    def the_sizes_are_in_order(self) -> None:
        assert 7 <= self.ledger.given <= self.ledger.size


class Live(Spool):
    policy = Policy.LIVE


class LiveThenRest(Spool):
    policy = Policy.LIVE_THEN_REST


TestLive = Live.TestCase
TestLiveThenRest = LiveThenRest.TestCase


def test_a_resting_spool_never_waits_and_gives_nothing_back():
    ledger = Ledger()
    ledger.wrote(1 << 40)
    ledger.join(1, 0)
    ledger.read(1, 1 << 40)
    assert ledger.room() > 1 << 60
    assert ledger.spare() == 0


def test_a_live_spool_comes_to_rest_when_its_reader_goes_and_the_owner_allows():
    ledger = Ledger(policy=Policy.LIVE_THEN_REST, window=10)
    ledger.join(1, 0)
    ledger.wrote(10)
    ledger.read(1, 4)
    assert ledger.room() == 4
    ledger.leave(1)
    assert ledger.room() > 1 << 60
    assert ledger.can_read_from(0)
    strict = Ledger(policy=Policy.LIVE, window=10)
    strict.join(1, 0)
    strict.wrote(10)
    strict.leave(1)
    assert strict.room() == 0


@given(finished=st.booleans())
def test_a_reader_at_the_end_learns_how_it_ended(finished: bool):
    ledger = Ledger()
    ledger.join(1, 0)
    assert ledger.ahead(1) is Ahead.WAIT
    ledger.wrote(1)
    assert ledger.ahead(1) is Ahead.MORE
    ledger.read(1, 1)
    if finished:
        ledger.finish()
        ledger.abandon()
    else:
        ledger.abandon()
        ledger.finish()
    assert ledger.ahead(1) is (Ahead.END if finished else Ahead.LOST)
    assert ledger.room() == 0
