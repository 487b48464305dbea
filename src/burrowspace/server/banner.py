"""What a person sees at the start: the addresses for a phone, a QR code of the first, where the data lies, how to stop.

On stdout where people read, and as one line of the JSON log where machines do. Printing never fails the server.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

import structlog
from rich.console import Console
from rich.text import Text

from burrowspace import __version__
from burrowspace.config import Settings
from burrowspace.core.qr import qr_rows
from burrowspace.server import logs
from burrowspace.server.reachability import Reachability
from burrowspace.server.tls.identity import Identity

log = structlog.get_logger("server")

SHOWN = 4  # addresses; a machine with bridges for containers has dozens
_INK = "#000000 on #ffffff"  # its own paper, so that it reads the same on dark and on light terminals


def show(reach: Reachability, settings: Settings, identity: Identity | None = None) -> None:
    """Prints where the server is; call it once the port is open."""
    urls = addresses(reach)
    folder = str(settings.data.resolve())
    trust = _trust(reach, identity)
    if not _for_people():
        log.info(
            "BurrowSpace is up",
            version=__version__,
            addresses=urls,
            public_url=reach.public_url,
            data=folder,
            stop="SIGTERM or SIGINT",
            **({} if trust is None else {"trust": trust[0], "ca_sha256": trust[1]}),
        )
        return
    local = f"{reach.scheme}://127.0.0.1:{reach.port}"
    facts = [("On this network", url) for url in urls if url != local]
    if local in urls or _everywhere(settings.host):
        facts.append(("On this machine", local))
    if settings.tunnel_kind is not None and reach.tunnel_url is None:
        opening = f"{settings.tunnel_kind} is opening a public address; it is shown here when it is there"
        facts.append(("From outside", opening))
    elif reach.public_url is not None:
        facts.append(("From outside", reach.public_url))
    if reach.stun_message is not None:
        facts.append(("Without STUN", reach.stun_message))
    if trust is not None:
        facts += [("To trust it", f"{trust[0]} on each device, once"), ("SHA-256 there", trust[1])]
    facts += [("Files lie in", folder), ("To stop", "Ctrl+C")]
    with _printing() as console:
        _say(console, "")
        _say(console, f"BurrowSpace {__version__} is up.", "bold")
        _say(console, "")
        _facts(console, facts)
        if urls and urls[0] != local:
            _qr(console, urls[0], "A phone on the same network scans this address:")
        else:
            _say(console, "")
            _say(console, "No network was found, or none is listened on: only this machine reaches the server.")
        _say(console, "")


def show_public(url: str) -> None:
    """Prints the address that a tunnel has opened."""
    if not _for_people():
        log.info("the server is reached from outside", public_url=url)
        return
    with _printing() as console:
        _say(console, "")
        _facts(console, [("From outside", url)])
        _qr(console, url, "A phone anywhere scans this address:")
        _say(console, "")


def addresses(reach: Reachability) -> list[str]:
    """The URLs under which a phone could find us, the likeliest first."""
    return urls(reach, reach.addresses)


def urls(reach: Reachability, addresses: list[str]) -> list[str]:
    """The origins at these addresses, as many as are shown."""
    hosts = (f"[{ip.replace('%', '%25')}]" if ":" in ip else ip for ip in addresses[:SHOWN])
    return [f"{reach.scheme}://{host}:{reach.port}" for host in hosts]


def _trust(reach: Reachability, identity: Identity | None) -> tuple[str, str] | None:
    """Of a self-signed server: where its authority's certificate is offered, and the fingerprint to compare."""
    if identity is None or identity.authority is None:
        return None
    url = next(iter(addresses(reach)), f"https://127.0.0.1:{reach.port}")
    return f"http{url.removeprefix('https')}/ca", identity.authority.fingerprint


def _everywhere(host: str) -> bool:
    return host in ("0.0.0.0", "::", "")  # noqa: S104


def _for_people() -> bool:
    return logs.for_people() or logs.is_terminal(sys.stdout)


class _Quiet(Console):
    """A console whose reader may leave: Rich would end the process."""

    def on_broken_pipe(self) -> None:
        with contextlib.suppress(SystemExit):
            super().on_broken_pipe()


@contextlib.contextmanager
def _printing() -> Iterator[Console]:
    """Collects what is printed and writes it at once; a reader that is gone or an alphabet too small harms nobody."""
    plain = bool(os.environ.get("NO_COLOR"))  # no bold and no dim either
    console = _Quiet(file=sys.stdout, highlight=False, color_system=None if plain else "auto")
    with contextlib.suppress(OSError, ValueError), console:
        yield console


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=True)


def _facts(console: Console, facts: list[tuple[str, str]]) -> None:
    for label, fact in facts:
        console.print(Text.assemble((f"  {label:<17}", "dim"), (logs.tame(fact), "bold")), soft_wrap=True)


def _qr(console: Console, url: str, invitation: str) -> None:
    """The code with its invitation, where a camera could read it: on a terminal that is wide enough and has blocks."""
    own_paper = console.color_system is not None and not console.no_color
    rows = qr_rows(url, ink="dark" if own_paper else "light")  # without colours most terminals are dark
    if not console.is_terminal or len(rows[0]) + 2 > console.width or not _writable("▀▄█", console.encoding):
        return
    _say(console, "")
    _say(console, f"  {invitation}")
    _say(console, "")
    for row in rows:
        console.print(Text.assemble("  ", (row, _INK if own_paper else "")), soft_wrap=True)


def _writable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
