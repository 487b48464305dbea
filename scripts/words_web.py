"""The sentences of the web app, and whether every catalogue in features/languages/ has each of them, and no other.

`python scripts/words_web.py` lists them as JSON, `--check` compares. A sentence is what stands in `t("…")`, in a table
of words (`words:`, `accept:`, `how:`, `found:` …), in a BurrowError that needs no values, or as the `why` of an event.
"""

import argparse
import json
import re
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parents[1] / "src" / "burrowspace" / "web"
LANGUAGES = WEB / "features" / "languages"
_TEXT = r'"((?:[^"\\\n]|\\.)+)"'
_SHOWN = tuple(
    re.compile(each)
    for each in (
        rf"\bt\(\s*{_TEXT}",
        rf"\b(?:words|accept|other|how|found|todo|check): {_TEXT}",
        rf"\bt\([\w.]+ \|\| {_TEXT}",
        rf"\b(?:why|trouble|check|todo|found) = {_TEXT}",
    )
)
_CHOSEN = re.compile(rf"\bt\(\s*[^\"()]*\? {_TEXT}\s*: {_TEXT}")
_EITHER = re.compile(rf"\btodo(?:: | = )\w+ \? {_TEXT}\s*: {_TEXT}")
_ONE = re.compile(rf"\btodo(?:: | = )\w+ \? {_TEXT}\s*: \"\"")
_THROWN = re.compile(rf'\bBurrowError\(\s*"([a-z-]+)",\s*{_TEXT}\s*[,)]')
_TOLD = re.compile(rf"(?:\bwhy: |#waits\(){_TEXT}")
# Those that only a fault of ours, or of somebody who speaks another protocol, can bring about.
_INNER = ("bad-request", "broken", "again", "too-many", "error")
# Why a path was chosen, which no one is told; what a forger brings about, which ends as one sentence (`tampered`).
_QUIET = {"asked", "better", "broken", "closed", "probe", "slower", "stalled", "steady"}
# What a session says of itself by way of a variable.
_SAID = (
    "the sender called it off",
    "what arrives was not sealed by the sender; somebody between you changes it",
    "the sender has left, and nothing of it rests on the server (any more); it goes on when they are back",
    "the sender has not begun yet",
    "the sender does not answer; it reads its standard input, so it cannot come back if it was stopped. "
    "After two minutes of silence this ends",
    "the sender was silent for two minutes. It reads its standard input, which cannot be read twice, "
    "so it cannot come back if it was stopped; ask for it again",
    "the server cannot be reached; still trying",
    "the server cannot work at the moment; still trying",
    "the network is back",
    "this device is offline",
    "this device is offline; it goes on when the network is back",
    "waiting for the sender",
    "the line to the server is slow; nothing more has arrived there yet",
    "somebody tried a wrong code, so the old one no longer works",
    "the connection broke while the code was being checked, so the old one no longer works",
    "three codes were tried and failed, so no new one is made by itself",
    "you asked for a new code",
    "{name} is still there, but this code was used already. Ask them for a new one",
    "the code was used; it works for one person",
    "the receiver left without taking it, and their code is used up",
    "several people may use the code now, so it is a longer one",
    "the server has no short code left to give; the link works all the same",
)


def sentences() -> list[str]:
    """All of them, sorted. AssertionError: one of _SAID is not said any more."""
    found: set[str] = set()
    for file in sorted((WEB / "features").rglob("*.js")):
        if file.parent == LANGUAGES:
            continue
        text = file.read_text()
        for pattern in _SHOWN:
            found |= set(pattern.findall(text))
        for pair in (*_CHOSEN.findall(text), *_EITHER.findall(text)):
            found |= set(pair)
        found |= set(_ONE.findall(text))
    below = "".join(file.read_text() for folder in ("core", "wire", "store") for file in (WEB / folder).rglob("*.js"))
    found |= {sentence for code, sentence in _THROWN.findall(below) if code not in (*_INNER, "tampered")}
    found |= set(_TOLD.findall(below))
    everything = below + "".join(file.read_text() for file in (WEB / "features").rglob("*.js"))
    for each in _SAID:
        assert f'"{each}"' in everything, each
    found |= {"the sender has ended this transfer"}  # and behind a colon, why
    return sorted(json.loads(f'"{each}"') for each in (found | set(_SAID)) - _QUIET)


def catalogue(file: Path) -> dict[str, object]:
    """A catalogue is `export default {JSON};`, so that it can be read here, too."""
    text = file.read_text()
    return dict(json.loads(text[text.index("export default") + len("export default") : text.rindex(";")]))


def wrong() -> list[str]:
    """Sentences: what is missing in which language, and what is there in vain."""
    wanted = set(sentences())
    found = []
    for file in sorted(LANGUAGES.glob("*.js")):
        words = catalogue(file)
        found += [f"{file.name} lacks: {each}" for each in sorted(wanted - set(words))]
        found += [f"{file.name} has in vain: {each}" for each in sorted(set(words) - wanted)]
        for english, said in words.items():
            for one in said.values() if isinstance(said, dict) else [said]:
                if set(re.findall(r"\{\w+\}", str(one))) - set(re.findall(r"\{\w+\}", english)):
                    found.append(f"{file.name} names another place than: {english}")
    return found


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--check", action="store_true", help="compare the catalogues")
    if options.parse_args().check:
        if problems := wrong():
            sys.exit("\n".join(problems))
    else:
        sys.stdout.write(json.dumps(sentences(), indent=1, ensure_ascii=False) + "\n")
