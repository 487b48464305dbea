"""Python and JavaScript read the same: every input of the corpus, and many changed ones, in both."""

import base64
import itertools
import json
import shutil
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from burrowspace.core import codes, manifest, names, signals
from burrowspace.core.errors import BurrowError
from burrowspace.core.pack import Row
from tests.fuzz import mailbox, transfer
from tests.fuzz.mutate import inputs
from tests.fuzz.table import TARGETS
from tests.fuzz.target import text

SCRIPT = Path(__file__).with_name("twins.mjs")
TEXTS = {"code", "link", "name"}
TWINS = ("code", "link", "name", "meeting", "signal", "control", "device", "manifest", "frame", "pack")
CHANGED = 1500  # inputs of each target beside the corpus
DEEP = 60  # levels of JSON: Python's parser refuses more than some hundred, JavaScript's thousands


@pytest.mark.parametrize("name", TWINS)
def test_both_languages_make_the_same_of_every_input(name: str) -> None:
    target = TARGETS[name]
    count = len(list(target.corpus.iterdir())) + CHANGED
    tried = [data for data in itertools.islice(inputs(target, 1), count) if _can_agree(name, data)]
    told = _in_node([_question(name, data) for data in tried])
    for data, theirs in zip(tried, told, strict=True):
        ours = _in_python(name, data)
        assert _same(ours, theirs), f"{name} on {data!r}: Python {ours}, JavaScript {theirs}"


def _in_node(questions: list[dict[str, str]]) -> list[Any]:
    node = shutil.which("node")
    assert node, "the tests need Node 20 or later"
    asked = "".join(json.dumps(each) + "\n" for each in questions)
    said = subprocess.run([node, SCRIPT], input=asked, capture_output=True, text=True, timeout=100)
    assert said.returncode == 0, said.stderr[-2000:]
    return [json.loads(line) for line in said.stdout.split("\n") if line]


def _question(name: str, data: bytes) -> dict[str, str]:
    if name == "pack":
        return {"target": name, "text": json.dumps(_row(data))}
    if name in TEXTS:
        return {"target": name, "text": text(data)}
    return {"target": name, "base64": base64.b64encode(data).decode()}


def _in_python(name: str, data: bytes) -> Any:
    try:
        return {"ok": json.loads(json.dumps(READ[name](data)))}
    except BurrowError as refusal:
        return {"no": refusal.code}


def _same(ours: Any, theirs: Any) -> bool:
    if "ok" in ours and "ok" in theirs and isinstance(ours["ok"], dict):
        theirs = {"ok": {key: value for key, value in theirs["ok"].items() if key in ours["ok"]}}  # a newer field
    return bool(ours == theirs) or ("no" in ours and "no" in theirs)


def _listing(data: bytes) -> Any:
    found = manifest.parse(data)
    paths = names.safe_paths([(each.path, each.kind == "folder") for each in found.entries])
    entries = [[each.path, each.kind, each.size, each.mode] for each in found.entries]
    return {"name": found.name, "entries": entries, "paths": paths}


def _frames(data: bytes) -> Any:
    found, broken = transfer._frames([data])
    return [[{"BLOCK": 1, "CONTROL": 2}[kind], len(body)] for kind, body in found], broken


def _row(data: bytes) -> dict[str, Any]:
    sizes = [each * 7 % 50 for each in data[2:60]] or [0]
    at = (data[0] if data else 0) % (sum(sizes) + 1)
    return {"sizes": sizes, "at": at, "upto": min(sum(sizes), at + (data[1] if len(data) > 1 else 0))}


def _pieces(data: bytes) -> Any:
    row = _row(data)
    return [list(each) for each in Row(row["sizes"]).pieces(row["at"], row["upto"])]


READ: dict[str, Any] = {
    "code": mailbox.code,
    "link": mailbox.link,
    "name": transfer.name,
    "meeting": lambda data: json.loads(codes.encode_meeting(codes.parse_meeting(data))),
    "signal": lambda data: json.loads(signals.encode(signals.parse_signal(data))),
    "control": lambda data: json.loads(signals.encode(signals.parse_control(data))),
    "device": mailbox.said_by_a_device,
    "manifest": _listing,
    "frame": _frames,
    "pack": _pieces,
}


def _can_agree(name: str, data: bytes) -> bool:
    """Leaves out what the languages themselves do not agree on."""
    if name in TEXTS:
        return all(unicodedata.category(each) != "Cn" for each in text(data))  # each knows its own version of Unicode
    if name in ("frame", "pack"):
        return True
    return data.count(b"[") + data.count(b"{") < DEEP and not _has_twins(data)


def _has_twins(data: bytes) -> bool:
    """Whether a JSON object names a field twice: JavaScript looks at the last one only."""
    twice = False

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        twice = twice or len({key for key, _ in found}) < len(found)
        return dict(found)

    try:
        said = json.loads(data, object_pairs_hook=pairs)
    except ValueError:
        return False
    return twice or (isinstance(said, dict) and said.get("type") == "stream")  # a control between browsers only


def test_a_difference_would_be_seen() -> None:
    assert not _same({"ok": {"held": 1}}, {"ok": {"held": 2}})
    assert not _same({"ok": {"held": 1}}, {"no": "bad-request"})
