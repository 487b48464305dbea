"""An Engine.IO 4 and Socket.IO 5 server on picows, sharing one port with HTTP.

Generic: it knows sockets, namespaces, events and acknowledgements, and nothing of what an application does with them.
From the wire up: `upgrade`, `websocket`, `asgi`, `polling` move bytes; `engine`, `session`, `heartbeat` are Engine.IO;
`packet`, `client`, `socket`, `namespace`, `server` are Socket.IO; `front` joins both to uvicorn's port.
Spec: docs/spec/realtime.md. Try it: `python -m burrowspace.socketio.conformance --port 3000`.
"""

from burrowspace.socketio.encoded import Encoded
from burrowspace.socketio.engine import Engine
from burrowspace.socketio.errors import (
    AckTimeout,
    BadPacket,
    ConnectRefused,
    Disconnected,
    Refused,
    SocketIOError,
    TooManyAcks,
    TooManyParts,
)
from burrowspace.socketio.namespace import Namespace
from burrowspace.socketio.options import ServerOptions
from burrowspace.socketio.packet import encode_event
from burrowspace.socketio.receiver import Receiver
from burrowspace.socketio.server import Server
from burrowspace.socketio.session import Session
from burrowspace.socketio.socket import Ack, Socket
from burrowspace.socketio.stats import Stats
from burrowspace.socketio.upgrade import UpgradeRequest

__all__ = [
    "Ack",
    "AckTimeout",
    "BadPacket",
    "ConnectRefused",
    "Disconnected",
    "Encoded",
    "Engine",
    "Namespace",
    "Receiver",
    "Refused",
    "Server",
    "ServerOptions",
    "Session",
    "Socket",
    "SocketIOError",
    "Stats",
    "TooManyAcks",
    "TooManyParts",
    "UpgradeRequest",
    "encode_event",
]
