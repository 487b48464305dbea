"""A leg's thread ends with its leg."""

import asyncio
import secrets
import time
from pathlib import Path

import pytest

from burrowspace.client.credit import CREDIT
from burrowspace.client.home import Home
from burrowspace.client.journal import Record
from burrowspace.client.options import Options
from burrowspace.client.sending import Sending
from burrowspace.client.source import Source
from burrowspace.core.sealing import BLOCK, SECRET_BYTES
from burrowspace.core.signals import Signal
from tests.e2e.served import served

pytestmark = pytest.mark.anyio


async def unheard(_: Signal) -> None:
    """Nobody is there."""


async def test_a_leg_that_is_dropped_before_anybody_followed_it_leaves_no_thread_behind(tmp_path: Path) -> None:
    film = tmp_path / "film.bin"
    film.write_bytes(bytes(2 * CREDIT * BLOCK))
    async with served(tmp_path / "data") as server:
        home = Home(server.url, state=tmp_path / "state")
        record = Record(role="send", transfer=secrets.token_hex(16), created=time.time())
        sending = Sending(
            server=home.server(),
            secret=secrets.token_bytes(SECRET_BYTES),
            transfer=bytes.fromhex(record.transfer),
            source=Source.from_paths([film]),
            journal=home.folders.create(record),
            options=Options(relay_only=True),
            own_name="",
            needs_meeting=False,
        )
        leg = await sending.legs.open(0, unheard, policy="live-then-rest", rests=False)
        writer = leg.writer
        assert writer is not None
        async with asyncio.timeout(20):
            while writer.position < CREDIT:
                await asyncio.sleep(0.01)  # it is a credit ahead, and waits for somebody
        await sending.legs.drop(leg)
        await asyncio.to_thread(writer.join, 10)
        assert not writer.is_alive()
        sending.source.close()
        sending.journal.close()
        await home.close()
