"""What nodes say to each other is read as it was written, or refused; nothing in between."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core import bus_frames as subject
from burrowspace.core.bus_frames import BATCH_MOST, FRAME_BYTES, HEAD_BYTES, PARTS_MOST, Frame, Kind, parse
from burrowspace.core.errors import BadRequest

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).resolve().parents[1] / "vectors" / "bus.json").read_text()
)
NODE, PEER = "0123456789abcdef" * 2, b"ab" * 16
NUMBERS = st.integers(0, 2**64 - 1)
TEXTS = st.binary(max_size=40).map(lambda body: b'42["e"' + body)


def framed(kinds: tuple[Kind, ...], parts: Any) -> st.SearchStrategy[Frame]:
    return st.builds(Frame, st.sampled_from([int(kind) for kind in kinds]), NUMBERS, NUMBERS, parts)


FRAMES = st.one_of(
    framed((Kind.EVENT, Kind.ASKED), TEXTS.map(lambda text: [text])),
    framed(
        (Kind.EVENT, Kind.ASKED), st.lists(st.binary(max_size=40), min_size=1).map(lambda a: [b"45%d-[" % len(a), *a])
    ),
    framed((Kind.PROVE, Kind.TAKEN, Kind.ARRIVED, Kind.DEAD, Kind.RESET, Kind.PROBE, Kind.ANSWER), st.just([])),
    framed((Kind.RING,), st.lists(st.text("abc 0", max_size=20).map(str.encode))),
    framed((Kind.SHOUT,), TEXTS.map(lambda text: [PEER, text])),
    framed((Kind.FIND, Kind.KICK), st.just([PEER])),
)


@given(boot=NUMBERS, number=NUMBERS, frames=st.lists(FRAMES, max_size=20))
def test_what_is_read_is_what_was_written(boot: int, number: int, frames: list[Frame]) -> None:
    read = parse(subject.batch(NODE, boot, number, frames))
    assert read == (NODE, boot, number, frames)


@given(frames=st.lists(FRAMES, min_size=1, max_size=5), cut=st.integers(1, 10_000))
def test_a_batch_that_was_cut_short_is_refused_or_ends_between_two_frames(frames: list[Frame], cut: int) -> None:
    whole = subject.batch(NODE, 1, 1, frames)
    data = whole[: max(0, len(whole) - cut)]
    try:
        read = parse(data)
    except BadRequest:
        return
    assert read.frames == frames[: len(read.frames)]
    assert subject.batch(NODE, 1, 1, read.frames) == data


@pytest.mark.parametrize("case", VECTORS["read"], ids=lambda case: case["says"])
def test_the_vectors_are_read(case: dict[str, Any]) -> None:
    read = parse(bytes.fromhex(case["batch"]))
    assert (read.node, read.boot, read.number) == (case["node"], case["boot"], case["number"])
    assert [[f.kind, f.line, f.seq, [part.hex() for part in f.parts]] for f in read.frames] == case["frames"]


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["why"])
def test_what_no_batch_is_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        parse(bytes.fromhex(case["batch"]))


def test_frames_of_newer_nodes_are_passed_over() -> None:
    known = Frame(Kind.TAKEN, 7, 8, [])
    assert parse(subject.batch(NODE, 1, 1, [Frame(99, 1, 1, [b"?"]), known])).frames == [known]


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        (Kind.EVENT, []),
        (Kind.EVENT, [b"41"]),
        (Kind.EVENT, [b"427[]"]),  # an event that wants an answer: it would have one of ours
        (Kind.EVENT, [b'42["e"]', b"attachment"]),
        (Kind.ASKED, [b'452-["e"]', b"one"]),
        (Kind.SHOUT, [b"not a peer", b'42["e"]']),
        (Kind.RING, [b"x" * 257]),
        (Kind.RING, ["ü".encode()]),
        (Kind.FIND, []),
        (Kind.KICK, [PEER, PEER]),
        (Kind.TAKEN, [b""]),
    ],
)
def test_a_frame_without_the_parts_of_its_kind_is_refused(kind: Kind, parts: list[bytes]) -> None:
    with pytest.raises(BadRequest):
        parse(subject.batch(NODE, 1, 1, [Frame(kind, 1, 1, parts)]))


def test_sizes_and_counts_are_bounded() -> None:
    room = BATCH_MOST - HEAD_BYTES - FRAME_BYTES - 4
    parse(subject.batch(NODE, 1, 1, [Frame(Kind.EVENT, 1, 1, [b"42[" + b" " * (room - 3)])]))
    for frame in (
        Frame(Kind.EVENT, 1, 1, [b"42[" + b" " * (room - 2)]),
        Frame(Kind.RING, 0, 0, [b"k"] * (PARTS_MOST + 1)),
    ):
        with pytest.raises(BadRequest):
            parse(subject.batch(NODE, 1, 1, [frame]))
