"""What holds when several servers share one database: State twice, on one PostgreSQL."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest

from burrowspace.adapters import state_postgres
from burrowspace.adapters.sql_rows import Undeclared
from burrowspace.adapters.state_postgres import PostgresState, open_postgres
from burrowspace.core.errors import BadRequest, TooMany, Unavailable
from burrowspace.core.records import Claim, Mailbox, Message, Meta, Notice, Upload
from burrowspace.core.spooling import Policy
from burrowspace.faults import CannotStart
from burrowspace.ports import Rows
from tests.postgres import Postgres

pytestmark = pytest.mark.anyio

ROUNDS = 300


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.database()


@pytest.fixture
async def states(url: str) -> AsyncIterator[tuple[PostgresState, PostgresState]]:
    one, other = open_postgres(url), open_postgres(url)
    yield one, other
    await one.close()
    await other.close()


Two = tuple[PostgresState, PostgresState]


async def test_one_of_two_who_claim_the_same_gets_it(states: Two) -> None:
    def claim(number: int, who: str) -> Callable[[Rows], bool]:
        def change(rows: Rows) -> bool:
            if rows.get(Claim, f"{number}") is not None:
                return False
            rows.put(Claim(f"{number}", "7", number, who * 32))
            return True

        return change

    for number in range(ROUNDS):
        won = await asyncio.gather(*(state.write(claim(number, who)) for state, who in zip(states, "ab", strict=True)))
        assert sorted(won) == [False, True]
    assert await states[0].read(lambda rows: rows.count(Claim)) == ROUNDS


async def test_two_never_reserve_more_than_there_is(states: Two) -> None:
    def reserve(key: str) -> Callable[[Rows], None]:
        def change(rows: Rows) -> None:
            if rows.total(Upload, "reserved", user_id="ann") >= 10:
                raise TooMany("full", 1.0)
            rows.put(Upload(key, "ann", None, 1, None, Policy.REST, True, False, 0.0, 1.0))

        return change

    asked = [state.write(reserve(f"{n:031x}{at}")) for n in range(40) for at, state in enumerate(states)]
    said = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(each is None for each in said) == 10
    assert all(each is None or isinstance(each, TooMany) for each in said)
    assert await states[1].read(lambda rows: rows.total(Upload, "reserved")) == 10


async def test_whoever_has_seen_a_notice_has_seen_all_before_it(states: Two) -> None:
    """A device confirms the highest number that it has heard: a lower one that comes later would never be told."""
    ended = asyncio.Event()
    seen: list[list[int]] = []

    async def watch() -> None:
        while not ended.is_set():
            seen.append(await states[0].read(lambda rows: [n.number for n in rows.find(Notice, order="number")]))

    async def write(state: PostgresState) -> None:
        for _ in range(ROUNDS):
            await state.write(lambda rows: rows.put(Notice(0, "ann", "e", "{}", "s", 1.0)))

    watching = asyncio.create_task(watch())
    await asyncio.gather(*map(write, states))
    ended.set()
    await watching
    everything = await states[1].read(lambda rows: [n.number for n in rows.find(Notice, order="number")])
    assert len(everything) == 2 * ROUNDS
    for numbers in seen:
        assert numbers == everything[: len(numbers)]


async def test_what_one_wrote_the_other_reads_at_once(states: Two) -> None:
    for n in range(ROUNDS):
        writer, reader = states[n % 2], states[1 - n % 2]
        await writer.write(lambda rows, n=n: rows.put(Meta("count", str(n))))  # type: ignore[misc]
        assert await reader.read(lambda rows: rows.get(Meta, "count")) == Meta("count", str(n))


async def test_a_question_sees_one_moment(states: Two) -> None:
    """However many looks it takes."""
    reader, writer = states
    looked, written = threading.Event(), threading.Event()

    def ask(rows: Rows) -> tuple[int, int]:
        before = rows.count(Meta)
        looked.set()
        assert written.wait(20)
        return before, rows.count(Meta)

    asked = asyncio.create_task(reader.read(ask))
    await asyncio.to_thread(looked.wait, 20)
    await writer.write(lambda rows: rows.put(Meta("new", "1")))
    written.set()
    assert await asked == (0, 0)


async def test_changes_about_different_things_do_not_wait_for_each_other(states: Two) -> None:
    inside, let_go = threading.Event(), threading.Event()

    def slow(rows: Rows) -> None:
        rows.put(Mailbox("a" * 32, None, 0, 0, 0, 0.0, 1.0))
        inside.set()
        assert let_go.wait(20)

    held = asyncio.create_task(states[0].write(slow, about=[f"mailbox:{'a' * 32}"]))
    await asyncio.to_thread(inside.wait, 20)
    put = Mailbox("b" * 32, None, 0, 0, 0, 0.0, 1.0)
    assert await states[1].write(lambda rows: rows.put(put), about=[f"mailbox:{'b' * 32}"]) == put
    same = asyncio.create_task(states[1].write(lambda rows: rows.count(Mailbox), about=[f"mailbox:{'a' * 32}"]))
    all_of_it = asyncio.create_task(states[1].write(lambda rows: rows.count(Mailbox)))
    assert not held.done()
    let_go.set()
    await held
    assert await same == await all_of_it == 2


async def test_a_change_that_touches_what_it_has_not_named_is_a_fault(states: Two) -> None:
    for touch in (
        lambda rows: rows.put(Meta("a", "b")),
        lambda rows: rows.get(Meta, "a"),
        lambda rows: rows.find(Meta),
        lambda rows: rows.count(Meta),
        lambda rows: rows.total(Upload, "reserved"),
        lambda rows: rows.drop(Meta, name="a"),
    ):
        with pytest.raises(Undeclared, match="which none of its keys allows"):
            await states[0].write(touch, about=["mailbox:1"])
    with pytest.raises(KeyError):
        await states[0].write(lambda rows: rows.count(Message), about=["nothing:1"])
    assert await states[0].write(lambda rows: rows.count(Meta)) == 0


def kill_all(postgres: Postgres, url: str) -> int:
    """Ends every connection that a State holds to the database; how many there were."""
    name = url.rpartition("/")[2]
    return len(
        postgres.say(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name = %s",
            name,
            "burrowspace",
        )
    )


async def test_connections_that_are_ended_lose_nothing_and_double_nothing(
    states: Two, postgres: Postgres, url: str
) -> None:
    """Wherever in a transaction it hits: each write that was answered is there, once."""
    answered: list[int] = []
    ended = asyncio.Event()

    async def write(at: int) -> None:
        number = at
        while not ended.is_set():

            def change(rows: Rows, number: int = number) -> None:
                assert rows.get(Meta, f"{number}") is None  # it would have been committed, and run again
                rows.put(Meta(f"{number}", "1"))

            await states[at % 2].write(change)
            answered.append(number)
            number += 8

    writers = [asyncio.create_task(write(at)) for at in range(8)]
    killed = 0
    for _ in range(100):
        had = len(answered)
        killed += await asyncio.to_thread(kill_all, postgres, url)
        while len(answered) < had + 8 and not any(each.done() for each in writers):
            await asyncio.sleep(0)
    ended.set()
    await asyncio.gather(*writers)
    assert killed >= 50
    assert sorted(answered) == sorted(
        int(meta.name) for meta in await states[0].read(lambda rows: rows.find(Meta, limit=1_000_000))
    )


async def test_a_server_alone_with_its_database_keeps_others_out(url: str) -> None:
    one = open_postgres(url, alone=True)
    await one.write(lambda rows: rows.put(Meta("a", "1")))
    with pytest.raises(CannotStart, match="another BurrowSpace server uses it; stop that server"):
        open_postgres(url, alone=True)
    await one.close()
    await open_postgres(url, alone=True).close()


async def test_a_server_that_lost_its_database_to_another_ends(url: str, postgres: Postgres) -> None:
    """For instance one that was cut off from the network."""
    one = open_postgres(url, alone=True)
    await one.write(lambda rows: rows.put(Meta("a", "1")))
    await asyncio.to_thread(kill_all, postgres, url)
    other = open_postgres(url, alone=True)
    await other.write(lambda rows: rows.put(Meta("a", "2")))
    with pytest.raises(Unavailable, match="another BurrowSpace server uses it"):
        await one.write(lambda rows: rows.put(Meta("a", "3")))
    assert "another BurrowSpace server uses it; stop that server" in await one.broken()
    assert await other.read(lambda rows: rows.get(Meta, "a")) == Meta("a", "2")
    await one.close()
    await other.close()


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("mysql://a@127.0.0.1/b", "BURROW_DATABASE_URL cannot be read; it looks like postgresql://"),
        ("postgresql:/a", "BURROW_DATABASE_URL cannot be read"),
        ("rubbish", "BURROW_DATABASE_URL cannot be read"),
        ("postgresql://ann:hunter2@127.0.0.1:1/none", "it does not answer; check that PostgreSQL runs"),
        ("postgresql://ann:hunter2@[::1/none", "BURROW_DATABASE_URL cannot be read"),
        ("postgresql://ann:hunter2@127.0.0.1/none?sslmode=maybe", "cannot be used"),
    ],
)
def test_a_database_that_cannot_be_opened_is_said_without_its_password(named: str, said: str) -> None:
    with pytest.raises(CannotStart) as refusal:
        open_postgres(named)
    assert said in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_database_that_is_not_there_and_a_user_who_may_not_are_said(postgres: Postgres, url: str) -> None:
    with pytest.raises(CannotStart, match="there is no database of that name; make it with createdb"):
        open_postgres(postgres.url("nobodys"))
    postgres.say("CREATE ROLE stranger LOGIN")
    with pytest.raises(CannotStart, match="its tables belong to another user"):
        open_postgres(url.replace("burrow@", "stranger@"))


async def test_text_that_postgresql_cannot_hold_is_refused_and_harms_no_other(states: Two) -> None:
    said = await asyncio.gather(
        states[0].write(lambda rows: rows.put(Meta("a", "1"))),
        states[0].write(lambda rows: rows.put(Meta("b\0", "2"))),
        states[0].read(lambda rows: rows.get(Meta, "\0")),
        states[0].read(lambda rows: rows.count(Upload)),
        return_exceptions=True,
    )
    assert [type(each) for each in said] == [Meta, BadRequest, BadRequest, int]
    assert await states[1].read(lambda rows: rows.find(Meta)) == [Meta("a", "1")]


class Cut:
    """Breaks the connection of a State around its next COMMIT: before the database hears it, or before it answers."""

    def __init__(self, state: PostgresState, *, heard: bool) -> None:
        import sqlalchemy as sa

        self._heard, self.done = heard, 0

        @sa.event.listens_for(state._engine, "commit")
        def commit(connection: sa.Connection) -> None:
            if self.done:
                return
            self.done = 1
            raw = connection.connection.dbapi_connection
            assert isinstance(raw, psycopg.Connection)
            if heard:
                raw.commit()
            with contextlib.suppress(psycopg.Error):
                raw.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.parametrize("heard", [False, True])
async def test_a_commit_without_an_answer_is_looked_up(states: Two, heard: bool) -> None:
    ran = 0

    def change(rows: Rows) -> int:
        nonlocal ran
        ran += 1
        return rows.put(Notice(0, "ann", "e", "{}", "s", 1.0)).number

    cut = Cut(states[0], heard=heard)
    number = await states[0].write(change)
    assert cut.done
    assert ran == (1 if heard else 2)
    assert [n.number for n in await states[1].read(lambda rows: rows.find(Notice))] == [number]


async def test_a_database_that_restarts_is_waited_for(states: Two, postgres: Postgres) -> None:
    await states[0].write(lambda rows: rows.put(Meta("a", "1")))
    await asyncio.to_thread(postgres.stop)
    writing = asyncio.create_task(states[0].write(lambda rows: rows.put(Meta("b", "2"))))
    reading = asyncio.create_task(states[1].read(lambda rows: rows.get(Meta, "a")))
    await asyncio.to_thread(postgres.start)
    assert await reading == Meta("a", "1")
    assert await writing == Meta("b", "2")


async def test_a_database_that_stays_away_is_said_and_then_refused_at_once(
    states: Two, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_postgres, "PATIENCE_S", 0.3)
    await asyncio.to_thread(postgres.stop)
    try:
        for _ in range(3):
            with pytest.raises(Unavailable, match="cannot use its database"):
                await states[0].write(lambda rows: rows.put(Meta("a", "1")))
    finally:
        await asyncio.to_thread(postgres.start)
    await states[0].write(lambda rows: rows.put(Meta("a", "1")))
    assert await states[1].read(lambda rows: rows.count(Meta)) == 1
