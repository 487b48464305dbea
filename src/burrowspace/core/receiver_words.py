"""What the words of a receiver mean to its sender: which run of its program is heard, and what its book makes of each.

Words come in, the acts of core/receiver_book.py come out. No clock, no mailbox, no link. Twin of
web/core/receiver-words.js, held to the same walks. Specs: docs/spec/session.md, docs/spec/signalling.md.
"""

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

from burrowspace.core import signals
from burrowspace.core.receiver_book import Acts, ReceiverBook
from burrowspace.core.signals import Control, Hello, Signal

EARLY = 64  # words that may come before their hello
Run = str | bytes

Word = TypeVar("Word")


class Runs(Generic[Word]):
    """Which run of a receiver's program is heard: the one that said hello last. What another one says is history, or
    its hello is still on its way.

    >>> runs = Runs[str]("first")
    >>> runs.hears("first", "a"), runs.hears("second", "b"), runs.begins("second"), runs.hears("first", "c")
    (True, False, ['b'], False)
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._early: deque[tuple[Run, Word]] = deque(maxlen=EARLY)

    def hears(self, run: Run, word: Word) -> bool:
        if run != self._run:
            self._early.append((run, word))
        return run == self._run

    def begins(self, run: Run) -> list[Word]:
        """A hello; what this run said before it."""
        self._run = run
        early = [word for said_by, word in self._early if said_by == run]
        self._early.clear()
        return early


class ReceiverWords:
    """`run`: that of its program which said hello first. `direct_only`: nothing goes through the server.

    `asked`: for a segment, from this block on. `digest`: the one that it verified. `why`: a sentence, once it is over.
    """

    def __init__(self, book: ReceiverBook, run: Run, *, direct_only: bool = False) -> None:
        self.asked, self.digest, self.why = 0, "", ""
        self._book, self._runs, self._direct_only = book, Runs[Signal](run), direct_only
        self._name = ""

    def recalls(self, said: Iterable[Signal]) -> Acts:
        """All that it said to an earlier run of the sender: nothing of that is to be answered any more."""
        acts, left = Acts(), False
        for signal in said:
            acts += self._history(signal)
            left = isinstance(signal, signals.Bye)
        self._book.recalled(left)
        return acts

    def hello(self, now: float, run: Run, hello: Hello) -> tuple[Acts, list[Signal]]:
        """It is here (again); and what this run said before, which is to be heard now."""
        self._name = hello.name
        return self._book.hello(now, hello.held), self._runs.begins(run)

    def hears(self, now: float, run: Run, signal: Signal, rests: bool | None, by_code: bool) -> Acts | None:
        """None: it says where it is reached. `rests`: its segment does; None: it has none. `by_code`: it came by a code
        that works once."""
        if not self._runs.hears(run, signal):
            return self._history(signal)
        self._book.heard(now)
        if isinstance(signal, signals.AskRelay) and not self._direct_only:
            self.asked = signal.held
            return self._book.asks(signal.held)
        if isinstance(signal, signals.Progress):
            return self._book.progress(now, signal.held, rests)
        if isinstance(signal, signals.Decline):
            self.why = f"{self._name or 'the receiver'} declined it"
            return self._book.declines()
        if isinstance(signal, signals.Cancel):
            return self._cancels(signal)
        if isinstance(signal, signals.Bye):
            return self._book.leaves(by_code)
        if isinstance(signal, signals.Candidates | signals.Sdp | signals.IceCandidate):
            return None
        return self._history(signal)

    def controls(self, now: float, control: Control) -> Acts:
        """The same, said on a link."""
        self._book.heard(now)
        if isinstance(control, signals.Cancel):
            return self._cancels(control)
        return self._history(control)

    def compared(self, same: bool) -> Acts:
        """Its digest with ours."""
        if not same:
            self.why = "the receiver verified something else than what was sent; send it again"
        return self._book.compared(same)

    def _cancels(self, cancel: signals.Cancel) -> Acts:
        self.why = f"the receiver called it off: {cancel.why}"
        return self._book.ends()

    def _history(self, said: Signal | Control) -> Acts:
        """What counts, whichever run said it: what it holds, and what its person decided."""
        if isinstance(said, signals.AskRelay | signals.Progress | signals.Held):
            self._book.holds(said.held)
        elif isinstance(said, signals.Accept):
            return self._book.accepts(said.held)
        elif isinstance(said, signals.Decline):
            self._book.person.declines()
        elif isinstance(said, signals.Verified):
            self.digest = said.digest
            return self._book.verifies()
        return ()
