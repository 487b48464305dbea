"""Who may speak for a peer or a user. The published app has no token; whoever once used one must go on using it."""

import hashlib
import hmac
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from burrowspace.core.errors import Forbidden, NotApproved, Unauthorized
from burrowspace.core.joining import PRESENT_S, Joining, guards
from burrowspace.core.records import Applicant, Origin, Peer, Sealed, Transfer
from burrowspace.ports import Rows

_WORDS = "this peer uses a token: send the peer_token from /connect as `Authorization: Bearer <token>`"
_GUARDED = (
    "this user has a device that uses its token: send the peer_token of one of the user's devices as "
    "`Authorization: Bearer <token>`"
)


class Tokenless(NamedTuple):
    """A caller that sent no token."""

    network: str | None  # its /24 or /64; None where that cannot be told
    now: float


Voice = str | Tokenless | None  # a token; or a caller without one; None where nothing is known of that caller


def digest(token: str) -> str:
    """What is kept of a token: its SHA-256, hex. The token has 256 bits of entropy, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_token_of(token: str, holder: Peer | Applicant) -> bool:
    return hmac.compare_digest(digest(token), holder.token_hash)


def speak_for(rows: Rows, peer: Peer, token: str | None) -> Peer:
    """The peer, marked as a user of its token where one came. Unauthorized without the token it needs."""
    if token is None:
        if peer.token_used:
            raise Unauthorized(_WORDS)
        return peer
    if not is_token_of(token, peer):
        raise Unauthorized("this is not the token of that peer")
    _guard(rows, peer)
    return peer if peer.token_used else rows.put(msgspec.structs.replace(peer, token_used=True))


def speak_for_one_of(rows: Rows, users: Iterable[str], voice: Voice) -> None:
    """Passes who may speak for one of the users.

    With a token: a holder of a device's. Without: anyone while one of their devices goes without a token, as the
    published app does; where that device's user is guarded, only from the network which it was last heard from.
    """
    asked = set(users)
    peers = [peer for user in asked for peer in rows.find(Peer, user_id=user)]
    if isinstance(voice, str):
        found = [peer for peer in peers if is_token_of(voice, peer)]
        if not found:
            for user in asked:
                _refuse_applicant(rows, user, voice)
            raise Forbidden("this token belongs to none of the users of that transfer")
        speak_for(rows, found[0], voice)
    elif peers and not any(_open(rows, peer, voice) for peer in peers if not peer.token_used):
        raise Unauthorized(_GUARDED)


def speak_for_user(rows: Rows, user_id: str, token: str | None) -> Peer:
    """The user's device whose token this is. For what only devices with tokens may do."""
    if token is None:
        raise Unauthorized(_GUARDED)
    found = device_of(rows, user_id, token)
    if found is None:
        _refuse_applicant(rows, user_id, token)
        raise Forbidden("this token belongs to no device of that user")
    return found


def device_of(rows: Rows, user_id: str, token: str) -> Peer | None:
    """The user's device whose token this is, marked as a user of it."""
    for peer in rows.find(Peer, user_id=user_id):
        if is_token_of(token, peer):
            return speak_for(rows, peer, token)
    return None


def is_guarded(rows: Rows, user_id: str) -> bool:
    """Whether a new device of the user needs a token or an answer."""
    return rows.count(Origin, user_id=user_id, guards=True) > 0


def may_send(rows: Rows, transfer: Transfer, voice: Voice) -> None:
    """Passes who may write the transfer's bytes: its sender, or, where they are sealed, the holder of its token."""
    if not transfer.sealed:
        speak_for_one_of(rows, [transfer.sender_id], voice)
        return
    if not isinstance(voice, str):
        raise Unauthorized("send the write_token of this spool as `Authorization: Bearer <token>`")
    held = rows.get(Sealed, transfer.transfer_id)
    if held is None or not hmac.compare_digest(digest(voice), held.token_hash):
        raise Forbidden("this is not the write_token of that spool")


def not_approved(peer_id: str) -> NotApproved:
    return NotApproved("this device is not approved yet; a device of its user has to let it in", peer_id=peer_id)


def _open(rows: Rows, peer: Peer, voice: Tokenless | None) -> bool:
    """Whether a device without a token lets a caller without one speak for its user."""
    if voice is None or not is_guarded(rows, peer.user_id):
        return True
    origin = rows.get(Origin, peer.peer_id)
    there = None if origin is None else origin.network
    return there is not None and there == voice.network and peer.last_seen > voice.now - PRESENT_S


def _guard(rows: Rows, peer: Peer) -> None:
    """The peer has shown its token: it guards its user, unless somebody else was first."""
    origin = rows.get(Origin, peer.peer_id)
    if origin is not None and origin.guards:
        return
    origins = {each.peer_id: each for each in rows.find(Origin, user_id=peer.user_id)}
    others = [each for each in rows.find(Peer, user_id=peer.user_id) if each.peer_id != peer.peer_id]
    if guards(peer, origin, others, origins):
        network = None if origin is None else origin.network
        rows.put(Origin(peer.peer_id, peer.user_id, network, True))


def _refuse_applicant(rows: Rows, user_id: str, token: str) -> None:
    for each in rows.find(Applicant, user_id=user_id, state=Joining.PENDING.value):
        if is_token_of(token, each):
            raise not_approved(each.peer_id)
