"""Multicast DNS on every network of this machine, by python-zeroconf."""

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf


def on_every_interface() -> "AsyncZeroconf":
    """By IPv4 and, where there is any, by IPv6. OSError, zeroconf.Error, RuntimeError: on none."""
    from zeroconf import IPVersion  # late: that takes a sixth of a second
    from zeroconf.asyncio import AsyncZeroconf

    # It tells of each interface that cannot send, with a traceback. Others can, and who cannot be found has a link.
    logging.getLogger("zeroconf").setLevel(logging.CRITICAL)
    try:
        return AsyncZeroconf(ip_version=IPVersion.All)
    except OSError:  # a system without IPv6
        return AsyncZeroconf(ip_version=IPVersion.V4Only)
