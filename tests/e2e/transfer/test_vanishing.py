"""A file that vanishes, shrinks or changes after the list was made: two real programs carry the rest, and name it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.carry import tree, write
from tests.client.test_left_out import rewrite, shrink, vanish
from tests.e2e.transfer.pair import Pair, link_of, pair

pytestmark = pytest.mark.anyio
MB = 1_000_000
INCOMPLETE = 9
SAID = {
    vanish: ("vanished", "top/b disappeared while it was being sent: left out"),
    shrink: ("shrank", "top/b became shorter while it was being sent: left out"),
    rewrite: ("rewritten", "top/b changed while it was being sent: left out"),
}


def top_of(two: Pair) -> tuple[Path, dict[str, bytes]]:
    rest = {"a": os.urandom(2 * MB), "c": os.urandom(3 * MB)}
    return write(two.ann.folder / "top", [*rest.items(), ("b", os.urandom(4 * MB))]), rest


@pytest.mark.parametrize("way", [(), ("--relay-only",)], ids=["direct", "relay"])
@pytest.mark.parametrize("change", SAID)
async def test_the_rest_arrives_and_both_sides_name_the_one(
    tmp_path: Path, change: Callable[[Path], None], way: tuple[str, ...]
) -> None:
    async with pair(tmp_path) as two:
        top, rest = top_of(two)
        sender = await two.send("top", *way)
        link = await link_of(sender)
        change(top / "b")
        receiver = await two.bob.run("receive", link, "--json", *way)
        assert receiver.process.returncode == INCOMPLETE, receiver.said
        assert await sender.ended() == INCOMPLETE, sender.said
        assert tree(two.bob.folder) == {"top": None, **{f"top/{name}": data for name, data in rest.items()}}
        why, sentence = SAID[change]
        for program in (sender, receiver):
            [noted] = [event for event in program.events if event["event"] == "noted"]
            assert [(note["path"], note["why"], note["sentence"]) for note in noted["notes"]] == [
                ("top/b", why, sentence)
            ]
            end = program.events[-1]
            assert (end["event"], end["verified"], end["incomplete"], end["left_out"]) == (
                "finished", True, True, [sentence]
            )  # fmt: skip
            assert end["size"] == 5 * MB


async def test_the_summary_of_a_person_names_it(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        top, _ = top_of(two)
        sender = await two.ann.burrow("send", "top", "--server", two.server.url)
        link = (await sender.until(lambda program: [w for w in program.said.split() if "/r#" in w]))[0]
        vanish(top / "b")
        receiver = await two.bob.run("receive", link)
        assert await sender.ended() == INCOMPLETE
        for program in (sender, receiver):
            assert "top/b disappeared while it was being sent: left out.\n" in program.said
            assert "  left out  top/b disappeared while it was being sent: left out\n" in program.said


async def test_what_was_left_on_the_server_names_it_too(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        top, rest = top_of(two)
        sender = await two.send("top", "--store", "--limit-rate", "1M")
        link = await link_of(sender)
        vanish(top / "c")
        assert await sender.ended() == INCOMPLETE, sender.said
        receiver = await two.bob.run("receive", link, "--json")
        assert receiver.process.returncode == INCOMPLETE, receiver.said
        assert receiver.events[-1]["left_out"] == ["top/c disappeared while it was being sent: left out"]
        assert (two.bob.folder / "top" / "a").read_bytes() == rest["a"]
        assert sorted(tree(two.bob.folder / "top")) == ["a", "b"]


async def test_a_sender_that_was_killed_goes_on_without_it(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        top, rest = top_of(two)
        sender = await two.send("top", "--limit-rate", "1M")
        link = await link_of(sender)
        receiver = await two.bob.burrow("receive", link, "--json")
        await receiver.until(lambda program: any(event.get("done", 0) > 0 for event in program.events))
        sender.process.kill()
        await sender.ended()
        vanish(top / "c")
        again = await two.send("top")
        assert await receiver.ended() == INCOMPLETE, receiver.said
        assert await again.ended() == INCOMPLETE, again.said
        assert again.events[-1]["left_out"] == ["top/c disappeared while it was being sent: left out"]
        assert (two.bob.folder / "top" / "a").read_bytes() == rest["a"]
        assert sorted(tree(two.bob.folder / "top")) == ["a", "b"]


async def test_a_disk_that_is_unplugged_keeps_the_transfer_to_go_on_with(tmp_path: Path) -> None:
    async with pair(tmp_path) as two:
        top, _ = top_of(two)
        before = tree(top)
        sender = await two.send("top")
        link = await link_of(sender)
        top.rename(two.ann.folder / "unplugged")
        receiver = await two.bob.burrow("receive", link, "--json")
        assert await sender.ended() == 1
        assert sender.events[-1]["error"].endswith("top is gone; bring it back and go on with `burrow resume`")
        (two.ann.folder / "unplugged").rename(top)
        again = await two.ann.burrow("resume", "--json")
        assert await receiver.ended() == 0, receiver.said
        assert await again.ended() == 0, again.said
        assert tree(two.bob.folder / "top") == before
