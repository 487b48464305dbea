"""The keys of one transfer, one for each suite: an end without AES takes XChaCha20-Poly1305, whatever others take."""

from burrowspace.core.sealing import TAG_BYTES, BlockKey, Buffer, Suite

PREFERRED = (Suite.A256GCM, Suite.XC20P)  # where the processor has AES, the first is twenty times faster


class Keys:
    """`keys[suite]`, made when it is first asked for."""

    def __init__(self, secret: bytes, transfer: bytes) -> None:
        self._secret, self._transfer = secret, transfer
        self._made: dict[Suite, BlockKey] = {}

    def __getitem__(self, suite: Suite) -> BlockKey:
        key = self._made.get(suite)
        if key is None:
            key = self._made[suite] = BlockKey(self._secret, self._transfer, suite)
        return key

    def check(self, file: int, index: int, end: bool, plain: Buffer, fingerprint: bytes) -> bool:
        """BlockKey.check by the suite that the block came in: the length of its fingerprint says which."""
        for suite in PREFERRED:
            if len(fingerprint) == suite.nonce_bytes + TAG_BYTES:
                return self[suite].check(file, index, end, plain, fingerprint)
        return False
