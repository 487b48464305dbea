"""The life of one request and of one transfer: two tables and the one function that walks them.

A transfer is a place in the table below and nothing more: no socket, no clock, no file.
Tell it what happened and it says where it now stands. Spec and picture: docs/spec/transfer.md.
"""

from enum import StrEnum

from burrowspace.core.errors import BadRequest, WrongState


class RequestState(StrEnum):
    PENDING = "pending"  # the receiver has not answered
    APPROVED = "approved"  # there is a transfer
    REJECTED = "rejected"  # the receiver said no
    EXPIRED = "expired"  # nobody answered in time


class TransferState(StrEnum):
    READY = "ready"  # both sides agreed, no byte has moved
    TRANSFERRING = "transferring"  # bytes move, by whichever path won
    COMPLETED = "completed"  # the receiver has the file, or the server holds all of it
    CANCELLED = "cancelled"  # one side called it off; what was stored is gone
    FAILED = "failed"  # an end gave up
    EXPIRED = "expired"  # its time ran out; what was stored is gone


class Mode(StrEnum):
    P2P = "p2p"  # no byte went through the server
    RELAY = "server_relay"  # some did, live or stored


class Step(StrEnum):
    """What can happen to a transfer."""

    START = "start"  # a first byte moved
    COMPLETE = "complete"  # the whole file arrived
    CANCEL = "cancel"
    FAIL = "fail"
    RETRY = "retry"  # a failed transfer starts over
    EXPIRE = "expire"


_R, _T, _C, _X, _F, _E = (
    TransferState.READY,
    TransferState.TRANSFERRING,
    TransferState.COMPLETED,
    TransferState.CANCELLED,
    TransferState.FAILED,
    TransferState.EXPIRED,
)

# fmt: off
NEXT: dict[TransferState, dict[Step, TransferState]] = {
    _R: {Step.START: _T, Step.COMPLETE: _C, Step.CANCEL: _X, Step.FAIL: _F, Step.EXPIRE: _E, Step.RETRY: _R},
    _T: {Step.START: _T, Step.COMPLETE: _C, Step.CANCEL: _X, Step.FAIL: _F, Step.EXPIRE: _E},
    _C: {                Step.COMPLETE: _C, Step.CANCEL: _X,                Step.EXPIRE: _E},
    _F: {Step.START: _T,                    Step.CANCEL: _X, Step.FAIL: _F, Step.EXPIRE: _E, Step.RETRY: _R},
    _X: {                                   Step.CANCEL: _X},
    _E: {                                                                   Step.EXPIRE: _E},
}
# fmt: on

NEXT_REQUEST: dict[RequestState, dict[str, RequestState]] = {
    RequestState.PENDING: {
        "approve": RequestState.APPROVED,
        "reject": RequestState.REJECTED,
        "expire": RequestState.EXPIRED,
    },
    RequestState.APPROVED: {"approve": RequestState.APPROVED},
    RequestState.REJECTED: {"reject": RequestState.REJECTED},
    RequestState.EXPIRED: {},
}

REPORTED: dict[str, Step] = {
    TransferState.READY: Step.RETRY,
    TransferState.TRANSFERRING: Step.START,
    TransferState.COMPLETED: Step.COMPLETE,
    TransferState.CANCELLED: Step.CANCEL,
    TransferState.FAILED: Step.FAIL,
}


def walk(state: TransferState, step: Step) -> TransferState:
    """Where `step` leads from `state`. WrongState, which says what the state is, where the table has no such row.

    >>> walk(TransferState.READY, Step.START)
    <TransferState.TRANSFERRING: 'transferring'>
    """
    try:
        return NEXT[state][step]
    except KeyError:
        raise WrongState(f"the transfer is {state}; it cannot {step} any more", state) from None


def answer(state: RequestState, step: str) -> RequestState:
    """Where the receiver's answer (`approve`, `reject`, `expire`) takes a request; WrongState as in `walk`."""
    try:
        return NEXT_REQUEST[state][step]
    except KeyError:
        raise WrongState(f"the request is {state}; it cannot be changed to {step} any more", state) from None


def reported(status: str) -> Step:
    """The step behind a status that a client reports. BadRequest for a word that is none of ours."""
    try:
        return REPORTED[status]
    except KeyError:
        raise BadRequest(f"status is one of {', '.join(REPORTED)}") from None


def advance(held: float, offered: float) -> float:
    """Progress in percent after a report: within 0…100 and never backwards. BadRequest outside, NaN included.

    >>> advance(40.0, 55.5), advance(40.0, 12)
    (55.5, 40.0)
    """
    if not 0 <= offered <= 100:
        raise BadRequest("progress is a number from 0 to 100")
    return max(held, float(offered))
