"""How many files and sockets this process may have open."""

try:
    import resource
except ImportError:  # Windows sets no such limit: a process may have millions of handles
    resource = None  # type: ignore[assignment]


def allow_open_files(wanted: int) -> int | None:
    """Raises the limit to `wanted` where that is allowed. The limit that stays, if it is lower; else None."""
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 0 or soft >= wanted:  # -1: no limit
        return None
    most = min(wanted, hard) if hard > 0 else wanted
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):  # macOS refuses more than its kernel's own limit, whatever `hard` says
        return soft
    return most if most < wanted else None
