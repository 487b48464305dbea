"""What the server finds about itself, for `burrow doctor` and the web page.

It looks at nothing that costs anything, and tells no path, no number of bytes and no secret.
"""

import time
from typing import Any, cast

from fastapi import APIRouter, Request

from burrowspace import __version__
from burrowspace.core.findings import of_space
from burrowspace.server.api.context import Context, Server, your_ip
from burrowspace.server.api.models import Doctor, StunState, TlsState, TunnelStatus, Via
from burrowspace.server.api.peers import features, iso, limits
from burrowspace.server.callers import NEAR

router = APIRouter(tags=["server"])

_FORWARDED = ("forwarded", "x-forwarded-for")


@router.get("/doctor")
async def doctor(request: Request, server: Server) -> Doctor:
    """How the server is, in the words of `burrow doctor`; it does nothing to find out."""
    reach, driver, scope = server.reach, server.driver, request.scope
    near = scope.get(NEAR)
    believed = near is not None and server.callers.believes(near, scope["headers"])
    return Doctor(
        version=__version__,
        time=iso(driver.now()),
        uptime_s=int(time.monotonic() - server.since),
        tls=_tls(server),
        tunnel=TunnelStatus(state=cast(Any, reach.tunnel_state), message=reach.tunnel_message),
        stun=StunState(ports=list(reach.stun_ports), message=reach.stun_message),
        turn=bool(server.settings.turn_urls),
        your_ip=your_ip(request),
        via=Via(
            forwarded=any(each in request.headers for each in _FORWARDED),
            believed=believed,
            host_known=server.callers.hosts.knows(request.headers.get("host")),
        ),
        space=cast(Any, of_space(await driver.room()).value),
        features=features(server.settings),
        limits=await limits(server),
    )


def _tls(server: Context) -> TlsState:
    """Of the port itself; a proxy in front may speak TLS for it."""
    identity = server.identity
    ends = None if identity is None else identity.ends
    return TlsState(on=identity is not None, ends=None if ends is None else iso(ends))
