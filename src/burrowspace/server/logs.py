"""The log: one line for each event, drawn for people on a terminal and as JSON for machines. Never a secret in it.

Our own events (structlog) and foreign ones (stdlib logging: uvicorn, alembic, picows, asyncio) go the same way:
stamped, redacted, tamed, drawn, and out on stderr; stdout belongs to the banner. Requests are not logged one by one.

Much of what is logged was chosen by strangers: names, paths, the text of an error. `tame` is the guard that keeps it
from forging a line, `Redactor` the one that keeps secrets out.
"""

import logging
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import orjson
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from burrowspace.config import Settings

TEXT_CHARS = 1000  # of one value
TRACE_LINES = 60  # of a traceback: its first third and its end
ITEMS = 20  # of a list or a mapping inside a value
DEPTH = 3  # of lists and mappings inside each other

_WORST = logging.CRITICAL + 1
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, bidi and zero-width marks, lone surrogates, separators
_TRACE = "exception"  # the only value of more than one line
_REDACTED = "[redacted]"
_SECRET_KEY = re.compile(r"token|authori[sz]ation|passw|secret|cookie|credential|api[_-]?key", re.I)
_SECRET_TEXT = (  # each takes linear time on whatever a stranger sends
    re.compile(r"(\bbearer\s+)[\w.~+/=-]{6,}", re.I),
    re.compile(r"(\bauthori[sz]ation[\"']?\s*[:=]\s*[\"']?)(?:\w+ +)?[^\s\"',;]+", re.I),
    re.compile(
        r"((?:token|password|secret|cookie|api[_-]?key)[\"']?\s*(?:=|:(?=\s*[\"']?[^\s\"'&,;]{8}))\s*[\"']?)"
        r"[^\s\"'&,;]+",
        re.I,
    ),  # after a colon only what is as long as a secret: it may be a sentence
)
_PLAIN = re.compile(r"[^\s\"=]+\Z")

_people = False


def configure(settings: Settings) -> None:
    """Sends every log of this process through here. May be called again."""
    global _people
    _people = settings.log_format == "console" or (settings.log_format == "auto" and is_terminal(sys.stderr))
    secret = settings.ngrok_authtoken.get_secret_value() if settings.ngrok_authtoken else ""
    level = getattr(logging, settings.log_level.upper())
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _stamp,
    ]
    structlog.configure(
        processors=[*common, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _Handler()
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                Redactor([secret]),
                _tame_event,
                draw_line(colours=wants_colours(sys.stderr)) if _people else _draw_json,
            ],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    _quieten(level)
    logging.captureWarnings(True)


def for_people() -> bool:
    """Whether the log, as configured, is read by people."""
    return _people


def is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def wants_colours(stream: TextIO | None) -> bool:
    """Colours only where they can be seen and nobody has asked for none (https://no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or sys.platform == "win32"
    return is_terminal(stream) and not plain


def tame(text: str, limit: int = TEXT_CHARS) -> str:
    """A stranger's text as one harmless line of at most about `limit` characters; what cannot be seen is spelled out.

    The only door between foreign text and a log or a terminal. Whoever draws such text calls it.

    >>> tame("a.txt\\n2026-01-01 [error] forged")
    'a.txt\\\\x0a2026-01-01 [error] forged'
    >>> tame("\\x1b[2J\\u202egpj.exe")
    '\\\\x1b[2J\\\\u202egpj.exe'
    >>> tame("abcdef", limit=4)
    'abcd… (+2 characters)'
    """
    cut = f"… (+{len(text) - limit} characters)" if len(text) > limit else ""
    return "".join(map(_spell, text[:limit])) + cut


def _spell(char: str) -> str:
    if " " <= char <= "~" or unicodedata.category(char) not in _HIDDEN:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class Redactor:
    """Replaces secrets: the values of keys that sound like one, `key=value` in texts, and the given words anywhere."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self._words = [word for word in words if len(word) >= 8]  # a shorter one would eat innocent text

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return cast(EventDict, self.clean(event))

    def clean(self, value: Any, depth: int = 0) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping) and depth <= DEPTH:
            return {key: self._entry(key, inner, depth) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth <= DEPTH:
            return [self.clean(inner, depth + 1) for inner in value]
        return value if value is None or isinstance(value, bool | int | float) else self.text(_repr(value))

    def _entry(self, key: Any, value: Any, depth: int) -> Any:
        secret = isinstance(key, str) and _SECRET_KEY.search(key) and value is not None
        return _REDACTED if secret else self.clean(value, depth + 1)

    def text(self, text: str) -> str:
        for word in self._words:
            text = text.replace(word, _REDACTED)
        for pattern in _SECRET_TEXT:
            text = pattern.sub(rf"\1{_REDACTED}", text)
        return text


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # a foreign __repr__ may do anything, and the log must go on
        return f"<{type(value).__name__}>"


def _stamp(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _tame_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {tame(str(key), 100): _tame_value(value, trace=key == _TRACE) for key, value in event.items()}


def _tame_value(value: Any, depth: int = 0, *, trace: bool = False) -> Any:
    if isinstance(value, str):
        return _tame_trace(value) if trace else tame(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < 1 << 53 else tame(repr(value))  # what JSON readers hold; NaN compares false
    if isinstance(value, Mapping) and depth < DEPTH:
        return {tame(str(key), 100): _tame_value(inner, depth + 1) for key, inner in [*value.items()][:ITEMS]}
    if isinstance(value, list | tuple) and depth < DEPTH:
        return [_tame_value(inner, depth + 1) for inner in value[:ITEMS]]
    return tame(_repr(value))


def _tame_trace(trace: str) -> str:
    """A traceback keeps its lines; each is tamed and indented, so that none looks like a line of the log."""
    lines = trace.split("\n")
    if len(lines) > TRACE_LINES:
        first = TRACE_LINES // 3
        lines = [*lines[:first], f"… {len(lines) - TRACE_LINES} lines left out …", *lines[first - TRACE_LINES :]]
    return "\n".join(f"  | {tame(line, 300)}" for line in lines)


def _draw_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    first = {key: event.pop(key) for key in ("timestamp", "level", "logger", "event") if key in event}
    return orjson.dumps(first | dict(event), option=orjson.OPT_NON_STR_KEYS).decode()


_PAINT = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "31;1"}


def draw_line(*, colours: bool) -> Callable[[WrappedLogger, str, EventDict], str]:
    """Draws an event for people: time, level, who, what, the rest as key=value, a traceback below."""

    def paint(text: str, codes: str) -> str:
        return f"\x1b[{codes}m{text}\x1b[0m" if colours and text else text

    def draw(_: WrappedLogger, __: str, event: EventDict) -> str:
        level, who = str(event.pop("level", "info")), str(event.pop("logger", None) or "-")
        what = str(event.pop("event", ""))
        parts = [
            paint(str(event.pop("timestamp", "")), "2"),
            paint(f"{level:<7}", _PAINT.get(level, "1")),
            paint(f"{who:<10}", "34"),
            paint(f'"{_quotable(what)}"' if "=" in what else what, "1"),
        ]
        trace = event.pop(_TRACE, None)
        parts += [paint(f"{key}=", "36") + _draw_value(value) for key, value in event.items()]
        return " ".join(filter(None, parts)) + (f"\n{trace}" if trace else "")

    return draw


def _draw_value(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if _PLAIN.match(text) else f'"{_quotable(text)}"'


def _quotable(text: str) -> str:
    return text.replace('"', "\\x22")


def _quieten(level: int) -> None:
    """Foreign libraries speak up for warnings only, or at debug level; requests are not logged."""
    chatty = max(level, logging.INFO if level <= logging.DEBUG else logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "alembic", "sqlalchemy", "picows", "asyncio", "ngrok"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(chatty)
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
    access.setLevel(_WORST)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to whatever stderr is now. One that is gone loses its lines and stops nothing."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError | ValueError):
            super().handleError(record)
