"""What fuzzing found stays found: the whole corpus, then a few changed inputs of each target."""

import itertools

import pytest

from tests.fuzz.mutate import inputs, read_words
from tests.fuzz.run import run
from tests.fuzz.table import TARGETS
from tests.fuzz.target import CORPUS, WORDS, Target

CHANGED = 2000  # inputs of each target; `make fuzz` tries millions, guided by coverage


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_of_the_corpus_is_read_or_refused(name: str) -> None:
    target = TARGETS[name]
    held = sorted(target.corpus.iterdir())
    assert held
    for path in held:
        target.try_one(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run_finds_nothing(name: str) -> None:
    """The same inputs in each run: what a test finds depends neither on the day nor on how busy the machine is."""
    target = TARGETS[name]
    for data in itertools.islice(inputs(target, 0), len(list(target.corpus.iterdir())) + CHANGED):
        try:
            target.try_one(data)
        except BaseException as fault:
            fault.add_note(f"{name} on {data!r}\n(as a regression into tests/fuzz/corpus/{name}/)")
            raise


def test_a_fault_is_found_and_shown_with_its_input() -> None:
    def faulty(data: bytes) -> None:
        assert b"x" not in data

    found = run(Target("code", "none", faulty, "anything", 10), 10)
    assert "AssertionError" in found.fault
    assert "code on b'" in found.fault


def test_an_input_that_takes_more_than_linear_time_is_a_fault() -> None:
    def quadratic(data: bytes) -> None:
        for _ in range(len(data)):
            sum(data)

    with pytest.raises(AssertionError, match="s of CPU"):
        Target("code", "none", quadratic, "anything", 10).try_one(bytes(8_000))


def test_the_corpus_is_small_and_belongs_to_the_targets() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert {path.stem for path in WORDS.iterdir()} <= set(TARGETS)
    sizes = [path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(sizes) < 1_000_000
    assert len(sizes) < 2000
    for name, target in TARGETS.items():
        assert all(path.stat().st_size <= target.most for path in target.corpus.iterdir()), name


def test_changed_inputs_are_the_same_in_each_run() -> None:
    target = TARGETS["link"]
    one, two = inputs(target, 1), inputs(target, 1)
    assert [next(one) for _ in range(200)] == [next(two) for _ in range(200)]
    assert read_words(TARGETS["stun"])[0] == b"!\x12\xa4B"
