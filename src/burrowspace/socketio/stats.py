"""Counters of one engine, plain numbers that only go up (except `sockets`). Read them, never write them."""

from __future__ import annotations


class Stats:
    """What an engine did since it started. `refused` counts by reason."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "closed",
        "events_in",
        "events_out",
        "opened",
        "parse_errors",
        "ping_timeouts",
        "refused",
        "slow_dropped",
        "sockets",
        "throttled",
        "upgrades",
    )

    def __init__(self) -> None:
        self.sockets = 0
        self.opened = 0
        self.closed = 0
        self.upgrades = 0
        self.events_in = 0
        self.events_out = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.parse_errors = 0
        self.ping_timeouts = 0
        self.slow_dropped = 0
        self.throttled = 0
        self.refused: dict[str, int] = {}

    def refuse(self, why: str) -> None:
        self.refused[why] = self.refused.get(why, 0) + 1

    def as_dict(self) -> dict[str, int | dict[str, int]]:
        """All counters by name, for a metrics page."""
        return {name: getattr(self, name) for name in self.__slots__}
