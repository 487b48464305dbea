"""Strict-Transport-Security (RFC 6797), where it cannot lock anybody out: for a real name that somebody vouches for."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burrowspace.core.hosts import is_real_name
from burrowspace.server.tls.identity import Identity

_HEADER = (b"strict-transport-security", b"max-age=31536000")


class Hsts:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self._app, self._identity = app, identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["scheme"] == "https" and self._identity.is_vouched_for:
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if len(hosts) == 1 and is_real_name(hosts[0].decode("latin-1")):
                send = _with_header(send)
        await self._app(scope, receive, send)


def _with_header(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), _HEADER]
        await send(message)

    return wrapped
