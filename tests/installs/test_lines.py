"""No line tells to install what `make installs` does not try, and no pin is left out where it looks for wheels."""

import doctest

import pytest

from tests.installs import lines, wheels


def test_every_line_is_one_that_is_tried_in_a_clean_system() -> None:
    said = lines.said()
    assert {what: where for what, where in said.items() if what not in lines.PROOFS} == {}
    assert set(lines.PROOFS) == set(said)


def test_the_doctests_hold() -> None:
    assert not doctest.testmod(lines).failed
    assert not doctest.testmod(wheels).failed


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_every_pin_is_looked_up_for_every_machine_that_takes_it(system: str) -> None:
    asked = wheels.pins(wheels.PINS.read_text(), system).splitlines()
    assert len(asked) > 40
    assert all(" --hash=sha256:" in line for line in asked)
    assert any(line.startswith("uvloop==") for line in asked) == (system != "win32")


@pytest.mark.parametrize("guide", ["README.md", "docs/guide/deploy.md"])
def test_who_installs_is_told_to_make_a_virtual_environment_first(guide: str) -> None:
    """A Debian's own Python refuses packages (PEP 668)."""
    before, *_ = (lines.REPO / guide).read_text().partition("pip install")
    assert "python3 -m venv" in before.rpartition("```sh")[2]
