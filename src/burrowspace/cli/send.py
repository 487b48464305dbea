"""`burrow send`: files, folders, a text or stdin, to whoever has the code or the link, or to a paired device."""

import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from burrowspace.cli import shared_options
from burrowspace.cli.dashes import TakesPaths
from burrowspace.cli.exits import Exit, Usage, help_lines
from burrowspace.cli.runner import Runner, fail, perform

if TYPE_CHECKING:
    from typing import BinaryIO

    from burrowspace.cli.named_server import NamedServer
    from burrowspace.client.events import Event
    from burrowspace.client.options import Options
    from burrowspace.client.session.outgoing import SendTransfer

HELP = f"""Send files, folders, a text, or stdin, sealed from end to end.

It prints a code and a link for the other side, then sends by the best way there is: direct, through the server, or left
sealed on the server until the other side comes. Stopped at any moment, the same command goes on where it was. In a
terminal, n and Enter make a new code; after three failed tries none is made unless you ask.

If you name no server, the one on your local network is used. If there is none, this program is the server for as long
as the transfer lasts. A server that you name and that cannot be reached or trusted is an error.

\b
Examples:
  burrow send holiday/ notes.pdf           a folder and a file
  burrow send --text "the door is 4711"    a text; every user of this machine can see it meanwhile
  burrow send --text -                     a text that it asks for, or that comes on stdin
  tar c photos | burrow send -             whatever comes on stdin
  burrow send --to laptop backup.tar       to a paired device, without a code (see burrow pair)
  burrow send --store big.iso              leave it sealed on the server and go
  burrow send --receivers many slides.pdf  to everybody who has the link, until Ctrl-C
  burrow send --to bob --plain a.jpg       to the published app: NOT sealed

\b
Exit codes:
{help_lines()}
"""


@click.command(help=HELP, cls=TakesPaths)
@click.argument("paths", metavar="[PATH…|-]...", nargs=-1, type=click.Path())
@click.option("--text", "-t", metavar="TEXT", help="Send this text; - asks for it, or reads it from stdin.")
@click.option("--to", metavar="NAME", help="A paired device; with --plain a user of the app.")
@click.option("--plain", is_flag=True, help="The published app's way: NOT sealed, the server can read it. With --to.")
@click.option("--as", "user", metavar="USER_ID", help="Who you are to the app, with --plain.")
@shared_options.server
@click.option("--own-server", is_flag=True, help="Be the server yourself, whatever is configured or found.")
@shared_options.ca
@click.option(
    "--receivers",
    metavar="N|many",
    default="1",
    show_default=True,
    help="Leave after so many have it; many: stay until Ctrl-C.",
)
@click.option(
    "--store/--no-store",
    default=None,
    help="Leave it sealed on the server and go, or never let it rest there. [default: if the other side goes]",
)
@click.option("--code/--no-code", default=True, show_default=True, help="A code to say, beside the link.")
@click.option("--qr/--no-qr", default=None, help="The link as a QR code. [default: where it fits]")
@shared_options.limit_rate
@shared_options.relay_only
@shared_options.direct_only
@click.option(
    "--stdin-name",
    metavar="NAME",
    default="stdin",
    show_default=True,
    help="What to call the file that comes from stdin.",
)
@shared_options.name
@shared_options.yes
@shared_options.as_json
@shared_options.quiet
def send(
    *,
    paths: tuple[str, ...],
    text: str | None,
    to: str | None,
    plain: bool,
    user: str | None,
    server: str | None,
    own_server: bool,
    receivers: str,
    store: bool | None,
    code: bool,
    qr: bool | None,
    limit_rate: str | None,
    relay_only: bool,
    direct_only: bool,
    stdin_name: str,
    name: str | None,
    yes: bool,
    json: bool,
    quiet: bool,
) -> None:
    try:
        given = list(paths)
        _check(given, text, to, plain, user, store)
        _check_own(own_server, server, to, store)
        options = shared_options.choices(
            rate=limit_rate,
            relay_only=relay_only,
            direct_only=direct_only,
            name=name,
            store=store is not False and not direct_only,
            store_now=store is True,
            receivers=_receivers(receivers),
        )
        from burrowspace.cli.named_server import named_server

        where = None if own_server else named_server(server)
        if plain:
            from burrowspace.cli.app_send import app_send

            runner = Runner(json=json, goes_on="nothing was kept; the same command starts again")
            perform(runner, lambda runner: app_send(runner, given, str(to), user, where, options, quiet=quiet))
        if text == "-":
            from burrowspace.cli.typed import text_of_stdin

            text = text_of_stdin()
        what: dict[str, Any] = {"text": text} if text is not None else {"paths": given}
        if (stream := _stream(given)) is not None:
            what = {"stream": stream, "stream_name": stdin_name}
        runner = Runner(json=json)
        if stream is not None:
            runner.goes_on = "what came from a pipe cannot be read again, so it has to begin anew"
        elif options.receivers is None:
            runner.goes_on = "the same command makes the link work again"
    except Exception as error:
        if isinstance(error, click.exceptions.Exit):
            raise
        fail(error, json=json)
    perform(runner, lambda runner: _send(runner, what, to, code, where, options, own=own_server, qr=qr, quiet=quiet))


def _stream(given: list[str]) -> "BinaryIO | None":
    """What to read once and to its end: stdin, or the one pipe or device that was named. Usage: stdin is closed."""
    from burrowspace.cli import stdio

    if given == ["-"]:
        return stdio.stdin()
    return stdio.named_stream(given[0]) if len(given) == 1 and stdio.is_stream(given[0]) else None


def _check(
    given: list[str], text: str | None, to: str | None, plain: bool, user: str | None, store: bool | None
) -> None:
    if bool(given) == (text is not None):
        raise Usage("there is nothing to send; name files or folders, or give --text" if not given else
                    "send paths or --text, not both")  # fmt: skip
    if "-" in given and len(given) > 1:
        raise Usage("- is stdin and goes alone")
    if (plain or user) and not to:
        raise Usage("--plain sends to a user of the app; name one with --to USER_ID")
    if user and not plain:
        raise Usage("--as says who you are to the app; it goes with --plain")
    if plain and (text is not None or "-" in given):
        raise Usage("the app takes files only; leave out --plain, or write it to a file first")
    if plain and store is False:
        raise Usage("--plain goes through the server's disk; it cannot be without --store")


def _check_own(own: bool, server: str | None, to: str | None, store: bool | None) -> None:
    if own and server is not None:
        raise Usage("--own-server and --server name two servers; give one of them")
    if own and (to is not None or store):
        raise Usage("--own-server lasts only as long as the transfer; --to and --store need a server that stays")


def _receivers(written: str) -> int | None:
    if written == "many":
        return None
    if written.isdigit() and 1 <= int(written) <= 1_000_000:
        return int(written)
    raise Usage(f"--receivers is {written!r}; it is a number from 1, or many")


async def _send(
    runner: Runner,
    what: dict[str, Any],
    to: str | None,
    with_code: bool,
    where: "NamedServer | None",
    options: "Options",
    *,
    own: bool,
    qr: bool | None,
    quiet: bool,
) -> Exit:
    from burrowspace.cli.asking import can_ask
    from burrowspace.cli.find_server import server_or_none
    from burrowspace.cli.named_server import remembered
    from burrowspace.cli.own_server import begun, own_server, port_of
    from burrowspace.cli.reporters import reporter
    from burrowspace.client.client import Client
    from burrowspace.client.state.root import usable_state

    usable_state(os.environ)
    async with contextlib.AsyncExitStack() as stack:
        needed, earlier = to is not None or options.store_now, begun(what.get("paths", []))
        port = port_of(earlier)
        own = own or bool(where is None and port and not needed)  # as the server that an earlier run of it was
        if where is None and earlier is not None and not own:
            where = remembered(earlier.server)
        url = None if own else await server_or_none(runner, where, needed=needed, quiet=quiet)
        own, others = url is None, []
        if url is None:
            url, *others = await stack.enter_async_context(own_server(port))
            options = replace(options, store=False)  # what rested here would go with us
        with_code = with_code and to is None
        keys = with_code and "stream" not in what and not runner.json and not quiet and can_ask()
        runner.reporter = reporter(
            sending=True,
            server=url,
            json=runner.json,
            quiet=quiet,
            qr=qr,
            known=not own,
            others=others,
            keys=keys,
            to=to or "",
        )
        if own and not quiet:
            runner.say(f"Serving from this program on {url} for as long as the transfer lasts.", "dim")
        client = await stack.enter_async_context(Client(url))
        transfer = client.send(**what, with_code=with_code, to=to, options=options)
        return await (_with_keys(runner, transfer) if keys else runner.follow(transfer))


async def _with_keys(runner: Runner, transfer: "SendTransfer") -> Exit:
    """`n` makes a new code at any time, Enter alone where the person has just been told so."""
    from burrowspace.cli.asking import typed
    from burrowspace.client.events import NewCode, Ready

    asks = False

    def on(event: "Event") -> bool:
        nonlocal asks
        if isinstance(event, Ready | NewCode):
            asks = event.asks
        return True

    def heard(line: str) -> None:
        if line.lower() == "n" or (asks and not line):
            transfer.new_code()

    with typed(heard):
        return await runner.follow(transfer, on)
