"""The file itself: up in a form, down as an attachment."""

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from burrowspace.core.errors import BadRequest
from burrowspace.core.names import attachment
from burrowspace.server.api.context import House, Token
from burrowspace.server.api.models import CONFLICT, REFUSALS, UNKNOWN, Refusal, Uploaded
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


@router.post(
    "/upload/{transfer_id}",
    openapi_extra=_FORM,
    responses={**UNKNOWN, **CONFLICT, 507: {"model": Refusal, "description": "The server's disk is full."}},
)
async def upload(transfer_id: str, request: Request, house: House, token: Token) -> Uploaded:
    """Takes the file in the field `file` and keeps it until the receiver has it, the sender cancels or it expires."""
    parts = read_form(request.headers.get("content-type", ""), request.stream())
    await house.driver.transfers.may_upload(transfer_id)
    try:
        name = await parts.file("file")
        async with await house.driver.transfers.begin_upload(transfer_id, token) as place:
            async for piece in parts:
                await place.write(piece)
            done = await place.finish(name)
    except ClientDisconnect:  # nobody hears this answer, but it is none of the server's failures
        raise BadRequest("the connection ended before the file did; send it again") from None
    return Uploaded(transfer_id=done.transfer_id, filename=done.filename)


@router.get(
    "/download/{transfer_id}",
    response_class=StreamingResponse,
    responses={
        **UNKNOWN,
        200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
    },
)
async def download(transfer_id: str, house: House, token: Token) -> StreamingResponse:
    """The stored file under its name. 400 while it is not all here."""
    stored = await house.driver.transfers.take(transfer_id, token)
    return StreamingResponse(
        stored.pieces,
        media_type="application/octet-stream",
        headers={
            "content-length": str(stored.transfer.stored),
            "content-disposition": attachment(stored.transfer.filename),
            "x-content-type-options": "nosniff",
            "cache-control": "private, no-store",
        },
    )
