"""`--plain` and `--as`: the published app as the other side, by its own client library."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.cli.program import Person, people
from tests.e2e.device import devices
from tests.e2e.served import Served, calling

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ann(tmp_path: Path) -> AsyncIterator[Person]:
    async with people(tmp_path, "ann") as [ann]:
        yield ann


async def test_the_app_gets_a_file_in_its_own_way(server: Served, ann: Person) -> None:
    data = bytes(range(256)) * 4000
    (ann.folder / "fünf.bin").write_bytes(data)
    async with devices(server, "bob") as [bob], calling(server) as api:
        await bob.arrive()
        sender = await ann.burrow("send", "--to", "bob", "--plain", "--as", "ann", "fünf.bin", "--server", server.url)
        [asked] = await bob.hears("transfer_request")
        assert (asked["sender_id"], asked["filename"]) == ("ann", "fünf.bin")
        transfer = (await bob.call("POST", f"/approve-transfer/{asked['request_id']}"))["transfer_id"]
        await bob.hears("transfer_completed", transfer_id=transfer)
        async with api.http.get(f"{server.url}/download/{transfer}") as answer:
            assert await answer.read() == data
        assert await sender.ended() == 0, sender.said
    assert "NOT sealed" in sender.said
    assert "🔒" not in sender.said


async def test_the_apps_no_is_exit_code_3(server: Served, ann: Person) -> None:
    (ann.folder / "a.bin").write_bytes(b"x")
    async with devices(server, "bob") as [bob]:
        await bob.arrive()
        sender = await ann.burrow("send", "--to", "bob", "--plain", "a.bin", "--json", "--server", server.url)
        [asked] = await bob.hears("transfer_request")
        await bob.call("POST", f"/reject-transfer/{asked['request_id']}")
        assert await sender.ended() == 3
    assert sender.events[-1]["exit"] == 3


async def test_what_the_app_sends_is_fetched_under_a_safe_name(server: Served, ann: Person) -> None:
    data = b"hello" * 100_000
    async with devices(server, "bob") as [bob], calling(server) as api:
        await bob.arrive()
        receiver = await ann.burrow("receive", "--as", "ann", "--yes", "--server", server.url)
        await receiver.until(lambda p: "Waiting for what the app sends" in p.said)
        ask = {"sender_id": "bob", "receiver_id": "ann", "filename": "../../evil.txt"}
        await bob.call("POST", "/request-transfer", ask)
        form = aiohttp.FormData()
        form.add_field("file", data, filename="whatever")
        [approved] = await bob.hears("transfer_approved")
        await api.call("POST", f"/upload/{approved['transfer_id']}", data=form)
        assert await receiver.ended() == 0, receiver.said
    [written] = list(ann.folder.iterdir())
    assert written.name == "evil.txt"
    assert written.read_bytes() == data
    assert "NOT sealed" in receiver.said


async def test_without_a_person_and_without_yes_the_app_is_declined(server: Served, ann: Person) -> None:
    async with devices(server, "bob") as [bob]:
        await bob.arrive()
        receiver = await ann.burrow("receive", "--as", "ann", "--server", server.url)
        await receiver.until(lambda p: "Waiting for what the app sends" in p.said)
        await bob.call("POST", "/request-transfer", {"sender_id": "bob", "receiver_id": "ann", "filename": "a"})
        await bob.hears("transfer_rejected")
        receiver.interrupt()
        assert await receiver.ended() == 130
    assert list(ann.folder.iterdir()) == []
