"""Nearby: devices of one network that show themselves, see each other and knock. Spec: docs/spec/nearby.md.

Who is here is kept in memory and is gone with the process: a device shows itself again. It stays for `STAY_S` after its
last call, and for as long as a call of it waits. If its waiting call is cut and it does not call again, it goes after
`CUT_S`: it was closed, or has lost its network. A change is notified once for the whole network, and each that waits
is answered from text that was made once.

One process holds it all, but nothing here needs that: with many nodes a device is a row in State (handle, network,
card, until when), the version is the number of the last change of a network's rows, as a notice's number is, and the
Bus notifies `_change_key(network)` on the other nodes. What a knock says is in a mailbox, and so in State already.
"""

import asyncio
import contextlib
import hmac
from collections.abc import Callable, Iterator
from typing import NamedTuple

import orjson

from burrowspace.core.errors import Forbidden, NotFound, TooLarge, TooMany, Unauthorized
from burrowspace.core.rates import Rate
from burrowspace.server.driver.change_notifier import ChangeNotifier
from burrowspace.server.driver.context import DriverContext
from burrowspace.server.driver.mailboxes import Mailboxes
from burrowspace.server.driver.tokens import digest

STAY_S = 45.0  # that a device is shown after its last call
CUT_S = 10.0  # and after its waiting call was cut: longer than a page pauses between two tries (8 s)
_MOST = 20_000  # devices in all
_WAITS = 4  # waiting calls of one device
_CHANGES = 600  # a minute, from one address: each wakes a whole network
_TIMES = 10  # as many knocks as from one device may come from one address


class Card(NamedTuple):
    """What a device shows. `inbox`, a mailbox, is shown to nobody."""

    name: str
    kind: str
    picture: int
    public: str  # X25519, base64
    inbox: str


class Where(NamedTuple):
    """Where a call comes from: its network, and the address that bounds are counted for; None where unknown."""

    network: str | None
    address: str | None


class NearbyView(NamedTuple):
    """The other devices of a network, each as JSON, and the number of the network's last change."""

    version: int
    devices: list[bytes]


class OwnDevice(NamedTuple):
    """What a device knows: its secret, and the version of the last view."""

    token: str
    version: int


class Watched(NamedTuple):
    """A device's view of its network while a call waits for it; of a device that is not here, or another's, nothing."""

    key: str | None  # what is notified
    view: Callable[[], NearbyView | None]
    changed: Callable[[], bool]


class _Device:
    __slots__ = ("address", "calls", "handle", "inbox", "network", "text", "token_hash", "until", "waits")

    def __init__(self, handle: str, token_hash: str) -> None:
        self.handle, self.token_hash = handle, token_hash
        self.network, self.address = "", None  # type: tuple[str, str | None]
        self.text, self.inbox = b"", ""  # what the others get; where knocks go
        self.until, self.waits = 0.0, 0
        self.calls = 0  # that have begun


class _Network:
    __slots__ = ("devices", "version")

    def __init__(self) -> None:
        self.devices: dict[str, _Device] = {}
        self.version = 0


class Nearby:
    """All devices that show themselves. Used on the loop only."""

    def __init__(self, context: DriverContext, notifier: ChangeNotifier, mailboxes: Mailboxes) -> None:
        self._context, self._notifier, self._mailboxes = context, notifier, mailboxes
        self._devices: dict[str, _Device] = {}
        self._networks: dict[str, _Network] = {}
        self._version = 0  # of the last change anywhere: no number comes twice
        most = context.settings.max_knocks_per_minute
        self._changes, self._knocks, self._from = Rate(_CHANGES), Rate(most), Rate(_TIMES * most)

    async def show(self, handle: str, card: Card, token: str | None, where: Where) -> NearbyView:
        """The device is here, with this card. The first call binds its token to the handle. Forbidden; TooMany."""
        token = _secret(token)
        device = self._devices.get(handle)
        if device is not None and not hmac.compare_digest(device.token_hash, digest(token)):
            raise Forbidden("this handle is another device's; choose a new one")
        if device is None:
            if len(self._devices) >= _MOST:
                raise TooMany("as many devices show themselves at this server as may; try again later", STAY_S)
            device = _Device(handle, digest(token))
        shown = {name: value for name, value in card._asdict().items() if name != "inbox"}
        self._place(device, orjson.dumps({"handle": handle, **shown}), where)
        device.inbox = card.inbox
        return self._seen(device)

    async def watch(self, handle: str, token: str | None, where: Where, version: int, seconds: float) -> NearbyView:
        """The others, at once where the network has changed since `version`, else when it does. NotFound for a device
        that does not show itself."""
        device = self._heard(handle, token, where)

        async def ask() -> NearbyView:
            if self._devices.get(handle) is not device:
                raise _away()
            return self._seen(device)

        if device.waits >= _WAITS:
            raise TooMany(f"{_WAITS} calls of this device wait already; end one first", STAY_S)
        with self._waiting(device):
            return await self._notifier.until(
                [_change_key(device.network)], None, seconds, ask, lambda seen: seen.version != version
            )

    @contextlib.contextmanager
    def watching(self, handle: str, token: str, where: Where, version: int) -> Iterator[Watched]:
        """The same for a call that waits for other things, too: it is bounded with these. TooMany."""
        try:
            device = self._heard(handle, token, where)
        except (NotFound, Forbidden, Unauthorized):
            yield Watched(None, lambda: None, lambda: True)
            return

        def view() -> NearbyView | None:
            return self._seen(device) if self._devices.get(handle) is device else None

        def changed() -> bool:
            seen = view()
            return seen is None or seen.version != version

        with self._waiting(device):
            yield Watched(_change_key(device.network), view, changed)

    @contextlib.contextmanager
    def _waiting(self, device: _Device) -> Iterator[None]:
        """The device is here for as long as a call of it waits, and not much longer where that is cut off."""
        device.waits += 1
        call, cut = device.calls, False
        try:
            yield
        except asyncio.CancelledError:  # its connection was closed
            cut = True
            raise
        finally:
            device.waits -= 1
            now = self._context.now()
            if not cut:
                device.until = now + STAY_S
            elif call == device.calls or device.until < now:  # what it said since, if anything, holds no longer
                device.until = now + CUT_S

    async def leave(self, handle: str, token: str | None, stay: float = 0) -> None:
        """It is not here any more; with `stay` only after so many seconds in which it does not call or wait."""
        device = self._owned(handle, token)
        if not stay:
            self._remove(device)
            return
        device.calls += 1
        device.until = self._context.now() + stay

    async def knock(self, handle: str, sender: str, body: bytes, token: str | None, where: Where) -> None:
        """Puts `body` into the inbox of the device, for `sender`, of whom the token is. NotFound where they are not of
        one network now; TooMany."""
        settings, now = self._context.settings, self._context.now()
        own, other = self._heard(sender, token, where), self._devices.get(handle)
        if other is None or other is own or other.network != own.network:
            raise NotFound("that device is not near any more")
        if wait_s := self._knocks.wait(sender, now) or self._from.wait(where.address or "", now):
            words = f"a device may knock {settings.max_knocks_per_minute} times a minute; wait a little"
            raise TooMany(words, wait_s)
        try:
            await self._mailboxes.post(other.inbox, body, where.address)
        except (TooLarge, TooMany) as full:  # a mailbox speaks to its owner, who is not the one that knocks
            words = "that device has not looked at its knocks for long, or too much is sent; try later"
            raise TooMany(words, full.wait_s if isinstance(full, TooMany) else settings.mailbox_days * 86_400) from None

    def sweep(self) -> None:
        """Removes who has not been heard of."""
        now = self._context.now()
        for device in [each for each in self._devices.values() if not each.waits and each.until < now]:
            self._remove(device)

    def __len__(self) -> int:
        return len(self._devices)

    def _heard(self, handle: str, token: str | None, where: Where) -> _Device:
        """A call of a device that shows itself; it may have come to another network meanwhile."""
        device = self._owned(handle, token)
        self._place(device, device.text, where)
        return device

    def _owned(self, handle: str, token: str | None) -> _Device:
        token, device = _secret(token), self._devices.get(handle)
        if device is None or (not device.waits and device.until < self._context.now()):
            raise _away()
        if not hmac.compare_digest(device.token_hash, digest(token)):
            raise Forbidden("this is not the token of that handle")
        return device

    def _place(self, device: _Device, text: bytes, where: Where) -> None:
        """The device is there, and the others see `text`. TooMany, and nothing has changed, at the bounds."""
        now, name = self._context.now(), where.network or f"alone {device.handle}"
        moves = device.network != name
        if moves or device.text != text:
            if moves:
                self._check_room(name, where)
            if wait_s := self._changes.wait(where.address or "", now):
                raise TooMany("devices of your address come, go and change too often; wait a little", wait_s)
            if moves:
                self._remove(device)
                self._networks.setdefault(name, _Network()).devices[device.handle] = device
                self._devices[device.handle] = device
            device.network, device.address, device.text = name, where.address, text
            self._changed(name)
        device.until = now + STAY_S
        device.calls += 1

    def _check_room(self, name: str, where: Where) -> None:
        settings, network = self._context.settings, self._networks.get(name)
        if network is None:
            return
        if len(network.devices) >= settings.max_nearby:
            raise TooMany(f"{settings.max_nearby} devices of your network show themselves already", STAY_S)
        mine = sum(each.address == where.address for each in network.devices.values())
        if where.address is not None and where.address != name and mine >= settings.max_nearby_per_address:
            words = f"your address shows {settings.max_nearby_per_address} devices already; take one away first"
            raise TooMany(words, STAY_S)

    def _remove(self, device: _Device) -> None:
        network = self._networks.get(device.network)
        if network is None or self._devices.pop(device.handle, None) is None:
            return
        del network.devices[device.handle]
        if not network.devices:
            del self._networks[device.network]
        self._changed(device.network)

    def _changed(self, name: str) -> None:
        self._version += 1
        if name in self._networks:
            self._networks[name].version = self._version
        self._notifier.notify(_change_key(name))

    def _seen(self, device: _Device) -> NearbyView:
        network = self._networks[device.network]
        return NearbyView(network.version, [each.text for each in network.devices.values() if each is not device])


def _change_key(network: str) -> str:
    return f"nearby {network}"


def _away() -> NotFound:
    return NotFound("this device does not show itself; PUT it first")


def _secret(token: str | None) -> str:
    if token is None or not 32 <= len(token) <= 128:
        raise Unauthorized("send a secret of this device, 32 to 128 characters, as `Authorization: Bearer <secret>`")
    return token
