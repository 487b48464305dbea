"""What a TURN server answers is hostile until read. That the requests are right, a real coturn says: test_doctor.py."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core import turn
from burrowspace.core.stun import MAGIC

NUMBER = bytes(range(12))
KINDS = [0x0103, 0x0104, 0x0113, 0x0114, 0x0003, 0x0101]


def message(kind: int, body: bytes, number: bytes = NUMBER) -> bytes:
    return struct.pack("!HHI12s", kind, len(body), MAGIC, number) + body


def attribute(name: int, value: bytes) -> bytes:
    return struct.pack("!HH", name, len(value)) + value + bytes(-len(value) % 4)


@given(st.sampled_from(KINDS), st.binary(max_size=200), st.integers(-3, 3))
def test_no_answer_raises(kind: int, body: bytes, off: int):
    whole = message(kind, body)
    assert isinstance(turn.read(whole, NUMBER), turn.Allowed | turn.Denied | None)
    assert turn.read(whole[: len(whole) + off] if off < 0 else whole + bytes(off), NUMBER) is None or not off


def test_an_answer_to_another_question_is_none():
    assert turn.read(message(0x0103, b"", bytes(12)), NUMBER) is None
    assert turn.read(message(0x0103, b""), NUMBER) == turn.Allowed()


def test_a_challenge_is_read():
    body = attribute(9, b"\0\0\4\1Unauthorized") + attribute(turn.REALM, b"test") + attribute(turn.NONCE, b"abc")
    assert turn.read(message(0x0113, body), NUMBER) == turn.Denied(401, b"test", b"abc")
    assert turn.read(message(0x0113, body[:-1]), NUMBER) is None
    assert turn.read(message(0x0113, attribute(turn.NONCE, bytes(764))), NUMBER) == turn.Denied(0)
