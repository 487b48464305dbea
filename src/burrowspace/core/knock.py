"""Devices of one network see each other at the server; a knock is an invitation sealed for one that was seen.

Only the holder of the private key behind the public key that the server showed opens it. Whether the server showed the
right key, the four check words of the transfer say. Pure: the ephemeral key and the nonce come in, fresh for every
knock. Spec: docs/spec/nearby.md.
"""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from burrowspace.core.errors import BadRequest, Tampered
from burrowspace.core.sealing import Box, Suite, derive

KEY_BYTES = 32  # X25519, public and private
KNOCK_BYTES = 4096  # of a sealed knock, at most
_LEAST = KEY_BYTES + Suite.A256GCM.overhead


def seal_knock(invitation: bytes, to_public: bytes, ephemeral_private: bytes, nonce: bytes, handle: str) -> bytes:
    """`invitation`, for the device that shows `handle` (32 hex digits) with the key `to_public`:

    ephemeral public key (32) || nonce (12) || ciphertext || tag (16). BadRequest for a key that is none or too long an
    invitation.
    """
    private = X25519PrivateKey.from_private_bytes(ephemeral_private)
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(to_public))
    except ValueError:
        raise BadRequest("the other device's key is none") from None
    public = private.public_key().public_bytes_raw()
    sealed = public + _box(shared, public, to_public).seal(invitation, _bound(handle), nonce)
    if len(sealed) > KNOCK_BYTES:
        raise BadRequest("an invitation is too long")
    return sealed


def open_knock(message: bytes, own_private: bytes, handle: str) -> bytes:
    """The invitation, JSON yet to be parsed, of a knock at `handle`, which is ours. Tampered, whatever is wrong."""
    if not _LEAST <= len(message) <= KNOCK_BYTES:
        raise Tampered("this knock has a length that none has")
    private, theirs = X25519PrivateKey.from_private_bytes(own_private), message[:KEY_BYTES]
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:
        raise Tampered("this knock holds a key that is none") from None
    return _box(shared, theirs, private.public_key().public_bytes_raw()).open(message[KEY_BYTES:], _bound(handle))


def _box(shared: bytes, ephemeral_public: bytes, to_public: bytes) -> Box:
    return Box(derive(shared, b"".join(sorted((ephemeral_public, to_public))), "burrow/1 nearby knock"))


def _bound(handle: str) -> bytes:
    return b"burrow/1 nearby" + handle.encode("ascii")
