"""Random changes to inputs of the corpus: where atheris has no wheel, and for the JavaScript twins."""

import random
import re
from collections.abc import Iterator

from tests.fuzz.target import Target

MOST_CHANGES = 6
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def inputs(target: Target, seed: int) -> Iterator[bytes]:
    """The corpus first, then changed inputs without end; the same ones for the same seed and corpus."""
    held = [path.read_bytes() for path in sorted(target.corpus.iterdir())] or [b""]
    yield from held
    words = read_words(target)
    chance = random.Random(f"{target.name} {seed}")
    while True:
        data = bytearray(chance.choice(held))
        for _ in range(chance.randint(1, MOST_CHANGES)):
            _change(data, words, held, chance)
        yield bytes(data[: target.most])


def read_words(target: Target) -> list[bytes]:
    """The dictionary as bytes: `"a\\x00"` on each line."""
    if not target.words.exists():
        return []
    lines = target.words.read_text().splitlines()
    return [_ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), line[1:-1].encode()) for line in lines]


def _change(data: bytearray, words: list[bytes], held: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    kind = chance.randrange(6)
    if kind == 0 and words:
        data[at:at] = chance.choice(words)
    elif kind == 1:
        data[at : at + chance.randint(1, 16)] = b""
    elif kind == 2:
        data[at : at + 1] = bytes([chance.randrange(256)])
    elif kind == 3:
        data[at:at] = data[at : at + chance.randint(1, 64)] * chance.randint(1, 8)
    elif kind == 4:
        other = chance.choice(held)
        data[at:] = other[chance.randrange(len(other) + 1) :]
    else:
        data[at:at] = chance.choice(("é", "\u202e", "İ", "\u2028", "\ud800", "𝄞", "9" * 20, " ")).encode(
            "utf-8", "surrogatepass"
        )
