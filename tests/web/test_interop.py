"""The web app's sessions and the Python client understand each other.

By link and by code, both ways, over the relay and the store of a real server, over kills. Node stands for the page;
what only a browser has (WebRTC) is proven elsewhere.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from burrowspace.client import events
from burrowspace.client.client import Client
from burrowspace.client.errors import Changed
from burrowspace.client.options import Options
from burrowspace.client.rendezvous.meeting import take_over
from burrowspace.client.server.api import Server
from burrowspace.core import codes
from burrowspace.core.errors import WrongCode
from burrowspace.core.links import format_link
from burrowspace.core.signals import Role
from tests.app import Running, running
from tests.client.codes import another
from tests.e2e.served import ROOT

pytestmark = pytest.mark.anyio

DEVICE = Path(__file__).parent / "wire" / "device.mjs"
PAIRED = Path(__file__).parent / "wire" / "paired.mjs"
MiB = 1 << 20


class Page:
    """The session of a page, in a process of its own; `events` so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def event(self, name: str, seconds: float = 40, after: int = 0) -> dict[str, Any]:
        """The first event of this name behind so many others of it, or the error that came in its place."""
        async with asyncio.timeout(seconds):
            while True:
                found = [each for each in self.events if each["event"] == name]
                if len(found) > after:
                    return found[after]
                for each in self.events:
                    assert each["event"] != "error", each
                assert not self._reading.done(), (name, self.events[-5:])
                self._news.clear()
                await self._news.wait()

    async def done(self, size: int, seconds: float = 40) -> None:
        """Until so many bytes of content are there."""
        async with asyncio.timeout(seconds):
            while not any(each["event"] == "progress" and each["done"] >= size for each in self.events):
                assert not self._reading.done(), self.events[-5:]
                self._news.clear()
                await self._news.wait()

    async def error(self, seconds: float = 40) -> dict[str, Any]:
        """The error that it ends with."""
        async with asyncio.timeout(seconds):
            await self._reading
        assert self.events[-1]["event"] == "error", self.events[-1]
        return self.events[-1]

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.events.append(json.loads(line))
            self._news.set()
        self._news.set()

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reading


@contextlib.asynccontextmanager
async def page(
    what: str, server: Running, how: dict[str, Any], *rest: str | Path, script: Path = DEVICE, first: Path | None = None
) -> AsyncIterator[Page]:
    """`first`: a module that is loaded before the script."""
    node = shutil.which("node")
    assert node, "the tests need Node 20 or later"
    before = [] if first is None else ["--import", str(first)]
    command = [node, *before, str(script), what, server.url, json.dumps(how), *map(str, rest)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=ROOT, limit=16 * MiB)
    started = Page(process)
    try:
        yield started
    finally:
        await started.close()


def content(folder: Path, name: str, size: int) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(os.urandom(size))
    return folder / name


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path / "data") as house:
        yield house


async def test_a_page_sends_to_the_terminal(server: Running, tmp_path: Path) -> None:
    """By a code, over the relay; an empty file and one that ends with a full block are among it."""
    sizes = {"large.bin": 30 * MiB + 12345, "empty": 0, "full.bin": 262144, "späß.txt": 7}
    sent = [content(tmp_path / "sent", name, size) for name, size in sizes.items()]
    got = tmp_path / "got"
    got.mkdir()
    async with (
        page("send", server, {"withCode": True}, *sent) as sender,
        Client(server.url, state=tmp_path / "state") as client,
    ):
        code = (await sender.event("ready"))["code"]
        done = await client.receive(code, got)
        said = await sender.event("finished")
    assert {each.name: digest(each) for each in got.iterdir()} == {each.name: digest(each) for each in sent}
    assert done.verified
    assert said["verified"]
    assert done.shares.keys() == {"relay"}


async def test_a_page_without_webcrypto_sends_in_the_other_suite(server: Running, tmp_path: Path) -> None:
    """To a terminal and to a page; what an http:// page in a LAN does."""
    sent, got = content(tmp_path / "sent", "a.bin", 5 * MiB + 1), tmp_path / "got"
    got.mkdir()
    async with page("send", server, {"suite": "XC20P", "receivers": 2}, sent) as sender:
        link = (await sender.event("ready"))["link"]
        async with Client(server.url, state=tmp_path / "state") as client:
            assert (await client.receive(link, got)).verified
        async with page("receive", server, {}, link, tmp_path / "page") as receiver:
            await receiver.event("finished")
        await sender.event("finished")
    assert digest(got / "a.bin") == digest(tmp_path / "page" / "a.bin") == digest(sent)


async def test_the_terminal_sends_to_a_page(server: Running, tmp_path: Path) -> None:
    """By a link, over the relay, with a text beside the files."""
    sent = [content(tmp_path / "sent", "large.bin", 30 * MiB + 1), content(tmp_path / "sent", "empty", 0)]
    async with Client(server.url, state=tmp_path / "state") as client:
        sending = client.send(sent, with_code=False, options=Options(webrtc=False))
        ready = await anext(each async for each in sending if isinstance(each, events.Ready))
        async with page("receive", server, {}, ready.link, tmp_path / "got") as receiver:
            finished = await receiver.event("finished")
        done = await sending
    assert done.verified
    assert finished["verified"]
    assert {each.name: digest(each) for each in (tmp_path / "got").iterdir()} == {e.name: digest(e) for e in sent}


async def test_a_stream_of_unknown_length_comes_whole(server: Running, tmp_path: Path) -> None:
    source = content(tmp_path / "sent", "stream", 3 * MiB)
    async with Client(server.url, state=tmp_path / "state") as client:
        with source.open("rb") as stream:
            sending = client.send(stream=stream, stream_name="stream", with_code=True)
            ready = await anext(each async for each in sending if isinstance(each, events.Ready))
            assert ready.code
            async with page("receive", server, {}, ready.code, tmp_path / "got") as receiver:
                assert (await receiver.event("finished"))["size"] == 3 * MiB
            await sending
    assert digest(tmp_path / "got" / "stream") == digest(source)


async def test_a_text_goes_both_ways(server: Running, tmp_path: Path) -> None:
    async with Client(server.url, state=tmp_path / "state") as client:
        async with page("send", server, {}, "text:grüß dich 😀") as sender:
            link = (await sender.event("ready"))["link"]
            receiving = client.receive(link, tmp_path)
            texts = [each.text async for each in receiving if isinstance(each, events.Text)]
            await sender.event("finished")
        sending = client.send(text="and back <b>", with_code=False)
        ready = await anext(each async for each in sending if isinstance(each, events.Ready))
        async with page("receive", server, {}, ready.link, tmp_path / "got") as receiver:
            assert (await receiver.event("text"))["text"] == "and back <b>"
            await receiver.event("finished")  # a page that leaves before is missed for a while
        await sending
    assert texts == ["grüß dich 😀"]


async def test_what_a_page_leaves_on_the_server_is_fetched_when_it_is_gone(server: Running, tmp_path: Path) -> None:
    sent = content(tmp_path / "sent", "rest.bin", 20 * MiB)
    async with page("send", server, {"storeNow": True}, sent) as sender:
        link = (await sender.event("ready"))["link"]
        await sender.event("resting")
        assert (await sender.event("finished"))["resting"]
    async with page("receive", server, {}, link, tmp_path / "got") as receiver:
        assert (await receiver.event("finished"))["shares"].keys() == {"store"}
    assert digest(tmp_path / "got" / "rest.bin") == digest(sent)


async def test_a_page_that_is_killed_goes_on_where_it_was(server: Running, tmp_path: Path) -> None:
    """The receiver in mid-transfer, and what it held is not received again."""
    sent = content(tmp_path / "sent", "long.bin", 50 * MiB)
    got, state = tmp_path / "got", tmp_path / "page.json"
    async with Client(server.url, state=tmp_path / "state") as client:
        options = Options(webrtc=False, limit_rate=12 * MiB)
        sending = client.send([sent], with_code=False, options=options)
        ready = await anext(each async for each in sending if isinstance(each, events.Ready))
        async with page("receive", server, {"state": str(state)}, ready.link, got) as receiver:
            await receiver.done(20 * MiB)
            before = state.stat().st_mtime_ns
            async with asyncio.timeout(30):
                while state.stat().st_mtime_ns == before:
                    await asyncio.sleep(0.02)  # until the page has kept where it was
        async with page("receive", server, {"state": str(state)}, ready.link, got) as receiver:
            finished = await receiver.event("finished")
        done = await sending
    assert digest(got / "long.bin") == digest(sent)
    assert sum(finished["shares"].values()) < 45 * MiB
    assert done.verified


async def test_a_wrong_code_burns_the_code(server: Running, tmp_path: Path) -> None:
    sent, got = content(tmp_path / "sent", "a.bin", 1000), tmp_path / "got"
    async with page("send", server, {"withCode": True}, sent) as sender:
        code = (await sender.event("ready"))["code"]
        number, first, second = code.split("-")
        wrong = f"{number}-{'zebra' if first != 'zebra' else 'zodiac'}-{second}"
        async with page("receive", server, {}, wrong, got) as receiver:
            assert (await receiver.error())["code"] == "wrong-code"
        async with Client(server.url, state=tmp_path / "state") as client:
            fresh = (await sender.event("new-code"))["code"]
            assert fresh != code
            got.mkdir()
            await client.receive(fresh, got)
        await sender.event("finished")
    assert digest(got / "a.bin") == digest(sent)


async def test_a_page_counts_burnt_codes_over_a_reload(server: Running, tmp_path: Path) -> None:
    sent, how = content(tmp_path / "sent", "a.bin", 1000), {"withCode": True, "state": str(tmp_path / "page.json")}
    lengths = []
    for _ in range(3):
        async with page("send", server, how, sent) as sender, Server(server.url) as stranger:
            code = codes.parse_code((await sender.event("ready"))["code"])
            lengths.append(len(code.words))
            with pytest.raises(WrongCode):
                await take_over(stranger, another(code))
            burns = (await sender.event("new-code"))["burns"]
            async with asyncio.timeout(20):
                while json.loads((tmp_path / "page.json").read_text()).get("burns") != burns:
                    await asyncio.sleep(0.02)  # until the page has kept it
    assert lengths == [2, 3, 3]
    async with page("send", server, how, sent) as sender:
        ready = await sender.event("ready")
        assert (ready["code"], ready["asks"]) == (None, True)


async def test_who_says_a_number_and_no_more_learns_nothing(server: Running, tmp_path: Path) -> None:
    """The sender proves that it knows the code only to somebody who has tried to: a silent guess is no try."""
    sent = content(tmp_path / "sent", "a.bin", 1000)
    async with page("send", server, {"withCode": True}, sent) as sender:
        code = codes.parse_code((await sender.event("ready"))["code"])
        box = (await server.post(f"/nameplates/{code.nameplate}/claim"))["mailbox"]
        guess = codes.Pake(code, Role.RECEIVER, os.urandom)
        body = {"content-type": "application/octet-stream"}
        await server.call("POST", f"/mailboxes/{box}", data=codes.encode_meeting(guess.opening), headers=body)
        said = [json.loads(base64.b64decode(each["body"])) for each in await heard(server, box, seconds=3)]
        assert [(each["type"], each["role"]) for each in said] == [("pake", "receiver"), ("pake", "sender")]


async def heard(server: Running, box: str, seconds: int) -> list[dict[str, Any]]:
    """All messages, once nobody has said anything more for so long."""
    messages: list[dict[str, Any]] = []
    while True:
        after = messages[-1]["number"] if messages else -1
        more = (await server.get(f"/mailboxes/{box}?after={after}&wait={seconds}"))["messages"]
        if not more:
            return messages
        messages += more


async def test_a_sending_page_that_is_killed_goes_on(server: Running, tmp_path: Path) -> None:
    """The receiver stays, and what it held is not sent again."""
    sent, got = content(tmp_path / "sent", "long.bin", 60 * MiB), tmp_path / "got"
    how = {"state": str(tmp_path / "page.json")}
    got.mkdir()
    async with Client(server.url, state=tmp_path / "state") as client:
        async with page("send", server, how, sent) as sender:
            link = (await sender.event("ready"))["link"]
            slowly = Options(limit_rate=15 * MiB)  # it says each second how far it is
            receiving = client.receive(link, got, options=slowly)
            await sender.done(20 * MiB)
        async with page("send", server, how, sent) as sender:
            assert (await sender.event("ready"))["link"] == link
            done = await receiving
            assert (await sender.event("finished"))["verified"]
    assert done.verified
    assert digest(got / "long.bin") == digest(sent)


async def test_one_page_sends_to_two_at_once(server: Running, tmp_path: Path) -> None:
    sent, got = content(tmp_path / "sent", "both.bin", 20 * MiB), tmp_path / "got"
    got.mkdir()
    async with page("send", server, {"receivers": 2}, sent) as sender:
        link = (await sender.event("ready"))["link"]
        async with (
            Client(server.url, state=tmp_path / "state") as client,
            page("receive", server, {}, link, tmp_path / "page") as receiver,
        ):
            await client.receive(link, got)
            await receiver.event("finished")
        assert (await sender.event("finished"))["verified"]
    assert digest(got / "both.bin") == digest(tmp_path / "page" / "both.bin") == digest(sent)


async def test_a_page_that_declines_writes_nothing_and_the_sender_hears_it(server: Running, tmp_path: Path) -> None:
    sent = content(tmp_path / "sent", "a.bin", 3 * MiB)
    async with page("send", server, {}, sent) as sender:
        link = (await sender.event("ready"))["link"]
        async with page("receive", server, {"decline": True}, link, tmp_path / "got") as receiver:
            assert (await receiver.error())["code"] == "cancelled"
        assert "declined" in (await sender.error())["sentence"]
    assert not (tmp_path / "got").exists()


async def test_files_that_are_others_are_not_sent_under_the_old_link(server: Running, tmp_path: Path) -> None:
    sent, how = content(tmp_path / "sent", "a.bin", 1000), {"state": str(tmp_path / "page.json")}
    async with page("send", server, how, sent) as sender:
        await sender.event("ready")
    content(tmp_path / "sent", "a.bin", 1001)
    async with page("send", server, how, sent) as sender:
        assert (await sender.error())["code"] == "changed"


def known(tmp_path: Path, name: str) -> dict[str, str]:
    return {"state": str(tmp_path / f"{name}.json"), "name": name}


async def test_a_terminal_that_offers_is_paired_with_a_page_and_sends_to_it_by_name(
    server: Running, tmp_path: Path
) -> None:
    """The page hears of each once, over a reload."""
    sent, how = content(tmp_path / "sent", "a.bin", 1000), known(tmp_path, "page")
    async with Client(server.url, state=tmp_path / "state") as client:
        code, pairing = await client.offer_pairing("terminal")
        async with page("code", server, how, str(code), script=PAIRED) as paired:
            assert (await paired.event("paired"))["name"] == "terminal"
        assert (await pairing).name == "page"
        assert [each.name for each in client.devices()] == ["page"]
        async with page("listen", server, how, script=PAIRED) as listening:
            sending = client.send([sent], to="page", options=Options(webrtc=False))
            invited = await listening.event("invited a.bin")
            async with page("receive", server, {}, invited["link"], tmp_path / "got") as receiver:
                await receiver.event("finished")
            await sending
            await listening.event("seen")
        assert invited["from"] == "terminal"
        async with page("listen", server, how, script=PAIRED) as listening:
            second = client.send(text="more", to="page")
            await listening.event("invited text")
            assert listening.events[0]["event"] == "invited text"
            await second.close()
    assert digest(tmp_path / "got" / "a.bin") == digest(sent)


async def test_a_page_that_offers_is_paired_with_a_terminal_and_invites_it(server: Running, tmp_path: Path) -> None:
    sent, got, how = content(tmp_path / "sent", "a.bin", 1000), tmp_path / "got", known(tmp_path, "page")
    got.mkdir()
    async with Client(server.url, state=tmp_path / "state") as client:
        async with page("offer", server, how, script=PAIRED) as offering:
            paired = await client.pair((await offering.event("ready"))["code"], "terminal")
            assert (await offering.event("paired"))["name"] == "terminal"
        assert paired.name == "page"
        async with page("send", server, {}, sent) as sender:
            link = (await sender.event("ready"))["link"]
            async with page("invite", server, how, "terminal", link, "a.bin", script=PAIRED) as inviting:
                await inviting.event("invited")
            await client.receive(None, got)
            await sender.event("finished")
    assert digest(got / "a.bin") == digest(sent)


async def test_two_pages_are_paired(server: Running, tmp_path: Path) -> None:
    one, other = known(tmp_path, "one"), known(tmp_path, "other")
    link = format_link(server.url, os.urandom(32))
    async with page("offer", server, one, script=PAIRED) as offering:
        code = (await offering.event("ready"))["code"]
        async with page("code", server, other, code, script=PAIRED) as paired:
            assert (await paired.event("paired"))["name"] == "one"
        assert (await offering.event("paired"))["kind"] == "computer"
    async with page("listen", server, one, script=PAIRED) as listening:
        async with page("invite", server, other, "one", link, "holiday", script=PAIRED) as inviting:
            await inviting.event("invited")
        assert (await listening.event("invited holiday"))["link"] == link


async def test_two_pages_see_each_other_nearby_and_one_knocks(server: Running, tmp_path: Path) -> None:
    """The one that is knocked at is reloaded: it is the same device, and was not knocked at twice."""
    one, other = known(tmp_path, "one"), known(tmp_path, "other")
    link = format_link(server.url, os.urandom(32))
    async with page("near", server, one, script=PAIRED) as near:
        async with page("knock", server, other, "one", link, "holiday", script=PAIRED) as knocking:
            await knocking.event("invited")
            assert (await near.event("sees other"))["kind"] == "desktop"
        assert (await near.event("invited holiday"))["link"] == link
        await near.event("seen")
        first = json.loads(Path(one["state"]).read_text())
    async with page("near", server, one, script=PAIRED) as near:
        async with page("knock", server, other, "one", link, "second", script=PAIRED) as knocking:
            await knocking.event("invited")
        await near.event("invited second")
        assert not [each for each in near.events if each["event"] == "invited holiday"]
    assert json.loads(Path(one["state"]).read_text())["handle"] == first["handle"]


LOST = {"a.bin": 2 * MiB, "b.bin": 3 * MiB, "c.bin": 5 * MiB}


def three(tmp_path: Path) -> list[Path]:
    return [content(tmp_path / "sent", name, size) for name, size in LOST.items()]


def lost(each: dict[str, Any]) -> list[tuple[str, str]]:
    return [(note["path"], note["why"]) for note in each["notes"]]


def there(folder: Path) -> dict[str, str]:
    return {each.name: digest(each) for each in folder.iterdir()}


@pytest.mark.parametrize("rests", [False, True], ids=["relay", "store"])
async def test_a_page_leaves_out_what_it_cannot_read_any_more_and_the_terminal_keeps_the_rest(
    server: Running, tmp_path: Path, rests: bool
) -> None:
    """A file that is written meanwhile cannot be read any more, in Node as in Chromium."""
    sent, got = three(tmp_path), tmp_path / "got"
    got.mkdir()
    async with (
        page("send", server, {}, *sent) as sender,
        Client(server.url, state=tmp_path / "state") as client,
    ):
        link = (await sender.event("ready"))["link"]
        content(tmp_path / "sent", "b.bin", MiB)
        if rests:
            sender.process.send_signal(signal.SIGUSR2)
            assert (await sender.event("finished"))["resting"]
        done = await client.receive(link, got)
        assert lost(await sender.event("noted")) == [("b.bin", "stale")]
        end = await sender.event("finished")
        assert (end["verified"], end["incomplete"], end["size"]) == (not rests, True, 7 * MiB)
    assert there(got) == {each.name: digest(each) for each in (sent[0], sent[2])}
    assert done.left_out == ("b.bin changed, or can no longer be read: left out",)
    assert (done.verified, done.incomplete, done.size) == (True, True, 7 * MiB)


async def test_a_page_keeps_the_rest_of_what_a_terminal_or_a_page_could_not_send_to_the_end(
    server: Running, tmp_path: Path
) -> None:
    sent = three(tmp_path)
    async with Client(server.url, state=tmp_path / "state") as client:
        sending = client.send(sent, with_code=False, options=Options(webrtc=False))
        ready = await anext(each async for each in sending if isinstance(each, events.Ready))
        sent[1].unlink()
        async with page("receive", server, {}, ready.link, tmp_path / "got") as receiver:
            assert lost(await receiver.event("noted")) == [("b.bin", "vanished")]
            end = await receiver.event("finished")
        assert (await sending).incomplete
    assert (end["verified"], end["incomplete"], end["size"]) == (True, True, 7 * MiB)
    assert there(tmp_path / "got") == {each.name: digest(each) for each in (sent[0], sent[2])}
    sent = three(tmp_path)
    async with page("send", server, {}, *sent) as sender:
        link = (await sender.event("ready"))["link"]
        content(tmp_path / "sent", "a.bin", MiB)
        async with page("receive", server, {}, link, tmp_path / "page") as receiver:
            assert lost(await receiver.event("noted")) == [("a.bin", "stale")]
            assert (await receiver.event("finished"))["incomplete"]
        assert (await sender.event("finished"))["incomplete"]
    assert there(tmp_path / "page") == {each.name: digest(each) for each in sent[1:]}


async def test_a_transfer_whose_only_file_changed_ends_for_both_with_the_reason(
    server: Running, tmp_path: Path
) -> None:
    sent = content(tmp_path / "sent", "a.bin", MiB)
    async with page("send", server, {}, sent) as sender:
        link = (await sender.event("ready"))["link"]
        content(tmp_path / "sent", "a.bin", 2 * MiB)
        async with page("receive", server, {}, link, tmp_path / "got") as receiver:
            error = await receiver.error()
        assert (error["code"], error["reason"]) == ("cancelled", "sender-files")
        assert "a.bin was changed, moved or cannot be read any more" in error["sentence"]
        assert (await sender.error())["code"] == "changed"
    async with Client(server.url, state=tmp_path / "state") as client:
        sending = client.send([sent], with_code=False, options=Options(webrtc=False))
        ready = await anext(each async for each in sending if isinstance(each, events.Ready))
        sent.unlink()
        async with page("receive", server, {}, ready.link, tmp_path / "got") as receiver:
            error = await receiver.error()
        with pytest.raises(Changed):
            await sending
    assert (error["code"], error["reason"]) == ("cancelled", "sender-files")


@pytest.mark.parametrize("back", [True, False], ids=["back", "gone"])
async def test_what_a_sending_page_left_out_before_it_was_killed_stays_left_out(
    server: Running, tmp_path: Path, back: bool
) -> None:
    """Though it could be read again: whoever holds zeros must not hear the digest of a content."""
    sent, state = three(tmp_path), tmp_path / "page.json"
    before = sent[0].read_bytes(), sent[0].stat()
    async with page("send", server, {"state": str(state)}, *sent) as sender:
        link = (await sender.event("ready"))["link"]
        content(tmp_path / "sent", "a.bin", 2 * MiB)
        async with page("receive", server, {"state": str(tmp_path / "bob.json")}, link, tmp_path / "got") as receiver:
            await sender.event("noted")
            await sender.close()
            sent[0].write_bytes(before[0])
            os.utime(sent[0], ns=(before[1].st_atime_ns, before[1].st_mtime_ns))
            if not back:
                sent[0].unlink()
            async with page("send", server, {"state": str(state)}, *sent) as again:
                assert lost(await again.event("noted")) == [("a.bin", "stale")]
                assert lost(await receiver.event("noted")) == [("a.bin", "stale")]
                await receiver.event("finished")
                assert (await again.event("finished"))["incomplete"]
    assert there(tmp_path / "got") == {each.name: digest(each) for each in sent[1:]}
