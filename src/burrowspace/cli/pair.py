"""`burrow pair`: two devices know each other from now on, and need no codes any more."""

import os
from typing import TYPE_CHECKING

import click

from burrowspace.cli import shared_options
from burrowspace.cli.codewords import completed
from burrowspace.cli.exits import Exit
from burrowspace.cli.runner import Runner, fail, perform

if TYPE_CHECKING:
    from burrowspace.cli.named_server import NamedServer


@click.command
@click.argument("code", metavar="[CODE]", nargs=-1, shell_complete=completed)
@shared_options.name
@shared_options.server
@shared_options.ca
@shared_options.as_json
def pair(*, code: tuple[str, ...], name: str | None, server: str | None, json: bool) -> None:
    """Make two devices know each other, once: then `burrow send --to NAME` finds the other without a code.

    Run it on one device without a code, and on the other with the code that the first one shows. Both must use the
    same server. With - it asks for the code, or reads it from stdin: so it is in no shell history.

    \b
    Examples:
      burrow pair                    shows a code
      burrow pair 7-walnut-orbit     on the other device
      burrow pair -                  the same, but asks for the code
      burrow pair --name laptop      what this one is called there
    """
    try:
        from burrowspace.cli.named_server import named_server, own_name

        where = named_server(server)
        called = own_name() if name is None else name
        given = _given(code, asks=not json)
        runner = Runner(json=json, goes_on="nobody was paired")
    except Exception as error:
        if isinstance(error, click.exceptions.Exit):
            raise
        fail(error, json=json)
    perform(runner, lambda runner: _pair(runner, given, called, where))


def _given(words: tuple[str, ...], *, asks: bool) -> str:
    """The code: as it was given, or for - from the person at the terminal or from stdin. Empty: there is none."""
    from burrowspace.cli import typed
    from burrowspace.cli.asking import can_ask

    if words != ("-",):
        return " ".join(words)
    if asks and can_ask():
        return typed.asked("Code that the other device shows", typed.code) or ""
    return typed.line_of_stdin(typed.code)


async def _pair(runner: Runner, code: str, name: str, where: "NamedServer | None") -> Exit:
    from burrowspace.cli.find_server import server_or_none
    from burrowspace.client.client import Client
    from burrowspace.client.client_state import own_name
    from burrowspace.client.state.root import usable_state
    from burrowspace.core.names import shown

    usable_state(os.environ)
    url = await server_or_none(runner, where, needed=True)
    async with Client(url) as client:
        if code:
            device = await client.pair(code, name or own_name())
        else:
            offered, waiting = await client.offer_pairing(
                name or own_name(), lambda code, why: _show_code(runner, str(code), f"{url}", why)
            )
            _show_code(runner, str(offered), f"{url}")
            try:
                device = await waiting
            finally:
                waiting.cancel()
    if runner.json:
        from msgspec.json import encode

        click.echo(encode({"event": "paired", "name": device.name, "public": device.public}))
    runner.say(f"Paired with {shown(device.name)}. From now on: burrow send --to {_quoted(device.name)} PATH", "green")
    return Exit.DONE


def _show_code(runner: Runner, code: str, url: str, why: str = "") -> None:
    if runner.json:
        from msgspec.json import encode

        event = {"event": "new-code", "why": why} if why else {"event": "ready"}
        click.echo(encode({**event, "code": code, "server": url}))
    if why:
        runner.say(f"{why[:1].upper()}{why[1:]}. There is a new code.", "yellow")
    runner.say(f"On the other device, with the server {url}:\n\n    burrow pair {code}\n")


def _quoted(name: str) -> str:
    import shlex

    from burrowspace.core.names import shown

    return shlex.quote(shown(name))
