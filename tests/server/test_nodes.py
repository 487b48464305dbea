"""Which nodes live, as one of them sees it: real rows, and a clock that stands until the test moves it."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from burrowspace.adapters.state_sqlite import open_sqlite
from burrowspace.core.records import Node
from burrowspace.ports import State
from burrowspace.server.driver.nodes import DEAD_S, Nodes

pytestmark = pytest.mark.anyio


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    state = open_sqlite(tmp_path / "burrowspace.db")
    yield state
    await state.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def one(state: State, clock: Clock) -> Nodes:
    return node("one", state, clock)


@pytest.fixture
def two(state: State, clock: Clock) -> Nodes:
    return node("two", state, clock)


def node(name: str, state: State, clock: Clock) -> Nodes:
    context: Any = SimpleNamespace(node=name, state=state)
    return Nodes(context, clock)


async def test_a_node_lives_until_it_has_shown_nothing_for_a_while(one: Nodes, two: Nodes, clock: Clock) -> None:
    await two.beat()
    await one.beat()
    clock.now += DEAD_S - 0.1
    assert one.lives("two")
    clock.now += 0.1
    assert not one.lives("two")
    await two.beat()
    await one.beat()
    assert one.lives("two")
    assert not one.lives("one")
    assert not one.lives(None)


async def test_a_node_that_began_after_the_last_look_lives(one: Nodes, two: Nodes) -> None:
    """Its peers were taken for gone for up to two seconds after its start."""
    await one.beat()
    await two.beat()
    assert one.lives("two")
    await one.beat()
    assert one.lives("two")


async def test_a_node_that_has_left_is_dead_from_the_next_look_on(one: Nodes, two: Nodes) -> None:
    await two.beat()
    await two.leave()
    assert one.lives("two")
    await one.beat()
    assert not one.lives("two")
    assert not one.lives("two")
    await two.beat()  # a node that was forgotten, not one that had ended
    await one.beat()
    assert one.lives("two")


async def test_a_node_that_is_heard_of_during_a_look_is_not_taken_for_dead(one: Nodes, state: State) -> None:
    write = state.write

    async def slow(change: Any, **more: Any) -> Any:
        found = await write(change, **more)
        await write(lambda rows: rows.put(Node("two", 1)))
        assert one.lives("two")
        return found

    state.write = slow  # type: ignore[method-assign]
    await one.beat()
    assert one.lives("two")


async def test_of_nodes_that_ended_long_ago_only_so_many_are_remembered(one: Nodes) -> None:
    for number in range(1500):
        one.lives(f"{number}")
    await one.beat()
    assert not any(one.lives(f"{number}") for number in range(500, 1500))
