"""What the SDK raises, as one tree. Each has a `code` for programs and a `sentence` for people.

    BurrowError
    ├── Unreachable           no answer came from the server; trying again may help
    ├── Refused               the server said no: `said` is its code, `http_status` its status
    │   └── Missing           the server does not have it, or no longer has it
    ├── BadRequest            the call cannot be made like this: two things to send at once, an impossible name
    │   ├── BadCode           this is not a code
    │   ├── BadLink           this is not a link
    │   └── BadManifest       the sender's list of files cannot be read or contradicts itself
    ├── Forbidden             this may not be done
    │   └── WrongCode         the two sides did not use the same code; that code no longer works
    ├── CodeBurnt             the code was tried and failed, so it no longer works
    ├── CodeExpired           the code is too old; nobody tried to guess it
    ├── NotFound              no such transfer, code or device
    │   └── Gone              it was there; it expired, was cancelled or has failed
    ├── Cancelled             one of the two sides stopped the transfer or declined it
    ├── GaveUp                the other side did not come within `Options.wait` seconds
    ├── Changed               a file is not what it was when the transfer began; `name` says which
    ├── Mismatch              what arrived is not what was sent, and nothing was kept; `names` says which files
    ├── Tampered              somebody changed bytes on their way, or they were sealed for somebody else
    ├── TooLarge              more than fits into one transfer, message or name
    ├── Busy                  another program is at work on this transfer
    ├── WrongState            the transfer cannot take this step now
    ├── Stalled               no byte moved for too long
    ├── Damaged               a file of this person's state cannot be read
    └── NoSpace               the disk is full, or a quota is

`from burrowspace import …` offers each of them. Those that the server can answer with as well live in core/errors.py.
A wrong path or a disk that fails is an OSError, as everywhere in Python.
"""

from burrowspace.core.errors import (
    BadCode,
    BadLink,
    BadManifest,
    BadRequest,
    BurrowError,
    Busy,
    Damaged,
    Forbidden,
    Gone,
    NoSpace,
    NotFound,
    Stalled,
    Tampered,
    TooLarge,
    WrongCode,
    WrongState,
)

__all__ = [
    "BadCode",
    "BadLink",
    "BadManifest",
    "BadRequest",
    "BurrowError",
    "Busy",
    "Cancelled",
    "Changed",
    "CodeBurnt",
    "CodeExpired",
    "Damaged",
    "Forbidden",
    "GaveUp",
    "Gone",
    "Mismatch",
    "Missing",
    "NoSpace",
    "NotFound",
    "Refused",
    "Stalled",
    "Tampered",
    "TooLarge",
    "Unreachable",
    "WrongCode",
    "WrongState",
]


CHANGED = "changed since this transfer began; send it again as a new transfer"
GONE = "disappeared while it was being sent; bring it back, then send it again"
SHRUNK = "became shorter while it was being sent; wait until nothing writes to it, then send it again"
GREW = (
    "was rewritten and became longer while it was being sent; wait until nothing writes to it, or send what it holds "
    "now with `burrow send - < FILE`"
)


class Unreachable(BurrowError):
    """No answer came from the server."""

    code, status = "unreachable", 503


class Refused(BurrowError):
    """The server said no: its status, code and sentence."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.http_status, self.said = status, code


class Missing(Refused):
    """404 or 410: it is not there, or not any more."""


class CodeBurnt(BurrowError):
    """A proof was given or checked and no secret changed hands: the code must not be used again."""

    code, status = "code-burnt", 410


class CodeExpired(BurrowError):
    """The number's time is up; nobody guessed at the code."""

    code, status = "code-expired", 410


class Cancelled(BurrowError):
    """The other side, or this one, called the transfer off."""

    code, status = "cancelled", 409


class GaveUp(BurrowError):
    """The other side did not come in the time that was given."""

    code, status = "gave-up", 408


class Changed(BurrowError):
    """A file is not what it was when the transfer began; `name` is its path as the other side knows it."""

    code, status = "changed", 409

    def __init__(self, name: str, how: str = CHANGED) -> None:
        super().__init__(f"{name} {how}", name=name)
        self.name = name


class Mismatch(BurrowError):
    """What arrived is not what was sent; nothing was put in place. `names`: of the files that differ."""

    code, status = "mismatch", 409

    def __init__(self, names: list[str]) -> None:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        super().__init__(f"{shown}: not what was sent, so nothing was kept; receive it again", names=names[:100])
        self.names = names
