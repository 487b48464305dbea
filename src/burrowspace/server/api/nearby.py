"""Devices of one network, over HTTP: they show themselves, see each other and knock. Spec: docs/spec/nearby.md."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from burrowspace.core.errors import NotFound
from burrowspace.core.knock import KNOCK_BYTES
from burrowspace.server.api.context import Caller, Server, Token
from burrowspace.server.api.models import REFUSALS, UNKNOWN, Knocked, LeftNearby, NearDevices, ShowNearby
from burrowspace.server.api.octets import octet_body, octets
from burrowspace.server.api.waiting import Wait, while_here
from burrowspace.server.driver.nearby import Card, NearbyView, Where
from burrowspace.server.headers import header_map
from burrowspace.server.nearness import network

Handle = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hex digits, chosen by the device; public.")]
Sender = Annotated[str, Query(alias="from", pattern="^[0-9a-f]{32}$", description="The handle of who knocks.")]
Version = Annotated[int, Query(ge=-1, le=2**53 - 1, description="The version of the last answer; -1 for none.")]

Stay = Annotated[
    float, Query(ge=0, le=10, allow_inf_nan=False, description="Seconds until then; a reload calls again.")
]


def _on(server: Server) -> None:
    if not server.settings.show_devices:
        raise NotFound("this server does not show devices to each other")


def _where(request: Request, server: Server, caller: Caller) -> Where:
    """The network of the address that the server sees, and the one that bounds are counted for."""
    if request.client is None:
        return Where(None, caller)
    headers, has_public_url = header_map(request.scope["headers"]), server.reach.public_url is not None
    return Where(network(request.client.host, headers, has_public_url=has_public_url), caller)


From = Annotated[Where, Depends(_where)]
router = APIRouter(tags=["nearby"], responses={**REFUSALS, **UNKNOWN}, dependencies=[Depends(_on)])


@router.put("/nearby/{handle}", response_model=NearDevices)
async def show(handle: Handle, body: ShowNearby, server: Server, token: Token, where: From) -> Response:
    """This device shows itself to those of its network, for 45 s from its last call; the others, as they are now."""
    card = Card(body.name, body.kind, body.picture, body.public, body.inbox)
    return _told(await server.driver.nearby.show(handle, card, token, where))


@router.get("/nearby/{handle}", response_model=NearDevices)
async def watch(
    handle: Handle,
    request: Request,
    server: Server,
    token: Token,
    where: From,
    version: Version = -1,
    wait: Wait = 0,
) -> Response:
    """The others, at once where something has changed since `version`, else when it does or the time is over."""
    work = server.driver.nearby.watch(handle, token, where, version, wait)
    try:
        return _told(await while_here(request, work) if wait else await work)
    except ClientDisconnect:
        return Response(status_code=400)  # to nobody


@router.delete("/nearby/{handle}")
async def leave(handle: Handle, server: Server, token: Token, stay: Stay = 0) -> LeftNearby:
    """Nobody sees this device any more; with `stay`, unless it calls within so many seconds."""
    await server.driver.nearby.leave(handle, token, stay)
    return LeftNearby()


@router.post("/nearby/{handle}/knock", openapi_extra=octet_body(KNOCK_BYTES))
async def knock(handle: Handle, sender: Sender, request: Request, server: Server, token: Token, where: From) -> Knocked:
    """Leaves a sealed invitation for a device of the same network; the token is the sender's."""
    await server.driver.nearby.knock(handle, sender, await octets(request, KNOCK_BYTES), token, where)
    return Knocked()


def told_devices(seen: NearbyView) -> bytes:
    return b'{"version":%d,"devices":[%b]}' % (seen.version, b",".join(seen.devices))


def _told(seen: NearbyView) -> Response:
    return Response(told_devices(seen), media_type="application/json", headers={"cache-control": "no-store"})
