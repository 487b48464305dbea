"""The threat model is not just words: every promise names a test that exists, and SECURITY.md leads to every part."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]
MODEL = (REPO / "docs/security/threat-model.md").read_text()
NAMED = re.compile(r"`([a-z0-9_/]+\.py::test_\w+)`")
PARTS = re.findall(r"^## (.+)$", MODEL, re.MULTILINE)


@cache
def names_in(file: Path) -> frozenset[str]:
    """The names of the tests in a file."""
    defined = ast.walk(ast.parse(file.read_text()))
    return frozenset(each.name for each in defined if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("named", sorted(set(NAMED.findall(MODEL))))
def test_every_test_that_the_threat_model_names_exists(named: str) -> None:
    file, _, name = named.partition("::")
    assert name in names_in(REPO / "tests" / file)


def test_every_promise_names_a_test() -> None:
    for part in MODEL.split("\n## ")[1:]:
        promises = part.partition("\nNot promised:")[0]
        for promise in promises.split("\n- ")[1:]:
            assert NAMED.search(promise), promise


def test_every_part_says_what_is_not_promised() -> None:
    assert len(PARTS) >= 6
    assert MODEL.count("\nNot promised:\n") == len(PARTS)


def test_the_short_version_leads_to_every_part() -> None:
    """Headings as GitHub turns them into anchors."""
    short = (REPO / "SECURITY.md").read_text()
    for part in PARTS:
        anchor = re.sub(r"[^a-z0-9 -]", "", part.lower()).replace(" ", "-")
        assert f"docs/security/threat-model.md#{anchor})" in short, part
