"""A mover sleeps when nothing moves, and what is asked of one that has ended ends, too."""

import asyncio
import os
import socket

import pytest

from burrowspace.server.bulk.mover import Flow, Mover, Need

pytestmark = pytest.mark.anyio


class Waiting(Flow):
    """A flow that waits for its lane for ever."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self.stepped = asyncio.Event()

    def step(self) -> Need:
        self.loop.call_soon_threadsafe(self.stepped.set)
        return Need.LANE


async def ready(mover: Mover) -> int:
    """How many flows keep its thread awake."""
    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    loop = told.get_loop()

    def tell() -> None:
        loop.call_soon_threadsafe(told.set_result, len(mover.ready))

    mover.call(tell)
    return await told


async def test_a_flow_that_is_woken_after_its_end_is_let_go() -> None:
    mover = Mover("bulk-test", 30.0, 0, 60.0)
    mover.start()
    one, other = socket.socketpair()
    try:
        flow = Waiting(one.fileno())
        mover.add(flow)
        await flow.stepped.wait()

        def end_and_wake() -> None:
            """As when a reader leaves in the very turn in which its writer brings something."""
            mover.end(flow, ConnectionResetError())
            mover.ready.add(flow)

        mover.call(end_and_wake)
        with pytest.raises(ConnectionResetError):
            await flow.done
        async with asyncio.timeout(20):
            while await ready(mover):
                pass
    finally:
        mover.close()
        await asyncio.to_thread(mover.join, 5)
        one.close()
        other.close()


async def test_a_mover_that_has_ended_writes_to_no_descriptor_of_others_and_ends_what_comes() -> None:
    mover = Mover("bulk-test", 30.0, 0, 60.0)
    mover.start()
    mover.close()
    await asyncio.to_thread(mover.join, 5)
    pipes = [os.pipe() for _ in range(20)]  # some of these have the numbers that the mover had
    one, other = socket.socketpair()
    try:
        flow = Waiting(one.fileno())
        mover.add(flow)
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionAbortedError):
                await flow.done
        mover.stop(flow, ConnectionResetError())
        assert await ready(mover) == 0
        for reading, _ in pipes:
            os.set_blocking(reading, False)
            with pytest.raises(BlockingIOError):
                os.read(reading, 8)
    finally:
        for each in (pipe for pair in pipes for pipe in pair):
            os.close(each)
        one.close()
        other.close()
