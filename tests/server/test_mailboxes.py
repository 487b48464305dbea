"""Mailboxes with a served world: numbers, waiting, bounds, what survives and what does not."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from burrowspace.server.driver.mailboxes import MESSAGE_BYTES
from tests.app import Running, running

pytestmark = pytest.mark.anyio

BOX, OTHER = "/mailboxes/" + "0a" * 16, "/mailboxes/" + "0b" * 16
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture
async def server(tmp_path: Path):
    async with running(tmp_path) as server:
        yield server


async def put(server: Running, body: bytes, path: str = BOX, expect: int = 200) -> Any:
    return await server.call("POST", path, expect, data=body, headers=OCTETS)


async def bodies(server: Running, query: str = "", path: str = BOX) -> list[tuple[int, bytes]]:
    told = await server.get(path + query)
    return [(each["number"], base64.b64decode(each["body"])) for each in told["messages"]]


async def waiting(server: Running, count: int) -> None:
    """Until so many calls wait."""
    async with asyncio.timeout(10):
        while len(server.app.driver.notifier) != count:
            await asyncio.sleep(0)


async def test_messages_have_rising_numbers_and_reading_consumes_nothing(server: Running):
    made = await server.call("PUT", BOX)
    assert (made["messages"], made["bytes"], made["next_number"]) == (0, 0, 0)
    assert [await put(server, each) for each in (b"a", b"\x00\xff", b"c")] == [{"number": n} for n in range(3)]
    assert await bodies(server) == await bodies(server) == [(0, b"a"), (1, b"\x00\xff"), (2, b"c")]
    assert await bodies(server, "?after=1") == [(2, b"c")]
    assert await bodies(server, "?after=2") == []
    again = await server.call("PUT", BOX)
    assert (again["messages"], again["bytes"], again["next_number"]) == (3, 4, 3)
    assert again["expires_at"] > made["expires_at"]


async def test_a_post_makes_the_mailbox_and_a_read_does_not(server: Running):
    await server.get(BOX, 404)
    await put(server, b"a")
    assert await bodies(server) == [(0, b"a")]


async def test_who_waits_is_woken_by_the_message(server: Running):
    await server.call("PUT", BOX)
    reading = [asyncio.create_task(bodies(server, "?after=-1&wait=50")) for _ in range(3)]
    other = asyncio.create_task(bodies(server, "?after=0&wait=50"))
    await waiting(server, 4)
    await put(server, b"now")
    async with asyncio.timeout(20):
        assert await asyncio.gather(*reading) == [[(0, b"now")]] * 3
        assert not other.done()
        await put(server, b"then")
        assert await other == [(1, b"then")]


async def test_a_wait_ends_with_nothing_when_its_time_is_over(server: Running):
    await server.call("PUT", BOX)
    assert await bodies(server, "?wait=0.01") == []
    await waiting(server, 0)


async def test_a_caller_that_goes_away_waits_no_longer(server: Running):
    await server.call("PUT", BOX)
    reading = asyncio.create_task(bodies(server, "?wait=50"))
    await waiting(server, 1)
    reading.cancel()
    await waiting(server, 0)


async def test_a_mailbox_that_is_removed_ends_the_waiting(server: Running):
    await server.call("PUT", BOX)
    reading = asyncio.create_task(server.get(BOX + "?wait=50", 404))
    await waiting(server, 1)
    assert (await server.call("DELETE", BOX))["status"] == "removed"
    await reading
    await server.call("DELETE", BOX, 404)


async def test_messages_survive_a_restart_and_a_stop_answers_who_waits(tmp_path: Path):
    async with running(tmp_path) as server:
        await put(server, b"kept")
        reading = asyncio.create_task(bodies(server, "?after=0&wait=50"))
        await waiting(server, 1)
        server.app.driver.notifier.close()
        assert await reading == []
    async with running(tmp_path) as server:
        assert await bodies(server) == [(0, b"kept")]
        assert await put(server, b"next") == {"number": 1}


async def test_trimming_drops_up_to_a_number_and_numbers_go_on(server: Running):
    for each in (b"a", b"bb", b"ccc"):
        await put(server, each)
    left = await server.call("DELETE", BOX + "?upto=1")
    assert (left["messages"], left["bytes"], left["next_number"]) == (1, 3, 3)
    assert await bodies(server) == [(2, b"ccc")]
    assert (await server.call("DELETE", BOX + "?upto=99"))["messages"] == 0
    assert await put(server, b"d") == {"number": 3}


async def test_an_answer_is_bounded_and_the_rest_is_asked_for(server: Running):
    body = bytes(MESSAGE_BYTES)
    for _ in range(20):
        await put(server, body)
    first = await bodies(server)
    rest = await bodies(server, f"?after={first[-1][0]}")
    assert [number for number, _ in first + rest] == list(range(20))
    assert len(first) == 16


async def test_the_bounds_of_a_mailbox_are_refused_with_a_sentence(tmp_path: Path):
    async with running(tmp_path, max_mailbox_messages=3, max_mailbox_bytes=MESSAGE_BYTES, max_mailboxes=2) as server:
        await put(server, bytes(MESSAGE_BYTES + 1), expect=413)
        await put(server, bytes(MESSAGE_BYTES))
        assert "trim" in (await put(server, b"x", expect=413))["error"]
        await server.call("DELETE", BOX + "?upto=0")
        for _ in range(3):
            await put(server, b"x")
        assert "trim" in (await put(server, b"x", expect=429))["error"]
        await server.call("PUT", OTHER)
        await server.call("PUT", "/mailboxes/" + "c" * 32, 429)
        await put(server, b"x", "/mailboxes/" + "c" * 32, 429)
        await server.call("DELETE", OTHER)
        await server.call("PUT", "/mailboxes/" + "c" * 32)


async def test_all_mailboxes_together_are_bounded_also_after_a_restart(tmp_path: Path):
    bound = {"max_mailbox_total_bytes": 64 * 1024}
    async with running(tmp_path, **bound) as server:
        await put(server, bytes(40_000))
        await put(server, bytes(30_000), OTHER, 429)
    async with running(tmp_path, **bound) as server:
        await put(server, bytes(30_000), OTHER, 429)
        await server.call("DELETE", BOX)
        await put(server, bytes(30_000), OTHER)


async def test_an_address_has_so_many_mailboxes_messages_and_waits(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("burrowspace.server.api.context.counted", lambda _: "203.0.113.7")
    async with running(
        tmp_path, max_mailboxes_per_address=1, max_posts_per_minute=3, max_waits_per_address=1
    ) as server:
        await server.call("PUT", BOX)
        await server.call("PUT", OTHER, 429)
        for _ in range(3):
            await put(server, b"x")
        assert "minute" in (await put(server, b"x", expect=429))["error"]
        reading = asyncio.create_task(bodies(server, "?after=2&wait=50"))
        await waiting(server, 1)
        await server.get(BOX + "?after=2&wait=1", 429)
        assert len(await bodies(server, "?wait=1")) == 3
        reading.cancel()
        await waiting(server, 0)
        assert await bodies(server, "?after=2&wait=0.01") == []


async def test_an_old_mailbox_is_gone_and_its_place_is_free(tmp_path: Path):
    async with running(tmp_path, mailbox_days=1e-9, max_mailboxes=1) as server:
        await put(server, b"x")
        await server.get(BOX, 404)
        await server.app.driver.sweep()
        assert await put(server, b"y", OTHER) == {"number": 0}


async def many(server: Running, after: dict[str, int], wait: float = 0) -> dict[str, Any]:
    """What is new in many mailboxes: the numbers of the messages by id, None for a mailbox that is not there."""
    told = await server.post("/mailboxes/read", {"mailboxes": after, "wait": wait})
    return {key: each and [one["number"] for one in each["messages"]] for key, each in told["mailboxes"].items()}


async def test_one_call_reads_many_mailboxes_and_tells_only_what_is_new_or_missing(server: Running):
    box, other, none = "0a" * 16, "0b" * 16, "0c" * 16
    for path in (BOX, BOX, OTHER):
        await put(server, b"x", path)
    assert await many(server, {box: -1, other: 0, none: -1}, 50) == {box: [0, 1], none: None}
    assert await many(server, {box: 1, other: 0}) == {}
    assert await many(server, {box: 1, other: 7}) == {other: []}  # made anew since: its time says so
    told = await server.post("/mailboxes/read", {"mailboxes": {box: 0}})
    alone = await server.get(BOX + "?after=0")
    assert told == {"mailboxes": {box: alone}}


async def test_who_waits_for_many_mailboxes_is_woken_by_any_of_them(server: Running):
    for path in (BOX, OTHER):
        await server.call("PUT", path)
    known = {"0a" * 16: -1, "0b" * 16: -1}
    first, second = (asyncio.create_task(many(server, known, 50)) for _ in range(2))
    await waiting(server, 2)
    await put(server, b"x", OTHER)
    assert await first == await second == {"0b" * 16: [0]}
    gone = asyncio.create_task(many(server, {"0a" * 16: -1}, 50))
    await waiting(server, 1)
    await server.call("DELETE", BOX)
    assert await gone == {"0a" * 16: None}
    over = asyncio.create_task(many(server, {"0b" * 16: 0}, 0.01))
    assert await over == {}
    await waiting(server, 0)


async def test_an_answer_of_many_mailboxes_is_bounded_as_that_of_one_is(server: Running):
    for _ in range(10):
        await put(server, bytes(MESSAGE_BYTES))
        await put(server, bytes(MESSAGE_BYTES), OTHER)
    first = await many(server, {"0b" * 16: -1, "0a" * 16: -1})
    assert first == {"0b" * 16: list(range(10)), "0a" * 16: list(range(6))}
    assert await many(server, {"0b" * 16: 9, "0a" * 16: 5}) == {"0a" * 16: [6, 7, 8, 9]}


async def test_who_waits_for_more_mailboxes_takes_more_of_the_places_to_wait(tmp_path: Path):
    async with running(tmp_path, max_waits=8) as server:
        boxes = [f"{n:032x}" for n in range(64)]
        for box in boxes:
            await server.call("PUT", f"/mailboxes/{box}")
        reading = asyncio.create_task(many(server, dict.fromkeys(boxes, -1), 50))
        await waiting(server, 8)
        await server.get(f"/mailboxes/{boxes[0]}?wait=1", 429)
        reading.cancel()
        await waiting(server, 0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"mailboxes": {}}, 400),
        ({"mailboxes": {f"{n:032x}": -1 for n in range(65)}}, 400),
        ({"mailboxes": {"0A" * 16: -1}}, 400),
        ({"mailboxes": {"0a" * 16: -2}}, 400),
        ({"mailboxes": {"0a" * 16: 1.5}}, 400),
        ({"mailboxes": {"0a" * 16: -1}, "wait": 51}, 400),
        ({"mailboxes": {"0a" * 16: -1}, "more": [[[[[[[[]]]]]]]] * 9000}, 413),
    ],
)
async def test_a_call_for_many_mailboxes_is_checked_as_json(server: Running, body: Any, status: int):
    await server.post("/mailboxes/read", body, status)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("PUT", "/mailboxes/short", {}, b"", 400),
        ("PUT", "/mailboxes/" + "0A" * 16, {}, b"", 400),
        ("PUT", "/mailboxes/" + "0a" * 16 + "%0a", {}, b"", 400),
        ("PUT", BOX, {"Content-Type": "text/plain"}, b"x", 415),
        ("POST", BOX, {"Content-Type": "text/plain"}, b"x", 415),
        ("POST", BOX, {"Content-Type": "application/json"}, b"{}", 415),
        ("POST", BOX, OCTETS, b"", 400),
        ("POST", BOX, {**OCTETS, "Origin": "https://evil.example"}, b"x", 403),
        ("GET", BOX + "?wait=51", {}, b"", 400),
        ("GET", BOX + "?wait=nan", {}, b"", 400),
        ("GET", BOX + "?after=-2", {}, b"", 400),
        ("GET", BOX + "?after=" + "9" * 40, {}, b"", 400),
        ("DELETE", BOX + "?upto=-1", {}, b"", 400),
        ("PATCH", BOX, {}, b"", 405),
        ("POST", "/mailboxes/read", OCTETS, b"x", 415),
        ("POST", "/mailboxes/read%0a", OCTETS, bytes(100_000), 413),
        ("PUT", "/mailboxes/read", {}, b"", 400),
        ("GET", "/mailboxes/read", {}, b"", 400),
    ],
)
async def test_what_makes_no_sense_is_refused(server: Running, method: str, path: str, headers, body, status: int):
    refused = await server.call(method, path, status, data=body or None, headers=headers, allow_redirects=False)
    assert refused["error"]
    assert refused["code"]


async def test_an_allowed_page_may_use_mailboxes_and_a_foreign_one_may_not(server: Running):
    asks = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    for origin, status in (("http://localhost:3000", 204), ("https://evil.example", 403)):
        async with server.http.options(BOX, headers={"Origin": origin, **asks}) as answer:
            assert answer.status == status
            assert ("PUT" in answer.headers.get("access-control-allow-methods", "")) == (status == 204)
