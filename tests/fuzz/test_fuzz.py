"""What fuzzing found stays found: the whole corpus, then a short run of each group with new inputs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.mutate import inputs, read_words
from tests.fuzz.run import run
from tests.fuzz.table import GROUPS, TARGETS
from tests.fuzz.target import CORPUS, WORDS, Target

SECONDS = os.environ.get("BURROW_FUZZ_SECONDS", "20")  # for each group
REPO = Path(__file__).parents[2]


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_of_the_corpus_is_read_or_refused(name: str) -> None:
    target = TARGETS[name]
    held = sorted(target.corpus.iterdir())
    assert held
    for path in held:
        target.try_one(path.read_bytes())


@pytest.mark.parametrize("group", GROUPS)
def test_a_short_run_finds_nothing(group: str) -> None:
    asked = [sys.executable, "-m", "tests.fuzz", group, "--in-all", SECONDS]
    said = subprocess.run(asked, cwd=REPO, capture_output=True, text=True, timeout=110)
    assert said.returncode == 0, said.stdout + said.stderr


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
        Target("code", "none", quadratic, "anything", 10).try_one(bytes(20_000))


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
