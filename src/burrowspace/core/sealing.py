"""Sealed blocks and sealed small messages: what is encrypted, under which key, bound to what.

Holds no state but a count, draws no randomness (nonces are arguments) and knows no file or socket. The sender seals,
the receiver opens, a journal checks. Errors of the two cipher libraries stop here. Spec: docs/spec/sealing.md.
"""

import hmac
import struct
from enum import StrEnum
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from burrowspace.core.errors import Tampered, TooLarge

Buffer: TypeAlias = bytes | bytearray | memoryview

BLOCK = 262_144  # bytes of plaintext in every block but a stream's last
SECRET_BYTES = 32  # what a link or a code hands over
TRANSFER_BYTES = 16  # a transfer's id, random
TAG_BYTES = 16  # of both suites
SEALINGS = 1 << 32  # under one key with random 96-bit nonces: NIST SP 800-38D, section 8.3
MANIFEST, PACK = 0, 1  # the `file` of a block

_BOUND = struct.Struct(">IQB")  # file, index, end


class Suite(StrEnum):
    """What seals a block."""

    A256GCM = "A256GCM"  # AES-256-GCM
    XC20P = "XC20P"  # XChaCha20-Poly1305, for a device without AES in its processor

    @property
    def nonce_bytes(self) -> int:
        return 12 if self is Suite.A256GCM else 24

    @property
    def overhead(self) -> int:
        """Bytes that a sealed block is longer than its plaintext: nonce and tag."""
        return self.nonce_bytes + TAG_BYTES

    @property
    def sealed(self) -> int:
        """Bytes of a full sealed block."""
        return BLOCK + self.overhead


SEALED_MOST = max(suite.sealed for suite in Suite)  # bytes: a buffer of this size takes any sealed block


def derive(secret: bytes, salt: bytes, label: str, size: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869) of `size` bytes; every label in use stands in docs/spec/sealing.md.

    >>> derive(bytes(32), b"", "burrow/1 signal").hex()[:16]
    'a6f8a2caf26ba796'
    """
    return HKDF(algorithm=SHA256(), length=size, salt=salt, info=label.encode()).derive(secret)


class _Gcm:
    """AES-256-GCM, from buffer to buffer."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal_into(self, nonce: bytes, plain: Buffer, aad: bytes, into: memoryview) -> None:
        """Ciphertext and tag fill `into` exactly."""
        self._cipher.encrypt_into(nonce, plain, aad, into)

    def open_into(self, nonce: Buffer, sealed: Buffer, aad: bytes, into: memoryview) -> None:
        """The plaintext fills `into` exactly. Tampered."""
        try:
            self._cipher.decrypt_into(nonce, sealed, aad, into)
        except InvalidTag:
            raise Tampered("this is not what was sealed: a block or message was changed on its way") from None


class _XChaCha:
    """XChaCha20-Poly1305; PyNaCl takes and gives `bytes`, so a block is copied here. Loaded when it is first used: few
    devices need it."""

    def __init__(self, key: bytes) -> None:
        from nacl import bindings, exceptions

        self._key = key
        self._encrypt = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt
        self._decrypt = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt
        self._wrong = exceptions.CryptoError

    def seal_into(self, nonce: bytes, plain: Buffer, aad: bytes, into: memoryview) -> None:
        into[:] = self._encrypt(bytes(plain), aad, nonce, self._key)

    def open_into(self, nonce: Buffer, sealed: Buffer, aad: bytes, into: memoryview) -> None:
        try:
            into[:] = self._decrypt(bytes(sealed), aad, bytes(nonce), self._key)
        except self._wrong:
            raise Tampered("this is not what was sealed: a block or message was changed on its way") from None


def _cipher(suite: Suite, key: bytes) -> _Gcm | _XChaCha:
    return _Gcm(key) if suite is Suite.A256GCM else _XChaCha(key)


class BlockKey:
    """Seals and opens the blocks of one transfer in one suite. Threads may share it.

    A sealed block is nonce || ciphertext || tag. The end mark is part of what is bound, and only a stream's last
    block is shorter than BLOCK, so `end` must agree with the length: a receiver that knows no sizes reads it from
    there.

    >>> key, sealed = BlockKey(bytes(32), bytes(16)), memoryview(bytearray(100))
    >>> length = key.seal_into(PACK, 0, True, b"hello", bytes(12), sealed)
    >>> plain = memoryview(bytearray(BLOCK))
    >>> length, key.open_into(PACK, 0, True, sealed[:length], plain), bytes(plain[:5])
    (33, 5, b'hello')
    """

    __slots__ = ("_cipher", "_prefix", "sealings", "suite")

    def __init__(self, secret: bytes, transfer: bytes, suite: Suite = Suite.A256GCM) -> None:
        if len(secret) != SECRET_BYTES or len(transfer) != TRANSFER_BYTES:
            raise ValueError(f"a secret has {SECRET_BYTES} bytes and a transfer's id {TRANSFER_BYTES}")
        self.suite = suite = Suite(suite)  # a plain string would not be told apart below
        self.sealings = 0  # how often this object has sealed
        self._cipher = _cipher(suite, derive(secret, transfer, f"burrow/1 blocks {suite}"))
        self._prefix = b"burrow/1 block" + transfer

    def _bound(self, file: int, index: int, end: bool) -> bytes:
        return self._prefix + _BOUND.pack(file, index, end)

    def seal_into(self, file: int, index: int, end: bool, plain: Buffer, nonce: bytes, into: memoryview) -> int:
        """Seals `plain` (at most BLOCK bytes; fewer exactly if `end`) at the start of `into`;

        returns the sealed length.

        `nonce` is fresh and random for every call. A256GCM copies nothing. TooLarge after SEALINGS blocks in A256GCM;
        ValueError for a block that no stream has or a buffer that is too small.
        """
        size, skip = len(plain), self.suite.nonce_bytes
        if size > BLOCK or end != (size < BLOCK):
            raise ValueError(f"a block has {BLOCK} bytes, and fewer only at the end of its stream")
        if len(nonce) != skip:
            raise ValueError(f"a nonce of {self.suite} has {skip} bytes")
        length = size + self.suite.overhead
        if len(into) < length:
            raise ValueError(f"{length} bytes are needed for this sealed block")
        if self.suite is Suite.A256GCM and self.sealings >= SEALINGS:
            raise TooLarge("this transfer has sealed as many blocks as its key is good for; start a new one")
        self.sealings += 1
        self._cipher.seal_into(nonce, plain, self._bound(file, index, end), into[skip:length])
        into[:skip] = nonce
        return length

    def open_into(self, file: int, index: int, end: bool, sealed: Buffer, into: memoryview) -> int:
        """Opens `sealed` into the start of `into` (up to BLOCK bytes); returns the plaintext's length. Tampered.

        After Tampered, what `into` holds is of no meaning.
        """
        size, skip = len(sealed) - self.suite.overhead, self.suite.nonce_bytes
        if not 0 <= size <= BLOCK or end != (size < BLOCK):
            raise Tampered("this sealed block has a length that none has in its place")
        if len(into) < size:
            raise ValueError(f"{size} bytes are needed for this block's plaintext")
        view = memoryview(sealed)
        self._cipher.open_into(view[:skip], view[skip:], self._bound(file, index, end), into[:size])
        return size

    def fingerprint(self, sealed: Buffer) -> bytes:
        """Nonce and tag of a sealed block: what a journal keeps to check the plaintext again later."""
        if len(sealed) < self.suite.overhead:
            raise Tampered("this sealed block has a length that none has in its place")
        view = memoryview(sealed)
        return bytes(view[: self.suite.nonce_bytes]) + bytes(view[-TAG_BYTES:])

    def check(self, file: int, index: int, end: bool, plain: Buffer, fingerprint: bytes) -> bool:
        """Whether `plain`, sealed there with that nonce, has that tag.

        What it seals for this never leaves this function.

        That keeps the reuse of the nonce harmless: nobody sees a second ciphertext.
        """
        size, skip = len(plain), self.suite.nonce_bytes
        if len(fingerprint) != self.suite.overhead or size > BLOCK or end != (size < BLOCK):
            return False
        scratch = memoryview(bytearray(size + TAG_BYTES))
        self._cipher.seal_into(fingerprint[:skip], plain, self._bound(file, index, end), scratch)
        return hmac.compare_digest(scratch[size:], fingerprint[skip:])


class Box:
    """Seals small messages under a key of their own: nonce || ciphertext || tag.

    >>> box = Box(bytes(32))
    >>> box.open(box.seal(b"hello", b"who", bytes(12)), b"who")
    b'hello'
    """

    __slots__ = ("_cipher", "suite")

    def __init__(self, key: bytes, suite: Suite = Suite.A256GCM) -> None:
        if len(key) != 32:
            raise ValueError("a key has 32 bytes")
        self.suite = suite = Suite(suite)
        self._cipher = _cipher(suite, key)

    def seal(self, plain: bytes, aad: bytes, nonce: bytes) -> bytes:
        """`nonce` never repeats under one key: random, or a counter."""
        if len(nonce) != self.suite.nonce_bytes:
            raise ValueError(f"a nonce of {self.suite} has {self.suite.nonce_bytes} bytes")
        sealed = bytearray(len(plain) + TAG_BYTES)
        self._cipher.seal_into(nonce, plain, aad, memoryview(sealed))
        return nonce + bytes(sealed)

    def open(self, sealed: Buffer, aad: bytes) -> bytes:
        """The plaintext. Tampered, whatever is wrong."""
        size, skip = len(sealed) - self.suite.overhead, self.suite.nonce_bytes
        if size < 0:
            raise Tampered("this sealed message is too short to be one")
        view, plain = memoryview(sealed), bytearray(size)
        self._cipher.open_into(view[:skip], view[skip:], aad, memoryview(plain))
        return bytes(plain)
