"""What people paste is read as tests/vectors/pasted.json says; the page's tests replay the same (tests/web/core)."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core.codes import parse_code
from burrowspace.core.errors import BadCode, BadLink
from burrowspace.core.links import parse_link
from burrowspace.core.pasted import PASTED_CHARS, codes_in, links_in, looks_like_link

HELD: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "pasted.json").read_text())


def of(name: str) -> Any:
    return pytest.mark.parametrize("case", HELD[name], ids=lambda case: case["what"])


@of("links")
def test_a_link_survives(case: dict[str, str]) -> None:
    assert looks_like_link(case["text"])
    assert str(parse_link(case["text"])) == f"{case['server']}/r#{HELD['secret']}"


@of("no_links")
def test_what_is_no_link_is_refused_as_one(case: dict[str, str]) -> None:
    assert looks_like_link(case["text"])
    with pytest.raises(BadLink):
        parse_link(case["text"])


@of("codes")
def test_a_code_survives(case: dict[str, str]) -> None:
    assert not looks_like_link(case["text"])
    assert str(parse_code(case["text"])) == case["code"]


@of("no_codes")
def test_what_is_no_code_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(BadCode) as refusal:
        parse_code(case["text"])
    assert refusal.value.fields.get("suggestion") == case["meant"]


@given(
    before=st.text("ab. :,(<“\"'\n>", max_size=20).map(lambda text: text + " "),
    after=st.text(max_size=1).flatmap(lambda first: st.text(max_size=20).map(lambda rest: f" {first}{rest}")),
)
def test_whatever_stands_around_a_link_it_leads_to_its_server_or_nowhere(before: str, after: str) -> None:
    link = f"https://box.example/r#{HELD['secret']}"
    assert links_in(before + link + after)[0] == link


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["https://", "7-walnut", "#", "> ", "https://a/r?", "1a", "[", " ", ".", "%23", "/r"])
def test_a_long_text_is_looked_at_in_no_time(piece: str) -> None:
    text = piece * (2 * PASTED_CHARS)
    assert len(links_in(text)) <= PASTED_CHARS
    assert all(len(places) <= PASTED_CHARS for places in codes_in(text))
    with pytest.raises(BadCode):
        parse_code(text)
