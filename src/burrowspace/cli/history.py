"""`burrow history`: what became of past transfers."""

import time

import click

from burrowspace.cli import shared_options
from burrowspace.cli.exits import Exit
from burrowspace.cli.runner import fail


@click.command
@click.option("--clear", is_flag=True, help="Forget them all.")
@shared_options.as_json
def history(*, clear: bool, json: bool) -> None:
    """List past transfers, the newest first; what is unfinished is shown by burrow resume.

    \b
    Examples:
      burrow history
      burrow history --json
      burrow history --clear
    """
    from burrowspace.client.state.folders import here

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
            click.echo(encode(each))
        return
    if not ended:
        click.echo("No transfer has ended yet.", err=True)
        raise click.exceptions.Exit(Exit.DONE)
    from burrowspace.client.files.space import size_shown
    from burrowspace.core.names import shown

    for each in ended:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.ended))
        size = "" if each.size is None else size_shown(each.size)
        what = "sent" if each.role == "send" else "received"
        peer = "" if not each.peer else f"{'to' if each.role == 'send' else 'from'} {shown(each.peer, 40)}"
        click.echo(f"{when}  {what:<8}  {each.outcome:<9}  {size:>9}  {shown(each.name, 60)}  {peer}".rstrip())
