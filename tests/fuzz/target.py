"""What a fuzz target is, and how one input is tried on it."""

import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from burrowspace.core.errors import BurrowError

CORPUS, WORDS = Path(__file__).parent / "corpus", Path(__file__).parent / "words"
SENTENCE_MOST = 600  # characters of a refusal: it must not repeat what it refuses
FIXED_S, PER_BYTE_S = 0.1, 5e-6  # the CPU time that one input may take, instrumented; twice as long is twice as dear


@dataclass(frozen=True, slots=True)
class Target:
    """`run` parses one input, asserts what holds of the result, and returns it. It may refuse with `refuses` alone."""

    name: str
    group: str
    run: Callable[[bytes], object]
    parses: str  # for the page: what of ours reads it
    most: int  # bytes of an input
    refuses: tuple[type[Exception], ...] = (BurrowError,)

    @property
    def corpus(self) -> Path:
        return CORPUS / self.name

    @property
    def words(self) -> Path:
        """A dictionary in libFuzzer's form: what is worth putting into an input."""
        return WORDS / f"{self.name}.dict"

    def try_one(self, data: bytes) -> object:
        """The result, or the refusal as an exception object. Raises what a stranger must not be able to cause."""
        began = time.thread_time()
        result = self._answer(data)
        if time.thread_time() - began > allowed_s(data):
            self._is_slow_again(data)
        return result

    def _answer(self, data: bytes) -> object:
        try:
            return self.run(data)
        except self.refuses as refusal:
            sentence = str(refusal)
            assert 0 < len(sentence) <= SENTENCE_MOST, f"a refusal of {len(sentence)} characters"
            return refusal

    def _is_slow_again(self, data: bytes) -> None:
        """A garbage collection or a busy machine is not the input's fault: the best of three counts."""
        took = []
        for _ in range(3):
            began = time.thread_time()
            self._answer(data)
            took.append(time.thread_time() - began)
        assert min(took) <= allowed_s(data), f"{min(took):.3f} s of CPU for {len(data)} bytes"


def allowed_s(data: bytes) -> float:
    return FIXED_S + PER_BYTE_S * len(data)


def text(data: bytes) -> str:
    """Any string that Python can hold, lone surrogates too."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def is_tame(line: str) -> bool:
    """Whether nothing in it moves a cursor, breaks a line, or hides or turns the rest."""
    return not any(unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") for each in line)


def pieces(data: bytes) -> list[bytes]:
    """The same bytes in pieces whose sizes follow from the bytes."""
    cut, at = [], 0
    while at < len(data):
        size = 1 + data[at] % 61
        cut.append(data[at : at + size])
        at += size
    return cut
