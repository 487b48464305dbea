"""What is answered to an upload: the headers of tus and of the IETF draft side by side. For core/upload.py."""

from dataclasses import dataclass
from email.utils import formatdate
from enum import StrEnum
from math import ceil
from typing import Any

from burrowspace.core.errors import BadRequest, BurrowError, TooMany, WrongOffset, WrongRange

TUS_EXTENSIONS = "creation,creation-with-upload,creation-defer-length,expiration,termination,checksum"


INTEROP = "8"  # the version of the draft, as its clients say it in Upload-Draft-Interop-Version


class Style(StrEnum):
    """Which protocol a request speaks."""

    FORM = "form"
    TUS = "tus"
    DRAFT = "draft"
    PUT = "put"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers with names in lower case, and a JSON object if there is a body."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any] | None = None


class Problem:
    """The draft's problem types, as refusals of our own tree (RFC 9457 members beside `error` and `code`)."""

    _BASE = "https://iana.org/assignments/http-problem-types#"

    @classmethod
    def wrong_offset(cls, held: int, asked: int) -> BurrowError:
        error = WrongOffset(held, asked)
        error.fields |= {
            "type": cls._BASE + "mismatching-upload-offset",
            "title": "offset from request does not match offset of resource",
            "expected-offset": held,
            "provided-offset": asked,
        }
        return error

    @classmethod
    def inconsistent_length(cls) -> BurrowError:
        words = "inconsistent length values for upload"
        return BadRequest(words, type=cls._BASE + "inconsistent-upload-length", title=words)

    @classmethod
    def completed(cls) -> BurrowError:
        words = "upload is already completed"
        return BadRequest(words, type=cls._BASE + "completed-upload", title=words)


def limits(max_bytes: int) -> dict[str, Any]:
    return {"max_bytes": max_bytes}


def offers(max_bytes: int) -> dict[str, str]:
    """What OPTIONS says."""
    return {
        "tus-resumable": "1.0.0",
        "tus-version": "1.0.0",
        "tus-extension": TUS_EXTENSIONS,
        "tus-max-size": str(max_bytes),
        "tus-checksum-algorithm": "sha1,sha256,md5",
        "accept-patch": "application/partial-upload, application/offset+octet-stream",
        "allow": "OPTIONS, HEAD, POST, PUT, PATCH, DELETE",
        "upload-limit": f"max-size={max_bytes}",
    }


def standing(
    size: int, length: int | None, complete: bool, expires_at: float | None, max_bytes: int, now: float
) -> Answer:
    """What HEAD says: both protocols' words for the same facts."""
    headers = {
        "tus-resumable": "1.0.0",
        "upload-offset": str(size),
        "upload-complete": "?1" if complete else "?0",
        "cache-control": "no-store",
        **({"upload-defer-length": "1"} if length is None else {"upload-length": str(length)}),
        **lifetime(expires_at, now, max_bytes),
    }
    return Answer(204, headers)


def lifetime(expires_at: float | None, now: float, max_bytes: int) -> dict[str, str]:
    """Until when an unfinished upload is kept, in both protocols' words."""
    if expires_at is None:
        return {"upload-limit": f"max-size={max_bytes}"}
    return {
        "upload-expires": formatdate(expires_at, usegmt=True),
        "upload-limit": f"max-size={max_bytes}, max-age={max(0, int(expires_at - now))}",
    }


def written(
    style: Style,
    size: int,
    done: bool,
    told: dict[str, Any],
    location: str | None,
    life: dict[str, str],
) -> Answer:
    """The answer to a body that was taken whole. `told` is what the app is told of a complete upload; `location` is
    where the upload goes on, for a request that began one."""
    if style in (Style.FORM, Style.PUT):
        return Answer(200 if done else 202, {}, told if done else {"status": "incomplete", "held": size})
    if style is Style.TUS:
        headers = {"tus-resumable": "1.0.0", "upload-offset": str(size), **({} if done else life)}
        if location is not None:
            return Answer(201, {**headers, "location": location})
        return Answer(204, headers)
    headers = {"upload-complete": "?1" if done else "?0", "upload-offset": str(size), **life}
    if done:
        return Answer(200, headers, told)
    return Answer(201, {**headers, "location": location}) if location is not None else Answer(204, headers)


def refusal_headers(error: BurrowError) -> dict[str, str]:
    """What a refused caller needs to go on."""
    headers: dict[str, str] = {}
    if isinstance(error, WrongRange):
        headers |= {"content-range": f"bytes */{'*' if error.size is None else error.size}", "accept-ranges": "bytes"}
    if isinstance(error, WrongOffset):
        headers |= {"upload-offset": str(error.held), "upload-complete": "?0", "tus-resumable": "1.0.0"}
    if error.status == 412:
        headers |= {"tus-version": "1.0.0"}
    if "max_bytes" in error.fields:
        headers |= {"upload-limit": f"max-size={error.fields['max_bytes']}"}
    if error.status == 401:
        headers |= {"www-authenticate": "Bearer"}
    if isinstance(error, TooMany) and error.wait_s is not None:
        headers |= {"retry-after": str(max(1, ceil(error.wait_s)))}
    return headers
