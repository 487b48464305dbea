"""What the lab tries: which networks, which programs, and what is certain of the way that is taken."""

from dataclasses import dataclass

from tests.nat.kinds import Kind

NONE, FULL, RESTRICTED, SYMMETRIC = Kind.NONE, Kind.FULL, Kind.RESTRICTED, Kind.SYMMETRIC
NETWORKS: tuple[tuple[Kind, Kind, bool], ...] = (
    (NONE, NONE, True),
    (FULL, RESTRICTED, True),
    (RESTRICTED, RESTRICTED, True),
    (SYMMETRIC, RESTRICTED, True),
    (SYMMETRIC, RESTRICTED, False),
    (SYMMETRIC, SYMMETRIC, True),
    (SYMMETRIC, SYMMETRIC, False),
    (Kind.NO_UDP, RESTRICTED, True),
    (Kind.HTTP_ONLY, RESTRICTED, True),
    (Kind.PROXY, RESTRICTED, True),
)
"""The sender's, the receiver's, and whether the server has a TURN server to offer."""

PROGRAMS = (("CLI", "CLI"), ("CLI", "browser"), ("browser", "CLI"), ("browser", "browser"))
"""The sender's and the receiver's."""


@dataclass(frozen=True)
class Case:
    left: Kind
    right: Kind
    turn: bool
    sender: str
    receiver: str

    @property
    def networks(self) -> str:
        return f"{self.left} – {self.right}"

    @property
    def programs(self) -> str:
        return f"{self.sender} → {self.receiver}"

    def __str__(self) -> str:
        words = f"{self.sender} to {self.receiver}, {self.left} to {self.right}{'' if self.turn else ', no TURN'}"
        return words.replace(" ", "-")


CASES = tuple(Case(*networks, *programs) for networks in NETWORKS for programs in PROGRAMS)
SMOKE = (
    Case(RESTRICTED, RESTRICTED, False, "browser", "browser"),
    Case(SYMMETRIC, RESTRICTED, False, "CLI", "browser"),
    Case(Kind.HTTP_ONLY, RESTRICTED, False, "CLI", "CLI"),
)
