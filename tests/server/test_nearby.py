"""Devices of one network with a served world: who sees whom, when, and who may knock."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from burrowspace.server.driver import nearby
from burrowspace.server.nearness import network
from tests.app import Running, running

pytestmark = pytest.mark.anyio

SECRET = "s" * 32
PUBLIC = base64.b64encode(bytes(32)).decode()
OCTETS = {"Content-Type": "application/octet-stream"}
CROWD = 50
ANN, BOB, EVE = "a" * 32, "b" * 32, "e" * 32


class Clock:
    now = 1000.0

    def pass_(self, server: Running, seconds: float) -> None:
        """So much later the server has swept."""
        self.now += seconds
        server.app.driver.nearby.sweep()


@pytest.fixture
async def server(tmp_path: Path):
    async with running(tmp_path) as server:
        yield server


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller says in a header which network it is of."""
    monkeypatch.setattr(
        "burrowspace.server.api.nearby.network", lambda _, headers, **__: headers.get("x-network", "here")
    )


def by(handle: str, where: str = "here", secret: str | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret or SECRET + handle}", "X-Network": where}


def card(handle: str, **other: Any) -> dict[str, Any]:
    shown = {"name": f"device {handle[:4]}", "kind": "phone", "picture": 7, "public": PUBLIC}
    return {**shown, "inbox": handle[::-1], **other}


async def show(server: Running, handle: str, where: str = "here", expect: int = 200, **other: Any) -> Any:
    body = card(handle, **other)
    return await server.call("PUT", f"/nearby/{handle}", expect, json=body, headers=by(handle, where))


async def watch(server: Running, handle: str, query: str = "", where: str = "here", expect: int = 200) -> Any:
    return await server.call("GET", f"/nearby/{handle}{query}", expect, headers=by(handle, where))


async def leave(server: Running, handle: str, stay: int) -> None:
    await server.call("DELETE", f"/nearby/{handle}?stay={stay}", headers=by(handle))


async def alone(server: Running, handle: str, version: int) -> Any:
    return await watch(server, handle, f"?version={version}&wait=50")


async def everything(server: Running, handle: str, version: int) -> Any:
    wanted = {"nearby": {handle: {"token": SECRET + handle, "version": version}}, "wait": 50}
    return await server.call("POST", "/changes", json=wanted)


async def knock(server: Running, to: str, sender: str, body: bytes = b"x", where: str = "here", expect: int = 200):
    path = f"/nearby/{to}/knock?from={sender}"
    return await server.call("POST", path, expect, data=body, headers={**OCTETS, **by(sender, where)})


async def inbox(server: Running, handle: str) -> list[bytes]:
    told = await server.get(f"/mailboxes/{handle[::-1]}")
    return [base64.b64decode(each["body"]) for each in told["messages"]]


def seen(told: Any) -> list[str]:
    return [each["handle"] for each in told["devices"]]


async def waiting(server: Running, count: int) -> None:
    async with asyncio.timeout(20):
        while len(server.app.driver.notifier) != count:
            await asyncio.sleep(0)


async def test_devices_of_one_network_see_each_other_and_nobody_sees_an_inbox(server: Running):
    assert (await show(server, ANN))["devices"] == []
    told = await show(server, BOB, name="Bob's größtes Telefon", picture=999)
    assert told["devices"] == [{"handle": ANN, "name": "device aaaa", "kind": "phone", "picture": 7, "public": PUBLIC}]
    assert seen(await watch(server, ANN)) == [BOB]


@pytest.mark.usefixtures("elsewhere")
async def test_devices_of_other_networks_are_not_seen_and_one_that_moves_is_seen_there(server: Running):
    await show(server, ANN)
    await show(server, BOB, "there")
    await show(server, EVE, "there")
    assert seen(await watch(server, ANN)) == []
    version = (await watch(server, BOB, where="there"))["version"]
    left = asyncio.create_task(watch(server, BOB, f"?version={version}&wait=50", "there"))
    await waiting(server, 1)
    assert seen(await watch(server, EVE, where="here")) == [ANN]
    assert seen(await left) == []
    assert seen(await watch(server, ANN)) == [EVE]


async def test_a_crowd_that_waits_is_told_of_one_change_by_one_question_each(tmp_path: Path):
    handles = [f"{n:032x}" for n in range(CROWD)]
    async with running(tmp_path, max_nearby=CROWD + 1) as server, crowd(server) as many:
        for handle in handles:
            told = await show(many, handle)
        query = f"?version={told['version']}&wait=50"
        calls = [asyncio.create_task(watch(many, handle, query)) for handle in handles]
        await waiting(server, CROWD)
        asked = 0
        inner = server.app.driver.nearby._seen

        def counted(device: Any) -> Any:
            nonlocal asked
            asked += 1
            return inner(device)

        server.app.driver.nearby._seen = counted  # type: ignore[method-assign]
        await show(many, ANN)
        answers = await asyncio.gather(*calls)
        assert asked == CROWD + 1  # once for each, and for who came: nobody polls
        assert {answer["version"] for answer in answers} == {told["version"] + 1}
        assert all(len(answer["devices"]) == CROWD and seen(answer)[-1] == ANN for answer in answers)
        assert (await show(many, BOB, expect=429))["code"] == "too-many"
        await waiting(server, 0)


@contextlib.asynccontextmanager
async def crowd(server: Running) -> AsyncIterator[Running]:
    """The same world, with as many connections as it takes."""
    async with aiohttp.ClientSession(server.url, connector=aiohttp.TCPConnector(limit=0)) as http:
        yield Running(server.app, http)


async def test_what_does_not_change_wakes_nobody_and_a_wait_ends_with_its_time(server: Running):
    await show(server, ANN)
    told = await show(server, BOB)
    calm = asyncio.create_task(watch(server, BOB, f"?version={told['version']}&wait=50"))
    await waiting(server, 1)
    assert (await show(server, ANN))["version"] == told["version"]
    assert await watch(server, ANN, f"?version={told['version']}&wait=0.01") == await watch(server, ANN)
    assert not calm.done()
    assert (await show(server, ANN, name="renamed"))["version"] != told["version"]
    assert [each["name"] for each in (await calm)["devices"]] == ["renamed"]


async def test_a_device_stays_for_a_while_after_its_last_call_and_while_it_waits(server: Running, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(type(server.app.driver._context), "now", staticmethod(lambda: now))
    await show(server, ANN)
    told = await show(server, BOB)
    held = asyncio.create_task(watch(server, BOB, f"?version={told['version']}&wait=50"))
    await waiting(server, 1)
    now += nearby.STAY_S + 1
    await watch(server, ANN, expect=404)  # before the sweep, too
    server.app.driver.nearby.sweep()
    assert seen(await held) == []
    server.app.driver.nearby.sweep()
    assert len(server.app.driver.nearby) == 1
    now += nearby.STAY_S - 1
    await watch(server, BOB)
    now += nearby.STAY_S - 1
    assert seen(await show(server, ANN)) == [BOB]


@pytest.fixture
def clock(server: Running, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of presence; the sweeps are the test's, too."""
    clock = Clock()
    monkeypatch.setattr(type(server.app.driver._context), "now", staticmethod(lambda: clock.now))
    return clock


@pytest.mark.parametrize("call", [alone, everything], ids=["its own call", "one call for everything"])
async def test_a_device_whose_waiting_call_is_cut_stays_for_a_reload_and_no_longer(
    server: Running, clock: Clock, call: Callable[[Running, str, int], Awaitable[Any]]
):
    await show(server, ANN)
    version = (await show(server, BOB))["version"]
    cut = asyncio.create_task(call(server, ANN, version))
    held = asyncio.create_task(alone(server, BOB, version))
    await waiting(server, 2)
    cut.cancel()
    await waiting(server, 1)
    clock.pass_(server, nearby.CUT_S - 1)
    assert not held.done()
    again = asyncio.create_task(call(server, ANN, version))
    await waiting(server, 2)
    clock.pass_(server, 10 * nearby.STAY_S)
    again.cancel()
    await waiting(server, 1)
    clock.pass_(server, nearby.CUT_S - 1)
    assert not held.done(), "it blinked"
    clock.pass_(server, 2)
    assert seen(await held) == []


async def test_a_device_that_calls_after_its_waiting_call_was_cut_stays_as_after_any_call(
    server: Running, clock: Clock
):
    """A hidden page ends its waiting call and says once more that it is here: in any order for the server."""
    await show(server, ANN)
    told = await show(server, BOB)
    cut = asyncio.create_task(watch(server, ANN, f"?version={told['version']}&wait=50"))
    await waiting(server, 1)
    await watch(server, ANN)
    cut.cancel()
    await waiting(server, 0)
    clock.pass_(server, nearby.STAY_S - 1)
    assert seen(await watch(server, BOB)) == [ANN]
    clock.pass_(server, 2)
    assert seen(await watch(server, BOB)) == []


async def test_a_page_that_closes_is_gone_in_a_moment_unless_it_was_a_reload_or_another_page_is_open(
    server: Running, clock: Clock
):
    await show(server, ANN)
    told = await show(server, BOB)
    held = asyncio.create_task(watch(server, BOB, f"?version={told['version']}&wait=50"))
    await waiting(server, 1)
    await leave(server, ANN, 4)
    clock.pass_(server, 3)
    assert (await show(server, ANN))["version"] == told["version"]  # loaded again
    other = asyncio.create_task(watch(server, ANN, f"?version={told['version']}&wait=50"))
    await waiting(server, 2)
    await leave(server, ANN, 4)
    clock.pass_(server, nearby.STAY_S)
    assert not held.done(), "it blinked"
    other.cancel()
    await waiting(server, 1)
    await leave(server, ANN, 4)
    clock.pass_(server, 5)
    assert seen(await held) == []
    await server.call("DELETE", f"/nearby/{BOB}?stay=11", 400, headers=by(BOB))


async def test_a_device_that_leaves_is_gone_at_once_and_its_waiting_call_ends(server: Running):
    await show(server, ANN)
    told = await show(server, BOB)
    others = asyncio.create_task(watch(server, ANN, f"?version={told['version']}&wait=50"))
    own = asyncio.create_task(watch(server, BOB, f"?version={told['version']}&wait=50", expect=404))
    await waiting(server, 2)
    assert await server.call("DELETE", f"/nearby/{BOB}", headers=by(BOB)) == {"status": "gone"}
    assert seen(await others) == []
    await own


async def test_only_the_holder_of_its_secret_speaks_for_a_handle(server: Running):
    await show(server, ANN)
    for method, path, more in (
        ("PUT", f"/nearby/{ANN}", {"json": card(ANN)}),
        ("GET", f"/nearby/{ANN}", {}),
        ("DELETE", f"/nearby/{ANN}", {}),
        ("POST", f"/nearby/{BOB}/knock?from={ANN}", {"data": b"x"}),
    ):
        kind = OCTETS if "data" in more else {}
        await server.call(method, path, 403, headers={**kind, **by(ANN, secret="t" * 32)}, **more)
        await server.call(method, path, 401, headers={**kind, **by(ANN, secret="short")}, **more)
        await server.call(method, path, 401, headers=kind, **more)
    assert seen(await show(server, BOB)) == [ANN]


@pytest.mark.usefixtures("elsewhere")
async def test_a_knock_lies_in_the_inbox_of_a_device_of_the_same_network_only(server: Running):
    for handle, where in ((ANN, "here"), (BOB, "here"), (EVE, "there")):
        await show(server, handle, where)
    assert await knock(server, BOB, ANN, b"\x00sealed") == {"status": "ok"}
    assert await inbox(server, BOB) == [b"\x00sealed"]
    for to, sender, where in ((BOB, EVE, "there"), (EVE, ANN, "here"), ("f" * 32, ANN, "here"), (ANN, ANN, "here")):
        assert (await knock(server, to, sender, where=where, expect=404))["code"] == "not-found"
    await knock(server, BOB, "f" * 32, expect=404)
    assert (await knock(server, BOB, ANN, where="there", expect=404))["code"] == "not-found"  # it has moved
    assert len(await inbox(server, BOB)) == 1


async def test_a_knock_is_bounded_in_size_kind_and_number(tmp_path: Path):
    async with running(tmp_path, max_knocks_per_minute=3, max_mailbox_messages=4) as server:
        for handle in (ANN, BOB, EVE):
            await show(server, handle)
        await knock(server, BOB, ANN, bytes(4097), expect=413)
        await knock(server, BOB, ANN, b"", expect=400)
        path = f"/nearby/{BOB}/knock?from={ANN}"
        await server.call("POST", path, 415, json={}, headers=by(ANN))
        for _ in range(3):
            await knock(server, BOB, ANN, bytes(4096))
        assert "minute" in (await knock(server, BOB, ANN, expect=429))["error"]
        await knock(server, BOB, EVE)
        assert "has not looked" in (await knock(server, BOB, EVE, expect=429))["error"]  # its mailbox is full
        await knock(server, ANN, EVE)


async def test_an_address_of_the_own_network_shows_so_many_devices(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("burrowspace.server.api.context.counted", lambda _: "10.0.0.7")
    async with running(tmp_path, max_nearby_per_address=2) as server:
        await show(server, ANN)
        await show(server, BOB)
        assert "your address" in (await show(server, EVE, expect=429))["error"]
        assert seen(await watch(server, ANN)) == [BOB]
        await server.call("DELETE", f"/nearby/{ANN}", headers=by(ANN))
        await show(server, EVE)


@pytest.mark.parametrize(
    "other",
    [
        {"name": ""},
        {"name": "a" * 65},
        {"name": "a\nb"},
        {"name": "a\u202eb"},
        {"kind": "toaster"},
        {"picture": 1000},
        {"picture": "1"},
        {"public": base64.b64encode(bytes(31)).decode()},
        {"public": "A" * 42 + "B="},
        {"inbox": "../" * 10},
    ],
)
async def test_a_card_that_makes_no_sense_is_refused(server: Running, other: dict[str, Any]):
    await show(server, ANN, expect=400, **other)
    assert len(server.app.driver.nearby) == 0


async def test_a_server_that_shows_nobody_says_so(tmp_path: Path):
    async with running(tmp_path) as server:
        assert "nearby" in (await server.get("/hello"))["features"]
    async with running(tmp_path, nearby=False) as server:
        assert "nearby" not in (await server.get("/hello"))["features"]
        assert "nearby" not in (await server.get("/status"))["features"]
        assert "does not show" in (await show(server, ANN, expect=404))["error"]


async def test_who_comes_through_an_unknown_proxy_or_a_tunnel_sees_nobody(server: Running):
    await show(server, ANN)
    for handle, strange in ((BOB, {"X-Forwarded-For": "203.0.113.7"}), (EVE, {"Host": "tunnel.example"})):
        headers = {**by(handle), **strange}
        assert (await server.call("PUT", f"/nearby/{handle}", json=card(handle), headers=headers))["devices"] == []
    server.app.reach.tunnel_url = "https://tunnel.example"
    assert seen(await watch(server, ANN)) == []


@pytest.mark.parametrize(
    ("address", "headers", "found"),
    [
        ("192.168.1.7", {}, "own"),
        ("fe80::1%eth0", {}, "own"),
        ("::ffff:172.31.0.1", {}, "own"),
        ("172.32.0.1", {}, "172.32.0.1"),
        ("203.0.113.7", {"x-forwarded-for": "10.0.0.1"}, "203.0.113.7"),
        ("2001:db8:0:1::7", {}, "2001:db8:0:1::/64"),
        ("192.168.1.7", {"via": "1.1 somewhere"}, None),
        ("192.168.1.7", {"x-forwarded-for": "192.168.1.7, 203.0.113.9"}, None),
        ("192.168.1.7", {"forwarded": 'for=1.2.3.4, for="192.168.1.7:4711"'}, "own"),
        ("fd00::7", {"forwarded": 'for="[fd00::7]:4711"'}, "own"),
        ("127.0.0.1", {"host": "localhost:5000"}, "own"),
        ("127.0.0.1", {"host": "127.0.0.1.evil.example"}, None),
        ("127.0.0.1", {}, None),
        ("", {}, None),
    ],
)
def test_the_network_of_a_caller_is_told_only_where_no_stranger_can_stand_there(address, headers, found):
    assert network(address, headers, has_public_url=False) == found
