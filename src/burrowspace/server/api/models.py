"""What the HTTP API takes and gives, as types. The OpenAPI document is made from these."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from burrowspace.core.transfer import REPORTED

MAX_WAIT_S = 50

UserId = Annotated[str, Field(min_length=1, max_length=256, description="A user id, chosen by the app.")]
Name = Annotated[str, Field(min_length=1, max_length=4096, description="A file name; it is cleaned to 255 bytes.")]


REF = "#/components/schemas/{model}"  # where a document keeps its schemas


class Answer(BaseModel):
    """What a call gives."""


class Ask(BaseModel):
    """What a call takes. Types are not guessed: a number is no string."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Refusal(Answer):
    """Every error: a sentence for people and a code for programs; some have more fields."""

    model_config = ConfigDict(extra="allow")

    error: str
    code: str


class Status(Answer):
    status: Literal["online"] = "online"
    server_id: str
    ip: str
    port: int
    public_url: str | None
    connected_peers: int
    active_transfers: int
    stun_servers: list[str]
    version: str
    features: list[str]
    tunnel: "TunnelStatus"


class Health(Answer):
    """`alive`: the process runs. `ready`: it wants calls."""

    status: Literal["alive", "ready"]


class TunnelStatus(Answer):
    """`off`, `opening`, `up`, or `down` with why and what to do."""

    state: Literal["off", "opening", "up", "down"]
    message: str | None = None


class Connect(Ask):
    user_id: UserId
    device_name: str = Field("", max_length=256, description="What the user may call this device; shown to approve it.")


class IceServer(Answer):
    """W3C RTCIceServer."""

    urls: list[str]


class TurnServer(IceServer):
    """One that wants credentials; they hold for `ice_ttl_s`."""

    username: str
    credential: str


class Limits(Answer):
    """Bytes and counts that this server holds its clients to."""

    max_file_bytes: int
    max_payload_bytes: int
    max_attachments: int
    relay_rest_bytes: int
    max_message_bytes: int
    max_mailbox_messages: int
    max_mailbox_bytes: int
    max_wait_s: int
    live_window_bytes: int
    address_quota_bytes: int = Field(description="Bytes that the uploads from one address may have here in all.")
    total_quota_bytes: int
    spool_untouched_s: float = Field(description="A spool to which nothing is written for so long is dropped.")


class Connected(Answer):
    status: Literal["connected", "pending"] = Field(
        "connected",
        description="`pending`: a device of this user has to approve this one first; until then `peer_id` is no peer.",
    )
    peer_id: str
    peer_token: str = Field(description="Once used as `Authorization: Bearer`, calls for this peer need it.")
    server_id: str
    stun_servers: list[str]
    ice_servers: list[TurnServer | IceServer]
    ice_ttl_s: int | None = Field(description="Seconds that the credentials in `ice_servers` hold; null without any.")
    public_url: str | None
    your_ip: str | None = Field(description="The address that this call came from, as the server sees it.")
    limits: Limits
    features: list[str]


class Hello(Answer):
    """What a program without a user needs to know."""

    server_id: str
    version: str
    public_url: str | None
    your_ip: str | None = Field(description="The address that this call came from, as the server sees it.")
    ice_servers: list[TurnServer | IceServer]
    ice_ttl_s: int | None = Field(description="Seconds that the credentials in `ice_servers` hold; null without any.")
    nat_check: list[str] = Field(
        description="Two STUN URIs of this server, two ports of one host: a client whose one UDP port both "
        "see by the same address is not mapped anew for each destination. Empty where there are not two."
    )
    limits: Limits
    features: list[str]


class TlsState(Answer):
    on: bool
    ends: str | None = Field(description="When the certificate ends, ISO 8601, UTC.")


class StunState(Answer):
    ports: list[int] = Field(description="UDP ports that answer.")
    message: str | None = Field(description="Why there is none.")


class Via(Answer):
    """What came with this very call."""

    forwarded: bool = Field(description="A proxy or tunnel said for whom it calls.")
    believed: bool = Field(description="And the server takes its word; see BURROW_TRUSTED_PROXIES.")
    host_known: bool = Field(description="Web pages may call the server by the Host of this call; see BURROW_HOSTS.")


class Doctor(Answer):
    """What the server finds about itself and about this call, as far as strangers may know."""

    version: str
    time: str = Field(description="The server's clock, ISO 8601, UTC.")
    uptime_s: int
    tls: TlsState
    tunnel: TunnelStatus
    stun: StunState
    turn: bool = Field(description="Whether credentials for a TURN server are handed out.")
    your_ip: str | None = Field(description="The address that this call came from, as the server sees it.")
    via: Via
    space: Literal["good", "doubtful", "bad"] = Field(description="Of the room for files at rest.")
    features: list[str]
    limits: Limits


class Heartbeat(Answer):
    status: Literal["ok"] = "ok"


class Disconnected(Answer):
    status: Literal["disconnected"] = "disconnected"
    peer_id: str


class PeerInfo(Answer):
    user_id: str
    status: Literal["online"] = "online"
    connected_at: str = Field(description="ISO 8601, UTC.")
    last_seen: str = Field(description="ISO 8601, UTC.")


class Peers(Answer):
    peers: dict[str, PeerInfo]


class DeviceApproved(Answer):
    status: Literal["approved"] = "approved"
    peer_id: str


class DeviceRejected(Answer):
    status: Literal["rejected"] = "rejected"
    peer_id: str


class DeviceRevoked(Answer):
    status: Literal["revoked"] = "revoked"
    peer_id: str


class DeviceInfo(Answer):
    connected_at: str = Field(description="ISO 8601, UTC.")
    last_seen: str = Field(description="ISO 8601, UTC.")
    online: bool
    uses_token: bool
    network: str | None = Field(description="The /24 or /64 that it connected from.")


class WaitingDevice(Answer):
    device_name: str
    address: str | None
    asked_at: str = Field(description="ISO 8601, UTC.")
    expires_at: str = Field(description="ISO 8601, UTC.")


class UserDevices(Answer):
    guarded: bool = Field(description="Whether a new device of this user needs a token or an approval.")
    devices: dict[str, DeviceInfo]
    pending: dict[str, WaitingDevice]


class RequestTransfer(Ask):
    sender_id: UserId
    receiver_id: UserId
    filename: Name


class Requested(Answer):
    status: Literal["pending"] = "pending"
    request_id: str
    receiver_online: bool


class Approved(Answer):
    status: Literal["approved"] = "approved"
    transfer_id: str
    sender_online: bool


class Rejected(Answer):
    status: Literal["rejected"] = "rejected"
    request_id: str


class UpdateStatus(Ask):
    status: str = Field(
        min_length=1,
        max_length=64,
        examples=list(REPORTED),
        description="A word of the state table is a step; every other word reports progress.",
    )
    progress: Annotated[float, Field(allow_inf_nan=False, description="Percent; kept within 0 and 100.")]


class Updated(Answer):
    status: Literal["updated"] = "updated"


class Uploaded(Answer):
    status: Literal["completed"] = "completed"
    transfer_id: str
    filename: str


class Verified(Ask):
    peer_id: str | None = Field(None, max_length=64, description="The device that has it, where a user has several.")


class Delivered(Answer):
    status: Literal["delivered"] = "delivered"
    transfer_id: str
    deliveries: int = Field(description="How many receivers have said that they hold the file, verified.")


class TransferStatus(Answer):
    request_id: str
    status: str
    progress: float
    created_at: str
    completed_at: str | None = None
    sender_id: str
    receiver_id: str
    filename: str
    transfer_mode: str


class Cancelled(Answer):
    status: Literal["cancelled"] = "cancelled"
    transfer_id: str


class MailboxState(Answer):
    status: Literal["here", "removed"]
    mailbox: str
    messages: int = Field(description="How many are here.")
    bytes: int = Field(description="Bytes of those.")
    next_number: int = Field(description="The number that the next message will have.")
    created_at: str = Field(description="ISO 8601, UTC. A mailbox made anew counts from 0 again.")
    expires_at: str = Field(description="ISO 8601, UTC.")


class Posted(Answer):
    number: int


class MessageBody(Answer):
    number: int
    body: str = Field(description="Base64.")


class Messages(Answer):
    messages: list[MessageBody]
    created_at: str = Field(description="ISO 8601, UTC.")
    expires_at: str = Field(description="ISO 8601, UTC.")


HexKey = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
PlateKey = Annotated[str, Field(pattern="^[1-9][0-9]{0,3}$")]
Known = Annotated[int, Field(ge=-1, le=2**53 - 1)]
WAITED_MOST = 64  # things that one call may wait for


class ReadMailboxes(Ask):
    mailboxes: dict[HexKey, Known] = Field(
        min_length=1,
        max_length=WAITED_MOST,
        description="Ids, each with the number beyond which messages are asked for.",
        json_schema_extra={"additionalProperties": False},
    )
    wait: float = Field(
        0, ge=0, le=MAX_WAIT_S, allow_inf_nan=False, description="Seconds to wait for news, if there is none."
    )


class ManyMessages(Answer):
    mailboxes: dict[str, Messages | None] = Field(description="Those with news; null for one that is not there.")


class NameplateMade(Answer):
    nameplate: int = Field(description="The number to say before the words.")
    token: str = Field(description="The owner's, for `Authorization: Bearer`.")
    expires_at: str = Field(description="ISO 8601, UTC.")


class NameplateHeld(Answer):
    nameplate: int = Field(description="The number that was asked for.")
    status: Literal["held"] = "held"


class Claimed(Answer):
    mailbox: str = Field(description="A fresh mailbox for these two.")


class ClaimMade(Answer):
    number: int
    mailbox: str


class Claims(Answer):
    claims: list[ClaimMade]
    expires_at: str = Field(description="ISO 8601, UTC.")


class Released(Answer):
    status: Literal["released"] = "released"
    nameplate: int


class ShowNearby(Ask):
    """How a device shows itself. Whatever stands here, its owner made up."""

    name: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*$",
        description="No control characters, none that turn the direction of writing.",
    )
    kind: Literal["phone", "tablet", "desktop", "terminal", "other"]
    picture: int = Field(ge=0, le=999)
    public: str = Field(pattern="^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$", description="X25519, 32 bytes in base64.")
    inbox: str = Field(pattern="^[0-9a-f]{32}$", description="A mailbox for knocks; nobody else is told of it.")


class NearDevice(Answer):
    handle: str
    name: str
    kind: str
    picture: int
    public: str


class NearDevices(Answer):
    version: int = Field(description="For the next call; it says nothing but whether something changed.")
    devices: list[NearDevice] = Field(description="The others of this network.")


class OwnNameplate(Ask):
    token: str = Field(min_length=1, max_length=256, description="The owner's.")
    after: Known = Field(-1, description="The number of the last claim that is known.")


class OwnNearby(Ask):
    token: str = Field(min_length=32, max_length=128, description="The secret of this device.")
    version: Known = Field(-1, description="The version of the last answer; -1 for none.")


class ReadChanges(Ask):
    mailboxes: dict[HexKey, Known] = Field(
        {},
        max_length=WAITED_MOST,
        description="Ids, each with the number beyond which messages are asked for.",
        json_schema_extra={"additionalProperties": False},
    )
    nameplates: dict[PlateKey, OwnNameplate] = Field(
        {}, max_length=WAITED_MOST, description="By number.", json_schema_extra={"additionalProperties": False}
    )
    nearby: dict[HexKey, OwnNearby] = Field(
        {}, max_length=4, description="By handle.", json_schema_extra={"additionalProperties": False}
    )
    wait: float = Field(
        0, ge=0, le=MAX_WAIT_S, allow_inf_nan=False, description="Seconds to wait for a change, if there is none."
    )


class FoundChanges(Answer):
    mailboxes: dict[str, Messages | None] = Field(description="Those with news; null for one that is not there.")
    nameplates: dict[str, Claims | None] = Field(description="Those with new claims; null for one that is not yours.")
    nearby: dict[str, NearDevices | None] = Field(
        description="Those whose network has another version now; null for one that does not show itself."
    )


class LeftNearby(Answer):
    status: Literal["gone"] = "gone"


class Knocked(Answer):
    status: Literal["ok"] = "ok"


Rests = Literal["rest", "live", "live-then-rest"]


class MakeSpool(Ask):
    length: int | None = Field(None, ge=0, le=2**53 - 1, description="Sealed bytes of the whole, where they are known.")
    policy: Rests = Field("rest", description="How the bytes may lie here; see docs/spec/bytes.md.")
    window: int | None = Field(
        None, ge=64 * 1024, le=2**30, description="Bytes that a live sender may be ahead of its slowest reader."
    )


class AllowSpool(Ask):
    policy: Rests


class SpoolMade(Answer):
    transfer_id: str
    write_token: str = Field(description="For `Authorization: Bearer` on the upload's URL.")
    upload: str = Field(description="A path of this server.")
    download: str = Field(description="A path of this server.")
    expires_at: str = Field(description="ISO 8601, UTC.")


class SpoolState(Answer):
    """Sizes are bytes."""

    transfer_id: str
    offset: int = Field(description="Where the next byte goes.")
    first: int = Field(description="The first byte that is still here; those before were given back.")
    length: int | None
    complete: bool
    policy: Rests
    window: int
    readers: int = Field(description="Who follow the upload now.")
    deliveries: int
    created_at: str = Field(description="ISO 8601, UTC.")
    expires_at: str = Field(description="ISO 8601, UTC.")


def refused(why: str) -> dict[str, Any]:
    """A refusal as a call documents it; `model=Refusal` would build one validator for each status of each call."""
    return {"description": why, "content": {"application/json": {"schema": {"$ref": REF.format(model="Refusal")}}}}


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: refused("A field is missing, of the wrong type or out of its bounds."),
    401: refused("The peer uses a token and the call came without it."),
    403: refused("The token belongs to somebody else."),
    413: refused("The body is too large."),
    415: refused("The body is not of the content type that this call reads."),
    429: refused("A bound on how many was reached; Retry-After says when it would pass."),
    507: refused("The disk or a quota is full."),
}
UNKNOWN: dict[int | str, dict[str, Any]] = {404: refused("No such id.")}
CONFLICT: dict[int | str, dict[str, Any]] = {409: refused("Not from where it stands.")}
FULL: dict[int | str, dict[str, Any]] = {507: refused("The disk or a quota is full.")}
