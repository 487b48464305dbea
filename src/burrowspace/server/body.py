"""Writes a body that comes in pieces: for ASGI, and for what the kernel cannot move by itself."""

from collections.abc import AsyncIterator

from burrowspace.core.upload import Write
from burrowspace.core.upload_answers import Answer, Style
from burrowspace.server.driver.tokens import Voice
from burrowspace.server.driver.upload_claims import UploadClaim
from burrowspace.server.driver.uploads import Uploads
from burrowspace.server.multipart import read_form


async def take_body(
    uploads: Uploads, claim: UploadClaim, write: Write, content_type: str, body: AsyncIterator[bytes], token: Voice
) -> Answer:
    """Takes the body as the decision says; the answer, or the refusal as an error."""
    if write.style is Style.FORM:
        parts = read_form(content_type, body)
        name = await parts.file("file")
        async with await uploads.begin(claim, write, token) as writer:
            async for piece in parts:
                await writer.take(piece)
            return await writer.ended(name)
    async with await uploads.begin(claim, write, token) as writer:
        if write.checksum is not None:
            await writer.take_verified(write.checksum, body)
        else:
            async for piece in body:
                await writer.take(piece)
        return await writer.ended()
