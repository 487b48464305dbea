"""STUN Binding messages as bytes (RFC 8489): what a request is, its answers, and what a client reads from an answer.

Only the Binding method, only as a server that asks for no credentials (section 12: a basic STUN server). Pure: the
socket is in server/stun.py. An answer has at most `MOST_TIMES` the bytes of its request, so that nobody is worth
naming as the sender of a request that is not his.
"""

import ipaddress
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

MAGIC = 0x2112A442  # section 5
HEADER = 20  # bytes
REQUEST_MOST = 1280  # bytes of a request; section 6.1 wants fewer than fit into IPv6's least MTU
MOST_TIMES = 3  # an answer's bytes to its request's

REQUEST, ANSWER, REFUSAL = 0x0001, 0x0101, 0x0111  # Binding, by class (section 5)

MAPPED, ERROR_CODE, UNKNOWN, XOR_MAPPED = 0x0001, 0x0009, 0x000A, 0x0020  # section 14
INTEGRITY, INTEGRITY_SHA256, SOFTWARE, FINGERPRINT = 0x0008, 0x001C, 0x8022, 0x8028

# Section 18.3: those below 0x8000 must be understood. We ask for no credentials, so that we take no notice of them.
_UNDERSTOOD = frozenset((0x0001, 0x0006, 0x0008, 0x0009, 0x000A, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E, 0x0020))
_OPTIONAL = 0x8000
_CRC = 0x5354554E  # section 14.7
_NAME = b"BurrowSpace"
_REASON = b"Unknown Attribute"

_head = struct.Struct("!HHI12s")
_attribute = struct.Struct("!HH")


class Address(NamedTuple):
    host: str
    port: int


class Request(NamedTuple):
    """A Binding request."""

    transaction: bytes  # 12 bytes
    unknown: tuple[int, ...]  # attributes that must be understood and are not, each once
    fingerprint: bool  # it had one, so the answer has one


def parse(data: bytes) -> Request | None:
    """The request in a datagram; None for whatever is no sound Binding request (sections 6.3, 6.3.1), which is
    dropped without a word.

    >>> parse(request(bytes(12)))
    Request(transaction=b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00', unknown=(), fingerprint=True)
    >>> parse(b"GET / HTTP/1.1") is None
    True
    """
    if not HEADER <= len(data) <= REQUEST_MOST:
        return None
    kind, length, magic, transaction = _head.unpack_from(data)
    if kind != REQUEST or magic != MAGIC or length % 4 or length != len(data) - HEADER:
        return None
    unknown: dict[int, None] = {}
    sealed = fingerprint = False
    for attribute in attributes(data):
        if attribute is None or fingerprint:  # torn; or something behind the fingerprint, which is the last
            return None
        name, at, size = attribute
        if name == FINGERPRINT:
            if size != 4 or data[at : at + 4] != _fingerprint(data[: at - 4]):
                return None
            fingerprint = True
        elif sealed:
            continue  # behind MESSAGE-INTEGRITY: to be taken no notice of (section 14.5)
        elif name in (INTEGRITY, INTEGRITY_SHA256):
            sealed = True
        elif name < _OPTIONAL and name not in _UNDERSTOOD:
            unknown[name] = None
    return Request(transaction, tuple(unknown), fingerprint)


def answer(asked: Request, address: Address) -> bytes:
    """What the request is answered with: where it came from, or 420 (section 6.3.1)."""
    if asked.unknown:
        names = struct.pack(f"!{len(asked.unknown)}H", *asked.unknown)
        body = _packed(ERROR_CODE, b"\0\0\4\x14" + _REASON) + _packed(UNKNOWN, names)
        return _message(REFUSAL, asked.transaction, body + _packed(SOFTWARE, _NAME), asked.fingerprint)
    body = _packed(XOR_MAPPED, _mapped(address, asked.transaction)) + _packed(SOFTWARE, _NAME)
    return _message(ANSWER, asked.transaction, body, asked.fingerprint)


def request(transaction: bytes) -> bytes:
    """A Binding request with a fingerprint; `transaction` is 12 bytes that nobody foresees."""
    return _message(REQUEST, transaction, b"", fingerprint=True)


def mapped(data: bytes, transaction: bytes) -> Address | None:
    """From an answer to that transaction: the address by which its server sees us. None for anything else.

    >>> asked = parse(request(bytes(12)))
    >>> mapped(answer(asked, Address("192.0.2.1", 32853)), bytes(12))
    Address(host='192.0.2.1', port=32853)
    """
    if not HEADER <= len(data) <= REQUEST_MOST:
        return None
    kind, length, magic, theirs = _head.unpack_from(data)
    if kind != ANSWER or magic != MAGIC or length % 4 or length != len(data) - HEADER or theirs != transaction:
        return None
    found = None
    for attribute in attributes(data):
        if attribute is None:
            return None
        name, at, size = attribute
        if name == XOR_MAPPED and found is None:
            found = _unmapped(data[at : at + size], transaction)
        elif name == FINGERPRINT and (size != 4 or data[at : at + 4] != _fingerprint(data[: at - 4])):
            return None
    return found


def attributes(data: bytes) -> Iterator[tuple[int, int, int] | None]:
    """Each attribute's type, the place of its value and the value's bytes; a last None where the message is torn."""
    at = HEADER
    while at < len(data):
        if at + 4 > len(data):
            yield None
            return
        name, size = _attribute.unpack_from(data, at)
        at += 4
        if at + size > len(data):
            yield None
            return
        yield name, at, size
        at += size + -size % 4


def _message(kind: int, transaction: bytes, body: bytes, fingerprint: bool) -> bytes:
    message = _head.pack(kind, len(body) + (8 if fingerprint else 0), MAGIC, transaction) + body
    return message + _packed(FINGERPRINT, _fingerprint(message)) if fingerprint else message


def _packed(name: int, value: bytes) -> bytes:
    return _attribute.pack(name, len(value)) + value + bytes(-len(value) % 4)


def _fingerprint(before: bytes) -> bytes:
    """Section 14.7: over all before it, whose header counts it already."""
    return (zlib.crc32(before) ^ _CRC).to_bytes(4, "big")


def _mapped(address: Address, transaction: bytes) -> bytes:
    """XOR-MAPPED-ADDRESS, section 14.2; an IPv4 address that came over an IPv6 socket is an IPv4 address."""
    known = ipaddress.ip_address(address.host.partition("%")[0])
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    size = len(known.packed)
    value = int.from_bytes(known.packed, "big") ^ int.from_bytes(_mask(transaction)[:size], "big")
    return struct.pack("!BBH", 0, 1 if size == 4 else 2, address.port ^ MAGIC >> 16) + value.to_bytes(size, "big")


def _unmapped(value: bytes, transaction: bytes) -> Address | None:
    size = {1: 4, 2: 16}.get(value[1] if len(value) > 1 else 0, 0)
    if not size or len(value) != 4 + size:
        return None
    host = int.from_bytes(value[4:], "big") ^ int.from_bytes(_mask(transaction)[:size], "big")
    port = int.from_bytes(value[2:4], "big") ^ MAGIC >> 16
    return Address(str(ipaddress.ip_address(host.to_bytes(size, "big"))), port)


def _mask(transaction: bytes) -> bytes:
    return MAGIC.to_bytes(4, "big") + transaction
