"""`burrow servers`: those that announce themselves on the local network."""

import click

from burrowspace.cli import shared_options
from burrowspace.cli.exits import Exit
from burrowspace.cli.runner import Runner, fail, perform


@click.command
@shared_options.ca
@shared_options.as_json
def servers(*, json: bool) -> None:
    """List the servers on your local network that answer; it takes a second.

    A command without a server uses the one that is found. Nobody vouches for who they are: what is sent is sealed, and
    a code or a pairing says who is at the other end.

    \b
    Examples:
      burrow servers
      burrow send --server http://192.168.1.7:5000 notes.txt
    """
    try:
        runner = Runner(json=json, goes_on="")
    except Exception as error:
        fail(error, json=json)
    perform(runner, _list)


async def _list(runner: Runner) -> Exit:
    from burrowspace.client.server.nearby import look

    found = await look()
    for near in found:
        if runner.json:
            from msgspec.json import encode

            click.echo(encode({"url": near.url, "server_id": near.server_id, "brief": near.brief}))
        else:
            click.echo(f"{near.url}  {near.server_id[:8]}…" + ("  for one transfer" if near.brief else ""))
    if not found and not runner.json:
        click.echo("No server announces itself on this network; `burrow serve` starts one.", err=True)
    return Exit.DONE
