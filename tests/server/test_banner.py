"""What is printed at the start: addresses, a QR code that says the address, and nothing that can fail the start."""

import doctest
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import segno
import structlog

from burrowspace.config import Settings
from burrowspace.core.qr import qr_rows
from burrowspace.server import banner, logs
from burrowspace.server.reachability import Reachability

LAN = "http://192.168.1.20:5000"


class Screen(io.StringIO):
    """A terminal, or a file."""

    encoding = "utf-8"  # type: ignore[assignment]

    def __init__(self, *, terminal: bool, encoding: str = "utf-8") -> None:
        super().__init__()
        self._terminal = terminal
        self.encoding = encoding  # type: ignore[misc]

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Screen]:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("COLUMNS", "100")

    def screen(**how: Any) -> Screen:
        monkeypatch.setattr("sys.stdout", made := Screen(**how))
        return made

    return screen


@pytest.fixture(autouse=True)
def people(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logs, "_people", True)
    yield
    structlog.reset_defaults()


def reach(*ips: str, port: int = 5000, **chosen: Any) -> tuple[Reachability, Settings]:
    settings = Settings(**chosen)
    return Reachability(settings, port=port, ip=ips[0] if ips else "", addresses=list(ips)), settings


def modules(rows: list[str], ink: str) -> list[list[bool]]:
    """The dark modules that half blocks show."""
    drawn = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
    matrix = []
    for row in rows:
        for half in (0, 1):
            matrix.append([bool(drawn[block][half]) == (ink == "dark") for block in row])
    return matrix


@pytest.mark.parametrize("text", [LAN, "https://abcd-12-34-56-78.ngrok-free.app", "http://[fd00::1]:65535", "x"])
@pytest.mark.parametrize("ink", ["dark", "light"])
def test_the_half_blocks_are_the_code_with_a_white_margin(text: str, ink: str) -> None:
    shown = modules(qr_rows(text, ink=ink), ink)
    code = [[bool(dark) for dark in row] for row in segno.make_qr(text, error="l").matrix]
    assert [row[2 : 2 + len(code)] for row in shown[2 : 2 + len(code)]] == code
    margin = [*shown[:2], *shown[2 + len(code) :], *[row[:2] + row[-2:] for row in shown]]
    assert not any(any(row) for row in margin)
    assert len(shown) >= len(code) + 4


def test_people_see_every_address_and_where_the_files_lie(screen: Callable[..., Screen], tmp_path: Path) -> None:
    out = screen(terminal=False)
    banner.show(*reach("192.168.1.20", "10.0.0.7", "fd00::1", data=tmp_path / ("deep/" * 30)))
    text = out.getvalue()
    for url in (LAN, "http://10.0.0.7:5000", "http://[fd00::1]:5000", "http://127.0.0.1:5000"):
        assert f" {url}\n" in text
    assert f"{tmp_path / ('deep/' * 30)}\n" in text
    assert "Ctrl+C" in text
    assert "\x1b" not in text
    assert "█" not in text, "a camera reads no file"


def test_a_terminal_shows_the_code_on_paper_of_its_own(screen: Callable[..., Screen]) -> None:
    out = screen(terminal=True)
    banner.show(*reach("192.168.1.20"))
    text = out.getvalue()
    for row in qr_rows(LAN):
        assert f"\x1b[38;2;0;0;0;48;2;255;255;255m{row}\x1b[0m" in text


def test_without_colours_the_code_is_drawn_for_a_dark_terminal(
    screen: Callable[..., Screen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = screen(terminal=True)
    banner.show(*reach("192.168.1.20"))
    text = out.getvalue()
    assert "\x1b[38" not in text
    assert all(row in text for row in qr_rows(LAN, ink="light"))


@pytest.mark.parametrize(("columns", "encoding"), [("20", "utf-8"), ("100", "ascii")])
def test_where_the_code_does_not_fit_the_address_is_enough(
    screen: Callable[..., Screen], monkeypatch: pytest.MonkeyPatch, columns: str, encoding: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    out = screen(terminal=True, encoding=encoding)
    banner.show(*reach("192.168.1.20"))
    assert LAN in out.getvalue()
    assert not {"█", "▀", "▄"} & set(out.getvalue())


def test_a_server_for_this_machine_only_says_so(screen: Callable[..., Screen]) -> None:
    out = screen(terminal=True)
    banner.show(*reach("127.0.0.1", host="127.0.0.1"))
    assert "only this machine" in out.getvalue()
    assert "█" not in out.getvalue()


def test_a_configured_public_address_is_shown(screen: Callable[..., Screen]) -> None:
    out = screen(terminal=False)
    banner.show(*reach("192.168.1.20", public_url="https://files.example.org"))
    assert "https://files.example.org" in out.getvalue()


def test_a_port_for_stun_that_is_in_use_is_said(screen: Callable[..., Screen]) -> None:
    out = screen(terminal=False)
    where, settings = reach("192.168.1.20")
    where.stun_message = "UDP port 3478 is not to be had (it is in use)"
    banner.show(where, settings)
    assert "UDP port 3478 is not to be had" in out.getvalue()


def test_the_tunnels_address_is_shown_when_it_is_there(screen: Callable[..., Screen]) -> None:
    out = screen(terminal=True)
    banner.show_public("https://abcd.ngrok-free.app")
    assert "https://abcd.ngrok-free.app" in out.getvalue()
    assert qr_rows("https://abcd.ngrok-free.app")[3] in out.getvalue()


def test_a_forged_address_cannot_reach_the_terminal(screen: Callable[..., Screen]) -> None:
    out = screen(terminal=False)
    banner.show_public("https://x\x1b[2J\nforged")
    assert r"https://x\x1b[2J\x0aforged" in out.getvalue()


def test_machines_read_the_same_facts_as_one_line_of_json(
    screen: Callable[..., Screen], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = screen(terminal=False)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    try:
        logs.configure(Settings(log_format="json"))
        banner.show(*reach("192.168.1.20", data=tmp_path))
        banner.show_public("https://abcd.ngrok-free.app")
        first, second = map(json.loads, sys.stderr.getvalue().splitlines())  # type: ignore[attr-defined]
    finally:
        root = logging.getLogger()
        root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, logs._Handler)]
        logging.captureWarnings(False)
    assert out.getvalue() == ""
    assert first["addresses"] == [LAN]
    assert first["data"] == str(tmp_path)
    assert first["public_url"] is None
    assert second["public_url"] == "https://abcd.ngrok-free.app"


@pytest.mark.parametrize("fault", [BrokenPipeError(), OSError(5, "gone"), ValueError("I/O operation on closed file")])
def test_a_screen_that_has_gone_fails_nothing(
    screen: Callable[..., Screen], monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    out = screen(terminal=False)

    def write(text: str) -> int:
        raise fault

    monkeypatch.setattr(out, "write", write)
    banner.show(*reach("192.168.1.20"))
    banner.show_public("https://abcd.ngrok-free.app")


def test_the_doctests_hold() -> None:
    assert doctest.testmod(banner).failed == 0
