"""JSON that the other side wrote, as a typed value. Pure.

msgspec skips fields that it does not know without looking at their text, so that is checked here: both languages must
refuse the same bytes.
"""

from codecs import getincrementaldecoder
from typing import TypeVar

import msgspec

from burrowspace.core.sealing import Buffer

T = TypeVar("T")
_PIECE = 1 << 20  # bytes that are decoded at once: a long list of files need not be in memory twice


def read_json(decoder: "msgspec.json.Decoder[T]", data: Buffer) -> T:
    """ValueError for anything that is not JSON in UTF-8, not of that type, or nested too deep.

    >>> read_json(msgspec.json.Decoder(list[int]), b"[1, 2]")
    [1, 2]
    """
    try:
        _check_utf8(memoryview(data))
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise ValueError("not the JSON that was expected") from None


def _check_utf8(view: memoryview) -> None:
    text = getincrementaldecoder("utf-8")()
    for at in range(0, len(view), _PIECE):
        text.decode(view[at : at + _PIECE])
    text.decode(b"", final=True)
