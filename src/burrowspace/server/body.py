"""Writes a body that comes in pieces: for ASGI, and for what the kernel cannot move by itself."""

from collections.abc import AsyncIterator, Callable

from burrowspace.core.errors import Busy, TooLarge
from burrowspace.core.upload import Write
from burrowspace.core.upload_answers import Answer, Style
from burrowspace.server.driver.tokens import Voice
from burrowspace.server.driver.upload_claims import UploadClaim
from burrowspace.server.driver.uploads import Uploads
from burrowspace.server.multipart import read_form

Body = Callable[[], AsyncIterator[bytes]]  # the rest of a body, from wherever it was read up to


async def take_body(
    uploads: Uploads, claim: UploadClaim, write: Write, content_type: str, body: Body, token: Voice
) -> Answer:
    """Takes the body as the decision says; the answer, or the refusal as an error."""
    if write.style is Style.FORM:
        try:
            return await _take_form(uploads, claim, write, content_type, body(), token)
        except Busy:  # taken over: the later request decides
            await throw_away(body(), write.at_most)
            return await uploads.outcome(claim)
    async with await uploads.begin(claim, write, token) as writer:
        if write.checksum is not None:
            await writer.take_verified(write.checksum, body())
        else:
            async for piece in body():
                await writer.take(piece)
        return await writer.ended()


async def _take_form(
    uploads: Uploads, claim: UploadClaim, write: Write, content_type: str, body: AsyncIterator[bytes], token: Voice
) -> Answer:
    parts = read_form(content_type, body)
    name = await parts.file("file")
    async with await uploads.begin(claim, write, token) as writer:
        writer.received = lambda: parts.received
        async for piece in parts:
            await writer.take(piece)
        return await writer.ended(name)


async def throw_away(body: AsyncIterator[bytes], most: int) -> None:
    """Reads a body to its end: a client that sends one does not look for its answer before. TooLarge past `most`."""
    size = 0
    async for piece in body:
        size += len(piece)
        if size > most + (2 << 20):
            raise TooLarge(f"a file may have {most} bytes here")
