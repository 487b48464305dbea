"""How much may rest on this server for peers that are away."""


class Quota:
    """Bytes of relay chunks at rest on this server, by spool key and by the address that they came from."""

    def __init__(self, each: int, total: int, per_address: int | None = None) -> None:
        self.each, self.total = each, total
        self.used = 0
        self._per_address = per_address
        self._held: dict[str, int] = {}
        self._owners: dict[str, str] = {}  # of keys whose sender is counted
        self._by_address: dict[str, int] = {}

    def held(self, key: str) -> int:
        return self._held.get(key, 0)

    def own(self, key: str, address: str | None) -> None:
        """What rests under the key comes from this address; None is not counted."""
        if address is not None and key not in self._owners:
            self._owners[key] = address
            self._count(key, self.held(key))

    def room(self, key: str) -> int:
        """How many bytes more may rest under the key, but for the bound of each."""
        room = self.total - self.used
        owner = self._owners.get(key)
        if owner is not None and self._per_address is not None:
            room = min(room, self._per_address - self._by_address.get(owner, 0))
        return room

    def note(self, key: str, size: int) -> None:
        """This many bytes rest under the key now."""
        more = size - self._held.pop(key, 0)
        self.used += more
        if size:
            self._held[key] = size
        self._count(key, more)

    def forget(self, key: str) -> None:
        """The session of the key is gone, and what rested in it."""
        self.note(key, 0)
        self._owners.pop(key, None)

    def _count(self, key: str, more: int) -> None:
        owner = self._owners.get(key)
        if owner is not None:
            left = self._by_address.pop(owner, 0) + more
            if left:
                self._by_address[owner] = left
