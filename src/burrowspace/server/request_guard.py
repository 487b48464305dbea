"""The guard of the HTTP API: what is checked of every request before a route sees it.

Sizes and content types of bodies, the depth and the numbers of JSON, the origin of a web page. An ASGI middleware.
"""

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burrowspace.core.errors import BadRequest, BurrowError, Forbidden, TooLarge, WrongType
from burrowspace.core.upload_answers import refusal_headers
from burrowspace.server.reachability import Reachability
from burrowspace.socketio import BadPacket, TooManyParts
from burrowspace.socketio.json_text import check_depth

_DEPTH = 32  # levels of JSON in an API body; ours have two
_PARTS = 8192  # commas, and brackets and quotes; ours have some 200, but a file name may have 4096 of them
_FREE = ("/upload/",)  # routes that read their own bodies
_OPAQUE = ("/mailboxes/", "/nearby/")  # and POST there
_READ = "/mailboxes/read"  # but for this, which is JSON
_MAY_SEND = (
    b"authorization, content-type, content-disposition, range, if-range, tus-resumable, upload-length, "
    b"upload-defer-length, upload-metadata, upload-offset, upload-checksum, upload-complete, upload-limit, "
    b"burrow-policy, burrow-begin, x-requested-with, x-request-id, x-http-method-override, ngrok-skip-browser-warning"
)
_MAY_READ = (
    b"content-disposition, content-length, content-range, accept-ranges, etag, location, tus-resumable, tus-version, "
    b"tus-extension, tus-max-size, tus-checksum-algorithm, upload-length, upload-defer-length, upload-offset, "
    b"upload-expires, upload-complete, upload-limit, retry-after"
)


class RequestGuard:
    """Wraps the API. Answers refusals itself, with the headers a browser needs to read them."""

    def __init__(self, app: ASGIApp, reach: Reachability, max_json_bytes: int) -> None:
        self._app, self._reach, self._max = app, reach, max_json_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in scope["headers"] if name in (b"origin", b"host")}
        origin = headers.get(b"origin", b"").decode("latin-1") or None
        host = headers.get(b"host", b"").decode("latin-1") or None
        reply = send
        if origin is not None:
            allowed = self._reach.origin_allowed(origin, host)
            reply = _with_cors(send, origin) if allowed else send
            if scope["method"] == "OPTIONS" and _asks_preflight(scope):
                await _preflight(reply, allowed)
                return
            if not allowed and scope["method"] not in ("GET", "HEAD"):
                await refuse(reply, foreign())
                return
        try:
            if scope["method"] in ("POST", "PUT", "PATCH") and not _reads_itself(scope):
                kinds = [value for name, value in scope["headers"] if name == b"content-type"]
                receive = await self._checked(receive, kinds)
        except BurrowError as error:
            await refuse(reply, error)
            return
        await self._app(scope, receive, reply)

    async def _checked(self, receive: Receive, content_types: list[bytes]) -> Receive:
        """Reads the body whole, checks it, and gives it out again."""
        if len(content_types) > 1:  # who reads the first would take for text what was checked as JSON
            raise WrongType("send one Content-Type")
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return _replay([message], receive)
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._max:
                raise TooLarge(f"a JSON body may have {self._max} bytes")
        if body:
            kind = content_types[0].split(b";", 1)[0].strip().lower() if content_types else b""
            if kind == b"application/json" or kind.endswith(b"+json"):
                check_json(bytes(body))
            elif kind or body.strip():
                raise WrongType("send JSON, with `Content-Type: application/json`")
        return _replay([{"type": "http.request", "body": bytes(body), "more_body": False}], receive)


def _reads_itself(scope: Scope) -> bool:
    path: str = scope["path"]
    if path.startswith(_FREE):
        return True
    return scope["method"] == "POST" and path.startswith(_OPAQUE) and not path.startswith(_READ)


def check_json(body: bytes) -> None:
    """BadRequest unless `body` is JSON, UTF-8, with finite numbers, at most 32 levels and not too many parts.

    The parts are counted before anything is decoded: decoding costs far more for each of them than receiving it.
    """
    if body.count(b",") > _PARTS:
        raise BadRequest(f"the JSON has more than {_PARTS} commas")
    try:
        check_depth(body, _DEPTH, _PARTS)
    except TooManyParts:
        raise BadRequest(f"the JSON has more than {_PARTS} brackets and quotes") from None
    except BadPacket:
        raise BadRequest(f"the JSON is nested deeper than {_DEPTH} levels") from None
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest("the body is not JSON") from None


async def refuse(send: Send, error: BurrowError) -> None:
    """Answers with the error's status and JSON body."""
    body = orjson.dumps(error.body())
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode("latin-1")) for name, value in refusal_headers(error).items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def foreign() -> BurrowError:
    return Forbidden(
        "web pages of this origin may not call this server; its operator can add it to BURROW_CORS_ORIGINS"
    )


def _asks_preflight(scope: Scope) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])


async def _preflight(send: Send, allowed: bool) -> None:
    headers = (
        [
            (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            (b"access-control-allow-headers", _MAY_SEND),
            (b"access-control-max-age", b"600"),
        ]
        if allowed
        else []
    )
    await send({"type": "http.response.start", "status": 204 if allowed else 403, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _with_cors(send: Send, origin: str) -> Send:
    added = cors(origin)

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *added]
        await send(message)

    return wrapped


def cors(origin: str) -> list[tuple[bytes, bytes]]:
    """What lets a page of an allowed origin read the answer."""
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", _MAY_READ),
        (b"vary", b"Origin"),
    ]


def _replay(messages: list[Message], receive: Receive) -> Receive:
    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return again
