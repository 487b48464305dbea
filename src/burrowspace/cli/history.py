"""`burrow history`: what became of past transfers."""

import time
from typing import Annotated

import typer

from burrowspace.cli import knacks
from burrowspace.cli.exits import Exit
from burrowspace.cli.stage import fail


def history(
    clear: Annotated[bool, typer.Option("--clear", help="Forget them all.")] = False,
    json: knacks.AsJson = False,
) -> None:
    """List past transfers, the newest first; what is unfinished is shown by burrow resume.

    \b
    Examples:
      burrow history
      burrow history --json
      burrow history --clear
    """
    from burrowspace.client.folders import here

    try:
        folders = here()
        if clear:
            folders.forget_history()
            return
        ended = folders.history()
    except Exception as error:
        fail(error, json=json)
    if json:
        from msgspec.json import encode

        for each in ended:
            typer.echo(encode(each))
        return
    if not ended:
        typer.echo("No transfer has ended yet.", err=True)
        raise typer.Exit(int(Exit.DONE))
    from burrowspace.client.space import size_shown
    from burrowspace.core.names import shown

    for each in ended:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.ended))
        size = "" if each.size is None else size_shown(each.size)
        what = "sent" if each.role == "send" else "received"
        peer = "" if not each.peer else f"{'to' if each.role == 'send' else 'from'} {shown(each.peer, 40)}"
        typer.echo(f"{when}  {what:<8}  {each.outcome:<9}  {size:>9}  {shown(each.name, 60)}  {peer}".rstrip())
