"""Nameplates over HTTP: the number of a code, who said it, and for whom. Spec: docs/spec/mailboxes.md."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from starlette.requests import ClientDisconnect

from burrowspace.server.api.context import Caller, Server, Token
from burrowspace.server.api.models import (
    REFUSALS,
    UNKNOWN,
    Claimed,
    ClaimMade,
    Claims,
    NameplateHeld,
    NameplateMade,
    Released,
)
from burrowspace.server.api.peers import iso
from burrowspace.server.api.waiting import After, Wait, while_here
from burrowspace.server.driver.nameplates import LAST, ClaimsOfNumber

router = APIRouter(tags=["nameplates"], responses=REFUSALS)

Number = Annotated[int, Path(ge=1, le=LAST)]


@router.post("/nameplates")
async def make_nameplate(server: Server, caller: Caller) -> NameplateMade:
    """A free number, as small as there is, for a code that a person reads to another."""
    made = await server.driver.nameplates.offer(caller)
    return NameplateMade(nameplate=made.nameplate.number, token=made.token, expires_at=iso(made.nameplate.expires_at))


@router.get("/nameplates/{nameplate}", responses=UNKNOWN)
async def find_nameplate(nameplate: Number, server: Server, caller: Caller) -> NameplateHeld:
    """Whether somebody waits under the number, for who has found several servers; its owner hears nothing of it."""
    await server.driver.nameplates.is_held(nameplate, caller)
    return NameplateHeld(nameplate=nameplate)


@router.post("/nameplates/{nameplate}/claim", responses=UNKNOWN)
async def claim_nameplate(nameplate: Number, server: Server, caller: Caller) -> Claimed:
    """Whoever says the number gets a fresh mailbox, and its owner is told of it."""
    return Claimed(mailbox=await server.driver.nameplates.claim(nameplate, caller))


@router.get("/nameplates/{nameplate}/claims", response_model=Claims, responses=UNKNOWN)
async def read_claims(
    nameplate: Number, request: Request, server: Server, token: Token, caller: Caller, after: After = -1, wait: Wait = 0
) -> Claims | Response:
    """For the owner, with its token: the claims beyond number `after`."""
    work = server.driver.nameplates.claims(nameplate, token, after, wait, caller)
    try:
        found = await while_here(request, work) if wait else await work
    except ClientDisconnect:
        return Response(status_code=400)  # to nobody
    return told_claims(found)


@router.delete("/nameplates/{nameplate}", responses=UNKNOWN)
async def release_nameplate(nameplate: Number, server: Server, token: Token) -> Released:
    """For the owner, with its token: the number is nobody's any more. Its mailboxes stay."""
    await server.driver.nameplates.release(nameplate, token)
    return Released(nameplate=nameplate)


def told_claims(found: ClaimsOfNumber) -> Claims:
    claims = [ClaimMade(number=each.number, mailbox=each.mailbox_id) for each in found.claims]
    return Claims(claims=claims, expires_at=iso(found.nameplate.expires_at))
