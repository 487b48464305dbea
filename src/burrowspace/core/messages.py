"""The events of the real-time channel, as types: what a client may send, what it is answered, what it is told.

The AsyncAPI document is made from these. `Raw` is JSON that passes through untouched. Contract: docs/spec/events.md.
"""

import msgspec

Raw = msgspec.Raw


class _Event(msgspec.Struct, frozen=True):
    """Unknown fields are ignored, so that newer clients can say more."""


# Client to server


class RegisterSocket(_Event, frozen=True):
    """This socket speaks for the peer from now on. `peer_token` is needed once the peer has used it."""

    peer_id: str
    peer_token: str | None = None


class PeerSignal(_Event, frozen=True):
    """Hands `signal`, any JSON, to one other device, untouched."""

    target_peer_id: str
    sender_peer_id: str
    signal: Raw


class RelayChunk(_Event, frozen=True):
    """One piece of a relayed file: base64 text or a binary attachment, passed on as sent."""

    session_id: str
    chunk: Raw
    index: int
    total: int


class TextChunk(_Event, frozen=True, forbid_unknown_fields=True):
    """A RelayChunk whose piece is text and that holds nothing else: what the app sends, read the short way."""

    session_id: str
    chunk: str
    index: int
    total: int


class RelayRequest(_Event, frozen=True):
    """Asks for a relay session: for a transfer, or straight to a peer, where a direct attempt failed."""

    transfer_id: str | None = None
    target_peer_id: str | None = None


# Acks


class Ack(_Event, frozen=True, omit_defaults=True):
    """`status` is success, queued (it rests until the receiver registers), relay (a session starts) or error."""

    status: str
    message: str | None = None
    code: str | None = None
    session_id: str | None = None


# Server to client


class PeerSignalled(_Event, frozen=True):
    sender_peer_id: str
    signal: Raw


class RelayInitiated(_Event, frozen=True):
    session_id: str
    target_peer_id: str
    sender_peer_id: str
    transfer_id: str | None


class RelayRefused(_Event, frozen=True):
    """A chunk that was sent without asking for an ack was not kept."""

    session_id: str
    index: int
    message: str
    code: str


class TransferRequest(_Event, frozen=True):
    request_id: str
    sender_id: str
    filename: str


class TransferApproved(_Event, frozen=True):
    request_id: str
    transfer_id: str


class TransferRejected(_Event, frozen=True):
    request_id: str


class TransferCompleted(_Event, frozen=True, omit_defaults=True):
    transfer_id: str
    transfer_mode: str
    filename: str | None = None


class TransferCancelled(_Event, frozen=True):
    transfer_id: str


class DeviceRequest(_Event, frozen=True):
    """A new device wants to be one of yours: `POST /approve-device/<peer_id>` or `/reject-device/<peer_id>`."""

    peer_id: str
    device_name: str
    address: str | None
    expires_at: str


class DeviceApproved(_Event, frozen=True):
    """This device is let in, and this socket is registered as it."""

    peer_id: str


class DeviceRejected(_Event, frozen=True):
    """This device is not let in."""

    peer_id: str


class PeerDisconnected(_Event, frozen=True):
    peer_id: str


CLIENT_EVENTS: dict[str, type[msgspec.Struct]] = {
    "register_socket": RegisterSocket,
    "peer_signal": PeerSignal,
    "relay_chunk": RelayChunk,
    "relay_request": RelayRequest,
}
SERVER_EVENTS: dict[str, type[msgspec.Struct]] = {
    "peer_signal": PeerSignalled,
    "relay_initiated": RelayInitiated,
    "relay_chunk": RelayChunk,
    "relay_refused": RelayRefused,
    "transfer_request": TransferRequest,
    "transfer_approved": TransferApproved,
    "transfer_rejected": TransferRejected,
    "transfer_completed": TransferCompleted,
    "transfer_cancelled": TransferCancelled,
    "peer_disconnected": PeerDisconnected,
    "device_request": DeviceRequest,
    "device_approved": DeviceApproved,
    "device_rejected": DeviceRejected,
}

_NAME_OF: dict[type[msgspec.Struct], str] = {
    kind: name for name, kind in SERVER_EVENTS.items() if kind is not RelayChunk
}
_encode = msgspec.json.Encoder().encode


def name_of(event: msgspec.Struct) -> str:
    """The event name under which a server event travels."""
    return _NAME_OF[type(event)]


def encode(event: msgspec.Struct) -> bytes:
    """The event's JSON object."""
    return _encode(event)


def array(event: str, body: bytes) -> bytes:
    """The JSON array of a Socket.IO event: its name and one object.

    >>> array("peer_disconnected", b'{"peer_id":"7"}')
    b'["peer_disconnected",{"peer_id":"7"}]'
    """
    return b'["' + event.encode() + b'",' + body + b"]"
