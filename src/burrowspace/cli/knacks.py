"""The options that several commands share, and what they mean. One place, so that help pages agree."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from burrowspace.client.options import Options

SERVER_HELP = (
    "The server, such as https://drop.example.org. Else BURROW_SERVER, else `server` in ~/.config/burrow/config.toml."
)


def _rate(written: str) -> str:
    from burrowspace.cli.words import read_rate

    try:
        read_rate(written)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return written


def _rate_or_none(written: str | None) -> str | None:
    return written if written is None else _rate(written)


def _trust(file: str | None) -> str | None:
    """Before anything is asked of a server. `ca` of the person's file, where the option is not given."""
    from pathlib import Path

    from burrowspace.cli.exits import Usage
    from burrowspace.cli.places import config_file, settings
    from burrowspace.core.errors import BurrowError

    try:
        if file is None:
            file = settings(os.environ).get("ca")
        if not isinstance(file, str | None):
            raise Usage(f"`ca` in {config_file(os.environ)} should be the name of one file")
        if file is not None:
            from burrowspace.client.trust import trust

            trust(Path(file).expanduser())
    except BurrowError as error:
        raise typer.BadParameter(error.sentence) from None
    return file


Ca = Annotated[
    str | None,
    typer.Option(
        "--ca",
        metavar="FILE",
        envvar="BURROW_CA",
        callback=_trust,
        help="Trust this authority too: what a self-signed server offers under /ca.crt. Else `ca` in that file.",
    ),
]
Server = Annotated[str | None, typer.Option("--server", metavar="URL", help=SERVER_HELP)]
Rate = Annotated[
    str | None,
    typer.Option("--limit-rate", metavar="RATE", callback=_rate_or_none, help="At most so many bytes a second: 5M."),
]
RelayOnly = Annotated[
    bool, typer.Option("--relay-only", help="Through the server only: the other side learns no address.")
]
DirectOnly = Annotated[bool, typer.Option("--direct-only", help="Nothing but words through the server.")]
Name = Annotated[
    str | None, typer.Option("--name", metavar="TEXT", help="What to call this end; else the host's name.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Each event as a line of JSON on stdout, for scripts.")]
IsQuiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def paths_of_both(relay_only: bool, direct_only: bool) -> None:
    """Usage: they contradict each other."""
    from burrowspace.cli.exits import Usage

    if relay_only and direct_only:
        raise Usage("--relay-only and --direct-only leave no way; give one of them")


def choices(*, rate: str | None, relay_only: bool, direct_only: bool, name: str | None, **more: Any) -> "Options":
    """The options of the SDK."""
    from burrowspace.cli.places import own_name
    from burrowspace.cli.words import read_rate
    from burrowspace.client.options import Options

    paths_of_both(relay_only, direct_only)
    return Options(
        limit_rate=None if rate is None else read_rate(rate),
        relay_only=relay_only,
        direct_only=direct_only,
        name=own_name() if name is None else name,
        **more,
    )
