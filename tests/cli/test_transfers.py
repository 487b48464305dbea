"""`burrow send` and `burrow receive` as two people use them: real processes, a real server, real files."""

import asyncio
import hashlib
import os
import stat
from pathlib import Path

import pytest

from tests.cli.program import Person, Program, Screen
from tests.e2e.served import Served

pytestmark = pytest.mark.anyio

MB = 1_000_000


def make(path: Path, size: int, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(hashlib.shake_128(str(seed).encode()).digest(size))
    return path


async def ready(program: Program) -> tuple[str, str]:
    """The code and the link of a sender with --json."""
    event = await program.event("ready")
    return event["code"] or "", event["link"]


async def test_a_folder_goes_by_code_with_its_structure_modes_and_times(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    tool = make(ann.folder / "holiday" / "day 1" / "tool.sh", 3 * MB)
    tool.chmod(0o755)
    os.utime(tool, ns=(1_600_000_000_000_000_000, 1_600_000_000_123_456_000))
    (ann.folder / "holiday" / "empty").mkdir()
    (ann.folder / "holiday" / "nothing.txt").touch()
    sender = await ann.burrow("send", "holiday", "--server", server.url)
    line = await sender.until(lambda p: next((x for x in p.said.splitlines() if "burrow receive" in x), None))
    code = line.split()[2]
    receiver = await bob.run("receive", *code.split("-"), "--server", server.url)
    assert receiver.process.returncode == 0, receiver.said
    assert await sender.ended() == 0, sender.said
    got = bob.folder / "holiday" / "day 1" / "tool.sh"
    assert got.read_bytes() == tool.read_bytes()
    assert stat.S_IMODE(got.stat().st_mode) == 0o755
    assert got.stat().st_mtime_ns == tool.stat().st_mtime_ns
    assert (bob.folder / "holiday" / "empty").is_dir()
    for program in (sender, receiver):
        assert "✓ verified" in program.said
        assert "100 % direct" in program.said
    words = [line for line in sender.said.splitlines() if "check words" in line]
    assert words
    assert words == [line for line in receiver.said.splitlines() if "check words" in line]
    assert sender.out == receiver.out == b""


async def test_stdin_goes_to_stdout(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    data = hashlib.shake_128(b"pipe").digest(3 * MB)
    sender = await ann.burrow("send", "-", "--server", server.url, "--json", stdin=asyncio.subprocess.PIPE)
    pipe = sender.process.stdin
    assert pipe is not None
    pipe.write(data)
    pipe.close()
    _, link = await ready(sender)
    receiver = await bob.run("receive", link, "-o", "-")
    assert receiver.process.returncode == 0, receiver.said
    assert bytes(receiver.out) == data
    assert await sender.ended() == 0


async def test_a_text_is_printed_and_nothing_else_is(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    sender = await ann.burrow("send", "--text", "the door is 4711", "--server", server.url, "--quiet")
    code = await sender.until(lambda p: p.out.endswith(b"\n") and p.out.decode().strip())
    receiver = await bob.run("receive", code, "--server", server.url, "--quiet")
    assert (receiver.process.returncode, receiver.out, receiver.said) == (0, b"the door is 4711\n", "")
    assert await sender.ended() == 0
    assert sender.said == ""


async def test_json_tells_every_step_as_a_line_and_both_sides_name_one_digest(
    server: Served, pair: list[Person]
) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", 2 * MB)
    sender = await ann.burrow("send", "a.bin", "--json", BURROW_SERVER=server.url)
    code, _ = await ready(sender)
    receiver = await bob.run("receive", code, "--json", BURROW_SERVER=server.url)
    assert await sender.ended() == 0
    told = [event["event"] for event in receiver.events]
    assert told[0] == "met"
    assert told[-1] == "finished"
    assert {"offered", "path", "verified"} <= set(told)
    [mine], [theirs] = ([e for e in p.events if e["event"] == "verified"] for p in (sender, receiver))
    assert mine["digest"] == theirs["digest"]
    end = receiver.events[-1]
    assert (end["verified"], end["size"], end["places"]) == (True, 2 * MB, [str(bob.folder / "a.bin")])


async def test_without_a_server_the_sender_is_one_and_leaves_nothing(pair: list[Person]) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", 5 * MB)
    sender = await ann.burrow("send", "a.bin")
    line = await sender.until(lambda p: next((x for x in p.said.splitlines() if "--server http" in x), None))
    receiver = await bob.run(*line.split()[1:], "-o", "b.bin")
    assert receiver.process.returncode == 0, receiver.said
    assert await sender.ended() == 0, sender.said
    assert (bob.folder / "b.bin").read_bytes() == (ann.folder / "a.bin").read_bytes()
    assert list((ann.state / "own").iterdir()) == []
    assert "Traceback" not in sender.said


@pytest.mark.parametrize("own", [False, True], ids=["server", "own server"])
async def test_interrupted_at_both_ends_the_same_commands_go_on(own: bool, server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", 12 * MB)
    where = [] if own else ["--server", server.url]
    slow = ["--limit-rate", "3M"]
    sender = await ann.burrow("send", "a.bin", *where, "--json", *slow)
    _, link = await ready(sender)
    receiver = await bob.burrow("receive", link, "--json")
    await receiver.until(lambda p: any(e["event"] == "progress" and e["done"] > 3 * MB for e in p.events))
    sender.interrupt()
    receiver.interrupt()
    assert await sender.ended() == await receiver.ended() == 130
    assert not (bob.folder / "a.bin").exists()
    listed = await bob.burrow("resume", "--json")
    sender = await ann.burrow("send", "a.bin", *where, "--json")
    assert (await ready(sender))[1] == link
    assert await listed.ended() == 0, listed.said
    assert await sender.ended() == 0, sender.said
    assert (bob.folder / "a.bin").read_bytes() == (ann.folder / "a.bin").read_bytes()
    assert sum(listed.events[-1]["shares"].values()) < 10 * MB, "what had arrived was sent again"


async def test_left_on_the_server_it_is_fetched_when_the_sender_is_gone(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", 4 * MB)
    sender = await ann.run("send", "a.bin", "--server", server.url, "--store", "--json")
    assert sender.process.returncode == 0, sender.said
    assert sender.events[-1]["resting"]
    _, link = await ready(sender)
    receiver = await bob.run("receive", link)
    assert receiver.process.returncode == 0, receiver.said
    assert "resting sealed on 127.0.0.1" in receiver.said
    assert (bob.folder / "a.bin").read_bytes() == (ann.folder / "a.bin").read_bytes()


async def test_what_was_left_on_the_server_is_taken_back(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    make(ann.folder / "wrong.bin", 2 * MB)
    make(ann.folder / "other.bin", MB, 1)
    sender = await ann.run("send", "wrong.bin", "--server", server.url, "--store", "--json")
    _, link = await ready(sender)
    sender = await ann.run("send", "other.bin", "--server", server.url, "--store")
    assert "burrow take-back" in sender.said
    listed = await ann.run("take-back")
    assert [line.split()[-1] for line in listed.out.splitlines()] == [b"other.bin", b"wrong.bin"]
    spools = [each for each in (server.data / "spool").rglob("*") if each.is_file() and each.stat().st_size > 1.5 * MB]
    assert len(spools) == 1
    back = await ann.run("take-back", "wrong")
    assert back.process.returncode == 0, back.said
    assert "wrong.bin is taken back: nobody can receive it any more." in back.said
    assert not spools[0].exists()
    receiver = await bob.run("receive", link)
    assert receiver.process.returncode == 4, receiver.said
    assert "the sender took it back" in receiver.said
    assert list(bob.folder.iterdir()) == []
    assert b"cancelled     2.0 MB  wrong.bin" in (await ann.run("history")).out
    assert (await ann.run("take-back", "wrong")).process.returncode == 2


async def test_who_takes_back_too_late_is_told_so(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", MB)
    _, link = await ready(await ann.run("send", "a.bin", "--server", server.url, "--store", "--json"))
    assert (await bob.run("receive", link)).process.returncode == 0
    back = await ann.run("take-back", "--json")
    assert back.process.returncode == 1, back.said
    assert back.events[-1]["fate"] == "taken"
    assert "Nothing of yours" in (await ann.run("take-back")).said


async def test_while_the_server_is_away_nothing_is_taken_back_and_it_can_be_tried_again(
    server: Served, pair: list[Person]
) -> None:
    ann, _ = pair
    make(ann.folder / "a.bin", MB)
    assert (await ann.run("send", "a.bin", "--server", server.url, "--store")).process.returncode == 0
    await server.kill()
    assert (await ann.run("take-back")).process.returncode == 6
    await server.start()
    assert (await ann.run("take-back")).process.returncode == 0


async def test_paired_devices_need_no_code(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    first = await ann.burrow("pair", "--name", "ann's", BURROW_SERVER=server.url)
    line = await first.until(lambda p: next((x for x in p.said.splitlines() if "    burrow pair" in x), None))
    second = await bob.run(*line.split()[1:], "--name", "bob", BURROW_SERVER=server.url)
    assert second.process.returncode == 0, second.said
    assert await first.ended() == 0, first.said
    assert "burrow send --to bob PATH" in first.said
    assert b"bob" in (await ann.run("devices")).out
    make(ann.folder / "a.bin", MB)
    waiting = await bob.burrow("receive", "--yes", BURROW_SERVER=server.url)
    sender = await ann.run("send", "--to", "bob", "a.bin", BURROW_SERVER=server.url)
    assert sender.process.returncode == 0, sender.said
    assert await waiting.ended() == 0, waiting.said
    assert (bob.folder / "a.bin").read_bytes() == (ann.folder / "a.bin").read_bytes()
    assert (await ann.run("devices", "forget", "bob")).process.returncode == 0
    assert (await ann.run("devices")).out == b""


async def test_what_a_paired_device_offers_is_declined_when_nobody_can_be_asked(
    server: Served, pair: list[Person]
) -> None:
    ann, bob = pair
    first = await ann.burrow("pair", "--name", "ann", "--json", BURROW_SERVER=server.url)
    code = (await first.event("ready"))["code"]
    await bob.run("pair", code, "--name", "bob", BURROW_SERVER=server.url)
    await first.ended()
    make(ann.folder / "a.bin", MB)
    waiting = await bob.burrow("receive", BURROW_SERVER=server.url)
    sender = await ann.run("send", "--to", "bob", "a.bin", BURROW_SERVER=server.url)
    assert await waiting.ended() == 3, waiting.said
    assert "--yes accepts" in waiting.said
    assert sender.process.returncode == 3, sender.said
    assert list(bob.folder.iterdir()) == []


async def test_a_wrong_code_is_refused_and_the_sender_shows_a_new_one(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", MB)
    sender = await ann.burrow("send", "a.bin", "--server", server.url, "--json")
    code, _ = await ready(sender)
    number, first, second = code.split("-")
    other = "zebra" if second != "zebra" else "zodiac"
    wrong = await bob.run("receive", f"{number}-{first}-{other}", "--server", server.url)
    assert wrong.process.returncode == 4, wrong.said
    assert len(wrong.said.splitlines()) == 1, wrong.said
    new = (await sender.event("new-code"))["code"]
    assert new != code
    receiver = await bob.run("receive", new, "--server", server.url)
    assert receiver.process.returncode == 0, receiver.said
    assert await sender.ended() == 0


async def test_after_three_wrong_codes_the_sender_asks_and_enter_makes_another(
    server: Served, pair: list[Person]
) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", MB)
    screen = Screen()
    try:
        sender = await ann.burrow(
            "send", "a.bin", "--server", server.url, "--no-qr", stdin=screen.theirs, stderr=screen.theirs
        )
        for _ in range(3):
            number, *words, last = (await screen.until(r"burrow receive (\d+(-[a-z]+)+)"))[1].split("-")
            wrong = "-".join([number, *words, "zebra" if last != "zebra" else "zodiac"])
            first = await bob.run("receive", wrong, "--server", server.url)
            assert first.process.returncode == 4, first.said
            again = await bob.run("receive", wrong, "--server", server.url)
            assert again.process.returncode == 4, again.said
            assert "this code can't be used again. Ask the sender for a new one" in again.said
        await screen.until("Press Enter for a new code")
        screen.type("\n")
        code = (await screen.until(r"burrow receive (\d+(-[a-z]+)+)"))[1]
        receiver = await bob.run("receive", code, "--server", server.url)
        assert receiver.process.returncode == 0, receiver.said
        assert await sender.ended() == 0
    finally:
        screen.close()


async def test_by_relay_only_nothing_goes_direct(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", 4 * MB)
    sender = await ann.burrow("send", "a.bin", "--server", server.url, "--json", "--relay-only")
    _, link = await ready(sender)
    receiver = await bob.run("receive", link, "--relay-only")
    assert receiver.process.returncode == 0, receiver.said
    assert "relayed by 127.0.0.1" in receiver.said
    assert "direct" not in receiver.said
    assert await sender.ended() == 0


async def test_nothing_is_overwritten_unasked(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", MB)
    (bob.folder / "a.bin").write_text("mine")
    sender = await ann.burrow("send", "a.bin", "--server", server.url, "--json", "--receivers", "2")
    _, link = await ready(sender)
    assert (await bob.run("receive", link)).process.returncode == 0
    assert (bob.folder / "a.bin").read_text() == "mine"
    assert (bob.folder / "a (2).bin").stat().st_size == MB
    over = await bob.run("receive", link, "--overwrite")
    assert over.process.returncode == 0, over.said
    assert (bob.folder / "a.bin").stat().st_size == MB
    assert await sender.ended() == 0, sender.said


async def test_history_says_what_became_of_it_and_forgets_when_told(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", MB)
    sender = await ann.burrow("send", "a.bin", "--server", server.url, "--json")
    _, link = await ready(sender)
    await bob.run("receive", link)
    await sender.ended()
    assert b"sent      verified      1.0 MB  a.bin" in (await ann.run("history")).out
    assert b"received  verified      1.0 MB  a.bin" in (await bob.run("history")).out
    assert (await ann.run("history", "--clear")).process.returncode == 0
    assert (await ann.run("history")).out == b""
    assert (await ann.run("resume")).said == "Nothing is unfinished.\n"


async def test_what_is_given_up_leaves_nothing_behind(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", 12 * MB)
    sender = await ann.burrow("send", "a.bin", "--server", server.url, "--json", "--limit-rate", "3M")
    _, link = await ready(sender)
    receiver = await bob.burrow("receive", link, "--json")
    await receiver.until(lambda p: any(e["event"] == "progress" and e["done"] > 3 * MB for e in p.events))
    receiver.interrupt()
    assert await receiver.ended() == 130
    [started] = list((bob.state / "transfers").iterdir())
    forgotten = await bob.run("resume", started.name.partition("-")[2], "--forget")
    assert forgotten.process.returncode == 0, forgotten.said
    assert list(bob.folder.iterdir()) == list((bob.state / "transfers").iterdir()) == []
    assert b"cancelled" in (await bob.run("history")).out


async def test_asked_twice_it_ends_at_once(pair: list[Person]) -> None:
    ann, _ = pair
    make(ann.folder / "a.bin", MB)
    sender = await ann.burrow("send", "a.bin", "--quiet")
    await sender.until(lambda p: p.out)
    sender.interrupt()
    sender.interrupt()
    assert await sender.ended(5) == 130


async def test_a_reader_that_leaves_ends_the_receiver_with_a_sentence(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    make(ann.folder / "a.bin", 30 * MB)
    sender = await ann.burrow("send", "a.bin", "--server", server.url, "--json")
    _, link = await ready(sender)
    reading, writing = os.pipe()
    receiver = await bob.burrow("receive", link, "-o", "-", stdout=writing)
    os.close(writing)
    assert await asyncio.to_thread(os.read, reading, 100)
    os.close(reading)
    assert await receiver.ended(20) == 1
    assert "whoever read the output has gone" in receiver.said


async def test_a_sender_that_waits_for_stdin_can_be_interrupted(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    sender = await ann.burrow("send", "-", "--server", server.url, "--json", stdin=asyncio.subprocess.PIPE)
    assert sender.process.stdin is not None
    sender.process.stdin.write(b"x" * 1000)
    _, link = await ready(sender)
    receiver = await bob.burrow("receive", link, "--json", "-o", "a")
    await receiver.event("offered")
    sender.interrupt()
    assert await sender.ended(20) == 130
    assert "Fatal" not in sender.said


async def test_a_paired_device_that_is_off_finds_it_on_the_server(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    first = await ann.burrow("pair", "--name", "ann", "--json", BURROW_SERVER=server.url)
    code = (await first.event("ready"))["code"]
    await bob.run("pair", code, "--name", "bob", BURROW_SERVER=server.url)
    await first.ended()
    make(ann.folder / "a.bin", MB)
    sender = await ann.run("send", "--to", "bob", "a.bin", BURROW_SERVER=server.url)
    assert sender.process.returncode == 0, sender.said
    assert "rests sealed on 127.0.0.1" in sender.said
    receiver = await bob.run("receive", "--yes", BURROW_SERVER=server.url)
    assert receiver.process.returncode == 0, receiver.said
    assert (bob.folder / "a.bin").read_bytes() == (ann.folder / "a.bin").read_bytes()


async def test_take_back_of_several_does_nothing_and_says_so_with_exit_2(server: Served, pair: list[Person]) -> None:
    ann, _ = pair
    for name in ("a.bin", "b.bin"):
        make(ann.folder / name, 15)
        sender = await ann.run("send", name, "--server", server.url, "--store", "--json")
        assert sender.process.returncode == 0, sender.said
        assert sum(sender.events[-1]["shares"].values()) < 1000, "15 bytes are not two whole blocks"
    listed = await ann.run("take-back")
    assert listed.process.returncode == 2
    assert "burrow take-back WHICH" in listed.said
