"""Devices come, say that they live, and go."""

from datetime import UTC, datetime

from fastapi import APIRouter, Query, Request, Response

from burrowspace import __version__
from burrowspace.config import Settings
from burrowspace.core.ice import ice_servers
from burrowspace.core.names import shown
from burrowspace.core.names import user_id as checked_user
from burrowspace.core.records import Peer
from burrowspace.server.api.context import Caller, Context, Server, Token, your_ip
from burrowspace.server.api.models import (
    MAX_WAIT_S,
    REFUSALS,
    UNKNOWN,
    Connect,
    Connected,
    Disconnected,
    Heartbeat,
    Hello,
    IceServer,
    Limits,
    PeerInfo,
    Peers,
    TurnServer,
)
from burrowspace.server.callers import PASSED_ON
from burrowspace.server.driver.devices import DeviceInfo, network
from burrowspace.server.driver.mailboxes import MESSAGE_BYTES

router = APIRouter(tags=["peers"], responses=REFUSALS)

FEATURES = [
    "relay",
    "relay-request",
    "reject-transfer",
    "storage",
    "peer-token",
    "device-approval",
    "socketio-polling",
    "tus",
    "resumable-upload",
    "follow",
    "delivered",
    "mailboxes",
    "nameplates",
    "spools",
]
ATTACHMENTS = 10  # binary attachments of one event


def iso(seconds: float) -> str:
    """ISO 8601 in UTC.

    >>> iso(0)
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def features(settings: Settings) -> list[str]:
    """What this server has beyond the published API."""
    return [*FEATURES, "nearby"] if settings.show_devices else FEATURES


async def limits(server: Context) -> Limits:
    """What this server holds its clients to."""
    settings, quotas = server.settings, await server.driver.uploads.reserve.quotas()
    return Limits(
        max_file_bytes=settings.max_file_bytes,
        max_payload_bytes=settings.max_payload_bytes,
        max_attachments=ATTACHMENTS,
        relay_rest_bytes=settings.relay_rest_bytes,
        max_message_bytes=MESSAGE_BYTES,
        max_mailbox_messages=settings.max_mailbox_messages,
        max_mailbox_bytes=settings.max_mailbox_bytes,
        max_wait_s=MAX_WAIT_S,
        live_window_bytes=settings.live_window_bytes,
        address_quota_bytes=quotas.address,
        total_quota_bytes=quotas.total,
        spool_untouched_s=settings.untouched_s,
    )


def ice(
    server: Context, stun: list[str], address: str | None, peer_id: str | None
) -> tuple[list[TurnServer | IceServer], int | None]:
    """STUN and TURN for this caller, and the seconds that its credentials hold."""
    found: list[TurnServer | IceServer] = [IceServer(urls=server["urls"]) for server in ice_servers(stun)]
    offer = server.turn.offer(peer_id, address or "", server.driver.now())
    if offer is None:
        return found, None
    username, credential = offer.passed
    return [*found, TurnServer(urls=offer.urls, username=username, credential=credential)], offer.ttl_s


@router.get("/hello")
async def hello(request: Request, server: Server) -> Hello:
    """What this server is and can, for a program without a user; it makes no peer and is remembered nowhere."""
    host, address = request.headers.get("host"), request.client.host if request.client else None
    passed_on = request.scope.get(PASSED_ON, False)
    servers, ttl_s = ice(server, server.reach.stun_servers(host, passed_on=passed_on), address, None)
    both = server.reach.own_stun(host, passed_on=passed_on)
    return Hello(
        server_id=server.driver.server_id,
        version=__version__,
        public_url=server.reach.public_url,
        your_ip=your_ip(request),
        ice_servers=servers,
        ice_ttl_s=ttl_s,
        nat_check=both if len(both) == 2 else [],
        limits=await limits(server),
        features=features(server.settings),
    )


@router.post("/connect")
async def connect(body: Connect, request: Request, server: Server, token: Token, caller: Caller) -> Connected:
    """Makes this device a peer of its user.

    Where a device of the user uses its token, send the token of one of the user's devices; without it the answer is
    `pending` until one of them approves this device.
    """
    address = request.client.host if request.client else None
    device = DeviceInfo(None if address is None else network(address), your_ip(request), shown(body.device_name, 64))
    welcome = await server.driver.presence.connect(checked_user(body.user_id), token, device, caller)
    passed_on = request.scope.get(PASSED_ON, False)
    stun = server.reach.stun_servers(request.headers.get("host"), passed_on=passed_on)
    servers, ttl_s = ice(server, stun, address, welcome.peer.peer_id)
    return Connected(
        status="pending" if welcome.pending else "connected",
        peer_id=welcome.peer.peer_id,
        peer_token=welcome.token,
        server_id=server.driver.server_id,
        stun_servers=stun,
        ice_servers=servers,
        ice_ttl_s=ttl_s,
        public_url=server.reach.public_url,
        your_ip=your_ip(request),
        limits=await limits(server),
        features=features(server.settings),
    )


@router.post("/heartbeat/{peer_id}", responses=UNKNOWN)
async def heartbeat(peer_id: str, server: Server, token: Token) -> Heartbeat:
    """A sign of life, every 30 s; after 60 s without one a peer is offline."""
    await server.driver.presence.heard(peer_id, token)
    return Heartbeat()


@router.post("/disconnect/{peer_id}", responses=UNKNOWN)
async def disconnect(peer_id: str, request: Request, server: Server, token: Token) -> Disconnected:
    """A good-bye; the others hear `peer_disconnected`."""
    await server.driver.presence.disconnect(peer_id, token, request.client.host if request.client else None)
    return Disconnected(peer_id=peer_id)


@router.get("/peers", response_model=Peers)
async def peers(server: Server, user_id: str | None = Query(None, max_length=256)) -> Peers | Response:
    """The online peers, of one user or of all; never an address. A list of many may be 2 s old."""
    presence = server.driver.presence
    if user_id:
        return Peers(peers={peer.peer_id: _info(peer) for peer in await presence.online(user_id)})
    body = await server.directory.body(presence.online, lambda peer: _info(peer).model_dump(), server.driver.now)
    return Response(body, media_type="application/json")


def _info(peer: Peer) -> PeerInfo:
    return PeerInfo(user_id=peer.user_id, connected_at=iso(peer.connected_at), last_seen=iso(peer.last_seen))
