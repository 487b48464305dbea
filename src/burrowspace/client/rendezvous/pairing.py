"""Two devices become known to each other, by a code that one shows and the other types. Spec: docs/spec/meeting.md."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable

from burrowspace.client.errors import CodeBurnt
from burrowspace.client.rendezvous import meeting
from burrowspace.client.rendezvous.offers import Offers
from burrowspace.client.server.api import WAIT_S, Server
from burrowspace.client.state.devices import Device, Devices
from burrowspace.client.state.spent import Spent
from burrowspace.core.codes import Code, parse_code
from burrowspace.core.devices import Introduction, encode_introduction, parse_introduction
from burrowspace.core.errors import BurrowError
from burrowspace.core.links import mailbox_id
from burrowspace.core.sealing import SECRET_BYTES, Box, derive

Renewed = Callable[[Code, str], None]
"""(the code that is valid now, why the old one no longer is)"""


async def offer_pairing(
    server: Server, devices: Devices, name: str, renewed: Renewed | None = None
) -> tuple[Code, "asyncio.Task[Device]"]:
    """A code for the other device, and what will be known of it. `renewed` is told of each code that replaces a burnt
    or expired one. CodeBurnt after three burnt ones; where `renewed` is None, after the first."""
    secret = secrets.token_bytes(SECRET_BYTES)
    offers = Offers(server, secret)
    code = await offers.first()
    assert code is not None, "the first code of a pairing"

    def told(code: Code | None, why: str, *, asks: bool) -> None:
        if code is None or renewed is None:
            raise CodeBurnt(f"{why}; nobody was paired")
        renewed(code, why)

    handing = asyncio.ensure_future(offers.run(lambda: None, told))

    async def whole() -> Device:
        introducing = asyncio.ensure_future(_introduce(server, devices, secret, name, first=True))
        try:
            await asyncio.wait({handing, introducing}, return_when=asyncio.FIRST_COMPLETED)
            if not introducing.done():
                handing.result()  # it only ends by an error
            return introducing.result()
        finally:
            for each in (handing, introducing):
                each.cancel()
            await asyncio.gather(handing, introducing, return_exceptions=True)

    return code, asyncio.ensure_future(whole())


async def pair(server: Server, devices: Devices, code: str, name: str, spent: Spent | None = None) -> Device:
    """Pairs with the device that offered this code."""
    secret = await meeting.take_over(server, parse_code(code), spent)
    return await _introduce(server, devices, secret, name, first=False)


async def _introduce(server: Server, devices: Devices, secret: bytes, name: str, *, first: bool) -> Device:
    mailbox = mailbox_id(secret)
    box = Box(derive(secret, b"", "burrow/1 introduction"))
    own, other = (b"one", b"two") if first else (b"two", b"one")
    said = encode_introduction(devices.introduction(name))
    await server.post(mailbox, box.seal(said, own, secrets.token_bytes(12)))
    after = -1
    while True:
        for number, body in await server.messages(mailbox, after, WAIT_S):
            after = max(after, number)
            with contextlib.suppress(BurrowError):
                found: Introduction = parse_introduction(box.open(body, other))
                return devices.add(found)
