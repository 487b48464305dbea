"""Two devices become known to each other, by a code that one shows and the other types. Spec: docs/spec/meeting.md."""

import asyncio
import contextlib
import secrets

from burrowspace.client import meeting
from burrowspace.client.api import WAIT_S, Server
from burrowspace.client.devices import Device, Devices
from burrowspace.core.codes import Code, parse_code
from burrowspace.core.devices import Introduction, encode_introduction, parse_introduction
from burrowspace.core.errors import BurrowError
from burrowspace.core.links import mailbox_id
from burrowspace.core.sealing import SECRET_BYTES, Box, derive


async def offer_pairing(server: Server, devices: Devices, name: str) -> tuple[Code, "asyncio.Task[Device]"]:
    """A code for the other device, and what will be known of it. CodeBurnt after a wrong guess."""
    plate, code = await meeting.offer_code(server)
    secret = secrets.token_bytes(SECRET_BYTES)
    handing = asyncio.ensure_future(meeting.hand_over(server, plate, code, secret, lambda: None))

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


async def pair(server: Server, devices: Devices, code: str, name: str) -> Device:
    """Pairs with the device that offered this code."""
    secret = await meeting.take_over(server, parse_code(code))
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
