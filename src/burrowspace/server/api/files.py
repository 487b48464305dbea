"""The file itself, up and down, for connections that the bulk path (server/bulk) does not take.

The same decisions as there; the bytes go through Python. Spec: docs/spec/bytes.md.
"""

import hashlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from burrowspace.core.errors import WrongChecksum
from burrowspace.core.upload import Answer, Asked, Forget, Style, Write
from burrowspace.server.api.context import House, Token
from burrowspace.server.api.models import CONFLICT, REFUSALS, UNKNOWN, Delivered, Refusal, Uploaded, Verified
from burrowspace.server.driver.place import Place
from burrowspace.server.heads import header_map
from burrowspace.server.multipart import read_form

router = APIRouter(tags=["files"], responses=REFUSALS)

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
_FULL = {507: {"model": Refusal, "description": "The server's disk is full, or a quota."}}


@router.post(
    "/upload/{transfer_id}",
    openapi_extra=_FORM,
    response_model=Uploaded,
    responses={**UNKNOWN, **CONFLICT, **_FULL},
)
async def upload(transfer_id: str, request: Request, house: House, token: Token) -> Response:
    """Takes the file in the field `file` and keeps it until the receiver has it, the sender cancels or it expires.

    The same URL speaks tus 1.0 and the IETF draft of resumable uploads, and takes a plain PUT.
    """
    uploads = house.driver.uploads
    decided = await uploads.decide(transfer_id, Asked(request.method, header_map(request.scope["headers"])), token)
    if isinstance(decided, Forget):
        await house.driver.transfers.cancel(transfer_id, token)
        return _reply(decided.answer)
    if isinstance(decided, Answer):
        return _reply(decided)
    if decided.style is Style.FORM:
        return _reply(await _form(transfer_id, decided, request, house, token))
    async with await uploads.begin(transfer_id, decided, token) as place:
        if decided.checksum is not None:
            await _verified(place, decided.checksum, request.stream(), house)
        else:
            async for piece in request.stream():
                await place.take(piece)
        return _reply(await place.ended())


for _method in ("PUT", "PATCH", "HEAD", "DELETE", "OPTIONS"):
    router.add_api_route(
        "/upload/{transfer_id}", upload, methods=[_method], include_in_schema=False, name=f"upload_{_method.lower()}"
    )


async def _form(transfer_id: str, write: Write, request: Request, house: House, token: str | None) -> Answer:
    parts = read_form(request.headers.get("content-type", ""), request.stream())
    name = await parts.file("file")
    async with await house.driver.uploads.begin(transfer_id, write, token) as place:
        async for piece in parts:
            await place.take(piece)
        return await place.ended(name)


async def _verified(place: Place, checksum: tuple[str, bytes], body: AsyncIterator[bytes], house: House) -> None:
    """A body with a checksum is set aside until it has proved true: no follower may see what is then taken back."""
    spool, aside = house.driver.kit.spool, place.transfer_id + "-part"
    digest, size = hashlib.new(checksum[0], usedforsecurity=False), 0
    try:
        await spool.begin(aside)
        async for piece in body:
            digest.update(piece)
            size = await spool.append(aside, size, piece)
        if digest.digest() != checksum[1]:
            raise WrongChecksum("the body is not what its checksum says; send it again")
        async for piece in spool.read(aside):
            await place.take(piece)
    finally:
        await spool.drop(aside)


def _reply(answer: Answer) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status, headers=answer.headers)
    return JSONResponse(answer.body, answer.status, answer.headers)


@router.get(
    "/download/{transfer_id}",
    response_class=StreamingResponse,
    responses={
        **UNKNOWN,
        200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
        206: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
        416: {"model": Refusal, "description": "No byte of the file lies in that range."},
    },
)
async def download(
    transfer_id: str, request: Request, house: House, token: Token, follow: str = ""
) -> StreamingResponse:
    """The stored file under its name, or the range of it that was asked for. 400 while it is not all here.

    With `follow=1` it starts at once and follows a running upload to its end.
    """
    downloads = house.driver.downloads
    head = header_map(request.scope["headers"])
    source = await downloads.open(transfer_id, head, token, follow=follow == "1")

    async def pieces() -> AsyncIterator[bytes]:
        try:
            async for piece in downloads.pieces(source):
                yield piece
        finally:
            source.close()

    return StreamingResponse(pieces(), source.part.status, source.headers)


@router.head("/download/{transfer_id}", include_in_schema=False)
async def download_head(transfer_id: str, request: Request, house: House, token: Token) -> Response:
    """What a GET would say. It changes nothing."""
    source = await house.driver.downloads.open(transfer_id, header_map(request.scope["headers"]), token, head=True)
    return Response(status_code=source.part.status, headers=source.headers)


@router.post("/delivered/{transfer_id}", responses=UNKNOWN)
async def delivered(transfer_id: str, house: House, token: Token, body: Verified | None = None) -> Delivered:
    """A receiver has the file and has verified it. Saying it twice is saying it once."""
    peer_id = body.peer_id if body is not None else None
    count = await house.driver.downloads.delivered(transfer_id, peer_id, token)
    return Delivered(transfer_id=transfer_id, deliveries=count)
