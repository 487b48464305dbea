"""`burrow resume`: goes on with what was interrupted."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from burrowspace.cli import shared_options
from burrowspace.cli.exits import Exit, Usage
from burrowspace.cli.runner import Runner, fail, perform
from burrowspace.cli.select import SHOWN, fitting, only

if TYPE_CHECKING:
    from burrowspace.client.options import Options
    from burrowspace.client.state.journal import Record


@click.command
@click.argument("which", metavar="[WHICH]", required=False)
@click.option("--output", "-o", metavar="FOLDER|FILE", type=click.Path(), help="Receive into another place.")
@click.option("--forget", is_flag=True, help="Give it up: what is here of it is removed.")
@shared_options.ca
@shared_options.limit_rate
@shared_options.relay_only
@shared_options.direct_only
@shared_options.name
@shared_options.as_json
@shared_options.quiet
def resume(
    *,
    which: str | None,
    output: str | None,
    forget: bool,
    limit_rate: str | None,
    relay_only: bool,
    direct_only: bool,
    name: str | None,
    json: bool,
    quiet: bool,
) -> None:
    """Go on with an unfinished transfer. Without WHICH: the only one there is, or a list of them.

    WHICH is the beginning of its id, or of its name. What arrived before is checked and not sent again.

    \b
    Examples:
      burrow resume
      burrow resume 3fa4
      burrow resume holiday
      burrow resume holiday -o photos/    into another folder than before
      burrow resume 3fa4 --forget    gives it up
    """
    from burrowspace.client.client import Client

    try:
        options = shared_options.choices(rate=limit_rate, relay_only=relay_only, direct_only=direct_only, name=name)
        fits = fitting(Client().unfinished(), which, "nothing unfinished", "burrow resume")
        if forget and which is None:
            raise Usage("--forget needs to know which; `burrow resume` lists what there is")
        if forget and len(fits) == 1:
            _forget(fits[0])
            return
    except Exception as error:
        fail(error, json=json)
    record = only(fits, which, "Nothing is unfinished.", listed, "burrow resume WHICH goes on with one of them.")
    try:
        into = _place(record, output, asks=not (json or quiet))
    except Exception as error:
        if isinstance(error, click.exceptions.Exit):
            raise
        fail(error, json=json)
    perform(Runner(json=json), lambda runner: _resume(runner, record, options, into, quiet=quiet))


def _place(record: "Record", output: str | None, *, asks: bool) -> Path | None:
    """Where to receive, if it is not where it was begun. A person is asked where nothing was written yet, or where the
    earlier place cannot be written. Usage: it is no place."""
    from burrowspace.cli import typed
    from burrowspace.cli.asking import can_ask
    from burrowspace.client.files.spelling import lying_at, told
    from burrowspace.client.files.target import has_begun, why_not
    from burrowspace.client.state.folders import here

    if record.role == "send":
        if output is not None:
            raise Usage("-o says where to receive, and this one is sent; leave it out")
        return None
    if output == "-":
        raise Usage("what was interrupted cannot go on to stdout; give a folder with -o")
    before = Path(lying_at(record.target)) if record.target is not None else Path.cwd()
    into = before if output is None else Path(output)
    trouble = why_not(into)
    if output is None and asks and can_ask() and (trouble or not has_begun(here().place(record))):
        if trouble:
            print(told(trouble), file=sys.stderr, flush=True)
        default = "" if trouble else f" (Enter alone: {told(str(before))})"
        answer = typed.asked(f"Where to{default}", _checked, optional=not trouble)
        into, trouble = (before if answer is None else Path(answer).expanduser()), None
    if trouble:
        raise Usage(trouble)
    if output is not None and output.endswith("/"):
        into.mkdir(parents=True, exist_ok=True)
    return None if into == before else into.absolute()


def _checked(written: str) -> None:
    """Usage: nothing can be written there."""
    from burrowspace.client.files.target import why_not

    if (why := why_not(Path(written).expanduser())) is not None:
        raise Usage(why)


def _forget(record: "Record") -> None:
    """Gives it up: into the history, and what lies here of it goes."""
    from burrowspace.client.state.folders import here

    folders = here()
    folders.finish(folders.open(record.role, record.transfer), "cancelled", time.time())


def listed(record: "Record") -> str:
    """A line of the list."""
    from burrowspace.core.names import shown

    what = "send   " if record.role == "send" else "receive"
    begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created))
    return f"{record.transfer[:SHOWN]}  {what}  {begun}  {shown(record.name or record.code or '', 60)}".rstrip()


async def _resume(runner: Runner, record: "Record", options: "Options", into: Path | None, *, quiet: bool) -> Exit:
    import contextlib

    from burrowspace.cli.own_server import own_server, was_own
    from burrowspace.cli.receive import Asker
    from burrowspace.cli.reporters import reporter
    from burrowspace.client.client import Client
    from burrowspace.client.state.root import usable_state

    usable_state(os.environ)
    runner.say(f"Going on: {listed(record)}", "dim") if not quiet else None
    async with contextlib.AsyncExitStack() as stack:
        url, others = record.server or "", []
        port = was_own(record) if record.role == "send" else None
        if port is not None:
            url, *others = await stack.enter_async_context(own_server(port))
        sending = record.role == "send"
        runner.reporter = reporter(
            sending=sending,
            server=url,
            json=runner.json,
            quiet=quiet,
            known=port is None,
            others=others,
            to=record.device or "",
        )
        client = await stack.enter_async_context(Client(url or None))
        asker = Asker(runner, ask=False, by_code=True)
        return await runner.follow(client.resume(record.transfer, into, options=options), asker.hears)
