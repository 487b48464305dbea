"""Once a user has a device that uses its token, nobody else becomes a device of that user by asking; and nobody takes
a peer's place from another network while it is alive. Spec: docs/spec/devices.md.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import socketio

from burrowspace.adapters.bus_local import LocalBus
from burrowspace.adapters.state_sqlite import open_sqlite
from burrowspace.core.errors import Forbidden, NotApproved, NotFound, TooMany, Unauthorized, WrongState
from burrowspace.core.joining import PER_NETWORK, PER_USER, WAIT_S
from burrowspace.core.records import Applicant, Origin
from burrowspace.server.driver.devices import DeviceInfo
from burrowspace.server.driver.presence import Presence
from burrowspace.server.driver.tokens import Tokenless
from tests.app import Running, running
from tests.server.test_driver import HOUR, Open, ScriptedLine, World, make, world

__all__ = ["make", "world"]
pytestmark = pytest.mark.anyio

HOME, CAFE, AWAY = "192.0.2.7", "198.51.100.9", "203.0.113.5"


def device_from(network: str | None, name: str = "") -> DeviceInfo:
    return DeviceInfo(network, network, name)


# Joining


async def guarded(world: World, user: str = "ann", network: str | None = None) -> str:
    """A user with a device that has used its token; that token."""
    first = await world.presence.connect(user, device=device_from(network))
    await world.presence.heard(first.peer.peer_id, first.token)
    return first.token


async def test_a_stranger_waits_while_a_holder_of_a_token_is_let_in(world: World) -> None:
    token = await guarded(world)
    stranger, second = await world.presence.connect("ann"), await world.presence.connect("ann", token)
    assert stranger.pending
    assert not second.pending
    assert await world.peer(second.peer.peer_id)
    third = await world.presence.connect("ann", second.token)  # any device's token will do
    assert not third.pending


async def test_users_without_tokens_are_what_they_were(world: World) -> None:
    for _ in range(3):
        assert not (await world.presence.connect("bob")).pending
    assert not (await world.presence.connect("bob", "somebody's token")).pending


async def test_a_device_that_waits_is_no_peer_to_anybody(world: World) -> None:
    token = await guarded(world)
    await world.ask("bob", "ann")
    stranger = await world.presence.connect("ann")
    line, peer_id = ScriptedLine(), stranger.peer.peer_id
    for voice in (None, stranger.token):
        with pytest.raises(NotApproved):
            await world.presence.register(line, peer_id, voice)
        with pytest.raises(NotApproved):
            await world.presence.heard(peer_id, voice)
    assert world.context.bus.line(peer_id) is None
    await world.postman.deliver(peer_id)
    assert line.heard == []
    assert peer_id not in {peer.peer_id for peer in await world.presence.online()}
    asked = await world.ask("bob", "ann")
    for act in (world.transfers.approve, world.transfers.reject):
        with pytest.raises(NotApproved):
            await act(asked, stranger.token)
        with pytest.raises(Unauthorized):
            await act(asked, Tokenless(None, world.time))
    with pytest.raises(NotApproved):
        await world.ask("ann", "bob", stranger.token)
    with pytest.raises(Unauthorized):
        await world.ask("ann", "bob")
    with pytest.raises(NotApproved):
        await world.presence.devices.approve(peer_id, stranger.token)  # it does not let itself in
    await world.transfers.approve(asked, token)


async def test_a_device_with_a_token_hears_who_wants_in_and_a_device_without_does_not(world: World) -> None:
    app = await world.device("ann")
    welcome = await world.presence.connect("ann")
    line = ScriptedLine()
    await world.presence.register(line, welcome.peer.peer_id, welcome.token)
    stranger = await world.presence.connect("ann", device=DeviceInfo("192.0.2.0/24", HOME, "Ann's phone"))
    [(name, told)] = line.heard
    assert name == "device_request"
    assert (told["peer_id"], told["device_name"], told["address"]) == (stranger.peer.peer_id, "Ann's phone", HOME)
    assert app.line.heard == []
    late = await world.presence.connect("ann", welcome.token)  # one that comes later hears what still waits
    line = ScriptedLine()
    await world.presence.register(line, late.peer.peer_id, late.token)
    await world.postman.deliver(late.peer.peer_id)
    assert line.names() == ["device_request"]
    await world.presence.devices.reject(stranger.peer.peer_id, welcome.token)
    last = await world.presence.connect("ann", welcome.token)
    line = ScriptedLine()
    await world.presence.register(line, last.peer.peer_id, last.token)
    await world.postman.deliver(last.peer.peer_id)
    assert line.names() == []


async def test_an_approved_device_is_a_peer_and_hears_what_waits(world: World) -> None:
    token = await guarded(world)
    phone = await world.presence.connect("ann")
    asked = await world.ask("bob", "ann")
    for _ in range(2):
        assert (await world.presence.devices.approve(phone.peer.peer_id, token)).peer_id == phone.peer.peer_id
    line = ScriptedLine()
    await world.presence.register(line, phone.peer.peer_id, phone.token)
    await world.postman.deliver(phone.peer.peer_id)
    assert ("transfer_request", {"request_id": asked, "sender_id": "bob", "filename": "a.txt"}) in line.heard
    await world.transfers.approve(asked, phone.token)
    with pytest.raises(WrongState):
        await world.presence.devices.reject(phone.peer.peer_id, token)


async def test_a_rejected_device_stays_out(world: World) -> None:
    token = await guarded(world)
    stranger = await world.presence.connect("ann")
    for _ in range(2):
        await world.presence.devices.reject(stranger.peer.peer_id, token)
    with pytest.raises(NotFound):
        await world.presence.heard(stranger.peer.peer_id, stranger.token)
    with pytest.raises(WrongState):
        await world.presence.devices.approve(stranger.peer.peer_id, token)


async def test_only_a_token_of_that_user_answers(world: World) -> None:
    await guarded(world)
    eve, stranger = await guarded(world, "eve"), await world.presence.connect("ann")
    for act in (world.presence.devices.approve, world.presence.devices.reject):
        with pytest.raises(Unauthorized):
            await act(stranger.peer.peer_id, None)
        with pytest.raises(Forbidden):
            await act(stranger.peer.peer_id, eve)
        with pytest.raises(NotFound):
            await act("f" * 32, eve)
    with pytest.raises(Forbidden):
        await world.presence.devices.listed("ann", eve)


async def test_asking_again_with_the_token_of_the_first_try_is_the_same_try(world: World) -> None:
    await guarded(world)
    first = await world.presence.connect("ann")
    again = await world.presence.connect("ann", first.token)
    assert (again.peer.peer_id, again.token, again.pending) == (first.peer.peer_id, first.token, True)


async def test_who_waits_outlives_a_restart_and_its_hour_does_not(make: Open, tmp_path: Path) -> None:
    world = make()
    token = await guarded(world)
    phone, stranger = await world.presence.connect("ann"), await world.presence.connect("ann")
    await world.context.state.close()
    world.context = replace(world.context, state=open_sqlite(tmp_path / "0" / "state.db"), bus=LocalBus())
    world.presence = Presence(world.context, world.presence._announcer, type(world.postman)(world.context, world.tasks))
    await world.presence.devices.approve(phone.peer.peer_id, token)
    await world.presence.heard(phone.peer.peer_id, phone.token)
    world.time += WAIT_S + 1
    with pytest.raises(NotFound):
        await world.presence.heard(stranger.peer.peer_id, stranger.token)
    with pytest.raises(NotFound):
        await world.presence.devices.approve(stranger.peer.peer_id, token)
    await world.presence.devices.sweep()
    assert await world.context.state.read(lambda rows: rows.count(Applicant)) == 0
    await world.presence.heard(phone.peer.peer_id, phone.token)  # it stays


async def test_few_wait_and_no_network_takes_all_the_places(world: World) -> None:
    token = await guarded(world)
    honest = await world.presence.connect("ann", device=device_from("192.0.2.0/24"))
    for _ in range(PER_NETWORK + 3):  # an app that is started again and again
        last = await world.presence.connect("ann", device=device_from("198.51.100.0/24"))
    waiting = (await world.presence.devices.listed("ann", token)).waiting
    assert [each.network for each in waiting].count("198.51.100.0/24") == PER_NETWORK
    assert last.peer.peer_id in {each.peer_id for each in waiting}
    for number in range(PER_USER):
        with contextlib.suppress(TooMany):
            await world.presence.connect("ann", device=device_from(f"10.{number % 2}.0.0/24"))
    waiting = (await world.presence.devices.listed("ann", token)).waiting
    assert len(waiting) <= PER_USER
    assert honest.peer.peer_id in {each.peer_id for each in waiting}
    assert len(await world.context.state.read(lambda rows: rows.find(Applicant))) <= PER_USER


async def test_a_late_comer_with_a_token_does_not_lock_out_the_app_that_was_first(world: World) -> None:
    await world.presence.connect("ann", device=device_from("192.0.2.0/24"))  # her app, at home
    await guarded(world, network="203.0.113.0/24")  # a stranger who takes her name
    assert not (await world.presence.connect("ann", device=device_from("192.0.2.0/24"))).pending
    await world.ask("ann", "bob")


async def test_a_device_without_a_token_that_was_approved_speaks_for_its_user_from_its_network_alone(
    world: World,
) -> None:
    token = await guarded(world)
    phone = await world.presence.connect("ann", device=device_from("192.0.2.0/24"))
    await world.presence.devices.approve(phone.peer.peer_id, token)
    here, there = Tokenless("192.0.2.0/24", world.time), Tokenless("203.0.113.0/24", world.time)
    await world.transfers.approve(await world.ask("bob", "ann"), here)
    for voice in (there, Tokenless(None, world.time), here._replace(now=world.time + 2 * HOUR)):
        with pytest.raises(Unauthorized):
            await world.transfers.approve(await world.ask("bob", "ann"), voice)


async def test_a_revoked_device_is_gone_with_its_socket_and_its_token(world: World) -> None:
    token = await guarded(world)
    phone = await world.presence.connect("ann", token)
    line = ScriptedLine()
    await world.presence.register(line, phone.peer.peer_id, phone.token)
    eve = await guarded(world, "eve")
    with pytest.raises(Forbidden):
        await world.presence.revoke(phone.peer.peer_id, eve)
    await world.presence.revoke(phone.peer.peer_id, token)
    assert not line.connected
    for act in (
        world.presence.heard(phone.peer.peer_id, phone.token),
        world.presence.revoke(phone.peer.peer_id, token),
    ):
        with pytest.raises(NotFound):
            await act
    with pytest.raises(Forbidden):
        await world.ask("ann", "bob", phone.token)
    assert await world.context.state.read(lambda rows: rows.get(Origin, phone.peer.peer_id)) is None
    assert (await world.presence.connect("ann")).pending


async def test_what_a_forgotten_device_left_goes_with_it(world: World) -> None:
    await guarded(world)
    world.time += 61 * 86_400
    await world.presence.sweep_silent()
    await world.presence.sweep_forgotten()
    assert await world.context.state.read(lambda rows: rows.count(Origin)) == 0
    assert not (await world.presence.connect("ann")).pending


# A peer's place


async def test_a_live_socket_is_not_taken_over_from_another_network(world: World) -> None:
    phone = await world.presence.connect("ann", device=device_from("192.0.2.0/24"))
    peer_id, line, thief = phone.peer.peer_id, ScriptedLine(), ScriptedLine()
    await world.presence.register(line, peer_id, None, HOME)
    taking = asyncio.create_task(world.presence.register(thief, peer_id, None, AWAY))
    while not line.proofs:
        await asyncio.sleep(0)
    line.end(True)  # it answers the ping
    with pytest.raises(Forbidden):
        await taking
    leaving = asyncio.create_task(world.presence.disconnect(peer_id, None, AWAY))
    while not line.proofs:
        await asyncio.sleep(0)
    line.end(True)
    with pytest.raises(Forbidden):
        await leaving
    assert line.connected
    assert world.context.bus.line(peer_id) is line


async def test_a_socket_that_answers_no_ping_gives_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burrowspace.server.driver.presence.ANSWER_S", 0.05)
    phone = await world.presence.connect("ann", device=device_from("192.0.2.0/24"))
    peer_id, old, new = phone.peer.peer_id, ScriptedLine(), ScriptedLine()
    await world.presence.register(old, peer_id, None, HOME)
    await world.presence.register(new, peer_id, None, AWAY)
    assert world.context.bus.line(peer_id) is new
    assert not old.connected


async def test_a_socket_whose_pong_waits_behind_its_own_chunks_is_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burrowspace.server.driver.presence.ANSWER_S", 0.05)
    phone = await world.presence.connect("ann", device=device_from("192.0.2.0/24"))
    line = ScriptedLine()
    await world.presence.register(line, phone.peer.peer_id, None, HOME)
    taking = asyncio.create_task(world.presence.register(ScriptedLine(), phone.peer.peer_id, None, AWAY))
    while not line.proofs:
        await asyncio.sleep(0)
    line.arrivals += 1
    with pytest.raises(Forbidden):
        await taking


async def test_the_same_network_the_token_and_a_gone_socket_let_in_at_once(world: World) -> None:
    phone = await world.presence.connect("ann", device=device_from("192.0.2.0/24"))
    peer_id = phone.peer.peer_id
    line = ScriptedLine()
    await world.presence.register(line, peer_id, None, CAFE)  # no socket was there: it has moved
    for address in (HOME, "198.51.100.77"):  # where it connected, and where its socket is
        before, line = line, ScriptedLine()
        await world.presence.register(line, peer_id, None, address)
        assert not before.connected
    await world.presence.lost(peer_id, line)
    line = ScriptedLine()
    await world.presence.register(line, peer_id, None, AWAY)
    last = ScriptedLine()
    await world.presence.register(last, peer_id, phone.token, CAFE)
    assert world.context.bus.line(peer_id) is last


# Over the wire


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, trusted_proxies=("127.0.0.1",)) as server:
        yield server


class Socket:
    """A device's socket from an address of its own."""

    def __init__(self) -> None:
        self.io = socketio.AsyncClient(reconnection=False)
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.io.on("*", lambda event, data: self.heard.put_nowait((event, data)))

    async def hears(self, event: str) -> Any:
        async with asyncio.timeout(10):
            while True:
                name, data = await self.heard.get()
                if name == event:
                    return data


@contextlib.asynccontextmanager
async def socket(server: Running, address: str = HOME) -> AsyncIterator[Socket]:
    made = Socket()
    await made.io.connect(server.url, transports=["websocket"], headers={"X-Forwarded-For": address})
    try:
        yield made
    finally:
        await made.io.disconnect()


async def call(server: Running, path: str, address: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
    headers = {"X-Forwarded-For": address} | ({"Authorization": f"Bearer {token}"} if token else {})
    async with server.http.post(path, json=body, headers=headers) as answer:
        return answer.status, json.loads(await answer.text())


async def test_the_published_app_works_once_it_is_approved_though_it_asks_once(server: Running) -> None:
    _, laptop = await call(server, "/connect", HOME, {"user_id": "ann"})
    async with socket(server) as mine, socket(server, CAFE) as phone:
        me = {"peer_id": laptop["peer_id"], "peer_token": laptop["peer_token"]}
        assert await mine.io.call("register_socket", me) == {"status": "success"}
        status, app = await call(server, "/connect", CAFE, {"user_id": "ann", "device_name": "Ann's\x1b phone"})
        assert (status, app["status"]) == (200, "pending")
        refused = await phone.io.call("register_socket", {"peer_id": app["peer_id"]})
        assert (refused["status"], refused["code"]) == ("error", "device-not-approved")
        asked = {"sender_id": "bob", "receiver_id": "ann", "filename": "f"}
        _, request = await call(server, "/request-transfer", AWAY, asked)
        told = await mine.hears("device_request")
        assert (told["peer_id"], told["device_name"], told["address"]) == (app["peer_id"], "Ann's� phone", CAFE)
        status, refusal = await call(server, f"/heartbeat/{app['peer_id']}", CAFE)
        assert (status, refusal["code"], refusal["peer_id"]) == (403, "device-not-approved", app["peer_id"])
        assert phone.heard.empty()
        async with server.http.get(
            "/devices", params={"user_id": "ann"}, headers={"Authorization": f"Bearer {laptop['peer_token']}"}
        ) as answer:
            listed = await answer.json()
        assert listed["guarded"]
        assert list(listed["devices"]) == [laptop["peer_id"]]
        assert list(listed["pending"]) == [app["peer_id"]]

        status, _ = await call(server, f"/approve-device/{app['peer_id']}", HOME, token=laptop["peer_token"])
        assert status == 200
        assert await phone.hears("device_approved") == {"peer_id": app["peer_id"]}
        assert (await phone.hears("transfer_request"))["request_id"] == request["request_id"]
        assert (await call(server, f"/heartbeat/{app['peer_id']}", CAFE))[0] == 200
        assert (await call(server, f"/approve-transfer/{request['request_id']}", AWAY))[0] == 401
        assert (await call(server, f"/approve-transfer/{request['request_id']}", CAFE))[0] == 200


async def test_a_rejected_device_is_told(server: Running) -> None:
    _, laptop = await call(server, "/connect", HOME, {"user_id": "ann"})
    await call(server, f"/heartbeat/{laptop['peer_id']}", HOME, token=laptop["peer_token"])
    _, app = await call(server, "/connect", CAFE, {"user_id": "ann"})
    async with socket(server, CAFE) as phone:
        await phone.io.call("register_socket", {"peer_id": app["peer_id"], "peer_token": app["peer_token"]})
        await call(server, f"/reject-device/{app['peer_id']}", HOME, token=laptop["peer_token"])
        assert await phone.hears("device_rejected") == {"peer_id": app["peer_id"]}
    assert (await call(server, f"/heartbeat/{app['peer_id']}", CAFE))[0] == 404


async def test_what_rests_for_a_user_does_not_reach_a_device_that_waits(server: Running) -> None:
    _, laptop = await call(server, "/connect", HOME, {"user_id": "ann"})
    await call(server, f"/heartbeat/{laptop['peer_id']}", HOME, token=laptop["peer_token"])
    _, bob = await call(server, "/connect", AWAY, {"user_id": "bob"})
    async with socket(server, AWAY) as sender:
        await sender.io.call("register_socket", {"peer_id": bob["peer_id"]})
        signal = {"target_peer_id": laptop["peer_id"], "sender_peer_id": bob["peer_id"], "signal": 1}
        session = (await sender.io.call("peer_signal", signal))["session_id"]
        chunk = {"session_id": session, "chunk": "QQ==", "index": 0, "total": 1}
        assert (await sender.io.call("relay_chunk", chunk))["status"] == "queued"
        _, thief = await call(server, "/connect", CAFE, {"user_id": "ann"})
        async with socket(server, CAFE) as stolen, socket(server) as mine:
            await stolen.io.call("register_socket", {"peer_id": thief["peer_id"]})
            lost = await stolen.io.call("register_socket", {"peer_id": laptop["peer_id"]})
            assert lost["code"] == "token-required"
            aimed = {"target_peer_id": thief["peer_id"], "sender_peer_id": bob["peer_id"], "signal": 1}
            assert (await sender.io.call("peer_signal", aimed))["code"] == "not-found"
            me = {"peer_id": laptop["peer_id"], "peer_token": laptop["peer_token"]}
            await mine.io.call("register_socket", me)
            assert (await mine.hears("relay_chunk"))["chunk"] == "QQ=="
            assert stolen.heard.empty()


async def test_a_real_socket_keeps_its_peer_and_a_new_network_gets_in_once_it_is_gone(server: Running) -> None:
    _, app = await call(server, "/connect", HOME, {"user_id": "ann"})
    peer = {"peer_id": app["peer_id"]}
    async with socket(server, CAFE) as later:
        async with socket(server) as first:
            assert await first.io.call("register_socket", peer) == {"status": "success"}
            assert (await later.io.call("register_socket", peer))["code"] == "forbidden"
            assert (await call(server, f"/disconnect/{app['peer_id']}", CAFE))[0] == 403
            async with socket(server, "192.0.2.200") as near:
                assert await near.io.call("register_socket", peer) == {"status": "success"}
        async with asyncio.timeout(10):
            while server.app.driver.line(app["peer_id"]) is not None:
                await asyncio.sleep(0.01)
        assert await later.io.call("register_socket", peer) == {"status": "success"}
        assert (await call(server, f"/disconnect/{app['peer_id']}", CAFE))[0] == 200
