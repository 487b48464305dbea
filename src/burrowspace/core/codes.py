"""A code that one person says to another, and what two programs make of it: the same secret, or nothing.

`7-walnut-orbit` is a number that the server gave out and two words that it never learns; a code that replaces a burnt
one has three words. SPAKE2 turns the words into a key that only somebody who used the same ones shares, and one wrong
guess shows. The sender then hands over the transfer's secret. When a code is burnt is decided by meeting_rules.py, who
carries the messages elsewhere. Spec: docs/spec/meeting.md.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from burrowspace.core.errors import BadCode, BadRequest, Tampered, WrongCode
from burrowspace.core.names import shown
from burrowspace.core.parsing import read_json
from burrowspace.core.pasted import PASTED_CHARS, SEPARATED, cleaned, codes_in
from burrowspace.core.sealing import SECRET_BYTES, Box, Buffer, derive
from burrowspace.core.signals import Role
from burrowspace.core.words import KNOWN, nearest, pick

NAMEPLATE_MOST = 999_999_999
CODE_CHARS = 100  # of a code, without what stands around it
PAKE_BYTES = 33  # "S" and a point of Ed25519
MEETING_BYTES = 8 << 10  # of one message, as JSON
FINGERPRINTS = 16  # of one end
NAME_CHARS = 64  # of an end that says that its code was used
WORD_COUNTS = (2, 3)  # of a first code, and of one that replaces a burnt one
HOW = "a code is a number and two or three words, like 7-walnut-orbit"

_LETTERS = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Code:
    """`str` gives it as people say it."""

    nameplate: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return "-".join((str(self.nameplate), *self.words))

    @property
    def password(self) -> bytes:
        return "-".join(self.words).encode()


def make_code(nameplate: int, entropy: bytes) -> Code:
    """A code of a number that the server gave and two random bytes for each word.

    >>> str(make_code(7, bytes(4))), str(make_code(7, bytes(6)))
    ('7-abacus-abacus', '7-abacus-abacus-abacus')
    """
    if not 1 <= nameplate <= NAMEPLATE_MOST:
        raise BadCode("a code's number is not one that a server gives out")
    words = pick(entropy)
    if len(words) not in WORD_COUNTS:
        raise ValueError("a code has two or three words")
    return Code(nameplate, words)


def parse_code(text: str) -> Code:
    """What a person typed or pasted, with what stands around it (core/pasted.py). BadCode teaches; its field
    `suggestion` is what was probably meant, where that can be told.

    >>> str(parse_code(" 7 Walnut_ORBIT ")), str(parse_code("7walnutorbit")), str(parse_code("Code: “7–walnut–orbit”!"))
    ('7-walnut-orbit', '7-walnut-orbit', '7-walnut-orbit')
    """
    refused: BadCode | None = None
    for places in codes_in(text):
        found: set[Code] = set()
        for place in places:
            try:
                found.add(_parsed(place))
            except BadCode as refusal:
                if refused is None or ("suggestion" in refusal.fields and "suggestion" not in refused.fields):
                    refused = refusal
        if len(found) > 1:
            raise BadCode("there is more than one code in it; give one of them")
        if found:
            return found.pop()
        if refused is not None and "suggestion" in refused.fields:
            break  # it stands there, with a slip; what is cut out of it would be another code
    raise refused or _parsed_badly(text)


def _parsed_badly(text: str) -> BadCode:
    """Why nothing in it is a code."""
    try:
        _parsed(cleaned(text[: PASTED_CHARS + 1]))
    except BadCode as refusal:
        return refusal
    raise AssertionError("what could be read was not found")


def _parsed(text: str) -> Code:
    plain = text.lower()
    if len(plain) > CODE_CHARS:
        raise BadCode(f"that is too long for a code; {HOW}")
    if "#" in plain or "://" in plain:
        raise BadCode("that looks like a link and not like a code; give the whole link, from http to its end")
    digits = re.match(r"[0-9]*", plain)
    number = digits.group() if digits else ""
    if not number:
        raise BadCode(f"the number in front is missing; {HOW}")
    if len(number) > 9 or not int(number):
        raise BadCode(f"no server gives out that number; {HOW}")
    rest = plain[len(number) :]
    if not SEPARATED.fullmatch(rest):
        raise BadCode(f"there is a character in it that no code has; {HOW}")
    return Code(int(number), _words(int(number), _LETTERS.findall(rest)))


def _words(number: int, parts: list[str]) -> tuple[str, ...]:
    words = [word for part in parts for word in _apart(part)]
    if len(words) not in WORD_COUNTS:
        raise BadCode(f"there {'is one word' if len(words) == 1 else f'are {len(words)} words'} in it; {HOW}")
    wrong = [word for word in words if word not in KNOWN]
    if not wrong:
        return tuple(words)
    meant = [word if word in KNOWN else nearest(word) for word in words]
    if None in meant:
        raise BadCode(f"“{wrong[0]}” is not a word of codes; ask for the code again, {HOW}")
    suggestion = "-".join((str(number), *filter(None, meant)))
    raise BadCode(f"“{wrong[0]}” is not a word of codes; did you mean {suggestion}?", suggestion=suggestion)


def _apart(run: str) -> list[str]:
    """The words that were written together, or the run itself where it is not made of words. No word begins with
    another one, so there is one way at most."""
    words, at = [], 0
    while at < len(run):
        found = next((run[at:end] for end in range(at + 1, len(run) + 1) if run[at:end] in KNOWN), None)
        if found is None:
            return [run]
        words.append(found)
        at += len(found)
    return words


# What travels through the nameplate's mailbox: JSON, not sealed, bytes as base64


Fingerprint = Annotated[str, Meta(min_length=1, max_length=255)]


class Opening(msgspec.Struct, frozen=True, tag="pake", tag_field="type"):
    """`fingerprints` belong to this end's direct paths (for instance its DTLS certificate's), in no order."""

    role: Role
    pake: Annotated[bytes, Meta(min_length=PAKE_BYTES, max_length=PAKE_BYTES)]
    fingerprints: Annotated[tuple[Fingerprint, ...], Meta(max_length=FINGERPRINTS)] = ()


class Confirmation(msgspec.Struct, frozen=True, tag="confirm", tag_field="type"):
    role: Role
    mac: Annotated[bytes, Meta(min_length=32, max_length=32)]


class Handover(msgspec.Struct, frozen=True, tag="secret", tag_field="type"):
    """The sender: the transfer's secret, sealed."""

    sealed: Annotated[bytes, Meta(min_length=60, max_length=60)]


class Used(msgspec.Struct, frozen=True, tag="used", tag_field="type"):
    """The sender, instead of the secret: somebody else has used the code, which works once. Its name, sealed."""

    sealed: Annotated[bytes, Meta(min_length=28, max_length=28 + 4 * NAME_CHARS)]


Meeting: TypeAlias = Opening | Confirmation | Handover | Used
_MEETING: msgspec.json.Decoder[Meeting] = msgspec.json.Decoder(Meeting)


def encode_meeting(message: Meeting) -> bytes:
    return msgspec.json.encode(message)


def parse_meeting(data: Buffer) -> Meeting:
    """BadRequest for what is no message of a meeting."""
    if len(data) > MEETING_BYTES:
        raise BadRequest("a message of a meeting is too long")
    try:
        return read_json(_MEETING, data)
    except ValueError:
        raise BadRequest("a message of a meeting cannot be read") from None


# The key


def _packed(parts: Iterable[bytes]) -> bytes:
    """Each with its length in front (u32), after their number (u32): no two lists give the same bytes."""
    listed = list(parts)
    return len(listed).to_bytes(4, "big") + b"".join(len(part).to_bytes(4, "big") + part for part in listed)


class Pake:
    """One end of SPAKE2, good for one meeting.

    >>> ann, bob = (Pake(parse_code("7-walnut-orbit"), role, lambda n, r=role: r.encode().ljust(n)) for role in Role)
    >>> at_ann, at_bob = ann.finish(bob.opening), bob.finish(ann.opening)
    >>> at_ann.check(at_bob.confirmation)
    >>> at_bob.check(at_ann.confirmation)
    >>> at_bob.take_over(at_ann.hand_over(bytes(32), bytes(12))) == bytes(32)
    True
    """

    __slots__ = ("_code", "_pake", "opening", "role")

    def __init__(
        self, code: Code, role: Role, entropy: Callable[[int], bytes], fingerprints: Iterable[str] = ()
    ) -> None:
        """`entropy(n)` gives n random bytes."""
        from spake2 import SPAKE2_Symmetric  # late: it computes its groups when it is loaded, 20 ms

        self.role = role
        self._code = code
        identity = b"burrow/1 code" + str(code.nameplate).encode()
        self._pake = SPAKE2_Symmetric(code.password, idSymmetric=identity, entropy_f=entropy)
        self.opening = Opening(role, self._pake.start(), tuple(sorted(fingerprints)))

    def finish(self, other: Opening) -> "Agreed":
        """What both ends know now, if they used the same code; that is not known before `Agreed.check`.

        Tampered for the own role, the own message or one that is no point of the curve.
        """
        if other.role is self.role or other.pake == self.opening.pake:
            raise Tampered("an end of a meeting met itself")
        if other.pake[:1] != b"S":
            raise Tampered("a message of a meeting is not what the other end says")
        try:
            key = self._pake.finish(other.pake)
        except Exception:  # the library has no root for what it raises: its own kinds, ValueError, AssertionError
            raise Tampered("a message of a meeting is not what the other end says") from None
        sides = {self.role: self.opening, other.role: other}
        openings = [sides[Role.SENDER], sides[Role.RECEIVER]]
        parts = [b"burrow/1 meeting", str(self._code.nameplate).encode(), *(opening.pake for opening in openings)]
        parts += [_packed(sorted(mark.encode() for mark in opening.fingerprints)) for opening in openings]
        return Agreed(self.role, key, hashlib.sha256(_packed(parts)).digest())


class Agreed:
    """A key that is the other end's too, if it used the same code:

    `check` says so, and nothing is handed over before.
    """

    __slots__ = ("_key", "confirmed", "role", "transcript")

    def __init__(self, role: Role, key: bytes, transcript: bytes) -> None:
        self.role, self._key, self.transcript = role, key, transcript
        self.confirmed = False

    def _mac(self, role: Role) -> bytes:
        return hmac.new(derive(self._key, b"", f"burrow/1 confirm {role}"), self.transcript, hashlib.sha256).digest()

    @property
    def confirmation(self) -> Confirmation:
        """What this end says to prove that it used the same code."""
        return Confirmation(self.role, self._mac(self.role))

    def check(self, other: Confirmation) -> None:
        """WrongCode unless the other end knows the key and saw the same messages. The code is burnt either way."""
        if other.role is self.role or not hmac.compare_digest(other.mac, self._mac(self.role.other)):
            raise WrongCode(
                "the other side did not use this code; this code can't be used again. Ask the sender for a new one"
            )
        self.confirmed = True

    def hand_over(self, secret: bytes, nonce: bytes) -> Handover:
        """The sender: 32 bytes of secret, sealed. `nonce` is 12 random bytes. WrongCode before a good `check`."""
        self._must_be(Role.SENDER)
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"a secret has {SECRET_BYTES} bytes")
        return Handover(self._box().seal(secret, b"burrow/1 handover" + self.transcript, nonce))

    def take_over(self, handover: Handover) -> bytes:
        """The receiver: the secret. Tampered; WrongCode before a good `check`."""
        self._must_be(Role.RECEIVER)
        return self._box().open(handover.sealed, b"burrow/1 handover" + self.transcript)

    def say_used(self, name: str, nonce: bytes) -> Used:
        """The sender: what it is called, sealed, at most NAME_CHARS of it. `nonce` is 12 random bytes. WrongCode before
        a good `check`."""
        self._must_be(Role.SENDER)
        return Used(self._box("used").seal(shown(name, NAME_CHARS).encode(), b"burrow/1 used" + self.transcript, nonce))

    def who_offers(self, used: Used) -> str:
        """The receiver: what the sender is called, fit to be shown. Tampered; WrongCode before a good `check`."""
        self._must_be(Role.RECEIVER)
        name = self._box("used").open(used.sealed, b"burrow/1 used" + self.transcript)
        return shown(name.decode("utf-8", "replace"), NAME_CHARS)

    def _box(self, purpose: str = "handover") -> Box:
        return Box(derive(self._key, b"", f"burrow/1 {purpose}"))

    def _must_be(self, role: Role) -> None:
        if self.role is not role:
            raise ValueError(f"only the {role} does this")
        if not self.confirmed:
            raise WrongCode("the other side has not proved that it used this code")


def check_words(secret: bytes, transcript: bytes) -> tuple[str, ...]:
    """Four words that both people may compare: equal if nobody stands between. 36 bits.

    After a code, both come from Agreed.transcript and the secret that was handed over; with a link, the transcript
    is the transfer's id.

    >>> check_words(bytes(32), bytes(32))
    ('pebble', 'pirate', 'lullaby', 'pastry')
    """
    return pick(derive(secret, transcript, "burrow/1 check words", 8))
