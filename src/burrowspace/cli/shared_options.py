"""The options that several commands share, and what they mean. One place, so that help pages agree."""

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from burrowspace.client.options import Options

SERVER_HELP = (
    "The server, such as https://drop.example.org. Else BURROW_SERVER, else `server` in ~/.config/burrow/config.toml."
)


def _rate(_: click.Context, __: click.Parameter, written: str | None) -> str | None:
    from burrowspace.cli.words import read_rate

    try:
        if written is not None:
            read_rate(written)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return written


def _trust(_: click.Context, __: click.Parameter, file: str | None) -> None:
    """Before anything is asked of a server. `ca` of the person's file, where the option is not given."""
    from pathlib import Path

    from burrowspace.cli.exits import Usage
    from burrowspace.cli.named_server import config_file, settings
    from burrowspace.core.errors import BurrowError

    try:
        if file is None:
            file = settings(os.environ).get("ca")
        if not isinstance(file, str | None):
            raise Usage(f"`ca` in {config_file(os.environ)} should be the name of one file")
        if file is not None:
            from burrowspace.client.server.trust import trust

            trust(Path(file).expanduser())
    except BurrowError as error:
        raise click.BadParameter(error.sentence) from None


server = click.option("--server", metavar="URL", help=SERVER_HELP)
ca = click.option(
    "--ca",
    metavar="FILE",
    type=click.Path(),
    envvar="BURROW_CA",
    show_envvar=True,
    expose_value=False,
    callback=_trust,
    help="Trust this authority too: what a self-signed server offers under /ca.crt. Else `ca` in that file.",
)
limit_rate = click.option("--limit-rate", metavar="RATE", callback=_rate, help="At most so many bytes a second: 5M.")
relay_only = click.option(
    "--relay-only", is_flag=True, help="Through the server only: the other side learns no address."
)
direct_only = click.option("--direct-only", is_flag=True, help="Nothing but words through the server.")
name = click.option("--name", metavar="TEXT", help="What to call this end; else the host's name.")
as_json = click.option("--json", is_flag=True, help="Each event as a line of JSON on stdout, for scripts.")
quiet = click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
yes = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def paths_of_both(relay_only: bool, direct_only: bool) -> None:
    """Usage: they contradict each other."""
    from burrowspace.cli.exits import Usage

    if relay_only and direct_only:
        raise Usage("--relay-only and --direct-only leave no way; give one of them")


def choices(*, rate: str | None, relay_only: bool, direct_only: bool, name: str | None, **more: Any) -> "Options":
    """The options of the SDK."""
    from burrowspace.cli.named_server import own_name
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
