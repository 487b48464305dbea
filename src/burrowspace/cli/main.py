"""The command line: `burrow`, `python -m burrowspace`, and `python server.py`. One file for each command.

What a help page does not need is imported by the command that needs it: `burrow --help` answers at once.
"""

import atexit
import contextlib
import gc
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from burrowspace import __version__
from burrowspace.cli.devices import devices
from burrowspace.cli.doctor import doctor
from burrowspace.cli.history import history
from burrowspace.cli.pair import pair
from burrowspace.cli.receive import receive
from burrowspace.cli.resume import resume
from burrowspace.cli.send import send
from burrowspace.cli.servers import servers
from burrowspace.cli.take_back import take_back

_COLLECT = (20_000, 20, 50)  # of the garbage collector: the lists of many files are no garbage
_CONTEXT = {"help_option_names": ["-h", "--help"]}


class _Commands(TyperGroup):
    """`serve` has an option for every setting, and their table takes long to load: it is made when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, _serve() if name == "serve" else command, rest

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)  # as they were added, not by the alphabet


app = typer.Typer(
    name="burrow",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and those hold secrets
    context_settings=_CONTEXT,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"BurrowSpace {__version__}")
        raise typer.Exit()


@app.callback()
def _burrow(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
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
        from burrowspace.client.state import close_state, state_folder

        with contextlib.suppress(OSError):  # the command itself says what is wrong with it
            if said := close_state(state_folder(os.environ)):
                typer.echo(f"burrow: {said}", err=True)


app.command("send", short_help="Send files, folders, a text or stdin.")(send)
app.command("receive", short_help="Receive by a code, a link, or from a paired device.")(receive)
app.command("resume", short_help="Go on with an unfinished transfer.")(resume)
app.command("take-back", short_help="Take back what was left on the server.")(take_back)
app.command("pair", short_help="Make two devices know each other.")(pair)
app.command("devices", short_help="List paired devices, or forget one.")(devices)
app.command("servers", short_help="List the servers on your local network.")(servers)
app.command("history", short_help="List past transfers.")(history)
app.command("doctor", short_help="Look at what works from here, and what to do about the rest.")(doctor)


@app.command("serve", short_help="Start the server.", add_help_option=False)
def _serve_stub() -> None:
    """Start the server."""


def _serve() -> Any:
    from burrowspace.cli.serve import make_command

    made = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    made.command("serve", context_settings=_CONTEXT)(make_command())
    return typer.main.get_command(made)


def main() -> None:
    """The entry point `burrow`. A program that is over leaves at once: taking down every module would take 0.1 s."""
    gc.set_threshold(*_COLLECT)
    try:
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
    _serve().main(args=sys.argv[1:], prog_name="python server.py")


if __name__ == "__main__":
    main()
