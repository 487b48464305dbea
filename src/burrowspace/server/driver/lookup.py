"""Looking up what a caller named, or refusing: for the functions that run inside a transaction."""

from burrowspace.core.errors import NotFound
from burrowspace.core.names import is_our_id
from burrowspace.core.records import Request, Transfer
from burrowspace.ports import Rows


def find_request(rows: Rows, request_id: str) -> Request:
    """NotFound for what is no request of ours."""
    asked = rows.get(Request, request_id) if is_our_id(request_id) else None
    if asked is None:
        raise NotFound("no such request")
    return asked


def find_transfer(rows: Rows, transfer_id: str) -> Transfer:
    """NotFound for what is no transfer of ours."""
    transfer = rows.get(Transfer, transfer_id) if is_our_id(transfer_id) else None
    if transfer is None:
        raise NotFound("no such transfer")
    return transfer
