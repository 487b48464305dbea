"""What is remembered: one record per kind, as the State port stores them. Times are seconds since 1970, UTC.

Records are values: a change is a new record, `msgspec.structs.replace(record, …)`.
"""

import msgspec

from burrowspace.core.spooling import Policy
from burrowspace.core.transfer import Mode, RequestState, TransferState


class Record(msgspec.Struct, frozen=True):
    """What all kinds have in common: the first field is the id."""


class Peer(Record, frozen=True):
    """One connected device of a user."""

    peer_id: str
    user_id: str
    token_hash: str  # SHA-256 of the peer's token, hex; the token itself is not kept
    token_used: bool  # once true, calls in this peer's name need the token
    connected_at: float
    last_seen: float
    gone: bool  # said good-bye, lost its socket or fell silent; a heartbeat or registration brings it back
    seen: int  # the last notice this device has confirmed, by its number; -1 before its first registration
    address: str | None = None  # whose bounds it counts against; None where that is not counted
    used: bool = True  # it has sent a heartbeat or registered a socket
    node: str | None = None  # where it registered a socket last, among several nodes; None where there is one
    line: int = 0  # how often it has registered among them


class Origin(Record, frozen=True):
    """Where a peer connected from, and whether it guards its user. Peers of older databases have none."""

    peer_id: str
    user_id: str
    network: str | None  # the /24 or /64 that it connected from; None where that cannot be told
    guards: bool  # while true, new devices of the user need a token or an answer


class Applicant(Record, frozen=True):
    """A device that asked to be one of a guarded user's. It is no peer before it is approved."""

    peer_id: str  # what it will have once it is approved
    user_id: str
    token_hash: str
    name: str  # what it calls itself; empty where it said nothing
    network: str | None
    address: str | None
    state: str  # core/joining.py
    asked_at: float
    expires_at: float


class Request(Record, frozen=True):
    """A sender asks a receiver to take a file."""

    request_id: str
    sender_id: str
    receiver_id: str
    filename: str
    state: RequestState
    transfer_id: str | None
    created_at: float
    expires_at: float
    address: str | None = None  # whose bounds it counts against; None where that is not counted


class Transfer(Record, frozen=True):
    """What came of an approved request."""

    transfer_id: str
    request_id: str
    sender_id: str
    receiver_id: str  # empty for a spool of sealed bytes, which is for whoever has the id
    filename: str
    state: TransferState
    progress: float  # 0 to 100, never backwards
    mode: Mode
    stored: int  # bytes of the file that rest here, complete; 0 where none does
    created_at: float
    completed_at: float | None
    expires_at: float

    @property
    def sealed(self) -> bool:
        """A spool of sealed bytes: no users, nobody is told; see Sealed."""
        return self.receiver_id == ""


class Upload(Record, frozen=True):
    """A transfer's bytes on this server: what was declared and reserved. How many are here, the spool alone knows."""

    transfer_id: str
    user_id: str  # the sender, whose quota it counts against
    length: int | None  # bytes of the whole, once declared
    reserved: int  # bytes counted against the quotas
    filename: str | None
    policy: Policy
    keeps: bool  # what arrived stays when the upload breaks off
    complete: bool
    created_at: float  # of these bytes: an upload that starts over is another one
    expires_at: float
    window: int | None = None  # bytes that a live sender may be ahead, where its owner chose that
    address: str | None = None  # whose quota it counts against; None where that is not counted


class Delivery(Record, frozen=True):
    """A receiver has said that it holds the file and has verified it."""

    delivery_id: str  # transfer and receiver, so that saying it twice is saying it once
    transfer_id: str
    receiver_id: str
    delivered_at: float


class Relay(Record, frozen=True):
    """A relay session between two peers; chunks go both ways under one id."""

    session_id: str
    opener_id: str  # the peer whose signal or request started it
    target_id: str
    transfer_id: str | None
    created_at: float
    used_at: float
    to_opener: int  # bytes of the resting queue that the opener has confirmed
    to_target: int  # and the target
    opener_address: str | None = None  # whose bounds the session and what the opener leaves in it count against
    target_address: str | None = None  # and what the target leaves


class Notice(Record, frozen=True):
    """An event that a user's devices must hear, now or when they register."""

    number: int  # given by the store, rising; 0 asks for one
    user_id: str
    event: str
    body: str  # the JSON object of the event
    subject: str  # the request or transfer it speaks of
    created_at: float


class Mailbox(Record, frozen=True):
    """Opaque messages between two ends that alone know its id."""

    mailbox_id: str  # 32 hex digits, chosen by the ends
    address: str | None  # whose bound it counts against; None where that is not counted
    next_number: int
    messages: int  # how many are here
    size: int  # bytes of those
    created_at: float
    expires_at: float


class Message(Record, frozen=True):
    """One message in a mailbox. What it says, only the ends know."""

    message_id: str  # mailbox and number
    mailbox_id: str
    number: int  # rising from 0
    size: int  # bytes of the body
    body: bytes
    created_at: float


class Nameplate(Record, frozen=True):
    """A small number under which somebody may be met for a while."""

    nameplate_id: str  # the number in decimal
    number: int
    token_hash: str  # SHA-256 of its owner's token, hex
    address: str | None
    claims: int  # how many there were
    created_at: float
    expires_at: float


class Claim(Record, frozen=True):
    """Somebody said the number: a fresh mailbox for those two."""

    claim_id: str  # nameplate and number
    nameplate_id: str
    number: int  # rising from 0
    mailbox_id: str


class Sealed(Record, frozen=True):
    """What makes a transfer a spool of sealed bytes: whoever has its token writes, whoever has its id reads."""

    transfer_id: str
    token_hash: str  # SHA-256 of the write token, hex


class Node(Record, frozen=True):
    """One of several servers that share this database."""

    node_id: str  # another one after each start
    beats: int  # rises while it lives; how late is told by the clocks of those who look


class Meta(Record, frozen=True):
    """A fact about this installation, by name."""

    name: str
    value: str
