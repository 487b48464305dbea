"""No module of the package reaches itself by its imports: late ones and those for types count as well.

A circle means that none of its modules can be understood, tested or moved alone.
"""

from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from tests.circles import circles

PACKAGE = "burrowspace"


def imports(package: str = PACKAGE) -> Iterator[tuple[str, set[str]]]:
    graph = grimp.build_graph(package, cache_dir=None)
    for module in graph.modules:
        others = graph.find_modules_directly_imported_by(module)
        yield module.removeprefix(f"{package}."), {each.removeprefix(f"{package}.") for each in others}


def test_no_module_reaches_itself() -> None:
    assert circles(dict(imports())) == []


def test_a_circle_of_types_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "roundabout"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "a.py").write_text("def late():\n    from roundabout.b import B\n")
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from roundabout.a import A\n"
    (folder / "b.py").write_text(typed)
    monkeypatch.syspath_prepend(tmp_path)
    assert circles(dict(imports("roundabout"))) == [{"a", "b"}]
