"""When a sender has done its work, may leave, brings everything to the server, or goes on offering.

Facts in, one next step out: a table in the order in which it is read. No clock, no socket: times are arguments.
Twin of web/core/sender-book.js, held to the same walks. Spec, with the table: docs/spec/session.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

STORE_AFTER = 5.0  # s without any receiver, after which everything goes to the server, where it may


class Step(StrEnum):
    FINISH = "finish"  # everybody who was to have it has it
    STORE = "store"  # bring all of it to the server, for whoever comes
    LEAVE = "leave"  # what is still wanted rests on the server
    GIVE_UP = "give-up"  # nobody came in the time that was given
    GO_ON = "go-on"  # offer, answer, serve


@dataclass(frozen=True)
class Facts:
    """How a sending stands. `wanted`: so many receivers, None: until it is ended. Counts are of receivers, times s."""

    now: float
    began: float
    wanted: int | None = 1
    store_now: bool = False  # the person wants to leave
    may_store: bool = True
    by_code: bool = False  # whoever comes gets the secret from this program
    stored: bool = False  # STORE was done
    known: int = 0  # receivers that have come, and not declined
    verified: int = 0
    living: int = 0  # of those that have not verified: here now
    rests: bool = False  # some of it rests on the server, or is on its way to rest there
    all_rests: bool = False  # all of it lies there to rest, from the first block on
    missing_rests: bool = False  # what each that has not verified lacks lies there
    patience: float | None = None  # s to wait for the first receiver
    met: bool = False  # somebody came


class Rule(NamedTuple):
    step: Step
    applies: Callable[[Facts], bool]
    because: str


def _leaves(facts: Facts) -> bool:
    if not facts.rests or facts.living:
        return False
    if facts.all_rests and (facts.wanted is not None or facts.store_now):
        return True
    return facts.wanted is not None and facts.known >= facts.wanted and facts.missing_rests


def _stores(facts: Facts) -> bool:
    if not facts.may_store or facts.stored:
        return False
    nobody = not facts.by_code and not facts.known and facts.now - facts.began > STORE_AFTER
    return facts.store_now or nobody


def _gives_up(facts: Facts) -> bool:
    return facts.patience is not None and not facts.met and facts.now - facts.began > facts.patience


RULES: tuple[Rule, ...] = (
    Rule(Step.FINISH, lambda f: f.wanted is not None and f.verified >= f.wanted, "nobody else is to have it"),
    Rule(Step.STORE, _stores, "nobody is here, or the person wants to leave: whoever comes later finds it on the "
                              "server; who comes by code needs this program, so nothing is gained by it then"),
    Rule(Step.LEAVE, _leaves, "nobody here needs this program, and what is still wanted rests on the server"),
    Rule(Step.GIVE_UP, _gives_up, "the person did not want to wait longer"),
    Rule(Step.GO_ON, lambda f: True, "somebody is here, or may still come"),
)  # fmt: skip


def step(facts: Facts) -> Step:
    """The first rule that applies.

    >>> step(Facts(9.0, 0.0)), step(Facts(9.0, 0.0, verified=1, known=1)), step(Facts(9.0, 0.0, known=1))
    (<Step.STORE: 'store'>, <Step.FINISH: 'finish'>, <Step.GO_ON: 'go-on'>)
    """
    return next(rule.step for rule in RULES if rule.applies(facts))
