"""Findings as lines on stdout: for a person at a terminal, for a pipe, or as JSON."""

import sys
from typing import TYPE_CHECKING

from burrowspace.core.findings import Finding, Verdict, worst

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

_SIGNS = {Verdict.GOOD: "✓", Verdict.DOUBTFUL: "!", Verdict.BAD: "✗"}
_PLAIN = {Verdict.GOOD: "good", Verdict.DOUBTFUL: "DOUBTFUL", Verdict.BAD: "BAD"}
_STYLES = {Verdict.GOOD: "green", Verdict.DOUBTFUL: "yellow", Verdict.BAD: "bold red"}
_LABEL = 11  # cells


class FindingsView:
    """`begin` a part, then each finding of it; `finish` says how it is in all."""

    def __init__(self, *, json: bool) -> None:
        self._json = json
        self._part = ""
        self._verdicts: list[Verdict] = []
        self._console: Console | None = None
        self._status: Status | None = None
        if not json and sys.stdout.isatty():
            from burrowspace.cli.consoles import console

            self._console = console()

    def begin(self, part: str, title: str) -> None:
        self._part = part
        if self._console is not None:
            from rich.text import Text

            self._console.print(Text(f"\n{title}", style="bold"))
        elif not self._json:
            print(f"{title}:", flush=True)

    def looking(self, what: str) -> None:
        """What takes a moment now."""
        if self._console is None:
            return
        if self._status is None:
            self._status = self._console.status("")
            self._status.start()
        self._status.update(f"looking at {what} …")

    def heard(self, finding: Finding) -> None:
        self._verdicts.append(finding.verdict)
        if self._json:
            from msgspec.json import encode

            said = {"event": "finding", "part": self._part, "check": finding.check, "verdict": finding.verdict.value}
            rest = {"found": finding.found, "todo": finding.todo, "facts": dict(finding.facts)}
            self._write(encode(said | rest))
        elif self._console is not None:
            self._console.print(*_drawn(finding, self._console.encoding), sep="")
        else:
            todo = f" -> {finding.todo}" if finding.todo else ""
            self._write(f"  {_PLAIN[finding.verdict]:<8}  {finding.check:<{_LABEL}}  {finding.found}{todo}".encode())

    def close(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def finish(self) -> bool:
        """Says it in a sentence; whether something is bad."""
        counts = {each: self._verdicts.count(each) for each in Verdict}
        verdict = worst(self._verdicts)
        if self._json:
            from msgspec.json import encode

            known = {"event": "finished", "verdict": verdict.value, "bad": counts[Verdict.BAD]}
            self._write(encode(known | {"doubtful": counts[Verdict.DOUBTFUL]}))
            return verdict == Verdict.BAD
        text = "All is well."
        if verdict != Verdict.GOOD:
            parts = [f"{counts[each]} {each}" for each in (Verdict.BAD, Verdict.DOUBTFUL) if counts[each]]
            text = f"{' and '.join(parts)}; the arrows say what to do."
        if self._console is not None:
            from rich.text import Text

            self._console.print(Text(f"\n{text}", style=_STYLES[verdict]))
        else:
            self._write(text.encode())
        return verdict == Verdict.BAD

    def _write(self, line: bytes) -> None:
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()


def _drawn(finding: Finding, encoding: str) -> list[object]:
    """A row whose text stays in its column."""
    from rich.table import Table
    from rich.text import Text

    try:
        "✓✗→".encode(encoding)
        sign, arrow = _SIGNS[finding.verdict], "→"
    except (UnicodeEncodeError, LookupError):
        sign, arrow = _PLAIN[finding.verdict][:1], "->"
    table = Table.grid(padding=(0, 1))
    table.add_column(width=2, justify="right")
    table.add_column(width=_LABEL, no_wrap=True)
    table.add_column(overflow="fold")
    style = _STYLES[finding.verdict]
    table.add_row(Text(sign, style=style), Text(finding.check, style="dim"), Text(finding.found))
    if finding.todo:
        table.add_row("", "", Text(f"{arrow} {finding.todo}", style=style))
    return [table]
