"""What an engine session asks of whatever stands on top of it, and promises about what it sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from burrowspace.socketio.encoded import Binary

Taken = Callable[[bool], None]  # told once: whether the kernel took all bytes of a packet


class Receiver(Protocol):
    """Called synchronously, in the order of arrival."""

    def text(self, packet: bytes) -> None:
        """A message packet, its leading `4` included, valid UTF-8. May raise BadPacket."""

    def binary(self, data: Binary) -> None:
        """A binary message, the receiver's to keep. May raise BadPacket."""

    def closed(self, reason: str) -> None:
        """The session is over; called once."""
