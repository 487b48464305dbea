"""What two paired devices make of each other's keys: an inbox each way that nobody else can compute or read.

Their X25519 keys give a shared secret, and that names a mailbox and a key for each of the two; an invitation to a
transfer lies there, sealed, until the owner looks. Who keeps the keys is decided elsewhere. Spec:
docs/spec/meeting.md, "Devices".
"""

from base64 import b64decode, b64encode

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from burrowspace.core.errors import BadRequest
from burrowspace.core.invitation import INVITATION_BYTES, Invitation, encode_invitation, parse_invitation
from burrowspace.core.parsing import read_json
from burrowspace.core.sealing import Box, derive

KEY_BYTES = 32
INTRODUCTION_BYTES = 4096  # JSON

_PROBE = X25519PrivateKey.from_private_bytes(bytes(KEY_BYTES))  # a point of a small group gives zero to all keys


class Introduction(msgspec.Struct, frozen=True, kw_only=True):
    """What two devices tell each other when they are paired. `public`: X25519, base64."""

    name: str
    public: str


_INTRODUCTION = msgspec.json.Decoder(Introduction)


class Inbox:
    """A mailbox that only two devices know, one way."""

    def __init__(self, secret: bytes, owner: bytes) -> None:
        self.mailbox = derive(secret, owner, "burrow/1 device inbox", 16).hex()
        self._box = Box(derive(secret, owner, "burrow/1 device invitation"))

    def seal(self, invitation: Invitation, nonce: bytes) -> bytes:
        """`nonce` is 12 random bytes."""
        return self._box.seal(encode_invitation(invitation), self.mailbox.encode(), nonce)

    def open(self, data: bytes) -> Invitation:
        """Tampered, BadRequest."""
        if len(data) > INVITATION_BYTES:
            raise BadRequest("an invitation is too long")
        return parse_invitation(self._box.open(data, self.mailbox.encode()))


def pair_inbox(private: bytes, public: str, owner: str) -> Inbox:
    """The inbox that `owner`, one of the two, empties. `private` is ours, `public` theirs. BadRequest for no key."""
    ours, theirs = X25519PrivateKey.from_private_bytes(private), public_key(public)
    both = b"".join(sorted((ours.public_key().public_bytes_raw(), theirs.public_bytes_raw())))
    return Inbox(derive(ours.exchange(theirs), both, "burrow/1 device pair"), b64decode(owner))


def encode_introduction(introduction: Introduction) -> bytes:
    return msgspec.json.encode(introduction)


def parse_introduction(data: bytes) -> Introduction:
    """BadRequest."""
    if len(data) > INTRODUCTION_BYTES:
        raise BadRequest("the other device's introduction is too long")
    try:
        found = read_json(_INTRODUCTION, data)
    except ValueError:
        raise BadRequest("the other device's introduction cannot be read") from None
    public_key(found.public)
    return found


def public_key(text: str) -> X25519PublicKey:
    """Another device's key. BadRequest for what is none, or gives everybody the same secret."""
    try:
        data = b64decode(text, validate=True)
        key = X25519PublicKey.from_public_bytes(data)
        _PROBE.exchange(key)
    except ValueError:
        raise BadRequest("the other device's key is none") from None
    if b64encode(data).decode() != text:
        raise BadRequest("the other device's key is none")
    return key
