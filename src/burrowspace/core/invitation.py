"""An invitation: what one device leaves for another so that a transfer begins without a code.

It is sealed for its reader, in an inbox of two paired devices or in a knock. Spec: docs/spec/meeting.md, "Devices", and
docs/spec/nearby.md.
"""

import msgspec

from burrowspace.core.errors import BadRequest
from burrowspace.core.parsing import read_json
from burrowspace.core.sealing import SECRET_BYTES

NAME_CHARS = 64
INVITATION_BYTES = 4096  # sealed
_LATEST = 1 << 53  # seconds since 1970: what a number of JSON holds


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """The secret of a transfer, what it is called (at most NAME_CHARS characters), and when it was said (seconds since
    1970)."""

    secret: bytes
    name: str
    created: float


_INVITATION = msgspec.json.Decoder(Invitation)


def encode_invitation(invitation: Invitation) -> bytes:
    """JSON; the secret in base64."""
    return msgspec.json.encode(invitation)


def parse_invitation(data: bytes) -> Invitation:
    """BadRequest. Whoever sealed it may be anybody: nothing of it is true but that it was sealed.

    >>> parse_invitation(encode_invitation(Invitation(secret=bytes(32), name="cat.jpg", created=1.5))).name
    'cat.jpg'
    """
    try:
        found = read_json(_INVITATION, data)
    except ValueError:
        raise BadRequest("an invitation cannot be read") from None
    if len(found.secret) != SECRET_BYTES:
        raise BadRequest("an invitation holds no secret")
    if len(found.name) > NAME_CHARS or not 0 <= found.created < _LATEST:
        raise BadRequest("an invitation has a name or a time that none has")
    return found
