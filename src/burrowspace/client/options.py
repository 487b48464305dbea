"""How a transfer is to be made: what `burrow send`, `burrow receive` and the SDK let a person choose."""

from dataclasses import dataclass

from burrowspace.core.sealing import Suite


@dataclass(frozen=True, slots=True)
class Options:
    """Both ends. Rates are bytes per second."""

    limit_rate: int | None = None
    relay_only: bool = False  # give away no address
    direct_only: bool = False  # nothing through the server but words
    store: bool = True  # the rest may lie on the server when the receiver is away
    store_now: bool = False  # do not wait for a receiver: to the server, then leave
    receivers: int | None = 1  # leave after so many have verified; None: stay
    webrtc: bool = True
    suites: tuple[Suite, ...] = (Suite.A256GCM, Suite.XC20P)  # a receiver's, the best first; without AES the second
    name: str = ""  # what to call this end to the other; empty: the host's name
    ice_servers: tuple[str, ...] = ()  # further STUN or TURN URIs
    wait: float | None = None  # seconds to wait for the other side before giving up; None: as long as it takes
