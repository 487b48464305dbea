"""How relay chunks rest: records in a row, each whole or not there. Spec: docs/spec/relay.md.

A record is `CRC-32 (u32) | parts (u32) | length (u32) …, one per part | the parts`, big-endian; the first part is the
event's JSON array, the others its binary attachments. A record that a crash cut short fails its length or its CRC and
ends the row there: nothing behind it was ever acknowledged.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_HEAD = struct.Struct(">II")
_LENGTH = struct.Struct(">I")
_PARTS = 64  # more than any packet may have
_RECORD = 64 << 20  # bytes of a record at most; a length beyond it was never written by us


class Chunk(NamedTuple):
    """One resting event and where the row goes on behind it (bytes)."""

    body: bytes
    attachments: list[bytes]
    end: int


class Torn(Exception):
    """The row ends here; what follows is not a whole record."""


Part = bytes | bytearray | memoryview


def pieces(body: Part, attachments: Sequence[Part] = ()) -> list[Part]:
    """The record of an event in pieces, its parts among them as they are: whoever writes it copies them once."""
    parts = [body, *attachments]
    lengths = b"".join([_LENGTH.pack(len(part)) for part in parts])
    crc = zlib.crc32(lengths)
    for part in parts:
        crc = zlib.crc32(part, crc)
    return [_HEAD.pack(crc, len(parts)) + lengths, *parts]


def pack(body: Part, attachments: Sequence[Part] = ()) -> bytes:
    """The record of an event.

    >>> list(unpack(pack(b'["a"]', [b"12"]), 0))[0].attachments
    [b'12']
    """
    return b"".join(pieces(body, attachments))


def packed_size(body: Part, attachments: Sequence[Part] = ()) -> int:
    """Bytes of the record that `pack` would make.

    >>> packed_size(b'["a"]', [b"12"]) == len(pack(b'["a"]', [b"12"]))
    True
    """
    parts = [body, *attachments]
    return _HEAD.size + _LENGTH.size * len(parts) + sum(map(len, parts))


def unpack(held: bytes | bytearray, offset: int) -> Iterator[Chunk]:
    """The whole records in `held`, whose first byte lies at `offset` of the row. Stops before an unfinished one.

    Torn where a record that is all there is not what was written.
    """
    at = 0
    while (size := _size(held, at)) is not None and at + size <= len(held):
        crc, count = _HEAD.unpack_from(held, at)
        if zlib.crc32(memoryview(held)[at + _HEAD.size : at + size]) != crc:
            raise Torn
        lengths = [_LENGTH.unpack_from(held, at + _HEAD.size + 4 * n)[0] for n in range(count)]
        start = at + _HEAD.size + 4 * count
        parts = []
        for length in lengths:
            parts.append(bytes(held[start : start + length]))
            start += length
        at += size
        yield Chunk(parts[0], parts[1:], offset + at)


def _size(held: bytes | bytearray, at: int) -> int | None:
    """Bytes of the record that starts at `at`; None while its lengths are not all there."""
    if len(held) - at < _HEAD.size:
        return None
    _, count = _HEAD.unpack_from(held, at)
    if not 1 <= count <= _PARTS:
        raise Torn
    if len(held) - at < _HEAD.size + 4 * count:
        return None
    size: int = (
        _HEAD.size + 4 * count + sum(int(_LENGTH.unpack_from(held, at + _HEAD.size + 4 * n)[0]) for n in range(count))
    )
    if size > _RECORD:
        raise Torn
    return size
