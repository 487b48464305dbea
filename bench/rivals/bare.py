"""BurrowSpace's real-time server with the least application on it: its cost without ours. Not a rival, not an example.

It does what rivals/node/server.js does on `burrowspace.socketio` alone, and is started the same way: BURROW_HOST,
BURROW_PORT. A chunk is acked once the receiver's socket has taken it.
"""

from __future__ import annotations

import gc
import json
import os
import uuid
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import msgspec
import uvicorn

from burrowspace.core.messages import PeerSignal, RegisterSocket, RelayChunk
from burrowspace.socketio import Ack, Encoded, Server, ServerOptions, Socket
from burrowspace.socketio.front import front

Message = MutableMapping[str, Any]
SUCCESS, RELAY, ERROR = b'[{"status":"success"}]', b'[{"status":"relay"}]', b'[{"status":"error"}]'

peers: dict[str, Socket | None] = {}
sessions: dict[str, tuple[str, str]] = {}  # session id -> sender, target
io = Server(ServerOptions(max_sockets_per_address=20_000))
root = io.of("/")
registration = msgspec.json.Decoder(tuple[str, RegisterSocket]).decode
signal = msgspec.json.Decoder(tuple[str, PeerSignal]).decode
piece = msgspec.json.Decoder(tuple[str, RelayChunk]).decode


def answer(ack: Ack | None, body: bytes) -> None:
    if ack is not None:
        ack.raw(body)


@root.on_raw("register_socket")
def register_socket(socket: Socket, body: bytes, attachments: Sequence[Any], ack: Ack | None) -> None:
    peer = registration(body)[1].peer_id
    known = peer in peers
    if known:
        peers[peer] = socket
        socket.state = peer
    answer(ack, SUCCESS if known else ERROR)


@root.on_raw("peer_signal")
def peer_signal(socket: Socket, body: bytes, attachments: Sequence[Any], ack: Ack | None) -> None:
    asked = signal(body)[1]
    if asked.sender_peer_id != socket.state or asked.target_peer_id not in peers:
        answer(ack, ERROR)
    elif (target := peers[asked.target_peer_id]) is not None:
        head = b'["peer_signal",{"sender_peer_id":"' + asked.sender_peer_id.encode() + b'","signal":'
        target.send_encoded(Encoded.from_raw("/", head + bytes(asked.signal) + b"}]", attachments))
        answer(ack, SUCCESS)
    else:
        session = str(uuid.uuid4())
        sessions[session] = asked.sender_peer_id, asked.target_peer_id
        socket.emit("relay_initiated", {"session_id": session, "target_peer_id": asked.target_peer_id})
        answer(ack, RELAY)


@root.on_raw("relay_chunk")
def relay_chunk(socket: Socket, body: bytes, attachments: Sequence[Any], ack: Ack | None) -> None:
    sender, target = sessions.get(piece(body)[1].session_id, ("", ""))
    if sender != socket.state or (to := peers.get(target)) is None:
        answer(ack, ERROR)
        return
    to.send_encoded(Encoded.from_raw("/", body, attachments), lambda taken: answer(ack, SUCCESS if taken else ERROR))
    if to.over_budget:
        socket.pause_reading()
        to.on_drain(socket.resume_reading)


@root.on_disconnect
def gone(socket: Socket, reason: str) -> None:
    if peers.get(socket.state) is socket:
        peers[socket.state] = None


async def http(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    found = {"status": "online"}
    if scope["path"] == "/connect":
        json.loads(body)["user_id"]
        peer = str(uuid.uuid4())
        peers[peer] = None
        found = {"status": "connected", "peer_id": peer}
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(found).encode()})


if __name__ == "__main__":
    gc.freeze()
    uvicorn.run(
        http,
        host=os.environ["BURROW_HOST"],
        port=int(os.environ["BURROW_PORT"]),
        http=front(io),
        ws="none",
        loop="uvloop",
        log_level="warning",
        access_log=False,
        lifespan="off",
        backlog=4096,
    )
