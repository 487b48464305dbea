"""`burrow take-back`: what was left on the server leaves it again."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from burrowspace.cli import knacks
from burrowspace.cli.exits import Exit, Usage
from burrowspace.cli.stage import Stage, fail, perform

if TYPE_CHECKING:
    from burrowspace.client.shelf import Left

_SHOWN = 8  # digits of an id
_FATES = {
    "back": "{name} is taken back: nobody can receive it any more.",
    "taken": "Somebody had received {name} already; nobody else can any more.",
    "lapsed": "{name} was not on the server any more: its time was up, or it was taken back before.",
}


def take_back(
    which: Annotated[str | None, typer.Argument(metavar="[WHICH]", hidden=True)] = None,
    ca: knacks.Ca = None,
    json: knacks.AsJson = False,
) -> None:
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
        lying = Client().resting()
        fitting = [
            left for left in lying if which is None or left.transfer.startswith(which) or left.name.startswith(which)
        ]
        if which is not None and not fitting:
            raise Usage(f"nothing that rests on a server begins with {which}; `burrow take-back` lists what does")
    except Exception as error:
        fail(error, json=json)
    if not fitting:
        typer.echo("Nothing of yours rests on a server.", err=True)
        raise typer.Exit(int(Exit.DONE))
    if len(fitting) > 1:
        for left in fitting:
            typer.echo(listed(left))
        typer.echo("\nburrow take-back WHICH takes back one of them.", err=True)
        raise typer.Exit(int(Exit.DONE if which is None else Exit.USAGE))
    perform(Stage(json=json), lambda stage: _take_back(stage, fitting[0]))


def listed(left: "Left") -> str:
    """A line of the list."""
    from burrowspace.core.names import shown

    begun, until = (time.strftime("%Y-%m-%d %H:%M", time.localtime(when)) for when in (left.created, left.until))
    return f"{left.transfer[:_SHOWN]}  {begun}  rests until {until}  {shown(left.name, 60)}"


async def _take_back(stage: Stage, left: "Left") -> Exit:
    from burrowspace.client.client import Client
    from burrowspace.core.names import shown

    async with Client(left.server) as client:
        fate = await client.take_back(left)
    if stage.json:
        from msgspec.json import encode

        typer.echo(encode({"event": "taken-back", "transfer": left.transfer, "name": left.name, "fate": fate}))
    else:
        stage.say(_FATES[fate].format(name=shown(left.name, 60)), "green" if fate == "back" else "yellow")
    return Exit.DONE if fate == "back" else Exit.ERROR
