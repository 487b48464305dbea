"""`burrow devices`: the paired ones."""

import time

import click

from burrowspace.cli import shared_options
from burrowspace.cli.exits import Exit, Usage
from burrowspace.cli.runner import fail


@click.command
@click.argument("what", metavar="[forget NAME]", nargs=-1)
@shared_options.as_json
def devices(*, what: tuple[str, ...], json: bool) -> None:
    """List paired devices, or forget one: it can then neither send here nor be sent to by name.

    \b
    Examples:
      burrow devices
      burrow devices forget laptop
      burrow send --to laptop notes.txt
    """
    from burrowspace.client.client import Client
    from burrowspace.core.names import shown

    try:
        client = Client()
        if what:
            if what[0] != "forget" or len(what) < 2:
                raise Usage("it is `burrow devices`, or `burrow devices forget NAME`")
            gone = client.forget(" ".join(what[1:]))
            click.echo(f"{shown(gone.name)} is forgotten. Forget this device there as well.", err=True)
            return
        known = client.devices()
    except Exception as error:
        fail(error, json=json)
    if json:
        from msgspec.json import encode

        for each in known:
            click.echo(encode({"name": each.name, "public": each.public, "paired": each.paired}))
        return
    if not known:
        click.echo("No device is paired yet; `burrow pair` on both makes them know each other.", err=True)
        raise click.exceptions.Exit(Exit.DONE)
    width = max(len(shown(each.name)) for each in known)
    for each in known:
        since = time.strftime("%Y-%m-%d", time.localtime(each.paired))
        click.echo(f"{shown(each.name):<{width}}  paired {since}  key {each.public[:8]}…")
