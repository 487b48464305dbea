"""The life of one request and of one transfer: two tables and the one function that walks them.

A transfer is a place in the table below and nothing more: no socket, no clock, no file.
Tell it what happened and it says where it now stands. Spec and picture: docs/spec/transfer.md.
"""

from enum import StrEnum

from burrowspace.core.errors import WrongState


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
    STORE = "store"  # an upload begins, also after a direct attempt that only seemed to work
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

_MOVING = (_R, _T)  # what reports of mere progress are about

# fmt: off
NEXT: dict[TransferState, dict[Step, TransferState]] = {
    _R: {Step.START: _T, Step.STORE: _T, Step.COMPLETE: _C, Step.CANCEL: _X, Step.FAIL: _F, Step.EXPIRE: _E,
         Step.RETRY: _R},
    _T: {Step.START: _T, Step.STORE: _T, Step.COMPLETE: _C, Step.CANCEL: _X, Step.FAIL: _F, Step.EXPIRE: _E},
    _C: {                Step.STORE: _T, Step.COMPLETE: _C, Step.CANCEL: _X,                Step.EXPIRE: _E},
    _F: {Step.START: _T, Step.STORE: _T,                    Step.CANCEL: _X, Step.FAIL: _F, Step.EXPIRE: _E,
         Step.RETRY: _R},
    _X: {                                                   Step.CANCEL: _X},
    _E: {                                                                                   Step.EXPIRE: _E},
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


def reported(state: TransferState, status: str, progress: float) -> Step | None:
    """The step behind a report, None where there is none. The app has words of its own, and some that are not known
    yet: each of them reports progress, and progress says that a byte has moved.

    >>> reported(TransferState.READY, "failed", 0), reported(TransferState.READY, "paused", 4.5)
    (<Step.FAIL: 'fail'>, <Step.START: 'start'>)
    """
    if status in REPORTED:
        return REPORTED[status]
    return Step.START if progress > 0 and state is TransferState.READY else None


def after_report(state: TransferState, held: float, status: str, progress: float) -> tuple[TransferState, float]:
    """State and progress (percent) after a report. One that comes late changes nothing.

    >>> after_report(TransferState.TRANSFERRING, 40.0, "inProgress", 55.5)
    (<TransferState.TRANSFERRING: 'transferring'>, 55.5)
    >>> after_report(TransferState.COMPLETED, 100.0, "failed", 55.5)
    (<TransferState.COMPLETED: 'completed'>, 100.0)
    """
    step = reported(state, status, progress)
    after = state if step is None and state in _MOVING else NEXT[state].get(step) if step is not None else None
    if after is None:
        return state, held
    if after is TransferState.COMPLETED:
        return after, 100.0
    if step is Step.RETRY and after is not state:
        held = 0.0
    return after, advance(held, progress)


def advance(held: float, offered: float) -> float:
    """Progress in percent after a report: within 0…100 whatever was offered, and never backwards.

    >>> advance(40.0, 55.5), advance(40.0, 12), advance(0.0, 1e9), advance(0.0, -1)
    (55.5, 40.0, 100.0, 0.0)
    """
    return max(held, float(min(100.0, max(0.0, offered))))
