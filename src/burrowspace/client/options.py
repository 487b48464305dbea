"""How a transfer is to be made: what `burrow send`, `burrow receive` and the SDK let a person choose."""

from dataclasses import dataclass

from burrowspace.core.sealing import Suite


@dataclass(frozen=True, slots=True)
class Options:
    """How to send or receive. Rates are bytes per second."""

    limit_rate: int | None = None
    relay_only: bool = False  # don't tell the other side any address
    direct_only: bool = False  # no file data through the server
    store: bool = True  # leave the rest on the server while the receiver is away
    store_now: bool = False  # don't wait for a receiver: upload everything, then end
    receivers: int | None = 1  # end after this many have verified it; None: don't end
    webrtc: bool = True
    suites: tuple[Suite, ...] = (Suite.A256GCM, Suite.XC20P)  # a receiver's ciphers, the best first
    name: str = ""  # what the other side calls this one; empty: the host's name
    ice_servers: tuple[str, ...] = ()  # more STUN or TURN URIs
    wait: float | None = None  # seconds to wait for the other side before giving up; None: as long as it takes
