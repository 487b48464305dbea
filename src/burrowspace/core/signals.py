"""What the two ends say to each other, sealed: through a mailbox before and beside the blocks, and on a direct link.

Words only: when to say which is for the machines of the client. Everything parsed here was sealed by the other end,
and is bounded all the same. Spec: docs/spec/signalling.md.
"""

import struct
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from burrowspace.core.errors import BadRequest, Tampered, TooLarge, TooMany
from burrowspace.core.layout import MANIFEST_BYTES, POSITIONS
from burrowspace.core.manifest import PACK_BYTES
from burrowspace.core.parsing import read_json
from burrowspace.core.sealing import Box, Buffer, Suite, derive

SIGNAL_BYTES = 60 << 10  # of one message before sealing; a mailbox takes 64 KiB
CONTROL_BYTES = 32 << 10  # of one control before sealing
SDP_CHARS = 60 << 10
CANDIDATES = 32  # addresses of each kind in one message
SESSIONS = 256  # of other ends that one channel remembers
SESSION_BYTES = 16

_T = TypeVar("_T")
_PREFIX = struct.Struct(">16sQ")  # session, counter: in front of the sealed message, and bound to it
PREFIX_BYTES = _PREFIX.size

Id = Annotated[str, Meta(pattern="^[0-9a-f]{32}$", max_length=32)]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", max_length=64)]
Name = Annotated[str, Meta(max_length=255)]
Why = Annotated[str, Meta(max_length=1000)]
Position = Annotated[int, Meta(ge=0, le=POSITIONS)]
Seconds = Annotated[int, Meta(ge=0, lt=1 << 40)]  # since 1970, UTC
Number = Annotated[int, Meta(ge=0, lt=1 << 53)]  # what JavaScript counts exactly
Host = Annotated[str, Meta(min_length=1, max_length=255)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Addresses = Annotated[tuple[tuple[Host, Port], ...], Meta(max_length=CANDIDATES)]
Suites = Annotated[tuple[Suite, ...], Meta(min_length=1, max_length=4)]


class Message(msgspec.Struct, frozen=True, tag_field="type"):
    """Fields that are not known are ignored: a newer version may say more."""


# In the mailbox


class Offer(Message, frozen=True, tag="offer"):
    """The sender: this is there to take. Sizes are bytes of plaintext, as Layout wants them."""

    transfer: Id
    name: Name  # of the sender, for a person
    manifest_size: Annotated[int, Meta(ge=1, le=MANIFEST_BYTES)]
    pack_size: Annotated[int, Meta(ge=0, le=PACK_BYTES)] | None
    suites: Suites
    may_store: bool
    created: Seconds
    version: Annotated[int, Meta(ge=1, le=1 << 20)] = 1


class Hello(Message, frozen=True, tag="hello"):
    """A receiver: here I am, and this much I hold. `receiver` stays the same over its restarts."""

    receiver: Id
    name: Name
    held: Position
    suites: Suites
    version: Annotated[int, Meta(ge=1, le=1 << 20)] = 1


class Accept(Message, frozen=True, tag="accept"):
    """The receiver takes it, sealed in this suite; `held` positions are here already."""

    suite: Suite = Suite.A256GCM
    held: Position = 0


class Decline(Message, frozen=True, tag="decline"):
    why: Why


class Candidates(Message, frozen=True, tag="candidates"):
    """Where this end may be reached: `tcp` listens there; `observed` is how the server saw it, to punch through."""

    tcp: Addresses = ()
    observed: Addresses = ()


class Sdp(Message, frozen=True, tag="sdp"):
    kind: Literal["offer", "answer"]
    sdp: Annotated[str, Meta(max_length=SDP_CHARS)]
    relayed: bool = False  # an offer of a "turn" link: only then may the answer name TURN's addresses too


class IceCandidate(Message, frozen=True, tag="ice"):
    """An empty candidate says that there are no more."""

    candidate: Annotated[str, Meta(max_length=2000)]
    mid: Annotated[str, Meta(max_length=64)] | None = None
    line: Annotated[int, Meta(ge=0, le=1024)] | None = None


class Leg(Message, frozen=True, tag="leg"):
    """The sender: from position `first` on, the blocks go through this spool on the server."""

    spool: Id
    first: Position
    suite: Suite
    resting: bool  # the sender may leave; the spool keeps it


class LegEnd(Message, frozen=True, tag="leg-end"):
    """The sender: that spool carries what lies before position `upto` and no more."""

    spool: Id
    upto: Position


class AskRelay(Message, frozen=True, tag="ask-relay"):
    held: Position


class Progress(Message, frozen=True, tag="progress"):
    held: Position


class Verified(Message, frozen=True, tag="verified"):
    """The receiver: every file is whole. `digest` is BLAKE3 over the pack's digests, hex."""

    digest: Digest


class Cancel(Message, frozen=True, tag="cancel", omit_defaults=True):
    why: Why
    code: Annotated[str, Meta(max_length=32)] = ""  # of the error that ended it: a page has words of its own for some


class Bye(Message, frozen=True, tag="bye"):
    """This end leaves in good order; it may come back."""


# On a direct link


class Want(Message, frozen=True, tag="want"):
    """The receiver: send me positions `from_` up to, not including, `upto`, after what I wanted before."""

    from_: Position = msgspec.field(name="from")
    upto: Position


class Stop(Message, frozen=True, tag="stop"):
    """The receiver: send no more on this link until I want again."""


class Held(Message, frozen=True, tag="held"):
    held: Position


class Ping(Message, frozen=True, tag="ping"):
    n: Number = 0


class Pong(Message, frozen=True, tag="pong"):
    n: Number = 0


Signal: TypeAlias = (
    Offer
    | Hello
    | Accept
    | Decline
    | Candidates
    | Sdp
    | IceCandidate
    | Leg
    | LegEnd
    | AskRelay
    | Progress
    | Verified
    | Cancel
    | Bye
)
Control: TypeAlias = Want | Stop | Held | Ping | Pong | Verified | Cancel | Bye

_SIGNAL: msgspec.json.Decoder[Signal] = msgspec.json.Decoder(Signal)
_CONTROL: msgspec.json.Decoder[Control] = msgspec.json.Decoder(Control)


def encode(message: Message) -> bytes:
    """As JSON. BadRequest for text that is none."""
    try:
        return msgspec.json.encode(message)
    except UnicodeEncodeError:
        raise BadRequest("a message holds text that cannot be written as UTF-8") from None


def parse_signal(data: Buffer) -> Signal:
    """A message of a mailbox. BadRequest.

    >>> parse_signal(b'{"type":"progress","held":7,"newer":true}')
    Progress(held=7)
    """
    if len(data) > SIGNAL_BYTES:
        raise BadRequest("a signal is too long")
    return _parsed(_SIGNAL, data)


def parse_control(data: Buffer) -> Control:
    """A message of a direct link. BadRequest.

    >>> parse_control(b'{"type":"want","from":3,"upto":35}')
    Want(from_=3, upto=35)
    """
    if len(data) > CONTROL_BYTES:
        raise BadRequest("a control is too long")
    control = _parsed(_CONTROL, data)
    if isinstance(control, Want) and control.upto < control.from_:
        raise BadRequest("a want ends before it begins")
    return control


def _parsed(decoder: "msgspec.json.Decoder[_T]", data: Buffer) -> _T:
    try:
        return read_json(decoder, data)
    except ValueError:
        raise BadRequest("a message of the other side cannot be read") from None


class Role(StrEnum):
    SENDER = "sender"
    RECEIVER = "receiver"

    @property
    def other(self) -> "Role":
        return Role.RECEIVER if self is Role.SENDER else Role.SENDER


class Channel:
    """One end's sealed words in one mailbox: what it says, and what it believes of what others said.

    A message is session || counter || sealed JSON, and is bound to the mailbox, the role, the session and the
    counter. So nothing can be changed, moved to another mailbox, said again or thrown back. `session` is 16 random
    bytes, new whenever a program starts. What one channel has opened it does not open again; a program that starts
    anew reads the mailbox from its start.

    >>> ann = Channel(bytes(32), "0" * 32, Role.SENDER, bytes(16))
    >>> bob = Channel(bytes(32), "0" * 32, Role.RECEIVER, bytes(16))
    >>> bob.open(ann.seal(Progress(held=1), bytes(12)))[1]
    Progress(held=1)
    """

    __slots__ = ("_box", "_counter", "_heard", "mailbox", "role", "session")

    def __init__(self, secret: bytes, mailbox: str, role: Role, session: bytes) -> None:
        if len(session) != SESSION_BYTES:
            raise ValueError(f"a session has {SESSION_BYTES} bytes")
        self._box = Box(derive(secret, b"", "burrow/1 signal"))
        self._counter = 0
        self._heard: dict[bytes, int] = {}
        self.mailbox, self.role, self.session = mailbox, role, session

    def _bound(self, role: Role, prefix: bytes) -> bytes:
        return b"burrow/1 signal\0" + self.mailbox.encode() + b"\0" + role.encode() + b"\0" + prefix

    def seal(self, message: Signal, nonce: bytes) -> bytes:
        """The next message of this end; `nonce` is 12 fresh random bytes. TooLarge above SIGNAL_BYTES."""
        plain = encode(message)
        if len(plain) > SIGNAL_BYTES:
            raise TooLarge(f"a signal has at most {SIGNAL_BYTES} bytes")
        self._counter += 1
        prefix = _PREFIX.pack(self.session, self._counter)
        return prefix + self._box.seal(plain, self._bound(self.role, prefix), nonce)

    def open(self, data: Buffer) -> tuple[bytes, Signal]:
        """The other role's session and what it said.

        Tampered for what it did not say, or said before; BadRequest for nonsense.
        """
        view = memoryview(data)
        if not PREFIX_BYTES < len(view) <= PREFIX_BYTES + SIGNAL_BYTES + self._box.suite.overhead:
            raise Tampered("a signal has a length that none has")
        prefix = bytes(view[:PREFIX_BYTES])
        session, counter = _PREFIX.unpack(prefix)
        plain = self._box.open(view[PREFIX_BYTES:], self._bound(self.role.other, prefix))
        if counter <= self._heard.get(session, 0):
            raise Tampered("a signal was said again")
        if session not in self._heard and len(self._heard) >= SESSIONS:
            raise TooMany(f"more than {SESSIONS} sessions spoke in one mailbox")
        self._heard[session] = counter
        return session, parse_signal(plain)
