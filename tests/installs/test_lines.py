"""No line tells to install what `make installs` does not try."""

import doctest

import pytest

from tests.installs import lines


def test_every_line_is_one_that_is_tried_in_a_clean_system() -> None:
    said = lines.said()
    assert {what: where for what, where in said.items() if what not in lines.PROOFS} == {}
    assert set(lines.PROOFS) == set(said)


def test_the_doctests_hold() -> None:
    assert not doctest.testmod(lines).failed


@pytest.mark.parametrize("guide", ["README.md", "docs/guide/deploy.md"])
def test_who_installs_is_told_to_make_a_virtual_environment_first(guide: str) -> None:
    """A Debian's own Python refuses packages (PEP 668)."""
    before, *_ = (lines.REPO / guide).read_text().partition("pip install")
    assert "python3 -m venv" in before.rpartition("```sh")[2]
