"""The AsyncAPI 3 document of the real-time events, made from the types in core/messages.py.

Spec: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from functools import cache
from typing import Any

import msgspec

from burrowspace import __version__
from burrowspace.core import messages


@cache
def asyncapi() -> dict[str, Any]:
    """The document, as JSON values."""
    kinds = [*messages.CLIENT_EVENTS.values(), *messages.SERVER_EVENTS.values(), messages.Ack]
    unique = list(dict.fromkeys(kinds))
    _, schemas = msgspec.json.schema_components(unique, ref_template="#/components/schemas/{name}")
    sent = {f"client.{name}": _message(name, kind, ack=True) for name, kind in messages.CLIENT_EVENTS.items()}
    told = {f"server.{name}": _message(name, kind, ack=False) for name, kind in messages.SERVER_EVENTS.items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "BurrowSpace events",
            "version": __version__,
            "license": {"name": "MIT"},
            "description": "Socket.IO protocol 5 on Engine.IO 4, path /socket.io/, default namespace. "
            "Acks are given when the client asks for one.",
        },
        "channels": {
            "socket": {
                "address": "/socket.io/",
                "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in (*sent, *told)},
            }
        },
        "operations": {
            "toServer": _operation("receive", sent),
            "toClient": _operation("send", told),
        },
        "components": {"messages": {**sent, **told}, "schemas": schemas},
    }


def _message(name: str, kind: type[msgspec.Struct], *, ack: bool) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": name,
        "summary": (kind.__doc__ or "").strip().split("\n")[0],
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
    }
    if ack:
        message["x-ack"] = {"$ref": "#/components/schemas/Ack"}
    return message


def _operation(action: str, listed: dict[str, Any]) -> dict[str, Any]:
    references = [{"$ref": f"#/channels/socket/messages/{key}"} for key in listed]
    return {"action": action, "channel": {"$ref": "#/channels/socket"}, "messages": references}
