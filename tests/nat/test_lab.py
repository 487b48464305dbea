"""Whatever two networks do, the file arrives: real terminals and browsers behind real NATs. See tests/nat/lab.py.

`make test` runs a few telling cases, `make nat-lab` all of them, and writes docs/nat.md.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.files import digest, make
from tests.nat.cases import CASES, SMOKE, Case
from tests.nat.ends import Browsers, End, Finished, Tab, Terminal
from tests.nat.lab import Lab
from tests.nat.rows import Rows

pytestmark = pytest.mark.anyio
SMALL, LARGE = 6_000_000, 20_000_000  # bytes; the large one lasts until the relay and WebRTC have been compared
MBIT = 16.0  # that each side sends to the outside in a second


@pytest.fixture(scope="module")
def rows() -> Iterator[Rows]:
    """Where BURROW_LAB_PAGE says, the page is written when all is found."""
    found = Rows()
    yield found
    if (page := os.environ.get("BURROW_LAB_PAGE")) and found.complete:
        Path(page).write_text(found.page(SMALL, LARGE, MBIT))
        print(f"\n\n{found.table()}")


async def end(program: str, side: str, lab: Lab, home: Path, browsers: Browsers) -> End:
    if program == "CLI":
        return Terminal(lab, side, home)
    return Tab(lab, side, home, await browsers.at(side))


async def sent(case: Case, size: int, lab: Lab, browsers: Browsers, home: Path) -> Finished:
    """A file from left to right: the same arrives, by the best way there is, and the network saw it go that way."""
    server = await lab.server(case.turn)
    lab.be(case.left, case.right)
    lab.slow(MBIT)
    await lab.proxies()
    file = make(home / "a.bin", size)
    sender = await end(case.sender, "left", lab, home, browsers)
    try:
        receiver = await end(case.receiver, "right", lab, home, browsers)
        try:
            got = await receiver.receive(await sender.send(server, file))
            carried = lab.carried()
        finally:
            await receiver.close()
    finally:
        await sender.close()
    assert digest(got.file) == digest(file)
    by = {"direct": sum(got.shares.get(each, 0) for each in ("tcp", "punch", "webrtc")), "turn": 0}
    by |= {"server": got.shares.get("relay", 0)}
    assert sum(by.values()) == sum(got.shares.values()), got.shares
    for way, size_by in by.items():
        assert size_by <= carried[way], (way, got.shares, carried)
    assert carried["turn"] < size / 10, (got.shares, carried)
    assert case.best in got.shares, (got.shares, carried)
    if case.best == "relay":
        assert set(got.shares) == {"relay"}
    return got


@pytest.mark.parametrize("case", SMOKE, ids=str)
async def test_the_file_arrives(case: Case, lab: Lab, browsers: Browsers, tmp_path: Path) -> None:
    await sent(case, 12_000_000 if case.best == "webrtc" else 2_000_000, lab, browsers, tmp_path)


@pytest.mark.nat_lab
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_the_file_arrives_in_every_case(
    case: Case, lab: Lab, browsers: Browsers, tmp_path: Path, rows: Rows
) -> None:
    got = await sent(case, LARGE if case.best == "webrtc" else SMALL, lab, browsers, tmp_path)
    rows.add(case, got)
    print(f"\n{case}: {got.shares} {got.first_byte:.2f} s, load {os.getloadavg()[0]:.1f}")
