"""What a transfer holds: names, kinds, sizes, times and modes. It travels sealed, as the first stream of blocks.

Whoever parses one has a stranger's text in hand: the bounds are kept here, but a path in it is only a wish. What
becomes of it on a disk is the receiver's guard's to say. Spec: docs/spec/manifest.md.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from burrowspace.core.errors import BadManifest
from burrowspace.core.holes import HOLES, Hole, fit
from burrowspace.core.layout import MANIFEST_BYTES, POSITIONS, Layout
from burrowspace.core.notes import NOTES, Note
from burrowspace.core.parsing import read_json
from burrowspace.core.sealing import BLOCK

ENTRIES = 1_000_000  # of one manifest
DEPTH = 128  # segments of one path
SEGMENT = 255  # characters of one segment
TEXT_BYTES = 1 << 20  # of a text entry
DIGEST_BYTES = 32  # BLAKE3 of one file, in the pack behind the contents
PACK_BYTES = (POSITIONS - MANIFEST_BYTES // BLOCK - 2) * BLOCK  # the longest pack beside the longest manifest

Segment = Annotated[str, Meta(min_length=1, max_length=SEGMENT)]


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One file, folder or text.

    `size` is bytes (0 for a folder; None for what is still being produced); mode has nine bits.
    """

    path: Annotated[tuple[Segment, ...], Meta(min_length=1, max_length=DEPTH)]
    kind: Literal["file", "folder", "text"]
    size: Annotated[int, Meta(ge=0, le=PACK_BYTES)] | None
    mtime_ns: Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)] = 0  # nanoseconds since 1970, UTC
    mode: Annotated[int, Meta(ge=0, le=0o777)] = 0o644


class Manifest(msgspec.Struct, frozen=True):
    """`name` is what to call the whole to a person; the contents lie in the pack in the order of the entries.

    >>> Manifest((Entry(("a",), "folder", 0), Entry(("a", "b"), "file", 5)), "a").pack_size
    37
    """

    entries: Annotated[tuple[Entry, ...], Meta(min_length=1, max_length=ENTRIES)]
    name: Annotated[str, Meta(min_length=1, max_length=SEGMENT)]
    version: Literal[1] = 1
    notes: Annotated[tuple[Note, ...], Meta(max_length=NOTES)] | UnsetType = UNSET  # what is not sent as it is
    unlisted: Annotated[int, Meta(ge=0)] | UnsetType = UNSET  # how many notes more there would be
    holes: Annotated[tuple[Hole, ...], Meta(max_length=HOLES)] | UnsetType = UNSET  # need not travel: zeros

    @property
    def noted(self) -> tuple[Note, ...]:
        """The notes; none where there are none."""
        return self.notes or ()

    @property
    def more_notes(self) -> int:
        """How many there are that have no room."""
        return self.unlisted or 0

    @property
    def files(self) -> tuple[Entry, ...]:
        """The entries that have contents, in the pack's order."""
        return tuple(entry for entry in self.entries if entry.kind != "folder")

    @property
    def content_size(self) -> int | None:
        """Bytes of all contents; None while one is not known."""
        total = 0
        for entry in self.entries:
            if entry.size is None:
                return None
            total += entry.size
        return total

    @property
    def pack_size(self) -> int | None:
        """Bytes of the pack: contents, then a digest for each file."""
        content = self.content_size
        return None if content is None else content + DIGEST_BYTES * len(self.files)

    def content_before(self, layout: Layout, position: int) -> int:
        """Bytes of content that lie before a position: how far a transfer is, to a person.

        >>> from burrowspace.core.sealing import Suite
        >>> Manifest((Entry(("b",), "file", 5),), "b").content_before(Layout(Suite.A256GCM, 9, 37), 2)
        5
        """
        done = max(0, position - layout.manifest_blocks) * BLOCK
        size = self.content_size
        if size is None:  # one stream: its end, and so its size, shows late
            size = done if layout.pack_size is None else layout.pack_size - DIGEST_BYTES
        return min(done, size)


_DECODER = msgspec.json.Decoder(Manifest)


def encode(manifest: Manifest) -> bytes:
    """As JSON. BadManifest if the other side would refuse it."""
    _check(manifest)
    try:
        data = msgspec.json.encode(manifest)
    except UnicodeEncodeError:
        raise BadManifest("a file's name is not text that can be written as UTF-8; rename it and send again") from None
    if len(data) > MANIFEST_BYTES:
        raise BadManifest(f"the list of files has more than {MANIFEST_BYTES} bytes; send it in parts")
    return data


def parse(data: bytes | bytearray | memoryview) -> Manifest:
    """What the other side sent, bounded and free of contradiction. BadManifest."""
    if len(data) > MANIFEST_BYTES:
        raise BadManifest(f"the list of files has more than {MANIFEST_BYTES} bytes")
    try:
        manifest = read_json(_DECODER, data)
    except ValueError:
        raise BadManifest("the list of files cannot be read") from None
    _check(manifest)
    return manifest


def _check(manifest: Manifest) -> None:
    if not 1 <= len(manifest.entries) <= ENTRIES:
        raise BadManifest(f"a transfer has 1 to {ENTRIES} files and folders")
    if not 1 <= len(manifest.name) <= SEGMENT:
        raise BadManifest(f"a transfer's name has 1 to {SEGMENT} characters")
    _check_sizes(manifest)
    _check_paths(manifest.entries)


def _check_sizes(manifest: Manifest) -> None:
    if manifest.holes and not fit(manifest.holes, [entry.size for entry in manifest.files]):
        raise BadManifest("the list of files has a hole outside of its file")
    for entry in manifest.entries:
        if entry.kind == "folder" and entry.size != 0:
            raise BadManifest("a folder has no size of its own")
        if entry.kind == "text" and (entry.size is None or entry.size > TEXT_BYTES):
            raise BadManifest(f"a text has at most {TEXT_BYTES} bytes; send it as a file")
        if not 0 <= entry.mode <= 0o777:
            raise BadManifest("a mode has nine bits")
        if entry.size is not None and entry.size < 0:
            raise BadManifest("a file has no negative size")
        if not -(1 << 63) <= entry.mtime_ns < 1 << 63:
            raise BadManifest("a file's time lies too far away")
    size = manifest.pack_size
    if size is None and len(manifest.files) != 1:
        raise BadManifest("a file of unknown size travels alone")
    if size is not None and not 0 <= size <= PACK_BYTES:
        raise BadManifest(f"one transfer carries at most {PACK_BYTES} bytes")


def _check_paths(entries: Iterable[Entry]) -> None:
    """No path twice, none that needs a file to be a folder, none that could not be a path at all."""
    seen: set[tuple[str, ...]] = set()
    files: set[tuple[str, ...]] = set()
    parents: set[tuple[str, ...]] = set()
    for entry in entries:
        path = entry.path
        if not 1 <= len(path) <= DEPTH:
            raise BadManifest(f"a path has 1 to {DEPTH} parts")
        for part in path:
            if part in ("", ".", "..") or "/" in part or "\0" in part or len(part) > SEGMENT:
                raise BadManifest("a path in the list of files is none")
        if path in seen:
            raise BadManifest("the list of files names a path twice")
        seen.add(path)
        if entry.kind != "folder":
            files.add(path)
        parent = path[:-1]
        while parent and parent not in parents:  # ends at the first known one: its own parents are known too
            parents.add(parent)
            parent = parent[:-1]
    if not files.isdisjoint(parents):
        raise BadManifest("the list of files puts a file inside a file")
