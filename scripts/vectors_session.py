"""Walks of a session's rules, for tests/vectors/session.json; scripts/make_vectors.py writes it.

A walk is a row of [when, what happened, what follows], in a form that needs no code to read. Of consent: each step is
followed by [acts, stage, limit, whether anything may be requested, seconds until the next word].
"""

from typing import Any

from burrowspace.core.consent import SAY_EVERY, WINDOW, Consent, Person

Event = list[Any]


def _consent_walk(name: str, events: list[tuple[float, Event]], *, blocks: int = 1, window: int = WINDOW,
                  positions: int | None = 400, accepted: bool = False) -> dict[str, Any]:  # fmt: skip
    consent, here, steps = Consent(blocks, window, accepted=accepted), 0, []
    for now, event in events:
        match event:
            case ["know"]:
                acts = consent.know(now)
            case ["tick"]:
                acts = consent.tick(now)
            case ["answer", yes]:
                acts = consent.answer(yes)
            case ["here", count]:
                acts, here = (), count
            case _:
                raise ValueError(event)
        may = consent.may_request(here, positions)
        again = consent.again_in(now)
        steps.append([now, event, [acts, consent.stage, consent.limit(positions), may, again]])
    made = {"name": name, "blocks": blocks, "window": window, "positions": positions, "accepted": accepted}
    return {**made, "steps": steps}


def _thinks(seconds: float, *, yes: bool) -> list[tuple[float, Event]]:
    """The manifest is whole at 100 s, the window comes at once, the person answers so many seconds later."""
    events: list[tuple[float, Event]] = [(100.0, ["here", 1]), (100.0, ["know"]), (100.0, ["here", 1 + WINDOW])]
    at = 101.0
    while at < 100 + seconds:
        events.append((at, ["tick"]))
        at += 1.0
    ends = 100 + seconds
    return [*events, (ends, ["answer", yes]), (ends + SAY_EVERY, ["tick"]), (ends + SAY_EVERY, ["answer", not yes])]


def _consents() -> list[dict[str, Any]]:
    waits = [_consent_walk(f"a yes after {wait} s", _thinks(wait, yes=True)) for wait in (0, 4, 12, 60, 300)]
    return [
        *waits,
        _consent_walk("a no after 12 s", _thinks(12, yes=False)),
        _consent_walk("a no at once", _thinks(0, yes=False)),
        _consent_walk("a page, which keeps nothing early", _thinks(12, yes=True), window=0),
        _consent_walk("less than a window is offered", _thinks(4, yes=True), positions=20),
        _consent_walk("nobody knows how much is offered", _thinks(4, yes=True), positions=None),
        _consent_walk("a long manifest", [(0.0, ["here", 7]), (1.0, ["tick"]), (2.0, ["here", 9]), (2.0, ["know"]),
                                          (2.5, ["know"]), (3.0, ["answer", True])], blocks=9),
        _consent_walk("a yes of an earlier run", [(0.0, ["know"]), (9.0, ["tick"]), (9.0, ["answer", False])],
                      accepted=True),
        _consent_walk("an answer to no question", [(0.0, ["answer", True]), (0.0, ["answer", False])]),
    ]  # fmt: skip


def _person_walk(name: str, events: list[Event], blocks: int = 1) -> dict[str, Any]:
    person, steps = Person(blocks), []
    for event in events:
        match event:
            case ["holds", held]:
                person.holds(held)
            case ["requests", position]:
                person.requests(position)
            case ["accepts"]:
                person.accepts()
            case ["declines"]:
                person.declines()
        steps.append([event, [person.stage, person.limit]])
    return {"name": name, "blocks": blocks, "steps": steps}


def _persons() -> list[dict[str, Any]]:
    return [
        _person_walk("thinks, and says yes", [["holds", 0], ["requests", 0], ["holds", 1], ["requests", WINDOW],
                                              ["holds", 1], ["accepts"], ["holds", 90]]),
        _person_walk("thinks, and says no", [["holds", 1], ["declines"], ["holds", 1]]),
        _person_walk("comes back with what it had", [["holds", 77]]),
        _person_walk("has yet to get a long manifest", [["holds", 3], ["requests", 12], ["holds", 9], ["accepts"]], 9),
        _person_walk("an older program, whose yes was not heard", [["holds", 1], ["requests", WINDOW + 1]]),
        _person_walk("says no after yes", [["holds", 1], ["accepts"], ["declines"], ["accepts"]]),
    ]  # fmt: skip


def session_vectors() -> dict[str, Any]:
    return {"consents": _consents(), "persons": _persons()}
