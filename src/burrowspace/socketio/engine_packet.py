"""Engine.IO 4 packets as bytes: the handshake, and how polling packs several packets into one body.

Pure. A packet is its type digit and its data; a binary packet is raw bytes on a WebSocket and `b` plus base64 in a
polling body. Spec: docs/spec/realtime.md, "Engine.IO".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator

from burrowspace.socketio.errors import BadPacket

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
PROBE, PROBE_ANSWER = b"2probe", b"3probe"
SEPARATOR = b"\x1e"


def open_packet(
    sid: str, upgrades: Iterable[str], ping_interval_ms: int, ping_timeout_ms: int, max_payload: int
) -> bytes:
    """The first packet of a session.

    >>> open_packet("abc", ["websocket"], 300, 200, 1000000)
    b'0{"sid":"abc","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}'
    """
    names = ",".join(f'"{name}"' for name in upgrades)
    return (
        f'0{{"sid":"{sid}","upgrades":[{names}],"pingInterval":{ping_interval_ms},'
        f'"pingTimeout":{ping_timeout_ms},"maxPayload":{max_payload}}}'
    ).encode()


def split_payload(body: bytes) -> Iterator[bytes]:
    """The packets of a polling body, as they stand in it, one at a time: a body may have a million of them. BadPacket
    unless it is UTF-8."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            raise BadPacket("the body is not UTF-8") from None
    return _packets(body)


def _packets(body: bytes) -> Iterator[bytes]:
    start = 0
    while (end := body.find(SEPARATOR, start)) >= 0:
        yield body[start:end]
        start = end + 1
    yield body[start:]


def join_payload(packets: Iterable[bytes | memoryview]) -> bytes:
    """One polling body of several packets."""
    return SEPARATOR.join(packets)


def encode_binary(data: bytes | memoryview) -> bytes:
    """Binary as it travels in a polling body.

    >>> encode_binary(bytes([1, 2, 3, 4]))
    b'bAQIDBA=='
    """
    return b"b" + base64.b64encode(data)


def decode_binary(packet: bytes) -> bytes:
    """The bytes of a `b` packet; BadPacket if it is not base64."""
    try:
        return binascii.a2b_base64(packet[1:], strict_mode=True)
    except binascii.Error:
        raise BadPacket("a binary packet is not base64") from None
