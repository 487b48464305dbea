"""The wire of a direct link: two ends prove that they know the same key, then frames carry blocks and controls.

Bytes in, facts out: no socket. The client is the end that speaks first, always the receiver of the transfer, whoever
opened the connection; the server of blocks is its sender. Spec: docs/spec/link.md.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from burrowspace.core.errors import BadRequest, Tampered, TooLarge
from burrowspace.core.sealing import SEALED_MOST, TAG_BYTES, Box, Buffer, derive
from burrowspace.core.signals import Control, encode, parse_control

MAGIC = b"burrow/1"
TAG = 16  # bytes that tell which link is meant; public, different for each receiver
NONCE = 32  # bytes, random, from each end
CLIENT_HELLO_BYTES = len(MAGIC) + TAG + NONCE  # 56: magic, tag, nonce
SERVER_HELLO_BYTES = len(MAGIC) + NONCE + 32  # 72: magic, nonce, MAC
CLIENT_PROOF_BYTES = 32  # MAC

_HEADER = struct.Struct(">IB")  # bytes that follow the length itself, kind
_BLOCK_HEADER = struct.Struct(">IBQ")  # the same, and the position
_POSITION = struct.Struct(">Q")
_COUNTER = struct.Struct(">IQ")  # zero, counter: a nonce
HEADER_BYTES = _HEADER.size  # 5
POSITION_BYTES = _POSITION.size  # 8
BLOCK_HEADER_BYTES = _BLOCK_HEADER.size  # 13
BLOCK_BODY_MOST = POSITION_BYTES + SEALED_MOST  # bytes of a block frame's body
BLOCK_BODY_LEAST = POSITION_BYTES + 12 + TAG_BYTES  # an empty last block in A256GCM
CONTROL_BODY_MOST = 64 << 10  # bytes of a control frame's body
CONTROL_BODY_LEAST = 12 + TAG_BYTES + 2


class Kind(IntEnum):
    BLOCK = 1  # position u64, sealed block
    CONTROL = 2  # sealed JSON


# Handshake


@dataclass(frozen=True, slots=True)
class Keys:
    """What the handshake gives: one key for each direction."""

    client: bytes  # seals what the client says
    server: bytes


def client_hello(tag: bytes, nonce: bytes) -> bytes:
    """The first bytes on a link. `nonce` is 32 random bytes."""
    if len(tag) != TAG or len(nonce) != NONCE:
        raise ValueError(f"a tag has {TAG} bytes and a nonce {NONCE}")
    return MAGIC + tag + nonce


def parse_client_hello(hello: Buffer) -> bytes:
    """The tag: which link the other end means. BadRequest if this is no hello."""
    if len(hello) != CLIENT_HELLO_BYTES or bytes(hello[: len(MAGIC)]) != MAGIC:
        raise BadRequest("this is not the first word of a direct link")
    return bytes(hello[len(MAGIC) : len(MAGIC) + TAG])


def _mac(key: bytes, hello: bytes, nonce: bytes, role: str) -> bytes:
    """Of both hellos, under a key of its own; `role` keeps one end's proof from being the other's."""
    proof_key = derive(key, b"", f"burrow/1 link proof {role}")
    return hmac.new(proof_key, hello + MAGIC + nonce, hashlib.sha256).digest()


def server_hello(key: bytes, hello: Buffer, nonce: bytes) -> bytes:
    """The answer to a client's hello, with the proof that this end knows the link's key."""
    parse_client_hello(hello)
    if len(nonce) != NONCE:
        raise ValueError(f"a nonce has {NONCE} bytes")
    return MAGIC + nonce + _mac(key, bytes(hello), nonce, "server")


def client_proof(key: bytes, hello: bytes, answer: Buffer) -> tuple[bytes, Keys]:
    """What the client says last, and its keys. BadRequest for no answer, Tampered for one that knows another key."""
    if len(answer) != SERVER_HELLO_BYTES or bytes(answer[: len(MAGIC)]) != MAGIC:
        raise BadRequest("this is not the answer of a direct link")
    nonce, proof = bytes(answer[len(MAGIC) : len(MAGIC) + NONCE]), bytes(answer[len(MAGIC) + NONCE :])
    if not hmac.compare_digest(proof, _mac(key, hello, nonce, "server")):
        raise Tampered("the other end of a direct link does not know its key")
    return _mac(key, hello, nonce, "client"), _keys(key, hello, nonce)


def server_keys(key: bytes, hello: Buffer, answer: bytes, proof: Buffer) -> Keys:
    """The server's keys, once the client's proof is good. Tampered."""
    hello, nonce = bytes(hello), answer[len(MAGIC) : len(MAGIC) + NONCE]
    if not hmac.compare_digest(bytes(proof), _mac(key, hello, nonce, "client")):
        raise Tampered("the other end of a direct link does not know its key")
    return _keys(key, hello, nonce)


def _keys(key: bytes, hello: bytes, nonce: bytes) -> Keys:
    salt = hello[-NONCE:] + nonce
    return Keys(derive(key, salt, "burrow/1 link client"), derive(key, salt, "burrow/1 link server"))


# Frames


def frame(kind: Kind, body: Buffer) -> bytes:
    """A whole frame: u32 of what follows, u8 kind, body."""
    return _HEADER.pack(1 + len(body), kind) + bytes(body)


def block_header(position: int, sealed_size: int) -> bytes:
    """The 13 bytes in front of a sealed block."""
    return _BLOCK_HEADER.pack(1 + POSITION_BYTES + sealed_size, Kind.BLOCK, position)


def block_header_into(into: memoryview, position: int, sealed_size: int) -> None:
    """The same, into a buffer that holds the sealed block from byte BLOCK_HEADER_BYTES on."""
    _BLOCK_HEADER.pack_into(into, 0, 1 + POSITION_BYTES + sealed_size, Kind.BLOCK, position)


def parse_header(header: Buffer) -> tuple[Kind, int]:
    """The kind and the bytes of body that follow these HEADER_BYTES. BadRequest for what no frame is.

    For a thread with a blocking socket: read 5 bytes, then the body straight to where it belongs.

    >>> parse_header(block_header(7, 1000)[:5])
    (<Kind.BLOCK: 1>, 1008)
    """
    length, kind = _HEADER.unpack(header)
    size = length - 1
    if kind == Kind.BLOCK and BLOCK_BODY_LEAST <= size <= BLOCK_BODY_MOST:
        return Kind.BLOCK, size
    if kind == Kind.CONTROL and CONTROL_BODY_LEAST <= size <= CONTROL_BODY_MOST:
        return Kind.CONTROL, size
    raise BadRequest("the other end of a direct link sent what is no frame")


def parse_position(body: Buffer) -> int:
    """The position at the start of a block frame's body."""
    position: int = _POSITION.unpack_from(body)[0]
    return position


class Parser:
    """Frames out of bytes as they come, in any pieces. Holds at most one frame that is not whole.

    >>> parser, data = Parser(), frame(Kind.CONTROL, bytes(40))
    >>> list(parser.feed(data[:7])), [(kind.name, len(body)) for kind, body in parser.feed(data[7:] + data[:3])]
    ([], [('CONTROL', 40)])
    """

    __slots__ = ("_buffer", "_filled", "_head", "_kind")

    def __init__(self) -> None:
        self._head = bytearray()
        self._kind: Kind | None = None
        self._buffer = memoryview(b"")
        self._filled = 0

    @property
    def waiting(self) -> int:
        """Bytes held of a frame that is not whole."""
        return len(self._head) + self._filled

    def feed(self, data: Buffer) -> Iterator[tuple[Kind, memoryview]]:
        """Each frame that these bytes complete;

        Take them all before feeding again. BadRequest: nothing after it means anything.
        """
        view = memoryview(data)
        while len(view):
            if self._kind is None:
                need = HEADER_BYTES - len(self._head)
                self._head += view[:need]
                view = view[need:]
                if len(self._head) < HEADER_BYTES:
                    return
                self._kind, size = parse_header(self._head)
                self._buffer, self._filled = memoryview(bytearray(size)), 0
                continue  # a body is never empty, so it ends below
            size = min(len(view), len(self._buffer) - self._filled)
            self._buffer[self._filled : self._filled + size] = view[:size]
            self._filled += size
            view = view[size:]
            if self._filled == len(self._buffer):
                whole = self._kind, self._buffer
                self._head, self._kind, self._buffer, self._filled = bytearray(), None, memoryview(b""), 0
                yield whole


class Controls:
    """Seals one direction's controls and opens the other's, in order: a lost, repeated or moved one is Tampered.

    A frame's body is nonce, ciphertext, tag; the nonce is the count of controls in that direction. Not for two
    threads at once: `seal` and the send that follows belong under one lock.

    >>> from burrowspace.core.signals import Ping
    >>> keys = Keys(bytes(32), bytes([1]) * 32)
    >>> ann, bob = Controls(keys.server, keys.client), Controls(keys.client, keys.server)
    >>> bob.open(ann.seal(Ping(n=1))[HEADER_BYTES:])
    Ping(n=1)
    """

    __slots__ = ("_in", "_out", "_received", "_sent")

    def __init__(self, own: bytes, other: bytes) -> None:
        self._out, self._in = Box(own), Box(other)
        self._sent = self._received = 0

    @classmethod
    def of_client(cls, keys: Keys) -> "Controls":
        return cls(keys.client, keys.server)

    @classmethod
    def of_server(cls, keys: Keys) -> "Controls":
        return cls(keys.server, keys.client)

    def seal(self, control: Control) -> bytes:
        """A whole frame."""
        nonce = _COUNTER.pack(0, self._sent)
        self._sent += 1
        body = self._out.seal(encode(control), b"burrow/1 control", nonce)
        if len(body) > CONTROL_BODY_MOST:
            raise TooLarge(f"a control has at most {CONTROL_BODY_MOST} bytes")
        return frame(Kind.CONTROL, body)

    def open(self, body: Buffer) -> Control:
        """What a control frame's body says. Tampered, BadRequest."""
        if bytes(body[:12]) != _COUNTER.pack(0, self._received):
            raise Tampered("a control on a direct link is not the next one")
        plain = self._in.open(body, b"burrow/1 control")
        self._received += 1
        return parse_control(plain)
