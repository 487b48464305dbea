"""The headers of an upload, read with guards: every number bounded, every text short. For core/upload.py."""

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import unquote

from burrowspace.core.errors import BadRequest
from burrowspace.core.spooling import Policy

MAX_NUMBER = (1 << 53) - 1  # what every client counts exactly
ALGORITHMS = {"sha1": 20, "sha256": 32, "md5": 16}  # tus checksums, and the bytes of each

_NUMBER = re.compile(r"\d{1,16}\Z", re.ASCII)
_RANGE = re.compile(r"bytes (\d{1,16})-(\d{1,16})/(\d{1,16}|\*)\Z", re.ASCII)
_NAME_STAR = re.compile(r"filename\*\s*=\s*utf-8'[^']{0,16}'([^;\s]{1,1000})", re.IGNORECASE)
_NAME = re.compile(r'filename\s*=\s*(?:"((?:[^"\\]|\\.){1,1000})"|([^;"\s]{1,1000}))', re.IGNORECASE)
_LONG = 8192  # characters of any header that is parsed
_PAIRS = 64  # in Upload-Metadata


def number(headers: Mapping[str, str], name: str) -> int | None:
    """A header that counts bytes. BadRequest unless it is digits, at most 2**53 - 1.

    >>> number({"upload-offset": "12"}, "upload-offset"), number({}, "upload-offset")
    (12, None)
    """
    said = headers.get(name)
    if said is None:
        return None
    value = int(said) if _NUMBER.match(said) else MAX_NUMBER + 1
    if value > MAX_NUMBER:
        raise BadRequest(f"{name} is a number of bytes")
    return value


def flag(headers: Mapping[str, str], name: str) -> bool | None:
    """A structured-field boolean; anything else is as if the header was not there, as RFC 9651 says.

    >>> flag({"upload-complete": "?1"}, "upload-complete"), flag({"upload-complete": "yes"}, "upload-complete")
    (True, None)
    """
    return {"?1": True, "?0": False}.get(headers.get(name, "").strip())


def media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def policy(headers: Mapping[str, str]) -> Policy:
    """Our own header: how the bytes may lie here."""
    try:
        return Policy(headers.get("burrow-policy", Policy.REST).strip().lower())
    except ValueError:
        raise BadRequest(f"Burrow-Policy is one of {', '.join(Policy)}") from None


def metadata(text: str) -> dict[str, bytes]:
    """tus Upload-Metadata: `key base64, key base64`, a value may be missing.

    >>> metadata("filename d29ybGQ=,private")
    {'filename': b'world', 'private': b''}
    """
    if len(text) > _LONG or text.count(",") > _PAIRS:
        raise BadRequest("Upload-Metadata is too long")
    found: dict[str, bytes] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("a value in Upload-Metadata is not base64") from None
        if not key or not key.isascii():
            raise BadRequest("a key in Upload-Metadata is not ASCII")
    return found


def checksum(headers: Mapping[str, str]) -> tuple[str, bytes] | None:
    """tus Upload-Checksum: the algorithm and the digest of the body."""
    said = headers.get("upload-checksum")
    if said is None:
        return None
    algorithm, _, value = said[:200].strip().partition(" ")
    try:
        digest = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if ALGORITHMS.get(algorithm.lower()) != len(digest):
        raise BadRequest(f"Upload-Checksum is one of {', '.join(ALGORITHMS)}, a space and the digest in base64")
    return algorithm.lower(), digest


def content_range(headers: Mapping[str, str]) -> tuple[int, int, int | None]:
    """The first byte, the last and the length of the whole if it is told."""
    found = _RANGE.match(headers.get("content-range", "").strip()[:80])
    if found is None or int(found[1]) > int(found[2]):
        raise BadRequest("Content-Range of a PUT is `bytes first-last/length`")
    return int(found[1]), int(found[2]), None if found[3] == "*" else int(found[3])


def disposition_name(headers: Mapping[str, str]) -> str | None:
    """The file name in Content-Disposition, uncleaned.

    >>> disposition_name({"content-disposition": 'inline; filename="a b.jpg"'})
    'a b.jpg'
    """
    text = headers.get("content-disposition", "")[:_LONG]
    if found := _NAME_STAR.search(text):
        return unquote(found[1], errors="replace")
    if found := _NAME.search(text):
        return re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]
    return None
