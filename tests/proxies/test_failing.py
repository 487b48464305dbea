"""A proxy that does not let through: the person hears why, in a sentence, within 15 seconds."""

import asyncio
import hashlib
import json
import ssl
import time
from pathlib import Path

import pytest

from burrowspace.cli.exits import Exit
from tests.cli.program import Person
from tests.e2e.files import make
from tests.e2e.transfer.pair import link_of
from tests.proxies.office import GATEWAY, NAME, PASSWORD, USER, office

pytestmark = pytest.mark.anyio

SECONDS = 15.0


async def refused(person: Person, url: str, *sentence: str, **environment: str) -> None:
    """Both as text and as JSON."""

    async def told(*more: str) -> str:
        began = time.monotonic()
        program = await person.burrow("send", "a.bin", "--server", url, *more, **environment)
        code = await program.ended(SECONDS + 5)
        assert time.monotonic() - began < SECONDS
        assert code == Exit.UNREACHABLE, program.said
        for each in (program.said, program.out.decode()):
            assert PASSWORD not in each
            assert "wrong-word" not in each
        return program.out.decode() if more else program.said

    text, lines = await asyncio.gather(told(), told("--json"))
    last = json.loads(lines.splitlines()[-1])
    assert last["event"] == "error"
    for words in sentence:
        assert words in text
        assert words in last["error"]


async def test_a_wrong_password_and_a_missing_one_are_told(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        make(at.ann.folder / "a.bin", 1000)
        url = f"http://{NAME}:5000"
        right = await at.tinyproxy(auth=True)
        socks = await at.microsocks(auth=True)
        wrong, none = f"http://{USER}:wrong-word@{GATEWAY}:8888", f"http://{GATEWAY}:8888"
        assert right
        for scheme in ("http", "https"):
            asked = url.replace("http:", f"{scheme}:")
            await refused(at.ann, asked, "did not accept the user and the password", "ALL_PROXY", ALL_PROXY=wrong)
            await refused(at.ann, asked, "wants a user and a password", f"USER:PASSWORD@{GATEWAY}", ALL_PROXY=none)
        wrong = socks.replace("pa%2Dss.w_rd", "wrong-word")
        await refused(at.ann, url, "did not accept the user and the password", ALL_PROXY=wrong)
        none = f"socks5h://{GATEWAY}:1080"
        await refused(at.ann, url, "wants a user and a password", ALL_PROXY=none)


async def test_squid_and_dante_that_want_another_password_are_told(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        make(at.ann.folder / "a.bin", 1000)
        squid, dante = await at.squid(auth=True), await at.dante(auth=True)
        for proxy in (squid, dante):
            right, said = proxy.partition("@")[2], "did not accept the user and the password"
            scheme = proxy.partition(":")[0]
            await refused(at.ann, f"http://{NAME}:5000", said, ALL_PROXY=f"{scheme}://{USER}:wrong-word@{right}")
            none = f"{scheme}://{right}"
            await refused(at.ann, f"http://{NAME}:5000", "wants a user and a password", ALL_PROXY=none)
        await refused(at.ann, f"https://{NAME}:5000", "does not allow connections to", HTTPS_PROXY=squid)
        await refused(at.ann, f"http://{NAME}:5000", "cannot reach", http_proxy=squid)
        await refused(at.ann, f"http://{NAME}:5000", "found nobody listening", ALL_PROXY=dante)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("silent", "no answer came in time"),
        ("closes", "closed the connection without an answer"),
        ("403", "does not allow connections to"),
        ("407", "wants a user and a password"),
        ("502", "cannot reach"),
    ],
)
async def test_a_proxy_that_does_not_lead_to_the_server_is_named(tmp_path: Path, how: str, sentence: str) -> None:
    async with office(tmp_path) as at:
        make(at.ann.folder / "a.bin", 1000)
        proxy = await at.bad(how)
        await refused(at.ann, f"https://{NAME}", sentence, proxy, "HTTPS_PROXY", HTTPS_PROXY=proxy)
        await refused(at.ann, f"http://{NAME}:5000", sentence, proxy, http_proxy=proxy)
        socks = proxy.replace("http:", "socks5h:")
        if how in ("silent", "closes"):
            await refused(at.ann, f"http://{NAME}:5000", sentence, socks, all_proxy=socks)


@pytest.mark.parametrize("port", [443, 5000])
async def test_the_authority_of_a_server_is_asked_for_through_the_proxy_as_well(tmp_path: Path, port: int) -> None:
    async with office(tmp_path) as at:
        make(at.ann.folder / "a.bin", 1000)
        url, proxy, socks = await at.server(own=True, port=port), await at.tinyproxy(auth=True), await at.microsocks()
        held = (tmp_path / f"data-{port}" / "tls" / "ca.crt").read_bytes()
        shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(held.decode())).digest().hex(":").upper()
        for named in (proxy, socks):
            await refused(at.ann, url, shown, "--ca ca.crt", HTTPS_PROXY=named)
        doctor = await at.ann.burrow("doctor", "--server", url, HTTPS_PROXY=proxy)
        assert await doctor.ended(30) == Exit.TROUBLE
        assert shown in " ".join(doctor.out.decode().split())


async def test_a_proxy_that_is_not_there_or_cannot_be_read_is_named(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        make(at.ann.folder / "a.bin", 1000)
        url = f"http://{NAME}:5000"
        await refused(at.ann, url, "cannot be reached (nobody listens there", http_proxy=f"http://{GATEWAY}:9")
        await refused(at.ann, url, "of the kind ftp", http_proxy=f"ftp://ann:{PASSWORD}@{GATEWAY}:9")
        await refused(at.ann, url, "not the address of a proxy", http_proxy=f"http://ann:{PASSWORD}@{GATEWAY}:port")


async def test_where_only_the_blocks_are_refused_both_people_hear_why(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        url, words = await at.server(), at.home / "filter"
        words.write_text("/upload/\n/download/\n")
        proxy = await at.tinyproxy("ConnectPort 443", f'Filter "{words}"', "FilterURLs On", "FilterExtended On")
        make(at.ann.folder / "a.bin", 1_000_000)
        sender = await at.ann.burrow("send", "a.bin", "--server", url, "--json", http_proxy=proxy)
        receiver = await at.bob.burrow("receive", await link_of(sender), "--json", http_proxy=proxy)
        await receiver.event("met")
        for program in (sender, receiver):
            said = await program.until(
                lambda each: [e for e in each.events if e["event"] == "waiting" and "the proxy" in e["why"]], SECONDS
            )
            assert f"the proxy {proxy} (http_proxy) does not allow connections to {NAME}:5000" in said[0]["why"]
