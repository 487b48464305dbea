"""What a transfer looks like: events in, lines out. Pure: `reporters.py` puts the lines on a terminal or into a pipe.

Some lines stay (met, offered, resting, the end); each receiver has one row that changes: lock, name, bar, speed, time
left, and the path in use. A change of path changes the row and adds no line.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from burrowspace.cli.words import files_shown, rate_shown, time_shown
from burrowspace.client import events
from burrowspace.client.files.space import size_shown
from burrowspace.core.names import shown

_LISTED = 10  # notes in a terminal
_NAME = 18  # cells of a row for the other side's name
_WORDS = {
    "tcp": "direct",
    "punch": "direct",
    "webrtc": "direct",
    "turn": "through a TURN server",
    "relay": "relayed by",
    "store": "resting sealed on",
}


class StyledLine(NamedTuple):
    """`style` is one that Rich knows."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Signs:
    """What stands for what, in an alphabet that the terminal has."""

    direct: str = "⇄"
    relay: str = "⤳"
    store: str = "▣"
    lock: str = "🔒"
    check: str = "✓"
    full: str = "━"
    empty: str = "─"
    dot: str = "·"


PLAIN = Signs("<->", "->", "[#]", "[sealed]", "OK", "#", "-", "-")


def signs(encoding: str | None) -> Signs:
    """The signs that `encoding` can write.

    >>> signs("utf-8").direct, signs("ascii").direct, signs(None).direct
    ('⇄', '<->', '<->')
    """
    best = Signs()
    try:
        "".join((best.direct, best.relay, best.store, best.lock, best.check, best.full)).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return best


@dataclass(slots=True)
class Row:
    """One other side, as it stands."""

    name: str
    done: int = 0
    total: int | None = None
    rate: float = 0.0
    eta: float | None = None
    path: str = ""
    peer: str = ""
    why: str = ""
    waiting: str = ""
    verified: bool = False


@dataclass(slots=True)
class ProgressView:
    """`server`: its host, as it is shown. `sealed`: whether the bytes are (the published app's way is not)."""

    sending: bool
    server: str = "the server"
    signs: Signs = field(default_factory=Signs)
    sealed: bool = True
    rows: dict[str, Row] = field(default_factory=dict)
    digest: str = ""
    _only: str = ""  # the receiver whom events without one mean

    def heard(self, event: events.Event) -> list[StyledLine]:
        """Takes an event in; gives the lines that stay."""
        match event:
            case events.Met():
                return self._met(event)
            case events.Offered():
                return [StyledLine(offer(event), "bold")]
            case events.Noted():
                more = len(event.notes[_LISTED:]) + event.unlisted
                lines = [StyledLine(f"{shown(each.sentence, 300)}.", "yellow") for each in event.notes[:_LISTED]]
                return [*lines, *([StyledLine(f"… and {more:,} more; --json lists them.", "yellow")] if more else [])]
            case events.PathChanged():
                row = self._row(event.receiver)
                row.path, row.peer, row.why, row.waiting = event.path, host(event.peer), shown(event.why), ""
            case events.Progress():
                row = self._row(event.receiver)
                row.done, row.total, row.rate, row.eta = event.done, event.total, event.rate, event.eta
                row.path, row.waiting = event.path, ""
            case events.Waiting():
                self._row(event.receiver).waiting = shown(event.why, 120)
            case events.Declined():
                name = shown(event.peer, 64) or "a receiver"
                self.rows.pop(event.receiver, None)
                return [StyledLine(f"{name} is no longer receiving: {shown(event.why, 120)}.", "yellow")]
            case events.Resting():
                until = time.strftime("%Y-%m-%d %H:%M", time.localtime(event.until))
                return [
                    StyledLine(f"{self.signs.store} All of it rests sealed on {self.server} until {until}.", "green"),
                    StyledLine("  `burrow take-back` takes it back.", "dim"),
                ]
            case events.Verified():
                row = self._row(event.receiver)
                row.verified, row.waiting, self.digest = True, "", event.digest
                if len(self.rows) > 1:
                    return [StyledLine(f"{self.signs.check} {row.name} has it all, verified.", "green")]
            case events.Finished():
                return self._summary(event)
        return []

    def _met(self, event: events.Met) -> list[StyledLine]:
        name = shown(event.peer, 64) or "the other side"
        known = self.rows.get(event.receiver)
        self._only = event.receiver
        if known is not None:
            known.waiting = ""
            return []  # it came back: its row says so
        self.rows.pop("", None)
        self.rows[event.receiver] = Row(name)
        words = " ".join(shown(word, 20) for word in event.words)
        check = f"  {self.signs.dot}  check words: {words}" if words else ""
        return [StyledLine(f"{self.signs.lock} {name} is here{check}", "bold")]

    def _row(self, receiver: str) -> Row:
        key = receiver or self._only
        if key not in self.rows:
            self.rows[key] = Row("upload" if self.sending else "download")
        return self.rows[key]

    def path_shown(self, row: Row) -> str:
        """The path in use, in sign and words."""
        if not row.path:
            return ""
        word = _WORDS.get(row.path, row.path)
        if not self.sealed:
            return f"{self.signs.relay} in the clear through {self.server}"
        if row.path in ("relay", "store"):
            return f"{self.signs.relay if row.path == 'relay' else self.signs.store} {word} {self.server}"
        return f"{self.signs.direct} {word} {row.peer}".rstrip()

    def line(self, row: Row) -> str:
        """A row in words, for where nothing can be drawn."""
        parts = [row.name]
        if row.waiting:
            parts.append(f"waiting: {row.waiting}")
        if row.total:
            parts.append(f"{percent(row)} %")
            parts.append(f"{size_shown(row.done)} of {size_shown(row.total)}")
        elif row.done:
            parts.append(size_shown(row.done))
        if not row.waiting and row.rate:
            parts.append(rate_shown(row.rate))
            if row.eta is not None:
                parts.append(f"{time_shown(row.eta)} left")
        parts.append(self.path_shown(row))
        return f" {self.signs.dot} ".join(filter(None, parts))

    def drawn(self, row: Row, width: int) -> list[StyledLine]:
        """A row as pieces of one line of at most `width` cells."""
        from rich.cells import cell_len, set_cell_size

        lock = f"{self.signs.lock} " if self.sealed else "not sealed "
        head = f"{lock}{set_cell_size(row.name, min(_NAME, max(cell_len(row.name), 6)))} "
        share = f" {percent(row):>3} %" if row.total else ""
        if row.waiting:
            return _fitted([StyledLine(f"{head}{share}  waiting: {row.waiting}", "yellow")], width)
        if row.verified:
            return _fitted([StyledLine(f"{head} 100 %  {self.signs.check} verified", "green")], width)
        rate = f" {rate_shown(row.rate):>10}" if row.rate else ""
        left = f"  {time_shown(max(row.eta, 0.1))} left" if row.eta is not None and row.rate else ""
        amount = f"  {size_shown(row.done)}" + (f" of {size_shown(row.total)}" if row.total else "")
        path = self.path_shown(row)
        way = f"  {path}" if path else ""
        if not row.total:
            return _fitted([StyledLine(f"{head}{amount if row.done else ''}{rate}"), StyledLine(way, "cyan")], width)
        tail = share + rate + left
        room = width - cell_len(head + tail)
        way = _cut(way, max(room - 8, 0))
        room -= cell_len(way)
        if room - cell_len(amount) >= 20:
            tail += amount
            room -= cell_len(amount)
        cells = max(min(room, 40), 0)
        full = min(cells * row.done // row.total, cells)
        bar = [StyledLine(self.signs.full * full, "green"), StyledLine(self.signs.empty * (cells - full), "dim")]
        return _fitted([StyledLine(head), *bar, StyledLine(tail), StyledLine(way, "cyan")], width)

    def _summary(self, end: events.Finished) -> list[StyledLine]:
        lines: list[StyledLine] = []
        verb = "sent" if self.sending else "received"
        now = min(sum(end.shares.values()), end.size)  # sealed bytes: a little more than what they hold
        facts = [f"{size_shown(end.size)} {verb} in {time_shown(end.seconds)}"]
        if now < 0.95 * end.size:  # the rest came in an earlier run
            facts = [f"{size_shown(end.size)} {verb}", f"{size_shown(now)} of it now in {time_shown(end.seconds)}"]
        if end.seconds > 0 and end.size:
            facts.append(f"{rate_shown(now / end.seconds)} on average")
        if end.first_byte is not None:
            facts.append(f"first byte after {time_shown(end.first_byte)}")
        lines.append(StyledLine(", ".join(facts), "bold"))
        if ways := shares(end.shares, self.server):
            lines.append(StyledLine(f"  way       {ways}"))
        if end.verified:
            digest = f"  BLAKE3 {self.digest[:16]}…" if self.digest else ""
            lines.append(StyledLine(f"  {self.signs.check} verified{digest}", "green"))
        elif end.resting:
            lines.append(StyledLine("  resting sealed on the server; verified when it is fetched", "green"))
        elif not self.sealed:
            lines.append(StyledLine("  NOT sealed and not verified: the server could read it (--plain)", "yellow"))
        else:
            lines.append(StyledLine("  not verified", "red"))
        lines += [StyledLine(f"  written   {shown(each, 500)}") for each in end.places]
        lines += [StyledLine(f"  left out  {shown(each, 300)}", "yellow") for each in end.left_out[:_LISTED]]
        lines += [StyledLine(f"  changed   {shown(each, 300)}", "yellow") for each in end.changed[:_LISTED]]
        more = len(end.left_out[_LISTED:]) + len(end.changed[_LISTED:]) + end.unlisted
        lines += [StyledLine(f"  … and {more:,} more; --json lists them", "yellow")] if more else []
        return lines


def offer(event: events.Offered) -> str:
    """What comes, and from whom.

    >>> offer(events.Offered("holiday", 12, 1_500_000, "ann"))
    'ann sends holiday: 12 files, 1.5 MB'
    """
    who = shown(event.sender, 64) or "the other side"
    size = "size not known yet" if event.size is None else size_shown(event.size)
    what = "a text" if event.text else f"{shown(event.name)}: {files_shown(event.files)}"
    return f"{who} sends {what}, {size}"


def host(address: str) -> str:
    """An address without its port, fit for a row.

    >>> host("192.168.1.7:41000"), host("[fd00::2]:41000"), host("")
    ('192.168.1.7', 'fd00::2', '')
    """
    head, colon, port = address.rpartition(":")
    return shown((head if colon and port.isdigit() else address).strip("[]"), 45)


def percent(row: Row) -> int:
    """Whole percent, 100 only at the end."""
    return min(100 * row.done // row.total, 100) if row.total else 0


def shares(by_path: dict[str, int], server: str) -> str:
    """How the bytes came, in percent.

    >>> shares({"tcp": 90, "punch": 2, "relay": 8}, "drop.example.org")
    '92 % direct, 8 % relayed by drop.example.org'
    """
    total = sum(by_path.values())
    by_word: dict[str, int] = {}
    for path, size in by_path.items():
        word = _WORDS.get(path, path)
        if path in ("relay", "store"):
            word += f" {server}"
        by_word[word] = by_word.get(word, 0) + size
    ranked: Sequence[tuple[str, int]] = sorted(by_word.items(), key=lambda each: -each[1])
    return ", ".join(f"{round(100 * size / total)} % {word}" for word, size in ranked if size) if total else ""


def _fitted(pieces: Sequence[StyledLine], width: int) -> list[StyledLine]:
    """The pieces, cut behind `width` cells."""
    from rich.cells import cell_len

    fitted = []
    for text, style in pieces:
        fitted.append(StyledLine(_cut(text, max(width, 0)), style))
        width -= cell_len(text)
    return [piece for piece in fitted if piece.text]


def _cut(text: str, width: int) -> str:
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= width else set_cell_size(text, max(width - 1, 0)) + ("…" if width > 0 else "")
