"""What every part of the driver works with: the ports, the settings, a clock and a source of entropy."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from burrowspace.config import Settings
from burrowspace.ports import Bus, Spool, State


@dataclass(frozen=True, slots=True)
class DriverContext:
    """Made once by server/build.py, or by a test with a clock of its own."""

    settings: Settings
    state: State
    bus: Bus
    spool: Spool
    node: str = ""  # this node's id among several; empty where it is alone
    now: Callable[[], float] = time.time  # seconds since 1970, UTC
    new_id: Callable[[], str] = lambda: secrets.token_hex(16)  # 128 bits: unguessable, no order, no node
    new_token: Callable[[], str] = lambda: secrets.token_urlsafe(32)
