"""The command line: `burrow`, `python -m burrowspace`, and `python server.py`. One file for each command.

The module of a command is imported when that command is called: `burrow --help` answers at once, and `burrow send`
loads nothing of the others.
"""

import atexit
import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import click

from burrowspace import __version__
from burrowspace.cli.streams import mend

_COLLECT = (20_000, 20, 50)  # of the garbage collector: the lists of many files are no garbage
_INTERRUPTED, _CANNOT_START = 130, 2  # as exits.py has it
_COMMANDS = {  # in the order of the help page; each is an object of that name in a module of that name
    "send": "Send files, folders, a text or stdin.",
    "receive": "Receive by a code, a link, or from a paired device.",
    "resume": "Go on with an unfinished transfer.",
    "take-back": "Take back what was left on the server.",
    "pair": "Make two devices know each other.",
    "devices": "List paired devices, or forget one.",
    "servers": "List the servers on your local network.",
    "history": "List past transfers.",
    "doctor": "Look at what works from here, and what to do about the rest.",
    "serve": "Start the server.",
}


class _Commands(click.Group):
    """Knows a name and a line of each command, and loads the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return click.Command(name, short_help=_COMMANDS[name]) if name in _COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and _load(command.name or ""), rest

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(_INTERRUPTED) from None


def _load(name: str) -> click.Command:
    attribute = name.replace("-", "_")
    command: click.Command = getattr(importlib.import_module(f"burrowspace.cli.{attribute}"), attribute)
    return command


def _completion(ctx: click.Context, _: click.Parameter, shell: str | None) -> None:
    if shell is not None:
        from click.shell_completion import get_completion_class

        kind = get_completion_class(shell)
        assert kind is not None
        click.echo(kind(ctx.command, {}, "burrow", "_BURROW_COMPLETE").source())
        ctx.exit()


@click.group("burrow", cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    __version__, "--version", "-V", message="BurrowSpace %(version)s", help="Print the version and exit."
)
@click.option(
    "--show-completion",
    type=click.Choice(["bash", "zsh", "fish"]),
    is_eager=True,
    expose_value=False,
    callback=_completion,
    metavar="SHELL",
    help="Print the completion for bash, zsh or fish.",
)
@click.pass_context
def app(ctx: click.Context) -> None:
    """BurrowSpace: any two devices exchange files of any size, through your own server.

    \b
    Examples:
      burrow send holiday/             shows a code for the other side
      burrow receive 7-walnut-orbit    takes what that code sends
      burrow resume                    goes on with what was interrupted
      burrow pair                      two devices that need no codes any more
      burrow doctor                    what works from here, and what to do about the rest
      burrow serve                     start the server on port 5000
      burrow serve --port 8080         start it elsewhere
      burrow serve --help              every setting there is

    \b
    The server of send and receive: --server, else BURROW_SERVER, else the line
      server = "https://drop.example.org"
    in ~/.config/burrow/config.toml. With none, the one that is found on your local network; else send is
    the server itself, and receive finds it there.
    """
    if ctx.invoked_subcommand != "serve":
        from burrowspace.client.state.root import close_state, state_folder

        with contextlib.suppress(OSError):  # the command itself says what is wrong with it
            if said := close_state(state_folder(os.environ)):
                click.echo(f"burrow: {said}", err=True)


def main() -> None:
    """The entry point `burrow`. A program that is over leaves at once: taking down every module would take 0.1 s."""
    gc.set_threshold(*_COLLECT)
    mend()
    try:
        with _enough():
            app()
    except SystemExit as ended:
        if ended.code is not None and not isinstance(ended.code, int):
            raise
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(ended.code or 0)


def serve_alone() -> None:
    """`python server.py`: the command `serve` without its name."""
    mend()
    with _enough():
        _load("serve").main(prog_name="python server.py")


@contextlib.contextmanager
def _enough() -> Iterator[None]:
    """Where this machine gives too little memory or too few files to begin, that is one sentence."""
    try:
        yield
    except Exception as error:
        from burrowspace.faults import is_machines, why_and_cure

        if not is_machines(error) or os.environ.get("BURROW_DEBUG"):
            raise
        print(f"burrow: {why_and_cure(error)}", file=sys.stderr)
        raise SystemExit(_CANNOT_START) from None


if __name__ == "__main__":
    main()
