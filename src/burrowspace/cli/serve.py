"""`burrow serve`: the server, from its settings to its exit code. Every setting is an option, made from the table."""

import os
from typing import Any

import click
from pydantic import ValidationError

from burrowspace.cli.knobs import Knob, complaints, knobs, strays
from burrowspace.config import Settings

BAD_SETTING = 2

_HELP = """Start the server; it runs until Ctrl+C or SIGTERM.

Every option may also be given as the environment variable named beside it; the option wins.

\b
Examples:
  burrow serve                                  on port 5000 of every interface, files in ./data
  burrow serve --port 8080 --data /srv/burrow   on another port, files elsewhere
  burrow serve --host 127.0.0.1                 only for this machine, or for a proxy on it
  burrow serve --tunnel cloudflared             with a public address, opened through Cloudflare
  NGROK_AUTHTOKEN=… burrow serve --tunnel ngrok with one through ngrok; bore and tailscale are known, too

Exit codes: 0 when it was told to stop, 1 when it could not start, 2 for a bad setting.
"""


def _serve(**given: Any) -> None:
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(**chosen)
    except ValidationError as error:
        for sentence in complaints(error, chosen):
            click.echo(f"burrow: {sentence}", err=True)
        raise click.exceptions.Exit(BAD_SETTING) from None
    for sentence in strays(os.environ):
        click.echo(f"burrow: {sentence}", err=True)
    from burrowspace.server.run import run  # late: a help page needs none of the server

    raise click.exceptions.Exit(run(settings))


def _option(knob: Knob) -> click.Option:
    """What a value may be is said once, by Settings: here each is a text or a switch."""
    allowed = "" if knob.metavar is not None and "|" in knob.metavar else knob.allowed  # said already
    note = "; ".join(filter(None, [knob.env, f"default {knob.default}", allowed]))
    flag = knob.option or ""
    if knob.metavar is None:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    return click.Option([flag, knob.field], metavar=knob.metavar, default=None, help=f"{knob.meaning} [{note}]")


serve = click.Command(
    "serve",
    params=[_option(knob) for knob in knobs() if knob.option is not None],  # a secret is no option
    callback=_serve,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
)
