"""One waiting call for all that a browser waits for, with a served world."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from tests.app import Running, running

pytestmark = pytest.mark.anyio

BOX, NONE = "0a" * 16, "0c" * 16
ANN, BOB = "a" * 32, "b" * 32
OCTETS = {"Content-Type": "application/octet-stream"}
CARD = {"name": "x", "kind": "phone", "picture": 1, "public": base64.b64encode(bytes(32)).decode(), "inbox": "d" * 32}


@pytest.fixture
async def server(tmp_path: Path):
    async with running(tmp_path) as server:
        yield server


async def changes(server: Running, wait: float = 0, **wanted: Any) -> dict[str, Any]:
    """Only what changed: the parts that are empty are left out."""
    told = await server.post("/changes", {**wanted, "wait": wait})
    assert set(told) == {"mailboxes", "nameplates", "nearby"}
    return {name: part for name, part in told.items() if part}


async def show(server: Running, handle: str, **other: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {handle}"}
    return await server.call("PUT", f"/nearby/{handle}", json={**CARD, **other}, headers=headers)


async def waiting(server: Running, count: int) -> None:
    async with asyncio.timeout(10):
        while len(server.app.driver.notifier) != count:
            await asyncio.sleep(0)


async def test_one_call_waits_for_a_message_a_claim_and_a_device(server: Running):
    await server.call("PUT", f"/mailboxes/{BOX}")
    plate = await server.post("/nameplates")
    number, version = str(plate["nameplate"]), (await show(server, ANN))["version"]
    wanted = {
        "mailboxes": {BOX: -1},
        "nameplates": {number: {"token": plate["token"], "after": -1}},
        "nearby": {ANN: {"token": ANN, "version": version}},
    }
    assert await changes(server, **wanted) == {}

    async def woken() -> asyncio.Task[dict[str, Any]]:
        task = asyncio.create_task(changes(server, 50, **wanted))
        await waiting(server, 1)
        return task

    task = await woken()
    claimed = await server.post(f"/nameplates/{number}/claim")
    told = await task
    assert [*told] == ["nameplates"]
    assert told["nameplates"][number]["claims"] == [{"number": 0, **claimed}]
    wanted["nameplates"][number]["after"] = 0

    task = await woken()
    await server.call("POST", f"/mailboxes/{BOX}", data=b"x", headers=OCTETS)
    told = await task
    assert told == {"mailboxes": {BOX: await server.get(f"/mailboxes/{BOX}")}}
    wanted["mailboxes"][BOX] = 0

    task = await woken()
    await show(server, BOB)
    told = await task
    assert [*told] == ["nearby"]
    assert [each["handle"] for each in told["nearby"][ANN]["devices"]] == [BOB]
    assert told["nearby"][ANN]["version"] > version


async def test_what_is_not_there_or_not_the_callers_is_null_at_once_and_hides_nothing_else(server: Running):
    plate = await server.post("/nameplates")
    free = str(plate["nameplate"] % 9 + 1)
    await show(server, ANN)
    await server.call("POST", f"/mailboxes/{BOX}", data=b"x", headers=OCTETS)
    told = await changes(
        server,
        50,
        mailboxes={BOX: -1, NONE: -1},
        nameplates={str(plate["nameplate"]): {"token": "another's"}, free: {"token": "t"}},
        nearby={ANN: {"token": BOB}, BOB: {"token": BOB}},
    )
    assert told["nameplates"] == {str(plate["nameplate"]): None, free: None}
    assert told["nearby"] == {ANN: None, BOB: None}
    assert told["mailboxes"][NONE] is None
    assert len(told["mailboxes"][BOX]["messages"]) == 1


async def test_a_device_is_here_as_long_as_the_call_waits_and_hears_that_it_left(server: Running):
    version = (await show(server, ANN))["version"]
    task = asyncio.create_task(changes(server, 50, nearby={ANN: {"token": ANN, "version": version}}))
    await waiting(server, 1)
    assert [each["handle"] for each in (await show(server, BOB))["devices"]] == [ANN]
    assert [each["handle"] for each in (await task)["nearby"][ANN]["devices"]] == [BOB]
    told = await changes(server, nearby={ANN: {"token": ANN}})
    again = {ANN: {"token": ANN, "version": told["nearby"][ANN]["version"]}}
    task = asyncio.create_task(changes(server, 50, nearby=again))
    await waiting(server, 1)
    await server.call("DELETE", f"/nearby/{ANN}", headers={"Authorization": f"Bearer {ANN}"})
    assert await task == {"nearby": {ANN: None}}


async def test_a_server_that_shows_no_devices_says_so_of_each(tmp_path: Path):
    async with running(tmp_path, show_devices=False) as server:
        assert await changes(server, 50, nearby={ANN: {"token": ANN}}) == {"nearby": {ANN: None}}


async def test_when_the_time_is_over_nothing_has_changed(server: Running):
    await server.call("PUT", f"/mailboxes/{BOX}")
    assert await changes(server, 0.01, mailboxes={BOX: -1}) == {}


async def test_one_call_waits_for_two_devices_of_one_network(server: Running):
    await show(server, ANN)
    version = (await show(server, BOB))["version"]
    both = {each: {"token": each, "version": version} for each in (ANN, BOB)}
    task = asyncio.create_task(changes(server, 50, nearby=both))
    await waiting(server, 1)
    await show(server, "c" * 32)
    told = (await task)["nearby"]
    assert {each: len(told[each]["devices"]) for each in told} == {ANN: 2, BOB: 2}
    await waiting(server, 0)


async def test_calls_that_are_cut_and_made_again_never_use_up_those_of_a_device(server: Running):
    version = (await show(server, ANN))["version"]
    tasks = [
        asyncio.create_task(changes(server, 50, nearby={ANN: {"token": ANN, "version": version}})) for _ in range(6)
    ]
    await waiting(server, 6)
    await show(server, BOB)
    assert all(each["nearby"][ANN] for each in await asyncio.gather(*tasks))


async def test_what_one_browser_waits_for_counts_by_eights_against_its_address(tmp_path: Path):
    many = {f"{n:032x}": -1 for n in range(17)}
    async with running(tmp_path, trusted_proxies="127.0.0.1", max_waits_per_address=5) as server:
        for box in many:
            await server.call("PUT", f"/mailboxes/{box}")
        whose = {"X-Forwarded-For": "203.0.113.7"}

        async def ask(expect: int, wait: float) -> dict[str, Any]:
            return await server.call("POST", "/changes", expect, json={"mailboxes": many, "wait": wait}, headers=whose)

        task = asyncio.create_task(ask(200, 50))
        await waiting(server, 3)
        assert (await ask(429, 50))["code"] == "too-many"
        assert (await ask(200, 0))["mailboxes"] == {}
        await server.call("POST", f"/mailboxes/{next(iter(many))}", data=b"x", headers=OCTETS)
        assert len((await task)["mailboxes"]) == 1
        await waiting(server, 0)


async def test_a_caller_that_goes_away_waits_no_longer(server: Running):
    version = (await show(server, ANN))["version"]
    task = asyncio.create_task(changes(server, 50, nearby={ANN: {"token": ANN, "version": version}}))
    await waiting(server, 1)
    task.cancel()
    await waiting(server, 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"wait": 1},
        {
            "mailboxes": {f"{n:032x}": -1 for n in range(60)},
            "nameplates": {str(n + 1): {"token": "t"} for n in range(5)},
        },
        {"mailboxes": {"x": -1}},
        {"nameplates": {"0": {"token": "t"}}},
        {"nameplates": {"10000": {"token": "t"}}},
        {"nameplates": {"7": {"token": ""}}},
        {"nameplates": {"7": {"after": 0}}},
        {"nearby": {ANN: {"token": "short"}}},
        {"nearby": {f"{n:032x}": {"token": ANN} for n in range(5)}},
        {"mailboxes": {BOX: -1}, "wait": 51},
    ],
)
async def test_what_makes_no_sense_is_refused(server: Running, body: Any):
    await server.post("/changes", body, 400)
