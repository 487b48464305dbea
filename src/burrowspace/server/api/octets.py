"""A small body of bytes, read within its bound."""

from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from burrowspace.core.errors import BadRequest, TooLarge, WrongType


def octet_body(most: int) -> dict[str, Any]:
    """How the OpenAPI document says it."""
    schema = {"type": "string", "format": "binary", "minLength": 1, "maxLength": most}
    return {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": schema}}}}


async def octets(request: Request, most: int) -> bytes:
    """1 to `most` bytes. BadRequest, TooLarge, WrongType."""
    kinds = request.headers.getlist("content-type")
    if [kind.partition(";")[0].strip().lower() for kind in kinds] != ["application/octet-stream"]:
        raise WrongType("send the message as `Content-Type: application/octet-stream`")
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > most:
                raise TooLarge(f"a message here has {most} bytes at most")
    except ClientDisconnect:
        raise BadRequest("the message broke off before its end") from None  # to nobody
    if not body:
        raise BadRequest("a message has at least one byte")
    return bytes(body)
