"""A segment's thread ends with its segment."""

import asyncio
import secrets
import time
from pathlib import Path

import pytest

from burrowspace.client.client_state import ClientState
from burrowspace.client.files.source import Source
from burrowspace.client.options import Options
from burrowspace.client.session.sender import Sender
from burrowspace.client.session.transfer import Transfer
from burrowspace.client.state.journal import Record
from burrowspace.core.credit import CREDIT
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
        state = ClientState(server.url, state=tmp_path / "state")
        record = Record(role="send", transfer=secrets.token_hex(16), created=time.time())
        sending = Sender(
            Transfer(),
            server=state.server(),
            secret=secrets.token_bytes(SECRET_BYTES),
            transfer=bytes.fromhex(record.transfer),
            source=Source.from_paths([film]),
            journal=state.folders.create(record),
            options=Options(relay_only=True),
            own_name="",
        )
        segment = await sending.segments.open(0, unheard, "live-then-rest")
        writer = segment.writer
        assert writer is not None
        async with asyncio.timeout(20):
            while writer.position < CREDIT:
                await asyncio.sleep(0.01)  # it is a credit ahead, and waits for somebody
        await sending.segments.drop(segment)
        await asyncio.to_thread(writer.join, 10)
        assert not writer.is_alive()
        sending.source.close()
        sending.journal.close()
        await state.close()
