"""JSON as Socket.IO needs it: bytes lifted out of any depth on the way out, put back on the way in.

Pure. The rules of JavaScript's JSON win where Python differs: no NaN, lone surrogates survive, big integers lose
precision. Depth is bounded before anything is decoded.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NoReturn

import orjson

from burrowspace.socketio.encoded import Binary
from burrowspace.socketio.errors import BadPacket, TooManyParts

MAX_DEPTH = 64
MAX_PARTS = 32_768  # brackets and quotes in a text with many brackets: each costs time to look at and more to decode
SLICE = 16_384  # bytes in which they are counted at once
BEGINNING = 4_096  # bytes of a text with too many parts in which it is looked for depth all the same
BRACKETS = b"[]{}"
NOT_BRACKETS = bytes(set(range(256)) - set(BRACKETS))
STEPS = bytes.maketrans(BRACKETS, bytes([1, 255, 1, 255]))  # one level down or up, as signed bytes


def loads(data: bytes) -> Any:
    """The value of a JSON text; BadPacket if it is not JSON, is nested deeper than MAX_DEPTH or has too many parts."""
    if many_brackets(data):
        check_depth(data)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        # orjson refuses lone surrogates, which a JavaScript string may hold
        return json.loads(data.decode(), parse_constant=_not_json, parse_int=_number)
    except (ValueError, RecursionError):
        raise BadPacket("the payload is not JSON") from None


def _number(digits: str) -> int | float:
    """What orjson makes of an integer: a float beyond 64 bits."""
    number = int(digits) if len(digits) < 21 else float(digits)
    return number if -(2**63) <= number < 2**64 else float(number)


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def many_brackets(data: bytes) -> bool:
    """Whether there are enough brackets for JSON deeper than MAX_DEPTH. Most bodies have three: `find` is then the
    cheapest way to know, by far.

    >>> many_brackets(b'["a",{"b":1}]'), many_brackets(b"[" * 65)
    (False, True)
    """
    count = 0
    find = data.find
    at = find(b"{")
    while at >= 0:
        count += 1
        if count > MAX_DEPTH:
            return True
        at = find(b"{", at + 1)
    if data.rfind(b"[") <= 0:  # an event begins with the only one
        return count + data.startswith(b"[") > MAX_DEPTH
    at = find(b"[")
    while at >= 0 and count <= MAX_DEPTH:
        count += 1
        at = find(b"[", at + 1)
    return count > MAX_DEPTH


def check_depth(data: bytes, max_depth: int = MAX_DEPTH, max_parts: int = MAX_PARTS) -> None:
    """BadPacket for JSON nested too deep, TooManyParts for JSON that would cost too much to look at.

    Nothing here loops over the text in Python, and what it costs is bounded by `max_parts`.
    """
    too_many = _parts(data, max_parts) > max_parts
    if too_many:
        data = data[:BEGINNING]
    steps = array("b", _outside_strings(data).translate(STEPS, NOT_BRACKETS))
    if max(accumulate(steps), default=0) > max_depth:
        raise BadPacket(f"JSON deeper than {max_depth} levels")
    if too_many:
        raise TooManyParts(f"JSON with more than {max_parts} brackets and quotes")


def _outside_strings(data: bytes) -> bytes:
    r"""What stands outside of strings; one that is open reaches to the end.

    >>> _outside_strings(rb'[1,"a\"]",{"b\\":2}]'), _outside_strings(b'["open')
    (b'[1,,{:2}]', b'[')
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(data.split(b'"')[::2])


def _parts(data: bytes, enough: int) -> int:
    """How many brackets and quotes there are; at most a slice is counted after `enough`."""
    found = 0
    for start in range(0, len(data), SLICE):
        piece = data[start : start + SLICE]
        found += piece.count(b"[") + piece.count(b"{") + piece.count(b'"')
        if found > enough:
            break
    return found


def dumps(value: Any) -> tuple[bytes, list[Binary]]:
    """The JSON text of a value, and the bytes-like objects in it in order, placeholders standing in their place.

    >>> dumps(["a", b"xy"])
    (b'["a",{"_placeholder":true,"num":0}]', [b'xy'])
    """
    attachments: list[Binary] = []

    def lift(found: Any) -> dict[str, Any]:
        if isinstance(found, bytes | bytearray | memoryview):
            attachments.append(found)
            return {"_placeholder": True, "num": len(attachments) - 1}
        raise TypeError(f"not JSON: {type(found).__name__}")

    try:
        return orjson.dumps(value, lift), attachments
    except orjson.JSONEncodeError as error:
        if "surrogates" not in str(error):
            raise
    attachments.clear()
    text = json.dumps(_finite(value), default=lift, allow_nan=False, separators=(",", ":"))
    return text.encode("ascii"), attachments


def _finite(value: Any) -> Any:
    """`value` with null for infinities and NaN, as JavaScript and orjson write them. A text like 1e400 reads as one."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def rebuild(value: Any, attachments: Sequence[Binary]) -> Any:
    """`value` with every placeholder replaced by its attachment; BadPacket for a forged or repeated one."""
    used: set[int] = set()

    def put_back(part: Any) -> Any:
        if isinstance(part, dict):
            if part.get("_placeholder") is True:
                number = part.get("num")
                if type(number) is not int or not 0 <= number < len(attachments) or number in used:
                    raise BadPacket("illegal attachments")
                used.add(number)
                return bytes(attachments[number])
            for key, inner in part.items():
                if isinstance(inner, dict | list):
                    part[key] = put_back(inner)
        elif isinstance(part, list):
            for index, inner in enumerate(part):
                if isinstance(inner, dict | list):
                    part[index] = put_back(inner)
        return part

    return put_back(value)
