"""Amounts of bytes in words. Pure."""


def size_shown(size: int) -> str:
    """Bytes for people.

    >>> size_shown(999), size_shown(1_500_000), size_shown(2_000_000_000_000)
    ('999 B', '1.5 MB', '2.0 TB')
    """
    if size < 1000:
        return f"{size} B"
    value, unit = float(size), 0
    while value >= 999.95 and unit < 4:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {('B', 'kB', 'MB', 'GB', 'TB')[unit]}"
