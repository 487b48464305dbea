"""The picture of the states cannot drift from the table."""

from pathlib import Path

import pytest
from scripts import states_doc as subject

from burrowspace.core.transfer import NEXT, NEXT_REQUEST


def test_the_page_is_fresh() -> None:
    assert subject.main(["--check"]) == 0


def test_a_stale_page_is_noticed_and_redrawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "transfer.md"
    stale = subject.PAGE.read_text(encoding="utf-8").replace(
        "ready --> transferring: start", "ready --> completed: start"
    )
    page.write_text(stale, encoding="utf-8")
    assert subject.main(["--check"], page) == 1
    assert "stale" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == stale
    assert subject.main([], page) == 0
    assert page.read_text(encoding="utf-8") == subject.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("damage", [("<!-- states transfer-table -->", ""), ("states transfer-table", "states else")])
def test_a_page_without_its_places_is_refused(damage: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="the page has places for"):
        subject.drawn(subject.PAGE.read_text(encoding="utf-8").replace(*damage))


def test_every_move_and_every_end_is_in_a_picture() -> None:
    drawings = subject.drawings()
    for states, name in ((NEXT, "transfer-picture"), (NEXT_REQUEST, "request-picture")):
        lines = drawings[name].splitlines()
        for state, row in states.items():
            for step, after in row.items():
                if after is not state:
                    [arrow] = [line for line in lines if line.strip().startswith(f"{state} --> {after}:")]
                    assert str(step) in arrow.split(": ")[1].split(", ")
            assert (f"    {state} --> [*]" in lines) == (set(row.values()) <= {state})
