"""The pages of the sealed transfer name every label and every message, with the numbers that hold."""

import re
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from scripts.make_vectors import CONTROLS, SAID

from burrowspace.core import codes, frames, links, manifest, sealing, signals
from burrowspace.core.sealing import BLOCK, PACK, BlockKey

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "burrowspace"
PAGES = {name: (ROOT / "docs/spec" / f"{name}.md").read_text() for name in ("sealing", "manifest", "meeting", "link")}
SIGNALLING = (ROOT / "docs/spec/signalling.md").read_text()


def test_every_label_stands_in_the_page() -> None:
    source = "".join(path.read_text() for path in SOURCE.rglob("*.py"))
    labels = set(re.findall(r'derive\([^\n]*?"(burrow/1 [^"{]*)', source))
    assert len(labels) >= 10
    for label in labels:
        assert f"`{label}" in PAGES["sealing"], label


@pytest.mark.parametrize("message", [*SAID, *CONTROLS], ids=lambda message: type(message).__name__)
def test_every_message_stands_in_the_page_with_its_fields(message: signals.Message) -> None:
    kind = type(message)
    rows = [
        row for row in SIGNALLING.splitlines() if row.startswith("| `") and f"`{kind.__struct_config__.tag}`" in row
    ]
    assert rows
    for field in msgspec.structs.fields(kind):
        assert f"`{field.encode_name}`" in rows[0], field.encode_name


def test_the_vectors_say_every_message() -> None:
    said = {type(message) for message in SAID}
    assert said | {type(message) for message in CONTROLS} == set(signals.Message.__subclasses__())


def test_the_bounds_are_the_ones_in_force() -> None:
    assert f"{BLOCK:,} bytes; fewer" in PAGES["sealing"]
    assert sealing.SEALINGS == 1 << 32
    for suite in sealing.Suite:
        assert re.search(rf"\| `{suite}` \| .* \| {suite.nonce_bytes} \| {suite.overhead} \|", PAGES["sealing"])
    assert f"({manifest.PACK_BYTES:,} bytes)" in PAGES["manifest"]
    assert f"{manifest.MANIFEST_BYTES >> 20} MiB, {manifest.ENTRIES:,} entries" in PAGES["manifest"]
    assert f"1 to {manifest.DEPTH} parts of 1 to {manifest.SEGMENT} characters" in PAGES["manifest"]
    assert f"1 to {codes.NAMEPLATE_MOST:,}" in PAGES["meeting"]
    assert f"at most {codes.MEETING_BYTES >> 10} KiB" in PAGES["meeting"]
    assert f"At most {links.LINK_CHARS} characters" in PAGES["meeting"]
    assert f"{frames.BLOCK_BODY_LEAST} to {frames.BLOCK_BODY_MOST:,} |" in PAGES["link"]
    assert f"{frames.CONTROL_BODY_LEAST} to {frames.CONTROL_BODY_MOST:,} |" in PAGES["link"]
    assert f"at most {signals.SIGNAL_BYTES >> 10} KiB" in SIGNALLING
    assert f"up to {signals.SDP_CHARS:,} characters" in SIGNALLING
    assert f"up to {signals.CANDIDATES} `[host, port]`" in SIGNALLING


def test_a_block_goes_through_the_default_suite_without_a_copy() -> None:
    key, plain, sealed = BlockKey(bytes(32), bytes(16)), bytearray(BLOCK), memoryview(bytearray(sealing.SEALED_MOST))
    view, back = memoryview(plain), memoryview(bytearray(BLOCK))
    tracemalloc.start()
    try:
        length = key.seal_into(PACK, 0, False, view, bytes(12), sealed)
        key.open_into(PACK, 0, False, sealed[:length], back)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < BLOCK // 10
