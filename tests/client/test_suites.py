"""A receiver without AES takes XChaCha20-Poly1305, on a link and by a leg; the sender seals for each as it can."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from burrowspace import Client, Options
from burrowspace.client.events import Finished, Ready
from burrowspace.core.sealing import Suite
from tests.e2e.served import served

pytestmark = pytest.mark.anyio

XC20P = Options(suites=(Suite.XC20P,))


@pytest.mark.parametrize("relay_only", [False, True], ids=["direct", "relay"])
async def test_one_transfer_goes_to_a_receiver_with_aes_and_to_one_without(tmp_path: Path, relay_only: bool) -> None:
    film = tmp_path / "film.bin"
    film.write_bytes(bytes(range(256)) * 12_000)
    async with served(tmp_path / "data") as server:
        origin = f"http://127.0.0.1:{server.port}"
        async with Client(origin, state=tmp_path / "s") as sender:
            given = Options(relay_only=relay_only, receivers=2)
            sending, takers = sender.send([film], with_code=False, options=given), []
            async for event in sending:
                if isinstance(event, Ready):
                    for number, options in enumerate((XC20P, Options())):
                        into = tmp_path / str(number)
                        into.mkdir()
                        chosen = replace(options, relay_only=relay_only)
                        client = Client(state=tmp_path / f"r{number}")
                        takers.append((client, client.receive(event.link, into, options=chosen)))
            ends: list[Finished] = list(await asyncio.gather(*(each for _, each in takers)))
            for client, _ in takers:
                await client.close()
    assert [end.verified for end in ends] == [True, True]
    assert [(tmp_path / str(number) / "film.bin").read_bytes() for number in (0, 1)] == [film.read_bytes()] * 2
    sizes = [sum(end.shares.values()) for end in ends]
    assert sizes[0] > sizes[1]  # twelve bytes more for each block
