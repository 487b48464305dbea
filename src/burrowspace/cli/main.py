"""The command line: `burrow`, `python -m burrowspace`, and `python server.py`. One file for each command."""

import sys
from typing import Annotated

import typer

from burrowspace import __version__
from burrowspace.cli.serve import make_command

app = typer.Typer(
    name="burrow",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, and those hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"BurrowSpace {__version__}")
        raise typer.Exit()


@app.callback()
def _burrow(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """BurrowSpace: any two devices exchange files of any size, through your own server.

    \b
    Examples:
      burrow serve                start the server on port 5000
      burrow serve --port 8080    start it elsewhere
      burrow serve --help         every setting there is
    """


app.command("serve", short_help="Start the server.")(make_command())


def main() -> None:
    """The entry point `burrow`."""
    app()


def serve_alone() -> None:
    """`python server.py`: the command `serve` without its name."""
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(context_settings={"help_option_names": ["-h", "--help"]})(make_command())
    typer.main.get_command(alone).main(args=sys.argv[1:], prog_name="python server.py")


if __name__ == "__main__":
    main()
