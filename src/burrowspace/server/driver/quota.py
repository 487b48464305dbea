"""How much may rest on this server for peers that are away."""


class Quota:
    """Bytes of relay chunks at rest on this server, by spool key."""

    def __init__(self, each: int, total: int) -> None:
        self.each, self.total = each, total
        self.used = 0
        self._held: dict[str, int] = {}

    def held(self, key: str) -> int:
        return self._held.get(key, 0)

    def note(self, key: str, size: int) -> None:
        """This many bytes rest under the key now."""
        self.used += size - self._held.pop(key, 0)
        if size:
            self._held[key] = size
