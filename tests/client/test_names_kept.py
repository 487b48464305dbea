"""Names as a disk keeps them: on this one nearly all, elsewhere fewer, and what changes is listed."""

import unicodedata
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.client.files.keeping import keeps
from burrowspace.client.files.source import Source
from burrowspace.core.names import ANYWHERE, Keeps, safe_paths
from tests.client.carry import begin, carry, tree, write
from tests.client.test_names import paths

NAMES = ["a", "A", "what? no: *|<>\".txt", "dots..", "space ", " front", "con", "NUL.txt", "back\\slash",
         "\u00e9", "e\u0301", "x" * 255]  # fmt: skip


def test_a_disk_that_keeps_all_names_gets_them_all(tmp_path: Path):
    top = write(tmp_path / "top", [(name, name.encode()) for name in NAMES])
    deep = ["d" * 30] * 70
    write(top, [("/".join([*deep, "deep"]), b"deep")])
    source = Source.from_paths([top])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target")
    assert staging.finish() == source.digest
    assert staging.renamed == []
    assert tree(tmp_path / "target" / "top") == tree(top)


def test_what_hides_or_turns_text_is_kept_nowhere_and_listed(tmp_path: Path):
    top = write(tmp_path / "top", [("evil\u202egnp.exe", b"x"), ("line\nbreak", b"y")])
    source = Source.from_paths([top])
    staging = begin(tmp_path / "state", source)
    carry(source, staging, tmp_path / "target")
    staging.finish()
    assert sorted(tree(tmp_path / "target" / "top")) == ["evilgnp.exe", "linebreak"]
    assert dict(staging.renamed) == {
        "top/evil\u202egnp.exe": "top/evilgnp.exe",
        "top/line\nbreak": "top/linebreak",
    }


def test_the_folder_that_was_tried_is_empty_again(tmp_path: Path):
    found = keeps(tmp_path)
    assert found[:3] == (True, True, True)
    assert list(tmp_path.iterdir()) == []


def test_old_names_and_new_ones_are_listed_where_a_disk_cannot_keep_them():
    offered = [((name,), False) for name in NAMES]
    placed = safe_paths(offered, Keeps(case=True, forms=True))
    assert placed[2] == ("what_ no_ _____.txt",)
    assert [name for (name,), _ in offered][3:5] == ["dots..", "space "]
    assert placed[3:5] == [("dots",), ("space",)]
    folded = safe_paths(offered, Keeps(characters=True, forms=True))
    assert folded[:2] == [("a",), ("A (2)",)]
    composed = safe_paths(offered, Keeps(characters=True, case=True))
    assert composed[9:11] == [("\u00e9",), ("\u00e9 (2)",)]
    assert safe_paths(offered) == safe_paths(offered, ANYWHERE)


@settings(max_examples=200)
@given(st.lists(st.tuples(paths, st.booleans()), max_size=12), st.booleans(), st.booleans())
def test_whatever_a_disk_keeps_nothing_meets_or_leaves_it(
    wishes: list[tuple[tuple[str, ...], bool]], case: bool, forms: bool
):
    placed = safe_paths(wishes, Keeps(True, case, forms, 255, 2048, 128))
    files = [path for path, (_, folder) in zip(placed, wishes, strict=True) if not folder]

    def seen(path: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(unicodedata.normalize("NFC", part) if not forms else part for part in path)

    assert len({seen(path) for path in files}) == len(files)
    for path in placed:
        assert path
        assert all(part not in {"", ".", ".."} and "/" not in part and "\0" not in part for part in path)
        assert all(len(part.encode()) <= 255 for part in path)
