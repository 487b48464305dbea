"""The devices of a user: who they are, who may join them, who is sent away. Spec: docs/spec/devices.md."""

from typing import Annotated

from fastapi import APIRouter, Query

from burrowspace.core.names import user_id as checked_user
from burrowspace.server.api.context import Server, Token
from burrowspace.server.api.models import (
    CONFLICT,
    REFUSALS,
    UNKNOWN,
    DeviceApproved,
    DeviceInfo,
    DeviceRejected,
    DeviceRevoked,
    UserDevices,
    WaitingDevice,
)
from burrowspace.server.api.peers import iso

router = APIRouter(tags=["devices"], responses=REFUSALS)


@router.get("/devices")
async def devices(
    server: Server, token: Token, user_id: Annotated[str, Query(min_length=1, max_length=256)]
) -> UserDevices:
    """All devices of a user and those that wait to join. Needs the token of one of them."""
    presence = server.driver.presence
    found = await presence.devices.listed(checked_user(user_id), token)
    return UserDevices(
        guarded=found.guarded,
        devices={
            peer.peer_id: DeviceInfo(
                connected_at=iso(peer.connected_at),
                last_seen=iso(peer.last_seen),
                online=presence.is_online(peer),
                uses_token=peer.token_used,
                network=found.origins[peer.peer_id].network if peer.peer_id in found.origins else None,
            )
            for peer in found.peers
        },
        pending={
            each.peer_id: WaitingDevice(
                device_name=each.name,
                address=each.address,
                asked_at=iso(each.asked_at),
                expires_at=iso(each.expires_at),
            )
            for each in found.waiting
        },
    )


@router.post("/approve-device/{device_id}", responses={**UNKNOWN, **CONFLICT})
async def approve_device(device_id: str, server: Server, token: Token) -> DeviceApproved:
    """Lets a device in that waits. Needs the token of a device of that user. Saying it twice changes nothing."""
    await server.driver.presence.devices.approve(device_id, token)
    return DeviceApproved(peer_id=device_id)


@router.post("/reject-device/{device_id}", responses={**UNKNOWN, **CONFLICT})
async def reject_device(device_id: str, server: Server, token: Token) -> DeviceRejected:
    """Keeps a device out that waits. Needs the token of a device of that user. Saying it twice changes nothing."""
    await server.driver.presence.devices.reject(device_id, token)
    return DeviceRejected(peer_id=device_id)


@router.post("/revoke-device/{device_id}", responses=UNKNOWN)
async def revoke_device(device_id: str, server: Server, token: Token) -> DeviceRevoked:
    """Takes a device away: its socket is closed, and its id and token are worth nothing any more."""
    await server.driver.presence.revoke(device_id, token)
    return DeviceRevoked(peer_id=device_id)
