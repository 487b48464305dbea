"""Bytes ready for the wire: one text packet and the binary packets that follow it, built once, sent to many.

Not a parser and not a buffer: it never changes after it is built. Large pieces carry `SPARE` free bytes in front,
where `picows` writes the frame header in place; it is the same header for every receiver, so one piece serves them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

SPARE = 14  # bytes that picows wants free in front of a message it may write a header before
LARGE = 8192  # bytes; up to here picows copies the message beside its header, above it must not be asked to

RECEIVED: Final = "@B"  # format of the views `received` gives: plain bytes, but no other code writes it that way
EVENT_HEAD: Final = b"42"  # how the packet of an event begins: a message of Engine.IO, an EVENT of Socket.IO
MAX_HEAD = 512  # bytes before a payload: types, counts, a namespace, an id

Binary = bytes | bytearray | memoryview
Piece = bytes | bytearray  # bytes up to LARGE, above it a bytearray that starts with SPARE free bytes


def gather(*parts: Binary) -> Piece:
    """The parts as one piece."""
    if sum(map(len, parts)) <= LARGE:
        return b"".join(parts)
    piece = bytearray(SPARE)
    for part in parts:
        piece += part
    return piece


def spared(data: Binary) -> Piece:
    """`data` as a piece, without a copy when it is one already (see `received`)."""
    if type(data) is memoryview:
        if data.format == RECEIVED and type(data.obj) is bytearray and len(data.obj) == len(data) + SPARE:
            return data.obj
        data = data.cast("B") if data.contiguous else bytes(data)
    return gather(data)


def received(data: memoryview) -> bytes | memoryview:
    """A copy of bytes that arrived, laid out so that `spared` can send it on without another copy."""
    piece = gather(data)
    return piece if type(piece) is bytes else memoryview(piece)[SPARE:].cast(RECEIVED).toreadonly()


def plain(piece: Piece) -> bytes | memoryview:
    """The message in a piece."""
    return piece if type(piece) is bytes else memoryview(piece)[SPARE:]


class Encoded:
    """One packet as bytes: `head` is its text, Engine.IO's `4` first (or empty), and `attachments` follow in order."""

    __slots__ = ("attachments", "head", "size")

    def __init__(self, head: Piece, attachments: Iterable[Binary] = ()) -> None:
        size = len(head)
        self.head = head
        self.attachments: tuple[Piece, ...] = ()
        if attachments:
            self.attachments = tuple([spared(data) for data in attachments])
            size += sum(map(len, self.attachments))
        self.size = size  # bytes, to within the few of the frame headers

    @classmethod
    def from_raw(cls, namespace: str, body: bytes | memoryview, attachments: Sequence[Binary] = ()) -> Encoded:
        """An EVENT around a JSON array that is encoded already: `["name", …]`, placeholders for the attachments."""
        where = b"" if namespace == "/" else namespace.encode() + b","
        if not attachments:
            return cls(EVENT_HEAD + where + body if len(body) < LARGE - MAX_HEAD else gather(EVENT_HEAD, where, body))
        parts = tuple(attachments)
        return cls(gather(b"45%d-" % len(parts), where, body), parts)
