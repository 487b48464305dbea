"""Who may speak for a peer or a user. The published app has no token; whoever once used one must go on using it."""

import hashlib
import hmac
from collections.abc import Iterable

import msgspec

from burrowspace.core.errors import Forbidden, Unauthorized
from burrowspace.core.records import Peer, Sealed, Transfer
from burrowspace.ports import Rows

_WORDS = "this peer uses a token: send the peer_token from /connect as `Authorization: Bearer <token>`"


def digest(token: str) -> str:
    """What is kept of a token: its SHA-256, hex. The token has 256 bits of entropy, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def speak_for(rows: Rows, peer: Peer, token: str | None) -> Peer:
    """The peer, marked as a user of its token where one came. Unauthorized without the token it needs."""
    if token is None:
        if peer.token_used:
            raise Unauthorized(_WORDS)
        return peer
    if not hmac.compare_digest(digest(token), peer.token_hash):
        raise Unauthorized("this is not the token of that peer")
    return peer if peer.token_used else rows.put(msgspec.structs.replace(peer, token_used=True))


def speak_for_one_of(rows: Rows, users: Iterable[str], token: str | None) -> None:
    """Passes who may speak for one of the users: anyone while one of their devices goes without a token, as the
    published app does, else only a holder of a device's token."""
    peers = [peer for user in set(users) for peer in rows.find(Peer, user_id=user)]
    if token is None:
        if peers and all(peer.token_used for peer in peers):
            raise Unauthorized(_WORDS)
        return
    found = [peer for peer in peers if hmac.compare_digest(digest(token), peer.token_hash)]
    if not found:
        raise Forbidden("this token belongs to none of the users of that transfer")
    speak_for(rows, found[0], token)


def may_send(rows: Rows, transfer: Transfer, token: str | None) -> None:
    """Passes who may write the transfer's bytes: its sender, or, where they are sealed, the holder of its token."""
    if not transfer.sealed:
        speak_for_one_of(rows, [transfer.sender_id], token)
        return
    if token is None:
        raise Unauthorized("send the write_token of this spool as `Authorization: Bearer <token>`")
    held = rows.get(Sealed, transfer.transfer_id)
    if held is None or not hmac.compare_digest(digest(token), held.token_hash):
        raise Forbidden("this is not the write_token of that spool")
