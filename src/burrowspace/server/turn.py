"""Credentials for the operator's TURN server, for a while and for one caller (coturn: `use-auth-secret`).

We never speak with that server: it knows the same secret, and believes whoever shows what only the secret could make.
It counts its quotas for the name in them, which is the peer, or for a caller without one a name made of its address.
"""

import hashlib
from typing import NamedTuple

from burrowspace.config import Settings
from burrowspace.core.ice import TurnCredentials, turn_credentials
from burrowspace.core.networks import counted
from burrowspace.core.rates import Rate


class TurnOffer(NamedTuple):
    urls: list[str]
    passed: TurnCredentials
    ttl_s: int


class Turn:
    """All that are handed out by this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rate = Rate(settings.max_turn_per_minute)
        secret = settings.turn_secret
        self._secret = secret.get_secret_value().encode() if secret is not None else b""

    def offer(self, peer_id: str | None, address: str, now: float) -> TurnOffer | None:
        """For the caller at `address`; None without a TURN server, and for who asks too often."""
        settings = self._settings
        if not settings.turn_urls or not self._rate.allows(counted(address) or "loopback", now):
            return None
        user = peer_id or hashlib.blake2s(address.encode(), key=self._secret[:32], digest_size=8).hexdigest()
        passed = turn_credentials(self._secret, user, int(now) + settings.turn_ttl_s)
        return TurnOffer(list(settings.turn_urls), passed, settings.turn_ttl_s)
