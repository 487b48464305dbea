"""STUN messages: the test vectors of RFC 5769, what is dropped, and that nobody is served more than he brought."""

import doctest

from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.core import stun
from burrowspace.core.stun import Address, answer, mapped, parse, request

examples = settings(max_examples=300, derandomize=True)

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
ASKED = bytes.fromhex(  # RFC 5769, 2.1: an ICE agent's, with PRIORITY and MESSAGE-INTEGRITY
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
ANSWERED = bytes.fromhex(  # 2.2: 192.0.2.1, port 32853
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
ANSWERED_6 = bytes.fromhex(  # 2.3: 2001:db8:1234:5678:11:2233:4455:6677, port 32853
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
IPV4 = Address("192.0.2.1", 32853)
IPV6 = Address("2001:db8:1234:5678:11:2233:4455:6677", 32853)


def test_the_doctests_hold() -> None:
    assert doctest.testmod(stun).failed == 0


def test_the_vectors_of_rfc_5769_are_read() -> None:
    assert parse(ASKED) == (TRANSACTION, (0x0024,), True)  # PRIORITY belongs to ICE, which we do not speak
    assert mapped(ANSWERED, TRANSACTION) == IPV4
    assert mapped(ANSWERED_6, TRANSACTION) == IPV6
    assert mapped(ANSWERED, bytes(12)) is None


def test_an_answer_has_the_address_as_the_vectors_write_it() -> None:
    asked = parse(request(TRANSACTION))
    assert asked is not None
    assert bytes.fromhex("002000080001a147e112a643") in answer(asked, IPV4)
    assert bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9") in answer(asked, IPV6)
    assert mapped(answer(asked, Address("::ffff:192.0.2.1", 32853)), TRANSACTION) == IPV4


def test_with_one_wrong_bit_no_fingerprint_is_right() -> None:
    for bit in range(len(ASKED) * 8):
        broken = bytearray(ASKED)
        broken[bit // 8] ^= 1 << bit % 8
        found = parse(bytes(broken))
        assert found is None or not found.fingerprint  # the bit was in its name, or in a length that covers it


def test_a_request_without_a_fingerprint_is_answered_without_one() -> None:
    bare = bytes.fromhex("000100002112a442") + TRANSACTION
    asked = parse(bare)
    assert asked == (TRANSACTION, (), False)
    assert b"\x80\x28\x00\x04" not in answer(asked, IPV4)
    assert answer(parse(request(TRANSACTION)), IPV4)[-8:-4] == b"\x80\x28\x00\x04"  # type: ignore[arg-type]


def test_what_must_be_understood_and_is_not_is_named_once() -> None:
    body = bytes.fromhex(
        "00030004000000067ffe00007ffe0000" + "c0010000"
    )  # CHANGE-REQUEST, an unknown twice, an optional
    asked = parse(b"\0\1" + len(body).to_bytes(2, "big") + bytes.fromhex("2112a442") + TRANSACTION + body)
    assert asked is not None
    assert asked.unknown == (0x0003, 0x7FFE)
    said = answer(asked, IPV4)
    assert said[:2] == b"\x01\x11"
    assert bytes.fromhex("00090015") + b"\0\0\4\x14Unknown Attribute" in said
    assert bytes.fromhex("000a000400037ffe") in said


def test_what_stands_behind_the_integrity_is_taken_no_notice_of() -> None:
    body = bytes.fromhex("00080014") + bytes(20) + bytes.fromhex("7ffe0000")
    asked = parse(b"\0\1" + len(body).to_bytes(2, "big") + bytes.fromhex("2112a442") + TRANSACTION + body)
    assert asked is not None
    assert asked.unknown == ()


def test_everything_else_is_dropped() -> None:
    good = request(TRANSACTION)
    for kind in (b"\0\x11", b"\1\1", b"\0\3", b"\x40\1"):  # an indication, an answer, Allocate, no STUN
        assert parse(kind + good[2:]) is None
    assert parse(good[:4] + bytes(4) + good[8:]) is None  # RFC 3489: no magic cookie
    assert parse(good + bytes(4)) is None
    assert parse(good[:-1]) is None
    assert parse(b"") is None
    assert parse(ANSWERED) is None
    padding = bytes.fromhex("80220500") + bytes(0x500)  # an optional attribute of 1280 bytes
    assert parse(b"\0\1" + len(padding).to_bytes(2, "big") + good[4:20] + padding) is None


@examples
@given(st.binary(max_size=200), st.sampled_from([IPV4, IPV6]))
def test_any_bytes_are_read_or_dropped_and_an_answer_has_three_times_the_bytes_at_most(
    data: bytes, who: Address
) -> None:
    length = len(data) // 4 * 4
    for datagram in (data, b"\0\1" + length.to_bytes(2, "big") + bytes.fromhex("2112a442") + bytes(12) + data[:length]):
        asked = parse(datagram)
        if asked is not None:
            assert len(answer(asked, who)) <= stun.MOST_TIMES * len(datagram)
        mapped(datagram, bytes(12))


@examples
@given(st.lists(st.integers(0x0030, 0x7FFF), max_size=300))
def test_so_has_one_that_names_attributes(names: list[int]) -> None:
    body = b"".join(name.to_bytes(2, "big") + bytes(2) for name in names)
    datagram = b"\0\1" + len(body).to_bytes(2, "big") + bytes.fromhex("2112a442") + bytes(12) + body
    asked = parse(datagram)
    assert asked is not None
    said = answer(asked, IPV6)
    assert len(said) <= stun.MOST_TIMES * len(datagram)
    assert len(said) % 4 == 0
