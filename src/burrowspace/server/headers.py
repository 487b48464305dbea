"""Request headers as the core reads them."""

from collections.abc import Iterable

from burrowspace.core.errors import Unauthorized


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


def bearer(header: str | None) -> str | None:
    """The token of an Authorization header, if one came. The published app sends none.

    >>> bearer("Bearer abc")
    'abc'
    """
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token.strip()) <= 256:
        raise Unauthorized("send the peer_token as `Authorization: Bearer <token>`, or no Authorization at all")
    return token.strip()
