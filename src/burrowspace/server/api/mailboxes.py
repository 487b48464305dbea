"""Mailboxes over HTTP. What is in a message, only the two ends know. Spec: docs/spec/mailboxes.md."""

from base64 import b64encode
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from burrowspace.core.records import Mailbox
from burrowspace.server.api.context import Caller, Server
from burrowspace.server.api.models import REFUSALS, UNKNOWN, MailboxState, ManyMessages, Messages, Posted, ReadMailboxes
from burrowspace.server.api.octets import octet_body, octets
from burrowspace.server.api.peers import iso
from burrowspace.server.api.waiting import After, Wait, while_here
from burrowspace.server.driver.mailboxes import MESSAGE_BYTES, Found

router = APIRouter(tags=["mailboxes"], responses=REFUSALS)

MailboxId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hex digits, chosen by the ends.")]


@router.put("/mailboxes/{mailbox_id}")
async def make_mailbox(mailbox_id: MailboxId, server: Server, caller: Caller) -> MailboxState:
    """The mailbox, made if it is new. Its life is counted from its last message, or from its making."""
    return _state(await server.driver.mailboxes.make(mailbox_id, caller))


@router.post("/mailboxes/read", response_model=ManyMessages)
async def read_many(body: ReadMailboxes, request: Request, server: Server, caller: Caller) -> Response:
    """Of up to 64 mailboxes those with messages beyond the given number, and null for those that are not there."""
    work = server.driver.mailboxes.read_many(body.mailboxes, body.wait, caller)
    try:
        found = await while_here(request, work) if body.wait else await work
    except ClientDisconnect:
        return Response(status_code=400)  # to nobody
    return _fresh({"mailboxes": {key: each and told_messages(each) for key, each in found.items()}})


@router.post("/mailboxes/{mailbox_id}", openapi_extra=octet_body(MESSAGE_BYTES))
async def post_message(mailbox_id: MailboxId, request: Request, server: Server, caller: Caller) -> Posted:
    """Adds a message, sealed by who sends it. Makes the mailbox if it is new."""
    body = await octets(request, MESSAGE_BYTES)
    return Posted(number=await server.driver.mailboxes.post(mailbox_id, body, caller))


@router.get("/mailboxes/{mailbox_id}", response_model=Messages, responses=UNKNOWN)
async def read_messages(
    mailbox_id: MailboxId, request: Request, server: Server, caller: Caller, after: After = -1, wait: Wait = 0
) -> Response:
    """The messages beyond number `after`, as many as fit into an answer. Reading consumes nothing."""
    work = server.driver.mailboxes.read(mailbox_id, after, wait, caller)
    try:
        found = await while_here(request, work) if wait else await work
    except ClientDisconnect:
        return Response(status_code=400)  # to nobody
    return _fresh(told_messages(found))


@router.delete("/mailboxes/{mailbox_id}", responses=UNKNOWN)
async def remove_mailbox(
    mailbox_id: MailboxId,
    server: Server,
    upto: Annotated[int | None, Query(ge=0, le=2**53 - 1, description="Drop only the messages up to this one.")] = None,
) -> MailboxState:
    """Drops the mailbox; with `upto` only its messages up to that number, that one too."""
    if upto is not None:
        return _state(await server.driver.mailboxes.trim(mailbox_id, upto))
    return _state(await server.driver.mailboxes.remove(mailbox_id), "removed")


def told_messages(found: Found) -> dict[str, Any]:
    return {
        "messages": [{"number": each.number, "body": b64encode(each.body).decode()} for each in found.messages],
        "created_at": iso(found.mailbox.created_at),
        "expires_at": iso(found.mailbox.expires_at),
    }


def _fresh(told: dict[str, Any]) -> Response:
    return Response(orjson.dumps(told), media_type="application/json", headers={"cache-control": "no-store"})


def _state(box: Mailbox, status: Literal["here", "removed"] = "here") -> MailboxState:
    return MailboxState(
        status=status,
        mailbox=box.mailbox_id,
        messages=box.messages,
        bytes=box.size,
        next_number=box.next_number,
        created_at=iso(box.created_at),
        expires_at=iso(box.expires_at),
    )
