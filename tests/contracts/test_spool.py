"""The contract of the Spool port, run for every adapter."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burrowspace.adapters.spool_disk import DiskSpool
from burrowspace.core.errors import Damaged, NoSpace, NotFound, Removed, WrongOffset
from burrowspace.core.spooling import Policy
from burrowspace.ports import Spool
from burrowspace.server.driver.lane import Reader
from burrowspace.server.driver.lanes import Lanes

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
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_row_of_appends_reads_back_as_their_sum(spool: Spool, pieces: list[bytes]):
    await spool.drop(KEY)
    size = 0
    for piece in pieces:
        size = await spool.append(KEY, size, piece)
    assert size == sum(map(len, pieces))
    if pieces:
        assert await whole(spool) == b"".join(pieces)


# With lanes on top: one writer, many readers, and how far each may go


@pytest.fixture
def lanes(spool: Spool) -> Lanes:
    return Lanes(spool, window=100)


async def read_all(reader: Reader, stop: int | None = None, patience_s: float = 5) -> bytes:
    try:
        return b"".join([piece async for piece in reader.pieces(stop, patience_s)])
    finally:
        reader.close()


async def test_a_key_may_begin_at_a_later_block(spool: Spool):
    await spool.begin(KEY, 1000)
    assert (await spool.size(KEY), await spool.first(KEY)) == (1000, 1000)
    with pytest.raises(WrongOffset):
        await spool.append(KEY, 0, b"x")
    await spool.append(KEY, 1000, b"abc")
    assert await whole(spool, offset=1000) == b"abc"
    assert await spool.keys() == [KEY]
    await spool.begin(KEY)
    assert (await spool.size(KEY), await spool.first(KEY)) == (0, 0)


async def test_what_is_given_back_is_gone_and_the_rest_and_the_size_stay(spool: Spool):
    data = bytes(range(256)) * 1000
    await spool.append(KEY, 0, data)
    await spool.give_back(KEY, 100_001)
    assert (await spool.size(KEY), await spool.first(KEY)) == (len(data), 100_001)
    assert await whole(spool, offset=100_001) == data[100_001:]
    await spool.give_back(KEY, 5)
    assert await spool.first(KEY) == 100_001
    assert await spool.append(KEY, len(data), b"more") == len(data) + 4


async def test_the_kernel_and_append_write_the_same_key(spool: Spool):
    await spool.begin(KEY)
    file = await spool.descriptor(KEY)
    if file is not None:
        os.pwrite(file, b"by the kernel", 0)
        os.close(file)
        assert await spool.append(KEY, 13, b", by hand") == 22
        assert await whole(spool) == b"by the kernel, by hand"
    with pytest.raises(NotFound):
        await spool.descriptor("f" * 32)


async def test_a_key_whose_sync_failed_is_poisoned_until_it_is_dropped(spool: Spool, monkeypatch):
    def fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    await spool.append(KEY, 0, b"x")
    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(Damaged):
        await spool.sync(KEY)
    monkeypatch.undo()
    for ask in (spool.sync(KEY), spool.append(KEY, 1, b"y"), spool.descriptor(KEY)):
        with pytest.raises(Damaged):
            await ask
    await spool.drop(KEY)
    await spool.append(KEY, 0, b"z")
    assert await spool.sync(KEY) == 1


@pytest.mark.parametrize("readers", [1, 2, 12, 100])
async def test_any_number_of_readers_follow_one_writer_to_its_end(lanes: Lanes, readers: int):
    data = bytes(range(256)) * 40
    lane = await lanes.begin(KEY, 0, Policy.REST, None)
    following = [asyncio.create_task(read_all(lane.reader(0))) for _ in range(readers)]
    for at in range(0, len(data), 1000):
        await lane.append(data[at : at + 1000])
        following.append(asyncio.create_task(read_all(lane.reader(at))))
    lane.finish()
    got = await asyncio.gather(*following)
    assert all(data.endswith(each) and each for each in got)
    assert got[:readers] == [data] * readers
    lane.leave()
    assert lanes.find(KEY) is None


async def test_a_live_writer_waits_for_its_slowest_reader(lanes: Lanes):
    lane = await lanes.begin(KEY, 0, Policy.LIVE, None)
    quick, slow = lane.reader(0), lane.reader(0)
    writing = asyncio.create_task(lane.append(bytes(250)))
    assert len(await read_all(quick, 100)) == 100
    assert (lane.size, writing.done()) == (100, False)
    assert len(await read_all(slow, 60)) == 60
    reader = lane.reader(60)
    rest = asyncio.create_task(read_all(reader))
    await writing
    lane.finish()
    assert len(await rest) == 190


async def test_a_live_lane_comes_to_rest_in_mid_stream_and_loses_nothing(lanes: Lanes, spool: Spool):
    data = bytes(range(250)) * 8
    lane = await lanes.begin(KEY, 0, Policy.LIVE_THEN_REST, None)
    reader = lane.reader(0)
    writing = asyncio.create_task(lane.append(data))
    pieces = reader.pieces(None, 5)
    got = await anext(pieces)
    assert not writing.done()
    await pieces.aclose()
    reader.close()
    await writing
    lane.finish()
    assert got + await read_all(lane.reader(len(got))) == data
    assert await whole(spool) == data


async def test_the_owner_may_let_a_live_lane_rest(lanes: Lanes):
    lane = await lanes.begin(KEY, 0, Policy.LIVE, None)
    writing = asyncio.create_task(lane.append(bytes(500)))
    await asyncio.sleep(0)
    assert not writing.done()
    lane.allow(Policy.REST)
    await writing
    assert lane.size == 500


async def test_readers_of_an_abandoned_upload_are_told_and_nobody_writes_on(lanes: Lanes):
    lane = await lanes.begin(KEY, 0, Policy.REST, None)
    await lane.append(b"half")
    reading = asyncio.create_task(read_all(lane.reader(0)))
    await asyncio.sleep(0)
    lane.abandon()
    with pytest.raises(Removed):
        await reading
    with pytest.raises(Removed):
        await lane.append(b"more")


async def test_a_writer_that_comes_back_finds_its_readers_waiting(lanes: Lanes):
    lane = await lanes.begin(KEY, 0, Policy.REST, None)
    await lane.append(b"first, ")
    reading = asyncio.create_task(read_all(lane.reader(0)))
    lane.leave()
    again = await lanes.resume(KEY, Policy.REST, None)
    assert again is lane
    await again.append(b"then")
    again.finish()
    assert await reading == b"first, then"
    again.leave()
    later = await lanes.resume(KEY, Policy.REST, None)
    assert (later is not lane, later.size) == (True, 11)


async def test_a_reader_does_not_wait_for_ever(lanes: Lanes):
    lane = await lanes.begin(KEY, 0, Policy.REST, None)
    with pytest.raises(Removed):
        await read_all(lane.reader(0), patience_s=0.01)
    assert not await lanes.opened("f" * 32, 0.01)


async def test_bytes_given_back_by_several_at_once_stay_given_back(spool: Spool):
    await spool.append(KEY, 0, bytes(1 << 20))
    await asyncio.gather(*(spool.give_back(KEY, upto) for upto in range(1, 200)))
    assert await spool.first(KEY) == 199
