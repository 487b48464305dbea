"""Writes a body that comes in pieces: for ASGI, and for what the kernel cannot move by itself."""

from collections.abc import AsyncIterator, Awaitable, Callable

from burrowspace.core.errors import BurrowError, Busy, Stalled, TooLarge
from burrowspace.core.upload import Write
from burrowspace.core.upload_answers import Answer, Style
from burrowspace.server.driver.tokens import Voice
from burrowspace.server.driver.upload_claims import UploadClaim
from burrowspace.server.driver.uploads import Uploads
from burrowspace.server.multipart import read_form

Body = Callable[[], AsyncIterator[bytes]]  # the rest of a body, from wherever it was read up to


FORM_S = 120.0  # silence of a form that is thrown away: its client may be pausing


async def take_body(
    uploads: Uploads,
    claim: UploadClaim,
    write: Write,
    content_type: str,
    body: Body,
    token: Voice,
    rest: Body | None = None,
) -> Answer:
    """Takes the body as the decision says; the answer, or the refusal as an error. `rest`: the body, read more
    patiently, for a form that is thrown away."""
    if write.style is Style.FORM:
        taken = _take_form(uploads, claim, write, content_type, body(), token)
        return await answer_form(uploads, claim, taken, rest or body, write.at_most)
    async with await uploads.begin(claim, write, token) as writer:
        if write.checksum is not None:
            await writer.take_verified(write.checksum, body())
        else:
            async for piece in body():
                await writer.take(piece)
        return await writer.ended()


async def answer_form(uploads: Uploads, claim: UploadClaim, taken: Awaitable[Answer], rest: Body, most: int) -> Answer:
    """The answer to a form. Its sender looks for none before it has sent everything, so once its file has begun the
    rest is read whatever happened; one that was taken over (Busy) is answered as the later request."""
    try:
        return await taken
    except BurrowError as error:
        if claim.begun or isinstance(error, Busy):
            try:
                await throw_away(rest(), most)
            except (Stalled, TooLarge):
                raise error from None
        if not isinstance(error, Busy):
            raise
    return await uploads.outcome(claim)


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
    """Reads a body to its end. TooLarge past `most` and what a form may have beside its file."""
    size = 0
    async for piece in body:
        size += len(piece)
        if size > most + (2 << 20):
            raise TooLarge(f"a file may have {most} bytes here")
