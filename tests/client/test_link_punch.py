"""TCP simultaneous open: on one host, and in network namespaces through two NATs that keep ports (needs root)."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from burrowspace.client.links import link_punch
from burrowspace.client.links.handshake import Ticket
from burrowspace.client.links.link_punch import Punch
from tests.client.links import BLOCK, RECEIVER, SENDER, TAG, Blocks, Taker
from tests.netns import run, wired

pytestmark = pytest.mark.anyio
HERE = ["127.0.0.1"]


async def test_both_ends_connect_to_each_other_and_there_is_one_link():
    one, two = Punch(), Punch()
    sender, receiver = await asyncio.gather(
        one.link([("127.0.0.1", two.port)], SENDER, own=HERE), two.link([("127.0.0.1", one.port)], RECEIVER, own=HERE)
    )
    blocks, taker = Blocks(20, BLOCK), Taker(20)
    sender.serve(blocks.seal)
    receiver.pull(taker.take, 0, 20)
    await taker.reaches(20)
    assert sender.kind == receiver.kind == "punch"
    sender.close()
    await receiver.closed()


async def test_the_end_that_comes_later_is_waited_for():
    one, two = Punch(), Punch()
    port = two.port
    two.close()  # for now everything there is refused
    early = asyncio.create_task(one.link([("127.0.0.1", port)], SENDER, own=HERE))
    refused = asyncio.create_task(asyncio.to_thread(subprocess.run, [sys.executable, "-c", ""], check=True))
    await refused
    late = Punch(port)
    sender, receiver = await asyncio.gather(early, late.link([("127.0.0.1", one.port)], RECEIVER, own=HERE))
    sender.close()
    receiver.close()


async def test_a_stranger_behind_the_address_gets_no_link(monkeypatch):
    monkeypatch.setattr(link_punch, "DEADLINE", 1.0)
    one, two = Punch(), Punch()
    results = await asyncio.gather(
        one.link([("127.0.0.1", two.port)], SENDER, own=HERE),
        two.link([("127.0.0.1", one.port)], Ticket(TAG, b"?" * 32, False), own=HERE),
        return_exceptions=True,
    )
    assert [type(each) for each in results] == [ConnectionError, ConnectionError]


async def test_without_an_address_there_is_nothing_to_punch():
    with pytest.raises(ConnectionError):
        await Punch().link([("224.0.0.1", 4000)], SENDER)


# Two NATs: ann (10.71.1.2) behind nat 1 (198.18.0.1), bob (10.71.2.2) behind nat 2 (198.18.0.2)

KEEPS_PORTS = """
table ip nat {{
  chain post {{ type nat hook postrouting priority srcnat; oifname "{wan}" masquerade{how}; }}
}}
table ip guard {{
  chain input {{ type filter hook input priority filter; iifname "{wan}" ct state new drop; }}
}}
"""


@contextlib.contextmanager
def two_nats(how: str = "") -> Iterator[tuple[str, str]]:
    """The namespaces of ann and bob; all are gone afterwards."""
    mark = f"b{os.getpid()}"
    ann, one, two, bob = (f"{mark}-{name}" for name in ("ann", "one", "two", "bob"))
    wires = [
        (ann, "10.71.1.2/24", one, "10.71.1.1/24"),
        (one, "198.18.0.1/24", two, "198.18.0.2/24"),
        (bob, "10.71.2.2/24", two, "10.71.2.1/24"),
    ]
    with wired((ann, one, two, bob), wires):
        run("ip", "-n", ann, "route", "add", "default", "via", "10.71.1.1")
        run("ip", "-n", bob, "route", "add", "default", "via", "10.71.2.1")
        for place, wan in ((one, "w1a"), (two, "w1b")):
            run("ip", "netns", "exec", place, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            run("ip", "netns", "exec", place, "nft", "-f", "-", text=KEEPS_PORTS.format(wan=wan, how=how))
        yield ann, bob


async def end(place: str, *words: str) -> str:
    """What one end says."""
    command = ["ip", "netns", "exec", place, sys.executable, "-m", "tests.client.punch_end", *words]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 40)
    return out.decode() or err.decode().strip().splitlines()[-1]


async def test_two_nats_that_keep_ports_are_punched_through():
    with two_nats() as (ann, bob):
        said = await asyncio.gather(
            end(ann, "sender", "41001", "198.18.0.2", "41002"), end(bob, "receiver", "41002", "198.18.0.1", "41001")
        )
    assert said == ["ok punch 198.18.0.2:41002\n", "ok punch 198.18.0.1:41001\n"]


async def test_two_nats_that_change_ports_end_with_a_sentence():
    with two_nats(how=" fully-random") as (ann, bob):
        said = await asyncio.gather(
            end(ann, "sender", "41001", "198.18.0.2", "41002"), end(bob, "receiver", "41002", "198.18.0.1", "41001")
        )
    assert all("the two networks let no connection through" in each for each in said)
