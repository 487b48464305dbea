"""A code is read as people say it; two ends with the same one share a secret, and any others share nothing."""

import contextlib
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.core import codes
from burrowspace.core.codes import (
    Agreed,
    Code,
    Confirmation,
    Handover,
    Opening,
    Pake,
    Used,
    check_words,
    make_code,
    parse_code,
)
from burrowspace.core.errors import BadCode, BadRequest, Tampered, WrongCode
from burrowspace.core.signals import Role
from burrowspace.core.words import KNOWN, WORDS, distance, nearest, pick

CODE = parse_code("7-walnut-orbit")
SECRET = bytes(range(32))


def entropy(name: int):
    return lambda size: bytes((name * 37 + i) % 256 for i in range(size))


def met(
    at_sender: Code = CODE, at_receiver: Code = CODE, marks: tuple[list[str], list[str]] = ([], [])
) -> tuple[Agreed, Agreed]:
    sender = Pake(at_sender, Role.SENDER, entropy(1), marks[0])
    receiver = Pake(at_receiver, Role.RECEIVER, entropy(2), marks[1])
    return sender.finish(receiver.opening), receiver.finish(sender.opening)


# Words


def test_the_words_are_512_short_and_plain() -> None:
    assert len(WORDS) == len(set(WORDS)) == 512
    assert list(WORDS) == sorted(WORDS)
    assert all(re.fullmatch("[a-z]{4,7}", word) for word in WORDS)


def test_no_two_words_are_one_letter_apart() -> None:
    def holes(word: str) -> set[str]:
        """The word with one letter changed or left out, a dot for a changed one; near words share one."""
        return {word[:i] + "." + word[i + 1 :] for i in range(len(word))}

    seen: dict[str, str] = {}
    for word in WORDS:
        assert not any(word[:i] + word[i + 1 :] in WORDS for i in range(len(word))), word
        for hole in holes(word):
            assert hole not in seen, (word, seen.get(hole))
            seen[hole] = word


def test_words_written_together_are_read_one_way_only() -> None:
    """No word begins with another one, so whatever is cut off in front is the only word that it can be."""
    assert not any(word[:end] in KNOWN for word in WORDS for end in range(1, len(word)))


@given(one=st.text("abc", max_size=5), other=st.text("abc", max_size=5))
def test_distance_is_a_distance(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))


@pytest.mark.parametrize(
    ("offered", "word"), [("wallnut", "walnut"), ("orbitt", "orbit"), ("zzzzzz", None), ("", None)]
)
def test_a_near_miss_is_known(offered: str, word: str | None) -> None:
    assert nearest(offered) == word


@settings(deadline=None)
@given(st.sampled_from(WORDS), st.lists(st.tuples(st.integers(0, 9), st.sampled_from("aehlorstxz")), max_size=4))
def test_what_rules_words_out_early_changes_no_answer(word: str, slips: list[tuple[int, str]]) -> None:
    offered = word
    for at, letter in slips:
        offered = offered[:at] + letter + offered[at + at % 2 :]
    ranked = sorted((distance(offered, each), each) for each in WORDS)
    clear = ranked[0][0] <= 2 and ranked[0][0] < ranked[1][0]
    assert nearest(offered) == (ranked[0][1] if clear else None)


def test_every_word_is_as_likely_as_any_other() -> None:
    picked = pick(b"".join(n.to_bytes(2, "big") for n in range(1024)))
    assert picked == WORDS * 2
    with pytest.raises(ValueError, match="two bytes"):
        pick(b"x")


# Codes


@given(
    number=st.integers(1, codes.NAMEPLATE_MOST),
    bits=st.binary(min_size=4, max_size=4) | st.binary(min_size=6, max_size=6),
)
def test_what_is_written_is_read(number: int, bits: bytes) -> None:
    code = make_code(number, bits)
    first, *rest = code.words
    assert parse_code(str(code)) == code
    assert parse_code(f" {number} {first.upper()}_{' '.join(rest)}\n") == code
    assert parse_code(f"{number}{first}{''.join(rest)}") == code
    assert parse_code(f"{number} {first}{rest[0]} {'-'.join(rest[1:])}") == code
    assert code.password == "-".join(code.words).encode()


@pytest.mark.parametrize(
    ("text", "taught"),
    [
        ("", "number in front is missing"),
        ("walnut-orbit", "number in front is missing"),
        ("7", "there are 0 words"),
        ("7-walnut", "one word"),
        ("7-walnut-orbit-oasis-ruby", "there are 4 words"),
        ("7walnutorbitoasisruby", "there are 4 words"),
        ("7walnutorbitt", "one word"),
        ("7-wallnut-orbit", "did you mean 7-walnut-orbit"),
        ("7-walnut-zzzzzz", "“zzzzzz” is not a word"),
        ("0-walnut-orbit", "no server gives out"),
        ("1234567890-walnut-orbit", "no server gives out"),
        ("7-walnut-8-orbit", "a character in it"),
        ("7-wälnut-orbit", "a character in it"),
        ("٧-walnut-orbit", "number in front is missing"),
        ("https://example.org/r#x", "looks like a link"),
        ("7-walnut-orbit" * 100, "too long"),
    ],
)
def test_what_is_no_code_is_told_why(text: str, taught: str) -> None:
    with pytest.raises(BadCode, match=taught):
        parse_code(text)


def test_a_suggestion_is_there_for_programs() -> None:
    with pytest.raises(BadCode) as refused:
        parse_code("12 orbitt wallnut")
    assert refused.value.fields == {"suggestion": "12-orbit-walnut"}


@given(text=st.text(max_size=60) | st.text("0123456789-_ walnutorbi", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadCode):
        assert set(parse_code(text).words) <= set(WORDS)


def test_no_code_is_made_of_a_number_that_is_none() -> None:
    for number in (0, -1, codes.NAMEPLATE_MOST + 1):
        with pytest.raises(BadCode):
            make_code(number, bytes(4))
    for size in (2, 8):
        with pytest.raises(ValueError, match="two or three words"):
            make_code(7, bytes(size))


# Meeting


def test_the_same_code_gives_the_same_secret_and_the_same_words() -> None:
    sender, receiver = met(marks=(["b", "a"], ["c"]))
    sender.check(receiver.confirmation)
    receiver.check(sender.confirmation)
    assert receiver.take_over(sender.hand_over(SECRET, bytes(12))) == SECRET
    assert check_words(SECRET, sender.transcript) == check_words(SECRET, receiver.transcript)
    assert len(check_words(SECRET, sender.transcript)) == 4
    assert sender.confirmation != receiver.confirmation


@pytest.mark.parametrize("other", ["7-orbit-walnut", "7-walnut-acorn", "8-walnut-orbit"])
def test_another_code_is_a_wrong_code_at_both_ends(other: str) -> None:
    sender, receiver = met(at_receiver=parse_code(other))
    for one, confirmation in ((sender, receiver.confirmation), (receiver, sender.confirmation)):
        with pytest.raises(WrongCode):
            one.check(confirmation)
        assert not one.confirmed
    with pytest.raises(WrongCode):
        sender.hand_over(SECRET, bytes(12))
    with pytest.raises(WrongCode):
        receiver.take_over(Handover(bytes(60)))


def test_every_bit_of_a_confirmation_counts() -> None:
    sender, receiver = met()
    good = receiver.confirmation.mac
    for bit in range(8 * len(good)):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WrongCode):
            sender.check(Confirmation(Role.RECEIVER, bytes(changed)))


def test_a_confirmation_thrown_back_is_refused() -> None:
    sender, _ = met()
    for role in Role:
        with pytest.raises(WrongCode):
            sender.check(Confirmation(role, sender.confirmation.mac))


def test_fingerprints_that_were_replaced_on_the_way_are_noticed() -> None:
    for said, heard in itertools.permutations([(), ("a",), ("ab",), ("a", "b"), ("", "ab")], 2):
        sender = Pake(CODE, Role.SENDER, entropy(1))
        receiver = Pake(CODE, Role.RECEIVER, entropy(2), said)
        at_sender = sender.finish(Opening(Role.RECEIVER, receiver.opening.pake, heard))
        at_receiver = receiver.finish(sender.opening)
        with pytest.raises(WrongCode):
            at_sender.check(at_receiver.confirmation)


def test_fingerprints_have_no_order_but_a_side() -> None:
    one, other = met(marks=(["a", "b"], [])), met(marks=(["b", "a"], []))
    assert one[0].transcript == other[0].transcript
    assert met(marks=([], ["a", "b"]))[0].transcript != one[0].transcript


def test_an_end_that_meets_itself_is_refused() -> None:
    for opening in (
        Pake(CODE, Role.SENDER, entropy(2)).opening,
        Opening(Role.RECEIVER, Pake(CODE, Role.SENDER, entropy(1)).opening.pake),
    ):
        with pytest.raises(Tampered):
            Pake(CODE, Role.SENDER, entropy(1)).finish(opening)


def test_noise_for_a_pake_message_is_tampered_or_ends_in_a_wrong_code() -> None:
    for n in range(40):
        noise = (b"S" if n % 4 else b"A") + bytes((n * 91 + i * n) % 256 for i in range(32))
        sender = Pake(CODE, Role.SENDER, entropy(1))
        try:
            agreed = sender.finish(Opening(Role.RECEIVER, noise))
        except Tampered:
            continue
        with pytest.raises(WrongCode):
            agreed.check(Confirmation(Role.RECEIVER, bytes(32)))


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31), b"\xff" * 32, (2**255 - 20).to_bytes(32, "little")])
def test_points_of_a_small_group_are_tampered(point: bytes) -> None:
    with pytest.raises(Tampered):
        Pake(CODE, Role.SENDER, entropy(1)).finish(Opening(Role.RECEIVER, b"S" + point))


def test_every_bit_of_the_handover_counts_and_each_end_has_its_part() -> None:
    sender, receiver = met()
    sender.check(receiver.confirmation)
    receiver.check(sender.confirmation)
    sealed = sender.hand_over(SECRET, bytes(12)).sealed
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            receiver.take_over(Handover(bytes(changed)))
    with pytest.raises(ValueError, match="only the sender"):
        receiver.hand_over(SECRET, bytes(12))
    with pytest.raises(ValueError, match="only the receiver"):
        sender.take_over(Handover(sealed))
    with pytest.raises(ValueError, match="32 bytes"):
        sender.hand_over(b"", bytes(12))


def test_messages_are_read_as_they_were_written() -> None:
    sender, receiver = met(marks=(["a"], []))
    sender.check(receiver.confirmation)
    opening = Pake(CODE, Role.SENDER, entropy(1), ["x"]).opening
    secret, used = sender.hand_over(SECRET, bytes(12)), sender.say_used("ann", bytes(12))
    for message in (opening, sender.confirmation, secret, used):
        assert codes.parse_meeting(codes.encode_meeting(message)) == message


def test_who_comes_to_a_used_code_hears_a_name_that_can_be_shown() -> None:
    sender, receiver = met()
    with pytest.raises(WrongCode):
        sender.say_used("ann", bytes(12))
    sender.check(receiver.confirmation)
    with pytest.raises(WrongCode):
        receiver.who_offers(Used(bytes(31)))
    receiver.check(sender.confirmation)
    assert receiver.who_offers(sender.say_used("ann\x1b[2J", bytes(12))) == "ann�[2J"
    longest = sender.say_used("😀" * 99, bytes(12))
    assert codes.parse_meeting(codes.encode_meeting(longest)) == longest
    assert receiver.who_offers(longest) == "😀" * 63 + "…"
    with pytest.raises(Tampered):
        receiver.who_offers(Used(sender.hand_over(SECRET, bytes(12)).sealed))


@given(data=st.binary(max_size=200))
@settings(max_examples=200)
def test_noise_is_no_message(data: bytes) -> None:
    with pytest.raises(BadRequest):
        codes.parse_meeting(data)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"pake","role":"sender","pake":"AAAA"}',
        '{"type":"pake","role":"both","pake":"' + "A" * 44 + '"}',
        '{"type":"pake","role":"sender","pake":"' + "A" * 44 + '","fingerprints":[' + ",".join(['"x"'] * 17) + "]}",
        '{"type":"confirm","role":"sender","mac":""}',
        '{"type":"secret","sealed":"AAAA"}',
        '{"type":"used","sealed":"AAAA"}',
        '{"type":"used","sealed":"' + "A" * 400 + '"}',
        " " * 10_000,
    ],
)
def test_messages_out_of_bounds_are_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        codes.parse_meeting(text.encode())
