"""The contract of the State port, run for every adapter."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from burrowspace.adapters.state_postgres import open_postgres
from burrowspace.adapters.state_sqlite import open_sqlite
from burrowspace.core.records import Meta, Notice, Peer, Relay, Transfer, Upload
from burrowspace.core.spooling import Policy
from burrowspace.core.transfer import Mode, TransferState
from burrowspace.ports import Rows, State

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], State]:
    """Opens the database of this test, again and again."""
    if request.param == "sqlite":
        return lambda: open_sqlite(tmp_path / "state.db")
    url = request.getfixturevalue("postgres").database()
    return lambda: open_postgres(url)


@pytest.fixture
async def state(opened: Callable[[], State]):
    state = opened()
    yield state
    await state.close()


def peer(peer_id: str = "a" * 32, **changes: object) -> Peer:
    made = Peer(peer_id, "ann", "0" * 64, False, 10.5, 11.25, False, -1)
    return msgspec.structs.replace(made, **changes)


async def test_what_was_put_is_found_again_field_by_field(state: State):
    transfer = Transfer(
        "b" * 32,
        "c" * 32,
        "ann",
        "bob ☃",
        "füñ.txt",
        TransferState.TRANSFERRING,
        41.5,
        Mode.RELAY,
        1 << 40,
        1.5,
        None,
        9.0,
    )
    await state.write(lambda rows: rows.put(transfer))
    assert await state.read(lambda rows: rows.get(Transfer, "b" * 32)) == transfer


async def test_none_is_a_value_to_look_for(state: State):
    relay = Relay("a" * 32, "b" * 32, "c" * 32, None, 1.0, 1.0, 0, 0)
    other = msgspec.structs.replace(relay, session_id="d" * 32, transfer_id="e" * 32)
    await state.write(lambda rows: (rows.put(relay), rows.put(other)))
    assert await state.read(lambda rows: rows.find(Relay, transfer_id=None)) == [relay]
    assert await state.read(lambda rows: rows.count(Relay, opener_id="b" * 32, transfer_id=None)) == 1
    assert await state.read(lambda rows: rows.find(Relay, transfer_id="e" * 32)) == [other]
    assert await state.write(lambda rows: rows.drop(Relay, transfer_id=None)) == 1
    assert await state.read(lambda rows: rows.find(Relay)) == [other]


async def test_put_replaces(state: State):
    await state.write(lambda rows: rows.put(peer()))
    await state.write(lambda rows: rows.put(peer(gone=True)))
    assert await state.read(lambda rows: rows.find(Peer)) == [peer(gone=True)]


async def test_get_of_an_unknown_id_is_none(state: State):
    assert await state.read(lambda rows: rows.get(Peer, "nobody")) is None


async def test_find_compares_orders_and_limits(state: State):
    def fill(rows: Rows) -> None:
        for n in range(5):
            rows.put(peer(f"{n:032x}", last_seen=float(n)))

    await state.write(fill)
    found = await state.read(lambda rows: rows.find(Peer, last_seen__gt=0.0, last_seen__lt=4.0, order="-last_seen"))
    assert [p.last_seen for p in found] == [3.0, 2.0, 1.0]
    assert len(await state.read(lambda rows: rows.find(Peer, limit=2))) == 2
    some = [f"{n:032x}" for n in (1, 3)]
    assert await state.read(lambda rows: rows.count(Peer, peer_id__in=some)) == 2
    assert await state.write(lambda rows: rows.drop(Peer, peer_id__in=some)) == 2
    assert await state.read(lambda rows: rows.count(Peer)) == 3


async def test_notices_are_numbered_and_numbers_are_never_used_again(state: State):
    def note(rows: Rows) -> int:
        return rows.put(Notice(0, "ann", "e", "{}", "s", 1.0)).number

    first, second = await state.write(note), await state.write(note)
    assert 0 < first < second
    await state.write(lambda rows: rows.drop(Notice, number=second))
    assert await state.write(note) > second


async def test_a_function_that_raises_changes_nothing_and_its_error_arrives(state: State):
    def change(rows: Rows) -> None:
        rows.put(peer())
        raise KeyError("on purpose")

    with pytest.raises(KeyError, match="on purpose"):
        await state.write(change)
    assert await state.read(lambda rows: rows.count(Peer)) == 0


async def test_a_failure_does_not_touch_the_writes_that_share_its_commit(state: State):
    def bad(rows: Rows) -> None:
        rows.put(peer("f" * 32))
        raise ValueError

    def good(n: int):
        return lambda rows: rows.put(peer(f"{n:032x}"))

    results = await asyncio.gather(
        *(state.write(good(n)) for n in range(50)),
        state.write(bad),
        *(state.write(good(n)) for n in range(50, 99)),
        return_exceptions=True,
    )
    assert [type(r) for r in results if isinstance(r, Exception)] == [ValueError]
    assert await state.read(lambda rows: rows.count(Peer)) == 99


async def test_writes_see_each_other_in_order(state: State):
    def more(rows: Rows) -> None:
        held = rows.get(Meta, "count")
        rows.put(Meta("count", str(int(held.value) + 1 if held else 1)))

    await asyncio.gather(*(state.write(more) for _ in range(200)))
    counted = await state.read(lambda rows: rows.get(Meta, "count"))
    assert counted == Meta("count", "200")


async def test_it_is_all_there_after_it_was_opened_again(opened: Callable[[], State]):
    state = opened()
    await state.write(lambda rows: rows.put(peer()))
    await state.close()
    again = opened()
    assert await again.read(lambda rows: rows.get(Peer, "a" * 32)) == peer()
    await again.close()


async def test_total_sums_a_field_over_what_find_would_find(state: State):
    def upload(key: str, user: str, reserved: int) -> Upload:
        return Upload(key, user, None, reserved, None, Policy.REST, True, False, 0.0, 1.0)

    def change(rows: Rows) -> tuple[int, int, int]:
        for number, user in enumerate(("ann", "ann", "bob")):
            rows.put(upload(f"{number:032x}", user, 1 << (40 + number)))
        return rows.total(Upload, "reserved", user_id="ann"), rows.total(Upload, "reserved"), 0

    assert await state.write(change) == (3 << 40, 7 << 40, 0)
    assert await state.read(lambda rows: rows.total(Upload, "reserved", user_id="nobody")) == 0
