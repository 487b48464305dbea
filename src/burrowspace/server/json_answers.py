"""The content type of every JSON answer names its charset, whoever writes it.

JSON is UTF-8 by definition (RFC 8259), but the published app decodes text without a charset as Latin-1.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

JSON, PROBLEM = "application/json; charset=utf-8", "application/problem+json; charset=utf-8"
_NAMED = {kind.partition(";")[0].encode(): kind.encode() for kind in (JSON, PROBLEM)}


class JsonAnswers:
    """ASGI: wraps the whole application. What is answered without ASGI says `JSON` or `PROBLEM` itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", [])
                message["headers"] = [
                    (name, _NAMED.get(value, value)) if name == b"content-type" else (name, value)
                    for name, value in headers
                ]
            await send(message)

        await self._app(scope, receive, named)
