"""What was sealed opens in its place and nowhere else, and not with one bit changed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core import sealing
from burrowspace.core.errors import BurrowError, Tampered, TooLarge
from burrowspace.core.sealing import BLOCK, MANIFEST, PACK, BlockKey, Box, Suite, derive

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "vectors" / "sealing.json").read_text())
SECRET, TRANSFER = bytes.fromhex(VECTORS["secret"]), bytes.fromhex(VECTORS["transfer"])
SHORT = [case for case in VECTORS["blocks"] if "sealed" in case]
each_suite = pytest.mark.parametrize("suite", Suite)
each_vector = pytest.mark.parametrize("case", SHORT, ids=lambda case: f"{case['suite']}-{case['file']}-{case['index']}")


def sealed_block(suite: Suite, plain: bytes, file: int = PACK, index: int = 0, key: BlockKey | None = None) -> bytes:
    room = memoryview(bytearray(suite.sealed))
    nonce = bytes(range(suite.nonce_bytes))
    sealer = key or BlockKey(SECRET, TRANSFER, suite)
    return bytes(room[: sealer.seal_into(file, index, len(plain) < BLOCK, plain, nonce, room)])


def opened(
    key: BlockKey, sealed: bytes | bytearray, file: int = PACK, index: int = 0, end: bool | None = None
) -> bytes:
    room = memoryview(bytearray(BLOCK))
    ends = len(sealed) < key.suite.sealed if end is None else end
    return bytes(room[: key.open_into(file, index, ends, sealed, room)])


@each_vector
def test_every_bit_of_a_sealed_vector_counts(case) -> None:
    key, sealed = BlockKey(SECRET, TRANSFER, case["suite"]), bytearray.fromhex(case["sealed"])
    assert opened(key, sealed, case["file"], case["index"]).hex() == case["plain"]
    for bit in range(8 * len(sealed)):
        sealed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            opened(key, sealed, case["file"], case["index"])
        sealed[bit // 8] ^= 1 << bit % 8
    assert opened(key, sealed, case["file"], case["index"]).hex() == case["plain"]


@each_vector
def test_a_vector_opens_at_no_other_place_and_under_no_other_key(case) -> None:
    sealed, file, index = bytes.fromhex(case["sealed"]), case["file"], case["index"]
    suite = Suite(case["suite"])
    key = BlockKey(SECRET, TRANSFER, suite)
    places = [(f, i) for f in (0, 1, 2, 1 << 31) for i in (0, 1, 2, index ^ 1, 1 << 32, (1 << 64) - 1, file)]
    for place in places:
        if place != (file, index):
            with pytest.raises(Tampered):
                opened(key, sealed, *place)
    for bit in range(256):
        with pytest.raises(Tampered):
            opened(BlockKey(flipped(SECRET, bit), TRANSFER, suite), sealed, file, index)
    for bit in range(128):
        with pytest.raises(Tampered):
            opened(BlockKey(SECRET, flipped(TRANSFER, bit), suite), sealed, file, index)
    other = Suite.XC20P if suite is Suite.A256GCM else Suite.A256GCM
    with pytest.raises(Tampered):
        opened(BlockKey(SECRET, TRANSFER, other), sealed, file, index)
    with pytest.raises(Tampered):
        opened(key, sealed, file, index, end=False)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@each_vector
def test_no_truncation_and_no_extension_opens(case) -> None:
    key, sealed = BlockKey(SECRET, TRANSFER, case["suite"]), bytes.fromhex(case["sealed"])
    for size in range(len(sealed)):
        with pytest.raises(Tampered):
            opened(key, sealed[:size], case["file"], case["index"])
        with pytest.raises(Tampered):
            opened(key, sealed[size + 1 :], case["file"], case["index"])
    for more in (b"\0", sealed[:1], sealed):
        with pytest.raises(Tampered):
            opened(key, sealed + more, case["file"], case["index"])
        with pytest.raises(Tampered):
            opened(key, more + sealed, case["file"], case["index"])


@each_suite
def test_every_block_of_a_stream_opens_only_where_it_was_sealed(suite: Suite) -> None:
    key = BlockKey(SECRET, TRANSFER, suite)
    row = {(f, i): sealed_block(suite, b"same", f, i) for f in (MANIFEST, PACK) for i in range(4)}
    for place, block in row.items():
        for other in row:
            if place == other:
                assert opened(key, block, *other) == b"same"
            else:
                with pytest.raises(Tampered):
                    opened(key, block, *other)


@each_suite
def test_a_full_block_cut_to_a_short_one_is_no_end(suite: Suite) -> None:
    key, full = BlockKey(SECRET, TRANSFER, suite), sealed_block(suite, bytes(BLOCK))
    assert opened(key, full) == bytes(BLOCK)
    for cut in (full[:-1], full[1:], full[: suite.overhead], full[: suite.nonce_bytes] + full[-16:]):
        with pytest.raises(Tampered):
            opened(key, cut)
    with pytest.raises(Tampered):
        opened(key, full, end=True)
    with pytest.raises(Tampered):
        opened(key, full + b"\0")
    for bit in (0, 8 * suite.nonce_bytes, 4 * len(full), 8 * len(full) - 1):
        with pytest.raises(Tampered):
            opened(key, flipped(full, bit))


@each_suite
@pytest.mark.parametrize(("size", "end"), [(BLOCK, True), (BLOCK - 1, False), (0, False), (BLOCK + 1, False)])
def test_a_block_that_no_stream_has_is_never_sealed(suite: Suite, size: int, end: bool) -> None:
    with pytest.raises(ValueError, match="at the end"):
        BlockKey(SECRET, TRANSFER, suite).seal_into(
            PACK, 0, end, bytes(size), bytes(suite.nonce_bytes), memoryview(bytearray(suite.sealed + 1))
        )


@each_suite
def test_rooms_that_are_too_small_and_wrong_nonces_are_faults_of_the_caller(suite: Suite) -> None:
    key, nonce = BlockKey(SECRET, TRANSFER, suite), bytes(suite.nonce_bytes)
    with pytest.raises(ValueError, match="needed"):
        key.seal_into(PACK, 0, True, b"hello", nonce, memoryview(bytearray(4 + suite.overhead)))
    with pytest.raises(ValueError, match="nonce"):
        key.seal_into(PACK, 0, True, b"hello", nonce + b"\0", memoryview(bytearray(100)))
    with pytest.raises(ValueError, match="needed"):
        key.open_into(PACK, 0, True, sealed_block(suite, b"hello"), memoryview(bytearray(4)))
    for secret, transfer in ((SECRET[1:], TRANSFER), (SECRET, TRANSFER + b"\0")):
        with pytest.raises(ValueError, match="has 32 bytes"):
            BlockKey(secret, transfer, suite)


def test_a_key_seals_no_more_often_than_its_nonces_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEALINGS", 2)
    key, other = BlockKey(SECRET, TRANSFER), BlockKey(SECRET, TRANSFER, Suite.XC20P)
    for _ in range(2):
        sealed_block(Suite.A256GCM, b"hello", key=key)
    with pytest.raises(TooLarge):
        sealed_block(Suite.A256GCM, b"hello", key=key)
    for _ in range(3):
        sealed_block(Suite.XC20P, b"hello", key=other)


@each_suite
@pytest.mark.parametrize("size", [0, 1, 1000, BLOCK])
def test_a_fingerprint_tells_the_same_plaintext_from_any_other(suite: Suite, size: int) -> None:
    key, plain = BlockKey(SECRET, TRANSFER, suite), bytes(size)
    print_ = key.fingerprint(sealed_block(suite, plain))
    end = size < BLOCK
    assert len(print_) == suite.overhead
    assert key.check(PACK, 0, end, plain, print_)
    assert not key.check(PACK, 1, end, plain, print_)
    assert not key.check(MANIFEST, 0, end, plain, print_)
    assert not key.check(PACK, 0, not end, plain, print_)
    assert not key.check(PACK, 0, end, plain, print_[:-1])
    assert not key.check(PACK, 0, True, plain[:-1] + b"\1"[: len(plain[:-1])] + b"\2", print_)
    if size:
        assert not key.check(PACK, 0, end, b"\1" + plain[1:], print_)
    for bit in range(8 * len(print_)):
        assert not key.check(PACK, 0, end, plain, flipped(print_, bit))
    with pytest.raises(Tampered):
        key.fingerprint(b"short")


@each_suite
@given(plain=st.binary(max_size=2000), index=st.integers(0, (1 << 64) - 1), file=st.integers(0, (1 << 32) - 1))
def test_what_is_sealed_opens(suite: Suite, plain: bytes, index: int, file: int) -> None:
    key = BlockKey(SECRET, TRANSFER, suite)
    sealed = sealed_block(suite, plain, file, index)
    assert len(sealed) == len(plain) + suite.overhead
    assert opened(key, sealed, file, index) == plain


@each_suite
@given(data=st.binary(max_size=500))
def test_noise_is_tampered_and_nothing_else(suite: Suite, data: bytes) -> None:
    for attempt in (
        lambda: opened(BlockKey(SECRET, TRANSFER, suite), data),
        lambda: Box(SECRET, suite).open(data, b""),
    ):
        with pytest.raises(Tampered):
            attempt()


@each_suite
def test_blocks_go_from_view_to_view_of_larger_buffers(suite: Suite) -> None:
    key, wire = BlockKey(SECRET, TRANSFER, suite), bytearray(13 + suite.sealed + 5)
    plain = bytearray(b"before" + b"x" * BLOCK + b"after")
    length = key.seal_into(
        PACK, 3, False, memoryview(plain)[6 : 6 + BLOCK], bytes(suite.nonce_bytes), memoryview(wire)[13:]
    )
    assert length == suite.sealed
    assert wire[:13] == bytes(13)
    assert wire[-5:] == bytes(5)
    back = bytearray(BLOCK + 2)
    assert key.open_into(PACK, 3, False, memoryview(wire)[13 : 13 + length], memoryview(back)[1:]) == BLOCK
    assert back == b"\0" + b"x" * BLOCK + b"\0"


@each_suite
def test_a_box_opens_with_its_words_and_no_others(suite: Suite) -> None:
    box = Box(SECRET, suite)
    sealed = box.seal(b"hello", b"who", bytes(suite.nonce_bytes))
    assert box.open(sealed, b"who") == b"hello"
    for wrong in (b"", b"whom", b"wh"):
        with pytest.raises(Tampered):
            box.open(sealed, wrong)
    for bit in range(8 * len(sealed)):
        with pytest.raises(Tampered):
            box.open(flipped(sealed, bit), b"who")
    with pytest.raises(ValueError, match="nonce"):
        box.seal(b"", b"", b"")
    with pytest.raises(ValueError, match="32"):
        Box(b"", suite)


def test_each_label_and_salt_gives_a_key_of_its_own() -> None:
    keys = {derive(SECRET, salt, label) for salt in (b"", b"a", b"b") for label in ("x", "y", "burrow/1 signal")}
    assert len(keys) == 9


def test_tampered_is_of_the_tree() -> None:
    assert issubclass(Tampered, BurrowError)
