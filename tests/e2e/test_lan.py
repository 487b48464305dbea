"""The local network, with real multicast between namespaces: servers are found without an address, what lies is not
believed, and with --local-only nobody else is answered.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.files import make
from tests.e2e.lan import Lan, lan
from tests.e2e.served import Served
from tests.e2e.transfer.pair import Machine, well

pytestmark = pytest.mark.anyio


class Home(Machine):
    """A person on the local network who looks for what is near."""

    async def burrow(self, *args: str | Path, **more: str):  # type: ignore[no-untyped-def,override]
        return await super().burrow(*args, **{"BURROW_FIND_SERVERS": "1", **more})


@contextlib.asynccontextmanager
async def homes(folder: Path, net: Lan, *names: str) -> AsyncIterator[list[Home]]:
    made = [Home(folder / name, net.within(name)) for name in names]
    try:
        yield made
    finally:
        await asyncio.gather(*(home.close() for home in made))


@contextlib.asynccontextmanager
async def serving(folder: Path, net: Lan, name: str, **settings: object) -> AsyncIterator[Served]:
    server = Served(folder / name, **settings)
    server.within, server.host, server.port = net.within(name), "0.0.0.0", 5000
    try:
        await server.start()
        await server.logged("the server is announced on the local network")
        yield server
    finally:
        await server.close()


async def test_two_terminals_find_each_other_without_an_address(tmp_path: Path) -> None:
    with lan("ann", "bob", "eve") as net:
        async with homes(tmp_path, net, "ann", "bob", "eve") as (ann, bob, eve):
            make(ann.folder / "a.bin", 1_000_000)
            make(eve.folder / "e.bin", 1000)
            sender = await ann.burrow("send", "a.bin", "--json")
            code = (await sender.event("ready"))["code"]
            other = await eve.burrow("send", "e.bin", "--json")  # is a server too, and not a guest of ann's
            assert (await other.event("ready"))["server"].startswith(f"http://{net.address('eve')}:")
            number = code.partition("-")[0]
            if (await other.event("ready"))["code"].startswith(
                f"{number}-"
            ):  # a guess would burn a code: somebody chooses
                receiver = await bob.run("receive", code, "--json")
                assert "choose with --server" in receiver.said
                return
            receiver = await bob.burrow("receive", code, "--json")
            await well(receiver)
            await well(sender)
            assert "found on your network" in receiver.said
            assert (bob.folder / "a.bin").read_bytes() == (ann.folder / "a.bin").read_bytes()


LIAR = """
import asyncio, socket, sys
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf
async def hello(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + b'{"server_id": "0000000000"}')
    writer.close()
async def main():
    await asyncio.start_server(hello, "0.0.0.0", 5000)
    speaker = AsyncZeroconf()
    for label, port, address, text in [
        ("far", 5000, "203.0.113.9", {"v": "1", "id": "aaaaaaaaaa"}),
        ("other", 5000, sys.argv[1], {"v": "1", "id": "bbbbbbbbbb"}),
        ("odd", 5000, sys.argv[1], {"v": "1", "id": "../../etc"}),
        ("new", 5000, sys.argv[1], {"v": "9", "id": "cccccccccc"}),
        ("shut", 6000, sys.argv[1], {"v": "1", "id": "dddddddddd"}),
        ("<b>red", 5000, sys.argv[1], {"v": "1" * 200, "id": "eeeeeeeeee"}),
    ]:
        await speaker.async_register_service(AsyncServiceInfo(
            "_burrowspace._tcp.local.", label + "._burrowspace._tcp.local.", port=port,
            addresses=[socket.inet_aton(address)], properties=text, server=f"liar-{port}.local."))
    print("up", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_the_server_of_the_network_is_used_and_liars_are_not(tmp_path: Path) -> None:
    with lan("ann", "bob", "desk", "liar") as net:
        liar = await asyncio.create_subprocess_exec(
            *net.within("liar"), sys.executable, "-c", LIAR, net.address("liar"), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert liar.stdout is not None
            assert await asyncio.wait_for(liar.stdout.readline(), 20) == b"up\n"
            async with contextlib.AsyncExitStack() as stack:
                server = await stack.enter_async_context(serving(tmp_path, net, "desk", local_only=True))
                ann, bob = await stack.enter_async_context(homes(tmp_path, net, "ann", "bob"))
                url = f"http://{net.address('desk')}:5000"
                listed = await bob.run("servers", "--json")
                assert [json.loads(line)["url"] for line in listed.out.splitlines()] == [url]
                sender = await ann.burrow("send", "--text", "the door is 4711", "--json")
                ready = await sender.event("ready")
                assert ready["server"] == url
                receiver = await bob.burrow("receive", ready["code"], "--json")
                await well(receiver)
                assert (await receiver.event("text"))["text"] == "the door is 4711"
                assert await server.stop() == 0
                gone = await bob.run("servers", "--json")
                assert gone.out == b""
        finally:
            liar.kill()
            await liar.wait()


async def test_with_local_only_a_caller_from_elsewhere_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with lan("ann", "desk") as net:
        for host, own in (("ann", "203.0.113.7"), ("desk", "203.0.113.1")):
            done = await asyncio.create_subprocess_exec(
                *net.within(host), "ip", "addr", "add", f"{own}/24", "dev", "eth0"
            )
            assert await done.wait() == 0
        async with serving(tmp_path, net, "desk", local_only=True), homes(tmp_path, net, "ann") as (ann,):
            for path, method in (("/status", "GET"), ("/download/" + "0" * 32, "GET"), ("/socket.io/", "POST")):
                said = await _ask(net, f"http://203.0.113.1:5000{path}", method)
                assert said["code"] == "forbidden", path
                assert "local network" in said["error"]
            refused = await ann.run("send", "--text", "x", "--store", "--server", "http://203.0.113.1:5000")
            assert refused.process.returncode == 6
            assert "only callers of its own local network" in refused.said
            status = await _ask(net, f"http://{net.address('desk')}:5000/status")
            fields = {"status", "server_id", "ip", "port", "public_url", "connected_peers", "active_transfers"}
            assert fields | {"stun_servers"} <= set(status)
            assert status["stun_servers"] == [f"stun:{net.address('desk')}:3478"]  # its own, none of anybody else


ASK = """
import sys, urllib.error, urllib.request
asked = urllib.request.Request(sys.argv[1], method=sys.argv[2], data=b"x" * 100_000 if sys.argv[2] == "POST" else None)
try:
    print(urllib.request.urlopen(asked, timeout=10).read().decode())
except urllib.error.HTTPError as refused:
    assert refused.code == 403, refused.code
    print(refused.read().decode())
"""


async def _ask(net: Lan, url: str, method: str = "GET") -> dict[str, object]:
    process = await asyncio.create_subprocess_exec(
        *net.within("ann"), sys.executable, "-c", ASK, url, method, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    found: dict[str, object] = json.loads(out)
    return found
