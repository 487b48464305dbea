"""Modules of the web app joined into one script: by small ones, and by all that there are."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from burrowspace.server.bundle import FOLDER as BUNDLES
from burrowspace.server.bundle import Bundler, NotBundled
from burrowspace.server.pages import FOLDER

AWAY = re.compile(r"const ROOT = .*\n")


def ran(*scripts: str, tmp_path: Path) -> list[object]:
    """What the modules put on the list `said`, when Node runs these bundles one after the other."""
    for name, text in zip(("first.mjs", "second.mjs"), scripts, strict=False):
        (tmp_path / name).write_text(AWAY.sub('const ROOT = "https://x.example/web/@1/";\n', text))
    (tmp_path / "main.mjs").write_text(
        "globalThis.said = [];\n"
        + "".join(f'await import("./{name}");\n' for name, _ in zip(("first.mjs", "second.mjs"), scripts, strict=False))
        + "await new Promise((resolve) => setTimeout(resolve));\nconsole.log(JSON.stringify(said));"
    )
    done = subprocess.run(["node", "main.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    found: list[object] = json.loads(done.stdout)
    return found


def bundler(files: dict[str, str]) -> Bundler:
    return Bundler(files.__getitem__)


FILES = {
    "app.js": """
/** It starts.
 * @import { Kind } from "./core/kinds.js"
 */
import "./core/first.js";
import { add, LIST as list, Thing } from "./core/things.js";
import * as all from "./core/things.js";
import words from "./words.js";
import {
  named,
  other as another,
} from "./again.js";

// a comment that says import { x } from "./none.js";
/** Noted. */ export const HERE = import.meta.url;
said.push(words.hello, add(1, 2), list, new Thing().name, Object.keys(all).sort(), named, another, HERE, `
  a ${`nested ${"//"} /* one`} text`);
""",
    "words.js": '/** German. */\nexport default {\n  hello: "hallo",\n};\n',
    "core/first.js": 'said.push("first");\n',
    "core/things.js": """
import "./first.js";
export function add(a, b) {
  return a + b;
}
export async function slow() {}
export function* each() {
  yield 1;
}
export const LIST = [1, 2];
export class Thing {
  name = "thing";
}
const hidden = 7;
export { hidden as shown };
""",
    "again.js": 'export { LIST as named, add as other } from "./core/things.js";\nexport {};\n',
}


def test_a_bundle_does_what_its_modules_do(tmp_path: Path) -> None:
    files = {**FILES, "again.js": 'export { LIST as named, shown as other } from "./core/things.js";\nexport {};\n'}
    said = ran(bundler(files).script("app.js"), tmp_path=tmp_path)
    assert said == [
        "first",
        "hallo",
        3,
        [1, 2],
        "thing",
        ["LIST", "Thing", "add", "each", "shown", "slow"],
        [1, 2],
        7,
        "https://x.example/web/@1/app.js",
        "\n  a nested // /* one text",
    ]


def test_a_module_runs_once_whoever_brings_it(tmp_path: Path) -> None:
    files = {
        "app.js": 'import { count } from "./count.js";\nsaid.push(count());\n',
        "late.js": 'import { count } from "./count.js";\nsaid.push(count());\n',
        "count.js": 'let calls = 0;\nsaid.push("made");\nexport const count = () => (calls += 1);\n',
    }
    made = bundler(files)
    assert ran(made.script("app.js"), made.script("late.js"), tmp_path=tmp_path) == ["made", 1, 2]
    assert "said.push(count())" in made.script("late.js", {"count.js"})
    assert "calls" not in made.script("late.js", {"count.js"})


def test_what_is_imported_later_is_known_and_comes_from_here(tmp_path: Path) -> None:
    files = {
        "app.js": 'import "./parts/a.js";\nsaid.push("app");\n',
        "parts/a.js": """
const language = "de";
void import("./b.js").then(({ b }) => said.push(b));
export const words = () => import(`./languages/${language}.js`);
""",
        "parts/b.js": 'export const b = "b";\nvoid import("../deep.js");\n',
        "deep.js": "said.push(1);\n",
    }
    made = bundler(files)
    assert made.late(["app.js"]) == ({"parts/b.js", "deep.js"}, {"parts/languages/"})
    script = made.script("app.js")
    assert 'later("parts/b.js")' in script
    assert "later(`parts/languages/${language}.js`)" in script
    joined = script + made.script("parts/b.js").replace("const ", "var ")
    assert "define(" in joined


def test_a_script_knows_where_its_modules_are(tmp_path: Path) -> None:
    files = {"store/a-worker.js": "said.push(import.meta.url);\n", "a.js": ""}
    made = bundler(files)
    for place, folder, up in (
        ("store/a-worker.js", BUNDLES, "../../"),
        ("store/a-worker.js", "", "../"),
        ("a.js", "", "./"),
    ):
        assert f'new URL("{up}", import.meta.url)' in made.script(place, folder=folder)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('import words, { b } from "./b.js";', "import words"),
        ('import { a } from "https://elsewhere.example/a.js";', "elsewhere"),
        ('import { a } from "../../a.js";', "outside"),
        ('export * from "./b.js";', "export"),
        ("export let counter = 0;", "export let"),
        ("export const { a, b } = c;", "export const"),
        ('import "./a.js";', "imports itself"),
        ('  import { b } from "./b.js";', "import"),
    ],
)
def test_what_is_not_known_is_refused(text: str, why: str) -> None:
    files = {"a.js": text + "\n", "b.js": "export const b = 1;\n"}
    with pytest.raises(NotBundled, match=why):
        bundler(files).script("a.js")


def test_every_module_of_the_app_can_be_joined(tmp_path: Path) -> None:
    made = Bundler(lambda place: (FOLDER / place).read_text())
    late, starts = made.late(["app.js"])
    languages = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.js")}
    late |= {place for place in languages if place.startswith(tuple(starts))}
    workers = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*-worker.js")}
    assert len(late) > 10
    assert workers
    first = set(made.closure("app.js"))
    for number, place in enumerate(sorted({"app.js", "store/opened.js", *late, *workers})):
        script = made.script(place, first if place in late else (), folder="" if place in workers else BUNDLES)
        path = tmp_path / f"{number}.mjs"
        path.write_text(script)
        done = subprocess.run(["node", "--check", str(path)], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{place}: {done.stderr}"
