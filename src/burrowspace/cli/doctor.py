"""`burrow doctor`: what works between here and the server, and what to do about the rest; shown by findings_view.py."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from burrowspace.cli import shared_options
from burrowspace.cli.exits import Exit, Usage
from burrowspace.cli.runner import Runner, fail, perform

if TYPE_CHECKING:
    from burrowspace.cli.findings_view import FindingsView
    from burrowspace.cli.named_server import NamedServer
    from burrowspace.config import Settings
    from burrowspace.doctor.examine import Examination

_NOBODY = "No server is named and none is found on this network, so that only this machine is looked at."


@click.command
@shared_options.server
@shared_options.ca
@click.option("--host", is_flag=True, help="Look at this machine as the one that serves, with the settings of serve.")
@click.option(
    "--data", metavar="FOLDER", type=click.Path(path_type=Path), help="With --host: the data folder of the server."
)
@click.option("--port", metavar="NUMBER", type=int, help="With --host: the port of the server.")
@click.option("--long", is_flag=True, help="Also what takes a minute: a body of 60 MiB, a call that waits 50 s.")
@shared_options.as_json
def doctor(*, server: str | None, host: bool, data: Path | None, port: int | None, long: bool, json: bool) -> None:
    """Look at what works between here and the server, and say what to do about the rest.

    \b
    Examples:
      burrow doctor
      burrow doctor --server https://drop.example.org
      burrow doctor --host        on the machine that serves
      burrow doctor --long --json

    It looks at this machine, the way to the server (name, port, certificate, proxies), HTTP, WebSockets, speed, UDP and
    the kind of NAT, and says which way a transfer would take. Where no server is named, it takes the one of this
    network, or means --host where the data folder of one lies here. Exit code 8: something does not work.
    """
    from burrowspace.cli.findings_view import FindingsView
    from burrowspace.cli.named_server import named_server

    try:
        named = named_server(server)
        serving = host or data is not None or port is not None or (named is None and _serves_here())
        settings = _settings(data, port) if serving else None
    except Exception as error:
        fail(error, json=json)
    view = FindingsView(json=json)
    runner = Runner(json=json, goes_on="")

    async def work(_: Runner) -> Exit:
        try:
            await _look(view, named, settings, long)
        finally:
            view.close()
        return Exit.TROUBLE if view.finish() else Exit.DONE

    perform(runner, work)


async def _look(view: "FindingsView", named: "NamedServer | None", settings: "Settings | None", long: bool) -> None:
    from burrowspace.doctor.examine import Examination

    examination = Examination(view.heard, long=long, looking=view.looking)
    view.begin("machine", "This machine")
    await asyncio.to_thread(examination.machine, Path.cwd())
    url = named.url if named is not None else None
    if settings is not None:
        from burrowspace.server.doctor import host

        view.begin("host", "This machine as the one that serves")
        view.looking("the data folder, the ports, the addresses")
        found = await asyncio.to_thread(host.look, settings)
        for each in found:
            view.heard(each)
        if url is None and any(each.facts.get("served") for each in found):
            url = host.own_url(settings)
    if url is not None:
        view.begin("server", f"From here to {url}")
        await examination.server(url)
    elif settings is None:
        await _look_near(view, examination)


async def _look_near(view: "FindingsView", examination: "Examination") -> None:
    """The server that `burrow send` would use, where none is named."""
    from burrowspace.cli import near
    from burrowspace.core.findings import doubtful

    view.looking("servers on this network")
    found = [each for each in await near.look() if not each.brief]
    if len(found) == 1:
        view.begin("server", f"From here to {found[0].url}, found on this network")
        await examination.server(found[0].url)
        return
    nobody = _NOBODY if near.wanted() else "No server is named, and none was looked for (BURROW_FIND_SERVERS)."
    said = f"There are several servers on this network: {near.named(found)}." if found else nobody
    view.begin("server", "The server")
    view.heard(doubtful("server", said, "Name it with --server, BURROW_SERVER or in config.toml."))


def _serves_here() -> bool:
    return (Path(os.environ.get("BURROW_DATA") or "data") / "burrowspace.db").is_file()


def _settings(data: Path | None, port: int | None) -> "Settings":
    """As `burrow serve` would have them. Usage: it would not take them."""
    from pydantic import ValidationError

    from burrowspace.cli.setting_options import complaints
    from burrowspace.config import Settings

    chosen = {name: value for name, value in (("data", data), ("port", port)) if value is not None}
    try:
        return Settings(**chosen)  # type: ignore[arg-type]  # each is checked there
    except ValidationError as error:
        raise Usage("; ".join(complaints(error, chosen))) from None
