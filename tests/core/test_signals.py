"""What one end says, the other believes once, in its place, and nothing that it did not say."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripts.make_vectors import CONTROLS, SAID

from burrowspace.core import signals as subject
from burrowspace.core.errors import BadRequest, BurrowError, Tampered, TooLarge, TooMany
from burrowspace.core.signals import (
    CONTROL_BYTES,
    SDP_CHARS,
    SIGNAL_BYTES,
    Cancel,
    Channel,
    Decline,
    Progress,
    Role,
    Sdp,
    Signal,
    encode,
    parse_control,
    parse_signal,
)

SECRET, MAILBOX, NONCE = bytes(range(32)), "0123456789abcdef" * 2, bytes(12)


def sender(session: int = 1, secret: bytes = SECRET, mailbox: str = MAILBOX) -> Channel:
    return Channel(secret, mailbox, Role.SENDER, bytes([session]) * 16)


def receiver(secret: bytes = SECRET, mailbox: str = MAILBOX, role: Role = Role.RECEIVER) -> Channel:
    return Channel(secret, mailbox, role, bytes([9]) * 16)


@pytest.mark.parametrize("message", SAID, ids=lambda message: type(message).__name__)
def test_every_signal_arrives_as_it_was_said(message: Signal) -> None:
    assert receiver().open(sender().seal(message, NONCE)) == (bytes([1]) * 16, message)
    assert sender().open(receiver().seal(message, NONCE)) == (bytes([9]) * 16, message)


@pytest.mark.parametrize("message", CONTROLS, ids=lambda message: type(message).__name__)
def test_every_control_is_read_as_it_was_written(message: subject.Message) -> None:
    assert parse_control(encode(message)) == message


def test_every_bit_of_a_signal_counts() -> None:
    sealed = bytearray(sender().seal(Progress(1), NONCE))
    for bit in range(8 * len(sealed)):
        sealed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            receiver().open(sealed)
        sealed[bit // 8] ^= 1 << bit % 8
    for size in range(len(sealed)):
        for cut in (sealed[:size], sealed[size + 1 :]):
            with pytest.raises(Tampered):
                receiver().open(cut)
    with pytest.raises(Tampered):
        receiver().open(sealed + b"\0")


def test_a_signal_belongs_to_its_mailbox_its_secret_and_its_role() -> None:
    sealed = sender().seal(Progress(1), NONCE)
    for other in (receiver(mailbox="f" * 32), receiver(secret=bytes(32)), receiver(role=Role.SENDER), sender()):
        with pytest.raises(Tampered):
            other.open(sealed)


def test_what_was_said_before_or_comes_out_of_order_is_refused() -> None:
    speaker, listener = sender(), receiver()
    first, second, third = (speaker.seal(Progress(n), NONCE) for n in range(3))
    assert listener.open(first)[1] == Progress(0)
    assert listener.open(third)[1] == Progress(2)
    for old in (first, second, third):
        with pytest.raises(Tampered, match="again"):
            listener.open(old)


def test_each_session_counts_for_itself() -> None:
    listener = receiver()
    for session in range(5):
        assert listener.open(sender(session).seal(Progress(session), NONCE))[1] == Progress(session)


@given(order=st.lists(st.integers(0, 9), max_size=30))
def test_whatever_a_server_does_each_signal_is_believed_at_most_once_and_in_order(order: list[int]) -> None:
    speaker, listener = sender(), receiver()
    said = [speaker.seal(Progress(n), NONCE) for n in range(10)]
    heard = []
    for n in order:
        with contextlib.suppress(Tampered):
            heard.append(listener.open(said[n])[1].held)  # type: ignore[union-attr]
    assert heard == sorted(set(heard))


def test_a_message_that_is_refused_moves_no_counter() -> None:
    speaker, listener = sender(), receiver()
    sealed = speaker.seal(Progress(1), NONCE)
    with pytest.raises(Tampered):
        listener.open(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    assert listener.open(sealed)[1] == Progress(1)


def test_memory_for_sessions_is_bounded() -> None:
    listener = receiver()
    for n in range(subject.SESSIONS):
        listener.open(Channel(SECRET, MAILBOX, Role.SENDER, n.to_bytes(16, "big")).seal(Progress(1), NONCE))
    late = Channel(SECRET, MAILBOX, Role.SENDER, bytes([255]) * 16)
    with pytest.raises(TooMany):
        listener.open(late.seal(Progress(1), NONCE))
    with pytest.raises(ValueError, match="16"):
        Channel(SECRET, MAILBOX, Role.SENDER, b"")


def test_a_signal_that_no_mailbox_takes_is_not_sealed() -> None:
    with pytest.raises(TooLarge):
        sender().seal(Sdp("offer", "\n" * SDP_CHARS), NONCE)
    largest = sender().seal(Sdp("offer", "x" * (SIGNAL_BYTES - 66)), NONCE)
    assert len(largest) <= 64 << 10
    receiver().open(largest)
    with pytest.raises(BadRequest):
        sender().seal(Decline("\ud800"), NONCE)


@given(data=st.binary(max_size=200))
def test_noise_is_tampered(data: bytes) -> None:
    with pytest.raises(Tampered):
        receiver().open(data)
    for parse in (parse_signal, parse_control):
        with pytest.raises(BadRequest):
            parse(data)


kinds = st.sampled_from([type(message) for message in (*SAID, *CONTROLS)])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.just("0" * 32),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(kind=kinds, data=st.data())
def test_any_fields_are_read_or_refused_in_our_words(kind: type[subject.Message], data: st.DataObject) -> None:
    info = msgspec.structs.fields(kind)
    said = {field.encode_name: data.draw(values) for field in info}
    text = msgspec.json.encode({"type": kind.__struct_config__.tag, **said})
    for parse in (parse_signal, parse_control):
        with contextlib.suppress(BurrowError):
            parse(text)


@pytest.mark.parametrize("parse", [parse_signal, parse_control])
def test_long_deep_and_broken_text_is_refused(parse) -> None:
    for text in (" " * (SIGNAL_BYTES + 1), "[" * 50_000, '{"type":"cancel","why":"\\ud800"}', '{"type":"cancel"'):
        with pytest.raises(BadRequest):
            parse(text.encode())
    with pytest.raises(BadRequest):
        parse(encode(Cancel("x" * 1001)))
    assert parse(encode(Cancel("x" * 1000))) == Cancel("x" * 1000)
    assert CONTROL_BYTES < SIGNAL_BYTES
