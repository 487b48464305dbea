"""How the server is, and the documents that describe it."""

from typing import Any, cast

from fastapi import APIRouter, Request

from burrowspace import __version__
from burrowspace.server.api.asyncapi import asyncapi
from burrowspace.server.api.context import Server
from burrowspace.server.api.models import Health, Status, TunnelStatus
from burrowspace.server.api.peers import features
from burrowspace.server.callers import PASSED_ON

router = APIRouter(tags=["server"])


@router.get("/status")
async def status(request: Request, server: Server) -> Status:
    """Whether the server is there, where it is reached, and how much goes on."""
    reach = server.reach
    return Status(
        server_id=server.driver.server_id,
        ip=reach.ip,
        port=reach.port,
        public_url=reach.public_url,
        connected_peers=await server.driver.presence.online_count(),
        active_transfers=await server.driver.transfers.active(),
        stun_servers=reach.stun_servers(request.headers.get("host"), passed_on=request.scope.get(PASSED_ON, False)),
        version=__version__,
        features=features(server.settings),
        tunnel=TunnelStatus(state=cast(Any, reach.tunnel_state), message=reach.tunnel_message),
    )


@router.get("/healthz")
async def alive() -> Health:
    """Whether the process runs: a supervisor that hears nothing starts it again."""
    return Health(status="alive")


@router.get("/readyz")
async def ready(server: Server) -> Health:
    """Whether the server wants calls. A balancer that hears 503 sends callers elsewhere: the database does not answer,
    or the server is about to stop."""
    await server.readiness.check()
    return Health(status="ready")


@router.get("/asyncapi.json")
async def events_document() -> dict[str, Any]:
    """The AsyncAPI 3 document of the real-time events."""
    return asyncapi()
