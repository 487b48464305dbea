"""Blocks from a source to a staging, sealed and opened as on a real path but without one."""

import os
from collections.abc import Iterable
from pathlib import Path

from burrowspace.client.files.source import Source
from burrowspace.client.files.staging import Staging
from burrowspace.core.sealing import BLOCK, SEALED_MOST, BlockKey, Suite

KEY = BlockKey(bytes(range(32)), bytes(16))
KEYS = {suite: BlockKey(bytes(range(32)), bytes(16), suite) for suite in Suite}


def begin(folder: Path, source: Source) -> Staging:
    folder.mkdir(parents=True, exist_ok=True)
    return Staging.begin(folder, len(source.manifest_data), source.manifest.pack_size)


def reopen(folder: Path) -> Staging:
    return Staging.reopen(folder, KEY.check)


def carry_one(source: Source, staging: Staging, position: int, key: BlockKey = KEY) -> bool:
    """Seals a block at one end and opens it at the other."""
    plain, sealed = memoryview(bytearray(BLOCK)), memoryview(bytearray(SEALED_MOST))
    size, end = source.read_into(position, plain)
    first = len(source.manifest_data) // BLOCK + 1
    where = (0, position) if position < first else (1, position - first)
    length = key.seal_into(*where, end, plain[:size], os.urandom(key.suite.nonce_bytes), sealed)
    opened = memoryview(bytearray(BLOCK))
    assert key.open_into(*where, end, sealed[:length], opened) == size
    return staging.take(position, end, opened[:size], key.fingerprint(sealed[:length]))


def carry(source: Source, staging: Staging, target: Path | None, upto: int | None = None, **accepting: object) -> None:
    """From where the staging stands to the end, or until it holds `upto` blocks."""
    while not staging.complete and staging.held != upto:
        if staging.manifest is not None and not staging.accepted:
            staging.accept(target, **accepting)  # type: ignore[arg-type]
        assert carry_one(source, staging, staging.held)


def tree(folder: Path) -> dict[str, bytes | None]:
    """What lies in a folder: contents of files, None for folders."""
    return {
        each.relative_to(folder).as_posix(): None if each.is_dir() else each.read_bytes()
        for each in sorted(folder.rglob("*"))
    }


def write(folder: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    for name, data in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
