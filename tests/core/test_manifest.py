"""A list of files is read as it was written, and whatever else comes is refused in our own words."""

import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core import manifest as subject
from burrowspace.core.errors import BadManifest
from burrowspace.core.manifest import DEPTH, PACK_BYTES, TEXT_BYTES, Entry, Manifest, encode, parse

parts = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20).filter(
    lambda part: part not in (".", "..")
)
sizes = st.integers(0, 1 << 40)
entries = st.one_of(
    st.builds(
        Entry, st.tuples(parts), st.just("file"), sizes, st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 0o777)
    ),
    st.builds(Entry, st.tuples(parts), st.just("folder"), st.just(0)),
    st.builds(Entry, st.tuples(parts), st.just("text"), st.integers(0, TEXT_BYTES)),
    st.builds(
        lambda first, rest: Entry((first + "/", *rest)[1:] or (first,), "file", 0), parts, st.tuples(parts, parts)
    ),
)


def of(*listed: Entry) -> Manifest:
    return Manifest(listed, "name")


@given(listed=st.lists(entries, min_size=1, max_size=8, unique_by=lambda entry: entry.path[0]))
def test_what_is_written_is_read(listed: list[Entry]) -> None:
    manifest = of(*listed)
    assert parse(encode(manifest)) == manifest
    files = [entry for entry in listed if entry.kind != "folder"]
    assert list(manifest.files) == files
    assert manifest.content_size == sum(entry.size or 0 for entry in files)
    assert manifest.pack_size == sum((entry.size or 0) + 32 for entry in files)


@given(data=st.binary(max_size=300))
def test_noise_is_refused_in_our_words(data: bytes) -> None:
    with pytest.raises(BadManifest):
        parse(data)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["entries", "name", "version"]), inner),
    max_leaves=20,
)


@given(entries=values, name=values, version=values)
def test_any_json_is_read_or_refused_in_our_words(entries: object, name: object, version: object) -> None:
    with contextlib.suppress(BadManifest):
        parse(json.dumps({"entries": entries, "name": name, "version": version}).encode())


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"entries":' + "[" * 100_000, '{"name":"\\ud800"', '{"name":"\\ud800","entries":[[["a"]]]}'],
)
def test_deep_and_broken_text_is_refused(text: str) -> None:
    with pytest.raises(BadManifest):
        parse(text.encode())


def test_a_newer_version_may_add_fields() -> None:
    assert parse(b'{"entries":[[["a"],"file",1,0,420,"more"]],"name":"x","version":1,"newer":[]}').content_size == 1


FILE = Entry(("a",), "file", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        of(),
        of(FILE, FILE),
        of(FILE, Entry(("a",), "folder", 0)),
        of(FILE, Entry(("a", "b"), "file", 1)),
        of(Entry(("a", "b", "c"), "folder", 0), FILE),
        of(Entry(("a",), "text", 1), Entry(("a", "b"), "folder", 0)),
        of(Entry((), "file", 1)),
        of(Entry(("a",) * (DEPTH + 1), "file", 1)),
        of(Entry(("x" * 256,), "file", 1)),
        of(*(Entry((name,), "file", PACK_BYTES // 2) for name in "ab")),
        of(Entry(("a",), "file", PACK_BYTES)),
        of(Entry(("a",), "file", -1)),
        of(Entry(("a",), "file", 1, 0, 0o1000)),
        of(Entry(("a",), "file", 1, 0, -1)),
        of(Entry(("a",), "file", 1, 1 << 63)),
        Manifest((Entry(("a",), "file", 1),), ""),
        Manifest((Entry(("a",), "file", 1),), "x" * 256),
        of(Entry(("a",), "folder", 1)),
        of(Entry(("a",), "folder", None)),
        of(Entry(("a",), "text", None)),
        of(Entry(("a",), "text", TEXT_BYTES + 1)),
        of(Entry(("a",), "file", None), Entry(("b",), "text", 1)),
        of(Entry(("a",), "file", None), Entry(("b",), "file", None)),
        *(of(Entry(("b", part), "file", 1)) for part in ("", ".", "..", "a/b", "/", "a\0")),
    ],
)
def test_what_contradicts_itself_is_neither_sent_nor_taken(wrong: Manifest) -> None:
    with pytest.raises(BadManifest):
        encode(wrong)
    with pytest.raises(BadManifest):
        parse(msgspec.json.encode(wrong))


def test_a_name_that_is_no_text_is_not_sent() -> None:
    with pytest.raises(BadManifest, match="rename"):
        encode(of(Entry(("caf\udce9",), "file", 1)))


def test_a_file_of_unknown_size_may_lie_in_folders() -> None:
    manifest = of(Entry(("a",), "folder", 0), Entry(("a", "b"), "file", None))
    assert parse(encode(manifest)) == manifest
    assert (manifest.content_size, manifest.pack_size) == (None, None)


def test_the_bounds_on_count_and_length_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "ENTRIES", 2)
    two = [Entry((name,), "folder", 0) for name in "ab"]
    assert parse(encode(of(*two))) == of(*two)
    with pytest.raises(BadManifest, match="1 to 2"):
        encode(of(*two, Entry(("c",), "folder", 0)))
    monkeypatch.setattr(subject, "MANIFEST_BYTES", 50)
    with pytest.raises(BadManifest, match="50 bytes"):
        encode(of(*two))
    with pytest.raises(BadManifest, match="50 bytes"):
        parse(bytes(51))


def test_many_deep_folders_are_checked_in_one_pass() -> None:
    deep = tuple("d" for _ in range(DEPTH - 1))
    manifest = of(*(Entry((*deep, str(n)), "file", 1) for n in range(2000)))
    assert len(parse(encode(manifest)).files) == 2000
