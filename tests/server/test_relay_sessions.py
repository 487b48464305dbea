"""How long a relay session is remembered, and which signals share one."""

import sqlite3
import time
from pathlib import Path

import pytest

from burrowspace.core.records import Relay
from tests.app import running
from tests.server.test_events import App

pytestmark = pytest.mark.anyio

DAY_S = 86_400


async def test_a_session_is_forgotten_after_a_day_unless_something_rests_in_it(tmp_path: Path):
    async with running(tmp_path) as server:
        ann = await App(server, "ann").arrive()
        peers = [await server.connect("bob") for _ in range(2)]
        sessions = []
        for peer in peers:
            signal = {"target_peer_id": peer, "sender_peer_id": ann.peer, "signal": 0}
            sessions.append((await ann.io.call("peer_signal", signal))["session_id"])
        chunk = {"session_id": sessions[0], "chunk": "eA==", "index": 0, "total": 2}
        assert (await ann.io.call("relay_chunk", chunk))["status"] == "queued"
        await ann.leave()
    for days, kept in ((0.5, sessions), (2, sessions[:1]), (8, [])):
        with sqlite3.connect(tmp_path / "burrowspace.db") as rows:
            rows.execute("UPDATE relays SET used_at = ?", (time.time() - days * DAY_S,))
        async with running(tmp_path) as server:
            await server.app.driver.sweep()
            found = await server.app.state.read(lambda rows: rows.find(Relay))
            assert {relay.session_id for relay in found} == set(kept), days
            assert len(await server.app.spool.keys()) == len(kept[:1])
