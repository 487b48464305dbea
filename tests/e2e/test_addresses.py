"""Networks other than one of IPv4: IPv6 alone, link-local addresses alone, a VPN that holds the default route."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.files import make
from tests.e2e.lan import Lan, lan
from tests.e2e.test_lan import homes, serving
from tests.e2e.transfer.pair import well
from tests.netns import run

pytestmark = pytest.mark.anyio


async def arrives(tmp_path: Path, net: Lan, by: str) -> str:
    """Ann, who is her own server, sends to bob, by the link or by the code; the server's address that she shows."""
    async with homes(tmp_path, net, "ann", "bob") as (ann, bob):
        make(ann.folder / "a.bin", 1_000_000)
        sender = await ann.burrow("send", "a.bin", "--json")
        ready = await sender.event("ready")
        receiver = await bob.burrow("receive", ready[by], "--json")
        await well(receiver, 30)
        await well(sender, 30)
        assert (bob.folder / "a.bin").read_bytes() == (ann.folder / "a.bin").read_bytes()
        return str(ready["server"])


@pytest.mark.parametrize("by", ["link", "code"])
async def test_a_network_of_ipv6_alone_is_enough(tmp_path: Path, by: str) -> None:
    with lan("ann", "bob", prefix="fd73::") as net:
        assert (await arrives(tmp_path, net, by)).startswith(f"http://[{net.address('ann')}]:")


async def test_link_local_addresses_are_enough(tmp_path: Path) -> None:
    with lan("ann", "bob", prefix="") as net:
        shown = await arrives(tmp_path, net, "code")
        assert shown.startswith("http://[fe80::")
        assert "%25eth0]:" in shown


async def test_an_address_with_a_zone_is_understood_in_both_spellings(tmp_path: Path) -> None:
    with lan("desk", "bob", prefix="") as net:
        own = run("ip", "-n", net.name("desk"), "-6", "-o", "addr", "show", "dev", "eth0").split()[3].partition("/")[0]
        async with serving(tmp_path, net, "desk"), homes(tmp_path, net, "bob") as (bob,):
            for zone in ("%eth0", "%25eth0"):
                sender = await bob.burrow("send", "--text", "hi", "--server", f"http://[{own}{zone}]:5000", "--json")
                link = (await sender.event("ready"))["link"]
                assert link.startswith(f"http://[{own}%25eth0]:5000/r#")
                receiver = await bob.burrow("receive", link, "--json")
                await well(receiver, 30)
                await well(sender, 30)


@pytest.mark.parametrize("by", ["link", "code"])
async def test_a_vpn_that_holds_the_default_route_does_not_hide_the_local_network(tmp_path: Path, by: str) -> None:
    with lan("ann", "bob") as net:
        ann, vpn = net.name("ann"), f"{net.name('vpn')}"
        run("ip", "netns", "add", vpn)
        try:
            run("ip", "-n", ann, "link", "add", "wg0", "type", "veth", "peer", "name", "far", "netns", vpn)
            for place, device, address in ((ann, "wg0", "10.8.0.2/24"), (vpn, "far", "10.8.0.1/24")):
                run("ip", "-n", place, "addr", "add", address, "dev", device)
                run("ip", "-n", place, "link", "set", device, "up")
            run("ip", "-n", ann, "route", "add", "default", "via", "10.8.0.1")
            run("ip", "-n", ann, "link", "add", "docker0", "type", "bridge")
            run("ip", "-n", ann, "addr", "add", "172.17.0.1/16", "dev", "docker0")
            run("ip", "-n", ann, "link", "set", "docker0", "up")
            assert (await arrives(tmp_path, net, by)).startswith(f"http://{net.address('ann')}:")
        finally:
            subprocess.run(["ip", "netns", "del", vpn], capture_output=True, timeout=20, check=False)
