"""The form reader: however a body is cut into chunks it gives the same file, and never a wrong one."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.core.errors import BadRequest, BurrowError, WrongType
from burrowspace.server.multipart import read_form

MiB = 1 << 20
BOUNDARY = b"Bo"
KIND = "multipart/form-data; boundary=Bo"


def field(name: str, data: bytes, filename: str | None = None) -> bytes:
    named = "" if filename is None else f'; filename="{filename}"'
    head = f'--Bo\r\nContent-Disposition: form-data; name="{name}"{named}\r\nContent-Type: text/plain\r\n\r\n'
    return head.encode() + data + b"\r\n"


END = b"--Bo--\r\n"


async def chunks(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def pieces(parts: Iterable[bytes], kind: str = KIND) -> tuple[str | None, list[bytes]]:
    """The name of the file, and the pieces in which it was handed on."""
    form = read_form(kind, chunks(parts))
    name = await form.file("file")
    return name, [piece async for piece in form]


def read(parts: Iterable[bytes], kind: str = KIND) -> tuple[str | None, bytes]:
    name, got = asyncio.run(pieces(parts, kind))
    return name, b"".join(got)


def cut(body: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[begin:end] for begin, end in pairwise(edges)]


# What looks like the boundary is what a reader trips over.
wicked = st.lists(
    st.one_of(st.binary(max_size=40), st.sampled_from([b"\r\n", b"\r", b"\n", b"--", b"\r\n--", b"\r\n--B", b"--Bo"])),
    max_size=12,
).map(b"".join)
contents = wicked.filter(lambda data: b"\r\n--Bo" not in b"\r\n" + data + b"\r\n")
others = st.lists(st.tuples(st.sampled_from(["note", "file", "x"]), contents), max_size=3)
names = st.text(st.characters(codec="utf-8", exclude_characters='"\\;\r\n:', exclude_categories=["Cc"]), max_size=30)
places = st.lists(st.integers(min_value=0, max_value=10_000), max_size=12)


@settings(derandomize=True, max_examples=150, database=None)
@given(name=names, data=contents, before=others, behind=others, places=places)
def test_any_split_of_a_body_gives_the_same_file(
    name: str, data: bytes, before: list[Any], behind: list[Any], places: list[int]
):
    around = [b"".join(field(*other) for other in some) for some in (before, behind)]
    body = around[0] + field("file", data, name) + around[1] + END
    assert read(cut(body, places)) == (name, data)


def test_a_body_that_comes_byte_by_byte_gives_the_same_file():
    body = field("note", b"--Bo") + field("file", b"\r\n--B\r\n-", "a.txt") + field("more", b"") + END
    assert read(body[at : at + 1] for at in range(len(body))) == ("a.txt", b"\r\n--B\r\n-")


@pytest.mark.parametrize("at", ["one chunk", "file and the rest", "all before and the file"])
def test_a_file_that_shares_its_chunk_with_other_parts_is_only_itself(at: str):
    before, file, behind = field("note", b"n"), field("file", b"the file", "a"), field("more", b"m" * 100)
    chunked = {
        "one chunk": [before + file + behind + END],
        "file and the rest": [before, file + behind + END],
        "all before and the file": [before + file, behind + END],
    }
    assert read(chunked[at]) == ("a", b"the file")


def test_only_the_first_file_of_the_field_counts():
    body = (
        field("other", b"no", "o") + field("file", b"text") + field("file", b"1", "a") + field("file", b"2", "b") + END
    )
    assert read([body]) == ("a", b"1")


def test_an_empty_file_is_a_file():
    assert read([field("file", b"", "a") + END]) == ("a", b"")


def test_what_stands_behind_the_closing_boundary_is_not_read():
    assert read([field("file", b"x", "a") + END, b"\r\n", b"epilogue"]) == ("a", b"x")


@pytest.mark.parametrize("size", [1, 1000, 64 * 1024, MiB - 1, MiB, MiB + 1])
def test_the_pieces_are_bounded_whatever_the_chunks(size: int):
    body = field("file", b"0123456789abcdef" * (3 * MiB // 16 if size > 1 else 1000), "a") + END
    name, got = asyncio.run(pieces(body[at : at + size] for at in range(0, len(body), size)))
    assert name == "a"
    assert b"".join(got) == body[body.index(b"\r\n\r\n") + 4 : -len(END) - 2]
    assert all(len(piece) < MiB + size for piece in got), "a piece is what was held, and one chunk"
    assert all(len(piece) >= MiB for piece in got[:-1]), "only the last is small"


def test_no_more_than_a_piece_is_read_ahead_of_who_takes_it():
    async def asked() -> int:
        taken = 0

        async def stream() -> AsyncIterator[bytes]:
            nonlocal taken
            yield field("file", b"", "a")[:-2]
            while True:
                taken += 65_536
                yield b"z" * 65_536

        form = read_form(KIND, stream())
        await form.file("file")
        at = anext(aiter(form))
        assert len(await at) >= MiB
        return taken

    assert asyncio.run(asked()) <= MiB + 2 * 65_536


WHOLE = field("note", b"n") + field("file", b"the\r\n--file", "a.txt") + field("more", b"m") + b"--Bo--"


@pytest.mark.parametrize("size", [len(WHOLE), 7, 1])
def test_a_body_cut_off_at_any_byte_is_refused(size: int):
    for end in range(len(WHOLE)):
        with pytest.raises(BadRequest):
            read(WHOLE[at : min(at + size, end)] for at in range(0, end, size))
    assert read([WHOLE]) == ("a.txt", b"the\r\n--file")


@settings(derandomize=True, max_examples=150, database=None)
@given(at=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255), places=places)
def test_a_body_with_a_wrong_byte_is_read_alike_or_refused_alike_however_it_is_cut(
    at: int, byte: int, places: list[int]
):
    broken = WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :]

    def outcome(parts: Iterable[bytes]) -> Any:
        try:
            return read(parts)
        except BurrowError as error:
            return error.code

    assert outcome([broken]) == outcome(cut(broken, places))


@settings(derandomize=True, max_examples=150, database=None)
@given(body=st.one_of(st.binary(max_size=200), wicked, wicked.map(lambda data: b"--Bo\r\n" + data)), places=places)
def test_nonsense_is_refused_and_breaks_nothing(body: bytes, places: list[int]):
    with pytest.raises(BadRequest):
        read(cut(body, places))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("", WrongType),
        ("application/json", WrongType),
        ("multipart/mixed; boundary=Bo", WrongType),
        ("multipart/form-data", BadRequest),
        ("multipart/form-data; boundary=", BadRequest),
        ("multipart/form-data; boundary=" + "B" * 71, BadRequest),
        ('multipart/form-data; boundary="Bo', BadRequest),
    ],
)
def test_a_type_that_is_no_form_is_refused_before_anything_is_read(kind: str, error: type[BurrowError]):
    with pytest.raises(error):
        read([WHOLE], kind)


@pytest.mark.parametrize(
    "kind",
    [
        'multipart/form-data; boundary="Bo"',
        "Multipart/Form-Data;boundary=Bo",
        "multipart/form-data; charset=utf-8; boundary=Bo",
        "multipart/form-data; Boundary=Bo",
    ],
)
def test_a_form_is_one_however_its_type_is_written(kind: str):
    assert read([WHOLE], kind) == ("a.txt", b"the\r\n--file")


def test_a_boundary_of_70_is_the_longest():
    long = b"B" * 70
    assert read([WHOLE.replace(b"Bo", long)], f"multipart/form-data; boundary={long.decode()}")[0] == "a.txt"
