"""A code, a link or a text that is typed at a prompt or comes on stdin. In a command line it would stand in the shell's
history, and every user of the machine could see it."""

import contextlib
import os
import sys
from collections.abc import Callable

from burrowspace.cli.exits import Exit, Usage

LINE_MOST = 8192  # bytes of stdin that are read for a code or a link
TEXT_MOST = 1 << 20  # bytes of a text

Check = Callable[[str], object]  # BadCode or BadLink for what is neither


def code_or_link(text: str) -> object:
    """BadCode, BadLink."""
    from burrowspace.core.codes import parse_code
    from burrowspace.core.links import parse_link
    from burrowspace.core.pasted import looks_like_link

    return parse_link(text) if looks_like_link(text) else parse_code(text)


def code(text: str) -> object:
    """BadCode."""
    from burrowspace.core.codes import parse_code

    return parse_code(text)


def line_of_stdin(check: Check) -> str:
    """The first line of stdin; more of it, where a mail broke a link over several lines. BadCode, BadLink."""
    from burrowspace.core.errors import BadCode, BadLink

    handle, read = sys.stdin.fileno(), bytearray()
    _fill(handle, read, b"\n")
    text = read.partition(b"\n")[0].decode("utf-8", "replace").strip()
    if not text:
        raise BadCode("there is nothing on stdin; its first line should be a code or a link")
    try:
        check(text)
    except BadLink:
        if sys.stdin.isatty():
            raise
        _fill(handle, read)
        text = read.decode("utf-8", "replace").strip()
        check(text)
    return text


def _fill(handle: int, read: bytearray, until: bytes | None = None) -> None:
    while len(read) < LINE_MOST and (until is None or until not in read):
        piece = os.read(handle, LINE_MOST - len(read))
        if not piece:
            break
        read += piece


def text_of_stdin() -> str:
    """All of stdin, without a line break at its end; at a terminal the person is told how to end it.

    Usage: it is empty, not UTF-8, or has more than TEXT_MOST bytes. Ctrl-C leaves by click's Exit.
    """
    import click

    from burrowspace.cli.asking import can_ask

    if can_ask():
        print("Type the text, then Enter and Ctrl-D:", file=sys.stderr, flush=True)
    data = bytearray()
    try:
        while piece := os.read(sys.stdin.fileno(), TEXT_MOST):
            data += piece
            if len(data) > TEXT_MOST:
                raise Usage(f"a text has at most {TEXT_MOST >> 20} MiB; `burrow send -` sends stdin as a file")
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise click.exceptions.Exit(Exit.INTERRUPTED) from None
    try:
        text = data.decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise Usage("what came on stdin is no text in UTF-8; `burrow send -` sends it as a file") from None
    if not text:
        raise Usage("there is no text on stdin")
    return text


def asked(question: str, check: Check, *, optional: bool = False) -> str | None:
    """What the person at the terminal types, once it can be understood; None for Enter alone, where it is `optional`.

    Usage: they end the input instead. Ctrl-C leaves by click's Exit.
    """
    import click

    from burrowspace.cli.exits import said
    from burrowspace.core.errors import BurrowError

    read, before = _reader(), ""
    while True:
        try:
            text = read(f"{question}: ").strip()
            if text and before:
                with contextlib.suppress(BurrowError):
                    check(f"{before}\n{text}")  # a link that a mail broke over two lines
                    return f"{before}\n{text}"
            if text:
                before = text
                check(text)
        except BurrowError as error:
            print(said(error)[0], file=sys.stderr, flush=True)
        except EOFError:
            print(file=sys.stderr)
            raise Usage("nothing was typed") from None
        except KeyboardInterrupt:
            print(file=sys.stderr)
            raise click.exceptions.Exit(Exit.INTERRUPTED) from None
        else:
            if text or optional:
                return text or None


def _reader() -> Callable[[str], str]:
    """Reads a line with a prompt: with completion where stdout is the terminal too, for that is where it draws."""
    try:
        import readline
    except ImportError:
        return _plainly
    if not sys.stdout.isatty():
        return _plainly
    from burrowspace.cli.codewords import complete

    def completer(text: str, number: int) -> str | None:
        found = complete(text)
        return found[number] if number < len(found) else None

    readline.set_completer(completer)
    readline.set_completer_delims("")
    readline.set_auto_history(False)
    readline.parse_and_bind("bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete")
    return input


def _plainly(prompt: str) -> str:
    print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line
