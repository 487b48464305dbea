"""Request headers as the core reads them."""

from collections.abc import Iterable


def header_map(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; a header that came twice is joined by a comma, so that no second value hides.

    >>> header_map([(b"Upload-Offset", b"1"), (b"upload-offset", b"2")])
    {'upload-offset': '1, 2'}
    """
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
