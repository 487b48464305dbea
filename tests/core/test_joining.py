"""The tables of who may join a user and who may take a peer's place. Spec: docs/spec/devices.md."""

from itertools import product
from pathlib import Path

import pytest

from burrowspace.core import joining
from burrowspace.core.errors import WrongState
from burrowspace.core.inbox import NEVER
from burrowspace.core.joining import NEXT, Joining, Seat, answered, guards, makes_room, seat
from burrowspace.core.records import Applicant, Origin, Peer

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "spec" / "devices.md").read_text(encoding="utf-8")


def peer(peer_id: str, connected_at: float, *, token_used: bool = False, last_seen: float | None = None) -> Peer:
    seen = connected_at if last_seen is None else last_seen
    return Peer(peer_id, "ann", "", token_used, connected_at, seen, False, NEVER)


def origins(**networks: str | None) -> dict[str, Origin]:
    return {name: Origin(name, "ann", network, False) for name, network in networks.items()}


def waits(name: str, network: str | None, asked_at: float) -> Applicant:
    return Applicant(name, "ann", "", "", network, None, Joining.PENDING.value, asked_at, asked_at + 1)


@pytest.mark.parametrize(("state", "answer"), product(Joining, ("approve", "reject")))
def test_an_answer_stands_once_it_was_given(state: Joining, answer: str) -> None:
    if answer in NEXT[state]:
        after = answered(state, answer)
        assert answered(after, answer) is after
    else:
        with pytest.raises(WrongState):
            answered(state, answer)


@pytest.mark.parametrize(
    ("token", "live", "near", "alive"), product((True, False), (True, False), (True, False), (None, True, False))
)
def test_only_a_live_socket_of_another_network_keeps_a_peer_without_a_token(
    token: bool, live: bool, near: bool, alive: bool | None
) -> None:
    found = seat(token=token, live=live, near=near, alive=alive)
    if live and not token and not near and alive is not False:
        assert found is (Seat.TAKEN if alive else Seat.ASK)
    else:
        assert found is Seat.FREE


def test_whoever_was_first_to_a_user_id_is_not_locked_out_by_a_later_token() -> None:
    app, stranger = peer("app", 10.0), peer("stranger", 20.0, token_used=True)
    apart, together = origins(app="192.0.2.0/24", stranger="198.51.100.0/24"), origins(app="a", stranger="a")
    assert not guards(stranger, apart["stranger"], [app], apart)
    assert not guards(stranger, apart["stranger"], [app], origins(stranger="198.51.100.0/24"))  # of an older database
    assert guards(stranger, together["stranger"], [app], together)
    assert guards(peer("first", 5.0), apart["stranger"], [app], apart)
    assert guards(stranger, apart["stranger"], [peer("app", 10.0, token_used=True)], apart)
    old = peer("app", 10.0, last_seen=10.0)
    assert guards(peer("late", 20.0 + joining.KNOWN_S), apart["stranger"], [old], apart)


def test_the_most_crowded_network_makes_room_and_never_for_itself() -> None:
    waiting = [waits("a", "1", 1.0), waits("b", "2", 2.0), waits("c", "2", 3.0)]
    assert makes_room(waiting, "3") == makes_room(waiting, "1") == waiting[1]
    assert makes_room(waiting, "2") is None


def test_the_numbers_of_the_page_are_the_ones_in_force() -> None:
    assert f"{joining.PER_USER} for one user" in PAGE
    assert f"{joining.PER_NETWORK} from one network" in PAGE
    assert f"{joining.TOTAL:,} on the server" in PAGE
    assert f"waits for {joining.WAIT_S / 3600:.0f} hour" in PAGE
    assert f"{joining.ANSWER_S:.0f} seconds" in PAGE
    assert f"{joining.KNOWN_S / 86400:.0f} days" in PAGE
    assert f"{joining.PRESENT_S / 60:.0f} minutes" in PAGE
