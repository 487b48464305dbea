"""One waiting call for all that a browser waits for. Spec: docs/spec/changes.md."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from burrowspace.core.errors import BadRequest
from burrowspace.server.api.context import Server
from burrowspace.server.api.mailboxes import told_messages
from burrowspace.server.api.models import REFUSALS, WAITED_MOST, FoundChanges, ReadChanges
from burrowspace.server.api.nameplates import told_claims
from burrowspace.server.api.nearby import From, told_devices
from burrowspace.server.api.waiting import while_here
from burrowspace.server.driver.changes import Wanted
from burrowspace.server.driver.nameplates import OwnedPlate
from burrowspace.server.driver.nearby import OwnDevice

router = APIRouter(tags=["changes"], responses=REFUSALS)


@router.post("/changes", response_model=FoundChanges)
async def read_changes(body: ReadChanges, request: Request, server: Server, where: From) -> Response:
    """Of up to 64 mailboxes, numbers of codes and devices: those with something new, and null for what is not there."""
    if not 1 <= len(body.mailboxes) + len(body.nameplates) + len(body.nearby) <= WAITED_MOST:
        raise BadRequest(f"name 1 to {WAITED_MOST} mailboxes, nameplates and devices together")
    shown = body.nearby if server.settings.show_devices else {}
    wanted = Wanted(
        body.mailboxes,
        {int(number): OwnedPlate(own.token, own.after) for number, own in body.nameplates.items()},
        {handle: OwnDevice(own.token, own.version) for handle, own in shown.items()},
    )
    hidden: dict[str, None] = dict.fromkeys(body.nearby.keys() - shown.keys())
    work = server.driver.changes.read(wanted, 0 if hidden else body.wait, where)
    try:
        found = await while_here(request, work) if body.wait else await work
    except ClientDisconnect:
        return Response(status_code=400)  # to nobody
    told: dict[str, Any] = {
        "mailboxes": {key: each and told_messages(each) for key, each in found.mailboxes.items()},
        "nameplates": {
            str(number): each and told_claims(each).model_dump() for number, each in found.nameplates.items()
        },
        "nearby": {
            **hidden,
            **{handle: each and orjson.Fragment(told_devices(each)) for handle, each in found.nearby.items()},
        },
    }
    return Response(orjson.dumps(told), media_type="application/json", headers={"cache-control": "no-store"})
