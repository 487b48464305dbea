"""Nobody's address can take what is everybody's: every call that changes something has a limit, and says when it ends.

The callers come over a trusted proxy, each with an address of its own.
"""

import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from burrowspace.core.records import Mailbox, Peer, Relay, Request
from burrowspace.server.api.limits import LIMITS, READS
from burrowspace.server.driver.pace import Kind
from burrowspace.server.early import Early
from tests.app import Running, running
from tests.server.test_hostile_sockets import Device, World

pytestmark = pytest.mark.anyio

MANY, OTHER = "203.0.113.7", "198.51.100.9"
PER_MINUTE = {
    Kind.CONNECT: {"max_connects_per_minute": 2},
    Kind.REQUEST: {"max_requests_per_minute": 2},
    Kind.WRITE: {"max_writes_per_minute": 2},
    None: {},
}
BODIES: dict[str, Any] = {
    "/connect": {"user_id": "ann"},
    "/request-transfer": {"sender_id": "ann", "receiver_id": "bob", "filename": "a"},
    "/update-transfer-status/{transfer_id}": {"status": "x", "progress": 1},
    "/mailboxes/read": {"mailboxes": {}},
    "/changes": {},
    "/spools": {"policy": "rest"},
    "/spools/{spool_id}": {"policy": "rest"},
    "/nearby/{handle}": {"name": "a", "kind": "phone", "picture": 1, "public": "A" * 43 + "=", "inbox": "a" * 32},
}


def proxied(tmp_path: Path, **settings: Any) -> Any:
    return running(tmp_path, trusted_proxies="127.0.0.1", **settings)


async def ask(server: Running, method: str, path: str, address: str, **more: Any) -> tuple[int, dict[str, str], Any]:
    headers = {"X-Forwarded-For": address, **more.pop("headers", {})}
    async with server.http.request(method, path, headers=headers, **more) as answer:
        text = await answer.text()
        return answer.status, {k.lower(): v for k, v in answer.headers.items()}, json.loads(text) if text else None


async def fill(
    server: Running, count: int, path: str, body: Any, address: str = MANY, method: str = "POST"
) -> list[int]:
    """The statuses of so many calls."""
    return [(await ask(server, method, path, address, json=body))[0] for _ in range(count)]


async def test_every_call_of_the_document_that_changes_something_has_a_limit(tmp_path: Path):
    async with running(tmp_path) as server:
        document = await server.get("/openapi.json")
    changing = {
        (method.upper(), path)
        for path, calls in document["paths"].items()
        for method in calls
        if method.upper() not in READS
    }
    assert changing == set(LIMITS)


@pytest.mark.parametrize("call", [call for call, limit in LIMITS.items() if limit.kind], ids=" ".join)
async def test_a_call_that_is_made_too_often_is_429_and_says_when_it_would_pass(tmp_path: Path, call: tuple[str, str]):
    method, template = call
    path = template.replace("{", "").replace("}", "")
    for name in ("mailbox_id", "handle"):
        path = path.replace(name, "a" * 32)
    more = {"json": BODIES[template]} if template in BODIES else {}
    async with proxied(tmp_path, **PER_MINUTE[LIMITS[call].kind]) as server:
        path = path.replace("nameplate", "1").replace("/1s", "/nameplates")
        for _ in range(2):
            assert (await ask(server, method, path, MANY, **more))[0] != 429
        status, headers, body = await ask(server, method, path, MANY, **more)
        assert (status, body["code"]) == (429, "too-many")
        assert 1 <= int(headers["retry-after"]) <= 30  # two a minute
        assert (await ask(server, method, path, OTHER, **more))[0] != 429
        async with server.http.request(method, path, **more) as answer:
            assert answer.status != 429  # loopback has no limit


async def test_one_address_cannot_lock_a_user_out_by_peers_that_never_come(tmp_path: Path):
    async with proxied(tmp_path, max_user_peers=6) as server:
        device = (await ask(server, "POST", "/connect", OTHER, json={"user_id": "ann"}))[2]["peer_id"]
        assert await fill(server, 30, "/connect", {"user_id": "ann"}) == [200] * 30
        assert await server.app.state.read(lambda rows: rows.count(Peer, address=MANY)) == 3
        assert (await ask(server, "POST", f"/heartbeat/{device}", OTHER))[0] == 200
        assert (await ask(server, "POST", "/connect", OTHER, json={"user_id": "ann"}))[0] == 200


async def test_one_address_cannot_lock_a_user_out_by_peers_that_live(tmp_path: Path):
    async with proxied(tmp_path, max_user_peers=6) as server:
        for _ in range(3):
            peer = (await ask(server, "POST", "/connect", MANY, json={"user_id": "ann"}))[2]["peer_id"]
            assert (await ask(server, "POST", f"/heartbeat/{peer}", MANY))[0] == 200
        status, headers, _ = await ask(server, "POST", "/connect", MANY, json={"user_id": "ann"})
        assert (status, 50 <= int(headers["retry-after"]) <= 60) == (429, True)
        assert await fill(server, 3, "/connect", {"user_id": "ann"}, OTHER) == [200] * 3


async def test_an_address_may_have_so_many_peers_and_its_own_make_room(tmp_path: Path):
    async with proxied(tmp_path, max_peers_per_address=3, silence_s=0.001, sweep_s=60) as server:
        for number in range(6):
            assert await fill(server, 1, "/connect", {"user_id": f"user-{number}"}) == [200]
        assert await server.app.state.read(lambda rows: rows.count(Peer, address=MANY)) == 3
    async with proxied(tmp_path, max_peers_per_address=3) as server:  # counted still after a restart
        for user in "xyz":
            await fill(server, 1, "/connect", {"user_id": user})
        status, headers, _ = await ask(server, "POST", "/connect", MANY, json={"user_id": "u"})
        assert (status, 50 <= int(headers["retry-after"]) <= 60) == (429, True)
        assert await fill(server, 1, "/connect", {"user_id": "u"}, OTHER) == [200]


async def test_a_peer_that_never_came_is_forgotten_soon_and_one_that_did_is_not(tmp_path: Path):
    async with running(tmp_path, unused_peer_s=0.001) as server:
        silent, heard = await server.connect("ann"), await server.connect("bob")
        await server.post(f"/heartbeat/{heard}")
        await server.app.driver.sweep()
        await server.post(f"/heartbeat/{silent}", expect=404)
        await server.post(f"/heartbeat/{heard}")


async def test_one_address_may_have_so_many_requests_waiting(tmp_path: Path):
    body = {"sender_id": "ann", "receiver_id": "bob", "filename": "a"}
    async with proxied(tmp_path, max_pending=8, max_pending_per_address=6, request_days=1) as server:
        assert await fill(server, 5, "/request-transfer", body) == [200] * 4 + [429]  # half of bob's bound
        others = [{**body, "sender_id": f"s{n}", "receiver_id": f"r{n}"} for n in range(3)]
        assert [(await fill(server, 1, "/request-transfer", each))[0] for each in others] == [200, 200, 429]
        status, headers, _ = await ask(server, "POST", "/request-transfer", MANY, json=others[2])
        assert (status, 86_000 < int(headers["retry-after"]) <= 86_400) == (429, True)
        assert await fill(server, 1, "/request-transfer", body, OTHER) == [200]
    async with proxied(tmp_path, max_pending_per_address=6) as server:
        assert await fill(server, 1, "/request-transfer", others[2]) == [429]  # also after a restart


async def test_one_address_may_make_so_many_requests_though_they_are_answered(tmp_path: Path):
    body = {"sender_id": "ann", "receiver_id": "bob", "filename": "a"}
    async with proxied(tmp_path, max_requests_per_address=2) as server:
        for _ in range(2):
            asked = (await ask(server, "POST", "/request-transfer", MANY, json=body))[2]
            await server.post(f"/approve-transfer/{asked['request_id']}")
        assert await fill(server, 1, "/request-transfer", body) == [429]
        assert await fill(server, 1, "/request-transfer", body, OTHER) == [200]
        assert await server.app.state.read(lambda rows: rows.count(Request, address=MANY)) == 2


async def test_one_address_cannot_use_up_the_bytes_of_all_mailboxes(tmp_path: Path):
    kind = {"Content-Type": "application/octet-stream"}
    async with proxied(
        tmp_path, max_mailbox_bytes_per_address=100_000, max_mailbox_total_bytes=200_000, mailbox_days=1
    ) as server:
        boxes = ["/mailboxes/" + secrets.token_hex(16) for _ in range(3)]
        statuses = [(await ask(server, "POST", box, MANY, data=bytes(40_000), headers=kind))[0] for box in boxes]
        assert statuses == [200, 200, 429]
        status, headers, _ = await ask(server, "POST", boxes[0], OTHER, data=bytes(40_000), headers=kind)
        assert (status, 86_000 < int(headers["retry-after"]) <= 86_400) == (429, True)  # who made it pays
        assert (await ask(server, "POST", boxes[2], OTHER, data=bytes(40_000), headers=kind))[0] == 200
        assert (await ask(server, "DELETE", boxes[0], MANY))[0] == 200
        assert (await ask(server, "POST", boxes[1], MANY, data=bytes(40_000), headers=kind))[0] == 200
        assert await server.app.state.read(lambda rows: rows.total(Mailbox, "size")) == 120_000


async def test_one_address_may_open_so_many_relay_sessions(tmp_path: Path):
    async with running(tmp_path, max_relays_per_address=2) as server:
        world = World(server)
        ann, peers = await world.arrive("ann"), [await server.connect("bob") for _ in range(3)]

        def count_for(rows: Any) -> None:
            rows.put(Peer(**{**_fields(rows.get(Peer, ann.peer)), "address": MANY}))

        await server.app.state.write(count_for)
        answers = [await _signal(ann, peer) for peer in peers]
        assert [answer["status"] for answer in answers] == ["relay", "relay", "error"]
        assert answers[2]["code"] == "too-many"
        assert await server.app.state.read(lambda rows: rows.count(Relay, opener_address=MANY)) == 2


async def test_one_address_may_leave_so_many_bytes_at_rest_and_a_restart_forgets_none(tmp_path: Path):
    bounds = {"relay_rest_address_bytes": 3000}
    async with running(tmp_path, **bounds) as server:
        world = World(server)
        ann, eve, away = await world.arrive("ann"), await world.arrive("eve"), await server.connect("bob")

        def count_for(rows: Any) -> None:
            rows.put(Peer(**{**_fields(rows.get(Peer, ann.peer)), "address": MANY}))

        await server.app.state.write(count_for)
        mine, other = [(await _signal(device, away))["session_id"] for device in (ann, eve)]
        assert (await _chunk(ann, mine, 0))["status"] == "queued"
        assert (await _chunk(ann, mine, 1))["code"] == "no-space"
        assert (await _chunk(eve, other, 0))["status"] == "queued"
    async with running(tmp_path, **bounds) as server:
        again = Device(await World(server).join(), ann.peer)
        assert await again.call("register_socket", {"peer_id": ann.peer}) == {"status": "success"}
        assert (await _chunk(again, mine, 1))["code"] == "no-space"


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[Running]:
    """A world with something in it, whose disk has no room above the floor."""
    async with running(tmp_path) as server:
        yield server


async def test_below_the_floor_nothing_new_is_taken_and_what_is_there_can_be_read_ended_and_deleted(full: Running):
    box, kind = "/mailboxes/" + "a" * 32, {"Content-Type": "application/octet-stream"}
    peer, done = await full.connect("ann"), await full.transfer()
    form = {"Content-Type": "multipart/form-data; boundary=B"}
    body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--B--\r\n'
    await full.call("POST", f"/upload/{done}", data=body, headers=form)
    await full.call("POST", box, data=b"x", headers=kind)
    asked = await full.post("/request-transfer", {"sender_id": "a", "receiver_id": "b", "filename": "f"})

    async def no_room() -> int:
        return 0

    full.app.spool.room = no_room  # type: ignore[method-assign]
    full.app.driver.pace._looked_at = -1.0
    for (method, path), limit in LIMITS.items():
        if limit.grows:
            path = path.replace("{mailbox_id}", "b" * 32).replace("{nameplate}", "1").replace("{handle}", "a" * 32)
            path = path.replace("{request_id}", asked["request_id"])
            more: dict[str, Any] = {"json": BODIES[path]} if path in BODIES else {}
            if "mailboxes" in path and method == "POST":
                more = {"data": b"x", "headers": kind}
            if "knock" in path:
                more = {"data": b"x", "headers": kind, "params": {"from": "a" * 32}}
            assert (await full.call(method, path, 507, **more))["code"] == "no-space", path
    await full.post(f"/heartbeat/{peer}")
    await full.post(f"/delivered/{done}")
    await full.post(f"/reject-transfer/{asked['request_id']}")
    await full.get(box)
    await full.call("DELETE", box)
    await full.post(f"/cancel-transfer/{done}")
    await full.post(f"/disconnect/{peer}")


def _fields(peer: Peer | None) -> dict[str, Any]:
    assert peer is not None
    return {name: getattr(peer, name) for name in peer.__struct_fields__}


async def _signal(device: Device, target: str) -> Any:
    return await device.call("peer_signal", {"target_peer_id": target, "sender_peer_id": device.peer, "signal": 0})


async def _chunk(device: Device, session: str, index: int) -> Any:
    asked = {"session_id": session, "chunk": "A" * 2000, "index": index, "total": 9}
    return await device.call("relay_chunk", asked)


class _Nobody:
    """A socket that has not registered."""

    def __init__(self, address: str) -> None:
        self.address = address


async def test_one_address_cannot_use_up_what_is_kept_for_sockets_that_have_yet_to_register():
    early, refused = Early(), []
    for _ in range(20):
        early.keep(_Nobody(MANY), 3 << 20, lambda: None, refused.append)  # type: ignore[arg-type]
    assert len(refused) == 15
    other = _Nobody(OTHER)
    early.keep(other, 3 << 20, lambda: None, refused.append)  # type: ignore[arg-type]
    assert len(refused) == 15
    assert len(early.forget(other)) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "calls"),
    [
        ({"max_nameplates_per_address": 1}, [("POST", "/nameplates")] * 2),
        ({"max_claims_per_minute": 1}, [("POST", "/nameplates/77/claim")] * 2),
        ({"max_mailboxes_per_address": 1}, [("PUT", "/mailboxes/" + each * 32) for each in "ab"]),
        ({"max_spools_per_address": 1}, [("POST", "/spools")] * 2),
        ({"max_posts_per_minute": 1}, [("POST", "/mailboxes/" + "a" * 32)] * 2),
    ],
    ids=["nameplates", "claims", "mailboxes", "spools", "posts"],
)
async def test_the_older_bounds_say_when_they_would_pass_too(tmp_path: Path, settings: Any, calls: Any):
    async with proxied(tmp_path, nameplate_s=1000, mailbox_days=0.01, store_hours=0.25, **settings) as server:
        answers = []
        for method, path in calls:
            more: dict[str, Any] = {"json": BODIES[path]} if path in BODIES else {}
            if path.startswith("/mailboxes") and method == "POST":
                more = {"data": b"x", "headers": {"Content-Type": "application/octet-stream"}}
            answers.append(await ask(server, method, path, MANY, **more))
        assert answers[-1][0] == 429
        assert 1 <= int(answers[-1][1]["retry-after"]) <= 1000
