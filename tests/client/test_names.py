"""The one door between a manifest and a disk, against whatever a stranger may write."""

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.core.names import NAME_BYTES, PATH_BYTES, PATH_PARTS, alike, safe_name, safe_path, safe_paths

NASTY = [
    ".",
    "..",
    "...",
    "/",
    "\\",
    "/etc",
    "C:",
    "C:\\x",
    "nul",
    "NUL.txt",
    "com¹",
    "a",
    "A",
    "a.",
    "a",
    "é",
    "É",
    "ß",
    "SS",
    "a(2)",
]
NASTY += ["", " ", "a ", "\0", "\u202eexe", "\u200b", "\u200b..", ".\u200b.", "e\u0301", "a (2)", "x" * 300, "ä" * 200]
nasty = st.sampled_from(NASTY)
parts = st.one_of(nasty, st.text(max_size=20), st.text(min_size=200, max_size=400))
paths = st.lists(parts, max_size=8).map(tuple)


def is_fit(path: tuple[str, ...]) -> bool:
    return (
        1 <= len(path) <= PATH_PARTS
        and len("/".join(path).encode()) <= PATH_BYTES
        and all(part not in {"", ".", ".."} and safe_name(part) == part for part in path)
    )


@settings(max_examples=300)
@given(paths)
def test_a_path_becomes_segments_that_stay_below(path: tuple[str, ...]):
    safe = safe_path(path)
    assert is_fit(safe)
    assert safe_path(safe) == safe


@given(st.lists(st.text("abc", min_size=1, max_size=250), min_size=1, max_size=130))
def test_a_path_that_is_too_long_keeps_its_last_segment(path: list[str]):
    safe = safe_path(path)
    assert is_fit(safe)
    assert safe[-1] == path[-1]
    assert list(safe[:-1]) == path[: len(safe) - 1]


@settings(max_examples=300)
@given(st.lists(st.tuples(paths, st.booleans()), max_size=12))
def test_no_two_paths_of_a_manifest_meet_on_any_system(wishes: list[tuple[tuple[str, ...], bool]]):
    placed = safe_paths(wishes)
    assert len(placed) == len(wishes)
    files = [tuple(map(alike, path)) for path, (_, folder) in zip(placed, wishes, strict=True) if not folder]
    folders = {tuple(map(alike, path)) for path, (_, folder) in zip(placed, wishes, strict=True) if folder}
    folders |= {path[:n] for path in [*files, *folders] for n in range(1, len(path))}
    assert len(set(files)) == len(files)
    assert folders.isdisjoint(files)
    spelled: dict[tuple[str, ...], str] = {}
    for path in placed:
        assert all(0 < len(part.encode()) <= NAME_BYTES and safe_name(part) == part for part in path)
        for depth in range(1, len(path) + 1):
            key = (*path[: depth - 1], alike(path[depth - 1]))
            assert spelled.setdefault(key, path[depth - 1]) == path[depth - 1]


@given(st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=8, unique=True))
def test_names_that_are_fit_and_differ_stay_as_they_are(names: list[str]):
    assert safe_paths([((name,), False) for name in names]) == [(name,) for name in names]


def test_a_million_like_names_take_no_million_steps_each():
    placed = safe_paths([(("a\u200b.txt",), False)] * 20_000)
    assert placed[-1] == ("a (20000).txt",)


def test_what_lies_in_a_numbered_folder_follows_it():
    wishes = [(("a",), False), (("A",), True), (("A", "x"), False), (("A", "y", "z"), False)]
    assert safe_paths(wishes) == [("a",), ("A (2)",), ("A (2)", "x"), ("A (2)", "y", "z")]


def test_composed_and_decomposed_names_are_alike():
    assert alike("é") == alike(unicodedata.normalize("NFD", "É"))
