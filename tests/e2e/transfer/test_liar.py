"""Whatever a hostile server does to the blocks that rest on it, a receiver never ends with wrong data, and says why."""

from pathlib import Path

import pytest

from tests.e2e.files import make
from tests.e2e.transfer.liar import SPOILS, Spoil, lying
from tests.e2e.transfer.pair import MB, link_of, pair, well

pytestmark = pytest.mark.anyio

SIZE = 4 * MB


QUICK = ("bit flipped", "swapped")  # the others are slow for the suite


@pytest.mark.parametrize(
    "spoil",
    [pytest.param(how, id=name, marks=[] if name in QUICK else [pytest.mark.proof]) for name, how in SPOILS.items()],
)
async def test_spoiled_blocks_never_become_a_file(tmp_path: Path, spoil: Spoil) -> None:
    async with pair(tmp_path) as two:
        make(two.ann.folder / "a.bin", SIZE)
        sender = await two.send("a.bin", "--store")
        link = await link_of(sender)
        await well(sender)
        async with lying(two.server.url, spoil) as liar:
            false = link.replace(two.server.url, liar)
            receiver = await two.receive(false)
            says = {"cut": "waiting"}.get(spoil.__name__, "error")
            told = await receiver.until(lambda p: next((e for e in p.events if e["event"] == says), None), 30)
            if says == "error":
                assert await receiver.ended(20) == 5
                assert "somebody between you changes it" in told["error"]
            else:
                receiver.interrupt()
                assert await receiver.ended(20) == 130
        assert not (two.bob.folder / "a.bin").exists()
        assert not any(event["event"] in ("verified", "finished") for event in receiver.events)
