"""Draws the tables and pictures of docs/spec/transfer.md from core/transfer.py; with --check only says whether they
are stale. The page names the places: `<!-- states NAME -->` to `<!-- end -->`, each filled with one drawing."""

import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from burrowspace.core.transfer import NEXT, NEXT_REQUEST, RequestState, TransferState  # noqa: E402

PAGE = ROOT / "docs" / "spec" / "transfer.md"

_PLACE = re.compile(r"(<!-- states ([a-z-]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)

Table = Mapping[StrEnum, Mapping[str, StrEnum]]


def table(states: Table, start: StrEnum) -> str:
    """One row per state, one column per step; what is empty is refused."""
    steps = list(dict.fromkeys(str(step) for row in states.values() for step in row))
    lines = [f"| | {' | '.join(steps)} |", "| --- |" + " --- |" * len(steps)]
    for state, row in states.items():
        named = {str(step): after for step, after in row.items()}
        cells = ("·" if named.get(step) is state else str(named.get(step, "")) for step in steps)
        lines.append(f"| **{state}** | {' | '.join(cells)} |")
    return "\n".join(lines) + f"\n\nThe first state is {start}. A dot: it stays where it is. Empty: refused.\n"


def picture(states: Table, start: StrEnum) -> str:
    """A mermaid diagram without the steps that stay; a state that only stays is an end."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {start}"]
    for state, row in states.items():
        moves = {step: after for step, after in row.items() if after is not state}
        for after in dict.fromkeys(moves.values()):
            steps = ", ".join(str(step) for step, to in moves.items() if to is after)
            lines.append(f"    {state} --> {after}: {steps}")
        if not moves:
            lines.append(f"    {state} --> [*]")
    return "\n".join([*lines, "```"]) + "\n"


def drawings() -> dict[str, str]:
    """Everything there is to draw, by the name of its place."""
    return {
        "request-table": table(NEXT_REQUEST, RequestState.PENDING),
        "request-picture": picture(NEXT_REQUEST, RequestState.PENDING),
        "transfer-table": table(NEXT, TransferState.READY),
        "transfer-picture": picture(NEXT, TransferState.READY),
    }


def drawn(page: str) -> str:
    """The page with its drawings as they should be. ValueError where a place is missing or unknown."""
    made = drawings()
    places = [name for _, name, _ in _PLACE.findall(page)]
    if sorted(places) != sorted(made):
        raise ValueError(f"the page has places for {sorted(places)}; there are drawings for {sorted(made)}")
    return _PLACE.sub(lambda place: f"{place[1]}\n{made[place[2]]}\n{place[3]}", page)


def main(asked: list[str], page: Path = PAGE) -> int:
    held = page.read_text(encoding="utf-8")
    wanted = drawn(held)
    if held == wanted:
        return 0
    if "--check" not in asked:
        page.write_text(wanted, encoding="utf-8")
        return 0
    print(f"docs/spec/{page.name} is stale; run: python scripts/states_doc.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
