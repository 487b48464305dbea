"""The words of the web app: whether every catalogue in features/languages/ has each code that is used, and no other.

`python scripts/words_web.py` lists the codes as JSON, `--check` compares. A code is what stands in `t("…")` or in a
table of the page (`words:`, `how:`, `found:` …). What a session gives has a prefix: `said-` before the reason of an
event or an error, `error-` before an error's code, `server-` before what the server said.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

WEB = Path(__file__).resolve().parents[1] / "src" / "burrowspace" / "web"
LANGUAGES = WEB / "features" / "languages"
_CODE = r'"([a-z][a-z-]*)"'
_EITHER = rf"(?:[^\"?;]* \? {_CODE} : )?(?:[^\"?;]* \? )?{_CODE}(?: : {_CODE})?"
_USED = tuple(
    re.compile(each)
    for each in (
        rf"\bt\(\s*{_EITHER}",
        rf"\b(?:words|accept|other|how|found|todo|check): {_EITHER}",
        rf"\b(?:check|todo|found) = {_EITHER}",
        r'"((?:said|error|server)-[a-z-]+)"',
    )
)
_REASON = re.compile(rf"\breason(?:: | = ){_EITHER}")
_THROWN = re.compile(rf"\bBurrowError\(\s*{_CODE}")
_TABLED = re.compile(r'^  "?([a-z][a-z-]*)"?:', re.MULTILINE)  # a row of core/reasons.js
_ENDED = re.compile(r'^  "[^"]+": "([a-z-]+)",$|: "([a-z-]+)";$', re.MULTILINE)  # why the other side ended it
_SERVER = ("too-many", "too-large", "no-space")  # of the server's codes (core/errors.py), those with words of their own


def codes() -> list[str]:
    """All that are used, sorted."""
    used: set[str] = set()
    for file in sorted((WEB / "features").rglob("*.js")):
        if file.parent != LANGUAGES:
            used |= _found(_USED, file.read_text())
    below = "".join(file.read_text() for folder in ("core", "wire", "store") for file in (WEB / folder).rglob("*.js"))
    reasons = (WEB / "core" / "reasons.js").read_text()
    table, _, ends = reasons.partition("const ENDS")
    said = _found([_REASON], below) | _found([_TABLED], table) | _found([_ENDED], ends)
    used |= {f"said-{each}" for each in said} | {f"error-{each}" for each in _found([_THROWN], below)}
    return sorted(used | {f"server-{each}" for each in _SERVER} | {"noscript"})  # that one stands in index.html


def _found(patterns: Iterable[re.Pattern[str]], text: str) -> set[str]:
    rows = (row for pattern in patterns for row in pattern.findall(text))
    return {code for row in rows for code in ([row] if isinstance(row, str) else row) if code}


def catalogue(file: Path) -> dict[str, object]:
    """A catalogue is `export default {JSON};`, so that it can be read here, too."""
    text = file.read_text()
    return dict(json.loads(text[text.index("export default") + len("export default") : text.rindex(";")]))


def places(words: object) -> set[str]:
    """The {places} of a text, or of all its plurals."""
    texts = words.values() if isinstance(words, dict) else [words]
    return {each for text in texts for each in re.findall(r"\{(\w+)\}", str(text))}


def wrong() -> list[str]:
    """Sentences: what is missing in which language, what is there in vain, what names other places than the English."""
    wanted = set(codes())
    english = catalogue(LANGUAGES / "en.js")
    found = []
    for file in sorted(LANGUAGES.glob("*.js")):
        words = catalogue(file)
        found += [f"{file.name} lacks: {each}" for each in sorted(wanted - set(words))]
        found += [f"{file.name} has in vain: {each}" for each in sorted(set(words) - wanted)]
        for code in sorted(set(words) & set(english)):
            if places(words[code]) - {"n"} != places(english[code]) - {"n"}:
                found.append(f"{file.name} has other places than the English: {code}")
    return found + _early(english)


def _early(english: dict[str, object]) -> list[str]:
    """What index.html says before the modules are there is what the English catalogue says."""
    page = (WEB / "index.html").read_text()
    return [
        f"index.html does not say: {code}"
        for code in ("headline", "tagline", "noscript")
        if f">{english[code]}<" not in page
    ]


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--check", action="store_true", help="compare the catalogues")
    if options.parse_args().check:
        if problems := wrong():
            sys.exit("\n".join(problems))
    else:
        sys.stdout.write(json.dumps(codes(), indent=1, ensure_ascii=False) + "\n")
