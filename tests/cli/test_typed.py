"""A code, a link or a text need not stand in the command line, which the shell keeps and every user can see."""

import asyncio
import contextlib
import os
import pty
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cli.program import BURROW, Person, environment
from tests.e2e.served import Served, served

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path / "data", stun_servers="") as server:
        yield server


class Terminal:
    """A command on a terminal of its own; `seen` is all that it showed."""

    def __init__(self, person: Person, *args: str, stdout: int | None = None, **more: str) -> None:
        self.seen = b""
        self._pid, self._end = pty.fork()
        if self._pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # as at a login, however the tests were started
            os.chdir(person.folder)
            if stdout is not None:
                os.dup2(stdout, 1)
            os.execve(BURROW, [BURROW, *args], environment(person.state, TERM="xterm", **more))

    async def until(self, text: str, seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while text.encode() not in self.seen:
                self.seen += await asyncio.to_thread(os.read, self._end, 65536)

    def type(self, text: str) -> None:
        os.write(self._end, text.encode())

    def arguments(self) -> bytes:
        return Path(f"/proc/{self._pid}/cmdline").read_bytes()

    async def ended(self, seconds: float = 30) -> int:
        async with asyncio.timeout(seconds):
            with contextlib.suppress(OSError):  # how a terminal says that nobody writes to it any more
                while piece := await asyncio.to_thread(os.read, self._end, 65536):
                    self.seen += piece
            _, status = await asyncio.to_thread(os.waitpid, self._pid, 0)
            self._pid = 0
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._end)


@contextlib.contextmanager
def terminal(person: Person, *args: str, **more: str) -> Iterator[Terminal]:
    made = Terminal(person, *args, **more)
    try:
        yield made
    finally:
        made.close()


async def sending(ann: Person, server: Served) -> tuple[str, str]:
    (ann.folder / "a.bin").write_bytes(b"a" * 100_000)
    sender = await ann.burrow("send", "a.bin", "--server", server.url, "--json")
    ready = await sender.event("ready")
    return ready["code"], ready["link"]


async def test_receive_asks_at_a_terminal_teaches_and_asks_again_until_it_understands(
    server: Served, pair: list[Person]
) -> None:
    ann, bob = pair
    code, _ = await sending(ann, server)
    number, first, _ = code.split("-")
    with terminal(bob, "receive", "--server", server.url) as at:
        await at.until("Code or link")
        await at.until("7-walnut-orbit")
        at.type("7-walnutt-orbit\n")
        await at.until("did you mean 7-walnut-orbit?")
        at.type("https://host/r#short\n")
        await at.until("43 letters")
        at.type(f"{number} {first}\n")
        await at.until("there is one word in it")
        assert not (bob.state / "transfers").exists()
        at.type(f"  {code.replace('-', ' ')} \n")
        await at.until("Take it? [Y/n]")
        assert first.encode() not in at.arguments()
        at.type("y\n")
        assert await at.ended() == 0
    assert (bob.folder / "a.bin").read_bytes() == (ann.folder / "a.bin").read_bytes()


async def test_a_link_is_taken_at_the_prompt(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    _, link = await sending(ann, server)
    with terminal(bob, "receive") as at:
        await at.until("Code or link")
        at.type(link + "\n")
        await at.until("Take it? [Y/n]")
        at.type("\n")
        assert await at.ended() == 0
    assert (bob.folder / "a.bin").exists()


async def test_tab_completes_the_words_at_the_prompt(pair: list[Person]) -> None:
    _, bob = pair
    with terminal(bob, "receive", "--server", "http://127.0.0.1:1") as at:
        await at.until("Code or link")
        await at.until(": ")
        at.type("7-walnu\t")
        await at.until("7-walnut-")
        at.type("orbi\t\n")
        await at.until("7-walnut-orbit")
        assert await at.ended() == 6


async def test_enter_alone_waits_for_paired_devices(server: Served, pair: list[Person]) -> None:
    _, bob = pair
    with terminal(bob, "receive", "--server", server.url) as at:
        await at.until("Code or link")
        at.type("\n")
        await at.ended()
        assert "no device is paired yet" in at.seen.decode()


@pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x04", 2)], ids=["Ctrl-C", "Ctrl-D"])
async def test_the_prompt_can_be_left(pair: list[Person], key: str, code: int) -> None:
    _, bob = pair
    with terminal(bob, "receive") as at:
        await at.until("Code or link")
        await at.until(": ")
        ending = asyncio.ensure_future(at.ended())
        while not ending.done():  # Python sees a Ctrl-C that comes between the prompt and its wait with the next key
            with contextlib.suppress(OSError):
                at.type(key)
            await asyncio.wait({ending}, timeout=1)
        assert ending.result() == code
        assert "Traceback" not in at.seen.decode()


async def test_the_prompt_never_gets_into_what_is_piped_on(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    code, _ = await sending(ann, server)
    reading, writing = os.pipe()
    with terminal(bob, "receive", "--server", server.url, "-o", "-", stdout=writing) as at:
        os.close(writing)
        await at.until("Code or link")
        at.type(code + "\n")
        await at.until("Take it?")
        at.type("y\n")
        with os.fdopen(reading, "rb") as out:
            assert await asyncio.to_thread(out.read) == b"a" * 100_000
        assert await at.ended() == 0


async def test_without_a_terminal_nobody_is_asked(server: Served, pair: list[Person]) -> None:
    _, bob = pair
    done = await bob.run("receive", "--server", server.url)
    assert "Code or link" not in done.said
    assert "no device is paired yet" in done.said


@pytest.mark.parametrize("kind", ["code", "link"])
async def test_a_dash_reads_one_line_of_stdin(server: Served, pair: list[Person], kind: str) -> None:
    ann, bob = pair
    code, link = await sending(ann, server)
    receiver = await bob.burrow("receive", "-", "--server", server.url, stdin=asyncio.subprocess.PIPE)
    pipe = receiver.process.stdin
    assert pipe is not None
    pipe.write(f" {code if kind == 'code' else link}\r\nand more that is not read".encode())
    assert await receiver.ended() == 0, receiver.said
    assert (bob.folder / "a.bin").exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (b"", "nothing on stdin"),
        (b"\n7-walnut-orbit\n", "nothing on stdin"),
        (b"7-walnutt-orbit\n", "did you mean 7-walnut-orbit?"),
        (b"7-\xff\xfe-orbit\n", "no code has"),
        (b"7" * 100_000, "too long"),
    ],
)
@pytest.mark.parametrize("command", ["receive", "pair"])
async def test_what_is_no_code_on_stdin_is_said_once(pair: list[Person], command: str, typed: bytes, said: str) -> None:
    _, bob = pair
    done = await bob.burrow(command, "-", "--server", "http://127.0.0.1:1", stdin=asyncio.subprocess.PIPE)
    pipe = done.process.stdin
    assert pipe is not None
    with contextlib.suppress(ConnectionError):
        pipe.write(typed)
        await pipe.drain()
    pipe.close()
    assert await done.ended() == 4
    assert said in done.said
    assert len(done.said.splitlines()) == 1


async def test_two_devices_pair_with_no_code_in_a_command_line(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    first = await ann.burrow("pair", "--name", "ann", "--json", BURROW_SERVER=server.url)
    code = (await first.event("ready"))["code"]
    with terminal(bob, "pair", "-", "--name", "bob", "--server", server.url) as at:
        await at.until("Code")
        at.type("7-walnutt-orbit\n")
        await at.until("did you mean")
        at.type(code + "\n")
        assert await at.ended() == 0
        assert "Paired with ann" in at.seen.decode()
    assert await first.ended() == 0


async def test_a_text_is_asked_for_at_a_terminal_and_read_from_a_pipe(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    with terminal(ann, "send", "--text", "-", "--server", server.url) as at:
        await at.until("Type the text, then Enter and Ctrl-D:")
        at.type("the door\nis 4711\n\x04")
        await at.until("burrow receive ")
        assert b"4711" not in at.arguments()
        link = await shown_link(at)
        receiver = await bob.burrow("receive", link, "--yes")
        assert await receiver.ended() == 0, receiver.said
        assert receiver.out == b"the door\nis 4711\n"
        assert await at.ended() == 0
    sender = await ann.burrow("send", "--text", "-", "--server", server.url, "--json", stdin=asyncio.subprocess.PIPE)
    pipe = sender.process.stdin
    assert pipe is not None
    pipe.write("über\n".encode())
    pipe.close()
    receiver = await bob.burrow("receive", (await sender.event("ready"))["link"], "--yes")
    assert await receiver.ended() == 0, receiver.said
    assert receiver.out == "über\n".encode()


async def shown_link(at: Terminal) -> str:
    """The whole one, whatever else is shown."""
    async with asyncio.timeout(30):
        while not (found := re.search(rb"http://[^\s\x1b]+/r#[\w-]{43}", at.seen)):
            at.seen += await asyncio.to_thread(os.read, at._end, 65536)
    return found[0].decode()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"", "there is no text"),
        (b"\n", "there is no text"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b"a" * (1 << 21), "at most"),
    ],
    ids=["nothing", "a line break", "no UTF-8", "too much"],
)
async def test_what_is_no_text_on_stdin_is_said_once(pair: list[Person], given: bytes, said: str) -> None:
    done = await pair[0].burrow("send", "--text", "-", "--server", "http://127.0.0.1:1", stdin=asyncio.subprocess.PIPE)
    pipe = done.process.stdin
    assert pipe is not None
    with contextlib.suppress(ConnectionError):
        pipe.write(given)
        await pipe.drain()
    pipe.close()
    assert await done.ended() == 2
    assert said in done.said
    assert len(done.said.splitlines()) == 1


async def test_help_teaches_how_a_text_stays_out_of_the_command_line(pair: list[Person]) -> None:
    said = (await pair[0].run("send", "--help", COLUMNS="100")).out.decode()
    assert "burrow send --text -  " in said
    assert "every user of this machine can see it" in said


@pytest.mark.parametrize("command", ["receive", "pair"])
async def test_help_teaches_how_a_code_stays_out_of_the_command_line(pair: list[Person], command: str) -> None:
    said = (await pair[0].run(command, "--help", COLUMNS="100")).out.decode()
    assert f"burrow {command} -  " in said
    assert "history" in said


def broken(link: str) -> tuple[str, str]:
    """As a mail breaks it, after somebody has added what counts visitors."""
    at = link.index("#") + 20
    return link[:at].replace("/r#", "/r/?utm_source=mail#"), link[at:]


async def test_a_link_that_a_mail_broke_over_two_lines_is_taken_at_the_prompt(
    server: Served, pair: list[Person]
) -> None:
    ann, bob = pair
    address, secret = broken((await sending(ann, server))[1])
    with terminal(bob, "receive") as at:
        await at.until("Code or link")
        at.type(f"> <{address}\n> {secret}>.\n")
        await at.until("Take it? [Y/n]")
        at.type("y\n")
        assert await at.ended() == 0
    assert (bob.folder / "a.bin").read_bytes() == (ann.folder / "a.bin").read_bytes()


async def test_a_link_that_a_mail_broke_over_two_lines_is_taken_from_stdin(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    address, secret = broken((await sending(ann, server))[1])
    (bob.folder / "mail.txt").write_text(f"> Here: <{address}\r\n> {secret}>.\r\n> See you!\r\n")
    with (bob.folder / "mail.txt").open() as mail:
        receiver = await bob.burrow("receive", "-", "--yes", stdin=mail)
        assert await receiver.ended() == 0
    assert (bob.folder / "a.bin").read_bytes() == (ann.folder / "a.bin").read_bytes()


async def test_a_code_is_taken_with_what_stands_around_it(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    code, _ = await sending(ann, server)
    text = f"Code: “{code.upper().replace('-', '–')}”."
    receiver = await bob.burrow("receive", *text.split(), "--server", server.url, "--yes")
    assert await receiver.ended() == 0
    assert (bob.folder / "a.bin").exists()
