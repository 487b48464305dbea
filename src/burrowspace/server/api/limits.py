"""Every call that changes something, and what bounds it: one table, asked before the call is made.

A call that is not in the table cannot be made: tests/server/test_limits.py goes through the OpenAPI document. `also`
names the further bounds, which the driver keeps, for they need the rows.
"""

from typing import NamedTuple

from fastapi import Request

from burrowspace.core.networks import counted
from burrowspace.server.driver.pace import Kind

READS = ("GET", "HEAD", "OPTIONS")


class Limit(NamedTuple):
    """How one call is bounded."""

    kind: Kind | None  # how often from one address; None: the driver counts, see `also`
    grows: bool = False  # it makes new rows: refused below the floor of free disk space
    also: str = ""  # the settings of the other bounds


LIMITS: dict[tuple[str, str], Limit] = {
    ("POST", "/connect"): Limit(
        Kind.CONNECT, True, "max_peers_per_address, max_user_peers and half of it per address, max_peers"
    ),
    ("POST", "/heartbeat/{peer_id}"): Limit(Kind.WRITE),
    ("POST", "/disconnect/{peer_id}"): Limit(Kind.WRITE),
    ("POST", "/approve-device/{device_id}"): Limit(Kind.WRITE, True, "max_user_peers"),
    ("POST", "/reject-device/{device_id}"): Limit(Kind.WRITE),
    ("POST", "/revoke-device/{device_id}"): Limit(Kind.WRITE),
    ("POST", "/request-transfer"): Limit(
        Kind.REQUEST, True, "max_requests_per_address, max_pending and half of it per address"
    ),
    ("POST", "/approve-transfer/{request_id}"): Limit(Kind.WRITE, True, "one for each request"),
    ("POST", "/reject-transfer/{request_id}"): Limit(Kind.WRITE),
    ("POST", "/update-transfer-status/{transfer_id}"): Limit(Kind.WRITE),
    ("POST", "/cancel-transfer/{transfer_id}"): Limit(Kind.WRITE),
    ("POST", "/upload/{transfer_id}"): Limit(
        None, also="max_writes_per_minute for each that begins; address_quota_bytes, total_quota_bytes"
    ),
    ("POST", "/delivered/{transfer_id}"): Limit(Kind.WRITE, also="1000 for each transfer"),
    ("PUT", "/mailboxes/{mailbox_id}"): Limit(Kind.WRITE, True, "max_mailboxes_per_address, max_mailboxes"),
    ("POST", "/mailboxes/{mailbox_id}"): Limit(
        None, True, "max_posts_per_minute, max_mailbox_bytes_per_address, max_mailbox_total_bytes"
    ),
    ("POST", "/mailboxes/read"): Limit(Kind.WRITE, also="max_waits_per_address, max_waits"),
    ("DELETE", "/mailboxes/{mailbox_id}"): Limit(Kind.WRITE),
    ("POST", "/changes"): Limit(Kind.WRITE, also="max_waits_per_address, max_waits"),
    ("POST", "/nameplates"): Limit(Kind.WRITE, True, "max_nameplates_per_address"),
    ("POST", "/nameplates/{nameplate}/claim"): Limit(
        None, True, "max_claims_per_minute, max_nameplate_claims, max_mailboxes_per_address"
    ),
    ("DELETE", "/nameplates/{nameplate}"): Limit(Kind.WRITE),
    ("PUT", "/nearby/{handle}"): Limit(Kind.WRITE, also="max_nearby, max_nearby_per_address"),
    ("DELETE", "/nearby/{handle}"): Limit(Kind.WRITE),
    ("POST", "/nearby/{handle}/knock"): Limit(Kind.WRITE, True, "max_knocks_per_minute, max_posts_per_minute"),
    ("POST", "/spools"): Limit(Kind.WRITE, True, "max_spools_per_address, max_spools, address_quota_bytes"),
    ("PATCH", "/spools/{spool_id}"): Limit(Kind.WRITE),
}


async def limited(request: Request) -> None:
    """For every route. TooMany and NoSpace; a call that changes something and has no entry is a mistake of ours."""
    if request.method in READS:
        return
    path: str = request.scope["route"].path
    if path.startswith("/upload/"):
        path, method = "/upload/{transfer_id}", "POST"
    else:
        method = request.method
    limit = LIMITS[method, path]
    pace = request.app.state.context.driver.pace
    if limit.kind is not None:
        pace.check(limit.kind, counted(request.client.host) if request.client else None)
    if limit.grows:
        await pace.may_grow()
