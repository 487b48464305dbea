"""The pure codecs: they round-trip, and any bytes either parse or raise BadPacket."""

from __future__ import annotations

import doctest
import importlib
import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.socketio import BadPacket, Encoded, encode_event
from burrowspace.socketio import engine_packet as ep
from burrowspace.socketio import packet as sp
from burrowspace.socketio.encoded import LARGE, SPARE, plain, received, spared
from burrowspace.socketio.json_text import MAX_DEPTH, dumps, loads, rebuild

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
names = st.text(min_size=1).filter(lambda name: name not in sp.RESERVED)
namespaces = st.just("/") | st.text(st.characters(exclude_characters=",", codec="utf-8"), max_size=20).map("/".__add__)


def text_of(packet: Encoded) -> bytes:
    return bytes(plain(packet.head))


@pytest.mark.parametrize(
    "module", ["engine_packet", "encoded", "engine", "heartbeat", "json_text", "options", "packet", "upgrade"]
)
def test_the_examples_in_the_docstrings_hold(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"burrowspace.socketio.{module}")).failed == 0


# ── Engine.IO ────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.text(st.characters(exclude_characters="\x1e", codec="utf-8")), min_size=1))
def test_a_payload_is_the_packets_it_was_made_of(packets: list[str]) -> None:
    encoded = [packet.encode() for packet in packets]
    assert list(ep.split_payload(ep.join_payload(encoded))) == encoded


@given(st.binary())
def test_binary_survives_a_polling_body(data: bytes) -> None:
    assert ep.decode_binary(ep.encode_binary(data)) == data


@given(st.binary())
def test_any_polling_body_is_split_or_refused(body: bytes) -> None:
    try:
        packets = ep.split_payload(body)
    except BadPacket:
        with pytest.raises(UnicodeDecodeError):
            body.decode()
        return
    for packet in packets:
        if packet[:1] == b"b":
            with suppress(BadPacket):
                ep.decode_binary(packet)


# ── Socket.IO ────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(names, st.lists(values, max_size=4), namespaces)
def test_an_event_is_read_as_it_was_written(name: str, args: list[Any], namespace: str) -> None:
    packet = encode_event(name, *args, namespace=namespace, id=b"12")
    text = text_of(packet)
    head = sp.read_head(text)
    assert (head.namespace, head.id, head.attachments) == (namespace, b"12", len(packet.attachments))
    body = text[head.start :]
    if not _forges(args):
        assert sp.read_event(body, packet.attachments) == (name, args)
        assert sp.raw_name(body) == name.encode()


def _forges(value: Any) -> bool:
    if isinstance(value, dict):
        return "_placeholder" in value or any(map(_forges, value.values()))
    return isinstance(value, list) and any(map(_forges, value))


@given(namespaces, st.lists(values, max_size=4))
def test_an_ack_is_read_as_it_was_written(namespace: str, args: list[Any]) -> None:
    packet = sp.encode_ack(namespace, b"7", args)
    text = text_of(packet)
    head = sp.read_head(text)
    assert head.kind == (sp.BINARY_ACK if packet.attachments else sp.ACK)
    if not _forges(args):
        assert sp.read_ack(text[head.start :], packet.attachments) == args


@given(st.binary() | st.text().map(str.encode) | st.from_regex(rb"4[0-6][0-9]?-?(/[a-z]*,?)?[0-9]*\[.*"))
def test_any_packet_is_read_or_refused(packet: bytes) -> None:
    try:
        head = sp.read_head(b"4" + packet)
        body = (b"4" + packet)[head.start :]
    except (BadPacket, UnicodeDecodeError):  # the transports let no invalid UTF-8 through
        return
    for read in (sp.read_connect, sp.read_event, sp.read_ack, sp.raw_name):
        with suppress(BadPacket, UnicodeDecodeError):
            read(body)


@given(st.text() | st.lists(values).map(lambda value: dumps(value)[0].decode()) | st.text('[]{}",:\\01a'))
def test_any_text_is_json_or_refused(text: str) -> None:
    with suppress(BadPacket):
        loads(text.encode())


@pytest.mark.parametrize(
    "packet",
    [
        b"4",
        b"4abc",
        b"47",
        b"45",
        b'45["a"]',
        b'45-["a"]',
        b'450-["a"]',
        b'45x-["a"]',
        b'45-1-["a"]',
        b'451.5-["a"]',
        b'499999999999999999999["a"]',
        b'42999999999999999999["a"]',
        b'429007199254740992["a"]',
        b"40/" + b"x" * 300,
    ],
)
def test_a_malformed_head_is_refused(packet: bytes) -> None:
    with pytest.raises(BadPacket):
        sp.read_head(packet)


@pytest.mark.parametrize(
    ("packet", "head"),
    [
        (b"40", (sp.CONNECT, "/", None, 0, 2)),
        (b"40/admin", (sp.CONNECT, "/admin", None, 0, 8)),
        (b"40/admin,{}", (sp.CONNECT, "/admin", None, 0, 9)),
        (b"40/a?b=c,{}", (sp.CONNECT, "/a?b=c", None, 0, 9)),
        (b"41/admin,", (sp.DISCONNECT, "/admin", None, 0, 9)),
        (b'429007199254740991["a"]', (sp.EVENT, "/", b"9007199254740991", 0, 18)),
        (b'42/admin,0007["a"]', (sp.EVENT, "/admin", b"7", 0, 13)),
        (b'4510-["a"]', (sp.BINARY_EVENT, "/", None, 10, 5)),
        (b"461-15[]", (sp.BINARY_ACK, "/", b"15", 1, 6)),
    ],
)
def test_a_head_is_taken_apart(packet: bytes, head: tuple[Any, ...]) -> None:
    assert tuple(sp.read_head(packet)) == head


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[]", b"1", b'"a"', b"[null]", b"[[]]", b"[true]", b"[1.5]", b'["a"', b'["a"]x', b"[NaN]"]
)
def test_a_payload_that_is_no_event_is_refused(payload: bytes) -> None:
    with pytest.raises(BadPacket):
        sp.read_event(payload)


@pytest.mark.parametrize("name", sorted(sp.RESERVED))
def test_reserved_names_are_refused_both_ways(name: str) -> None:
    with pytest.raises(BadPacket):
        sp.read_event(json.dumps([name]).encode())
    with pytest.raises(ValueError, match="reserved"):
        encode_event(name)


def test_a_number_is_an_event_name() -> None:
    assert sp.read_event(b"[12,3]") == ("12", [3])


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_depth_is_bounded_outside_strings_only() -> None:
    def nest(depth: int) -> bytes:
        return b"[" * depth + b"]" * depth

    assert loads(nest(MAX_DEPTH))
    with pytest.raises(BadPacket):
        loads(nest(MAX_DEPTH + 1))
    with pytest.raises(BadPacket):
        loads(b'{"a":' * 500_000)
    assert loads(json.dumps(["[" * 1000, '\\"{' * 100]).encode())
    assert len(loads(b"[" + b"[]," * 1000 + b"1]")) == 1001


def test_nothing_but_json_is_emitted() -> None:
    assert dumps([math.nan, math.inf, -math.inf]) == (b"[null,null,null]", [])
    with pytest.raises(TypeError):
        dumps([object()])


def test_lone_surrogates_survive() -> None:
    assert loads(rb'["\ud800"]') == ["\ud800"]
    body, attachments = dumps(["\ud800", b"x"])
    assert (body, attachments) == (rb'["\ud800",{"_placeholder":true,"num":0}]', [b"x"])


@pytest.mark.parametrize("number", ["-1", "1", "0.0", '"0"', "true", "null", "[]", "9e99"])
def test_a_forged_placeholder_is_refused(number: str) -> None:
    value = loads(f'[{{"_placeholder":true,"num":{number}}}]'.encode())
    with pytest.raises(BadPacket):
        rebuild(value, [b"a"])


def test_a_placeholder_counts_once() -> None:
    place = '{"_placeholder":true,"num":0}'
    with pytest.raises(BadPacket):
        rebuild(loads(f"[{place},{place}]".encode()), [b"a"])
    assert rebuild(loads(f'{{"a":[{place}]}}'.encode()), [b"a"]) == {"a": [b"a"]}


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.binary(max_size=64), st.sampled_from([0, 1, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE]))
def test_a_piece_holds_what_it_was_made_of(data: bytes, size: int) -> None:
    whole = data + bytes(size)
    for form in (whole, bytearray(whole), memoryview(whole), memoryview(bytearray(whole))):
        piece = spared(form)
        assert plain(piece) == whole
        assert type(piece) is (bytes if len(whole) <= LARGE else bytearray)
    again = received(memoryview(whole))
    assert again == whole
    if len(whole) > LARGE:
        assert isinstance(again, memoryview)
        assert spared(again) is again.obj  # sent on without a copy


def test_a_slice_of_a_large_buffer_is_not_mistaken_for_a_piece() -> None:
    buffer = bytearray(b"secret" * 10_000)
    part = memoryview(buffer)[: len(buffer) - SPARE]
    assert plain(spared(part)) == part


def test_a_view_of_anything_is_sent_byte_for_byte() -> None:
    words = memoryview(bytes(range(200)) * 100)
    for view in (words, words[::2], words[::-1], words.cast("I"), words.cast("B", [100, 200]), words.cast("@B")[3:]):
        assert plain(spared(view)) == bytes(view)


def test_from_raw_wraps_a_body_of_any_size() -> None:
    for size in (1, 8_000, 20_000):
        body = b'["a","' + b"x" * size + b'"]'
        assert text_of(Encoded.from_raw("/", body)) == b"42" + body
        assert text_of(Encoded.from_raw("/n", body)) == b"42/n," + body
        assert text_of(Encoded.from_raw("/n", memoryview(body), [b"1", b"2"])) == b"452-/n," + body
