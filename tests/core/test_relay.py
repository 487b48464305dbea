"""How chunks rest: whatever happens to the bytes, what comes out is a beginning of what went in."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.core.relay import Torn, pack, unpack

Event = tuple[bytes, list[bytes]]

events = st.lists(st.tuples(st.binary(max_size=40), st.lists(st.binary(max_size=20), max_size=4)), max_size=6)
some = st.lists(st.tuples(st.binary(max_size=40), st.lists(st.binary(max_size=20), max_size=4)), min_size=1, max_size=5)
examples = settings(max_examples=250, derandomize=True)


def row(of: list[Event]) -> bytes:
    return b"".join(pack(body, attachments) for body, attachments in of)


def read(held: bytes | bytearray, offset: int = 0) -> tuple[list[Event], int, bool]:
    """What comes out, where it ends, and whether it was torn there."""
    out: list[Event] = []
    end = offset
    try:
        for chunk in unpack(held, offset):
            out.append((chunk.body, chunk.attachments))
            end = chunk.end
    except Torn:
        return out, end, True
    return out, end, False


@examples
@given(events, st.integers(0, 2**53))
def test_what_went_in_comes_out_with_its_places(of: list[Event], offset: int) -> None:
    assert read(row(of), offset) == (of, offset + len(row(of)), False)
    assert [c.end for c in unpack(row(of), 0)] == [len(row(of[: n + 1])) for n in range(len(of))]


@examples
@given(events, st.data())
def test_the_pieces_in_which_it_is_read_do_not_matter(of: list[Event], data: st.DataObject) -> None:
    """The relay queue's way of reading: a buffer that grows by pieces and loses what is done."""
    held, buffer, offset, out, at = row(of), bytearray(), 0, [], 0
    while at < len(held):
        size = data.draw(st.integers(1, len(held) - at))
        buffer += held[at : at + size]
        at += size
        done = offset
        for chunk in unpack(buffer, offset):
            out.append((chunk.body, chunk.attachments))
            done = chunk.end
        del buffer[: done - offset]
        offset = done
    assert out == of
    assert offset == len(held)
    assert not buffer


@examples
@given(some, st.data())
def test_a_cut_anywhere_leaves_the_whole_records_before_it(of: list[Event], data: st.DataObject) -> None:
    held = row(of)
    cut = data.draw(st.integers(0, len(held)))
    whole = [n for n in range(len(of) + 1) if len(row(of[:n])) <= cut][-1]
    assert read(held[:cut]) == (of[:whole], len(row(of[:whole])), False)


@examples
@given(some, st.data())
def test_a_flipped_bit_ends_the_row_before_its_record(of: list[Event], data: st.DataObject) -> None:
    held = bytearray(row(of))
    bit = data.draw(st.integers(0, 8 * len(held) - 1))
    held[bit // 8] ^= 1 << bit % 8
    before = [n for n in range(len(of)) if len(row(of[:n])) <= bit // 8][-1]
    out, end, _ = read(held)
    assert out == of[:before]
    assert end == len(row(of[:before]))


def test_every_single_flipped_bit_of_a_small_row_is_noticed() -> None:
    of: list[Event] = [(b'["a",1]', []), (b'["b",{"_placeholder":true,"num":0}]', [b"\0\xff"]), (b"", [b"", b"\0" * 4])]
    held = row(of)
    for bit in range(8 * len(held)):
        damaged = bytearray(held)
        damaged[bit // 8] ^= 1 << bit % 8
        out, _, _ = read(damaged)
        assert out == of[: len(out)]
        assert len(out) < len(of)


@examples
@given(some, st.binary(max_size=80))
def test_rubbish_behind_the_row_is_never_a_chunk(of: list[Event], rubbish: bytes) -> None:
    out, end, _ = read(row(of) + rubbish)
    assert out == of
    assert end == len(row(of))


@examples
@given(st.binary(max_size=200))
def test_rubbish_alone_is_nothing(rubbish: bytes) -> None:
    assert read(rubbish)[:2] == ([], 0)


def test_the_bytes_are_those_of_the_spec() -> None:
    rest = struct.pack(">II", 5, 2) + b'["a"]' + b"12"
    assert pack(b'["a"]', [b"12"]) == struct.pack(">II", zlib.crc32(rest), 2) + rest
    assert pack(b"x", [bytearray(b"1"), memoryview(b"2")]) == pack(b"x", [b"1", b"2"])


@pytest.mark.parametrize(
    "head",
    [
        struct.pack(">II", 0, 0),  # no part at all: zeroes that a crash left in place of data
        struct.pack(">II", 0, 65),  # more parts than any packet has
        struct.pack(">II", 0, 2**32 - 1),
        struct.pack(">III", 0, 1, 65 << 20),  # longer than any record
    ],
)
def test_a_length_that_was_never_written_is_torn_at_once(head: bytes) -> None:
    """Else it would be taken for a record that is not all there, and be waited for."""
    assert read(head) == ([], 0, True)


def test_zeroes_where_a_crash_left_a_hole_end_the_row() -> None:
    whole = pack(b'["a"]')
    assert read(whole + bytes(64)) == ([(b'["a"]', [])], len(whole), True)
