"""The spec pages name what there is, with the numbers that hold."""

import re
from pathlib import Path

import pytest

from burrowspace.core import messages, names, relay
from burrowspace.core.errors import BurrowError
from burrowspace.core.transfer import REPORTED, TransferState
from burrowspace.faults import CannotStart

SPEC = Path(__file__).resolve().parents[2] / "docs" / "spec"
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in sorted(SPEC.glob("*.md"))}


def kinds(root: type[BurrowError] = BurrowError) -> list[type[BurrowError]]:
    """Those that a server may answer; what only a client raises is no refusal over HTTP."""
    found = [kind for child in root.__subclasses__() for kind in (child, *kinds(child))]
    return [
        kind
        for kind in found
        if not kind.__module__.startswith(("burrowspace.client", "burrowspace.cli"))
        and not issubclass(kind, CannotStart)
    ]


def test_there_is_a_page_for_each_protocol() -> None:
    assert set(PAGES) >= {"events", "http", "names", "realtime", "relay", "transfer"}


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.code)
def test_every_refusal_is_in_the_page_of_the_calls_with_its_status(kind: type[BurrowError]) -> None:
    rows = f"| {kind.status} | `{kind.code}` |" in PAGES["http"]
    assert rows or f"`{kind.code}` ({kind.status}" in " ".join(PAGES["http"].split())  # wherever a line ends


@pytest.mark.parametrize("name", messages.SERVER_EVENTS)
def test_every_event_of_the_server_is_in_the_page_with_its_fields(name: str) -> None:
    [row] = re.findall(rf"^\| `{name}` \| `(.*?)` \|", PAGES["events"], re.MULTILINE)
    assert re.findall(r'"(\w+)"', row) == list(messages.SERVER_EVENTS[name].__struct_fields__)


@pytest.mark.parametrize("name", messages.CLIENT_EVENTS)
def test_every_event_of_a_client_is_in_the_page_with_its_fields(name: str) -> None:
    [fields] = re.findall(rf"^### `{name}` `(.*?)`$", PAGES["events"], re.MULTILINE)
    assert re.findall(r'"(\w+)"', fields) == list(messages.CLIENT_EVENTS[name].__struct_fields__)


def test_every_state_has_its_meaning_and_every_status_its_place() -> None:
    for state in TransferState:
        assert re.search(rf"^\| `{state}` \| \w", PAGES["transfer"], re.MULTILINE)
    for status in REPORTED:
        assert f"`{status}`" in PAGES["transfer"]


def test_the_bounds_are_the_ones_in_force() -> None:
    assert f"At most {names.NAME_BYTES} bytes of UTF-8" in PAGES["names"]
    assert f"1 to {names.ID_CHARS} characters" in PAGES["names"]
    assert f"1 to {relay._PARTS} parts; a record has at most {relay._RECORD >> 20} MiB" in PAGES["relay"]


@pytest.mark.parametrize(
    ("offered", "kept"), [("../../.ssh/authorized_keys", "authorized_keys"), ("CON.txt", "_CON.txt")]
)
def test_the_examples_of_names_are_true(offered: str, kept: str) -> None:
    assert f"| `{offered}` | `{names.safe_name(offered)}` |" in PAGES["names"]
    assert names.safe_name(offered) == kept


@pytest.mark.parametrize("page", PAGES)
def test_no_link_between_the_pages_is_dead(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGES[page]):
        assert target.startswith("http") or (SPEC / target).exists(), target
    for path in re.findall(r"`((?:src|tests|scripts)/[\w/.]+)`", PAGES[page]):
        assert (SPEC.parents[1] / path).exists(), path
