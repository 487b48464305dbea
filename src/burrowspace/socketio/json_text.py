"""JSON as Socket.IO needs it: bytes lifted out of any depth on the way out, put back on the way in.

Pure. The rules of JavaScript's JSON win where Python differs: no NaN, lone surrogates survive, big integers lose
precision. Depth is bounded before anything is decoded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

import orjson

from burrowspace.socketio.encoded import Binary
from burrowspace.socketio.errors import BadPacket

MAX_DEPTH = 64
STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def loads(data: bytes) -> Any:
    """The value of a JSON text; BadPacket if it is not JSON, or nested deeper than MAX_DEPTH."""
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _too_deep(data):
        raise BadPacket("the payload is nested too deep")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        # orjson refuses lone surrogates, which a JavaScript string may hold
        return json.loads(data.decode(), parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise BadPacket("the payload is not JSON") from None


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def _too_deep(data: bytes) -> bool:
    """Whether brackets outside strings nest deeper than MAX_DEPTH, a layer at a time at the speed of bytes.replace."""
    brackets = STRINGS.sub(b"", data).translate(None, NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        inner = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(inner) == len(brackets):
            break
        brackets = inner
    return bool(brackets)


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
    return json.dumps(value, default=lift, allow_nan=False, separators=(",", ":")).encode("ascii"), attachments


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
