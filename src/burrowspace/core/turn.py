"""TURN's Allocate and Refresh as a client asks them, with long-term credentials (RFC 8656; RFC 8489, section 9.2).

Only as much as tells whether a TURN server lets somebody in: who relays by TURN leaves it to a WebRTC library. Pure.
"""

import hashlib
import hmac
import struct
from typing import NamedTuple

from burrowspace.core.ice import TurnCredentials
from burrowspace.core.stun import ERROR_CODE, HEADER, INTEGRITY, MAGIC, attributes

ALLOCATE, REFRESH = 0x0003, 0x0004  # requests; success is 0x0100 more, an error 0x0110 more
USERNAME, REALM, NONCE = 0x0006, 0x0014, 0x0015
LIFETIME, REQUESTED_TRANSPORT, XOR_RELAYED = 0x000D, 0x0019, 0x0016
UDP = 17

_SUCCESS, _ERROR = 0x0100, 0x0110
_ANSWER_MOST = 2048  # bytes
_head = struct.Struct("!HHI12s")
_attribute = struct.Struct("!HH")


class Allowed(NamedTuple):
    """The server has done it."""


class Denied(NamedTuple):
    """`code`: RFC 8489, section 14.8, and RFC 8656, section 19; realm and nonce where credentials are wanted."""

    code: int
    realm: bytes = b""
    nonce: bytes = b""


def allocate(transaction: bytes, passed: TurnCredentials | None = None, asked: Denied | None = None) -> bytes:
    """A request for a relayed UDP address; without credentials at first, and then with what the 401 asked for."""
    return _request(ALLOCATE, transaction, _packed(REQUESTED_TRANSPORT, bytes((UDP, 0, 0, 0))), passed, asked)


def release(transaction: bytes, passed: TurnCredentials, asked: Denied) -> bytes:
    """A request to end the allocation (RFC 8656, section 8: a lifetime of 0)."""
    return _request(REFRESH, transaction, _packed(LIFETIME, bytes(4)), passed, asked)


def read(data: bytes, transaction: bytes) -> Allowed | Denied | None:
    """The answer to that transaction; None for anything else.

    >>> read(b"HTTP/1.1 400 Bad Request", bytes(12)) is None
    True
    """
    if not HEADER <= len(data) <= _ANSWER_MOST:
        return None
    kind, length, magic, theirs = _head.unpack_from(data)
    if magic != MAGIC or length % 4 or length != len(data) - HEADER or theirs != transaction:
        return None
    if kind in (ALLOCATE | _SUCCESS, REFRESH | _SUCCESS):
        return Allowed()
    if kind not in (ALLOCATE | _ERROR, REFRESH | _ERROR):
        return None
    code, found = 0, {REALM: b"", NONCE: b""}
    for attribute in attributes(data):
        if attribute is None:
            return None
        name, at, size = attribute
        if name == ERROR_CODE and size >= 4:
            code = (data[at + 2] & 7) * 100 + data[at + 3]
        elif name in found and size <= 763:  # section 14.9: fewer than 128 characters
            found[name] = data[at : at + size]
    return Denied(code, found[REALM], found[NONCE])


def _request(
    method: int, transaction: bytes, body: bytes, passed: TurnCredentials | None, asked: Denied | None
) -> bytes:
    if passed is None or asked is None:
        return _head.pack(method, len(body), MAGIC, transaction) + body
    body += _packed(USERNAME, passed.username.encode()) + _packed(REALM, asked.realm) + _packed(NONCE, asked.nonce)
    message = _head.pack(method, len(body) + 24, MAGIC, transaction) + body  # its length counts what follows
    return message + _packed(INTEGRITY, hmac.digest(_key(passed, asked.realm), message, hashlib.sha1))


def _key(passed: TurnCredentials, realm: bytes) -> bytes:
    """RFC 8489, section 9.2.2. MD5 is what the protocol has."""
    words = b":".join((passed.username.encode(), realm, passed.credential.encode()))
    return hashlib.md5(words, usedforsecurity=False).digest()


def _packed(name: int, value: bytes) -> bytes:
    return _attribute.pack(name, len(value)) + value + bytes(-len(value) % 4)
