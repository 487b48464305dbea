"""What a transfer looks like: events in, text out. No terminal, no clock."""

import io
import json
import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from burrowspace.cli.invite import Invitation, qr_lines
from burrowspace.cli.progress_view import PLAIN, ProgressView, StyledLine, signs
from burrowspace.cli.reporters import LineReporter
from burrowspace.client import events

MB = 1_000_000
MET = events.Met("ann", "r1", ("apple", "river", "stone", "blue"))
DIRECT = events.PathChanged("tcp", "192.168.1.7:40000", "first to answer", "r1")
RELAY = events.PathChanged("relay", "", "the direct line broke", "r1")
HALF = events.Progress(50 * MB, 100 * MB, 25.0 * MB, 2.0, "tcp", "r1")


def view(*heard: events.Event, sending: bool = True, sealed: bool = True) -> ProgressView:
    made = ProgressView(sending, "drop.example.org", sealed=sealed)
    for event in heard:
        made.heard(event)
    return made


def row(of: ProgressView, width: int = 100) -> str:
    return "".join(line.text for line in of.drawn(next(iter(of.rows.values())), width))


def test_a_row_says_who_how_far_how_fast_how_long_and_by_which_way() -> None:
    drawn = row(view(MET, DIRECT, HALF))
    for part in ("🔒 ann", " 50 %", "25.0 MB/s", "2.0 s left", "⇄ direct 192.168.1.7"):
        assert part in drawn
    assert "40000" not in drawn


def test_the_four_words_are_shown_once_and_a_receiver_that_returns_is_no_news() -> None:
    made = view()
    assert made.heard(MET)[0].text == "🔒 ann is here  ·  check words: apple river stone blue"
    assert made.heard(MET) == []


def test_a_change_of_path_changes_the_row_and_is_no_line_of_its_own() -> None:
    made = view(MET, DIRECT, HALF)
    assert made.heard(RELAY) == []
    assert "⤳ relayed by drop.example.org" in row(made)
    made.heard(events.Progress(60 * MB, 100 * MB, 25.0 * MB, 2.0, "store", "r1"))
    assert "▣ resting sealed on drop.example.org" in row(made)


def test_what_waits_says_why_until_it_goes_on() -> None:
    made = view(MET, DIRECT, HALF, events.Waiting("the other side is away", "r1"))
    assert "waiting: the other side is away" in row(made)
    made.heard(HALF)
    assert "waiting" not in row(made)


def test_each_receiver_has_a_row_and_is_named_when_it_is_done() -> None:
    made = view(MET, events.Met("bob", "r2", ()), HALF)
    [line] = made.heard(events.Verified("ab" * 32, "r1"))
    assert line.text == "✓ ann has it all, verified."
    assert [each.verified for each in made.rows.values()] == [True, False]


def test_what_came_in_an_earlier_run_is_not_counted_as_speed() -> None:
    made = view(MET, HALF, events.Verified("ab" * 32, "r1"), sending=False)
    [first, *_] = made.heard(events.Finished(100 * MB, 4.0, 0.04, {"store": 20 * MB}, True))
    assert first.text == "100.0 MB received, 20.0 MB of it now in 4.0 s, 5.0 MB/s on average, first byte after 40 ms"


def test_the_end_says_how_much_how_long_by_which_ways_and_what_was_left_out() -> None:
    made = view(MET, HALF, events.Verified("0123456789abcdef" * 4, "r1"), sending=False)
    end = events.Finished(
        100 * MB, 4.0, 0.04, {"tcp": 75 * MB, "relay": 25 * MB}, True, places=("/here/a",), left_out=("b: a socket",)
    )
    assert [line.text for line in made.heard(end)] == [
        "100.0 MB received in 4.0 s, 25.0 MB/s on average, first byte after 40 ms",
        "  way       75 % direct, 25 % relayed by drop.example.org",
        "  ✓ verified  BLAKE3 0123456789abcdef…",
        "  written   /here/a",
        "  left out  b: a socket",
    ]


def test_what_is_not_sealed_never_shows_a_lock() -> None:
    made = view(events.PathChanged("store", "", "", "bob"), sealed=False)
    made.heard(events.Progress(1, 2, 1.0, 1.0, "store", "bob"))
    told = row(made) + "".join(line.text for line in made.heard(events.Finished(2, 1.0, None, {}, False)))
    assert "NOT sealed" in told
    assert "🔒" not in told
    assert "resting sealed" not in told


def test_an_alphabet_without_signs_gets_words() -> None:
    assert signs("ascii") is signs("latin-1") is PLAIN
    made = ProgressView(True, "s", PLAIN)
    for event in (MET, DIRECT, HALF):
        made.heard(event)
    assert row(made).isascii()


HOSTILE = st.text(alphabet=st.one_of(st.sampled_from(["\x1b", "\r", "\n", "\u202e", "\u200b", "界"]), st.characters()))
EVENTS = st.one_of(
    st.builds(events.Met, HOSTILE, st.sampled_from(["", "r1"]), st.lists(HOSTILE, max_size=4).map(tuple)),
    st.builds(events.Offered, HOSTILE, st.integers(0, 9), st.none() | st.integers(0, 1 << 62), HOSTILE, st.booleans()),
    st.builds(events.PathChanged, st.sampled_from(["tcp", "turn", "relay", "store"]), HOSTILE, HOSTILE),
    st.builds(
        events.Progress,
        st.integers(0, 1 << 62),
        st.none() | st.integers(0, 1 << 62),
        st.floats(0, 1e12),
        st.none() | st.floats(0, 1e9),
        st.sampled_from(["webrtc", "relay"]),
    ),
    st.builds(events.Waiting, HOSTILE),
    st.builds(
        events.Finished,
        st.integers(0, 1 << 62),
        st.floats(0, 1e6),
        st.none(),
        st.just({"tcp": 1}),
        st.booleans(),
        places=st.lists(HOSTILE, max_size=2).map(tuple),
        left_out=st.lists(HOSTILE, max_size=2).map(tuple),
    ),
)


@given(heard=st.lists(EVENTS, max_size=8), width=st.integers(20, 200))
def test_nothing_of_a_stranger_moves_the_cursor_and_a_row_is_one_line(
    heard: Sequence[events.Event], width: int
) -> None:
    made = view()
    lines: list[StyledLine] = []
    for event in heard:
        lines += made.heard(event)
    drawn = ["".join(line.text for line in made.drawn(each, width)) for each in made.rows.values()]
    for text in [line.text for line in lines] + drawn + [made.line(each) for each in made.rows.values()]:
        assert not set(text) & {"\x1b", "\r", "\n", "\u202e", "\u200b", "\x9b"}
    if width >= 60:
        assert all(cell_len(text) <= width for text in drawn)


def test_into_a_pipe_go_lines_when_something_is_new() -> None:
    out = io.StringIO()
    reporter = LineReporter(view(), Invitation(), out)
    for event in [MET, DIRECT, *[HALF] * 50, RELAY, *[HALF] * 50]:
        reporter.heard(event)
    lines = out.getvalue().splitlines()
    assert len(lines) < 8
    assert any(line.endswith("(the direct line broke)") for line in lines)


def test_the_command_for_the_other_side_can_be_copied_as_it_stands() -> None:
    ready = events.Ready("http://10.0.0.7:41000/r#abc", "7-walnut-orbit", "http://10.0.0.7:41000")
    own = [line.text.strip() for line in Invitation(known=False).lines(ready)]
    assert "burrow receive 7-walnut-orbit --server http://10.0.0.7:41000" in own
    assert "burrow receive 'http://10.0.0.7:41000/r#abc'" in own
    assert "burrow receive 7-walnut-orbit" in [line.text.strip() for line in Invitation().lines(ready)]


def test_where_there_is_no_code_the_link_is_the_command_and_the_reason_is_said() -> None:
    link = "http://10.0.0.7:41000/r#abc"
    said = [
        line.text.strip()
        for line in Invitation().lines(events.Ready(link, None, "http://10.0.0.7:41000", "all numbers are taken"))
    ]
    assert f"burrow receive '{link}'" in said
    assert "There is no short code: all numbers are taken. The link is enough." in said
    (gone,) = Invitation().renewed(events.NewCode(None, "all numbers are taken"), "http://10.0.0.7:41000")
    assert "The link is still good" in gone.text


def test_after_three_failed_tries_a_person_is_told_how_to_get_a_code_and_a_script_is_not() -> None:
    gone = events.NewCode(None, "three codes were tried and failed", 3, True)
    first, second = Invitation(keys=True).renewed(gone, "http://10.0.0.7:41000")
    assert "three codes were tried and failed. The link is still good." in first.text
    assert second.text == "Press Enter for a new code."
    assert len(Invitation().renewed(gone, "http://10.0.0.7:41000")) == 1


def test_a_new_code_says_why_the_old_one_no_longer_works() -> None:
    first, second = Invitation().renewed(events.NewCode("7-ivy-opal-kite", "the code's time is up"), "http://a:1")
    assert first.text == "The code's time is up. The new code:"
    assert second.text.strip() == "burrow receive 7-ivy-opal-kite"


@pytest.mark.parametrize(
    ("width", "encoding", "there"), [(80, "utf-8", True), (30, "utf-8", False), (80, "ascii", False)]
)
def test_a_code_to_scan_is_drawn_where_it_fits(width: int, encoding: str, there: bool) -> None:
    link = "http://10.0.0.7:41000/r#" + string.ascii_letters[:43]
    assert bool(qr_lines(link, width, encoding, colours=True)) == there


def test_every_event_is_a_line_of_json_that_the_guide_documents() -> None:
    from pathlib import Path

    import msgspec

    guide = (Path(__file__).resolve().parents[2] / "docs" / "guide" / "terminal.md").read_text()
    for kind in events.Event.__subclasses__():
        assert f"`{kind.__struct_config__.tag}`" in guide
        for field in kind.__struct_fields__:
            assert f"`{field}`" in guide, (kind, field)
    line = msgspec.json.encode(HALF)
    assert b"\n" not in line
    assert json.loads(line)["event"] == "progress"


def test_to_a_paired_device_no_command_is_shown() -> None:
    ready = events.Ready("http://10.0.0.7:1/r#x", None, "http://10.0.0.7:1")
    [line] = Invitation(to="laptop").lines(ready)
    assert line.text == "Offered to laptop, which takes it with `burrow receive` or on its page."


def test_who_receives_from_the_app_sees_a_download() -> None:
    receiving = ProgressView(sending=False, sealed=False)
    receiving.heard(events.Progress(1, 2, 0.0, None, "store"))
    assert [row.name for row in receiving.rows.values()] == ["download"]
