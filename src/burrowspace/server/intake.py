"""A body that comes in pieces, into its place: for ASGI, and for what the kernel cannot move by itself."""

import hashlib
from collections.abc import AsyncIterator

from burrowspace.core.errors import WrongChecksum
from burrowspace.core.upload import Write
from burrowspace.core.upload_answers import Answer, Style
from burrowspace.server.driver.claims import Claim
from burrowspace.server.driver.place import Place
from burrowspace.server.driver.tokens import Voice
from burrowspace.server.driver.uploads import Uploads
from burrowspace.server.multipart import read_form


async def take_body(
    uploads: Uploads, claim: Claim, write: Write, content_type: str, body: AsyncIterator[bytes], token: Voice
) -> Answer:
    """Takes the body as the decision says; the answer, or the refusal as an error."""
    if write.style is Style.FORM:
        parts = read_form(content_type, body)
        name = await parts.file("file")
        async with await uploads.begin(claim, write, token) as place:
            async for piece in parts:
                await place.take(piece)
            return await place.ended(name)
    async with await uploads.begin(claim, write, token) as place:
        if write.checksum is not None:
            await _verified(place, write.checksum, body, uploads)
        else:
            async for piece in body:
                await place.take(piece)
        return await place.ended()


async def _verified(place: Place, checksum: tuple[str, bytes], body: AsyncIterator[bytes], uploads: Uploads) -> None:
    """A body with a checksum is set aside until it has proved true: no follower may see what is then taken back."""
    spool, aside = uploads.kit.spool, place.transfer_id + "-part"
    digest, size = hashlib.new(checksum[0], usedforsecurity=False), 0
    try:
        await spool.begin(aside)
        async for piece in body:
            digest.update(piece)
            await place.set_aside(size + len(piece))
            size = await spool.append(aside, size, piece)
        if digest.digest() != checksum[1]:
            raise WrongChecksum("the body is not what its checksum says; send it again")
        async for piece in spool.read(aside):
            await place.take(piece)
    finally:
        await spool.drop(aside)
