"""Positions, streams and offsets say the same thing, whichever is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core.errors import BadRequest, TooLarge
from burrowspace.core.layout import MANIFEST_BYTES, POSITIONS, Layout, blocks_of
from burrowspace.core.manifest import PACK_BYTES
from burrowspace.core.sealing import BLOCK, MANIFEST, PACK, Suite

near_blocks = st.builds(lambda n, d: max(0, n * BLOCK + d), st.integers(0, 5), st.integers(-2, 2))
packs = st.one_of(near_blocks, st.integers(0, PACK_BYTES))
manifests = st.one_of(near_blocks.filter(bool), st.integers(1, MANIFEST_BYTES))
layouts = st.builds(Layout, st.sampled_from(Suite), manifests, packs)


@given(layout=layouts, data=st.data())
def test_offset_and_position_are_each_others_inverse(layout: Layout, data: st.DataObject) -> None:
    assert layout.positions is not None
    assert layout.sealed_size is not None
    position = data.draw(st.integers(0, layout.positions - 1))
    offset, plain = layout.offset(position), layout.plain_size(position)
    assert plain is not None
    assert layout.position_at(offset) == (position, 0)
    assert layout.offset(position + 1) == offset + plain + layout.suite.overhead
    rest = data.draw(st.integers(0, plain + layout.suite.overhead - 1))
    assert layout.position_at(offset + rest) == (position, rest)
    assert layout.position_at(layout.sealed_size) == (layout.positions, 0)


@given(layout=layouts, data=st.data())
def test_exactly_the_last_block_of_a_stream_is_short(layout: Layout, data: st.DataObject) -> None:
    assert layout.positions is not None
    position = data.draw(st.integers(0, layout.positions - 1))
    end = position in (layout.manifest_blocks - 1, layout.positions - 1)
    assert layout.is_end(position) is end
    assert (layout.plain_size(position) == BLOCK) is not end
    sealed = layout.sealed_most(position)
    assert sealed == layout.offset(position + 1) - layout.offset(position)
    streamed = Layout(layout.suite, layout.manifest_size, None)
    for each in (layout, streamed):
        assert each.ends_with(position, sealed) is (position == layout.positions - 1)
    file, index = layout.where(position)
    assert position == index + (layout.manifest_blocks if file == PACK else 0)
    assert (file == MANIFEST) == (position < layout.manifest_blocks)


@given(suite=st.sampled_from(Suite), manifest=near_blocks.filter(bool), pack=near_blocks)
def test_a_small_row_adds_up(suite: Suite, manifest: int, pack: int) -> None:
    layout = Layout(suite, manifest, pack)
    assert layout.positions is not None
    rows = range(layout.positions)
    for file, size in ((MANIFEST, manifest), (PACK, pack)):
        assert sum(layout.plain_size(at) or 0 for at in rows if layout.where(at)[0] == file) == size
    assert layout.sealed_size == sum((layout.plain_size(at) or 0) + suite.overhead for at in rows)


@given(layout=layouts, data=st.data())
def test_an_unknown_pack_lies_as_it_will_once_it_is_known(layout: Layout, data: st.DataObject) -> None:
    assert layout.positions is not None
    streamed = Layout(layout.suite, layout.manifest_size, None)
    assert (streamed.positions, streamed.sealed_size) == (None, None)
    position = data.draw(st.integers(0, layout.positions - 1))
    assert streamed.where(position) == layout.where(position)
    assert streamed.offset(position) == layout.offset(position)
    assert streamed.position_at(layout.offset(position) + 1) == (position, 1)
    if layout.where(position)[0] == PACK:
        assert streamed.is_end(position) is streamed.plain_size(position) is None
    last = layout.positions - 1
    size = layout.plain_size(last)
    assert size is not None
    assert streamed.ended(last, size) == layout.ended(last, size) == layout


def test_an_end_that_contradicts_is_refused() -> None:
    known, streamed = Layout(Suite.A256GCM, 1, BLOCK + 5), Layout(Suite.A256GCM, 1, None)
    for layout, position, size in (
        (known, 1, 5),
        (known, 2, 4),
        (streamed, 0, 1),
        (streamed, 1, BLOCK),
        (known, 2, -1),
    ):
        with pytest.raises(BadRequest):
            layout.ended(position, size)


@pytest.mark.parametrize("suite", Suite)
def test_nothing_lies_outside(suite: Suite) -> None:
    layout = Layout(suite, 5, 5)
    for position in (-1, 2, 1 << 70):
        for asked in (layout.where, layout.plain_size, layout.is_end):
            with pytest.raises(BadRequest):
                asked(position)
    for position in (-1, 3):
        with pytest.raises(BadRequest):
            layout.offset(position)
    for offset in (-1, (layout.sealed_size or 0) + 1):
        with pytest.raises(BadRequest):
            layout.position_at(offset)
    streamed = Layout(suite, 5, None)
    with pytest.raises(BadRequest):
        streamed.where(POSITIONS)
    with pytest.raises(BadRequest):
        streamed.position_at(POSITIONS * suite.sealed + 1)


def test_sizes_that_no_transfer_has_are_refused() -> None:
    for manifest, pack in ((0, 0), (-1, 0), (MANIFEST_BYTES + 1, 0), (1, -1)):
        with pytest.raises(BadRequest):
            Layout(Suite.A256GCM, manifest, pack)
    with pytest.raises(TooLarge):
        Layout(Suite.A256GCM, 1, POSITIONS * BLOCK)
    largest = Layout(Suite.A256GCM, MANIFEST_BYTES, PACK_BYTES)
    assert largest.positions == POSITIONS
    with pytest.raises(TooLarge):
        Layout(Suite.A256GCM, MANIFEST_BYTES, PACK_BYTES + BLOCK)
    assert blocks_of(MANIFEST_BYTES) == 513
