"""The driver's promises about notices, tokens, presence and expiry, with a real database and spool.

Lines are scripted and the clock stands until the test moves it: nothing here waits for time to pass.
Spec: docs/spec/events.md, docs/spec/transfer.md.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from burrowspace.adapters.bus_local import LocalBus
from burrowspace.adapters.spool_disk import DiskSpool
from burrowspace.adapters.state_sqlite import open_sqlite
from burrowspace.config import Settings
from burrowspace.core.errors import Busy, Forbidden, Gone, NotFound, NotReady, TooMany, Unauthorized, WrongState
from burrowspace.core.inbox import NEVER
from burrowspace.core.records import Notice, Peer, Request, Transfer
from burrowspace.core.transfer import Mode, RequestState, TransferState
from burrowspace.core.upload import Asked, Write
from burrowspace.server.driver.announcer import Announcer
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.downloads import Downloads
from burrowspace.server.driver.lanes import Lanes
from burrowspace.server.driver.notices import Postman
from burrowspace.server.driver.presence import Presence, Welcome
from burrowspace.server.driver.tasks import Tasks
from burrowspace.server.driver.transfers import Transfers
from burrowspace.server.driver.upload_writer import UploadWriter
from burrowspace.server.driver.uploads import Uploads
from burrowspace.socketio import Encoded

pytestmark = pytest.mark.anyio

DAY = 86_400.0
HOUR = 3600.0


class ScriptedLine:
    """A way to a device, which proves arrival by the test's word alone."""

    def __init__(self) -> None:
        self.connected, self.over_budget, self.arrivals = True, False, 0
        self.heard: list[tuple[str, Any]] = []
        self.proofs: list[Callable[[bool], None]] = []

    def send_encoded(self, packet: Encoded, taken: Callable[[bool], None] | None = None) -> bool:
        if not self.connected:
            return False
        name, data = json.loads(bytes(packet.head).lstrip(b"\0")[2:])
        self.heard.append((name, data))
        if taken is not None:
            taken(True)
        return True

    def send_array(self, head: bytes, body: bytes, tail: bytes) -> bool:
        self.heard.append(tuple(json.loads(b"".join((head, body, tail)))))
        return self.connected

    def confirm(self, done: Callable[[bool], None]) -> None:
        if self.connected:
            self.proofs.append(done)
        else:
            done(False)

    def on_drain(self, callback: Callable[[], None]) -> None:
        callback()

    def disconnect(self, close: bool = False) -> None:
        self.connected = False
        self.end(False)

    def end(self, arrived: bool) -> None:
        """Every ping is answered, or its connection dies."""
        proofs, self.proofs = self.proofs, []
        for done in proofs:
            done(arrived)

    def names(self) -> list[str]:
        return [name for name, _ in self.heard]


class World:
    """The driver's parts around one database, as driver.py puts them together, and a clock."""

    def __init__(self, data: Path, **settings: Any) -> None:
        self.time = 1_000_000.0
        ids = count(1)
        self.context = DriverContext(
            Settings(data=data, disk_floor_bytes=0, **settings),
            open_sqlite(data / "state.db"),
            LocalBus(),
            DiskSpool(data / "spool", floor_bytes=0),
            now=lambda: self.time,
            new_id=lambda: f"{next(ids):032x}",
        )
        self.tasks = Tasks()
        self.postman = Postman(self.context, self.tasks)
        self.presence = Presence(self.context, Announcer(self.context, self.tasks), self.postman)
        lanes = Lanes(self.context.spool, self.context.settings.live_window_bytes)
        self.uploads = Uploads(self.context, self.postman, lanes)
        self.downloads = Downloads(self.context, lanes)
        self.transfers = Transfers(self.context, self.postman, self.uploads)

    async def close(self) -> None:
        await self.tasks.close()
        await self.context.state.close()
        await self.context.spool.close()  # type: ignore[attr-defined]

    async def device(self, user_id: str) -> "Device":
        """A new device with a socket."""
        return await Device(self, await self.presence.connect(user_id)).arrive()

    async def ask(self, sender: str = "ann", receiver: str = "bob", token: str | None = None) -> str:
        return (await self.transfers.request(sender, receiver, "a.txt", token)).request_id

    async def agreed(self, sender: str = "ann", receiver: str = "bob") -> str:
        """An approved transfer; its id."""
        return (await self.transfers.approve(await self.ask(sender, receiver), None)).transfer_id

    async def upload(self, transfer_id: str, token: str | None = None) -> UploadWriter:
        """Begins to upload a form, as the app does."""
        asked = Asked("POST", {"content-type": "multipart/form-data; boundary=B", "transfer-encoding": "chunked"})
        with self.uploads.claims.open(transfer_id) as claim:
            write = await self.uploads.decide(claim, asked, token)
            assert isinstance(write, Write)
            return await self.uploads.begin(claim, write, token)

    async def taken(self, transfer_id: str) -> bytes:
        """The stored file."""
        source = await self.downloads.open(transfer_id, {}, None)
        return b"".join([piece async for piece in self.downloads.pieces(source)])

    async def stored(self, content: bytes = b"content") -> str:
        """A transfer whose file rests here; its id."""
        transfer_id = await self.agreed()
        async with await self.upload(transfer_id) as upload:
            await upload.take(content)
            await upload.ended(None)
        return transfer_id

    async def peer(self, peer_id: str) -> Peer:
        held = await self.context.state.read(lambda rows: rows.get(Peer, peer_id))
        assert held is not None
        return held

    async def count(self, kind: type[Any], **where: Any) -> int:
        return await self.context.state.read(lambda rows: rows.count(kind, **where))


class Device:
    """One device: its peer, and its socket of the moment."""

    def __init__(self, world: World, welcome: Welcome) -> None:
        self.app, self.welcome = world, welcome
        self.peer_id = welcome.peer.peer_id
        self.line = ScriptedLine()

    async def arrive(self) -> "Device":
        """A new socket registers and is told what waits, as events.py does."""
        self.line = ScriptedLine()
        await self.app.presence.register(self.line, self.peer_id, None)
        await self.app.postman.deliver(self.peer_id)
        return self

    async def proves(self) -> None:
        """It answers its pings, and that is written down."""
        self.line.end(True)
        await self.app.tasks.idle()

    async def leave(self) -> None:
        """Its connection dies."""
        self.line.disconnect()
        await self.app.presence.lost(self.peer_id, self.line)
        await self.app.tasks.idle()

    async def seen(self) -> int:
        return (await self.app.peer(self.peer_id)).seen


Open = Callable[..., World]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Open]:
    made: list[World] = []

    def world(**settings: Any) -> World:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(World(folder, **settings))
        return made[-1]

    yield world
    for one in made:
        await one.close()


@pytest.fixture
async def world(make: Open) -> World:
    return make()


# Notices


async def test_every_device_of_a_user_hears_and_nobody_else(world: World) -> None:
    ann, bob, bob2 = await world.device("ann"), await world.device("bob"), await world.device("bob")
    request_id = await world.ask()
    told = [("transfer_request", {"request_id": request_id, "sender_id": "ann", "filename": "a.txt"})]
    assert bob.line.heard == bob2.line.heard == told
    assert ann.line.heard == []


async def test_notices_come_in_the_order_of_their_causes(world: World) -> None:
    bob = await world.device("bob")
    transfers = [await world.agreed("bob", "ann") for _ in range(3)]
    for transfer_id in transfers:
        await world.transfers.cancel(transfer_id, None)
    assert bob.line.names() == ["transfer_approved"] * 3 + ["transfer_cancelled"] * 3
    assert [data["transfer_id"] for _, data in bob.line.heard] == transfers * 2


async def test_confirmation_and_only_that_moves_what_was_seen(world: World) -> None:
    bob = await world.device("bob")
    assert await bob.seen() == NEVER
    await world.ask()
    await world.tasks.idle()
    assert await bob.seen() == NEVER
    await bob.proves()
    first = await bob.seen()
    assert first > 0
    await world.ask()
    await bob.proves()
    assert await bob.seen() > first


async def test_what_was_confirmed_is_not_told_again(world: World) -> None:
    bob = await world.device("bob")
    await world.ask()
    await bob.proves()
    await bob.leave()
    later = await world.ask()
    assert [data["request_id"] for _, data in (await bob.arrive()).line.heard] == [later]


async def test_what_was_not_confirmed_is_told_again_on_a_new_socket(world: World) -> None:
    bob = await world.device("bob")
    await world.agreed("bob", "ann")
    before = bob.line.heard
    assert len(before) == 1
    await bob.leave()
    await bob.arrive()
    assert bob.line.heard == before
    await bob.proves()
    await bob.leave()
    assert (await bob.arrive()).line.heard == []


async def test_a_socket_hears_nothing_twice(world: World) -> None:
    bob = await world.device("bob")
    await world.ask()
    await world.postman.deliver(bob.peer_id)
    await world.postman.wake(["bob", "bob"])
    await asyncio.gather(*(world.postman.deliver(bob.peer_id) for _ in range(5)))
    assert len(bob.line.heard) == 1


async def test_a_late_proof_of_an_old_socket_takes_nothing_back(world: World) -> None:
    bob = await world.device("bob")
    await world.ask()
    old = bob.line.proofs.pop()
    await bob.leave()
    await bob.arrive()
    await world.ask()
    await bob.proves()
    seen = await bob.seen()
    old(True)
    await world.tasks.idle()
    assert await bob.seen() == seen


async def test_a_new_device_hears_what_nobody_heard_and_the_requests_that_wait(world: World) -> None:
    phone = await world.device("bob")
    await world.agreed("bob", "ann")
    waits = await world.ask("ann", "bob")
    await phone.proves()
    await phone.leave()
    await world.agreed("bob", "ann")
    world.time += 1
    laptop = await world.device("bob")
    assert laptop.line.names() == ["transfer_request", "transfer_approved"]
    assert laptop.line.heard[0][1]["request_id"] == waits
    assert phone.line.names() == ["transfer_approved", "transfer_request"]


async def test_an_answered_request_is_told_to_nobody_any_more(world: World) -> None:
    first, second = await world.ask(), await world.ask()
    await world.transfers.approve(first, None)
    await world.transfers.reject(second, None)
    assert (await world.device("bob")).line.heard == []
    assert (await world.device("ann")).line.names() == ["transfer_approved", "transfer_rejected"]


async def test_a_device_that_had_nothing_to_hear_and_left_hears_what_came_since(world: World) -> None:
    """Even when another device of its user has heard it meanwhile."""
    phone, laptop = await world.device("bob"), await world.device("bob")
    await laptop.leave()
    world.time += 1
    await world.agreed("bob", "ann")
    await phone.proves()
    assert (await laptop.arrive()).line.names() == ["transfer_approved"]


async def test_a_new_device_never_hears_the_old_things_that_another_has_heard(world: World) -> None:
    phone = await world.device("bob")
    await world.ask("ann", "bob")
    await world.agreed("bob", "ann")
    await phone.proves()
    world.time += 1
    laptop = await world.device("bob")
    await laptop.proves()
    await world.ask("cid", "bob")
    assert laptop.line.names() == ["transfer_request", "transfer_request"]


async def test_a_notice_outlives_the_process(make: Open, tmp_path: Path) -> None:
    first = make()
    bob = await first.device("bob")
    await first.ask()
    await first.context.state.close()
    first.context = replace(first.context, state=open_sqlite(tmp_path / "0" / "state.db"), bus=LocalBus())
    line = ScriptedLine()
    first.context.bus.attach(bob.peer_id, line)
    await Postman(first.context, first.tasks).deliver(bob.peer_id)
    assert line.names() == ["transfer_request"]


# Tokens


async def test_a_token_once_used_is_needed_from_then_on(world: World) -> None:
    welcome = await world.presence.connect("ann")
    await world.presence.heard(welcome.peer.peer_id, None)
    await world.presence.heard(welcome.peer.peer_id, welcome.token)
    for token in (None, "wrong", welcome.token + "x"):
        with pytest.raises(Unauthorized):
            await world.presence.heard(welcome.peer.peer_id, token)
        with pytest.raises(Unauthorized):
            await world.presence.disconnect(welcome.peer.peer_id, token)
        with pytest.raises(Unauthorized):
            await world.presence.register(ScriptedLine(), welcome.peer.peer_id, token)
    assert world.context.bus.line(welcome.peer.peer_id) is None
    await world.presence.disconnect(welcome.peer.peer_id, welcome.token)


async def test_the_token_itself_is_not_kept(world: World) -> None:
    welcome = await world.presence.connect("ann")
    assert welcome.token not in str(await world.peer(welcome.peer.peer_id))


async def test_a_user_whose_devices_all_use_tokens_is_spoken_for_by_them_alone(world: World) -> None:
    ann, eve = await world.presence.connect("ann"), await world.presence.connect("eve")
    await world.ask("ann", token=ann.token)
    with pytest.raises(Unauthorized):
        await world.ask("ann")
    with pytest.raises(Forbidden):
        await world.ask("ann", token=eve.token)
    await world.presence.connect("ann")  # a stranger, or a second device that has no use for tokens
    with pytest.raises(Unauthorized):
        await world.ask("ann")


async def test_only_the_receiver_answers_and_both_sides_call_off(world: World) -> None:
    ann, bob, eve = [await world.presence.connect(user) for user in ("ann", "bob", "eve")]
    for welcome in (ann, bob, eve):
        await world.presence.heard(welcome.peer.peer_id, welcome.token)
    asked = await world.ask(token=ann.token)
    for token, error in ((ann.token, Forbidden), (eve.token, Forbidden), (None, Unauthorized)):
        with pytest.raises(error):
            await world.transfers.approve(asked, token)
    made = await world.transfers.approve(asked, bob.token)
    for token, error in ((bob.token, Forbidden), (None, Unauthorized)):
        with pytest.raises(error):
            await world.upload(made.transfer_id, token)
    for token, error in ((eve.token, Forbidden), (None, Unauthorized)):
        with pytest.raises(error):
            await world.transfers.cancel(made.transfer_id, token)
    assert (await world.transfers.cancel(made.transfer_id, bob.token)).state is TransferState.CANCELLED
    assert (await world.transfers.cancel(made.transfer_id, ann.token)).state is TransferState.CANCELLED


# Time


async def test_an_unanswered_request_expires_when_its_days_are_over(make: Open) -> None:
    world = make(request_days=2)
    asked = await world.ask()
    world.time += 2 * DAY
    await world.transfers.sweep()
    assert await world.count(Request, state=RequestState.PENDING) == 1
    world.time += 1
    await world.transfers.sweep()
    with pytest.raises(WrongState) as refusal:
        await world.transfers.approve(asked, None)
    assert refusal.value.state == "expired"
    assert (await world.device("bob")).line.heard == []
    world.time += 7 * DAY
    await world.transfers.sweep()
    with pytest.raises(NotFound):
        await world.transfers.approve(asked, None)


async def test_a_transfer_expires_and_its_stored_file_goes(make: Open) -> None:
    world = make(transfer_days=3)
    transfer_id = await world.stored()
    world.time += 3 * DAY
    await world.transfers.sweep()
    assert await world.taken(transfer_id) == b"content"
    world.time += 1
    await world.transfers.sweep()
    assert (await world.transfers.status(transfer_id)).state is TransferState.EXPIRED
    assert await world.context.spool.keys() == []
    with pytest.raises(Gone):
        await world.taken(transfer_id)
    world.time += 15 * DAY
    await world.transfers.sweep()
    await world.transfers.sweep()
    assert await world.count(Transfer) == await world.count(Request) == await world.count(Notice) == 0
    with pytest.raises(NotFound):
        await world.transfers.status(transfer_id)


async def test_an_upload_gives_the_transfer_its_days_anew_and_is_not_expired_under_way(make: Open) -> None:
    world = make(transfer_days=1)
    transfer_id = await world.agreed()
    async with await world.upload(transfer_id) as upload:
        await upload.take(b"half")
        world.time += 2 * DAY
        await world.transfers.sweep()
        await upload.take(b"half")
        await upload.ended("b.txt")
    await world.transfers.sweep()
    held = await world.transfers.status(transfer_id)
    assert (held.state, held.filename, held.stored) == (TransferState.COMPLETED, "b.txt", 8)
    assert held.expires_at == world.time + DAY


async def test_a_broken_upload_leaves_nothing_and_lets_the_next_one_in(world: World) -> None:
    transfer_id = await world.agreed()
    upload = await world.upload(transfer_id)
    await upload.take(b"half")
    with pytest.raises(Busy):
        await world.upload(transfer_id)
    await upload.__aexit__(ConnectionError, ConnectionError(), None)
    assert await world.context.spool.keys() == []
    with pytest.raises(NotReady):
        await world.taken(transfer_id)
    async with await world.upload(transfer_id) as upload:
        await upload.ended(None)
    assert (await world.transfers.status(transfer_id)).mode is Mode.RELAY


async def test_a_transfer_called_off_while_it_is_uploaded_stores_nothing(world: World) -> None:
    transfer_id = await world.agreed()
    async with await world.upload(transfer_id) as upload:
        await upload.take(b"half")
        await world.transfers.cancel(transfer_id, None)
        with pytest.raises(WrongState):
            await upload.take(b"half")
    assert await world.context.spool.keys() == []


async def test_what_a_crash_left_unacknowledged_goes_at_the_start(world: World) -> None:
    kept, broken = await world.stored(), await world.agreed()
    for key in (broken, "f" * 32):
        await world.context.spool.append(key, 0, b"half")
    await world.uploads.recover()
    assert await world.context.spool.keys() == [kept]


async def test_a_peer_that_falls_silent_is_announced_once(world: World) -> None:
    silent = (await world.presence.connect("ann")).peer.peer_id
    bob = await world.device("bob")
    for passes, told in ((59.0, 0), (1.5, 1), (60.0, 1), (3600.0, 1)):
        world.time += passes
        await world.presence.sweep_silent()
        await world.tasks.idle()
        assert bob.line.heard == [("peer_disconnected", {"peer_id": silent})] * told
    assert [peer.user_id for peer in await world.presence.online()] == ["bob"]
    await world.presence.heard(silent, None)
    assert await world.presence.is_here("ann")
    world.time += 61
    await world.presence.sweep_silent()
    await world.tasks.idle()
    assert bob.line.names() == ["peer_disconnected"] * 2


async def test_the_online_are_counted_without_reading_them_all(world: World) -> None:
    presence = world.presence
    ann, _, silent = await world.device("ann"), await world.device("bob"), await presence.connect("eve")
    assert await presence.online_count() == len(await presence.online()) == 3
    world.time += 61  # nobody has looked since
    assert await presence.online_count() == len(await presence.online()) == 2
    await presence.sweep_silent()
    await ann.leave()
    assert await presence.online_count() == len(await presence.online()) == 1
    await presence.heard(silent.peer.peer_id, None)
    assert await presence.online_count() == len(await presence.online()) == 2


async def test_an_open_socket_is_a_sign_of_life(world: World) -> None:
    ann, bob = await world.device("ann"), await world.device("bob")
    world.time += 3600
    await world.presence.sweep_silent()
    assert await world.presence.is_here("ann")
    await ann.leave()
    assert not await world.presence.is_here("ann")
    assert bob.line.heard == [("peer_disconnected", {"peer_id": ann.peer_id})]


async def test_a_socket_that_takes_anothers_place_is_no_good_bye(world: World) -> None:
    ann, bob = await world.device("ann"), await world.device("bob")
    old = ann.line
    await ann.arrive()
    assert not old.connected
    await world.presence.lost(ann.peer_id, old)
    await world.tasks.idle()
    assert await world.presence.is_here("ann")
    assert bob.line.heard == []


async def test_a_long_silent_peer_is_forgotten(make: Open) -> None:
    world = make(peer_days=5)
    silent = (await world.presence.connect("ann")).peer.peer_id
    await world.presence.heard(silent, None)
    world.time += 5 * DAY
    await world.presence.sweep_silent()
    await world.presence.sweep_forgotten()
    assert await world.count(Peer) == 1
    world.time += 1
    await world.presence.sweep_forgotten()
    with pytest.raises(NotFound):
        await world.presence.heard(silent, None)


# Bounds and races


async def test_so_many_requests_may_wait_and_no_more(make: Open) -> None:
    world = make(max_pending=2)
    first = await world.ask("ann", "bob")
    await world.ask("ann", "bob")
    for sender, receiver, full in (("cid", "bob", "bob"), ("ann", "cid", "ann")):
        with pytest.raises(TooMany) as refusal:
            await world.ask(sender, receiver)
        assert refusal.value.fields["user_id"] == full
    await world.ask("cid", "dan")
    await world.transfers.reject(first, None)
    await world.ask("ann", "bob")
    assert await world.count(Notice, user_id="bob") == 2


async def test_a_user_may_have_so_many_devices_and_an_idle_one_makes_room(make: Open) -> None:
    world = make(max_user_peers=2)
    idle = (await world.presence.connect("ann")).peer.peer_id
    await world.presence.heard(idle, None)
    world.time += HOUR
    await world.presence.heard((await world.presence.connect("ann")).peer.peer_id, None)
    with pytest.raises(TooMany):
        await world.presence.connect("ann")
    await world.presence.connect("bob")
    world.time += 1
    await world.presence.connect("ann")
    with pytest.raises(NotFound):
        await world.presence.heard(idle, None)
    assert await world.count(Peer, user_id="ann") == 2


async def test_the_server_remembers_so_many_devices_in_all(make: Open) -> None:
    world = make(max_peers=1)
    await world.presence.connect("ann")
    with pytest.raises(TooMany):
        await world.presence.connect("bob")


async def test_approvals_at_once_give_one_transfer_and_one_notice(world: World) -> None:
    ann = await world.device("ann")
    asked = await world.ask()
    made = await asyncio.gather(*(world.transfers.approve(asked, None) for _ in range(8)))
    assert len({transfer.transfer_id for transfer in made}) == 1
    assert await world.count(Transfer) == 1
    assert ann.line.names() == ["transfer_approved"]


async def test_of_a_yes_and_a_no_at_once_one_holds(world: World) -> None:
    asked = await world.ask()
    answers = await asyncio.gather(
        world.transfers.approve(asked, None), world.transfers.reject(asked, None), return_exceptions=True
    )
    assert sum(isinstance(answer, WrongState) for answer in answers) == 1
    assert await world.count(Notice, user_id="ann") == 1


async def test_each_end_of_a_transfer_is_told_once(world: World) -> None:
    ann, bob = await world.device("ann"), await world.device("bob")
    transfer_id = await world.agreed()
    for _ in range(2):
        await world.transfers.report(transfer_id, "completed", 100, None)
    for _ in range(2):
        await world.transfers.cancel(transfer_id, None)
    assert ann.line.names() == ["transfer_approved", "transfer_completed", "transfer_cancelled"]
    assert bob.line.names() == ["transfer_request", "transfer_completed", "transfer_cancelled"]


async def test_progress_is_the_largest_reported_until_a_retry(world: World) -> None:
    transfer_id = await world.agreed()
    for status, offered, held in (
        ("transferring", 40.5, 40.5),
        ("transferring", 12, 40.5),
        ("failed", 0, 40.5),
        ("ready", 0, 0),
        ("transferring", 5, 5),
        ("completed", 5, 100),
    ):
        assert (await world.transfers.report(transfer_id, status, offered, None)).progress == held
