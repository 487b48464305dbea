"""The server on its local network: what it announces, and when. How, the beacon knows. Spec: docs/spec/lan.md."""

import structlog

from burrowspace.core.nearby import ADDRESSES, Announcement
from burrowspace.core.networks import is_near
from burrowspace.faults import why
from burrowspace.server.build import App

log = structlog.get_logger("lan")


async def announce(app: App, *, brief: bool) -> None:
    """Beside the running server, for announcing takes a second. A network that does not carry it is only logged."""
    if app.beacon is None:
        return
    addresses = tuple(at for at in app.reach.addresses if is_near(at))[:ADDRESSES]
    secure = app.settings.is_secure
    said = Announcement(app.driver.server_id, app.reach.port, addresses, secure, brief)
    try:
        await app.beacon.announce(said)
    except OSError as error:
        log.info("the server is not announced on the local network", why=why(error))
    else:
        log.info("the server is announced on the local network")


async def withdraw(app: App) -> None:
    if app.beacon is not None:
        await app.beacon.withdraw()
