"""Asking, answering, reporting, calling off."""

from fastapi import APIRouter

from burrowspace.server.api.context import Caller, Server, Speaker
from burrowspace.server.api.models import (
    CONFLICT,
    REFUSALS,
    UNKNOWN,
    Approved,
    Cancelled,
    Rejected,
    Requested,
    RequestTransfer,
    TransferStatus,
    Updated,
    UpdateStatus,
)
from burrowspace.server.api.peers import iso

router = APIRouter(tags=["transfers"], responses=REFUSALS)


@router.post("/request-transfer")
async def request_transfer(body: RequestTransfer, server: Server, token: Speaker, caller: Caller) -> Requested:
    """Asks a user to take a file. Their devices hear `transfer_request` now, or when they register."""
    asked = await server.driver.transfers.request(body.sender_id, body.receiver_id, body.filename, token, caller)
    online = await server.driver.presence.is_here(asked.receiver_id)
    return Requested(request_id=asked.request_id, receiver_online=online)


@router.post("/approve-transfer/{request_id}", responses={**UNKNOWN, **CONFLICT})
async def approve_transfer(request_id: str, server: Server, token: Speaker) -> Approved:
    """Says yes; saying it twice gives the same transfer. The sender hears `transfer_approved`."""
    made = await server.driver.transfers.approve(request_id, token)
    online = await server.driver.presence.is_here(made.sender_id)
    return Approved(transfer_id=made.transfer_id, sender_online=online)


@router.post("/reject-transfer/{request_id}", responses={**UNKNOWN, **CONFLICT})
async def reject_transfer(request_id: str, server: Server, token: Speaker) -> Rejected:
    """Says no. The sender hears `transfer_rejected`."""
    asked = await server.driver.transfers.reject(request_id, token)
    return Rejected(request_id=asked.request_id)


@router.post("/update-transfer-status/{transfer_id}", responses={**UNKNOWN, **CONFLICT})
async def update_transfer_status(transfer_id: str, body: UpdateStatus, server: Server, token: Speaker) -> Updated:
    """An end says how far it is, in whatever words. Progress never goes back, and a late report changes nothing."""
    await server.driver.transfers.report(transfer_id, body.status, body.progress, token)
    return Updated()


@router.get("/transfer-status/{transfer_id}", response_model_exclude_none=True, responses=UNKNOWN)
async def transfer_status(transfer_id: str, server: Server) -> TransferStatus:
    """Where a transfer stands."""
    held = await server.driver.transfers.status(transfer_id)
    return TransferStatus(
        request_id=held.request_id,
        status=held.state,
        progress=held.progress,
        created_at=iso(held.created_at),
        completed_at=None if held.completed_at is None else iso(held.completed_at),
        sender_id=held.sender_id,
        receiver_id=held.receiver_id,
        filename=held.filename,
        transfer_mode=held.mode,
    )


@router.post("/cancel-transfer/{transfer_id}", responses={**UNKNOWN, **CONFLICT})
async def cancel_transfer(transfer_id: str, server: Server, token: Speaker) -> Cancelled:
    """Calls a transfer off; a stored file goes with it."""
    await server.driver.transfers.cancel(transfer_id, token)
    return Cancelled(transfer_id=transfer_id)
