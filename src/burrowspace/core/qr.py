"""A QR code as lines of half blocks, for a terminal."""

import segno

_QUIET_ZONE = 2  # modules of white around the code; the standard asks for 4, cameras are content with 2


def qr_rows(text: str, *, ink: str = "dark") -> list[str]:
    """The QR code of `text` in half blocks, two rows of modules to a line; `ink` says which modules are drawn.

    >>> len(qr_rows("http://192.168.1.20:5000")[0])
    29
    """
    white = [0] * _QUIET_ZONE
    matrix = [[*white, *row, *white] for row in segno.make_qr(text, error="l").matrix]
    blank = [0] * len(matrix[0])
    rows = [blank] * _QUIET_ZONE + matrix + [blank] * _QUIET_ZONE
    blocks = " ▄▀█" if ink == "dark" else "█▀▄ "
    if len(rows) % 2:
        rows.append(blank)
    return [
        "".join(blocks[2 * upper + lower] for upper, lower in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]
