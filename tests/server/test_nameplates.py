"""Nameplates with a served world: small numbers, fresh mailboxes, an owner that hears of each claim."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from burrowspace.server.driver.nameplates import pick
from tests.app import Running, running

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server(tmp_path: Path):
    async with running(tmp_path) as server:
        yield server


async def claims(server: Running, made: dict[str, Any], query: str = "", expect: int = 200) -> Any:
    return await server.call(
        "GET", f"/nameplates/{made['nameplate']}/claims{query}", expect, headers=bearer(made["token"])
    )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def waiting(server: Running, count: int) -> None:
    async with asyncio.timeout(10):
        while len(server.app.driver.notifier) != count:
            await asyncio.sleep(0)


async def test_the_first_nine_numbers_have_one_digit_and_none_is_given_twice(server: Running):
    numbers = [(await server.post("/nameplates"))["nameplate"] for _ in range(12)]
    assert sorted(numbers[:9]) == list(range(1, 10))
    assert all(9 < number < 100 for number in numbers[9:])
    assert len(set(numbers)) == 12


def test_any_free_number_of_the_shortest_kind_may_be_picked():
    assert {pick({3}, entropy) for entropy in range(100)} == {1, 2, 4, 5, 6, 7, 8, 9}
    assert {pick(set(range(1, 100)), entropy) for entropy in range(2000)} == set(range(100, 1000))


async def test_each_claim_makes_a_mailbox_of_its_own_and_the_owner_hears_of_it(server: Running):
    made = await server.post("/nameplates")
    reading = asyncio.create_task(claims(server, made, "?wait=50"))
    await waiting(server, 1)
    first = await server.post(f"/nameplates/{made['nameplate']}/claim")
    async with asyncio.timeout(20):
        assert (await reading)["claims"] == [{"number": 0, "mailbox": first["mailbox"]}]
    second = await server.post(f"/nameplates/{made['nameplate']}/claim")
    assert first != second
    assert (await claims(server, made, "?after=0"))["claims"] == [{"number": 1, "mailbox": second["mailbox"]}]
    assert (await server.get(f"/mailboxes/{first['mailbox']}"))["messages"] == []


async def test_only_the_token_shows_claims_and_burns(server: Running):
    made, other = await server.post("/nameplates"), await server.post("/nameplates")
    for method, path in (("GET", "/claims"), ("DELETE", "")):
        where = f"/nameplates/{made['nameplate']}{path}"
        await server.call(method, where, 401)
        await server.call(method, where, 403, headers=bearer(other["token"]))
        await server.call(method, where, 401, headers={"Authorization": "Basic abc"})
    await server.post(f"/nameplates/{made['nameplate']}/claim")


async def test_a_burnt_number_is_unknown_and_may_be_given_again_without_its_claims(server: Running):
    made = [await server.post("/nameplates") for _ in range(9)]
    burnt = made[4]
    await server.post(f"/nameplates/{burnt['nameplate']}/claim")
    reading = asyncio.create_task(claims(server, burnt, "?after=0&wait=50", expect=404))
    await waiting(server, 1)
    await server.call("DELETE", f"/nameplates/{burnt['nameplate']}", headers=bearer(burnt["token"]))
    await reading
    await server.post(f"/nameplates/{burnt['nameplate']}/claim", expect=404)
    again = await server.post("/nameplates")
    assert again["nameplate"] == burnt["nameplate"]
    assert (await claims(server, again))["claims"] == []
    await claims(server, burnt, expect=403)


async def test_claims_survive_a_restart(tmp_path: Path):
    async with running(tmp_path) as server:
        made = await server.post("/nameplates")
        claimed = await server.post(f"/nameplates/{made['nameplate']}/claim")
    async with running(tmp_path) as server:
        assert (await claims(server, made))["claims"] == [{"number": 0, **claimed}]


async def test_a_number_expires(tmp_path: Path):
    async with running(tmp_path, nameplate_s=1e-9) as server:
        made = await server.post("/nameplates")
        await server.post(f"/nameplates/{made['nameplate']}/claim", expect=404)
        await claims(server, made, expect=404)
        await server.app.driver.sweep()
        assert (await server.post("/nameplates"))["nameplate"] <= 9


async def speak(server: Running, mailbox: str) -> None:
    body = {"content-type": "application/octet-stream"}
    await server.call("POST", f"/mailboxes/{mailbox}", data=b"x", headers=body)


async def claimed(server: Running, number: int, expect: int = 200) -> Any:
    return (await server.post(f"/nameplates/{number}/claim", expect=expect)).get("mailbox")


async def test_a_number_has_so_many_claims_at_once(tmp_path: Path):
    async with running(tmp_path, max_nameplate_claims=2) as server:
        number = (await server.post("/nameplates"))["nameplate"]
        for _ in range(2):
            await speak(server, await claimed(server, number))
        await claimed(server, number, expect=429)


async def test_the_oldest_silent_claim_gives_way_to_a_new_one(tmp_path: Path):
    async with running(tmp_path, max_nameplate_claims=3) as server:
        made = await server.post("/nameplates")
        number = made["nameplate"]
        spoken, silent, other = [await claimed(server, number) for _ in range(3)]
        await speak(server, spoken)
        reading = asyncio.create_task(server.call("GET", f"/mailboxes/{silent}?wait=50", 404))
        await waiting(server, 1)
        fresh = await claimed(server, number)
        async with asyncio.timeout(10):
            await reading
        there = [each["mailbox"] for each in (await claims(server, made))["claims"]]
        assert there == [spoken, other, fresh]


async def test_a_claim_that_was_abandoned_counts_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("burrowspace.server.driver.nameplates.CLAIM_S", -1.0)
    async with running(tmp_path, max_nameplate_claims=1) as server:
        made = await server.post("/nameplates")
        for _ in range(3):
            await speak(server, await claimed(server, made["nameplate"]))
        assert len((await claims(server, made))["claims"]) == 1


async def test_a_meeting_that_takes_long_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("burrowspace.server.driver.nameplates.BRISK_S", -1.0)
    async with running(tmp_path, max_nameplate_claims=1) as server:
        number = (await server.post("/nameplates"))["nameplate"]
        first = await claimed(server, number)
        await speak(server, first)
        await claimed(server, number)
        await server.get(f"/mailboxes/{first}", 404)


async def test_claims_of_one_address_leave_room_for_those_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    caller = "203.0.113.7"
    monkeypatch.setattr("burrowspace.server.api.context.counted", lambda _: caller)
    async with running(tmp_path, max_nameplate_claims=3, max_nameplate_claims_per_address=2) as server:
        number = (await server.post("/nameplates"))["nameplate"]
        for _ in range(2):
            await speak(server, await claimed(server, number))
        await claimed(server, number, expect=429)
        caller = "203.0.113.8"
        await claimed(server, number)


async def test_who_guesses_numbers_is_stopped_also_behind_a_tunnel(tmp_path: Path, monkeypatch):
    async with running(tmp_path, max_claims_per_minute=1) as server:
        for _ in range(10):
            await server.post("/nameplates/77/claim", expect=404)
        await server.post("/nameplates/77/claim", expect=429)
        monkeypatch.setattr("burrowspace.server.api.context.counted", lambda _: "203.0.113.7")
        await server.post("/nameplates/77/claim", expect=404)
        await server.post("/nameplates/77/claim", expect=429)


async def test_an_address_holds_so_many_numbers(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("burrowspace.server.api.context.counted", lambda _: "203.0.113.7")
    async with running(tmp_path, max_nameplates_per_address=1) as server:
        made = await server.post("/nameplates")
        await server.post("/nameplates", expect=429)
        await server.call("DELETE", f"/nameplates/{made['nameplate']}", headers=bearer(made["token"]))
        await server.post("/nameplates")


@pytest.mark.parametrize("number", ["0", "-1", "x", "10000", "1e3", "9" * 50])
async def test_what_is_no_number_is_refused(server: Running, number: str):
    await server.post(f"/nameplates/{number}/claim", expect=400)


async def test_whether_a_number_is_held_can_be_asked_without_a_claim(server: Running):
    made = await server.post("/nameplates")
    number = made["nameplate"]
    assert await server.get(f"/nameplates/{number}") == {"status": "held", "nameplate": number}
    assert (await claims(server, made))["claims"] == []
    await server.get(f"/nameplates/{number % 9 + 1}", 404)
    await server.call("DELETE", f"/nameplates/{number}", headers=bearer(made["token"]))
    await server.get(f"/nameplates/{number}", 404)


async def test_asking_for_numbers_is_as_slow_as_claiming_them(tmp_path: Path):
    async with running(tmp_path, max_claims_per_minute=1) as server:  # ten from loopback
        made = await server.post("/nameplates")
        for _ in range(5):
            await server.get(f"/nameplates/{made['nameplate']}")
            await server.post(f"/nameplates/{made['nameplate']}/claim")
        await server.get(f"/nameplates/{made['nameplate']}", 429)
