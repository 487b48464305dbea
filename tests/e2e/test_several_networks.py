"""A server on two networks, and somebody who is on the second only: a link has one address, of the first.

A server announces all of its addresses; so whoever cannot reach the link's address finds the same server at another.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.files import digest, make
from tests.e2e.lan import Lan, lan
from tests.e2e.test_lan import homes, serving
from tests.e2e.transfer.pair import kill, well
from tests.netns import run

pytestmark = pytest.mark.anyio

SHUT = """
table inet shut {
    chain in {
        type filter hook input priority 0;
        iifname "eth1" meta l4proto tcp drop;
    }
}
"""


@contextlib.contextmanager
def two_networks(*first: str) -> Iterator[tuple[Lan, Lan, str]]:
    """The first host of the first network is on the second one too, where bob is; its address there."""
    with lan(*first) as near, lan("bob", prefix="10.74.0.") as far:
        yield near, far, near.join(first[0], far)


@pytest.mark.parametrize("way", ["no way", "silence"])
async def test_a_link_works_for_who_reaches_only_another_address_of_its_server(tmp_path: Path, way: str) -> None:
    with two_networks("ann") as (near, far, other):
        if way == "silence":  # what goes to the link's address is lost on the way
            place, gone = far.name("bob"), near.address("ann")
            run("ip", "-n", place, "route", "add", gone, "dev", "eth0")
            run("ip", "-n", place, "neigh", "add", gone, "lladdr", "02:00:00:00:00:99", "dev", "eth0")
        async with homes(tmp_path, near, "ann") as [ann], homes(tmp_path, far, "bob") as [bob]:
            make(ann.folder / "a.bin", 1_000_000)
            sender = await ann.burrow("send", "a.bin", "--json")
            link = (await sender.event("ready"))["link"]
            assert link.startswith(f"http://{near.address('ann')}:")
            receiver = await bob.burrow("receive", link, "--json")
            await well(receiver)
            await well(sender)
            assert f"http://{other}:" in receiver.said
            assert digest(bob.folder / "a.bin") == digest(ann.folder / "a.bin")


async def test_a_link_of_a_server_that_stays_works_from_its_other_network(tmp_path: Path) -> None:
    with two_networks("desk", "ann") as (near, far, other):
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(serving(tmp_path, near, "desk"))
            [ann] = await stack.enter_async_context(homes(tmp_path, near, "ann"))
            [bob] = await stack.enter_async_context(homes(tmp_path, far, "bob"))
            make(ann.folder / "a.bin", 20_000_000)
            sender = await ann.burrow("send", "a.bin", "--json", "--relay-only", "--limit-rate", "2M")
            link = (await sender.event("ready"))["link"]
            assert link.startswith(f"http://{near.address('desk')}:5000/r#")
            receiver = await bob.burrow("receive", link, "--json")
            await receiver.event("progress")
            await kill(receiver)
            await kill(sender)
            # The same commands go on, although nobody answers under the link's address
            sender = await ann.burrow("send", "a.bin", "--json", "--relay-only")
            assert (await sender.event("ready"))["link"] == link
            receiver = await bob.burrow("receive", link, "--json")
            await well(receiver)
            await well(sender)
            assert f"http://{other}:5000" in receiver.said
            assert digest(bob.folder / "a.bin") == digest(ann.folder / "a.bin")


async def test_who_reaches_no_address_hears_which_were_tried(tmp_path: Path) -> None:
    with two_networks("ann") as (near, far, other):
        run(*near.within("ann"), "nft", "-f", "-", text=SHUT)
        async with homes(tmp_path, near, "ann") as [ann], homes(tmp_path, far, "bob") as [bob]:
            sender = await ann.burrow("send", "--text", "hi", "--json")
            ready = await sender.event("ready")
            receiver = await bob.burrow("receive", ready["link"])
            assert await receiver.ended(30) == 6, receiver.said
            assert f"{ready['server']} of the link cannot be reached" in receiver.said
            assert f"http://{other}:" in receiver.said


async def test_a_person_names_another_address_of_the_links_server(tmp_path: Path) -> None:
    with two_networks("ann") as (near, far, other):
        async with homes(tmp_path, near, "ann") as [ann], homes(tmp_path, far, "bob") as [bob]:
            sender = await ann.burrow("send", "--text", "hi", "--json")
            ready = await sender.event("ready")
            alone = {"BURROW_FIND_SERVERS": "0"}
            receiver = await bob.burrow("receive", ready["link"], "--json", **alone)
            assert await receiver.ended(30) == 6, receiver.said
            assert "--server" in receiver.said
            named = ready["server"].replace(near.address("ann"), other)
            receiver = await bob.burrow("receive", ready["link"], "--server", named, "--json", **alone)
            await well(receiver)
            await well(sender)


async def test_a_sender_sees_one_address_for_each_network(tmp_path: Path) -> None:
    with two_networks("ann") as (near, _, other):
        ann_at = near.name("ann")
        run("ip", "-n", ann_at, "link", "add", "docker0", "type", "bridge")  # leads to containers of hers only
        run("ip", "-n", ann_at, "addr", "add", "172.17.0.1/16", "dev", "docker0")
        run("ip", "-n", ann_at, "link", "set", "docker0", "up")
        async with homes(tmp_path, near, "ann") as [ann]:
            sender = await ann.burrow("send", "--text", "hi")
            said = await sender.until(lambda program: "From another network" in program.said and program.said)
            assert f"http://{near.address('ann')}:" in said
            assert f"--server http://{other}:" in said
            assert "172.17.0.1" not in said


async def test_a_link_of_somebody_who_calls_the_server_localhost_leads_others_to_it(tmp_path: Path) -> None:
    with lan("desk", "bob") as net:
        async with serving(tmp_path, net, "desk"), homes(tmp_path, net, "desk", "bob") as (desk, bob):
            sender = await desk.burrow("send", "--text", "hi", "--server", "localhost:5000", "--json")
            link = (await sender.event("ready"))["link"]
            assert link.startswith(f"http://{net.address('desk')}:5000/r#")
            receiver = await bob.burrow("receive", link, "--json")
            await well(receiver)
            await well(sender)
