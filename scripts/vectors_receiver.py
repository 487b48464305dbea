"""Walks of one receiver's life as its sender sees it, for tests/vectors/session.json; see scripts/vectors_session.py.

Each step is [now, what happened, [acts, stage, so many positions held, the position before which blocks may go to the
server]]. What happened is a method of the book and its values.
"""

import json
from typing import Any

from burrowspace.core.receiver_book import ReceiverBook
from burrowspace.core.receiver_words import EARLY, ReceiverWords, Runs
from burrowspace.core.segments import Part
from burrowspace.core.signals import encode, parse_control, parse_signal

Event = list[Any]

LIVE, RESTING = Part(0, "A256GCM", False, at=40), Part(0, "A256GCM", True, at=60)


def happen(book: ReceiverBook, event: Event) -> Any:
    what, *values = event
    values = [Part(**each) if isinstance(each, dict) else each for each in values]
    return getattr(book, what)(*values)


def _walk(
    name: str,
    events: list[tuple[float, Event]],
    *,
    blocks: int = 1,
    held: int = 0,
    may_store: bool = True,
    alone: bool = True,
) -> dict[str, Any]:
    book, steps = ReceiverBook(blocks, held, 100.0, may_store, alone), []
    for now, given in events:
        event = [dict(each._asdict()) if isinstance(each, Part) else each for each in given]
        acts = happen(book, event) or ()
        steps.append([now, event, [acts, book.stage(now), book.held, book.person.limit]])
    made = {"name": name, "blocks": blocks, "held": held, "may_store": may_store, "alone": alone}
    return {**made, "steps": steps}


def _at(now: float, what: str, *values: Any) -> tuple[float, Event]:
    """Something that the book wants to know the time of."""
    return now, [what, now, *values]


def _says(now: float, held: int, *, rests: bool | None = None) -> list[tuple[float, Event]]:
    return [_at(now, "heard"), _at(now, "progress", held, rests)]


MET = [_at(100.0, "hello", 0), (100.1, ["asks", 0]), (100.2, ["given"])]
YES = [
    *MET,
    *_says(101.0, 1, rests=False),
    (104.0, ["accepts", 33]),
    _at(104.0, "heard"),
    _at(104.5, "tick", LIVE, True),
    _at(104.6, "looked", True, False),
]


def _gone(now: float, part: Part | None, *, online: bool = True, by_code: bool = False) -> list[tuple[float, Event]]:
    """Nothing is heard of it until then."""
    return [
        _at(now, "tick", part, True),
        _at(now + 0.1, "looked", False, False),
        _at(now + 0.2, "tick", part, True),
        _at(now + 0.3, "reached", online, by_code),
        _at(now + 0.4, "tick", part, True),
    ]


def _lives() -> list[dict[str, Any]]:
    closed = [_at(now, "tick", None, False) for now in (116.0, 120.0, 120.6)]
    return [
        _walk(
            "it takes everything by relay",
            [
                *YES,
                _at(105.0, "progress", 80, False),
                _at(105.3, "tick", LIVE, True),
                (106.0, ["verifies"]),
                (106.1, ["compared", True]),
                (107.0, ["verifies"]),
                _at(150.0, "tick", LIVE, True),
            ],
        ),
        _walk(
            "it takes everything by a link",
            [
                *MET,
                (100.3, ["linked"]),
                _at(100.4, "requests", 0),
                (100.4, ["goes_by", "tcp"]),
                _at(100.5, "requests", 90),
                _at(130.0, "tick", None, False),
                (130.1, ["verifies"]),
                (130.2, ["compared", True]),
                _at(131.0, "unlinked"),
            ],
        ),
        _walk(
            "the receiver leaves and returns",
            [
                *YES,
                (105.0, ["leaves", False]),
                *_gone(106.0, LIVE),
                (106.9, ["stored"]),
                *_gone(120.0, RESTING),
                _at(130.0, "hello", 70),
                (130.1, ["asks", 70]),
                (130.2, ["given"]),
                _at(131.0, "tick", RESTING, True),
                _at(131.1, "looked", True, True),
                _at(131.5, "tick", RESTING, True),
            ],
        ),
        _walk(
            "the receiver is killed, and returns with less",
            [*YES, *_gone(125.0, LIVE), (125.6, ["stored"]), _at(160.0, "hello", 3), _at(161.0, "progress", 9, True)],
        ),
        _walk("the receiver is killed at the prompt", [*MET, *_says(101.0, 1), *_gone(112.0, None)]),
        _walk(
            "it came by a code and is killed at the prompt", [*MET, *_says(101.0, 1), *_gone(112.0, None, by_code=True)]
        ),
        _walk(
            "it came by a code and leaves at the prompt",
            [
                *MET,
                *_says(101.0, 1),
                (103.0, ["leaves", True]),
                _at(103.1, "reached", True, True),
                (103.2, ["leaves", True]),
            ],
        ),
        _walk(
            "it came by a code, said yes and leaves",
            [*YES, (105.0, ["leaves", True]), *_gone(106.0, LIVE, by_code=True)],
        ),
        _walk(
            "nothing may rest on the server",
            [*YES, (105.0, ["leaves", False]), *_gone(106.0, LIVE), *_gone(112.0, LIVE)],
            may_store=False,
        ),
        _walk(
            "we are cut off ourselves",
            [
                *MET,
                *_gone(115.0, None, online=False),
                *closed,
                _at(120.9, "heard"),
                _at(121.0, "reached", True, False),
                _at(121.2, "tick", None, False),
            ],
        ),
        _walk(
            "the server has no space",
            [
                *YES,
                *_gone(125.0, LIVE),
                _at(126.0, "not_stored"),
                _at(131.0, "tick", None, False),
                _at(137.0, "tick", None, False),
                _at(137.1, "reached", True, False),
            ],
        ),
        _walk(
            "the sender leaves and returns: it waits",
            [
                (100.0, ["recalled"]),
                _at(100.1, "hello", 44),
                (100.2, ["asks", 44]),
                (100.3, ["asks", 44]),
                (100.4, ["given"]),
            ],
            held=44,
        ),
        _walk(
            "the sender leaves and returns: it has gone",
            [(100.0, ["holds", 44]), (100.0, ["accepts", 44]), (100.0, ["recalled"]), *_gone(111.0, None)],
        ),
        _walk(
            "the sender leaves and returns: it had left", [(100.0, ["recalled", True]), *_gone(101.0, None)], held=44
        ),
        _walk(
            "the sender is killed, and had not heard the yes",
            [(100.0, ["recalled"]), _at(100.1, "hello", 1), _at(101.0, "progress", 90, None)],
            held=1,
        ),
        _walk(
            "it verified and leaves before that is compared",
            [
                *YES,
                (106.0, ["verifies"]),
                (106.1, ["leaves", False]),
                (106.2, ["verifies"]),
                *_gone(130.0, LIVE),
                (131.0, ["compared", True]),
            ],
        ),
        _walk(
            "a second hello", [*YES, _at(105.0, "hello", 20), (105.1, ["asks", 20]), _at(105.2, "progress", 25, False)]
        ),
        _walk(
            "a second hello of one that verified",
            [
                *YES,
                (106.0, ["verifies"]),
                (106.1, ["compared", True]),
                _at(107.0, "hello", 99),
                _at(107.1, "progress", 99, None),
            ],
        ),
        _walk(
            "it thinks for a minute",
            [
                *MET,
                *[step for each in range(12) for step in _says(101.0 + 5 * each, 1)],
                _at(157.0, "tick", None, False),
                (160.0, ["accepts", 1]),
            ],
        ),
        _walk(
            "it declines",
            [
                *MET,
                *_says(101.0, 1),
                (112.0, ["declines"]),
                (112.1, ["declines"]),
                (112.2, ["verifies"]),
                _at(113.0, "tick", LIVE, True),
            ],
        ),
        _walk(
            "one of many declines",
            [*MET, *_says(101.0, 1), (112.0, ["declines"]), _at(113.0, "tick", LIVE, True)],
            alone=False,
        ),
        _walk(
            "it calls it off while its person decides, and a word of before comes after that",
            [*MET, *_says(101.0, 1), (102.0, ["ends"]), *_says(102.1, 1)],
            alone=False,
        ),
        _walk(
            "it verified something else",
            [*YES, (106.0, ["verifies"]), (106.1, ["compared", False]), (106.2, ["compared", True])],
            alone=False,
        ),
        _walk(
            "from relay to a link and back",
            [
                *YES,
                (105.0, ["linked"]),
                _at(105.1, "requests", 80),
                (105.1, ["goes_by", "tcp"]),
                (105.2, ["goes_by", "tcp"]),
                _at(106.0, "unlinked"),
                (106.1, ["asks", 81]),
                (106.2, ["given"]),
                _at(107.0, "tick", LIVE, False),
                _at(107.1, "looked", True, False),
            ],
        ),
        _walk(
            "an open request over a dead line",
            [
                *YES,
                *[_at(now, "tick", LIVE, True) for now in (110.0, 120.0, 124.0)],
                *[_at(now, "tick", LIVE, True) for now in (125.0, 126.0)],
            ],
        ),
        _walk(
            "a slow reader that says nothing",
            [*YES, *[_at(float(now), "tick", LIVE._replace(at=now), True) for now in range(110, 170, 10)]],
        ),
        _walk("its segment is lost", [*YES, _at(105.0, "not_stored"), _at(116.0, "tick", None, False)]),
        _walk(
            "a long manifest",
            [
                *MET,
                _at(101.0, "progress", 3, False),
                _at(101.5, "tick", LIVE, True),
                _at(102.0, "progress", 9, False),
                _at(102.5, "requests", 41),
            ],
            blocks=9,
        ),
    ]


def _two() -> list[dict[str, Any]]:
    """Two receivers, one slow: the slow one is waited for, the quick one is done, and neither sees the other."""
    return [
        _walk(
            "two receivers, one slow: the quick one",
            [
                *YES,
                _at(106.0, "progress", 90, False),
                (107.0, ["verifies"]),
                (107.1, ["compared", True]),
                (108.0, ["leaves", False]),
                _at(150.0, "tick", LIVE, True),
            ],
            alone=False,
        ),
        _walk(
            "two receivers, one slow: the slow one",
            [
                *YES,
                *[
                    step
                    for now in range(106, 160, 9)
                    for step in (*_says(float(now), now - 60, rests=False), _at(now + 0.5, "tick", LIVE, True))
                ],
                _at(168.0, "tick", LIVE, True),
            ],
            alone=False,
        ),
    ]


def _positions() -> list[dict[str, Any]]:
    parts = {
        "none": None,
        "live": LIVE._replace(at=200),
        "resting": RESTING,
        "not written": LIVE._replace(at=None),
        "begun late": LIVE._replace(first=70, at=75),
    }
    found = []
    for name, part in parts.items():
        for following in (False, True):
            book = ReceiverBook(1, 5, 100.0)
            book.looked(100.0, following, False)
            row = {"name": name, "part": part and dict(part._asdict()), "following": following, "held": 5}
            found.append({**row, "position": book.position(part)})
    return found


def _runs() -> list[dict[str, Any]]:
    def walk(name: str, events: list[Event]) -> dict[str, Any]:
        runs = Runs[str]("one")
        return {"name": name, "steps": [[event, getattr(runs, event[0])(*event[1:])] for event in events]}

    many = [["hears", "two", str(number)] for number in range(EARLY + 1)]
    return [
        walk(
            "words of another run wait for its hello",
            [
                ["hears", "one", "a"],
                ["hears", "two", "b"],
                ["hears", "three", "c"],
                ["begins", "two"],
                ["hears", "two", "d"],
                ["hears", "one", "e"],
                ["begins", "three"],
                ["begins", "one"],
            ],
        ),
        walk("only so many wait", [*many, ["begins", "two"]]),
    ]


def say(words: ReceiverWords, event: Event) -> Any:
    """What the words make of an event, in a form that needs no code to read."""
    match event:
        case ["hello", now, run, hello]:
            acts, early = words.hello(now, run, parse_signal(json.dumps(hello).encode()))  # type: ignore[arg-type]
            return [acts, [json.loads(encode(each)) for each in early]]
        case ["hears", now, run, signal, rests, by_code]:
            return words.hears(now, run, parse_signal(json.dumps(signal).encode()), rests, by_code)
        case ["controls", now, control]:
            return words.controls(now, parse_control(json.dumps(control).encode()))
        case ["recalls", said]:
            return words.recalls([parse_signal(json.dumps(each).encode()) for each in said])
        case ["compared", same]:
            return words.compared(same)
        case _:
            raise ValueError(event)


def _words() -> list[dict[str, Any]]:
    def walk(name: str, events: list[Event], *, direct_only: bool = False, alone: bool = True) -> dict[str, Any]:
        book = ReceiverBook(1, 0, 100.0, alone=alone)
        words, steps = ReceiverWords(book, "one", direct_only=direct_only), []
        for event in events:
            said = say(words, event)
            steps.append([event, [said, words.asked, words.digest, words.why, book.held, book.stage(110.0)]])
        return {"name": name, "direct_only": direct_only, "alone": alone, "steps": steps}

    def hello(now: float, run: str, held: int = 0, name: str = "Bob") -> Event:
        of = {"type": "hello", "receiver": "ab" * 16, "name": name, "held": held, "suites": ["A256GCM"]}
        return ["hello", now, run, of]

    def hears(run: str, kind: str, *, rests: bool | None = None, by_code: bool = False, **fields: Any) -> Event:
        return ["hears", 101.0, run, {"type": kind, **fields}, rests, by_code]

    digest = "0d" * 32
    return [
        walk(
            "one run, from its hello to the end",
            [
                hello(100.0, "one"),
                hears("one", "candidates"),
                hears("one", "ask-relay", held=0),
                hears("one", "progress", held=1, rests=False),
                hears("one", "accept", suite="A256GCM", held=1),
                ["controls", 102.0, {"type": "held", "held": 7}],
                ["controls", 102.5, {"type": "verified", "digest": digest}],
                ["compared", True],
            ],
        ),
        walk(
            "a second run: what it says before its hello waits, what the first says after it is history",
            [
                hello(100.0, "one"),
                hears("two", "ask-relay", held=9),
                hears("two", "candidates"),
                hello(101.0, "two", 9),
                hears("one", "bye"),
                hears("one", "accept", suite="A256GCM", held=4),
                hears("one", "verified", digest=digest),
                ["compared", False],
            ],
        ),
        walk(
            "nothing goes through the server",
            [hello(100.0, "one"), hears("one", "ask-relay", held=3)],
            direct_only=True,
        ),
        walk("it declines", [hello(100.0, "one", name=""), hears("one", "decline", why="no")]),
        walk(
            "it calls it off, on a link", [hello(100.0, "one"), ["controls", 101.0, {"type": "cancel", "why": "late"}]]
        ),
        walk("one of many calls it off", [hello(100.0, "one"), hears("one", "cancel", why="late")], alone=False),
        walk("it leaves with a code unanswered", [hello(100.0, "one"), hears("one", "bye", by_code=True)]),
        walk(
            "an earlier run of the sender heard it",
            [
                ["recalls", [{"type": "accept", "held": 40}, {"type": "ask-relay", "held": 40}, {"type": "bye"}]],
                hello(109.0, "two", 40),
            ],
        ),
        walk(
            "an earlier run heard it decline",
            [["recalls", [{"type": "progress", "held": 1}, {"type": "decline", "why": "no"}]]],
        ),
    ]


def receiver_vectors() -> dict[str, Any]:
    return {"lives": [*_lives(), *_two()], "positions": _positions(), "runs": _runs(), "words": _words()}
