"""The file itself, up and down, for connections that the bulk path (server/bulk) does not take.

The same decisions as there; the bytes go through Python. Spec: docs/spec/bytes.md.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from burrowspace.core.errors import BurrowError, Stalled
from burrowspace.core.upload import Asked, Forget, Repeat, Write
from burrowspace.core.upload_answers import Answer, Style
from burrowspace.server.api.context import Caller, Context, Server, Speaker
from burrowspace.server.api.models import CONFLICT, FULL, REFUSALS, UNKNOWN, Delivered, Uploaded, Verified, refused
from burrowspace.server.body import FORM_S, take_body, throw_away
from burrowspace.server.bulk.front import CUT
from burrowspace.server.bulk.job import MinimumRate
from burrowspace.server.driver.downloads import Download
from burrowspace.server.driver.tokens import Voice
from burrowspace.server.driver.upload_claims import UploadClaim
from burrowspace.server.headers import header_map

log = structlog.get_logger("bulk")
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
    response_model=Uploaded,
    responses={**UNKNOWN, **CONFLICT, **FULL},
)
async def upload(transfer_id: str, request: Request, server: Server, token: Speaker, caller: Caller) -> Response:
    """Takes the file in the field `file` and keeps it until the receiver has it, the sender cancels or it expires.

    The same URL speaks tus 1.0 and the IETF draft of resumable uploads, and takes a plain PUT.
    """
    with server.driver.uploads.claims.open(transfer_id, caller) as claim:
        return await _upload(claim, request, server, token)


async def _upload(claim: UploadClaim, request: Request, server: Context, token: Voice) -> Response:
    uploads = server.driver.uploads
    decided = await uploads.decide(claim, Asked(request.method, header_map(request.scope["headers"])), token)
    if isinstance(decided, Forget):
        await server.driver.transfers.cancel(claim.transfer_id, token)
        return _reply(decided.answer)
    if isinstance(decided, Answer):
        return _reply(decided)
    settings = server.settings

    kind = request.headers.get("content-type", "")
    try:
        if isinstance(decided, Write) and decided.style is not Style.FORM:  # the watch over all connections ends it
            return _reply(await take_body(uploads, claim, decided, kind, request.stream, token))
        body = _FormBody(request, settings.stall_s, settings.min_bytes_per_s)
        rest = partial(body, FORM_S)
        if isinstance(decided, Repeat):
            await throw_away(rest(), settings.max_file_bytes)
            return _reply(await uploads.told_again(claim))
        return _reply(await take_body(uploads, claim, decided, kind, body, token, rest))
    except ClientDisconnect:
        return Response(status_code=400)  # to nobody; what arrived is kept or gone already


class _FormBody:
    """The body of a form. Each call reads on from where it was read up to. Stalled where it makes no progress, or too
    little: its client must be told so."""

    def __init__(self, request: Request, stall_s: float, min_rate: int) -> None:
        self._request, self._stall_s, self._min_rate = request, stall_s, min_rate
        self._rate, self._size, self._over = MinimumRate(), 0, False

    async def __call__(self, stall_s: float | None = None) -> AsyncIterator[bytes]:
        loop, stall_s = asyncio.get_running_loop(), stall_s or self._stall_s
        while not self._over:
            try:
                async with asyncio.timeout(stall_s):
                    message = await self._request.receive()
            except TimeoutError:
                raise Stalled("the body made no progress for too long; send it again") from None
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            piece = message.get("body", b"")
            self._over = not message.get("more_body", False)
            self._size += len(piece)
            if self._rate.is_slow(self._size, loop.time(), stall_s, self._min_rate):
                raise Stalled("the body came too slowly; send it again")
            yield piece


for _method in ("PUT", "PATCH", "HEAD", "DELETE", "OPTIONS"):
    router.add_api_route(
        "/upload/{transfer_id}", upload, methods=[_method], include_in_schema=False, name=f"upload_{_method.lower()}"
    )


def _reply(answer: Answer) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status, headers=answer.headers)
    return JSONResponse(answer.body, answer.status, answer.headers)


class _Sending(StreamingResponse):
    """Closes its download however the sending ends, even before it began."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], download: Download) -> None:
        super().__init__(pieces, download.part.status, download.headers)
        self._download, self._pieces = download, pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except BurrowError as error:
            if (cut := scope.get("extensions", {}).get(CUT)) is None or not cut():
                raise
            log.info("a download broke off", error=str(error))
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._download.close()
            await self._pieces.aclose()


@router.get(
    "/download/{transfer_id}",
    response_class=StreamingResponse,
    responses={
        **UNKNOWN,
        200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
        206: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
        416: refused("No byte of the file lies in that range."),
    },
)
async def download(
    transfer_id: str, request: Request, server: Server, token: Speaker, follow: str = ""
) -> StreamingResponse:
    """The stored file under its name, or the range of it that was asked for. 400 while it is not all here.

    With `follow=1` it starts at once and follows a running upload to its end.
    """
    downloads = server.driver.downloads
    head = header_map(request.scope["headers"])
    download = await downloads.open(transfer_id, head, token, follow=follow == "1")

    return _Sending(downloads.pieces(download), download)


@router.head("/download/{transfer_id}", include_in_schema=False)
async def download_head(transfer_id: str, request: Request, server: Server, token: Speaker) -> Response:
    """What a GET would say. It changes nothing."""
    download = await server.driver.downloads.open(transfer_id, header_map(request.scope["headers"]), token)
    download.close()
    return Response(status_code=download.part.status, headers=download.headers)


@router.post("/delivered/{transfer_id}", responses=UNKNOWN)
async def delivered(transfer_id: str, server: Server, token: Speaker, body: Verified | None = None) -> Delivered:
    """A receiver has the file and has verified it. Saying it twice is saying it once."""
    peer_id = body.peer_id if body is not None else None
    count = await server.driver.downloads.delivered(transfer_id, peer_id, token)
    return Delivered(transfer_id=transfer_id, deliveries=count)
