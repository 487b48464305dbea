"""Before a proof a broken meeting costs itself; after one, anything but success costs the code."""

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest

from burrowspace.core import meeting_rules as rules
from burrowspace.core.meeting_rules import Stand

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "meeting_rules.json").read_text())


def test_a_meeting_ends_as_the_vectors_say() -> None:
    for stand, event, then in VECTORS["after"]:
        assert rules.after(Stand(stand), event) == then
    for stand, event in VECTORS["impossible"]:
        with pytest.raises(ValueError, match="cannot happen"):
            rules.after(Stand(stand), event)


def test_the_page_has_the_same_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "spec" / "meeting.md").read_text()
    said = {}
    for before, proved, event in re.findall(r"^\|([^|]*)\|([^|]*)\| `([a-z-]+)`[^|]*\|$", page, re.MULTILINE):
        said[event] = (MEANING[before.strip()], MEANING[proved.strip()])
    assert said == {
        event: (rules.NEXT[Stand.OPEN].get(event), rules.NEXT[Stand.PROVED].get(event)) for event in rules.EVENTS
    }


MEANING = {
    "": None,
    "goes on, now with a proof": Stand.PROVED,
    "done": Stand.DONE,
    "this meeting ends": Stand.OVER,
    "the code is burnt": Stand.BURNT,
}


def test_only_success_saves_a_code_once_there_was_a_proof() -> None:
    ends = set(rules.NEXT[Stand.PROVED].values())
    assert ends == {Stand.DONE, Stand.BURNT}
    assert [event for event, then in rules.NEXT[Stand.PROVED].items() if then is Stand.DONE] == ["done"]


def test_nothing_before_a_proof_costs_the_code() -> None:
    assert Stand.BURNT not in rules.NEXT[Stand.OPEN].values()
    assert set(rules.NEXT[Stand.OPEN]) >= set(rules.NEXT[Stand.PROVED]) - {"done", "wrong-proof"}


def test_codes_follow_each_other_and_meetings_give_way_as_the_vectors_say() -> None:
    assert [rules.words_for(burns) for burns in range(6)] == VECTORS["words_for"]
    assert [rules.words_for(burns, several=True) for burns in range(6)] == VECTORS["words_for_several"]
    for case in VECTORS["gives_way"]:
        assert rules.gives_way([(Stand(stand), heard) for stand, heard in case["live"]]) == case["which"]


def test_all_codes_that_are_made_without_a_person_are_guessed_with_less_than_1_in_50_000() -> None:
    """The server guesses once at the sender and once at each receiver of a code; a stranger once at the sender."""
    for several, receivers in ((False, 1), (True, 800)):
        codes = [words for burns in range(10) if (words := rules.words_for(burns, several=several)) is not None]
        assert codes == [3 if several else 2, 3, 3]
        assert sum(Fraction(1 + receivers, 512**words) for words in codes) < Fraction(1, 50_000)


def test_what_no_table_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no event"):
        rules.after(Stand.DONE, "made-up")
