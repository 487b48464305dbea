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
    def best(self) -> str:
        """The best way there is between the two. No symmetric NAT here is passed: beyond each of them is one that lets
        in only whom it was opened for."""
        kinds = {self.left, self.right}
        if kinds & {SYMMETRIC, Kind.HTTP_ONLY, Kind.PROXY}:
            return "relay"
        if (self.sender, self.receiver) == ("CLI", "CLI"):
            return "tcp" if NONE in kinds else "punch"
        return "relay" if Kind.NO_UDP in kinds else "webrtc"

    def __str__(self) -> str:
        words = f"{self.sender} to {self.receiver}, {self.left} to {self.right}{'' if self.turn else ', no TURN'}"
        return words.replace(" ", "-")


CASES = tuple(Case(*networks, *programs) for networks in NETWORKS for programs in PROGRAMS)
SMOKE = (
    Case(RESTRICTED, RESTRICTED, False, "browser", "browser"),
    Case(SYMMETRIC, RESTRICTED, False, "CLI", "browser"),
    Case(Kind.HTTP_ONLY, RESTRICTED, False, "CLI", "CLI"),
)
