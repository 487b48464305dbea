"""Report to a person or a script how a transfer goes: on a terminal, into a pipe, as JSON lines, or hardly at all.

All of it goes to stderr except JSON and a quiet sender's code: stdout is for what was asked for.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

from burrowspace.cli.invite import Invitation, qr_lines
from burrowspace.cli.progress_view import ProgressView, StyledLine, signs
from burrowspace.client import events

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_PLAIN_EVERY_S = 5.0  # between two lines of progress where nothing can be drawn
_STILL_EVERY_S = 60.0  # and while nothing moves
_ROWS = 12  # drawn at once, those at work before those that have it all
_FRAMES = 10  # drawn in a second


class Reporter(Protocol):
    """`heard` takes every event of a transfer; `say` lines of the command itself."""

    def heard(self, event: events.Event) -> None: ...

    def say(self, text: str, style: str = "") -> None: ...

    def pause(self) -> contextlib.AbstractContextManager[None]:
        """Nothing is drawn meanwhile: a person is asked."""
        ...

    def close(self) -> None: ...


class _Undrawn:
    """The half of a reporter that draws nothing, and so has nothing to take off the screen."""

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        yield

    def close(self) -> None:
        pass


class LineReporter(_Undrawn):
    """A line now and then."""

    def __init__(self, view: ProgressView, invitation: Invitation, out: TextIO) -> None:
        self._view, self._invitation, self._out = view, invitation, out
        self._server = ""
        self._said: dict[str, tuple[float, str, str]] = {}  # by receiver: when, path, waiting

    def heard(self, event: events.Event) -> None:
        if isinstance(event, events.Ready):
            self._server = event.server
            self._lines(self._invitation.lines(event))
        elif isinstance(event, events.NewCode):
            self._lines(self._invitation.renewed(event, self._server))
        else:
            self._lines(self._view.heard(event))
            if isinstance(event, events.PathChanged | events.Progress | events.Waiting):
                self._rows()

    def say(self, text: str, style: str = "") -> None:
        encoding = self._out.encoding or "utf-8"
        print(text.encode(encoding, "replace").decode(encoding), file=self._out, flush=True)

    def _lines(self, lines: Sequence[StyledLine]) -> None:
        for line in lines:
            self.say(line.text)

    def _rows(self) -> None:
        """A row is told when its path or its reason to wait is new, and else now and then."""
        now = time.monotonic()
        for key, row in self._view.rows.items():
            when, path, waiting = self._said.get(key, (0.0, "", ""))
            way = self._view.path_shown(row)
            often = _STILL_EVERY_S if row.waiting else _PLAIN_EVERY_S
            if row.verified or ((way, row.waiting) == (path, waiting) and now - when < often):
                continue
            self._said[key] = (now, way, row.waiting)
            because = f" ({row.why})" if way != path and path and row.why else ""
            self.say(self._view.line(row) + because)


class TerminalReporter:
    """Rows that change in place, below lines that stay."""

    def __init__(self, view: ProgressView, invitation: Invitation, console: "Console", *, qr: bool) -> None:
        self._view, self._invitation, self._console, self._qr = view, invitation, console, qr
        self._server = ""
        self._live: Live | None = None
        self._paused = False

    def heard(self, event: events.Event) -> None:
        if isinstance(event, events.Ready):
            self._server = event.server
            self._lines(self._invitation.lines(event))
            if self._qr and not self._invitation.to:
                colours = self._console.color_system is not None and not self._console.no_color
                self._lines(qr_lines(event.link, self._console.width, self._console.encoding, colours=colours))
        elif isinstance(event, events.NewCode):
            self._lines(self._invitation.renewed(event, self._server))
        else:
            lines = self._view.heard(event)
            if isinstance(event, events.Finished):
                self._stop()
            self._lines(lines)
            if self._view.rows and not isinstance(event, events.Finished):
                self._start()

    def say(self, text: str, style: str = "") -> None:
        from rich.text import Text

        self._console.print(Text(text, style=style), soft_wrap=True)

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        self._stop()
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def close(self) -> None:
        self._stop()

    def _lines(self, lines: Sequence[StyledLine]) -> None:
        for line in lines:
            self.say(line.text, line.style)

    def _start(self) -> None:
        if self._live is None and not self._paused:
            from rich.live import Live

            self._live = Live(
                console=self._console, refresh_per_second=_FRAMES, transient=True, get_renderable=self._drawn
            )
            self._live.start()

    def _stop(self) -> None:
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _drawn(self) -> "RenderableType":
        from rich.console import Group
        from rich.text import Text

        width = self._console.width - 1
        rows = sorted(self._view.rows.values(), key=lambda row: row.verified)
        drawn = [self._view.drawn(row, width) for row in rows[:_ROWS]]
        if rows[_ROWS:]:
            drawn.append([StyledLine(f"… and {len(rows) - _ROWS} more", "dim")])
        return Group(*(Text.assemble(*pieces, no_wrap=True, overflow="crop") for pieces in drawn))


class JsonReporter(_Undrawn):
    """Each event as a line of JSON on stdout; what a person would be told goes to stderr."""

    def heard(self, event: events.Event) -> None:
        import msgspec

        sys.stdout.buffer.write(msgspec.json.encode(event) + b"\n")
        sys.stdout.buffer.flush()

    def say(self, text: str, style: str = "") -> None:
        print(text, file=sys.stderr, flush=True)


class QuietReporter(_Undrawn):
    """Only what the other side needs: the code, or the link where there is none, on stdout."""

    def __init__(self) -> None:
        self._link = ""

    def heard(self, event: events.Event) -> None:
        if isinstance(event, events.Ready):
            self._link = event.link
            print(event.code or event.link, flush=True)
        elif isinstance(event, events.NewCode):
            print(event.code or self._link, flush=True)

    def say(self, text: str, style: str = "") -> None:
        if style == "red":
            print(text, file=sys.stderr, flush=True)


def reporter(
    *,
    sending: bool,
    server: str,
    json: bool,
    quiet: bool,
    qr: bool | None = False,
    known: bool = True,
    others: Sequence[str] = (),
    sealed: bool = True,
    keys: bool = False,
    to: str = "",
) -> Reporter:
    """The one that fits where we are. `server`: its origin; `qr` None: where it fits; `known`, `others`, `keys`, `to`:
    see Invitation."""
    if json:
        return JsonReporter()
    if quiet:
        return QuietReporter()
    err = sys.stderr
    host = server.partition("://")[2] or "the server"
    invitation = Invitation(known, keys, to, tuple(others))
    if not err.isatty() or os.environ.get("TERM") == "dumb":
        return LineReporter(ProgressView(sending, host, signs(err.encoding), sealed), invitation, err)
    from burrowspace.cli.consoles import console

    screen = console(stderr=True)
    view = ProgressView(sending, host, signs(screen.encoding), sealed)
    return TerminalReporter(view, invitation, screen, qr=qr is not False)
