"""SIGKILL at random moments of one large tus upload: what was acknowledged is there, and no more than is on the disk.

`make proof` kills 100 times within 1 GiB (BURROW_PROOF_KILLS, BURROW_PROOF_UPLOAD_GIB); the suite a few times.
"""

import asyncio
import contextlib
import random
import threading
from pathlib import Path

import pytest

from tests.e2e.big import PATCH, Film, Line, Watcher, asked_for, create, gib, standing
from tests.e2e.served import MiB, calling, served

pytestmark = pytest.mark.anyio

PROOF = pytest.param(
    int(asked_for("KILLS", 100)),
    gib("UPLOAD_GIB", 1),
    id="proof",
    marks=[pytest.mark.proof, pytest.mark.timeout(1800)],
)


class Sender:
    """Uploads in parts of random length until the server dies; knows what was acknowledged."""

    def __init__(self, film: Film, key: str, draw: random.Random) -> None:
        self.film, self.key, self.draw = film, key, draw
        self.acked = self.sent = 0
        self.far = threading.Event()
        self.mark = film.size  # `far` is set when so much was sent

    def send(self, port: int, at: int) -> None:
        with contextlib.suppress(ConnectionError):
            while at < self.film.size:
                stop = min(self.film.size, at + self.draw.choice([1, 300_000, 4 * MiB, 40 * MiB]))
                with Line(port) as line:
                    line.ask("PATCH", f"/upload/{self.key}", **PATCH, Upload_Offset=at, Content_Length=stop - at)
                    line.send(self.film, at, stop, self._went)
                    status, headers = line.answer()
                    assert (status, int(headers["upload-offset"])) == (204, stop)
                self.acked = at = stop
        self.far.set()

    def _went(self, to: int) -> None:
        self.sent = to
        if to >= self.mark:
            self.far.set()


def on_disk(data: Path, key: str) -> int:
    return next(data.rglob(key)).stat().st_size


@pytest.mark.parametrize(("kills", "size"), [(3, 48 * MiB), PROOF])
async def test_an_upload_survives_that_its_server_is_killed_again_and_again(tmp_path: Path, kills: int, size: int):
    film, draw = Film(size, seed=9), random.Random(9)
    async with served(tmp_path) as server:
        async with calling(server) as api:
            key = await api.transfer()
        create(server.port, key, size)
        sender, at = Sender(film, key, draw), 0
        for number in range(kills):
            sender.far.clear()
            sender.mark = at + draw.randrange(1, 2 * (size - at) // (kills - number + 1))
            sending = asyncio.create_task(asyncio.to_thread(sender.send, server.port, at))
            await asyncio.to_thread(sender.far.wait)
            await asyncio.sleep(draw.choice([0, 0, 0.001, 0.003]))
            await server.kill()
            await sending
            held = on_disk(tmp_path, key)
            await server.start()
            before, at = at, await asyncio.to_thread(standing, server.port, key)
            assert max(before, sender.acked) <= at <= held, number
            if at == size:
                break
        await asyncio.to_thread(sender.send, server.port, at)
        watcher = Watcher(server.port, key, film, [], follow=False)
        assert await asyncio.to_thread(watcher.watch) == film.digest()
