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
from burrowspace.adapters.state_sql import open_sqlite
from burrowspace.config import Settings
from burrowspace.core.errors import Busy, Forbidden, Gone, NotFound, NotReady, TooMany, Unauthorized, WrongState
from burrowspace.core.inbox import NEVER
from burrowspace.core.records import Notice, Peer, Request, Transfer
from burrowspace.core.transfer import Mode, RequestState, TransferState
from burrowspace.core.upload import Asked, Write
from burrowspace.server.driver.announcer import Announcer
from burrowspace.server.driver.downloads import Downloads
from burrowspace.server.driver.kit import Kit
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


class House:
    """The driver's parts around one database, as driver.py puts them together, and a clock."""

    def __init__(self, data: Path, **settings: Any) -> None:
        self.time = 1_000_000.0
        ids = count(1)
        self.kit = Kit(
            Settings(data=data, disk_floor_bytes=0, **settings),
            open_sqlite(data / "state.db"),
            LocalBus(),
            DiskSpool(data / "spool", floor_bytes=0),
            now=lambda: self.time,
            new_id=lambda: f"{next(ids):032x}",
        )
        self.tasks = Tasks()
        self.postman = Postman(self.kit, self.tasks)
        self.presence = Presence(self.kit, Announcer(self.kit, self.tasks), self.postman)
        lanes = Lanes(self.kit.spool, self.kit.settings.live_window_bytes)
        self.uploads = Uploads(self.kit, self.postman, lanes)
        self.downloads = Downloads(self.kit, lanes)
        self.transfers = Transfers(self.kit, self.postman, self.uploads)

    async def close(self) -> None:
        await self.tasks.close()
        await self.kit.state.close()
        await self.kit.spool.close()  # type: ignore[attr-defined]

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
        held = await self.kit.state.read(lambda rows: rows.get(Peer, peer_id))
        assert held is not None
        return held

    async def count(self, kind: type[Any], **where: Any) -> int:
        return await self.kit.state.read(lambda rows: rows.count(kind, **where))


class Device:
    """One device: its peer, and its socket of the moment."""

    def __init__(self, house: House, welcome: Welcome) -> None:
        self.house, self.welcome = house, welcome
        self.peer_id = welcome.peer.peer_id
        self.line = ScriptedLine()

    async def arrive(self) -> "Device":
        """A new socket registers and is told what waits, as events.py does."""
        self.line = ScriptedLine()
        await self.house.presence.register(self.line, self.peer_id, None)
        await self.house.postman.deliver(self.peer_id)
        return self

    async def proves(self) -> None:
        """It answers its pings, and that is written down."""
        self.line.end(True)
        await self.house.tasks.idle()

    async def leave(self) -> None:
        """Its connection dies."""
        self.line.disconnect()
        await self.house.presence.lost(self.peer_id, self.line)
        await self.house.tasks.idle()

    async def seen(self) -> int:
        return (await self.house.peer(self.peer_id)).seen


Open = Callable[..., House]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Open]:
    made: list[House] = []

    def house(**settings: Any) -> House:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(House(folder, **settings))
        return made[-1]

    yield house
    for one in made:
        await one.close()


@pytest.fixture
async def house(make: Open) -> House:
    return make()


# Notices


async def test_every_device_of_a_user_hears_and_nobody_else(house: House) -> None:
    ann, bob, bob2 = await house.device("ann"), await house.device("bob"), await house.device("bob")
    request_id = await house.ask()
    told = [("transfer_request", {"request_id": request_id, "sender_id": "ann", "filename": "a.txt"})]
    assert bob.line.heard == bob2.line.heard == told
    assert ann.line.heard == []


async def test_notices_come_in_the_order_of_their_causes(house: House) -> None:
    bob = await house.device("bob")
    transfers = [await house.agreed("bob", "ann") for _ in range(3)]
    for transfer_id in transfers:
        await house.transfers.cancel(transfer_id, None)
    assert bob.line.names() == ["transfer_approved"] * 3 + ["transfer_cancelled"] * 3
    assert [data["transfer_id"] for _, data in bob.line.heard] == transfers * 2


async def test_confirmation_and_only_that_moves_what_was_seen(house: House) -> None:
    bob = await house.device("bob")
    assert await bob.seen() == NEVER
    await house.ask()
    await house.tasks.idle()
    assert await bob.seen() == NEVER
    await bob.proves()
    first = await bob.seen()
    assert first > 0
    await house.ask()
    await bob.proves()
    assert await bob.seen() > first


async def test_what_was_confirmed_is_not_told_again(house: House) -> None:
    bob = await house.device("bob")
    await house.ask()
    await bob.proves()
    await bob.leave()
    later = await house.ask()
    assert [data["request_id"] for _, data in (await bob.arrive()).line.heard] == [later]


async def test_what_was_not_confirmed_is_told_again_on_a_new_socket(house: House) -> None:
    bob = await house.device("bob")
    await house.agreed("bob", "ann")
    before = bob.line.heard
    assert len(before) == 1
    await bob.leave()
    await bob.arrive()
    assert bob.line.heard == before
    await bob.proves()
    await bob.leave()
    assert (await bob.arrive()).line.heard == []


async def test_a_socket_hears_nothing_twice(house: House) -> None:
    bob = await house.device("bob")
    await house.ask()
    await house.postman.deliver(bob.peer_id)
    await house.postman.wake(["bob", "bob"])
    await asyncio.gather(*(house.postman.deliver(bob.peer_id) for _ in range(5)))
    assert len(bob.line.heard) == 1


async def test_a_late_proof_of_an_old_socket_takes_nothing_back(house: House) -> None:
    bob = await house.device("bob")
    await house.ask()
    old = bob.line.proofs.pop()
    await bob.leave()
    await bob.arrive()
    await house.ask()
    await bob.proves()
    seen = await bob.seen()
    old(True)
    await house.tasks.idle()
    assert await bob.seen() == seen


async def test_a_new_device_hears_what_nobody_heard_and_the_requests_that_wait(house: House) -> None:
    phone = await house.device("bob")
    await house.agreed("bob", "ann")
    waits = await house.ask("ann", "bob")
    await phone.proves()
    await phone.leave()
    await house.agreed("bob", "ann")
    house.time += 1
    laptop = await house.device("bob")
    assert laptop.line.names() == ["transfer_request", "transfer_approved"]
    assert laptop.line.heard[0][1]["request_id"] == waits
    assert phone.line.names() == ["transfer_approved", "transfer_request"]


async def test_an_answered_request_is_told_to_nobody_any_more(house: House) -> None:
    first, second = await house.ask(), await house.ask()
    await house.transfers.approve(first, None)
    await house.transfers.reject(second, None)
    assert (await house.device("bob")).line.heard == []
    assert (await house.device("ann")).line.names() == ["transfer_approved", "transfer_rejected"]


async def test_a_device_that_had_nothing_to_hear_and_left_hears_what_came_since(house: House) -> None:
    """Even when another device of its user has heard it meanwhile."""
    phone, laptop = await house.device("bob"), await house.device("bob")
    await laptop.leave()
    house.time += 1
    await house.agreed("bob", "ann")
    await phone.proves()
    assert (await laptop.arrive()).line.names() == ["transfer_approved"]


async def test_a_new_device_never_hears_the_old_things_that_another_has_heard(house: House) -> None:
    phone = await house.device("bob")
    await house.ask("ann", "bob")
    await house.agreed("bob", "ann")
    await phone.proves()
    house.time += 1
    laptop = await house.device("bob")
    await laptop.proves()
    await house.ask("cid", "bob")
    assert laptop.line.names() == ["transfer_request", "transfer_request"]


async def test_a_notice_outlives_the_process(make: Open, tmp_path: Path) -> None:
    first = make()
    bob = await first.device("bob")
    await first.ask()
    await first.kit.state.close()
    first.kit = replace(first.kit, state=open_sqlite(tmp_path / "0" / "state.db"), bus=LocalBus())
    line = ScriptedLine()
    first.kit.bus.attach(bob.peer_id, line)
    await Postman(first.kit, first.tasks).deliver(bob.peer_id)
    assert line.names() == ["transfer_request"]


# Tokens


async def test_a_token_once_used_is_needed_from_then_on(house: House) -> None:
    welcome = await house.presence.connect("ann")
    await house.presence.heard(welcome.peer.peer_id, None)
    await house.presence.heard(welcome.peer.peer_id, welcome.token)
    for token in (None, "wrong", welcome.token + "x"):
        with pytest.raises(Unauthorized):
            await house.presence.heard(welcome.peer.peer_id, token)
        with pytest.raises(Unauthorized):
            await house.presence.disconnect(welcome.peer.peer_id, token)
        with pytest.raises(Unauthorized):
            await house.presence.register(ScriptedLine(), welcome.peer.peer_id, token)
    assert house.kit.bus.line(welcome.peer.peer_id) is None
    await house.presence.disconnect(welcome.peer.peer_id, welcome.token)


async def test_the_token_itself_is_not_kept(house: House) -> None:
    welcome = await house.presence.connect("ann")
    assert welcome.token not in str(await house.peer(welcome.peer.peer_id))


async def test_a_user_whose_devices_all_use_tokens_is_spoken_for_by_them_alone(house: House) -> None:
    ann, eve = await house.presence.connect("ann"), await house.presence.connect("eve")
    await house.ask("ann", token=ann.token)
    with pytest.raises(Unauthorized):
        await house.ask("ann")
    with pytest.raises(Forbidden):
        await house.ask("ann", token=eve.token)
    await house.presence.connect("ann")  # a stranger, or a second device that has no use for tokens
    with pytest.raises(Unauthorized):
        await house.ask("ann")


async def test_only_the_receiver_answers_and_both_sides_call_off(house: House) -> None:
    ann, bob, eve = [await house.presence.connect(user) for user in ("ann", "bob", "eve")]
    for welcome in (ann, bob, eve):
        await house.presence.heard(welcome.peer.peer_id, welcome.token)
    asked = await house.ask(token=ann.token)
    for token, error in ((ann.token, Forbidden), (eve.token, Forbidden), (None, Unauthorized)):
        with pytest.raises(error):
            await house.transfers.approve(asked, token)
    made = await house.transfers.approve(asked, bob.token)
    for token, error in ((bob.token, Forbidden), (None, Unauthorized)):
        with pytest.raises(error):
            await house.upload(made.transfer_id, token)
    for token, error in ((eve.token, Forbidden), (None, Unauthorized)):
        with pytest.raises(error):
            await house.transfers.cancel(made.transfer_id, token)
    assert (await house.transfers.cancel(made.transfer_id, bob.token)).state is TransferState.CANCELLED
    assert (await house.transfers.cancel(made.transfer_id, ann.token)).state is TransferState.CANCELLED


# Time


async def test_an_unanswered_request_expires_when_its_days_are_over(make: Open) -> None:
    house = make(request_days=2)
    asked = await house.ask()
    house.time += 2 * DAY
    await house.transfers.sweep()
    assert await house.count(Request, state=RequestState.PENDING) == 1
    house.time += 1
    await house.transfers.sweep()
    with pytest.raises(WrongState) as refusal:
        await house.transfers.approve(asked, None)
    assert refusal.value.state == "expired"
    assert (await house.device("bob")).line.heard == []
    house.time += 7 * DAY
    await house.transfers.sweep()
    with pytest.raises(NotFound):
        await house.transfers.approve(asked, None)


async def test_a_transfer_expires_and_its_stored_file_goes(make: Open) -> None:
    house = make(transfer_days=3)
    transfer_id = await house.stored()
    house.time += 3 * DAY
    await house.transfers.sweep()
    assert await house.taken(transfer_id) == b"content"
    house.time += 1
    await house.transfers.sweep()
    assert (await house.transfers.status(transfer_id)).state is TransferState.EXPIRED
    assert await house.kit.spool.keys() == []
    with pytest.raises(Gone):
        await house.taken(transfer_id)
    house.time += 15 * DAY
    await house.transfers.sweep()
    await house.transfers.sweep()
    assert await house.count(Transfer) == await house.count(Request) == await house.count(Notice) == 0
    with pytest.raises(NotFound):
        await house.transfers.status(transfer_id)


async def test_an_upload_gives_the_transfer_its_days_anew_and_is_not_expired_under_way(make: Open) -> None:
    house = make(transfer_days=1)
    transfer_id = await house.agreed()
    async with await house.upload(transfer_id) as upload:
        await upload.take(b"half")
        house.time += 2 * DAY
        await house.transfers.sweep()
        await upload.take(b"half")
        await upload.ended("b.txt")
    await house.transfers.sweep()
    held = await house.transfers.status(transfer_id)
    assert (held.state, held.filename, held.stored) == (TransferState.COMPLETED, "b.txt", 8)
    assert held.expires_at == house.time + DAY


async def test_a_broken_upload_leaves_nothing_and_lets_the_next_one_in(house: House) -> None:
    transfer_id = await house.agreed()
    upload = await house.upload(transfer_id)
    await upload.take(b"half")
    with pytest.raises(Busy):
        await house.upload(transfer_id)
    await upload.__aexit__(ConnectionError, ConnectionError(), None)
    assert await house.kit.spool.keys() == []
    with pytest.raises(NotReady):
        await house.taken(transfer_id)
    async with await house.upload(transfer_id) as upload:
        await upload.ended(None)
    assert (await house.transfers.status(transfer_id)).mode is Mode.RELAY


async def test_a_transfer_called_off_while_it_is_uploaded_stores_nothing(house: House) -> None:
    transfer_id = await house.agreed()
    async with await house.upload(transfer_id) as upload:
        await upload.take(b"half")
        await house.transfers.cancel(transfer_id, None)
        with pytest.raises(WrongState):
            await upload.take(b"half")
    assert await house.kit.spool.keys() == []


async def test_what_a_crash_left_unacknowledged_goes_at_the_start(house: House) -> None:
    kept, broken = await house.stored(), await house.agreed()
    for key in (broken, "f" * 32):
        await house.kit.spool.append(key, 0, b"half")
    await house.uploads.recover()
    assert await house.kit.spool.keys() == [kept]


async def test_a_peer_that_falls_silent_is_announced_once(house: House) -> None:
    silent = (await house.presence.connect("ann")).peer.peer_id
    bob = await house.device("bob")
    for passes, told in ((59.0, 0), (1.5, 1), (60.0, 1), (3600.0, 1)):
        house.time += passes
        await house.presence.sweep_silent()
        await house.tasks.idle()
        assert bob.line.heard == [("peer_disconnected", {"peer_id": silent})] * told
    assert [peer.user_id for peer in await house.presence.online()] == ["bob"]
    await house.presence.heard(silent, None)
    assert await house.presence.is_here("ann")
    house.time += 61
    await house.presence.sweep_silent()
    await house.tasks.idle()
    assert bob.line.names() == ["peer_disconnected"] * 2


async def test_the_online_are_counted_without_reading_them_all(house: House) -> None:
    presence = house.presence
    ann, _, silent = await house.device("ann"), await house.device("bob"), await presence.connect("eve")
    assert await presence.online_count() == len(await presence.online()) == 3
    house.time += 61  # nobody has looked since
    assert await presence.online_count() == len(await presence.online()) == 2
    await presence.sweep_silent()
    await ann.leave()
    assert await presence.online_count() == len(await presence.online()) == 1
    await presence.heard(silent.peer.peer_id, None)
    assert await presence.online_count() == len(await presence.online()) == 2


async def test_an_open_socket_is_a_sign_of_life(house: House) -> None:
    ann, bob = await house.device("ann"), await house.device("bob")
    house.time += 3600
    await house.presence.sweep_silent()
    assert await house.presence.is_here("ann")
    await ann.leave()
    assert not await house.presence.is_here("ann")
    assert bob.line.heard == [("peer_disconnected", {"peer_id": ann.peer_id})]


async def test_a_socket_that_takes_anothers_place_is_no_good_bye(house: House) -> None:
    ann, bob = await house.device("ann"), await house.device("bob")
    old = ann.line
    await ann.arrive()
    assert not old.connected
    await house.presence.lost(ann.peer_id, old)
    await house.tasks.idle()
    assert await house.presence.is_here("ann")
    assert bob.line.heard == []


async def test_a_long_silent_peer_is_forgotten(make: Open) -> None:
    house = make(peer_days=5)
    silent = (await house.presence.connect("ann")).peer.peer_id
    await house.presence.heard(silent, None)
    house.time += 5 * DAY
    await house.presence.sweep_silent()
    await house.presence.sweep_forgotten()
    assert await house.count(Peer) == 1
    house.time += 1
    await house.presence.sweep_forgotten()
    with pytest.raises(NotFound):
        await house.presence.heard(silent, None)


# Bounds and races


async def test_so_many_requests_may_wait_and_no_more(make: Open) -> None:
    house = make(max_pending=2)
    first = await house.ask("ann", "bob")
    await house.ask("ann", "bob")
    for sender, receiver, full in (("cid", "bob", "bob"), ("ann", "cid", "ann")):
        with pytest.raises(TooMany) as refusal:
            await house.ask(sender, receiver)
        assert refusal.value.fields["user_id"] == full
    await house.ask("cid", "dan")
    await house.transfers.reject(first, None)
    await house.ask("ann", "bob")
    assert await house.count(Notice, user_id="bob") == 2


async def test_a_user_may_have_so_many_devices_and_an_idle_one_makes_room(make: Open) -> None:
    house = make(max_user_peers=2)
    idle = (await house.presence.connect("ann")).peer.peer_id
    await house.presence.heard(idle, None)
    house.time += HOUR
    await house.presence.heard((await house.presence.connect("ann")).peer.peer_id, None)
    with pytest.raises(TooMany):
        await house.presence.connect("ann")
    await house.presence.connect("bob")
    house.time += 1
    await house.presence.connect("ann")
    with pytest.raises(NotFound):
        await house.presence.heard(idle, None)
    assert await house.count(Peer, user_id="ann") == 2


async def test_the_server_remembers_so_many_devices_in_all(make: Open) -> None:
    house = make(max_peers=1)
    await house.presence.connect("ann")
    with pytest.raises(TooMany):
        await house.presence.connect("bob")


async def test_approvals_at_once_give_one_transfer_and_one_notice(house: House) -> None:
    ann = await house.device("ann")
    asked = await house.ask()
    made = await asyncio.gather(*(house.transfers.approve(asked, None) for _ in range(8)))
    assert len({transfer.transfer_id for transfer in made}) == 1
    assert await house.count(Transfer) == 1
    assert ann.line.names() == ["transfer_approved"]


async def test_of_a_yes_and_a_no_at_once_one_holds(house: House) -> None:
    asked = await house.ask()
    answers = await asyncio.gather(
        house.transfers.approve(asked, None), house.transfers.reject(asked, None), return_exceptions=True
    )
    assert sum(isinstance(answer, WrongState) for answer in answers) == 1
    assert await house.count(Notice, user_id="ann") == 1


async def test_each_end_of_a_transfer_is_told_once(house: House) -> None:
    ann, bob = await house.device("ann"), await house.device("bob")
    transfer_id = await house.agreed()
    for _ in range(2):
        await house.transfers.report(transfer_id, "completed", 100, None)
    for _ in range(2):
        await house.transfers.cancel(transfer_id, None)
    assert ann.line.names() == ["transfer_approved", "transfer_completed", "transfer_cancelled"]
    assert bob.line.names() == ["transfer_request", "transfer_completed", "transfer_cancelled"]


async def test_progress_is_the_largest_reported_until_a_retry(house: House) -> None:
    transfer_id = await house.agreed()
    for status, offered, held in (
        ("transferring", 40.5, 40.5),
        ("transferring", 12, 40.5),
        ("failed", 0, 40.5),
        ("ready", 0, 0),
        ("transferring", 5, 5),
        ("completed", 5, 100),
    ):
        assert (await house.transfers.report(transfer_id, status, offered, None)).progress == held
