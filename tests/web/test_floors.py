"""The floors of the page: `vendor < core < wire < store < features`, and what stands above them all: app.js and sw.js.

The wire has floors of its own, named as in the Python client:
`server < files < state < rendezvous | relay | links < session`. What stands beside each other does not import each
other; modules directly in `wire/` are below all of them.
No module imports from a floor above its own: not by `import`, nor late, nor as a worker, nor for a type in a comment.
And no module reaches itself by its imports. The checks are proven on small wrong trees.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.circles import circles

WEB = Path(__file__).parents[2] / "src" / "burrowspace" / "web"
FLOORS = ["vendor", "core", "wire", "store", "features"]
WIRE = {"server": 1, "files": 2, "state": 3, "rendezvous": 4, "relay": 4, "links": 4, "session": 5}
# `import … from "x"`, `export … from "x"`, `import "x"`, `import("x")`, `new URL("x", …)`, `@import … from "x"`
IMPORT = re.compile(
    r"""(?: ^\s*(?:import|export)\b[^;'"`]*?\bfrom\s* | ^\s*import\s* | \bimport\(\s* | \bnew\sURL\(\s*
        | @import\b[^'"`@]*?\bfrom\s* ) (["'`]) (.+?) \1""",
    re.MULTILINE | re.VERBOSE,
)


def imports(root: Path) -> Iterator[tuple[str, str]]:
    """(module, module that it imports), by their paths in the tree; what a person's choice fills in ends the path."""
    for path in sorted(root.rglob("*.js")):
        module = path.relative_to(root)
        if module.parts[0] == "vendor":
            continue
        for found in IMPORT.finditer(path.read_text()):
            named = found[2].partition("${")[0]
            target = root / named.lstrip("/") if named.startswith("/") else path.parent / named
            yield str(module), str(target.resolve().relative_to(root.resolve()))


def floor(module: str) -> int:
    top = module.partition("/")[0]
    return FLOORS.index(top) if top in FLOORS else len(FLOORS)


def upward(root: Path) -> list[str]:
    return [f"{module} imports {other}" for module, other in imports(root) if floor(other) > floor(module)]


def package(module: str) -> str:
    """The package of the wire, empty for a module directly in it."""
    _, folder, _ = ("/" + module).rsplit("/", 2)
    return "" if folder == "wire" else folder


def upward_in_wire(root: Path) -> list[str]:
    """A package that is not in WIRE is a KeyError: it needs a floor."""
    found = []
    for module, other in imports(root):
        if module.startswith("wire/") and other.startswith("wire/"):
            own, its = package(module), package(other)
            if its and own != its and (not own or WIRE[its] >= WIRE[own]):
                found.append(f"{module} imports {other}")
    return found


def in_circles(root: Path) -> list[set[str]]:
    graph: dict[str, set[str]] = {}
    for module, other in imports(root):
        graph.setdefault(module, set()).add(other)
    return circles(graph)


# store/worker-registration.js names the service worker, which it starts and does not load
STARTED = ["store/worker-registration.js imports sw.js"]


def test_no_module_of_the_page_imports_upward() -> None:
    assert upward(WEB) == STARTED


def test_no_package_of_the_wire_imports_upward() -> None:
    assert upward_in_wire(WEB) == []
    assert {package(module) for module, _ in imports(WEB) if module.startswith("wire/")} == {"", *WIRE}


def test_no_module_of_the_page_reaches_itself() -> None:
    assert in_circles(WEB) == []


def test_all_of_the_page_is_looked_at() -> None:
    found = list(imports(WEB))
    importing = {module for module, _ in found}
    assert {"app.js", "wire/session/sender.js", "store/sink-opfs.js", "features/model/app-model.js"} <= importing
    assert [other for _, other in found if not (WEB / other).exists()] == []
    assert {floor(module) for module in importing} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("core/a.js", 'import { b } from "../wire/b.js";'),
        ("core/a.js", 'import {\n  b,\n  c,\n} from "../wire/b.js";'),
        ("core/a.js", 'import "../features/b.js";'),
        ("wire/a.js", 'export * from "../store/b.js";'),
        ("wire/a.js", 'export { b } from "../store/b.js";'),
        ("store/a.js", 'const late = () => import("../features/b.js");'),
        ("wire/a.js", 'new Worker(new URL("../store/b.js", import.meta.url))'),
        ("wire/a.js", '/** @import { B } from "../store/b.js" */'),
        ("wire/a.js", '/** @param {import("../store/b.js").B} b */'),
        ("features/parts/a.js", 'import "../../app.js";'),
        ("core/a.js", 'import "/app.js";'),
    ],
)
def test_an_import_upward_is_seen(tmp_path: Path, path: str, text: str) -> None:
    for name in (*FLOORS, "features/parts"):
        (tmp_path / name).mkdir()
    (tmp_path / path).write_text(f"// one\n{text}\nconst two = 2;\n")
    assert len(upward(tmp_path)) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("wire/server/a.js", 'import { b } from "../session/b.js";'),
        ("wire/files/a.js", '/** @import { B } from "../links/b.js" */'),
        ("wire/links/a.js", 'import { b } from "../relay/b.js";'),
        ("wire/a.js", 'import { b } from "./server/b.js";'),
    ],
)
def test_an_import_upward_in_the_wire_is_seen(tmp_path: Path, path: str, text: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(f"{text}\n")
    assert len(upward_in_wire(tmp_path)) == 1


def test_a_circle_is_seen_even_one_of_types(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "a.js").write_text('import { b } from "./b.js";\n')
    (tmp_path / "core" / "b.js").write_text('/** @import { A } from "./a.js" */\n')
    assert in_circles(tmp_path) == [{"core/a.js", "core/b.js"}]
