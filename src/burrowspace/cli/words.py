"""Amounts, rates and times as a person reads them, and back. Pure."""

import re

from burrowspace.client.files.space import size_shown

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([kKmMgGtT]?)(i?)[bB]?(?:/s)?\Z")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def rate_shown(rate: float) -> str:
    """
    >>> rate_shown(112_345_678), rate_shown(0.4)
    ('112.3 MB/s', '0 B/s')
    """
    return f"{size_shown(int(min(rate, 1e18)))}/s"


def time_shown(seconds: float) -> str:
    """
    >>> time_shown(0.024), time_shown(0.24), time_shown(9.6), time_shown(75), time_shown(3725), time_shown(200_000)
    ('24 ms', '0.2 s', '9.6 s', '1:15', '1:02:05', '2 d 7 h')
    """
    if seconds < 0.0995:
        return f"{max(round(seconds * 1000), 0)} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 86_400:
        hours, rest = divmod(whole, 3600)
        minutes, rest = divmod(rest, 60)
        return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def read_rate(written: str) -> int:
    """Bytes per second of `5M`, `750k`, `1.5GB/s` (powers of 1000) or `4Mi` (of 1024); ValueError.

    >>> read_rate("5M"), read_rate("750k"), read_rate("4MiB/s")
    (5000000, 750000, 4194304)
    """
    found = _AMOUNT.match(written.strip())
    rate = float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[found[2].lower()] if found else 0
    if rate < 1:
        raise ValueError(f"{written!r} is no rate; write bytes per second as 5M, 750k or 4Mi")
    return int(rate)


def files_shown(count: int) -> str:
    """
    >>> files_shown(1), files_shown(1200)
    ('1 file', '1,200 files')
    """
    return "1 file" if count == 1 else f"{count:,} files"
