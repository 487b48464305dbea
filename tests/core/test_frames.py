"""Two ends that know a key find that out, and after that only whole, bounded, authentic frames get through."""

import contextlib
import tracemalloc
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core import frames as subject
from burrowspace.core.errors import BadRequest, Tampered, TooLarge
from burrowspace.core.frames import (
    BLOCK_BODY_LEAST,
    BLOCK_BODY_MOST,
    CONTROL_BODY_LEAST,
    CONTROL_BODY_MOST,
    HEADER_BYTES,
    Controls,
    Keys,
    Kind,
    Parser,
    block_header,
    block_header_into,
    client_hello,
    client_proof,
    frame,
    parse_client_hello,
    parse_header,
    parse_position,
    server_hello,
    server_keys,
)
from burrowspace.core.signals import Cancel, Held, Ping, Want

KEY, TAG, NONCE, OTHER = bytes(range(32)), bytes(range(16)), b"c" * 32, b"s" * 32
HELLO = client_hello(TAG, NONCE)
ANSWER = server_hello(KEY, HELLO, OTHER)
PROOF, KEYS = client_proof(KEY, HELLO, ANSWER)


# Handshake


def test_both_ends_get_the_same_two_keys() -> None:
    assert parse_client_hello(HELLO) == TAG
    assert server_keys(KEY, HELLO, ANSWER, PROOF) == KEYS
    assert KEYS.client != KEYS.server
    assert (len(HELLO), len(ANSWER), len(PROOF)) == (56, 72, 32)


def test_every_bit_of_the_handshake_counts() -> None:
    checks: list[tuple[bytes, Callable[[bytes], object]]] = [
        (HELLO, lambda changed: client_proof(KEY, HELLO, server_hello(KEY, changed, OTHER))),
        (ANSWER, lambda changed: client_proof(KEY, HELLO, changed)),
        (PROOF, lambda changed: server_keys(KEY, HELLO, ANSWER, changed)),
    ]
    for data, check in checks:
        for bit in range(8 * len(data)):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises((Tampered, BadRequest)):
                check(bytes(changed))


def test_a_stranger_is_not_let_in() -> None:
    stranger = bytes(32)
    with pytest.raises(Tampered):
        client_proof(KEY, HELLO, server_hello(stranger, HELLO, OTHER))
    with pytest.raises(Tampered):
        server_keys(stranger, HELLO, ANSWER, PROOF)


def test_no_proof_is_good_twice_or_for_the_other_end() -> None:
    later = server_hello(KEY, HELLO, b"n" * 32)
    with pytest.raises(Tampered):
        server_keys(KEY, HELLO, later, PROOF)
    with pytest.raises(Tampered):
        server_keys(KEY, HELLO, ANSWER, ANSWER[-32:])
    with pytest.raises(Tampered):
        client_proof(KEY, client_hello(TAG, b"n" * 32), ANSWER)
    with pytest.raises(Tampered):
        client_proof(KEY, HELLO, ANSWER[:40] + PROOF)
    _, keys = client_proof(KEY, HELLO, later)
    assert {keys.client, keys.server}.isdisjoint({KEYS.client, KEYS.server})


@given(data=st.binary(max_size=100))
def test_noise_is_no_handshake(data: bytes) -> None:
    for attempt in (
        lambda: parse_client_hello(data),
        lambda: server_hello(KEY, data, OTHER),
        lambda: client_proof(KEY, HELLO, data),
        lambda: server_keys(KEY, HELLO, ANSWER, data),
    ):
        with pytest.raises((BadRequest, Tampered)):
            attempt()


def test_wrong_lengths_are_faults_of_the_caller() -> None:
    for tag, nonce in ((TAG[1:], NONCE), (TAG, NONCE[1:])):
        with pytest.raises(ValueError, match="bytes"):
            client_hello(tag, nonce)
    with pytest.raises(ValueError, match="bytes"):
        server_hello(KEY, HELLO, b"")


# Frames


whole = st.one_of(
    st.builds(lambda body: (Kind.CONTROL, body), st.binary(min_size=CONTROL_BODY_LEAST, max_size=200)),
    st.builds(lambda body: (Kind.BLOCK, body), st.binary(min_size=BLOCK_BODY_LEAST, max_size=200)),
)


@given(sent=st.lists(whole, max_size=6), cuts=st.lists(st.integers(0, 1300), max_size=12))
def test_frames_come_out_as_they_went_in_however_they_are_cut(sent: list[tuple[Kind, bytes]], cuts: list[int]) -> None:
    wire = b"".join(frame(kind, body) for kind, body in sent)
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    parser, got = Parser(), []
    for start, end in pairwise(edges):
        got += [(kind, bytes(body)) for kind, body in parser.feed(wire[start:end])]
    assert got == sent
    assert parser.waiting == 0


@given(sent=st.lists(whole, min_size=1, max_size=3))
def test_frames_come_out_of_single_bytes(sent: list[tuple[Kind, bytes]]) -> None:
    wire = b"".join(frame(kind, body) for kind, body in sent)
    parser = Parser()
    assert [(k, bytes(b)) for at in range(len(wire)) for k, b in parser.feed(wire[at : at + 1])] == sent


@given(data=st.binary(max_size=500), step=st.integers(1, 50))
def test_noise_is_refused_or_waits_within_bounds(data: bytes, step: int) -> None:
    parser = Parser()
    with contextlib.suppress(BadRequest):
        for at in range(0, len(data), step):
            for kind, body in parser.feed(data[at : at + step]):
                assert len(body) <= (BLOCK_BODY_MOST if kind is Kind.BLOCK else CONTROL_BODY_MOST)
    assert parser.waiting <= len(data)


def test_a_parser_holds_at_most_one_frame() -> None:
    parser, wire = Parser(), block_header(0, BLOCK_BODY_MOST - 8) + bytes(BLOCK_BODY_MOST - 8)
    tracemalloc.start()
    try:
        for _ in range(20):
            for at in range(0, len(wire), 1000):
                for _, body in parser.feed(wire[at : at + 1000]):
                    assert len(body) == BLOCK_BODY_MOST
            body = memoryview(b"")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3 * BLOCK_BODY_MOST


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [(1, BLOCK_BODY_LEAST, BLOCK_BODY_MOST), (2, CONTROL_BODY_LEAST, CONTROL_BODY_MOST)],
)
def test_a_length_out_of_bounds_is_refused_before_the_body(kind: int, least: int, most: int) -> None:
    for size in (least, most):
        assert parse_header((1 + size).to_bytes(4, "big") + bytes([kind])) == (kind, size)
    for length in (0, 1, least, most + 2, (1 << 32) - 1):
        header = length.to_bytes(4, "big") + bytes([kind])
        with pytest.raises(BadRequest):
            parse_header(header)
        with pytest.raises(BadRequest):
            list(Parser().feed(header))


def test_kinds_that_are_none_are_refused() -> None:
    for kind in (0, *range(3, 256)):
        with pytest.raises(BadRequest):
            parse_header((100).to_bytes(4, "big") + bytes([kind]))


@given(position=st.integers(0, (1 << 64) - 1), size=st.integers(28, 262_184))
def test_a_block_header_says_where_and_how_much(position: int, size: int) -> None:
    header = block_header(position, size)
    assert parse_header(header[:HEADER_BYTES]) == (Kind.BLOCK, 8 + size)
    assert parse_position(header[HEADER_BYTES:]) == position
    room = bytearray(20)
    block_header_into(memoryview(room), position, size)
    assert room[:13] == header
    assert room[13:] == bytes(7)


# Controls


def ends() -> tuple[Controls, Controls]:
    return Controls.of_client(KEYS), Controls.of_server(KEYS)


def test_controls_arrive_in_order_in_both_directions() -> None:
    client, server = ends()
    for n in range(3):
        for one, other in ((client, server), (server, client)):
            [(kind, body)] = Parser().feed(one.seal(Want(n, n + 32)))
            assert kind is Kind.CONTROL
            assert other.open(body) == Want(n, n + 32)


def test_a_control_that_is_lost_repeated_moved_or_thrown_back_is_noticed() -> None:
    client, server = ends()
    first, second = (client.seal(Held(n))[HEADER_BYTES:] for n in range(2))
    with pytest.raises(Tampered):
        server.open(second)
    assert server.open(first) == Held(0)
    with pytest.raises(Tampered):
        server.open(first)
    with pytest.raises(Tampered):
        client.open(first)
    with pytest.raises(Tampered):
        Controls(KEYS.server, KEYS.server).open(first)
    assert server.open(second) == Held(1)


def test_every_bit_of_a_control_counts() -> None:
    client, server = ends()
    body = bytearray(client.seal(Ping(1))[HEADER_BYTES:])
    for bit in range(8 * len(body)):
        body[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            server.open(body)
        body[bit // 8] ^= 1 << bit % 8
    for size in range(len(body)):
        with pytest.raises(Tampered):
            server.open(body[:size])
    assert server.open(body) == Ping(1)


def test_a_control_that_the_other_end_would_refuse_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "CONTROL_BODY_MOST", 100)
    client, _ = ends()
    with pytest.raises(TooLarge):
        client.seal(Cancel("x" * 100))


def test_another_links_keys_open_nothing() -> None:
    client, _ = ends()
    with pytest.raises(Tampered):
        Controls.of_server(Keys(bytes(32), bytes(32))).open(client.seal(Ping())[HEADER_BYTES:])
