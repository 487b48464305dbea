"""The results of a long run, in docs/security/fuzz.md: one row for each target, replaced when it runs again."""

import datetime
import platform
import re
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.run import GUIDED, Run
from tests.fuzz.table import TARGETS

_ROW = re.compile(r"^\| `([a-z]+)` \|.*$", re.M)
_START, _END = "<!-- runs -->", "<!-- end -->"
_TOP = """| target | parses | seconds | inputs | edges | found in this run | when, Python |
| --- | --- | --: | --: | --: | --- | --- |"""


def write(page: Path, runs: Sequence[Run]) -> None:
    """Puts the runs into the page's table; rows of other targets stay."""
    text = page.read_text()
    before, _, rest = text.partition(_START)
    held, _, after = rest.partition(_END)
    rows = {found[1]: found[0] for found in _ROW.finditer(held)}
    rows |= {one.target: _row(one) for one in runs}
    listed = "\n".join(rows[name] for name in TARGETS if name in rows)
    page.write_text(f"{before}{_START}\n{_TOP}\n{listed}\n{_END}{after}")


def _row(one: Run) -> str:
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    found = "nothing" if not one.fault else "a fault"
    edges = one.edges or "-"
    return (
        f"| `{one.target}` | {TARGETS[one.target].parses} | {one.seconds:.0f} | {one.executions:,} | {edges} "
        f"| {found} | {day}, {platform.python_version()}{'' if GUIDED else ', unguided'} |"
    )
