"""What a request on /upload/<transfer_id> is, and what is to be done: four protocols, one decision.

The app's multipart POST; tus 1.0 (tus.io/protocols/resumable-upload); the IETF draft of resumable uploads
(draft-ietf-httpbis-resumable-upload, `Upload-Complete`); plain PUT. Pure: a request's head and what is held go in,
an answer, an order to write, an order to forget, or a refusal comes out. Spec: docs/spec/bytes.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from burrowspace.core import upload_headers as read
from burrowspace.core.errors import (
    BadRequest,
    LengthNeeded,
    NotFound,
    Removed,
    TooLarge,
    WrongOffset,
    WrongState,
    WrongType,
    WrongVersion,
)
from burrowspace.core.spooling import Policy
from burrowspace.core.transfer import Step, TransferState, walk
from burrowspace.core.upload_answers import Answer, Problem, Style, limits, offers, standing

TUS_BODY, DRAFT_BODY = "application/offset+octet-stream", "application/partial-upload"
_OVER = (TransferState.CANCELLED, TransferState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's method and headers, names in lower case, repeated ones joined by a comma."""

    method: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class UploadFacts:
    """What is known of the transfer and its upload. Sizes are bytes, times seconds since 1970."""

    state: TransferState
    max_bytes: int  # the largest file taken here
    now: float
    size: int | None = None  # where the next byte goes; None while no upload was begun
    begin: int = 0
    length: int | None = None  # of the whole, once declared
    complete: bool = False
    expires_at: float | None = None  # of an unfinished upload


@dataclass(frozen=True, slots=True)
class Write:
    """Take the body: `exactly` so many bytes, or, where None, chunks up to `at_most`, from offset `at` on."""

    style: Style
    at: int
    exactly: int | None
    at_most: int
    fresh: bool = False  # begins the upload; what was there before goes
    length: int | None = None  # of the whole, if this request or an earlier one said it
    finishes: bool | None = None  # whether the whole is here after the body; None: when `length` is reached
    keeps: bool = True  # what arrived stays when the body breaks off
    name: str | None = None  # the file's name, uncleaned
    policy: Policy = Policy.REST
    checksum: tuple[str, bytes] | None = None
    window: int | None = None  # bytes that a live sender may be ahead, where that was chosen


@dataclass(frozen=True, slots=True)
class Repeat:
    """All of it is here already. A form is answered as the one that brought it, once its body has been thrown away."""


@dataclass(frozen=True, slots=True)
class Forget:
    """The sender calls the transfer off; what is here goes."""

    answer: Answer


def style_of(asked: Asked) -> Style:
    """Which protocol the request speaks."""
    kind = read.media_type(asked.headers)
    if asked.method == "POST" and kind == "multipart/form-data":
        return Style.FORM
    if "tus-resumable" in asked.headers or kind == TUS_BODY:
        return Style.TUS
    if kind == DRAFT_BODY or read.flag(asked.headers, "upload-complete") is not None:
        return Style.DRAFT
    return Style.PUT if asked.method == "PUT" else Style.ANY


def decide(asked: Asked, held: UploadFacts) -> Answer | Write | Repeat | Forget:
    """The one decision. Raises a BurrowError where the request is refused."""
    style = style_of(asked)
    method = asked.method
    if style is Style.TUS and method != "OPTIONS":
        if asked.headers.get("tus-resumable", "").strip() != "1.0.0":
            raise WrongVersion("this server speaks tus 1.0.0: send `Tus-Resumable: 1.0.0`")
        method = asked.headers.get("x-http-method-override", method).strip().upper()
    if method == "OPTIONS":
        return Answer(204, offers(held.max_bytes))
    if method in ("HEAD", "DELETE"):
        _reachable(held)
        if method == "DELETE":
            return Forget(Answer(204, {"tus-resumable": "1.0.0"}))
        if held.size is None:
            raise NotFound("no upload was begun on this transfer")
        return standing(held.size, held.length, held.complete, held.expires_at, held.max_bytes, held.now)
    if method == "PATCH" and style in (Style.TUS, Style.DRAFT):
        return _append(asked, held, style)
    if method == "POST" and style in (Style.FORM, Style.TUS, Style.DRAFT):
        return _create(asked, held, style)
    if method == "PUT" and style in (Style.PUT, Style.DRAFT):
        return _create(asked, held, style)
    raise WrongType("send the file as multipart/form-data in the field `file`, by PUT, or by tus 1.0")


def _reachable(held: UploadFacts) -> None:
    if held.state in _OVER:
        raise Removed(f"this upload is not here any more: the transfer is {held.state}")


def _body(asked: Asked, bound: int) -> int | None:
    """Content-Length, or None for chunks. TooLarge past `bound`."""
    length = read.number(asked.headers, "content-length")
    if "transfer-encoding" in asked.headers:
        if length is not None:
            raise BadRequest("a body has a length or comes in chunks, not both")
        return None
    if length is not None and length > bound:
        raise TooLarge(f"the body has {length} bytes; {bound} fit here", **limits(bound))
    return length


def _create(asked: Asked, held: UploadFacts, style: Style) -> Write | Repeat:
    """A first request: whatever was there before is replaced."""
    headers = asked.headers
    if style in (Style.TUS, Style.DRAFT):
        _reachable(held)
    walk(held.state, Step.STORE)
    if held.complete and style is not Style.FORM:
        raise WrongState("this upload is complete", held.state)
    if style is Style.PUT and "content-range" in headers:
        return _continue_put(asked, held)
    at = read.number(headers, "burrow-begin") or 0
    policy = read.policy(headers)
    if style is Style.FORM:
        exactly = _body(asked, held.max_bytes + (2 << 20))
        if held.complete:
            return Repeat()
        return Write(style, 0, exactly, held.max_bytes, fresh=True, finishes=True, keeps=False, policy=policy)
    exactly = _body(asked, held.max_bytes)
    if style is Style.PUT:
        if exactly is None and "transfer-encoding" not in headers:
            raise LengthNeeded("say how long the file is: Content-Length, or send it in chunks")
        length = None if exactly is None else at + exactly
        return Write(style, at, exactly, held.max_bytes - at, fresh=True, length=length, finishes=True, policy=policy)
    length = read.number(headers, "upload-length")
    finishes: bool | None = None
    if style is Style.TUS:
        length, exactly, name = _tus_creation(asked, length, exactly)
    else:
        name = read.disposition_name(headers)
        finishes = read.flag(headers, "upload-complete")
        if finishes is None:
            raise BadRequest("Upload-Complete is ?1 or ?0")
        if finishes and exactly is not None:
            if length is not None and length != at + exactly:
                raise Problem.inconsistent_length()
            length = at + exactly
    _fits(held, length, at, exactly)
    bound = (held.max_bytes if length is None else length) - at
    return Write(
        style,
        at,
        exactly,
        bound,
        True,
        length,
        finishes,
        True,
        name,
        policy,
        read.checksum(headers) if exactly else None,
    )


def _tus_creation(asked: Asked, length: int | None, exactly: int | None) -> tuple[int | None, int | None, str | None]:
    headers = asked.headers
    if "upload-concat" in headers:
        raise BadRequest("this server does not put uploads together; send the file as one")
    deferred = headers.get("upload-defer-length")
    if (deferred is None) == (length is None) or deferred not in (None, "1"):
        raise BadRequest("say the file's size in Upload-Length, or that it comes later: Upload-Defer-Length: 1")
    if exactly or "transfer-encoding" in headers:
        if read.media_type(headers) != TUS_BODY:
            raise WrongType(f"the first bytes of a tus upload are {TUS_BODY}")
    else:
        exactly = 0
    meta = read.metadata(headers.get("upload-metadata", ""))
    name = meta.get("filename") or meta.get("name")
    return length, exactly, None if name is None else name.decode("utf-8", "replace")


def _fits(held: UploadFacts, length: int | None, at: int, exactly: int | None) -> None:
    if length is not None and length > held.max_bytes:
        raise TooLarge(f"a file may have {held.max_bytes} bytes here", **limits(held.max_bytes))
    if length is not None and at + (exactly or 0) > length:
        raise TooLarge(f"the body goes beyond the {length} bytes that were declared")


def _continue_put(asked: Asked, held: UploadFacts) -> Write:
    """A PUT of the rest (RFC 9110 14.5), as `curl -C N -T` sends it: only where the upload stands."""
    first, last, whole = read.content_range(asked.headers)
    if held.size is None or held.complete:
        raise NotFound("no unfinished upload is here to go on with; send the whole file")
    if first != held.size:
        raise WrongOffset(held.size, first)
    if held.length is not None and whole is not None and whole != held.length:
        raise BadRequest("this upload was begun with another length")
    exactly = _body(asked, held.max_bytes - first)
    if exactly is not None and exactly != last - first + 1:
        raise BadRequest("Content-Range and Content-Length do not agree")
    if whole is not None and last >= whole:
        raise BadRequest("Content-Range goes beyond the file")
    length = whole if whole is not None else last + 1
    _fits(held, length, first, exactly)
    return Write(Style.PUT, first, exactly, last - first + 1, length=length)


def _append(asked: Asked, held: UploadFacts, style: Style) -> Write:
    headers = asked.headers
    _reachable(held)
    if read.media_type(headers) != (TUS_BODY if style is Style.TUS else DRAFT_BODY):
        raise WrongType(f"the body of this PATCH is {TUS_BODY if style is Style.TUS else DRAFT_BODY}")
    offset = read.number(headers, "upload-offset")
    if offset is None:
        raise BadRequest("say in Upload-Offset where the body starts")
    if held.size is None:
        raise NotFound("no upload was begun on this transfer")
    finishes = read.flag(headers, "upload-complete") if style is Style.DRAFT else None
    if style is Style.DRAFT and finishes is None:
        raise BadRequest("Upload-Complete is ?1 or ?0")
    exactly = _body(asked, held.max_bytes)
    if held.complete:
        if style is Style.DRAFT:
            raise Problem.completed()
        if offset != held.size or exactly != 0:
            raise WrongState("this upload is complete", held.state)
        return Write(style, offset, 0, 0, length=held.length, finishes=False)
    walk(held.state, Step.STORE)
    if offset != held.size:
        raise Problem.wrong_offset(held.size, offset) if style is Style.DRAFT else WrongOffset(held.size, offset)
    length = _declared(asked, held, style, offset, exactly, finishes)
    _fits(held, length, offset, exactly)
    bound = (held.max_bytes if length is None else length) - offset
    return Write(style, offset, exactly, bound, length=length, finishes=finishes, checksum=read.checksum(headers))


def _declared(
    asked: Asked, held: UploadFacts, style: Style, offset: int, exactly: int | None, finishes: bool | None
) -> int | None:
    """The length of the whole, from this request or from before; they must agree."""
    said = [held.length, read.number(asked.headers, "upload-length")]
    if finishes and exactly is not None:
        said.append(offset + exactly)
    lengths = {length for length in said if length is not None}
    if len(lengths) > 1:
        if style is Style.DRAFT:
            raise Problem.inconsistent_length()
        raise BadRequest("this upload was begun with another length")
    return lengths.pop() if lengths else None


def is_done(write: Write, size: int, length: int | None) -> bool:
    """Whether the whole is here, now that the body has come to its end at `size`."""
    return size == length if write.finishes is None else write.finishes
