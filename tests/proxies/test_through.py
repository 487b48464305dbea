"""Control calls and blocks of the terminal go through real proxies, where nothing else leads out."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import Program
from tests.e2e.files import digest, make
from tests.e2e.transfer.pair import link_of, well
from tests.proxies.office import PASSWORD, Office, office

pytestmark = pytest.mark.anyio

SIZE = 9_000_000


async def carried(at: Office, url: str, **environment: str) -> None:
    """A file from ann to bob, both through the proxy."""
    make(at.ann.folder / "a.bin", SIZE)
    sender = await at.ann.burrow("send", "a.bin", "--server", url, "--json", **environment)
    receiver = await at.bob.burrow("receive", await link_of(sender), "--json", **environment)
    said = await arrived(sender, receiver)
    assert set(said["shares"]) == {"relay"}
    assert digest(at.bob.folder / "a.bin") == digest(at.ann.folder / "a.bin")
    for program in (sender, receiver):
        told = program.said + program.out.decode()
        assert PASSWORD not in told
        assert "%2D" not in told


async def arrived(sender: Program, receiver: Program) -> dict[str, Any]:
    """The receiver's last event."""
    try:
        said = await well(receiver, 30)
        await well(sender, 30)
    except TimeoutError:
        pytest.fail(f"{sender.said}\n{sender.events[-8:]}\n{receiver.said}\n{receiver.events[-8:]}")
    return said


@pytest.mark.parametrize("lines", [(), ("ConnectPort 443",)], ids=["any port", "CONNECT to 443 only"])
async def test_a_server_without_tls_is_reached_through_a_proxy_with_a_password(
    tmp_path: Path, lines: tuple[str, ...]
) -> None:
    async with office(tmp_path) as at:
        await carried(at, await at.server(), http_proxy=await at.tinyproxy(*lines, auth=True))


async def test_a_server_with_tls_is_reached_through_a_proxy_with_a_password(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        url = await at.server(tls=True, port=443)
        proxy = await at.tinyproxy("ConnectPort 443", auth=True)
        await carried(at, url, HTTPS_PROXY=proxy, BURROW_CA=str(tmp_path / "cert.pem"))


@pytest.mark.parametrize("auth", [False, True], ids=["open", "with a password"])
async def test_socks5h_leads_to_a_name_that_only_the_proxy_knows(tmp_path: Path, auth: bool) -> None:
    async with office(tmp_path) as at:
        await carried(at, await at.server(), ALL_PROXY=await at.microsocks(auth=auth))


@pytest.mark.parametrize("tls", [False, True], ids=["without TLS", "with TLS"])
@pytest.mark.parametrize("auth", [False, True], ids=["open", "with a password"])
async def test_squid_leads_to_a_server(tmp_path: Path, auth: bool, tls: bool) -> None:
    async with office(tmp_path) as at:
        url, proxy = await at.server(tls=tls, port=443 if tls else 5000), await at.squid(auth=auth)
        named = {"https_proxy": proxy, "BURROW_CA": str(tmp_path / "cert.pem")} if tls else {"http_proxy": proxy}
        await carried(at, url, **named)


@pytest.mark.parametrize("auth", [False, True], ids=["open", "with a password"])
async def test_dante_leads_to_a_name_that_only_the_proxy_knows(tmp_path: Path, auth: bool) -> None:
    async with office(tmp_path) as at:
        await carried(at, await at.server(), ALL_PROXY=await at.dante(auth=auth))


async def test_a_proxy_that_is_itself_reached_by_tls_leads_to_a_server_with_tls(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        url = await at.server(tls=True, port=443)
        await at.tinyproxy(auth=True)
        proxy, both = await at.by_tls(8888), tmp_path / "both.pem"
        both.write_text((tmp_path / "cert.pem").read_text() + (tmp_path / "gateway.pem").read_text())
        await carried(at, url, https_proxy=proxy, BURROW_CA=str(both))


async def test_a_stream_of_unknown_length_gets_through_where_no_tunnel_does(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        url, proxy = await at.server(), await at.tinyproxy("ConnectPort 443", auth=True)
        make(at.ann.folder / "a.bin", SIZE)
        with (at.ann.folder / "a.bin").open("rb") as stream:
            sender = await at.ann.burrow("send", "-", "--server", url, "--json", stdin=stream, http_proxy=proxy)
        receiver = await at.bob.burrow("receive", await link_of(sender), "--json", http_proxy=proxy)
        await arrived(sender, receiver)
        (got,) = at.bob.folder.iterdir()
        assert digest(got) == digest(at.ann.folder / "a.bin")


@pytest.mark.parametrize("how", ["CONNECT to 443 only", "socks"])
async def test_the_way_of_the_app_goes_through_the_proxy_too(tmp_path: Path, how: str) -> None:
    async with office(tmp_path) as at:
        url = await at.server()
        proxy = await (at.microsocks(auth=True) if how == "socks" else at.tinyproxy("ConnectPort 443", auth=True))
        make(at.ann.folder / "a.bin", SIZE)
        receiver = await at.bob.burrow("receive", "--as", "bob", "--yes", "--server", url, all_proxy=proxy)
        await receiver.until(lambda each: "Waiting for what the app sends" in each.said)
        sender = await at.ann.burrow("send", "a.bin", "--to", "bob", "--plain", "--server", url, all_proxy=proxy)
        assert await sender.ended(30) == 0, sender.said
        assert await receiver.ended(30) == 0, receiver.said
        assert digest(at.bob.folder / "a.bin") == digest(at.ann.folder / "a.bin")
