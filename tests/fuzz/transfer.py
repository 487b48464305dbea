"""Targets: what the other end of a direct link or of a transfer sends: frames, lists of files, names."""

import itertools

import msgspec

from burrowspace.core import frames, manifest, names
from burrowspace.core.errors import BurrowError
from burrowspace.core.layout import Layout
from burrowspace.core.pack import UNKNOWN, Row
from burrowspace.core.sealing import BLOCK, Suite
from tests.fuzz.target import Target, is_tame, pieces, text

KEY = bytes(range(32))
HELLO = frames.client_hello(bytes(16), bytes(32))
_NEVER = '/\\<>:"|?*\0\x1b\r\n\t\x7f'
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789")}


def frame(data: bytes) -> object:
    """One piece or many, the same frames come out; and no more is held than one frame."""
    whole = _frames([data])
    assert _frames(pieces(data)) == whole
    return [(kind, len(body)) for kind, body in whole[0]], whole[1]


def _frames(parts: list[bytes]) -> tuple[list[tuple[str, bytes]], bool]:
    parser, found, broken = frames.Parser(), [], False
    try:
        for part in parts:
            for kind, body in parser.feed(part):
                found.append((kind.name, bytes(body)))
            assert parser.waiting <= frames.BLOCK_BODY_MOST + frames.HEADER_BYTES
    except BurrowError:
        broken = True
    return found, broken


def greeting(data: bytes) -> object:
    """Nobody gets through the greeting of a link without its key."""
    for step in (
        lambda: frames.client_proof(KEY, HELLO, data),
        lambda: frames.server_keys(KEY, HELLO, frames.server_hello(KEY, HELLO, bytes(32)), data),
        lambda: frames.Controls(KEY, KEY[::-1]).open(data),
    ):
        try:
            step()
        except BurrowError:
            continue
        raise AssertionError("a stranger was let in")
    return frames.parse_client_hello(data).hex()


def listing(data: bytes) -> object:
    found = manifest.parse(data)
    assert manifest.parse(manifest.encode(found)) == found
    offered = [(each.path, each.kind == "folder") for each in found.entries]
    _check_paths(offered, names.safe_paths(offered))
    size = found.pack_size
    if size is not None:
        row = Row([each.size or 0 for each in found.files])
        assert row.size == size
        layout = Layout(Suite.A256GCM, max(1, len(data)), size)
        assert layout.position_at(layout.sealed_size or 0) == (layout.positions, 0)
    return msgspec.to_builtins(found)


def _check_paths(offered: list[tuple[tuple[str, ...], bool]], paths: list[tuple[str, ...]]) -> None:
    """Safe, below the folder that they are written in, and no two meet, but for folders that clean to one name."""
    assert len(paths) == len(offered)
    like = [tuple(map(names.alike, path)) for path in paths]
    files = [each for each, (_, is_folder) in zip(like, offered, strict=True) if not is_folder]
    folders = {each for each, (_, is_folder) in zip(like, offered, strict=True) if is_folder}
    assert len(set(files)) == len(files)
    assert not folders & set(files)
    for path in paths:
        assert 1 <= len(path) <= names.PATH_PARTS
        assert all(_is_safe(part) for part in path), path


def _is_safe(name: str) -> bool:
    return (
        0 < len(name.encode()) <= names.NAME_BYTES
        and name not in (".", "..")
        and not any(each in _NEVER for each in name)
        and is_tame(name)
        and name.split(".", 1)[0].strip().lower() not in _RESERVED
        and name == name.strip(" ").rstrip(". ")
    )


def name(data: bytes) -> object:
    offered = text(data)
    safe = names.safe_name(offered)
    assert _is_safe(safe), safe
    assert names.safe_name(safe) == safe
    header = names.attachment(safe)
    assert header.isascii()
    assert header.isprintable()
    line = names.shown(offered)
    assert len(line) <= 80
    assert is_tame(line)
    path = names.safe_path(offered.split("/"))
    assert all(map(_is_safe, path))
    assert len("/".join(path).encode()) <= names.PATH_BYTES
    number = 2 + len(offered) % 1000
    assert _is_safe(names.numbered(safe, number)), names.numbered(safe, number)
    return {"safe": safe, "path": list(path), "shown": line}


def user(data: bytes) -> object:
    kept = names.user_id(text(data))
    assert 1 <= len(kept) <= names.ID_CHARS
    assert "\n" not in kept
    assert "\x1b" not in kept
    return kept


def pack(data: bytes) -> object:
    """Sizes and a range from the input: the pieces cover the range exactly, in order."""
    numbers = [int.from_bytes(data[at : at + 3], "big") for at in range(0, min(len(data), 300), 3)]
    if len(numbers) < 3:
        return None
    sizes = [each % 5000 for each in numbers[2:]]
    row = Row(sizes)
    at = numbers[0] % (row.content + 1)
    upto = min(row.content, at + numbers[1] % (2 * BLOCK))
    covered, files = 0, []
    for file, offset, begin, end in row.pieces(at, upto):
        assert begin == covered
        assert 0 <= offset <= sizes[file]
        assert offset + end - begin <= sizes[file]
        assert row.starts[file] + offset == at + begin
        covered = end
        files.append(file)
    assert covered == upto - at or at == upto
    assert all(one < two for one, two in itertools.pairwise(files))
    assert row.content < UNKNOWN
    return [list(each) for each in row.pieces(at, upto)]


TARGETS = (
    Target("frame", "transfer", frame, "frames on a direct link", 8192),
    Target("greeting", "transfer", greeting, "the greeting of a direct link", 256),
    Target("manifest", "transfer", listing, "lists of files, and the paths made of them", 8192),
    Target("name", "transfer", name, "file names and paths", 4096),
    Target("user", "transfer", user, "user ids", 512),
    Target("pack", "transfer", pack, "where files lie in a pack", 400),
)
