"""Vectors of core/meeting_rules.py: what each event makes of a meeting, which code follows, who gives way."""

from typing import Any

from burrowspace.core import meeting_rules as rules
from burrowspace.core.meeting_rules import Stand


def meeting_rules_vectors() -> dict[str, Any]:
    events = sorted(rules.EVENTS)
    rows: list[list[str]] = []
    impossible: list[list[str]] = []
    for stand in Stand:
        for event in events:
            try:
                rows.append([stand, event, rules.after(stand, event)])
            except ValueError:
                impossible.append([stand, event])
    lives: list[list[tuple[Stand, bool]]] = [
        [],
        [(Stand.OPEN, False)] * 15,
        [(Stand.OPEN, False)] * 16,
        [(Stand.OPEN, True)] * 16,
        [(Stand.OPEN, True)] * 5 + [(Stand.OPEN, False)] * 11,
        [(Stand.PROVED, True)] + [(Stand.OPEN, True)] * 15,
        [(Stand.PROVED, True)] * 16,
    ]
    return {
        "after": rows,
        "impossible": impossible,
        "words_for": [rules.words_for(burns) for burns in range(6)],
        "words_for_several": [rules.words_for(burns, several=True) for burns in range(6)],
        "next_words": rules.NEXT_WORDS,
        "live_most": rules.LIVE_MOST,
        "gives_way": [{"live": live, "which": rules.gives_way(live)} for live in lives],
    }
