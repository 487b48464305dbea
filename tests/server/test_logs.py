"""The log: nothing a stranger chose forges a line, no secret gets in, people and machines each get their form."""

import doctest
import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burrowspace.config import Settings
from burrowspace.server import logs
from burrowspace.server.logs import ITEMS, TEXT_CHARS, TRACE_LINES, Redactor, tame

TOKEN = "2abcSecretSecretSecret_3def"
UNSEEN = {"\n", "\r", "\x1b", "\x00", "\x7f", "\x9b", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\ud800"}

Configure = Callable[..., Callable[[], list[str]]]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Configures the log; gives back what reads the lines written since the last reading."""
    root = logging.getLogger()
    level = root.level

    def configure(**chosen: Any) -> Callable[[], list[str]]:
        root.handlers.clear()  # pytest's own would show every object before ours does
        monkeypatch.setattr("sys.stderr", io.StringIO())
        logs.configure(Settings(**chosen))

        def lines() -> list[str]:
            written = sys.stderr.getvalue()  # type: ignore[attr-defined]
            monkeypatch.setattr("sys.stderr", io.StringIO())
            return written.splitlines()

        return lines

    yield configure
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, logs._Handler)]
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    logs._people = False


def test_the_doctests_hold() -> None:
    assert doctest.testmod(logs).failed == 0


def test_a_machine_reads_one_json_object_for_each_event(configure: Configure) -> None:
    lines = configure(log_format="json")
    structlog.get_logger("relay").info("a chunk went by", session="s1", size=7, whole=True, none=None, parts=[1, {}])
    [line] = lines()
    event = json.loads(line)
    assert datetime.fromisoformat(event.pop("timestamp")).tzinfo == UTC
    assert event == {
        "level": "info",
        "logger": "relay",
        "event": "a chunk went by",
        "session": "s1",
        "size": 7,
        "whole": True,
        "none": None,
        "parts": [1, {}],
    }


def test_people_read_a_line_without_colours_where_there_is_no_terminal(configure: Configure) -> None:
    lines = configure(log_format="console")
    structlog.get_logger("relay").warning("slow", peer="p1", why="two words")
    [line] = lines()
    time, rest = line.split(" ", 1)
    assert time.endswith("Z")
    assert rest == 'warning relay      slow peer=p1 why="two words"'


def test_auto_looks_whether_somebody_watches(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(log_format="auto")
    assert not logs.for_people()
    monkeypatch.setattr("sys.stderr", Terminal())
    logs.configure(Settings(log_format="auto"))
    assert logs.for_people()


@pytest.mark.parametrize(("name", "value", "coloured"), [("NO_COLOR", "1", False), ("NO_COLOR", "", True)])
def test_colours_are_for_terminals_whose_owner_wants_them(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    assert logs.wants_colours(Terminal()) is coloured
    assert not logs.wants_colours(io.StringIO())


def test_below_the_level_nothing_is_written(configure: Configure) -> None:
    lines = configure(log_format="json", log_level="warning")
    structlog.get_logger("relay").info("no")
    logging.getLogger("anything").info("no")
    structlog.get_logger("relay").warning("yes")
    assert [json.loads(line)["event"] for line in lines()] == ["yes"]


def test_foreign_libraries_go_the_same_way_and_keep_quiet(configure: Configure) -> None:
    lines = configure(log_format="json", ngrok_authtoken=TOKEN)
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("uvicorn.access").error("GET /")
    logging.getLogger("uvicorn.error").info("chatter")
    logging.getLogger("alembic.runtime").info("chatter")
    logging.getLogger("uvicorn.error").warning("bad request by %s", "x\ny")
    logging.getLogger("ngrok").error("refused: %s", TOKEN)
    warnings.warn("careful", stacklevel=1)
    events = [json.loads(line) for line in lines()]
    assert [event["logger"] for event in events] == ["uvicorn.error", "ngrok", "py.warnings"]
    assert events[0]["event"] == r"bad request by x\x0ay"
    assert events[1]["event"] == "refused: [redacted]"


def test_configuring_twice_writes_once(configure: Configure) -> None:
    configure(log_format="json")
    lines = configure(log_format="json")
    structlog.get_logger("x").info("once")
    assert len(lines()) == 1


def test_a_closed_stderr_stops_nothing(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(log_format="json")
    gone = io.StringIO()
    gone.close()
    monkeypatch.setattr("sys.stderr", gone)
    structlog.get_logger("x").error("nobody reads this")


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("ours", [True, False])
def test_a_traceback_forges_no_line_and_keeps_no_secret(configure: Configure, form: str, ours: bool) -> None:
    lines = configure(log_format=form, ngrok_authtoken=TOKEN)
    try:
        raise ValueError(f"odd\n2026-01-01T00:00:00Z [error] forged \x1b[2J {TOKEN}\r\n\u202e")
    except ValueError as error:
        if ours:
            structlog.get_logger("x").error("it broke", exc_info=error)
        else:
            logging.getLogger("x").exception("it broke")
    first, *rest = lines()
    assert "it broke" in first
    assert all(line.startswith("  | ") for line in rest)
    text = "\n".join([first, *rest])
    assert TOKEN not in text
    assert r"\x1b[2J [redacted]\x0d" in text.replace("\\\\", "\\")
    assert not UNSEEN & set(text) - {"\n"}


def test_a_long_traceback_is_cut_in_the_middle(configure: Configure) -> None:
    lines = configure(log_format="console")
    try:
        raise ValueError("\n".join(map(str, range(5000))))
    except ValueError as error:
        structlog.get_logger("x").error("long", exc_info=error)
    written = lines()
    assert len(written) <= TRACE_LINES + 2
    assert written[-1] == "  | 4999"
    assert any("lines left out" in line for line in written)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("form", ["json", "console"])
@given(event=st.text(st.characters()), value=anything, extra=st.text(st.characters()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_whatever_is_logged_becomes_one_visible_line(
    configure: Configure, form: str, event: str, value: Any, extra: str
) -> None:
    lines = configure(log_format=form, log_level="debug")
    structlog.get_logger("x").info(event, value=value, **{f"k{extra}": extra})
    [line] = lines()
    assert line.isprintable() or not UNSEEN & set(line)
    assert tame(line, len(line)) == line
    if form == "json":
        assert json.loads(line)["event"] == tame(event)


@pytest.mark.parametrize("unseen", sorted(UNSEEN))
def test_what_cannot_be_seen_is_spelled_out(unseen: str) -> None:
    assert tame(f"a{unseen}b").isascii()
    assert f"{ord(unseen):x}" in tame(f"a{unseen}b")


def test_what_can_be_seen_stays_as_it_is() -> None:
    assert tame("Grüße, 日本語 – 🎈.txt") == "Grüße, 日本語 – 🎈.txt"


def test_a_field_cannot_be_forged_inside_another(configure: Configure) -> None:
    lines = configure(log_format="console")
    structlog.get_logger("x").info("ok", path='/a" level=error', name="b level=error")
    logging.getLogger("lib").warning("request for %s", "/ level=error")
    assert [line.split(" ", 2)[2].lstrip() for line in lines()] == [
        r'   x          ok path="/a\x22 level=error" name="b level=error"'.lstrip(),
        'lib        "request for / level=error"',
    ]


def test_sizes_are_bounded(configure: Configure) -> None:
    lines = configure(log_format="json")
    deep: Any = "end"
    for _ in range(50):
        deep = {"in": deep}
    structlog.get_logger("x").info("e" * 10**6, text="x" * 10**6, many=list(range(10**5)), deep=deep, raw=b"y" * 10**6)
    [line] = lines()
    event = json.loads(line)
    assert event["text"] == "x" * TEXT_CHARS + f"… (+{10**6 - TEXT_CHARS} characters)"
    assert len(event["many"]) == ITEMS
    assert len(line) < 5 * TEXT_CHARS


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_an_object_that_cannot_be_shown_does_not_break_the_log(configure: Configure) -> None:
    lines = configure(log_format="json")
    structlog.get_logger("x").info("odd", thing=Hostile())
    assert json.loads(lines()[0])["thing"] == "<Hostile>"


@pytest.mark.parametrize(
    "key",
    ["token", "authtoken", "ngrok_authtoken", "Authorization", "password", "peer_token", "Set-Cookie", "API-Key"],
)
def test_the_value_of_a_key_that_sounds_secret_is_never_written(key: str) -> None:
    cleaned = Redactor().clean({key: "s3cr3t", "deep": {"list": [{key: b"s3cr3t"}]}, "other": "stays"})
    assert "s3cr3t" not in str(cleaned)
    assert cleaned["other"] == "stays"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer s3cr3t-s3cr3t",
        "{'authorization': 'Basic s3cr3ts3cr3t'}",
        "/download/x?token=s3cr3t&a=1",
        "Your authtoken: s3cr3t-s3cr3t",
        'password="s3cr3t"',
    ],
)
def test_a_secret_inside_a_text_is_never_written(text: str) -> None:
    assert "s3cr3t" not in Redactor().text(text)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "piece", ["x", "token", "token ", "token:", "token: ", "bearer ", "authorization ", " ", "'", "-"]
)
def test_no_text_takes_long_to_search_for_secrets(piece: str) -> None:
    Redactor([TOKEN]).text(piece * 100_000)
    Redactor([TOKEN]).text("token" + piece * 100_000 + ":")


def test_a_sentence_about_tokens_stays_readable() -> None:
    for sentence in ("the token: it is bad", "no ngrok token is set", "bearer of news", "tokens 5 of 7"):
        assert Redactor().text(sentence) == sentence


@given(before=st.text(), after=st.text(), nest=st.sampled_from(["text", "list", "dict", "object", "key-less"]))
def test_the_configured_token_is_found_wherever_it_stands(before: str, after: str, nest: str) -> None:
    text = f"{before}{TOKEN}{after}"
    value: Any = {
        "text": text,
        "list": [[text]],
        "dict": {"a": {"b": {"c": {"d": {"e": text}}}}},
        "object": ValueError(text),
        "key-less": (text,),
    }[nest]
    assert TOKEN not in str(Redactor([TOKEN]).clean({"value": value}))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
