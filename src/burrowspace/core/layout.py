"""Where each block of a transfer lies: positions, streams, offsets. Arithmetic alone.

A transfer is one row of positions: the blocks of the manifest stream, then those of the pack stream. Every block but a
stream's last holds BLOCK bytes; the last holds fewer, perhaps none. A spool carries the sealed blocks one behind the
other. Both ends and everyone who resumes asks here. Spec: docs/spec/manifest.md.
"""

from dataclasses import dataclass, replace

from burrowspace.core.errors import BadRequest, TooLarge
from burrowspace.core.sealing import BLOCK, MANIFEST, PACK, SEALINGS, Suite

POSITIONS = SEALINGS  # blocks of one transfer: what one key may seal once
MANIFEST_BYTES = 128 << 20  # the longest manifest


def blocks_of(size: int) -> int:
    """Blocks of a stream of `size` bytes: a last, shorter one always follows.

    >>> blocks_of(0), blocks_of(1), blocks_of(BLOCK - 1), blocks_of(BLOCK)
    (1, 1, 1, 2)
    """
    return size // BLOCK + 1


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes are bytes of plaintext; `pack_size` counts the digests, and is None until the sender knows it.

    BadRequest for sizes that no transfer has, TooLarge beyond POSITIONS blocks (1 PiB).

    >>> layout = Layout(Suite.A256GCM, 100, BLOCK + 1)
    >>> layout.positions, layout.where(2), layout.plain_size(2), layout.offset(1), layout.position_at(130)
    (3, (1, 1), 1, 128, (1, 2))
    >>> layout.sealed_most(2), layout.ends_with(2, 29), Layout(Suite.A256GCM, 100, None).ends_with(2, 29)
    (29, True, True)
    """

    suite: Suite
    manifest_size: int
    pack_size: int | None

    def __post_init__(self) -> None:
        if not 0 < self.manifest_size <= MANIFEST_BYTES:
            raise BadRequest(f"a manifest has 1 to {MANIFEST_BYTES} bytes")
        if self.pack_size is not None and self.pack_size < 0:
            raise BadRequest("a pack has no negative size")
        if self.positions is not None and self.positions > POSITIONS:
            raise TooLarge(f"one transfer carries at most {POSITIONS} blocks of {BLOCK} bytes: 1 PiB")

    @property
    def manifest_blocks(self) -> int:
        return blocks_of(self.manifest_size)

    @property
    def positions(self) -> int | None:
        """Blocks of the whole transfer; None while the pack's size is not known."""
        return None if self.pack_size is None else self.manifest_blocks + blocks_of(self.pack_size)

    @property
    def sealed_size(self) -> int | None:
        """Bytes of all sealed blocks together."""
        if self.pack_size is None or self.positions is None:
            return None
        return self.manifest_size + self.pack_size + self.positions * self.suite.overhead

    def where(self, position: int) -> tuple[int, int]:
        """The stream (MANIFEST or PACK) and the index in it. BadRequest beyond the end."""
        if not 0 <= position < (POSITIONS if self.positions is None else self.positions):
            raise BadRequest(f"this transfer has no block {position}")
        if position < self.manifest_blocks:
            return MANIFEST, position
        return PACK, position - self.manifest_blocks

    def is_end(self, position: int) -> bool | None:
        """Whether this is its stream's last block; None while that is not known."""
        file, index = self.where(position)
        size = self.manifest_size if file == MANIFEST else self.pack_size
        return None if size is None else index == blocks_of(size) - 1

    def plain_size(self, position: int) -> int | None:
        """Bytes of plaintext in this block; None while that is not known."""
        file, index = self.where(position)
        size = self.manifest_size if file == MANIFEST else self.pack_size
        return None if size is None else min(BLOCK, size - index * BLOCK)

    def sealed_most(self, position: int) -> int:
        """Bytes of this block as it is sealed; of a full one, while that is not known."""
        size = self.plain_size(position)
        return self.suite.sealed if size is None else size + self.suite.overhead

    def ends_with(self, position: int, sealed: int) -> bool:
        """Whether this block, of so many sealed bytes, is the last of the transfer."""
        if self.positions is not None:
            return position + 1 == self.positions
        return position >= self.manifest_blocks and sealed < self.suite.sealed

    def offset(self, position: int) -> int:
        """Sealed bytes before this block; `positions` itself is allowed and gives all of them."""
        if position == self.positions and self.sealed_size is not None:
            return self.sealed_size
        file, index = self.where(position)
        if file == MANIFEST:
            return index * self.suite.sealed
        return self.manifest_size + self.manifest_blocks * self.suite.overhead + index * self.suite.sealed

    def position_at(self, offset: int) -> tuple[int, int]:
        """The block that holds this sealed byte, and how many of its bytes lie before it. BadRequest beyond the end."""
        if offset < 0 or (self.sealed_size is not None and offset > self.sealed_size):
            raise BadRequest(f"this transfer has no sealed byte {offset}")
        if offset == self.sealed_size and self.positions is not None:
            return self.positions, 0
        pack_start = self.offset(self.manifest_blocks)
        if offset < pack_start:
            return divmod(offset, self.suite.sealed)
        index, rest = divmod(offset - pack_start, self.suite.sealed)
        self.where(self.manifest_blocks + index)
        return self.manifest_blocks + index, rest

    def ended(self, position: int, plain_size: int) -> "Layout":
        """The same, once the pack's last block has shown how long the pack is.

        BadRequest if that contradicts what was known.
        """
        file, index = self.where(position)
        if file != PACK or not 0 <= plain_size < BLOCK:
            raise BadRequest("a pack ends with a block that is not full")
        size = index * BLOCK + plain_size
        if self.pack_size not in (None, size):
            raise BadRequest("the pack ended where it should not")
        return replace(self, pack_size=size)
