"""What a route needs of the server, and the token a caller may have sent."""

import time
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from burrowspace.config import Settings
from burrowspace.core.networks import UNREADABLE, counted, neighbourhood
from burrowspace.server.api.directory import Directory
from burrowspace.server.callers import NEAR, Callers
from burrowspace.server.driver.driver import Driver
from burrowspace.server.driver.tokens import Tokenless, Voice
from burrowspace.server.headers import bearer
from burrowspace.server.reachability import Reachability
from burrowspace.server.readiness import Readiness
from burrowspace.server.tls.identity import Identity
from burrowspace.server.turn import Turn


@dataclass(frozen=True, slots=True)
class Context:
    settings: Settings
    driver: Driver
    reach: Reachability
    turn: Turn
    callers: Callers
    readiness: Readiness
    since: float = field(default_factory=time.monotonic)  # when the server was put together
    directory: Directory = field(default_factory=Directory)
    identity: Identity | None = None  # who the server is to TLS, where it speaks that


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


async def _token(request: Request) -> str | None:
    """The bearer token, if one came. The published app sends none."""
    return bearer(request.headers.get("authorization"))


async def _voice(request: Request) -> Voice:
    """The bearer token, or where the caller is without one."""
    token = bearer(request.headers.get("authorization"))
    if token is not None:
        return token
    context: Context = request.app.state.context
    return Tokenless(neighbourhood(request.client.host) if request.client else None, context.driver.now())


async def _caller(request: Request) -> str | None:
    """The address that bounds are counted for; None for loopback, where an unnamed proxy stands for all."""
    return counted(request.client.host) if request.client else None


def your_ip(request: Request) -> str | None:
    """The caller's address as the server sees it: the proxy's, where its headers cannot be read."""
    if request.client is None:
        return None
    address = request.client.host
    return request.scope.get(NEAR) if address == UNREADABLE else address


Server = Annotated[Context, Depends(_context)]
Speaker = Annotated[Voice, Depends(_voice)]
Token = Annotated[str | None, Depends(_token)]
Caller = Annotated[str | None, Depends(_caller)]
