"""What `burrow doctor` and `GET /doctor` say: one finding for each thing that was looked at, with a verdict.

Pure. The words are for a person; programs read `check`, `verdict` and `facts`, whose names do not change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MiB = 1 << 20
GiB = 1 << 30

SPACE_BAD = 64 * MiB  # an upload that does not say how long it is reserves so much at a time
SPACE_DOUBTFUL = GiB

Fact = str | int | float | bool | None


class Verdict(StrEnum):
    GOOD = "good"
    DOUBTFUL = "doubtful"  # transfers work, but slower, later or not everywhere
    BAD = "bad"  # something that transfers need does not work


_RANK = {Verdict.GOOD: 0, Verdict.DOUBTFUL: 1, Verdict.BAD: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """`found` is a sentence of what is, `todo` one of what to do about it: empty where nothing is to be done."""

    check: str
    verdict: Verdict
    found: str
    todo: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)


def good(check: str, found: str, **facts: Fact) -> Finding:
    return Finding(check, Verdict.GOOD, found, facts=facts)


def doubtful(check: str, found: str, todo: str, **facts: Fact) -> Finding:
    return Finding(check, Verdict.DOUBTFUL, found, todo, facts)


def bad(check: str, found: str, todo: str, **facts: Fact) -> Finding:
    return Finding(check, Verdict.BAD, found, todo, facts)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """
    >>> worst([Verdict.GOOD, Verdict.BAD, Verdict.DOUBTFUL]), worst([])
    (<Verdict.BAD: 'bad'>, <Verdict.GOOD: 'good'>)
    """
    return max(verdicts, key=_RANK.__getitem__, default=Verdict.GOOD)


def of_space(room: int) -> Verdict:
    """Of the bytes that a server may still take, above its floor.

    >>> of_space(-1), of_space(100 << 20), of_space(1 << 40)
    (<Verdict.BAD: 'bad'>, <Verdict.DOUBTFUL: 'doubtful'>, <Verdict.GOOD: 'good'>)
    """
    if room < SPACE_BAD:
        return Verdict.BAD
    return Verdict.DOUBTFUL if room < SPACE_DOUBTFUL else Verdict.GOOD
