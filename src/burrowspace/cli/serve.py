"""`burrow serve`: the server, from its settings to its exit code. Every setting is an option, made from the table."""

import os
from typing import Any

import click
from pydantic import ValidationError

from burrowspace.cli.near import TWO_MEANINGS
from burrowspace.cli.setting_options import SettingOption, complaints, setting_options, strays
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

Exit codes: 0 when it was told to stop, 1 when it could not go on, 2 when it cannot start as it is: a bad setting, a
taken port, a data folder or a database that cannot be used. A sentence says which, and what to do.
"""


def _serve(**given: Any) -> None:
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(**chosen)
    except ValidationError as error:
        for sentence in complaints(error, chosen):
            click.echo(f"burrow: {sentence}", err=True)
        raise click.exceptions.Exit(BAD_SETTING) from None
    for sentence in [*strays(os.environ), *([TWO_MEANINGS] if settings.nearby is not None else [])]:
        click.echo(f"burrow: {sentence}", err=True)
    from burrowspace.server.run import run  # late: a help page needs none of the server

    raise click.exceptions.Exit(run(settings))


def _option(setting: SettingOption) -> click.Option:
    """What a value may be is said once, by Settings: here each is a text or a switch."""
    allowed = "" if setting.metavar is not None and "|" in setting.metavar else setting.allowed  # said already
    note = "; ".join(filter(None, [setting.env, f"default {setting.default}", allowed]))
    flag = setting.option or ""
    if setting.metavar is None:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    return click.Option(
        [flag, setting.field], metavar=setting.metavar, default=None, help=f"{setting.meaning} [{note}]"
    )


serve = click.Command(
    "serve",
    params=[_option(setting) for setting in setting_options() if setting.option is not None],  # a secret is no option
    callback=_serve,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
)
