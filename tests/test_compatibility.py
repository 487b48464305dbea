"""What the compatibility page says works has a test, and the test exists."""

import re
from pathlib import Path

import pytest

from tests.test_threat_model import NAMED, REPO, names_in

PAGE = (REPO / "docs/guide/compatibility.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("|") and "---" not in line and not line.endswith("| state | test |")
]
UNPROVED = ("not run", "not yet", "not possible", "ends the transfer")


@pytest.mark.parametrize("named", sorted(set(NAMED.findall(PAGE))))
def test_every_test_that_the_page_names_exists(named: str) -> None:
    file, _, name = named.partition("::")
    assert name in names_in(REPO / "tests" / file)


def test_every_row_that_says_it_works_names_a_test() -> None:
    assert len(ROWS) > 40
    for what, state, test in ROWS:
        if not state.startswith(UNPROVED) and test != "all of them":
            assert NAMED.fullmatch(test), what


def test_every_file_that_the_page_names_exists() -> None:
    for named in re.findall(r"`(\.?[a-z/.]+\.(?:yml|py))`", PAGE):
        assert Path(REPO / named).exists(), named
