"""Socket.IO 5 packets as bytes, each still in its Engine.IO message (the leading `4`).

Pure: heads are taken apart, payloads are checked for what their type allows, packets are put together. What is done
about them is `client.py`'s business. Spec: docs/spec/realtime.md, "Socket.IO".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from burrowspace.socketio.encoded import EVENT_HEAD, Binary, Encoded, gather
from burrowspace.socketio.errors import BadPacket
from burrowspace.socketio.json_text import dumps, loads, rebuild

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = b"0123456"

RESERVED = frozenset({"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"})
MAX_ID = 2**53 - 1  # the largest integer a JavaScript client counts to
MAX_NAMESPACE = 256  # bytes

HEAD = re.compile(rb"4(?:([0-4])|([56])([0-9]{1,4})-)(?:(/[^,]*)(?:,|\Z))?([0-9]*)", re.DOTALL)


class Head(NamedTuple):
    """What stands before a packet's payload. `id` is in the digits that the answer repeats."""

    kind: int
    namespace: str
    id: bytes | None
    attachments: int
    start: int  # where the payload begins


def read_head(packet: bytes) -> Head:
    """Takes a packet's head apart; BadPacket if it has none.

    >>> read_head(b'451-/admin,13["a",{"_placeholder":true,"num":0}]')
    Head(kind=53, namespace='/admin', id=b'13', attachments=1, start=13)
    """
    match = HEAD.match(packet)
    if match is None:
        raise BadPacket("no packet type")
    plain, binary, count, namespace, digits = match.groups()
    attachments = int(count) if count else 0
    if binary and not attachments:
        raise BadPacket("illegal attachments")
    if namespace is None:
        name = "/"
    elif len(namespace) > MAX_NAMESPACE:
        raise BadPacket("the namespace is too long")
    else:
        name = namespace.decode()
    return Head((plain or binary)[0], name, ack_id(digits) if digits else None, attachments, match.end())


def ack_id(digits: bytes) -> bytes:
    """An acknowledgement id as it is sent back; BadPacket past what a client can count to.

    >>> ack_id(b"007")
    b'7'
    """
    if len(digits) > 16 or int(digits) > MAX_ID:
        raise BadPacket("the acknowledgement id is too large")
    return digits if digits[0] != 0x30 else b"%d" % int(digits)


def read_connect(payload: bytes) -> dict[str, Any]:
    """The auth object of a CONNECT; an empty one if the client sent none."""
    auth = loads(payload) if payload else {}
    if not isinstance(auth, dict):
        raise BadPacket("the payload of CONNECT is not an object")
    return auth


def read_event(payload: bytes, attachments: Iterable[Binary] = ()) -> tuple[str, list[Any]]:
    """The name and the arguments of an EVENT."""
    data = read_ack(payload, attachments)
    if not data:
        raise BadPacket("an event without a name")
    name = data[0]
    if type(name) is int:
        return str(name), data[1:]
    if not isinstance(name, str) or name in RESERVED:
        raise BadPacket("not an event name")
    return name, data[1:]


def raw_name(payload: bytes) -> bytes:
    """The name of an EVENT as UTF-8, without decoding the payload where that can be avoided.

    >>> raw_name(b'["peer_signal",{"a":1}]'), raw_name(b'[ "peer_signal"]')
    (b'peer_signal', b'peer_signal')
    """
    if payload.startswith(b'["'):
        name = payload[2 : payload.find(b'"', 2)]
        if b"\\" not in name:
            return name
    return read_event(payload)[0].encode(errors="surrogatepass")


def read_ack(payload: bytes, attachments: Iterable[Binary] = ()) -> list[Any]:
    """The arguments of an ACK."""
    data = loads(payload)
    if not isinstance(data, list):
        raise BadPacket("the payload is not an array")
    parts = tuple(attachments)
    if parts:
        rebuild(data, parts)
    return data


def prefix(namespace: str) -> bytes:
    """A namespace as it stands in a packet.

    >>> prefix("/"), prefix("/admin")
    (b'', b'/admin,')
    """
    return b"" if namespace == "/" else namespace.encode() + b","


def encode_event(event: str, *args: Any, namespace: str = "/", id: bytes = b"") -> Encoded:
    """An event as bytes, to send to any number of sockets of that namespace."""
    if event in RESERVED:
        raise ValueError(f"{event!r} is a reserved event name")
    body, attachments = dumps([event, *args])
    if attachments:
        return Encoded(gather(b"45%d-" % len(attachments), prefix(namespace), id, body), attachments)
    return Encoded(gather(EVENT_HEAD, prefix(namespace), id, body))


def encode_ack(namespace: str, id: bytes, args: Iterable[Any]) -> Encoded:
    """The answer to the event that carried `id`."""
    body, attachments = dumps(list(args))
    if attachments:
        return Encoded(gather(b"46%d-" % len(attachments), prefix(namespace), id, body), attachments)
    return Encoded(gather(b"43", prefix(namespace), id, body))


def encode_connect(namespace: str, sid: str) -> Encoded:
    return Encoded(b'40%b{"sid":"%b"}' % (prefix(namespace), sid.encode()))


def encode_connect_error(namespace: str, message: str, data: Any = None) -> Encoded:
    """The answer to a CONNECT that is not granted."""
    payload = {"message": message} if data is None else {"message": message, "data": data}
    return Encoded(b"44" + prefix(namespace) + dumps(payload)[0])


def encode_disconnect(namespace: str) -> Encoded:
    return Encoded(b"41" + prefix(namespace))
