"""What a route needs of the server, and the token a caller may have sent."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from burrowspace.config import Settings
from burrowspace.core.errors import Unauthorized
from burrowspace.server.driver.driver import Driver
from burrowspace.server.reach import Reach


@dataclass(frozen=True, slots=True)
class Context:
    settings: Settings
    driver: Driver
    reach: Reach


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


def _token(request: Request) -> str | None:
    """The bearer token, if one came. The published app sends none."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token.strip()) <= 256:
        raise Unauthorized("send the peer_token as `Authorization: Bearer <token>`, or no Authorization at all")
    return token.strip()


House = Annotated[Context, Depends(_context)]
Token = Annotated[str | None, Depends(_token)]
