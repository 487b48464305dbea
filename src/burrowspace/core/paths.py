"""Which path is used when: two tables, and a function that reads them.

Asked by the receiver, who is in command, whenever something happens and at the latest after `Decision.again` seconds;
what it must know of the past stands in core/path_book.py. No link, no clock, no socket here: facts in, a decision out,
for every combination of facts. Times are seconds of one clock, rates are bytes/s of sealed blocks.
Spec, with both tables: docs/spec/paths.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Path(StrEnum):
    TCP = "tcp"
    PUNCH = "punch"
    WEBRTC = "webrtc"
    TURN = "turn"
    RELAY = "relay"
    STORE = "store"


class State(StrEnum):
    UNTRIED = "untried"
    TRYING = "trying"
    UP = "up"  # it could carry the next block
    FAILED = "failed"  # could not be made, or broke


@dataclass(frozen=True)
class Row:
    """What is so of a path whatever happens. The lower `rank` is used first; equals do not displace each other."""

    rank: int
    after: float  # s after the start from which it is tried
    limit: float  # s that one attempt may take
    proven: bool  # takes over from the relay at once; else only when the relay's rate is known
    because: str


PATHS: dict[Path, Row] = {
    Path.TCP:    Row(0, 0.0, 5.0, True,  "nobody between, the fastest, the kernel does the work"),
    Path.PUNCH:  Row(0, 0.0, 9.0, True,  "the same through two NATs that keep ports; costs nothing to try at once"),
    Path.WEBRTC: Row(1, 0.3, 15.0, False, "passes most NATs at 0.1 to 0.01 of TCP's speed, 20 to 170 times its CPU; "
                                          "not even begun where TCP answers within a blink"),
    Path.TURN:   Row(2, 3.0, 15.0, False, "a relay at WebRTC's price: for when our own relay is not to be had"),
    Path.RELAY:  Row(3, 1.0, 10.0, True,  "works wherever HTTP does: carries while the direct ones are still tried"),
    Path.STORE:  Row(4, 0.0, 10.0, True,  "what rests on the server, for when the sender has left"),
}  # fmt: skip

DIRECT = (Path.TCP, Path.PUNCH, Path.WEBRTC, Path.TURN)
HEAD_START = 1.0  # s that the direct paths have before the relay carries: the first byte comes within 2 s
STALL = 3.0  # s without a block, after which a path is left
WINDOW = 4.0  # s over which a rate is measured; below that it is not known
SLOWER = 0.5  # of what the last path gave: plainly slower
PENALTY = 60.0  # s for which a path that was left is not used; doubled each time, up to
PENALTY_MOST = 960.0
BACKOFF = (1.0, 3.0, 10.0, 30.0, 60.0)  # s until a direct path is tried again, the last for ever
PROBE_BELOW = 25e6  # bytes/s: a WebRTC slower than this is worth one look at what the relay gives
SETTLED = 10.0  # s in use, after which links that are not used are let go
GONE = 10.0  # s without a word from the receiver, after which the sender brings the rest to the store
TICK = 0.5  # s: ask again at the latest


@dataclass(frozen=True)
class Allowed:
    """What the person allowed, both ends taken together. ValueError where that leaves no path."""

    relay_only: bool = False  # give away no address
    direct_only: bool = False  # nothing on the server
    no_store: bool = False  # nothing rests there

    def __post_init__(self) -> None:
        if self.relay_only and self.direct_only:
            raise ValueError("relay only and direct only together leave no path")

    def allows(self, path: Path) -> bool:
        if path in DIRECT:
            return not self.relay_only and not (self.direct_only and path is Path.TURN)
        return not self.direct_only and not (self.no_store and path is Path.STORE)


@dataclass(frozen=True)
class Known:
    """What is known of one path now."""

    state: State = State.UNTRIED
    since: float = 0.0  # when it came into this state
    failures: int = 0  # in a row, without SETTLED s of use between
    rate: float | None = None  # over the last WINDOW s of its use, None until it was used that long
    progress_at: float | None = None  # its last block
    penalised_until: float = 0.0

    def penalised(self, now: float) -> bool:
        return now < self.penalised_until


@dataclass(frozen=True)
class Facts:
    """Everything a decision rests on."""

    now: float
    began: float  # when the two ends had met
    paths: Mapping[Path, Known] = field(default_factory=dict)
    using: Path | None = None
    using_since: float = 0.0
    mark: float | None = None  # what the path before this one gave when it was left, if that was measured
    sender_present: bool = True
    may_store: bool = False  # the sender lets the rest be kept on the server
    options: Allowed = field(default_factory=Allowed)
    possible: frozenset[Path] = frozenset(Path)  # what this pair of programs can do at all

    def known(self, path: Path) -> Known:
        return self.paths.get(path, _UNKNOWN)

    def allows(self, path: Path) -> bool:
        """Whether this path may carry a block of this transfer."""
        if path not in self.possible or not self.options.allows(path):
            return False
        return path is not Path.STORE or self.may_store

    def usable(self, path: Path) -> bool:
        return self.allows(path) and self.known(path).state is State.UP

    def in_head_start(self) -> bool:
        """Whether the relay still gives way: only while there is a direct path to hope for."""
        hopeful = any(self.allows(each) and self.known(each).state is not State.FAILED for each in DIRECT)
        return hopeful and self.now - self.began < HEAD_START


_UNKNOWN = Known()


@dataclass(frozen=True)
class Decision:
    """What to do now. Blocks under way on the path that is left may still be taken."""

    use: Path | None  # ask here from the next block on; None: nothing can carry, wait
    why: str  # the rule, for the log and the tests
    start: tuple[Path, ...] = ()  # begin to try these
    stop: tuple[Path, ...] = ()  # give these up, whether trying or up
    ask_relay: bool = False  # say AskRelay(held) to the sender
    penalise: Path | None = None  # see PENALTY
    again: float = TICK  # s until this must be asked again


# Which path carries


def _best(facts: Facts, *, but: Path | None = None, penalised: bool = False) -> Path | None:
    """The usable path of the lowest rank, the one in use first among equals."""
    found = [
        each
        for each in Path
        if each is not but and facts.usable(each) and (penalised or not facts.known(each).penalised(facts.now))
    ]
    if facts.in_head_start():
        found = [each for each in found if each in DIRECT] or ([facts.using] if facts.using in found else [])
    return min(found, key=lambda each: (PATHS[each].rank, each is not facts.using), default=None)


def _broken(facts: Facts) -> Decision | None:
    if facts.using is None or facts.usable(facts.using):
        return None
    other = _best(facts) or _best(facts, penalised=True)
    return Decision(other, "broken")


def _first(facts: Facts) -> Decision | None:
    if facts.using is not None:
        return None
    other = _best(facts) or _best(facts, penalised=True)
    return Decision(other, "first" if other else "waiting")


def _stalled(facts: Facts) -> Decision | None:
    if facts.using is None:
        return None
    moved_at = max(facts.using_since, facts.known(facts.using).progress_at or facts.using_since)
    other = _best(facts, but=facts.using)
    if facts.now - moved_at < STALL or other is None:
        return None
    return Decision(other, "stalled", penalise=facts.using)


def _slower(facts: Facts) -> Decision | None:
    if facts.using is None or facts.mark is None or facts.now - facts.using_since < WINDOW:
        return None
    rate, other = facts.known(facts.using).rate, _best(facts, but=facts.using)
    if rate is None or rate >= facts.mark * SLOWER or other is None:
        return None
    return Decision(other, "slower", penalise=facts.using)


def _better(facts: Facts) -> Decision | None:
    if facts.using is None:
        return None
    other, own = _best(facts, but=facts.using), facts.known(facts.using).rate
    if other is None or PATHS[other].rank >= PATHS[facts.using].rank:
        return None
    if not PATHS[other].proven:
        known = facts.known(other)
        if facts.using is Path.RELAY and own is None:
            return None  # first let it be known what is given up
        slow = own is not None and known.rate is not None and known.rate < own * SLOWER
        if slow and not known.penalised_until:
            return None  # it was looked at and found slower; one whose penalty is over gets another chance
    return Decision(other, "better")


def _probe(facts: Facts) -> Decision | None:
    if facts.using not in (Path.WEBRTC, Path.TURN) or facts.now - facts.using_since < WINDOW:
        return None
    if not _promising(facts, facts.using):
        return None
    if not facts.usable(Path.RELAY) or facts.known(Path.RELAY).penalised(facts.now):
        return None
    return Decision(Path.RELAY, "probe")


def _promising(facts: Facts, using: Path) -> bool:
    """Whether the relay may do better than this slow WebRTC: nobody has looked yet, or it gave more than twice as much.

    One that stalled is remembered by its last seconds, in which it gave a quarter: to have given more is enough.
    """
    rate, relay = facts.known(using).rate, facts.known(Path.RELAY)
    if rate is None or rate >= PROBE_BELOW:
        return False
    return relay.rate is None or rate < relay.rate * (1 if relay.penalised_until else SLOWER)


@dataclass(frozen=True)
class Rule:
    name: str
    applies: Callable[[Facts], Decision | None]
    because: str


RULES: tuple[Rule, ...] = (
    Rule("first", _first, "nothing carries yet: the best that is up; before HEAD_START is over, only a direct one"),
    Rule("broken", _broken, "a dead path carries nothing: the next block goes by the best other"),
    Rule("stalled", _stalled, "STALL s without a block: whatever the cause, another path may do better; "
                              "without another there is nothing to gain by leaving"),
    Rule("slower", _slower, "the path before this one gave more than twice as much: go back, and stay for PENALTY s"),
    Rule("better", _better, "a path of lower rank is up: it spares the server or the processor; "
                            "WebRTC waits until the relay's rate is known, or it could never be found out slower"),
    Rule("probe", _probe, "WebRTC carries slowly: look once at what the relay gives, and go back to it if it gave "
                          "more than twice as much (it stalled, and its penalty is over)"),
)  # fmt: skip


def decide(facts: Facts) -> Decision:
    """The first rule that applies says who carries; then what else is to be tried, asked and let go."""
    chosen = next((found for rule in RULES if (found := rule.applies(facts))), None)
    chosen = chosen or Decision(facts.using, "steady")
    return replace(
        chosen,
        start=_to_start(facts, chosen),
        stop=_to_stop(facts, chosen),
        ask_relay=_asks_relay(facts, chosen),
        again=_again(facts),
    )


# What else is done meanwhile


def _due(facts: Facts, path: Path) -> bool:
    """Whether a path that is neither up nor being tried may be tried now."""
    known = facts.known(path)
    if not facts.allows(path) or not facts.sender_present:
        return False
    if known.state is State.UNTRIED:
        return facts.now - facts.began >= PATHS[path].after
    if known.state is State.FAILED:
        return facts.now - known.since >= backoff(known.failures)
    return False


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row.

    >>> [backoff(count) for count in (0, 1, 2, 3, 4, 5, 99)]
    [1.0, 1.0, 3.0, 10.0, 30.0, 60.0, 60.0]
    """
    return BACKOFF[min(max(failures, 1), len(BACKOFF)) - 1]


def penalty(times: int) -> float:
    """Seconds for which a path left for the so-manyeth time is not used.

    >>> [penalty(times) for times in (1, 2, 5, 99)]
    [60.0, 120.0, 960.0, 960.0]
    """
    return min(PENALTY * 2.0 ** min(max(times, 1) - 1, 10), PENALTY_MOST)


def _rank(path: Path | None) -> int:
    return PATHS[path].rank if path else len(Path)


def _to_start(facts: Facts, chosen: Decision) -> tuple[Path, ...]:
    """Direct paths that would be better than what carries; TURN only where the relay does not answer."""
    start = [each for each in DIRECT if _rank(each) < _rank(chosen.use) and _due(facts, each)]
    relay = facts.known(Path.RELAY)
    relayed = facts.allows(Path.RELAY) and (relay.state is State.UP or not relay.failures)
    return tuple(each for each in start if not (each is Path.TURN and relayed))


def _to_stop(facts: Facts, chosen: Decision) -> tuple[Path, ...]:
    """Attempts that could not better what carries; spare links, once what carries has SETTLED; what is not allowed."""
    found = []
    settled = chosen.use is facts.using and facts.now - facts.using_since >= SETTLED
    for each in Path:
        known = facts.known(each)
        if each is chosen.use or known.state not in (State.TRYING, State.UP):
            continue
        if not facts.allows(each):
            found.append(each)
        elif each in DIRECT and chosen.use in DIRECT and _rank(each) >= _rank(chosen.use):
            if known.state is State.TRYING or settled:
                found.append(each)
        elif each is Path.RELAY and chosen.use in DIRECT:
            if known.state is State.UP and settled and _good(facts):
                found.append(each)
        elif known.state is State.TRYING and each in DIRECT and facts.now - known.since >= PATHS[each].limit:
            found.append(each)
    return tuple(found)


def _good(facts: Facts) -> bool:
    """Whether what carries is measured, and not plainly slower than what was before it."""
    rate = facts.known(facts.using).rate if facts.using else None
    return rate is not None and (facts.mark is None or rate >= facts.mark * SLOWER)


def _asks_relay(facts: Facts, chosen: Decision) -> bool:
    """The relay is asked for when nothing direct carries well, or it may do better than a slow WebRTC."""
    if not facts.allows(Path.RELAY) or not facts.sender_present or facts.in_head_start():
        return False
    known = facts.known(Path.RELAY)
    idle = known.state is State.UNTRIED or (known.state is State.FAILED and _due(facts, Path.RELAY))
    if not idle:
        return False
    if chosen.use is None or chosen.use is Path.STORE:
        return True
    if chosen.use not in DIRECT:
        return False
    own = facts.known(chosen.use)
    moved_at = max(facts.using_since, own.progress_at or facts.using_since)
    silent = chosen.use is facts.using and facts.now - moved_at >= STALL
    slow = own.rate is not None and not _good(facts)
    return silent or slow or (chosen.use in (Path.WEBRTC, Path.TURN) and _promising(facts, chosen.use))


def _again(facts: Facts) -> float:
    """Until the head start ends or a direct path is due, and TICK at most."""
    times = [facts.began + HEAD_START, *(facts.began + row.after for row in PATHS.values())]
    return min([TICK, *(each - facts.now for each in times if each > facts.now)])
