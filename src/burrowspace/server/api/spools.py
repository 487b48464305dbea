"""Spools of sealed bytes over HTTP: made, looked at, let rest. The bytes: files.py. Spec: docs/spec/bytes.md."""

from typing import Any

from fastapi import APIRouter

from burrowspace.core.spooling import Policy
from burrowspace.server.api.context import Caller, Server, Token
from burrowspace.server.api.models import (
    CONFLICT,
    FULL,
    REFUSALS,
    UNKNOWN,
    AllowSpool,
    MakeSpool,
    SpoolMade,
    SpoolState,
)
from burrowspace.server.api.peers import iso
from burrowspace.server.driver.spools import Standing

router = APIRouter(tags=["spools"], responses=REFUSALS)


@router.post("/spools", responses=FULL)
async def make_spool(body: MakeSpool, server: Server, caller: Caller) -> SpoolMade:
    """A place for sealed bytes. Who has the token writes, who has the id reads; nobody is told of either."""
    made = await server.driver.spools.make(body.length, Policy(body.policy), body.window, caller)
    key = made.transfer.transfer_id
    return SpoolMade(
        transfer_id=key,
        write_token=made.token,
        upload=f"/upload/{key}",
        download=f"/download/{key}",
        expires_at=iso(made.transfer.expires_at),
    )


@router.get("/spools/{spool_id}", responses=UNKNOWN)
async def spool_state(spool_id: str, server: Server) -> SpoolState:
    """How it stands. It changes nothing and disturbs no upload, unlike HEAD /upload."""
    return _state(await server.driver.spools.look(spool_id))


@router.patch("/spools/{spool_id}", responses={**UNKNOWN, **CONFLICT, **FULL})
async def allow_spool(spool_id: str, body: AllowSpool, server: Server, token: Token) -> SpoolState:
    """Its owner lets more of it rest than before; a running upload goes on accordingly."""
    return _state(await server.driver.spools.allow(spool_id, Policy(body.policy), token))


def _state(held: Standing) -> SpoolState:
    policy: Any = held.upload.policy.value
    return SpoolState(
        transfer_id=held.transfer.transfer_id,
        offset=held.offset,
        first=held.first,
        length=held.upload.length,
        complete=held.upload.complete,
        policy=policy,
        window=held.window,
        readers=held.readers,
        deliveries=held.deliveries,
        created_at=iso(held.transfer.created_at),
        expires_at=iso(held.transfer.expires_at),
    )
