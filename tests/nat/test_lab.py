"""Whatever two networks do, the file arrives: real terminals and browsers behind real NATs. See tests/nat/lab.py.

`make test` runs a few telling cases, `make nat-lab` all of them, and writes docs/nat.md.
"""

from pathlib import Path

import pytest

from tests.e2e.files import digest, make
from tests.nat.cases import CASES, SMOKE, Case
from tests.nat.ends import Browsers, End, Finished, Tab, Terminal
from tests.nat.lab import Lab

pytestmark = pytest.mark.anyio
SIZE = 6_000_000


async def end(program: str, side: str, lab: Lab, home: Path, browsers: Browsers) -> End:
    if program == "CLI":
        return Terminal(lab, side, home)
    return Tab(lab, side, home, await browsers.at(side))


async def sent(case: Case, lab: Lab, browsers: Browsers, home: Path) -> tuple[Finished, dict[str, int]]:
    """A file from left to right: what the receiver says of it, and what the network counted."""
    server = await lab.server(case.turn)
    lab.be(case.left, case.right)
    file = make(home / "a.bin", SIZE)
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
    return got, carried


@pytest.mark.parametrize("case", SMOKE, ids=str)
async def test_the_file_arrives(case: Case, lab: Lab, browsers: Browsers, tmp_path: Path) -> None:
    got, carried = await sent(case, lab, browsers, tmp_path)
    print(case, got.shares, got.first_byte, carried)


@pytest.mark.nat_lab
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_the_file_arrives_in_every_case(case: Case, lab: Lab, browsers: Browsers, tmp_path: Path) -> None:
    got, carried = await sent(case, lab, browsers, tmp_path)
    print(case, got.shares, got.first_byte, carried)
