"""The server on its local network: what it announces, and when. How, the beacon knows. Spec: docs/spec/lan.md."""

import structlog

from burrowspace.core.nearby import ADDRESSES, Announcement
from burrowspace.core.networks import is_near
from burrowspace.server.build import House

log = structlog.get_logger("lan")


async def announce(house: House, *, brief: bool) -> None:
    """Beside the running server, for announcing takes a second. A network that does not carry it is only logged."""
    if house.beacon is None:
        return
    addresses = tuple(at for at in house.reach.addresses if is_near(at))[:ADDRESSES]
    secure = house.settings.is_secure
    said = Announcement(house.driver.server_id, house.reach.port, addresses, secure, brief)
    try:
        await house.beacon.announce(said)
    except OSError as error:
        log.info("the server is not announced on the local network", why=str(error)[:200])
    else:
        log.info("the server is announced on the local network")


async def withdraw(house: House) -> None:
    if house.beacon is not None:
        await house.beacon.withdraw()
