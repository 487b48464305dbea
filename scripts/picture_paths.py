"""Draws docs/pictures/paths.svg: a real transfer of two terminals that changes its path four times, a moving picture.

Runs `burrow send` and `burrow receive` in pseudo-terminals, in network namespaces (root, iproute2, nftables), cuts the
direct path, lets it back, ends the receiver, lets the sender leave and starts the receiver again. What the picture
shows is what the screens showed. `python scripts/picture_paths.py [FILE]`
"""

import contextlib
import fcntl
import html
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tests.e2e.transfer.land import SERVER, land  # noqa: E402

COLUMNS, LINES = 92, 13
MB = 1_000_000
SIZE = 400 * MB
GLYPH_W, GLYPH_H = 7.8, 17
COLOURS = {"default": "#d8dee9", "green": "#8fd18a", "cyan": "#7fd0d8", "magenta": "#d49ad0", "yellow": "#e7c983",
           "red": "#e08a8a", "blue": "#86b3e8", "brown": "#e7c983", "white": "#ffffff", "black": "#5b6472",
           "brightblack": "#8a93a3", "brightgreen": "#8fd18a", "brightmagenta": "#d49ad0"}  # fmt: skip


class Terminal:
    """A program in a pseudo-terminal of COLUMNS × LINES."""

    def __init__(self, home: Path) -> None:
        self._home = str(home).encode()  # the machine's own folder is shown as /home
        self.screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self.screen)
        self.process: subprocess.Popen[bytes] | None = None
        self._master = -1

    def run(self, shown: str, command: list[str], state: Path, folder: Path) -> None:
        """`shown` is what a person would have typed."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        fcntl.fcntl(master, fcntl.F_SETFL, os.O_NONBLOCK)
        env = {
            **os.environ,
            "BURROW_STATE": str(state),
            "TERM": "xterm-256color",
            "BURROW_SERVER": f"http://{SERVER}:5000",
        }
        env.pop("NO_COLOR", None)
        self._stream.feed(f"\x1b[2m$\x1b[0m {shown}\r\n".encode())
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=folder)
        os.close(slave)
        self._master = master

    def read(self) -> None:
        if self._master < 0:
            return
        with contextlib.suppress(OSError):
            while select.select([self._master], [], [], 0)[0]:
                data = os.read(self._master, 65536)
                if not data:
                    return
                self._stream.feed(data.replace(self._home, b"/home"))

    def text(self) -> str:
        return "\n".join(self.screen.display)

    def lines(self) -> list[list[tuple[str, str, bool]]]:
        """Runs of characters with colour and weight, line by line."""
        found = []
        for row in range(LINES):
            runs: list[tuple[str, str, bool]] = []
            for column in range(COLUMNS):
                char = self.screen.buffer[row][column]
                style = (char.fg if not char.reverse else char.bg, char.bold)
                if runs and runs[-1][1:] == style:
                    runs[-1] = (runs[-1][0] + char.data, *style)
                else:
                    runs.append((char.data, *style))
            found.append(runs)
        return found


Frame = tuple[str, list[list[tuple[str, str, bool]]], list[list[tuple[str, str, bool]]]]


def record(work: Path) -> Iterator[Frame]:
    """(what happens, ann's screen, bob's screen) at each moment worth a look."""
    burrow = str(Path(sys.executable).parent / "burrow")
    ann, bob = Terminal(work), Terminal(work)
    places = [work / name for name in ("ann", "bob")]
    for place in places:
        place.mkdir()
    with (places[0] / "film.mkv").open("wb") as film:
        for _ in range(SIZE // MB):
            film.write(os.urandom(MB))

    def until(done: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"ann:\n{ann.text()}\nbob:\n{bob.text()}")
            time.sleep(0.05)
            ann.read()
            bob.read()

    def wait(seconds: float) -> None:
        end = time.monotonic() + seconds
        until(lambda: time.monotonic() > end, seconds + 5)

    def frame(words: str) -> Frame:
        return words, ann.lines(), bob.lines()

    with land() as ground:
        env = {**os.environ, "BURROW_DATA": str(work / "data"), "BURROW_HOST": SERVER, "BURROW_PORT": "5000"}
        env |= {"BURROW_DISK_FLOOR_BYTES": "0"}
        server = subprocess.Popen([*ground.within("server"), burrow, "serve"], env=env, cwd=work,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            time.sleep(2.5)
            give = [
                *ground.within("ann"),
                burrow,
                "send",
                "film.mkv",
                "--no-qr",
                "--limit-rate",
                "14M",
                "--name",
                "ann",
            ]
            ann.run("burrow send film.mkv", give, work / "a", places[0])
            until(lambda: "burrow receive" in ann.text())
            wait(0.5)
            yield frame("ann sends a film; a code, or a link, is all that bob needs")
            code = next(word for word in ann.text().split() if word.count("-") == 2 and word[0].isdigit())
            take = [*ground.within("bob"), burrow, "receive", code, "--yes", "--name", "bob"]
            bob.run(f"burrow receive {code}", take, work / "b", places[1])
            until(lambda: "direct" in bob.text() and "%" in bob.text())
            wait(4)
            yield frame("straight from device to device, sealed")
            ground.let("direct path reset")
            until(lambda: "relay" in bob.text())
            wait(4)
            yield frame("the direct path is cut: the next block goes through the server")
            ground.let("open")
            until(lambda: "direct" in bob.text())
            wait(4)
            yield frame("the direct path is back, and is used again")
            assert bob.process is not None
            bob.process.send_signal(signal.SIGINT)
            until(lambda: bob.process is not None and bob.process.poll() is not None)
            wait(0.3)
            until(lambda: "resting" in ann.text())
            wait(3)
            yield frame("bob closes his laptop: the rest goes to the server, sealed")
            until(lambda: ann.process is not None and ann.process.poll() is not None)
            ann.read()
            yield frame("all of it rests there: ann may leave")
            bob.run(f"burrow receive {code}", take, work / "b", places[1])
            until(lambda: bob.process is not None and bob.process.poll() is not None)
            bob.read()
            yield frame("the same command, a day later: nothing is sent twice, all is verified")
        finally:
            for program in (ann.process, bob.process, server):
                if program is not None and program.poll() is None:
                    program.terminate()
                    program.wait(15)


def draw(frames: list[Frame], seconds: float = 4.0) -> str:
    width, pane = int(COLUMNS * GLYPH_W + 40), int(LINES * GLYPH_H + 46)
    height, total = 2 * pane + 70, seconds * len(frames)
    share = 100 / len(frames)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        'aria-label="Two terminals: a transfer changes its path four times and is verified">',
        "<style>text{font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}"
        ".b{font-weight:700}.w{font:600 15px system-ui,sans-serif;fill:#e7c983}.t{fill:#8a93a3}"
        f".f{{opacity:0;animation:s {total}s infinite step-end}}"
        f"@keyframes s{{0%{{opacity:1}}{share:.3f}%{{opacity:0}}}}"
        "@media (prefers-reduced-motion:reduce){.f{animation:none}.f:last-of-type{opacity:1}}</style>",
        f'<rect width="{width}" height="{height}" rx="10" fill="#12161d"/>',
    ]
    for number, (words, *screens) in enumerate(frames):
        out.append(f'<g class="f" style="animation-delay:{number * seconds - total:.1f}s">')
        out.append(f'<text class="w" x="20" y="32">{number + 1}/{len(frames)}  {html.escape(words)}</text>')
        for which, lines in enumerate(screens):
            top = 52 + which * (pane + 4)
            out.append(f'<rect x="10" y="{top}" width="{width - 20}" height="{pane}" rx="8" fill="#1b212b"/>')
            out.append(f'<text class="t" x="20" y="{top + 20}">{("ann", "bob")[which]}</text>')
            for row, runs in enumerate(lines):
                y, at = top + 42 + row * GLYPH_H, 0
                for text, colour, bold in runs:
                    if text.strip():
                        fill = COLOURS.get(colour, f"#{colour}" if len(colour) == 6 else COLOURS["default"])
                        out.append(
                            f'<text x="{20 + at * GLYPH_W:.1f}" y="{y}" textLength="{len(text) * GLYPH_W:.1f}" '
                            f'fill="{fill}" class="{"b" if bold else "n"}">{html.escape(text)}</text>'
                        )
                    at += len(text)
        out.append("</g>")
    return "\n".join([*out, "</svg>", ""])


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures" / "paths.svg"
    with tempfile.TemporaryDirectory() as work:
        target.write_text(draw(list(record(Path(work)))), encoding="utf-8")


if __name__ == "__main__":
    main()
