"""Which path carries when: each test is a small play with a clock of its own."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path as FilePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.core.path_book import PathBook
from burrowspace.core.paths import (
    BACKOFF,
    DIRECT,
    HEAD_START,
    PATHS,
    PENALTY,
    RULES,
    STALL,
    TICK,
    WINDOW,
    Allowed,
    Decision,
    Facts,
    Known,
    Path,
    State,
    decide,
)

TCP, PUNCH, WEBRTC, TURN, RELAY, STORE = Path
MB = 1e6


class Play:
    """One transfer: `rates` is what each path that is up would give, bytes/s."""

    def __init__(self, options: Allowed | None = None, rates: Mapping[Path, float] | None = None) -> None:
        self.now = 0.0
        self.book = PathBook(0.0, options or Allowed())
        self.rates = dict(rates or {})
        self.log: list[tuple[float, Path | None, str]] = []
        self.started: list[tuple[float, Path]] = []
        self.asked: list[float] = []
        self.stopped: list[Path] = []

    @property
    def using(self) -> Path | None:
        return self.book.using

    def step(self, seconds: float = 0.0) -> Decision:
        """Time passes, the path in use carries, the receiver asks."""
        self.now += seconds
        if self.using and self.rates.get(self.using) and self.book.known(self.using).state is State.UP:
            self.book.carried(self.using, int(self.rates[self.using] * seconds), self.now)
        before = self.using
        decision = self.book.decide(self.now)
        if decision.use is not before:
            self.log.append((round(self.now, 1), decision.use, decision.why))
        self.started += [(round(self.now, 1), each) for each in decision.start]
        if decision.ask_relay:
            self.asked.append(round(self.now, 1))
        self.stopped += decision.stop
        return decision

    def run(self, seconds: float) -> "Play":
        for _ in range(round(seconds / 0.1)):
            self.step(0.1)
        return self

    def up(self, *paths: Path) -> "Play":
        for each in paths:
            self.book.up(each, self.now)
        return self

    def fail(self, *paths: Path) -> "Play":
        for each in paths:
            self.book.failed(each, self.now)
        return self


def used(play: Play) -> list[tuple[Path | None, str]]:
    return [(path, why) for _, path, why in play.log]


def test_on_a_lan_tcp_wins_before_webrtc_is_begun_and_no_server_is_asked():
    play = Play(rates={TCP: 100 * MB}).run(0.1).up(TCP).run(30)
    assert used(play) == [(TCP, "first")]
    assert [path for _, path in play.started] == [TCP, PUNCH]
    assert play.stopped == [PUNCH]
    assert play.asked == []


def test_the_relay_is_asked_when_the_head_start_is_over_and_carries_at_once():
    play = Play(rates={RELAY: 50 * MB}).run(1.2)
    assert play.asked == [pytest.approx(HEAD_START, abs=0.11)]
    play.up(RELAY).run(0.1)
    assert used(play) == [(RELAY, "first")]
    assert play.log[0][0] < 2


def test_a_relay_that_is_up_early_waits_for_the_end_of_the_head_start():
    play = Play(rates={RELAY: 50 * MB}).up(RELAY).run(0.9)
    assert play.using is None
    assert play.run(0.2).using is RELAY


def test_without_hope_of_a_direct_path_there_is_no_head_start():
    play = Play(Allowed(relay_only=True)).up(RELAY).run(0.1)
    assert play.log == [(0.1, RELAY, "first")]
    play.run(100)
    assert play.started == []


def test_a_direct_path_that_comes_later_takes_over():
    play = Play(rates={RELAY: 50 * MB, PUNCH: 60 * MB}).up(RELAY).run(3).up(PUNCH).run(20)
    assert used(play) == [(RELAY, "first"), (PUNCH, "better")]
    assert RELAY in play.stopped


def test_direct_paths_are_tried_again_with_growing_pauses_while_the_relay_carries():
    play = Play(rates={RELAY: 50 * MB}).up(RELAY)
    for _ in range(2000):
        for path in [each for each in DIRECT if play.book.known(each).state is State.TRYING]:
            play.fail(path)
        play.step(0.1)
    at = [when for when, path in play.started if path is TCP]
    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert pauses[: len(BACKOFF)] == pytest.approx(BACKOFF, abs=0.25)
    assert set(map(round, pauses[len(BACKOFF) :])) == {60}
    assert used(play) == [(RELAY, "first")]


def test_a_path_that_breaks_is_left_at_once():
    play = Play(rates={TCP: 90 * MB, RELAY: 40 * MB}).up(TCP, RELAY).run(2)
    play.fail(TCP).step()
    assert used(play) == [(TCP, "first"), (RELAY, "broken")]


def test_when_the_only_path_breaks_the_relay_is_asked_at_once():
    play = Play(rates={TCP: 90 * MB}).up(TCP).run(5)
    decision = play.fail(TCP).step()
    assert (decision.use, decision.ask_relay) == (None, True)
    assert play.up(RELAY).step().use is RELAY


def test_a_path_that_gives_nothing_for_three_seconds_is_left_and_not_taken_again_soon():
    play = Play(rates={TCP: 90 * MB, RELAY: 40 * MB}).up(TCP, RELAY).run(5)
    play.rates[TCP] = 0
    play.run(STALL + 0.2)
    assert used(play) == [(TCP, "first"), (RELAY, "stalled")]
    play.run(PENALTY - 1)
    assert play.using is RELAY


def test_when_every_path_stands_still_the_one_in_use_is_kept():
    play = Play().up(TCP).run(100)
    assert used(play) == [(TCP, "first")]


def test_a_slow_receiver_that_stalls_every_path_costs_one_switch_each_at_most():
    play = Play().up(TCP, RELAY, WEBRTC).run(60)
    assert len(play.log) <= 4


def test_aiortc_displaces_a_fast_relay_only_for_the_measuring():
    play = Play(rates={RELAY: 100 * MB, WEBRTC: 15 * MB}).up(RELAY).run(2).up(WEBRTC)
    slow = 0.0
    for _ in range(6000):
        play.step(0.1)
        slow += 0.1 * (play.using is WEBRTC)
    assert used(play)[:3] == [(RELAY, "first"), (WEBRTC, "better"), (RELAY, "slower")]
    first = next(when for when, path, _ in play.log if path is WEBRTC)
    assert first >= HEAD_START + WINDOW - 0.2  # not before it is known what the relay gives
    assert slow / 600 < 0.05


def test_webrtc_that_is_nearly_as_fast_as_the_relay_spares_the_server():
    play = Play(rates={RELAY: 30 * MB, WEBRTC: 20 * MB}).up(RELAY).run(2).up(WEBRTC).run(60)
    assert used(play) == [(RELAY, "first"), (WEBRTC, "better")]


def test_a_webrtc_that_came_first_and_is_slow_is_compared_with_the_relay_once():
    fast = Play(rates={RELAY: 100 * MB, WEBRTC: 15 * MB}).up(WEBRTC).run(6)
    assert len(fast.asked) == 1
    fast.up(RELAY).run(120)
    assert used(fast) == [(WEBRTC, "first"), (RELAY, "probe")]
    slow = Play(rates={RELAY: 5 * MB, WEBRTC: 8 * MB}).up(WEBRTC).run(6).up(RELAY).run(300)
    assert used(slow) == [(WEBRTC, "first"), (RELAY, "probe"), (WEBRTC, "better")]


def test_when_the_sender_has_left_the_store_carries_and_nothing_is_tried():
    play = Play(rates={STORE: 40 * MB})
    play.book.sender(False)
    play.book.may_store(True)
    play.up(STORE).run(10)
    assert used(play) == [(STORE, "first")]
    assert (play.started, play.asked) == ([], [])


def test_without_leave_nothing_comes_from_the_store():
    play = Play(rates={STORE: 40 * MB}).up(STORE).run(10)
    assert play.using is None
    allowed = Play(Allowed(no_store=True))
    allowed.book.may_store(True)
    assert allowed.up(STORE).run(10).using is None


def test_direct_only_asks_no_server_for_anything():
    play = Play(Allowed(direct_only=True)).up(RELAY, STORE, TURN).run(30)
    assert (play.using, play.asked) == (None, [])
    assert {path for _, path in play.started} == {TCP, PUNCH, WEBRTC}


def test_turn_is_tried_only_where_the_relay_fails():
    assert TURN not in {path for _, path in Play(rates={RELAY: MB}).up(RELAY).run(30).started}
    play = Play().run(1.1).fail(RELAY).run(5)
    assert TURN in {path for _, path in play.started}


def test_relay_only_and_direct_only_exclude_each_other():
    with pytest.raises(ValueError, match="no path"):
        Allowed(relay_only=True, direct_only=True)


def test_every_row_says_why():
    assert set(PATHS) == set(Path)
    assert all(row.because for row in PATHS.values())


# For every state of the world

times = st.floats(0, 1e6)
known = st.builds(
    Known,
    state=st.sampled_from(State),
    since=times,
    failures=st.integers(0, 100),
    rate=st.none() | st.floats(0, 1e10),
    progress_at=st.none() | times,
    penalised_until=times,
)
options = st.sampled_from(
    [Allowed(), Allowed(relay_only=True), Allowed(direct_only=True), Allowed(no_store=True)],
)
facts = st.builds(
    Facts,
    now=times,
    began=times,
    paths=st.dictionaries(st.sampled_from(Path), known),
    using=st.none() | st.sampled_from(Path),
    using_since=times,
    mark=st.none() | st.floats(0, 1e10),
    sender_present=st.booleans(),
    may_store=st.booleans(),
    options=options,
    possible=st.frozensets(st.sampled_from(Path)),
)


@given(facts=facts)
def test_a_decision_is_always_made_and_never_against_what_was_allowed(facts: Facts):
    decision = decide(facts)
    assert decision.use is None or facts.usable(decision.use)
    assert all(facts.allows(each) and each in DIRECT for each in decision.start)
    assert not decision.ask_relay or facts.allows(RELAY)
    assert decision.use not in decision.stop
    assert not set(decision.start) & set(decision.stop)
    assert 0 < decision.again <= TICK
    assert decision.penalise is None or decision.use not in (None, decision.penalise)


@given(facts=facts)
def test_whatever_can_carry_is_used_once_the_head_start_is_over(facts: Facts):
    if any(facts.usable(each) for each in Path) and not facts.in_head_start():
        assert decide(facts).use is not None


@settings(max_examples=60)
@given(
    rates=st.lists(
        st.fixed_dictionaries({each: st.sampled_from([0.0, 1e4, MB, 10 * MB, 100 * MB]) for each in Path}),
        min_size=1,
        max_size=60,
    ),
    up=st.sets(st.sampled_from(Path), min_size=1),
)
def test_whatever_the_rates_do_a_minute_sees_few_switches(rates, up):
    play = Play()
    play.book.may_store(True)
    for second in range(90):
        play.rates = rates[second % len(rates)]
        play.up(*(each for each in up if play.book.known(each).state is not State.UP))
        play.run(1)
    at = [when for when, _, _ in play.log]
    for begin in at:
        assert sum(begin <= when < begin + 60 for when in at) <= 2 * len(Path)


@settings(max_examples=60)
@given(moves=st.lists(st.tuples(st.sampled_from(Path), st.sampled_from(["up", "fail"]), st.floats(0, 3)), max_size=60))
def test_the_book_survives_any_order_of_events(moves):
    play = Play(rates=dict.fromkeys(Path, MB))
    for path, event, pause in moves:
        (play.up if event == "up" else play.fail)(path)
        decision = play.step(pause)
        assert decision.use is None or play.book.known(decision.use).state is State.UP


def test_the_page_holds_both_tables_and_the_numbers_in_force():
    page = (FilePath(__file__).resolve().parents[2] / "docs" / "spec" / "paths.md").read_text(encoding="utf-8")
    for path, row in PATHS.items():
        assert f"| `{path}` | {row.rank} | {row.after:g} s | {row.limit:g} s | {row.because} |" in page
    for number, rule in enumerate(RULES, 1):
        assert f"| {number} | {rule.name} | {rule.because} |" in page
    assert "after 1, 3, 10, 30, then always 60 s" in page
    assert BACKOFF == (1, 3, 10, 30, 60)


def test_a_relay_that_stood_still_when_it_was_looked_at_is_not_looked_at_again_soon():
    play = Play(rates={WEBRTC: 5 * MB, RELAY: 0.0}).up(WEBRTC, RELAY).run(PENALTY)
    assert used(play) == [(WEBRTC, "first"), (RELAY, "probe"), (WEBRTC, "stalled")]


def test_a_relay_that_stalled_once_and_was_much_faster_is_taken_again_when_its_penalty_is_over():
    play = Play(rates={WEBRTC: 5 * MB, RELAY: 40 * MB}).up(WEBRTC, RELAY).run(20)
    play.rates[RELAY] = 0.0
    play.run(10)
    play.rates[RELAY] = 40 * MB
    asked = len(play.asked)
    play.run(PENALTY)
    assert len(play.asked) > asked  # what was let go meanwhile
    play.up(RELAY).run(10)
    assert used(play) == [(WEBRTC, "first"), (RELAY, "probe"), (WEBRTC, "stalled"), (RELAY, "probe")]
