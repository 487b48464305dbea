"""The other rival: the same application on `python-socketio` under uvicorn, permessage-deflate off. Not an example.

It does what rivals/node/server.js does, acks included, and is started the same way: BURROW_HOST, BURROW_PORT.
"""

# mypy: disable-error-code="import-untyped,untyped-decorator"
from __future__ import annotations

import json
import os
import uuid
from typing import Any

import socketio
import uvicorn

Data = dict[str, Any]
SUCCESS = {"status": "success"}

sio = socketio.AsyncServer(
    async_mode="asgi",
    transports=["websocket"],
    http_compression=False,
    cors_allowed_origins="*",
    ping_interval=25,
    ping_timeout=20,
)
peers: dict[str, str | None] = {}  # peer id -> socket id
owners: dict[str, str] = {}  # socket id -> peer id
sessions: dict[str, tuple[str, str]] = {}  # session id -> sender, target


def error(message: str) -> Data:
    return {"status": "error", "message": message}


@sio.event
async def register_socket(sid: str, data: Data) -> Data:
    if data.get("peer_id") not in peers:
        return error("unknown peer")
    peers[data["peer_id"]] = sid
    owners[sid] = data["peer_id"]
    return SUCCESS


@sio.event
async def peer_signal(sid: str, data: Data) -> Data:
    sender, target = owners.get(sid), data.get("target_peer_id")
    if sender is None or data.get("sender_peer_id") != sender or "signal" not in data:
        return error("sender_peer_id is not yours, or there is no signal")
    if target not in peers:
        return error("unknown peer")
    if (to := peers[target]) is not None:
        await sio.emit("peer_signal", {"sender_peer_id": sender, "signal": data["signal"]}, to=to)
        return SUCCESS
    session = str(uuid.uuid4())
    sessions[session] = sender, target
    await sio.emit("relay_initiated", {"session_id": session, "target_peer_id": target}, to=sid)
    return {"status": "relay", "message": "the target has no live socket"}


@sio.event
async def relay_chunk(sid: str, data: Data) -> Data:
    sender, target = sessions.get(data.get("session_id", ""), (None, ""))
    if sender is None or owners.get(sid) != sender:
        return error("unknown session")
    if not isinstance(data.get("chunk"), str | bytes) or not isinstance(data.get("index"), int):
        return error("chunk and index are needed")
    if (to := peers.get(target)) is None:
        return error("the receiver is away")
    await sio.emit("relay_chunk", {key: data[key] for key in ("session_id", "chunk", "index", "total")}, to=to)
    return SUCCESS


@sio.event
async def disconnect(sid: str, reason: str) -> None:
    if (peer := owners.pop(sid, None)) is not None and peers.get(peer) == sid:
        peers[peer] = None


async def http(scope: Data, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    answer: Data = {"status": "online"}
    if scope["path"] == "/connect":
        json.loads(body)["user_id"]
        peer = str(uuid.uuid4())
        peers[peer] = None
        answer = {"status": "connected", "peer_id": peer}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


if __name__ == "__main__":
    uvicorn.run(
        socketio.ASGIApp(sio, http),
        host=os.environ["BURROW_HOST"],
        port=int(os.environ["BURROW_PORT"]),
        loop="uvloop",
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws_per_message_deflate=False,
        backlog=4096,
    )
