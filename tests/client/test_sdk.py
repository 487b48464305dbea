"""What `from burrowspace import …` offers: all of it, described as it is, and loaded when it is used."""

import asyncio
import inspect
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

import burrowspace
from burrowspace import BurrowError, Client, Event
from burrowspace.client import errors, events
from burrowspace.client.rendezvous import meeting
from burrowspace.client.session.transfer import Transfer
from burrowspace.client.state import journal
from burrowspace.client.state.journal import Record
from burrowspace.core import sender_book
from burrowspace.core.codes import parse_code
from burrowspace.core.links import format_link
from burrowspace.core.sealing import SECRET_BYTES
from burrowspace.core.sender_book import Facts, Step
from tests.app import running

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.anyio


def test_every_name_it_offers_is_there():
    offered = {name: getattr(burrowspace, name) for name in burrowspace.__all__}
    assert offered["Client"] is Client
    assert set(offered) <= set(dir(burrowspace))
    with pytest.raises(AttributeError):
        _ = burrowspace.Clint


def test_it_offers_every_event():
    found = {name for name, each in vars(events).items() if inspect.isclass(each) and issubclass(each, Event)}
    assert found <= set(burrowspace.__all__)


def test_it_offers_every_error_of_the_tree_and_the_tree_draws_every_error():
    """In the drawing, four characters of a line's beginning are a step down the tree."""
    assert errors.__doc__ is not None
    drawn, path = dict[str, str | None](), list[str]()
    for line in errors.__doc__.splitlines():
        if row := re.match(r"    ((?:[│ ]   )*[├└]── )?([A-Z]\w+)(?:  |$)", line):
            del path[len(row[1] or "") // 4 :]
            drawn[row[2]] = path[-1] if path else None
            path.append(row[2])
    bases = {name: getattr(errors, name).__bases__[0].__name__ for name in errors.__all__}
    assert {**drawn, "BurrowError": "Exception"} == bases
    assert set(drawn) <= set(burrowspace.__all__)
    own = {name for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, BurrowError)}
    assert own == set(errors.__all__)


def test_whoever_wants_the_version_loads_no_client():
    code = "import sys, burrowspace; burrowspace.__version__; print([m for m in sys.modules if 'burrowspace.' in m])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


async def test_resume_leaves_its_client_as_it_was(tmp_path: Path):
    """It goes on with the server of the transfer; what the client does next still goes to the client's own."""
    (tmp_path / "file").write_bytes(b"1")
    known = journal.known([tmp_path / "file"])
    theirs, own = "http://127.0.0.1:1", "http://127.0.0.1:2"
    async with Client(own, state=tmp_path / "state") as client:
        for role, link in (("send", None), ("receive", format_link(theirs, bytes(SECRET_BYTES)))):
            record = Record(
                role=role,
                transfer=secrets.token_hex(16),
                created=time.time(),
                secret=bytes(SECRET_BYTES),
                server=theirs,
                met="link",
                link=link,
                name="file",
                paths=known if role == "send" else (),
            )
            client.folders.create(record).close()
            before = {name: value for name, value in vars(client).items() if name != "_servers"}
            transfer = client.resume(record.transfer)
            assert {name: value for name, value in vars(client).items() if name != "_servers"} == before
            assert client.server().origin == own
            if role == "send":
                with pytest.raises(burrowspace.Unreachable, match=r"127\.0\.0\.1:1"):
                    await transfer
            await transfer.close()


async def test_resume_of_a_text_is_the_same_transfer(tmp_path: Path):
    async with running(tmp_path / "data") as house, Client(house.url, state=tmp_path / "ann") as ann:
        sending = ann.send(text="the door is 4711", with_code=False)
        link = await link_of(sending)
        await sending.close()
        [record] = ann.unfinished()
        again = ann.resume(record.transfer)
        assert await link_of(again) == link
        async with Client(house.url, state=tmp_path / "bob") as bob:
            receiving = bob.receive(link, tmp_path)
            texts = [each.text async for each in receiving if isinstance(each, events.Text)]
        assert (await again).verified
        assert texts == ["the door is 4711"]
        assert ann.unfinished() == []


async def test_resume_of_a_sending_to_a_device_still_invites_it(tmp_path: Path):
    """The program was ended before it could."""
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "got").mkdir()
    async with (
        running(tmp_path / "data") as house,
        Client(house.url, state=tmp_path / "ann") as ann,
        Client(house.url, state=tmp_path / "bob") as bob,
    ):
        code, pairing = await ann.offer_pairing("ann")
        await bob.pair(str(code), "bob")
        await pairing
        sending = ann.send([tmp_path / "file"], to="bob")
        await link_of(sending)
        await sending.close()
        [record] = ann.unfinished()
        held = ann.folders.open("send", record.transfer)
        held.update(options={})
        held.close()
        inbox = ann.known.inbox_of(ann.known.find("bob"))
        await ann.server().remove_mailbox(inbox.mailbox)
        again = ann.resume(record.transfer)
        got = await bob.receive(None, tmp_path / "got")
        assert got.verified
        assert (await again).verified
        assert (tmp_path / "got" / "file").read_bytes() == b"1"
        assert await ann.server().messages(inbox.mailbox, -1) == []


async def test_who_has_just_used_the_code_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Until it says hello nobody is known, and yet nothing goes to the server."""
    steps = list[Step]()
    step = sender_book.step

    def seen(facts: Facts) -> Step:
        steps.append(step(facts))
        return steps[-1]

    monkeypatch.setattr(sender_book, "STORE_AFTER", 0.0)
    monkeypatch.setattr(sender_book, "step", seen)
    (tmp_path / "file").write_bytes(b"1")
    async with running(tmp_path / "data") as house, Client(house.url, state=tmp_path / "ann") as ann:
        async with ann.send([tmp_path / "file"]) as sending:
            async for event in sending:
                if isinstance(event, events.Ready):
                    assert event.code is not None
                    await meeting.take_over(ann.server(), parse_code(event.code))
                    break
            before = len(steps)
            async with asyncio.timeout(20):
                while len(steps) < before + 6:
                    await asyncio.sleep(0.05)
        assert set(steps) == {Step.GO_ON}


async def link_of(sending: Transfer) -> str:
    async for event in sending:
        if isinstance(event, events.Ready):
            return event.link
    raise AssertionError("it ended")


def test_the_page_of_the_guide_is_fresh_and_names_all_that_is_offered():
    check = [sys.executable, ROOT / "scripts" / "sdk_doc.py", "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (ROOT / "docs" / "guide" / "sdk.md").read_text()
    assert [name for name in burrowspace.__all__ if not re.search(rf"\b{name}\b", page)] == ["Event", "__version__"]
    assert max(len(line) for line in page.splitlines()) <= 120


def test_all_of_the_client_is_described():
    public = [each for name, each in vars(Client).items() if not name.startswith("_")]
    assert [each.__name__ for each in public if not each.__doc__] == []
