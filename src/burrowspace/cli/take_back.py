"""`burrow take-back`: what was left on the server leaves it again."""

import time
from typing import TYPE_CHECKING

import click

from burrowspace.cli import shared_options
from burrowspace.cli.exits import Exit
from burrowspace.cli.runner import Runner, fail, perform
from burrowspace.cli.select import SHOWN, fitting, only

if TYPE_CHECKING:
    from burrowspace.client.state.shelf import Left

_FATES = {
    "back": "{name} is taken back: nobody can receive it any more.",
    "taken": "Somebody had received {name} already; nobody else can any more.",
    "lapsed": "{name} was not on the server any more: its time was up, or it was taken back before.",
}


@click.command("take-back")
@click.argument("which", metavar="[WHICH]", required=False)
@shared_options.ca
@shared_options.as_json
def take_back(*, which: str | None, json: bool) -> None:
    """Take back what burrow send left on the server. Without WHICH: the only one there is, or a list of them.

    WHICH is the beginning of its id, or of its name. The sealed bytes leave the server, and the link ends.

    \b
    Examples:
      burrow take-back
      burrow take-back 3fa4
      burrow take-back holiday
    """
    from burrowspace.client.client import Client

    try:
        fits = fitting(Client().resting(), which, "nothing that rests on a server", "burrow take-back")
    except Exception as error:
        fail(error, json=json)
    hint = "burrow take-back WHICH takes back one of them."
    left = only(fits, which, "Nothing of yours rests on a server.", listed, hint)
    perform(Runner(json=json), lambda runner: _take_back(runner, left))


def listed(left: "Left") -> str:
    """A line of the list."""
    from burrowspace.core.names import shown

    begun, until = (time.strftime("%Y-%m-%d %H:%M", time.localtime(when)) for when in (left.created, left.until))
    return f"{left.transfer[:SHOWN]}  {begun}  rests until {until}  {shown(left.name, 60)}"


async def _take_back(runner: Runner, left: "Left") -> Exit:
    from burrowspace.client.client import Client
    from burrowspace.core.names import shown

    async with Client(left.server) as client:
        fate = await client.take_back(left)
    if runner.json:
        from msgspec.json import encode

        click.echo(encode({"event": "taken-back", "transfer": left.transfer, "name": left.name, "fate": fate}))
    else:
        runner.say(_FATES[fate].format(name=shown(left.name, 60)), "green" if fate == "back" else "yellow")
    return Exit.DONE if fate == "back" else Exit.ERROR
