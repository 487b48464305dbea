"""`burrow receive`: what a code, a link, a paired device or the published app sends."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from burrowspace.cli import shared_options
from burrowspace.cli.codewords import completed
from burrowspace.cli.exits import Exit, Usage, help_lines
from burrowspace.cli.runner import Runner, fail, perform

if TYPE_CHECKING:
    from burrowspace.cli.named_server import NamedServer
    from burrowspace.client.events import Event
    from burrowspace.client.options import Options
    from burrowspace.core.manifest import Manifest

HELP = f"""Receive what somebody sends, checked to the last byte.

Nothing is ever overwritten unless you say so. Stopped at any moment, the same command goes on where it was.

Without a code or a link it asks for one. What you type there, or give on stdin with -, is in no shell history, and no
other user of this machine sees it.

\b
Examples:
  burrow receive                           asks; Enter alone waits for paired devices (see burrow pair)
  burrow receive 7-walnut-orbit            by code; "7 walnut orbit" is as good
  burrow receive 'https://host/r#…'        by link: needs no --server
  burrow receive 7-walnut-orbit -o photos  into a folder
  burrow receive 7-walnut-orbit -o - | tar x
  burrow receive -                         reads the code or the link from stdin
  burrow receive --yes                     asks nothing: waits for paired devices, and takes what they send
  burrow receive --as bob                  wait for the published app: NOT sealed

\b
Exit codes:
{help_lines()}
"""


@click.command(help=HELP)
@click.argument("code", metavar="[CODE|LINK]", nargs=-1, shell_complete=completed)
@click.option(
    "--output", "-o", metavar="FOLDER|FILE|-", type=click.Path(), help="Where to; - is stdout. [default: here]"
)
@click.option("--overwrite", is_flag=True, help="Replace files of the same names.")
@click.option("--as", "user", metavar="USER_ID", help="Be this user of the published app: NOT sealed.")
@shared_options.server
@shared_options.ca
@shared_options.limit_rate
@shared_options.relay_only
@shared_options.direct_only
@shared_options.name
@shared_options.yes
@shared_options.as_json
@shared_options.quiet
def receive(
    *,
    code: tuple[str, ...],
    output: str | None,
    overwrite: bool,
    user: str | None,
    server: str | None,
    limit_rate: str | None,
    relay_only: bool,
    direct_only: bool,
    name: str | None,
    yes: bool,
    json: bool,
    quiet: bool,
) -> None:
    try:
        what = " ".join(code) or None
        if json and output == "-":
            raise Usage("--json and -o - both want stdout; give one of them")
        if user and what:
            raise Usage("--as waits for the app; it takes no code")
        options = shared_options.choices(rate=limit_rate, relay_only=relay_only, direct_only=direct_only, name=name)
        from burrowspace.cli.named_server import named_server

        where = named_server(server)
        trouble = _check_place(output, files_alone=user is not None)
        if not user:
            what = _what(what, asks=not (yes or json or quiet))
        if user:
            from burrowspace.cli.app_receive import app_receive

            runner = Runner(json=json, goes_on="nothing was kept; the sender's upload waits on the server")
            into = None if output is None else Path(output)
            asks = not yes
            perform(
                runner, lambda runner: app_receive(runner, user, into, where, asks=asks, over=overwrite, quiet=quiet)
            )
        runner = Runner(json=json) if output != "-" else Runner(json=json, goes_on="what went to a pipe begins anew")
    except Exception as error:
        if isinstance(error, click.exceptions.Exit):
            raise
        fail(error, json=json and output != "-")
    if trouble and not quiet:
        runner.say(f"Only a text can be received here: {trouble}.", "yellow")
    perform(
        runner, lambda runner: _receive(runner, what, output, where, options, overwrite, trouble, yes=yes, quiet=quiet)
    )


def _check_place(output: str | None, *, files_alone: bool) -> str:
    """Usage: nothing can be written there. Asked before a code is used up. Where no place was named, a text may come,
    which needs none, unless `files_alone`: why nothing else can."""
    from burrowspace.client.files.target import why_not

    if output == "-":
        from burrowspace.cli.stdio import stdout

        stdout()
        return ""
    why = why_not(Path(output or ".")) or ""
    if why and (output is not None or files_alone):
        raise Usage(why)
    return why


def _what(given: str | None, *, asks: bool) -> str | None:
    """The code or the link: as it was given, from stdin, or from the person at the terminal. None: paired devices."""
    from burrowspace.cli import typed
    from burrowspace.cli.asking import can_ask

    if given == "-":
        return typed.line_of_stdin(typed.code_or_link)
    if given is None and asks and can_ask():
        question = "Code or link, like 7-walnut-orbit (Enter alone waits for paired devices)"
        return typed.asked(question, typed.code_or_link, optional=True)
    return given


async def _receive(
    runner: Runner,
    what: str | None,
    output: str | None,
    where: "NamedServer | None",
    options: "Options",
    overwrite: bool,
    trouble: str,
    *,
    yes: bool,
    quiet: bool,
) -> Exit:
    import contextlib

    from burrowspace.cli.named_server import explained
    from burrowspace.cli.reporters import reporter
    from burrowspace.cli.stdio import stdout
    from burrowspace.client.client import Client
    from burrowspace.client.errors import Unreachable
    from burrowspace.client.state.root import usable_state
    from burrowspace.core.pasted import looks_like_link

    usable_state(os.environ)
    url = where.url if where else None
    if what is not None and looks_like_link(what):
        from burrowspace.cli.link_server import link_server
        from burrowspace.core.links import parse_link

        link = await link_server(runner, parse_link(what), where, quiet=quiet)
        what, url = str(link), link.server
    elif what is not None:
        from burrowspace.cli import near
        from burrowspace.client.state.folders import here
        from burrowspace.core.codes import parse_code

        code = parse_code(what)
        begun = here().by_code(str(code), server=url)
        if url and begun is None and (other := here().by_code(str(code))) is not None and not quiet:
            runner.say(f"This code was begun with {other.server}; now {url} is asked for it.", "yellow")
        url = url or (begun and begun.server) or await near.knowing(runner, code.nameplate, quiet=quiet)
    elif url is None:
        from burrowspace.cli import near

        url = await near.standing(runner, needed=True, quiet=quiet)
    if url is None:
        raise Unreachable(
            "no server on your network knows this code; give --server as the sender's screen shows it, or use the link"
            if what
            else "to wait for paired devices a server is needed; name it with --server or BURROW_SERVER"
        )
    runner.reporter = reporter(sending=False, server=url, json=runner.json, quiet=quiet)
    asker = Asker(runner, ask=not yes, by_code=what is not None, trouble=trouble)
    into = stdout() if output == "-" else _folder_or_file(output)
    async with contextlib.AsyncExitStack() as stack:
        if where is not None and url == where.url:
            stack.enter_context(explained(where))
        client = await stack.enter_async_context(Client(url))
        runs = client.receive(what, into, overwrite=overwrite, accept=asker.accept, options=options)
        if what is None and not quiet:
            runner.say("Waiting for paired devices; Ctrl-C ends it.", "dim")
        return await runner.follow(runs, asker.hears)


def _folder_or_file(output: str | None) -> Path | None:
    """`photos/` is a folder, made if it is not there; without the slash it may be a single file's new name."""
    if output is not None and output.endswith("/"):
        Path(output).mkdir(parents=True, exist_ok=True)
    return None if output is None else Path(output)


class Asker:
    """Shows what comes and asks. Without a person to ask, a code that was typed is consent; else --yes is. `trouble`:
    why no file can be written here."""

    def __init__(self, runner: Runner, *, ask: bool, by_code: bool, trouble: str = "") -> None:
        from burrowspace.cli.asking import can_ask

        self._runner, self._by_code, self._trouble = runner, by_code, trouble
        self._asks = ask and can_ask() and not runner.json
        self._consents = not ask or by_code
        self._asked = self._noted = False

    async def accept(self, manifest: "Manifest", sender: str) -> bool:
        """For the SDK: whether it is taken. Usage: it could not be written."""
        from burrowspace.cli.asking import yes
        from burrowspace.cli.progress_view import offer
        from burrowspace.client.events import Offered
        from burrowspace.client.session.telling_notes import noted

        is_text = all(entry.kind == "text" for entry in manifest.entries)
        if self._trouble and not is_text:
            raise Usage(self._trouble)
        if not self._asks:
            if not self._consents:
                self._runner.say("Nobody is here to ask, so it is declined; --yes accepts.", "yellow")
            return self._consents
        assert self._runner.reporter is not None
        offered = Offered(manifest.name, len(manifest.files), manifest.content_size, sender, is_text)
        if (said := noted(manifest)) is not None:
            self._noted = True
            self._runner.reporter.heard(said)
        self._asked = True
        with self._runner.reporter.pause():
            return await yes(f"{offer(offered)}. Take it?", default=self._by_code)

    def hears(self, event: "Event") -> bool:
        """Whether the reporter is to hear of it as well."""
        from burrowspace.client.events import Noted, Offered, Text

        if isinstance(event, Text):
            if not self._runner.json:
                self._runner.close()
                show_text(event.text)
                return False
            return True
        if isinstance(event, Noted) and self._noted:
            self._noted = False  # it was said before the question
            return False
        return not (isinstance(event, Offered) and self._asked)


def show_text(text: str) -> None:
    """A text that was sent, to stdout; on a terminal without what could move the cursor or hide."""
    out: Any = sys.stdout
    if out.isatty():
        from burrowspace.core.names import shown

        text = "\n".join(shown(line.replace("\t", "    "), len(line) + 1000) for line in text.split("\n"))
        print(text, flush=True)
    else:
        out.buffer.write(text.encode() + (b"" if text.endswith("\n") else b"\n"))
        out.buffer.flush()
