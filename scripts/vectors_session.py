"""Walks of a session's rules, for tests/vectors/session.json; scripts/make_vectors.py writes it.

A walk is a row of [when, what happened, what follows], in a form that needs no code to read. Of consent: each step is
followed by [acts, stage, limit, whether anything may be requested].
"""

import json
from typing import Any

from scripts.vectors_receiver import receiver_vectors

from burrowspace.core import reports, segments, sender_book
from burrowspace.core.consent import SAY_EVERY, WINDOW, Consent, Person
from burrowspace.core.paths import Path
from burrowspace.core.sender_words import SenderWords
from burrowspace.core.signals import parse_signal
from burrowspace.core.silence import Silence

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
        steps.append([now, event, [acts, consent.stage, consent.limit(positions), may]])
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


def _announced_walk(name: str, events: list[Event], looks: list[int]) -> dict[str, Any]:
    known, steps = segments.Announced(), []
    for what, *values in events:
        getattr(known, what)(*values)
        found = []
        for position in looks:
            live, rest = known.pick(position, False), known.pick(position, True)
            found.append([live and live.spool, rest and rest.spool, known.nothing_left(position)])
        steps.append([[what, *values], found])
    return {"name": name, "looks": looks, "steps": steps}


def _announced() -> list[dict[str, Any]]:
    many = [["begins", f"{number}", number, "A256GCM", False] for number in range(segments.REMEMBERED + 2)]
    return [
        _announced_walk("a segment cut in the middle of a block goes on as another",
                        [["begins", "a", 0, "A256GCM", False], ["ends", "a", 40],
                         ["begins", "b", 40, "A256GCM", False]], [0, 39, 40, 99]),
        _announced_walk("the receiver leaves and it rests", [["begins", "a", 8, "A256GCM", False],
                                                             ["begins", "a", 8, "A256GCM", True]], [7, 8, 50]),
        _announced_walk("an end is heard before its beginning", [["ends", "a", 5],
                                                                 ["begins", "a", 0, "XC20P", True]], [4, 5]),
        _announced_walk("it is dropped, and told again", [["begins", "a", 0, "A256GCM", True], ["lost", "a"],
                                                          ["lost", "b"], ["begins", "a", 0, "A256GCM", True],
                                                          ["ends", "a", 0]], [0, 3]),
        _announced_walk("the sender begins again, and the end of its segment is never heard",
                        [["begins", "a", 0, "A256GCM", False], ["begins", "r", 20, "A256GCM", True], ["anew"],
                         ["begins", "b", 7, "A256GCM", False], ["begins", "a", 0, "A256GCM", False]], [5, 7, 30]),
        _announced_walk("the latest is taken", [["begins", "a", 0, "A256GCM", True],
                                                ["begins", "b", 3, "A256GCM", True]], [2, 3]),
        _announced_walk("only so many are remembered", many[:1] + many[-300:], [0, 1, 200]),
    ]  # fmt: skip


def _leavings() -> list[dict[str, Any]]:
    """When a reader of the segment "a" leaves it: how far it and the receiver are, and how long nothing came."""
    asked = [(39, 39, 0.0), (40, 39, 0.0), (40, 40, 0.0), (41, 45, 0.0), (20, 20, 2.9), (20, 20, 3.0), (20, 20, 60.0)]
    walks: dict[str, list[Event]] = {
        "it goes on": [],
        "it has ended": [["ends", "a", 40]],
        "it has ended before what is wanted": [["ends", "a", 10]],
        "a later one brings the block": [["begins", "b", 20, "A256GCM", False]],
        "a later one brings only what follows": [["begins", "b", 21, "A256GCM", False]],
        "only one that rests brings it": [["begins", "r", 0, "A256GCM", True]],
        "the sender began again": [["anew"]],
        "the sender began again, and it goes on": [["anew"], ["begins", "a", 0, "A256GCM", False]],
        "the server has it no more": [["lost", "a"]],
        "it rests now": [["begins", "a", 0, "A256GCM", True]],
    }
    found = []
    for name, events in walks.items():
        known = segments.Announced()
        known.begins("a", 0, "A256GCM", False)
        segment = known.pick(0, False)
        assert segment is not None
        for what, *values in events:
            getattr(known, what)(*values)
        answers = [[*each, known.leaves(segment, *each)] for each in asked]
        found.append({"name": name, "steps": events, "asked": answers})
    return found


_PARTS: dict[str, list[segments.Part]] = {
    "nothing": [],
    "one that is written": [segments.Part(0, "A256GCM", False, at=20)],
    "one that was cut, and the next": [segments.Part(0, "A256GCM", True, upto=40),
                                       segments.Part(40, "A256GCM", True, at=60)],
    "a gap": [segments.Part(0, "A256GCM", True, upto=10), segments.Part(12, "A256GCM", True, whole=True)],
    "all of it, out of order": [segments.Part(30, "A256GCM", True, whole=True),
                                segments.Part(0, "A256GCM", True, upto=31)],
    "live ones do not rest": [segments.Part(0, "A256GCM", False, whole=True), segments.Part(0, "XC20P", True, upto=9)],
}  # fmt: skip


def _parts() -> list[dict[str, Any]]:
    found = []
    for name, parts in _PARTS.items():
        asked = []
        for position in (0, 5, 10, 12, 39, 40, 59, 61, 100):
            serves = [segments.serving(parts, position, suite) for suite in ("A256GCM", "XC20P")]
            asked.append([position, serves, segments.covered(parts, position, 100)])
        rows = [dict(part._asdict()) for part in parts]
        owns = (None, *range(len(parts)))
        rests = [[own, at, *segments.rest(parts, own, at, 100)] for own in owns for at in (0, 10, 40, 100)]
        found.append({"name": name, "positions": 100, "parts": rows, "asked": asked, "rests": rests})
    return found


def _flows() -> list[dict[str, Any]]:
    made = segments.Flow
    cases = {
        "it rests for one who is away": made(7, rests=True),
        "it rests, and all who follow it are deciding": made(0, rests=True, wanted=True, limits=(33,)),
        "nobody reads it yet": made(7),
        "nobody reads it yet, and its follower said yes": made(7, limits=(None,)),
        "a link does the work": made(7, linked=True, limits=(None,)),
        "a link did the work, and it is read now": made(7, wanted=True, linked=True, limits=(None,)),
        "its only follower is deciding": made(0, wanted=True, limits=(33,)),
        "its only follower declined": made(0, wanted=True, limits=(1,)),
        "two are deciding, with a long manifest": made(0, wanted=True, limits=(41, 41)),
        "one is deciding, one said yes": made(0, wanted=True, limits=(33, None)),
        "one declined, one is deciding": made(0, wanted=True, limits=(1, 33)),
        "somebody reads it of whom nothing is known": made(0, wanted=True),
    }
    return [{"name": name, "flow": flow._asdict(), "ahead": segments.ahead(flow)} for name, flow in cases.items()]


def _sendings() -> list[dict[str, Any]]:
    made = sender_book.Facts
    cases = {
        "nobody came yet": made(104.0, 100.0),
        "nobody came for long": made(106.0, 100.0),
        "nobody came, and nothing may rest": made(106.0, 100.0, may_store=False),
        "nobody came, by code": made(106.0, 100.0, by_code=True),
        "the person leaves, by code": made(101.0, 100.0, by_code=True, store_now=True),
        "it is on its way to the store": made(107.0, 100.0, stored=True, rests=True),
        "all of it rests": made(120.0, 100.0, stored=True, rests=True, all_rests=True),
        "all of it rests, for many": made(120.0, 100.0, None, stored=True, rests=True, all_rests=True),
        "all of it rests, for many, and the person leaves": made(120.0, 100.0, None, True, stored=True, rests=True,
                                                                 all_rests=True),
        "somebody is here": made(120.0, 100.0, known=1, living=1, rests=True, all_rests=True, met=True),
        "the only one is away, the rest lies there": made(120.0, 100.0, known=1, rests=True, missing_rests=True),
        "one of two is away, the other never came": made(120.0, 100.0, 2, known=1, rests=True, missing_rests=True),
        "one of two has it, one is away": made(120.0, 100.0, 2, known=2, verified=1, rests=True, missing_rests=True),
        "two receivers, one slow": made(120.0, 100.0, 2, known=2, verified=1, living=1, met=True),
        "everybody has it": made(120.0, 100.0, 2, known=2, verified=2, met=True),
        "the only one declined, with many": made(120.0, 100.0, None, met=True, stored=True),
        "nobody came in time": made(131.0, 100.0, by_code=True, patience=30.0),
        "somebody came in time": made(131.0, 100.0, by_code=True, patience=30.0, met=True, known=1, living=1),
    }  # fmt: skip
    return [{"name": name, "facts": vars(facts), "step": sender_book.step(facts)} for name, facts in cases.items()]


def _silence_walk(name: str, ticks: list[tuple[float, float, bool]]) -> dict[str, Any]:
    silence, steps = Silence(100.0), []
    for now, heard_at, wanted in ticks:
        act = silence.tick(now, heard_at, wanted=wanted)
        steps.append([now, heard_at, wanted, [act, silence.warned]])
    return {"name": name, "steps": steps}


def _silences() -> list[dict[str, Any]]:
    quiet = [(100.0 + each, 100.0, True) for each in (0, 9, 10, 11, 20, 39, 41, 79, 80, 119, 120)]
    return [
        _silence_walk("it never answers", quiet),
        _silence_walk("it answers the second time", [*quiet[:5], (121.0, 120.5, True), (130.0, 120.5, True),
                                                     (131.0, 120.5, True), (240.5, 120.5, True)]),
        _silence_walk("we are cut off, or a person is asked", [*quiet[:9], (185.0, 100.0, False), (190.0, 100.0, True),
                                                              (195.0, 100.0, True), (304.0, 100.0, True),
                                                              (305.0, 100.0, True)]),
        _silence_walk("its blocks come", [(100.0 + each, 100.0 + each, True) for each in (1, 50, 200, 400)]),
        _silence_walk("nobody looked for long", [(500.0, 100.0, True)]),
    ]  # fmt: skip


def _to_sender_walk(name: str, events: list[Event]) -> dict[str, Any]:
    said, steps = reports.ToSender(), []
    for event in events:
        if event == ["arrived"]:
            said.arrived()
            steps.append([event, None])
        else:
            now, path, held, moved_at = event
            steps.append([event, said.tick(now, path and Path(path), held, moved_at)])
    return {"name": name, "steps": steps}


def _to_senders() -> list[dict[str, Any]]:
    return [
        _to_sender_walk("by a link", [[101.0, "tcp", 3, 101.0], [101.1, "tcp", 4, 101.1], [101.3, "tcp", 5, 101.3],
                                      [109.0, "tcp", 5, 109.0], [109.1, "webrtc", 6, 109.1]]),
        _to_sender_walk("no path is in use", [[101.0, None, 3, 101.0], [109.0, None, 9, 109.0]]),
        _to_sender_walk("by a segment", [[101.0, "relay", 3, 101.0], [102.5, "relay", 4, 102.5],
                        ["arrived"], [102.5, "relay", 4, 102.5], ["arrived"], [103.0, "relay", 5, 103.0],
                        [103.5, "store", 5, 103.5]]),
        _to_sender_walk("by a segment, after minutes", [[465.0, "relay", 3, 465.0], ["arrived"],
                        [465.9, "relay", 4, 465.9], [466.0, "relay", 4, 466.0]]),
        _to_sender_walk("a block takes long", [[101.0, "store", 3, 101.0], ["arrived"], [104.9, "store", 3, 104.9],
                                               [105.1, "store", 3, 105.1], ["arrived"], [190.0, "store", 3, 105.1]]),
        _to_sender_walk("a link, while the mailbox is slow", [[101.0, "relay", 3, 101.0], [102.0, "turn", 4, 102.0],
                                                              [104.0, "relay", 5, 104.0]]),
    ]  # fmt: skip


def _to_person_walk(
    name: str, events: list[tuple[float, dict[str, Any]] | bool], *, stdin: bool = False
) -> dict[str, Any]:
    """`stdin`: the sender reads its standard input."""
    seen, steps = reports.ToPerson(Silence(100.0) if stdin else None), []
    for event in events:
        if isinstance(event, bool):
            seen.looked(event)
            steps.append([event, None])
        else:
            now, how = event
            standing = reports.Standing(now, **{"carries": False, "moved_at": 100.0, "idle_since": 100.0, **how})
            steps.append([standing._asdict(), seen.tick(standing)])
    return {"name": name, "stdin": stdin, "steps": steps}


def _to_persons() -> list[dict[str, Any]]:
    gone, path, cut = {"sender_here": False}, {"carries": True}, {"network": False}
    link, quiet = {"linked": True}, {"heard_at": 100.0}
    asked = [(110.0, quiet), (110.1, quiet), True, (110.3, quiet), (120.0, quiet), (120.2, quiet), True,
             (120.4, quiet)]  # fmt: skip
    return [
        _to_person_walk("blocks come", [(100.0, path), (100.05, path), (100.2, path), (104.0, path)]),
        _to_person_walk("the path in use is silent", [(104.1, path), (104.3, path), True, (104.5, path), (110.0, path),
                        True, (110.2, path), (110.4, path), (115.0, {**path, "moved_at": 115.0}), (119.5, path)]),
        _to_person_walk("no path yet", [(101.9, {}), (102.1, {}), True, (102.3, {}), (105.0, {}), (107.0, {})]),
        _to_person_walk("the server does not answer", [(103.0, {}), False, (103.2, {}), (108.1, {}), True,
                                                       (108.3, {})]),
        _to_person_walk("this device has no network", [(103.0, {**path, **cut}), (103.05, cut), (103.2, cut),
                        (113.3, cut), (113.5, {}), (113.6, {}), True, (113.8, path),
                        (113.9, {**path, "moved_at": 113.9})]),
        _to_person_walk("a call of ours found no server", [(103.0, {}), True, (103.2, {"away": True})]),
        _to_person_walk("the sender has left", [(103.0, gone), True, (103.2, gone),
                                                (103.4, {**gone, "nothing_left": False}), (104.0, {})]),
        _to_person_walk("the person is deciding", [(103.0, {"deciding": True}), (999.0, {**path, "deciding": True}),
                                                   (999.2, {**path, "deciding": True, "moved_at": 999.0})]),
        _to_person_walk("a stream's sender never answers", [*asked, (140.0, quiet), (180.0, quiet), (220.0, quiet),
                        True, (220.2, quiet)], stdin=True),
        _to_person_walk("a stream's sender is silent, and we are cut off", [*asked, (220.0, quiet), (220.1, quiet),
                        False, (220.2, quiet), (226.0, quiet), True, (226.2, quiet), (345.0, quiet), (346.0, quiet),
                        True, (346.5, quiet)], stdin=True),
        _to_person_walk("a stream's sender answers at last", [*asked, (220.0, quiet), True,
                        (220.2, {"heard_at": 220.1}), (230.2, {"heard_at": 220.1}), (340.2, {"heard_at": 220.1})],
                        stdin=True),
        _to_person_walk("a stream's sender has a link, or a person decides", [(250.0, link), True,
                        (255.0, {"deciding": True}), (264.9, {}), (265.1, {})], stdin=True),
    ]  # fmt: skip


def _storings() -> list[list[Any]]:
    """[now, when the server last acknowledged something, bytes that it has, [what is told, how much is there]]"""
    seen, steps = reports.Storing(), []
    for now, safe_at, stored in (
        (101.0, 100.0, 5),
        (101.05, 101.0, 6),
        (105.9, 101.0, 6),
        (106.1, 101.0, 6),
        (110.0, 101.0, 6),
        (111.2, 101.0, 6),
        (112.0, 111.9, 4),
        (112.2, 112.1, 9),
    ):
        steps.append([now, safe_at, stored, [seen.tick(now, safe_at, stored), seen.stored]])
    return steps


def _meters() -> list[list[Any]]:
    """[now, done, total, [rate, seconds left]]"""
    meter, steps = reports.Meter(), []
    line = [(100.0, 0, 100), (101.0, 10, 100), (101.0, 10, None), (103.0, 30, 100), (103.5, 30, 100), (108.0, 30, 100),
            (109.0, 40, 100), (109.5, 20, 100), (110.0, 30, 100), (110.0, 100, 100)]  # fmt: skip
    block = [(200.0 + each / 2, 5 * (each // 10), 100) for each in range(60)]  # every 5 s one
    for now, done, total in (*line, *block):
        steps.append([now, done, total, meter.add(now, done, total)])
    return steps


def _sender_words() -> list[dict[str, Any]]:
    """Each step is [what happened, [what to do, the transfer that is offered, whether its program runs, why nothing
    comes, when it was heard, the segments that are read next, live and at rest]]."""

    def offer(run: str, transfer: str = "aa", at: float = 101.0) -> Event:
        sizes = {"manifest_size": 100, "pack_size": None, "suites": ["A256GCM"], "may_store": True, "created": 0}
        return ["hears", at, run, {"type": "offer", "transfer": transfer * 16, "name": "Ann", **sizes}]

    def says(run: str, kind: str, **fields: Any) -> Event:
        return ["hears", 102.0, run, {"type": kind, **fields}]

    def leg(spool: str, *, resting: bool = False) -> dict[str, Any]:
        return {"type": "leg", "spool": spool * 32, "first": 0, "suite": "A256GCM", "resting": resting}

    ends = says("one", "leg-end", spool="c" * 32, upto=0)
    cases: dict[str, list[Event]] = {
        "it offers, and leaves": [offer("one"), says("two", "bye"), says("one", "bye")],
        "its program begins again": [
            offer("one"),
            ["hears", 101.5, "one", leg("c")],
            ["hears", 101.5, "one", leg("d", resting=True)],
            offer("one"),
            offer("two", at=110.0),
            says("one", "bye"),
            ["hears", 111.0, "two", leg("c")],
            ends,
        ],
        "it offers something else": [offer("one"), offer("two", "bb")],
        "it has ended": [says("one", "cancel", why="it was taken back"), offer("one")],
        "it says where it is reached": [offer("one"), says("one", "candidates")],
        "what an earlier run of ours heard": [["recalls", leg("c")], ["recalls", {"type": "candidates"}], offer("one")],
    }
    found = []
    for name, events in cases.items():
        words, steps = SenderWords(100.0), []
        for what, *values in events:
            follows = getattr(words, what)(*values[:-1], parse_signal(json.dumps(values[-1]).encode()))
            live, rest = (words.announced.pick(0, resting) for resting in (False, True))
            of = [words.offer and words.offer.transfer, words.here, words.over, words.heard_at]
            steps.append([[what, *values], [follows or (), *of, live and live.spool, rest and rest.spool]])
        found.append({"name": name, "steps": steps})
    return found


def session_vectors() -> dict[str, Any]:
    return {
        "consents": _consents(),
        "persons": _persons(),
        "announced": _announced(),
        "leavings": _leavings(),
        "parts": _parts(),
        "flows": _flows(),
        "sendings": _sendings(),
        "silences": _silences(),
        "to_senders": _to_senders(),
        "to_persons": _to_persons(),
        "sender_words": _sender_words(),
        "storings": _storings(),
        "meters": _meters(),
        **receiver_vectors(),
    }
