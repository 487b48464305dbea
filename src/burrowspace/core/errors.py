"""What can go wrong, as one tree: a code for programs, a status for HTTP, a sentence for people.

    BurrowError
    ├── BadRequest            400   a field is missing, of the wrong type or out of its bounds
    │   ├── NotReady          400   the file is not here yet
    │   ├── BadManifest       400   the other side's list of files cannot be read or contradicts itself
    │   ├── BadCode           400   this is no code; the sentence says how one looks
    │   └── BadLink           400   this is no link; the sentence says how one looks
    ├── Tampered              400   a sealed block or message is not what the other side sealed
    ├── Unauthorized          401   the peer has a token and the call came without it
    ├── Forbidden             403   the caller may not speak for that peer or session
    │   ├── NotApproved       403   a device that no device of its user has let in yet
    │   └── WrongCode         403   the two sides did not use the same code; this one is burnt
    ├── NotFound              404   no such id
    │   └── Gone              404   it was here; it expired, was cancelled or has failed
    ├── Removed               410   the upload was here; it expired or was called off
    ├── WrongState            409   the transfer cannot take this step from where it stands
    ├── WrongOffset           409   the write would leave a hole or write twice
    ├── Busy                  409   somebody else is writing this very thing
    ├── Stalled               408   the body made no progress for too long
    ├── LengthNeeded          411   a body without a length and without chunks
    ├── WrongVersion          412   a version of tus that is not spoken here
    ├── TooLarge              413   more bytes than this place takes
    ├── WrongType             415   not the content type this call reads
    ├── WrongRange            416   no byte of the file lies in the range that was asked for
    ├── TooMany               429   a bound on how many was reached
    ├── UnknownHost           421   a web page called this server by a name that it does not know
    ├── WrongChecksum         460   the body is not what its checksum says; it was not kept
    ├── Damaged               500   the disk failed; what was not durable is not pretended to be
    ├── Unavailable           503   the server's own database or disk does not work at the moment
    └── NoSpace               507   the disk or a quota is full

The sentence never holds a traceback, a path of this machine or a secret.
"""

from typing import Any, ClassVar


class BurrowError(Exception):
    """Root of the tree. `fields` travel beside `error` and `code` in the answer."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, sentence: str, **fields: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.fields = fields

    def body(self) -> dict[str, Any]:
        """The JSON body of the refusal: `{"error": sentence, "code": code, …}`."""
        return {"error": self.sentence, "code": self.code, **self.fields}


class BadRequest(BurrowError):
    code, status = "bad-request", 400


class NotReady(BadRequest):
    code = "not-ready"


class BadManifest(BadRequest):
    code = "bad-manifest"


class BadCode(BadRequest):
    code = "bad-code"


class BadLink(BadRequest):
    code = "bad-link"


class Tampered(BurrowError):
    """Raised at an end of a transfer, never by the server: it cannot open anything."""

    code, status = "tampered", 400


class Unauthorized(BurrowError):
    code, status = "token-required", 401


class Forbidden(BurrowError):
    code, status = "forbidden", 403


class NotApproved(Forbidden):
    """The field `peer_id` is what the device will be called once it is approved."""

    code = "device-not-approved"


class WrongCode(Forbidden):
    """The confirmation failed: a mistyped code, or somebody in between who guessed and lost."""

    code = "wrong-code"


class NotFound(BurrowError):
    code, status = "not-found", 404


class Gone(NotFound):
    code = "gone"


class WrongState(BurrowError):
    """A refused step; `state` says where the transfer or request stands."""

    code, status = "wrong-state", 409

    def __init__(self, sentence: str, state: str) -> None:
        super().__init__(sentence, state=state)
        self.state = state


class WrongOffset(BurrowError):
    """The client would leave a hole or write twice; `held` tells it where to resume (bytes)."""

    code, status = "wrong-offset", 409

    def __init__(self, held: int, asked: int) -> None:
        super().__init__(f"the server holds {held} bytes; the write offered to start at {asked}", held=held)
        self.held = held


class Removed(BurrowError):
    code, status = "removed", 410


class Stalled(BurrowError):
    code, status = "stalled", 408


class LengthNeeded(BurrowError):
    code, status = "length-needed", 411


class WrongVersion(BurrowError):
    code, status = "wrong-version", 412


class WrongRange(BurrowError):
    """`size` is what the file has, bytes; None while that is not known."""

    code, status = "wrong-range", 416

    def __init__(self, sentence: str, size: int | None = None, **fields: int) -> None:
        super().__init__(sentence, **fields)
        self.size = size


class WrongChecksum(BurrowError):
    code, status = "wrong-checksum", 460


class Damaged(BurrowError):
    code, status = "damaged", 500


class Unavailable(BurrowError):
    """The same call works again once the operator has mended it."""

    code, status = "unavailable", 503


class Busy(BurrowError):
    code, status = "busy", 409


class UnknownHost(BurrowError):
    code, status = "unknown-host", 421


class TooLarge(BurrowError):
    code, status = "too-large", 413


class WrongType(BurrowError):
    code, status = "wrong-type", 415


class TooMany(BurrowError):
    """`wait_s`: seconds until the same call would pass if nothing else happens; None where no time helps."""

    code, status = "too-many", 429

    def __init__(self, sentence: str, wait_s: float | None = None, **fields: Any) -> None:
        super().__init__(sentence, **fields)
        self.wait_s = None if wait_s is None else max(0.0, wait_s)


class NoSpace(BurrowError):
    code, status = "no-space", 507
