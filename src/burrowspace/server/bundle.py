"""Modules of the web app joined into one script, so that a first visit asks for a few files and not for a hundred.

Pure: from texts to a text. It reads the modules as this project writes them, and refuses what it does not know: imports
and exports begin a line (or end a vendored file), no line of a text begins like one, names stay bound as they were
exported, and nothing imports in a circle. Each module becomes a function that runs once, when the first one needs it,
after the ones that it imports: the order of ECMAScript. What a bundle imports later comes as a bundle of its own. Spec:
docs/spec/http.md, "The web app".
"""

import posixpath
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

MAKER = 1  # rises when this file makes other bundles of the same modules
VENDORED = "vendor/"  # minified, with a comment where a licence stands
FOLDER = "bundle/"  # in front of a bundle's path, below the folder of the modules

_NAME = r"[A-Za-z_$][\w$]*"
_IMPORT = re.compile(
    rf"^import(?:\s+\*\s+as\s+(?P<all>{_NAME})\s+from|\s+(?P<default>{_NAME})\s+from"
    r'|\s*\{(?P<names>[^}]*)\}\s*from)?\s*"(?P<place>\.[^"]+)";$',
    re.M,
)
_AGAIN = re.compile(r'^export\s*\{(?P<names>[^}]*)\}\s*from\s*"(?P<place>\.[^"]+)";$', re.M)
_DECLARED = re.compile(
    rf"^export\s+(?P<kept>(?:(?:async\s+)?function\s*\*?|class|const)\s+(?P<name>{_NAME}))(?![\w$])", re.M
)
_DEFAULT = re.compile(r"^export default ", re.M)
_LISTED = re.compile(r"(?:^|(?<=[;}]))export\s*\{(?P<names>[^}]*)\};?\s*(?=\Z|\n)", re.M)
_LATER = re.compile(r"""(?<![\w.])import\((?:"(?P<place>\.[^"]+)"|`(?P<start>\./[\w/-]*)(?P<rest>[^`]*)`)\)""")
_META = re.compile(r"\bimport\.meta\b")
_LEFT = re.compile(r"^[ \t]*(?:import|export)\b(?!\()", re.M)
_COMMENTS = re.compile(r"/\*\*.*?\*/[ \t]*|^[ \t]*//[^\n]*\n|^[ \t]*\n", re.S | re.M)

_RUNTIME = """
const modules = (globalThis.burrowModules ??= new Map());
const define = (place, needs, make) => modules.has(place) || modules.set(place, { needs, make, made: null });
const get = (place) => {
  const held = modules.get(place);
  if (!held) throw new Error(`the bundle lacks ${place}`);
  return (held.made ??= held.make(...held.needs.map(get)));
};
const later = async (place) => {
  if (!modules.has(place)) await import(`${ROOT}bundle/${place}`);
  return get(place);
};
"""


class NotBundled(Exception):
    """A module that is written in a way that is not known here."""


@dataclass(slots=True)
class _Module:
    needs: list[str] = field(default_factory=list)  # paths, in the order in which they run
    heads: list[str] = field(default_factory=list)  # what the function calls them
    exports: dict[str, str] = field(default_factory=dict)  # by the name outside, the expression inside
    late: set[str] = field(default_factory=set)  # paths that it imports when they are wanted
    starts: set[str] = field(default_factory=set)  # the same, for those that are chosen by name
    body: str = ""


class Bundler:
    """Bundles of one state of the modules. `read` gives the text of one, by its path below their folder.

    Paths that are not there raise whatever `read` raises; modules that cannot be joined raise NotBundled.
    """

    def __init__(self, read: Callable[[str], str]) -> None:
        self._read = read
        self._modules: dict[str, _Module] = {}

    def script(self, entry: str, without: Collection[str] = (), *, folder: str = FOLDER) -> str:
        """Runs `entry` and all that it imports at once, but for `without`, which the page has.

        `folder`: below which the script is served.
        """
        up = "../" * (folder + entry).count("/") or "./"
        parts = [f'const ROOT = new URL("{up}", import.meta.url).href;', _RUNTIME]
        parts += [_defined(place, self._parsed(place)) for place in self.closure(entry) if place not in without]
        parts.append(f'get("{entry}");')
        return "\n".join(parts)

    def closure(self, entry: str) -> list[str]:
        """What runs when `entry` does, in that order."""
        order: dict[str, None] = {}
        self._gather(entry, order, ())
        return list(order)

    def late(self, entries: Collection[str]) -> tuple[set[str], set[str]]:
        """What these import later, and what that imports later, and so on: modules, and starts of the paths of modules
        that are chosen by name."""
        found: set[str] = set()
        starts: set[str] = set()
        todo = list(entries)
        while todo:
            for place in self.closure(todo.pop()):
                module = self._parsed(place)
                starts |= module.starts
                todo += module.late - found
                found |= module.late
        return found, starts

    def _gather(self, place: str, order: dict[str, None], above: tuple[str, ...]) -> None:
        if place in above:
            raise NotBundled(f"{place} imports itself by way of {above[-1]}")
        if place in order:
            return
        for need in self._parsed(place).needs:
            self._gather(need, order, (*above, place))
        order[place] = None

    def _parsed(self, place: str) -> _Module:
        if place not in self._modules:
            self._modules[place] = _parsed(place, self._read(place))
        return self._modules[place]


def _parsed(place: str, text: str) -> _Module:
    module = _Module()

    def needed(path: str) -> str:
        module.needs.append(_joined(place, path))
        return f"$m{len(module.needs)}"

    def imported(found: re.Match[str]) -> str:
        head = needed(found["place"])
        if found["all"]:
            head = found["all"]
        elif found["default"]:
            head = f"{{default: {found['default']}}}"
        elif found["names"] is not None:
            head = "{" + ", ".join(f"{outer}: {inner}" for outer, inner in _names(found["names"])) + "}"
        module.heads.append(head)
        return ""

    def passed_on(found: re.Match[str]) -> str:
        head = needed(found["place"])
        module.heads.append(head)
        module.exports.update({outer: f"{head}.{inner}" for inner, outer in _names(found["names"])})
        return ""

    def declared(found: re.Match[str]) -> str:
        module.exports[found["name"]] = found["name"]
        return found["kept"]

    def listed(found: re.Match[str]) -> str:
        module.exports.update({outer: inner for inner, outer in _names(found["names"])})
        return ""

    def default(_: re.Match[str]) -> str:
        module.exports["default"] = "$default"
        return "const $default = "

    def later(found: re.Match[str]) -> str:
        if found["place"]:
            module.late.add(wanted := _joined(place, found["place"]))
            return f'later("{wanted}")'
        module.starts.add(start := _joined(place, found["start"]) + "/")
        return f"later(`{start}{found['rest']}`)"

    # Comments are half of a module; those with types hold imports of their own.
    text = text if place.startswith(VENDORED) else _COMMENTS.sub("", text)
    for pattern, change in (
        (_IMPORT, imported),
        (_AGAIN, passed_on),
        (_DECLARED, declared),
        (_LISTED, listed),
        (_DEFAULT, default),
        (_LATER, later),
    ):
        text = pattern.sub(change, text)
    text = _META.sub(f'({{ url: ROOT + "{place}" }})', text)
    if left := _LEFT.search(text):
        raise NotBundled(f"{place}: {text[left.start() :][:80].splitlines()[0]}")
    module.body = text
    return module


def _joined(place: str, path: str) -> str:
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
    if joined.startswith(".."):
        raise NotBundled(f"{place} imports {path}, which is outside")
    return joined


def _names(listed: str) -> list[tuple[str, str]]:
    """The pairs of a list such as `a, b as c`; a name that is not renamed stands for both.

    >>> _names("a, b as c,"), _names("")
    ([('a', 'a'), ('b', 'c')], [])
    """
    pairs = []
    for each in listed.split(","):
        words = each.split()
        if words:
            pairs.append((words[0], words[-1]))
    return pairs


def _defined(place: str, module: _Module) -> str:
    needs = ", ".join(f'"{need}"' for need in module.needs)
    exports = ", ".join(name if name == inside else f"{name}: {inside}" for name, inside in module.exports.items())
    heads = ", ".join(module.heads)
    return f'define("{place}", [{needs}], ({heads}) => {{\n{module.body}\nreturn {{ {exports} }};\n}});'
