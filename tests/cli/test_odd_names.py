"""Both sides are told what does not travel as it is, and no name, folder or locale keeps the rest from arriving."""

import asyncio
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import Person
from tests.cli.test_streams import begun, link_of, shell
from tests.e2e.served import Served

pytestmark = pytest.mark.anyio
ODD = os.fsdecode(b"caf\xe9")  # no UTF-8


@pytest.fixture(scope="session")
def latin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A locale in ISO-8859-1, made for these tests."""
    folder = tmp_path_factory.mktemp("locales")
    made = folder / "en_US.ISO-8859-1"
    subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", made], check=False, capture_output=True)
    assert made.is_dir()
    return {"LOCPATH": str(folder), "LANG": "en_US.ISO-8859-1", "LC_ALL": "en_US.ISO-8859-1"}


def odd_tree(folder: Path) -> Path:
    top = folder / "top"
    top.mkdir()
    (top / "kept").write_bytes(b"kept")
    (top / "nowhere").symlink_to("missing")
    os.mkfifo(top / "pipe")
    return top


async def test_both_sides_are_told_before_the_first_byte_and_at_the_end(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    odd_tree(ann.folder)
    sender = await ann.burrow("send", "top", "--json", "--server", server.url)
    receiver = await bob.run("receive", await link_of(sender), "--json")
    assert await sender.ended() == 0
    said = ["top/nowhere is a symbolic link: left out", "top/pipe is a pipe: left out"]
    for program in (sender, receiver):
        [noted] = [event for event in program.events if event["event"] == "noted"]
        assert [(note["path"], note["why"], note["sentence"]) for note in noted["notes"]] == [
            ("top/nowhere", "link", said[0]),
            ("top/pipe", "pipe", said[1]),
        ]
        moved = [n for n, event in enumerate(program.events) if event.get("done") or event["event"] == "verified"]
        assert program.events.index(noted) < moved[0]
        assert program.events[-1]["left_out"] == said
    assert (bob.folder / "top" / "kept").read_bytes() == b"kept"


async def test_a_person_at_either_end_reads_it_in_sentences(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    odd_tree(ann.folder)
    os.utime(ann.folder / "top" / "kept", ns=(0, -86_400 * 10**9))
    sender = await ann.burrow("send", "top", "--server", server.url)
    link = await sender.until(lambda p: re.search(r"receive '(http\S+)'", p.said))
    receiver = await bob.run("receive", link[1])
    assert await sender.ended() == 0
    for program in (sender, receiver):
        assert program.said.count("top/pipe is a pipe: left out") == 2, program.said
        assert "  left out  top/pipe" in program.said


async def test_a_name_that_is_no_text_is_sent_from_the_command_line_and_from_the_folder_itself(
    server: Served, pair: list[Person]
) -> None:
    ann, bob = pair
    (ann.folder / ODD).mkdir()
    (ann.folder / ODD / "a.txt").write_bytes(b"a")
    for line in (r"burrow send $'caf\xe9'", r"cd $'caf\xe9'; burrow send ."):
        sender = await begun(ann, f"{line} --json --server {server.url}")
        receiver = await bob.run("receive", await link_of(sender), "--json")
        assert receiver.process.returncode == 0, receiver.said
        assert await sender.ended() == 0
        [noted] = [event for event in receiver.events if event["event"] == "noted"]
        assert noted["notes"][0]["path"] == "caf�"
        assert "caf\\xe9" in noted["notes"][0]["sentence"]
    assert (bob.folder / "caf�" / "a.txt").read_bytes() == b"a"
    assert (bob.folder / "caf� (2)" / "a.txt").read_bytes() == b"a"


async def test_a_folder_whose_name_is_no_text_is_received_into(server: Served, pair: list[Person]) -> None:
    ann, bob = pair
    (ann.folder / "a.txt").write_bytes(b"a")
    (bob.folder / ODD).mkdir()
    for line in (r"cd $'caf\xe9'; burrow receive {}", r"burrow receive {} -o $'caf\xe9'/"):
        sender = await ann.burrow("send", "a.txt", "--json", "--server", server.url)
        ended = await asyncio.to_thread(shell, bob, line.format(f"'{await link_of(sender)}'"))
        assert ended.returncode == 0, ended.stderr
        assert await sender.ended() == 0
    assert sorted(each.name for each in (bob.folder / ODD).iterdir()) == ["a (2).txt", "a.txt"]
    assert "verified" in (await bob.run("history")).out.decode()


@pytest.mark.parametrize("which", ["C", "bare", "latin"])
async def test_a_locale_changes_nothing_of_what_arrives(
    server: Served, pair: list[Person], latin: dict[str, str], which: str
) -> None:
    locale = {
        "C": {"LC_ALL": "C"},
        "bare": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        "latin": latin,
    }[which]
    ann, bob = pair
    name = "żółw €.txt"
    top = ann.folder / "für"
    top.mkdir()
    (top / name).write_bytes(b"slow")
    words = " ".join(f"{key}={shlex.quote(value)}" for key, value in locale.items())
    sender = await begun(ann, f"{words} burrow send für --json --server {server.url}")
    receiving = f"{words} burrow receive '{await link_of(sender)}' -o größe/"
    ended = await asyncio.to_thread(shell, bob, receiving)
    assert ended.returncode == 0, ended.stderr
    assert await sender.ended() == 0
    assert (bob.folder / "größe" / "für" / name).read_bytes() == b"slow"
    assert [event for event in sender.events if event["event"] == "noted"] == []
