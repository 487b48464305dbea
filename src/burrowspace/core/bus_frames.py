"""What nodes say to each other over the bus: batches of frames. Spec: docs/spec/bus.md.

A batch is `BRW1 | node, 16 bytes | boot u64 | number u64`, then frames; a frame is `kind u8 | line u64 | seq u64 |
parts u16 | a length u32 for each part | the parts`, big-endian. Bytes in, values out: no socket, no clock. Whoever can
reach the bus may send anything, so nothing is believed before `parse` has looked at it.
"""

import re
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from burrowspace.core.errors import BadRequest
from burrowspace.core.names import is_our_id

MAGIC = b"BRW1"
BATCH_MOST = 1 << 20  # bytes of a batch: what a NATS server takes as it comes
BATCH_FULL = 256 << 10  # bytes from which a batch leaves before the turn of the loop has ended
PARTS_MOST = 1024  # of one frame
KEY_MOST = 256  # characters of a key that is rung

_HEAD = struct.Struct(">4s16sQQ")
_FRAME = struct.Struct(">BQQH")
HEAD_BYTES, FRAME_BYTES = _HEAD.size, _FRAME.size  # 36, 19
_EVENT = re.compile(rb"42[^0-9]|45([0-9]{1,4})-[^0-9]")


class Kind(IntEnum):
    """What a frame says. Others may come from newer nodes, and are passed over."""

    # down a line, to the node that has it; `seq` counts these from 1
    EVENT = 1  # text, attachments …: a packet for the peer
    ASKED = 2  # the same, and the sender waits to hear that the peer's connection took it
    PROVE = 3  # the sender waits for proof that all before has arrived
    CLOSE = 4  # close the peer's connection; `seq` is ignored
    # back, to the node that sends
    TAKEN = 16  # the peer's connection has taken all up to `seq`
    ARRIVED = 17  # the peer has proved all up to `seq`
    DEAD = 18  # this line is no way to the peer any more
    HELD = 19  # the peer is not read: it can prove nothing
    RELEASED = 20  # it is read again
    # between two nodes
    RESET = 32  # a batch of yours is missing: the lines between us are dead
    PROBE = 33  # are you there?
    ANSWER = 34  # to the probe of that `seq`
    # to all
    RING = 48  # keys …: something about these may have changed
    SHOUT = 49  # peer, text, attachments …: every live peer but this one is told
    # about one peer
    FIND = 64  # peer: who has it?
    FOUND = 65  # this node, on this line; `seq` is the number of the peer's registration
    KICK = 66  # peer: it has registered with the number `seq`; lines with a lower one close


class Frame(NamedTuple):
    kind: int
    line: int = 0
    seq: int = 0
    parts: Sequence[bytes] = ()


class Batch(NamedTuple):
    node: str  # 32 hex digits: who says it
    boot: int  # another one after each start and each break of the node's connection
    number: int  # rises by 1 within a boot and a subject
    frames: list[Frame]


def head(node: str, boot: int, number: int) -> bytes:
    """The first 36 bytes of a batch."""
    return _HEAD.pack(MAGIC, bytes.fromhex(node), boot, number)


def frame(kind: int, line: int = 0, seq: int = 0, parts: Sequence[bytes | bytearray | memoryview] = ()) -> bytes:
    """A frame whole.

    >>> parse(head("00" * 16, 1, 1) + frame(Kind.RING, parts=[b"a", b"bc"])).frames
    [Frame(kind=48, line=0, seq=0, parts=[b'a', b'bc'])]
    """
    count = len(parts)
    if count == 1:
        return _ONE.pack(kind, line, seq, 1, len(parts[0])) + parts[0]
    return b"".join([_FRAME.pack(kind, line, seq, count), _LENGTHS[count].pack(*map(len, parts)), *parts])


def batch(node: str, boot: int, number: int, frames: Sequence[Frame]) -> bytes:
    """A batch whole, for those of few frames."""
    return head(node, boot, number) + b"".join(frame(*each) for each in frames)


class _Lengths(dict[int, struct.Struct]):
    def __missing__(self, count: int) -> struct.Struct:
        made = self[count] = struct.Struct(f">{count}I")
        return made


_ONE = struct.Struct(">BQQHI")
_LENGTHS = _Lengths()  # by how many: PARTS_MOST at most


def parse(data: bytes) -> Batch:
    """What a node said. BadRequest for what no batch is; frames of kinds that are not known here are left out."""
    size = len(data)
    if not HEAD_BYTES <= size <= BATCH_MOST:
        raise BadRequest("a batch on the bus has an impossible size")
    magic, node, boot, number = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise BadRequest("this is no batch of the bus")
    at, frames = HEAD_BYTES, []
    while at < size:
        if size - at < FRAME_BYTES:
            raise BadRequest("a batch on the bus ends within a frame")
        kind, line, seq, count = _FRAME.unpack_from(data, at)
        at += FRAME_BYTES
        if count > PARTS_MOST or size - at < 4 * count:
            raise BadRequest("a frame on the bus has more parts than it may")
        lengths = _LENGTHS[count].unpack_from(data, at)
        at += 4 * count
        if size - at < sum(lengths):
            raise BadRequest("a frame on the bus is longer than its batch")
        parts = []
        for length in lengths:
            parts.append(data[at : at + length])
            at += length
        shape = _SHAPES.get(kind)
        if shape is None:
            continue
        if not shape(parts):
            raise BadRequest("a frame on the bus does not have the parts of its kind")
        frames.append(Frame(kind, line, seq, parts))
    return Batch(node.hex(), boot, number, frames)


def _bare(parts: Sequence[bytes]) -> bool:
    return not parts


def _packet(parts: Sequence[bytes]) -> bool:
    """The text of an EVENT packet, and as many attachments as it announces."""
    if not parts:
        return False
    begins = _EVENT.match(parts[0])
    return begins is not None and int(begins[1] or 0) == len(parts) - 1


def _peer(parts: Sequence[bytes]) -> bool:
    return len(parts) == 1 and _is_id(parts[0])


def _keys(parts: Sequence[bytes]) -> bool:
    return all(len(part) <= KEY_MOST and part.isascii() for part in parts)


def _shout(parts: Sequence[bytes]) -> bool:
    return len(parts) > 1 and _is_id(parts[0]) and _packet(parts[1:])


def _is_id(part: bytes) -> bool:
    return part.isascii() and is_our_id(part.decode())


_SHAPES = {
    Kind.EVENT: _packet,
    Kind.ASKED: _packet,
    Kind.RING: _keys,
    Kind.SHOUT: _shout,
    Kind.FIND: _peer,
    Kind.KICK: _peer,
    **dict.fromkeys((Kind.PROVE, Kind.CLOSE, Kind.TAKEN, Kind.ARRIVED, Kind.DEAD, Kind.HELD, Kind.RELEASED), _bare),
    **dict.fromkeys((Kind.RESET, Kind.PROBE, Kind.ANSWER, Kind.FOUND), _bare),
}
