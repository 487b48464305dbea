"""The contract of the Spool port, run for every adapter."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burrowspace.adapters.spool_disk import DiskSpool
from burrowspace.core.errors import NoSpace, NotFound, WrongOffset
from burrowspace.ports import Spool

pytestmark = pytest.mark.anyio
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(params=["disk"])
async def spool(tmp_path: Path):
    spool = DiskSpool(tmp_path)
    yield spool
    await spool.close()


async def whole(spool: Spool, key: str = KEY, offset: int = 0, limit: int | None = None) -> bytes:
    return b"".join([piece async for piece in spool.read(key, offset, limit)])


async def test_what_was_appended_is_read_back(spool: Spool):
    assert await spool.append(KEY, 0, b"hello ") == 6
    assert await spool.append(KEY, 6, b"world") == 11
    assert await spool.size(KEY) == 11
    assert await whole(spool) == b"hello world"
    assert await whole(spool, offset=6) == b"world"
    assert await whole(spool, offset=2, limit=3) == b"llo"


async def test_a_file_larger_than_any_buffer_is_read_in_pieces(spool: Spool):
    data = bytes(range(256)) * 8192
    await spool.append(KEY, 0, data)
    assert await whole(spool) == data
    assert len([piece async for piece in spool.read(KEY)]) > 1


@pytest.mark.parametrize("offset", [1, 3, 5, 7, 1 << 40])
async def test_a_hole_or_a_second_write_is_refused_and_says_where_to_go_on(spool: Spool, offset: int):
    if offset != 1:
        await spool.append(KEY, 0, b"1234")
    held = 0 if offset == 1 else 4
    with pytest.raises(WrongOffset) as refused:
        await spool.append(KEY, offset, b"x")
    assert refused.value.held == held
    if held:
        assert await whole(spool) == b"1234"


async def test_an_unknown_key_is_not_found(spool: Spool):
    for ask in (spool.size(KEY), spool.sync(KEY), spool.cut(KEY, 0), whole(spool)):
        with pytest.raises(NotFound):
            await ask
    assert await spool.drop(KEY) is False


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "A" * 32, KEY + "/..", KEY + "-", KEY + "-UP", KEY + "\n"])
async def test_a_key_that_is_none_of_ours_is_nowhere(spool: Spool, key: str):
    with pytest.raises(NotFound):
        await spool.append(key, 0, b"x")
    with pytest.raises(NotFound):
        await spool.size(key)


async def test_dropped_is_gone_and_the_key_can_be_used_again(spool: Spool):
    await spool.append(KEY, 0, b"old")
    assert await spool.drop(KEY) is True
    with pytest.raises(NotFound):
        await spool.size(KEY)
    await spool.append(KEY, 0, b"new")
    assert await whole(spool) == b"new"


async def test_cut_forgets_the_tail(spool: Spool):
    await spool.append(KEY, 0, b"123456")
    await spool.cut(KEY, 4)
    assert await whole(spool) == b"1234"
    assert await spool.append(KEY, 4, b"x") == 5


async def test_sync_says_what_is_durable_and_keys_lists_what_is_held(spool: Spool):
    await spool.append(KEY, 0, b"123")
    await spool.append(KEY + "-target", 0, b"4")
    assert await spool.sync(KEY) == 3
    assert await spool.keys() == [KEY, KEY + "-target"]


async def test_an_empty_file_can_be_held(spool: Spool):
    assert await spool.append(KEY, 0, b"") == 0
    assert await spool.size(KEY) == 0
    assert await whole(spool) == b""


async def test_the_floor_of_free_space_is_kept(tmp_path: Path):
    spool = DiskSpool(tmp_path, floor_bytes=1 << 60)
    with pytest.raises(NoSpace):
        await spool.append(KEY, 0, b"x")
    with pytest.raises(NotFound):
        await spool.size(KEY)
    await spool.close()


@given(pieces=st.lists(st.binary(max_size=2000), max_size=12))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_any_row_of_appends_reads_back_as_their_sum(spool: Spool, pieces: list[bytes]):
    await spool.drop(KEY)
    size = 0
    for piece in pieces:
        size = await spool.append(KEY, size, piece)
    assert size == sum(map(len, pieces))
    if pieces:
        assert await whole(spool) == b"".join(pieces)
