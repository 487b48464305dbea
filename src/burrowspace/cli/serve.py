"""`burrow serve`: the server, from its settings to its exit code. Every setting is an option, made from the table."""

import inspect
import os
from collections.abc import Callable
from typing import Annotated, Any

import typer
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
            typer.echo(f"burrow: {sentence}", err=True)
        raise typer.Exit(BAD_SETTING) from None
    for sentence in strays(os.environ):
        typer.echo(f"burrow: {sentence}", err=True)
    from burrowspace.server.run import run  # late: a help page needs none of the server

    raise typer.Exit(run(settings))


def _parameter(knob: Knob) -> inspect.Parameter:
    allowed = "" if knob.metavar is not None and "|" in knob.metavar else knob.allowed  # said already
    note = "; ".join(filter(None, [knob.env, f"default {knob.default}", allowed]))
    name = knob.option or ""
    flag = f"{name}/--no-{name.removeprefix('--')}" if knob.metavar is None else name
    option = typer.Option(flag, metavar=knob.metavar, help=f"{knob.meaning} [{note}]", show_default=False)
    kind: Any = bool if knob.metavar is None else str  # what a value may be is said once, by Settings
    return inspect.Parameter(
        knob.field, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def make_command() -> Callable[..., None]:
    """The function that Typer turns into the command: one parameter for each setting that is no secret."""

    def serve(**given: Any) -> None:
        _serve(**given)

    parameters = [_parameter(knob) for knob in knobs() if knob.option is not None]
    serve.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    serve.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    serve.__doc__ = _HELP
    return serve
