"""Between two nodes nothing is delivered twice, out of order or after a gap, and whoever waits is told exactly once."""

from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core.bus_rules import REPORT_BYTES, Batches, News, Received, Sent

MOVES = st.lists(st.tuples(st.sampled_from(["packet", "prove", "taken", "arrived"]), st.integers(0, 12)), max_size=40)


@given(arrived=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9)), max_size=40))
def test_batches_are_next_only_one_behind_the_other(arrived: list[tuple[int, int]]) -> None:
    batches = Batches()
    last: tuple[int, int] | None = None
    for boot, number in arrived:
        news = batches.take(boot, number)
        if last is None:
            assert news is News.FIRST
        elif boot != last[0]:
            assert news is News.REBORN
        elif number <= last[1]:
            assert news is News.OLD
            continue
        else:
            assert news is (News.NEXT if number == last[1] + 1 else News.GAP)
        last = boot, number


@given(seqs=st.lists(st.integers(1, 6), max_size=40))
def test_a_line_takes_rows_that_begin_with_one_and_have_no_gap(seqs: list[int]) -> None:
    line, row = Received(), 0
    for seq in seqs:
        expected = seq == 1 or (row > 0 and seq == row + 1)
        assert line.takes(seq) is expected
        row = seq if expected else 0


@given(moves=MOVES)
def test_whoever_waits_for_something_of_a_line_is_told_once_whatever_the_other_node_says(
    moves: list[tuple[str, int]],
) -> None:
    sent, waiting, told = Sent[int](), 0, list[int]()
    for move, number in moves:
        if move == "packet":
            sent.packet(number, waiting)
            waiting += 1
        elif move == "prove":
            sent.prove(waiting)
            waiting += 1
        elif move == "taken":
            told += sent.taken(number)
        else:
            told += sent.arrived(number)
        assert sent.untaken >= 0
    assert sorted(told + sent.die()) == list(range(waiting))
    assert sent.die() == []
    assert sent.untaken == 0


def test_what_was_never_sent_is_not_believed() -> None:
    sent = Sent[str]()
    sent.packet(10, "a")
    sent.prove("b")
    assert (sent.taken(3), sent.arrived(2**64 - 1), sent.untaken) == ([], [], 10)
    assert (sent.taken(2), sent.arrived(2)) == (["a"], ["b"])


def test_a_line_is_reported_on_when_that_was_asked_for_or_much_was_taken() -> None:
    line = Received()
    assert line.reports(1, asked=True)
    assert [line.reports(REPORT_BYTES // 4, asked=False) for _ in range(8)] == [False, False, False, True] * 2
