"""How much address space this process may have, and how to use little of it."""

from burrowspace.system.libc import LINUX_LIBC

try:
    import resource
except ImportError:  # Windows sets no such limit
    resource = None  # type: ignore[assignment]

_M_ARENA_MAX = -8  # malloc.h


def allowed_address_space() -> int | None:
    """Raised as far as that is allowed: bytes; None: without a limit."""
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        except (OSError, ValueError):  # macOS refuses to
            return None if soft == resource.RLIM_INFINITY else soft
    return None if hard == resource.RLIM_INFINITY else hard


def share_heaps() -> bool:
    """All threads take their memory from one heap, where each would have reserved 64 MiB. False where it cannot be."""
    mallopt = getattr(LINUX_LIBC, "mallopt", None)  # musl has none
    return bool(mallopt(_M_ARENA_MAX, 1)) if mallopt is not None else False
