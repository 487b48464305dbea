"""Known devices: a key of our own, made at first use, and the keys of those that were paired by code.

What the keys of two devices give is core/devices.py's; this is the file that keeps them. Spec: docs/spec/meeting.md,
"Devices".
"""

import time
from base64 import b64decode, b64encode
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from burrowspace.client.files.writing import write_atomically
from burrowspace.client.state.root import make_state
from burrowspace.core.devices import Inbox, Introduction, pair_inbox, public_key
from burrowspace.core.errors import Damaged, NotFound
from burrowspace.core.invitation import NAME_CHARS


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A paired device. Times are seconds since 1970."""

    name: str
    public: str  # X25519, base64
    paired: float


class Seen(msgspec.Struct, frozen=True):
    """The last message of an inbox that was dealt with, and when that mailbox was made."""

    number: int
    made: str


class _Kept(msgspec.Struct, kw_only=True):
    private: str
    name: str = ""
    devices: list[Device] = []
    read: dict[str, Seen] = {}  # by inbox


class Devices:
    """The file `devices.json` of a state folder."""

    def __init__(self, root: Path) -> None:
        self._path = root / "devices.json"
        self._root = root

    def all(self) -> list[Device]:
        return self._read().devices

    def find(self, name: str) -> Device:
        """NotFound, with what there is."""
        devices = self.all()
        found = next((each for each in devices if each.name.lower() == name.lower()), None)
        if found is None:
            known = ", ".join(each.name for each in devices) or "none yet"
            raise NotFound(f"no device of the name {name} is paired (paired: {known}); pair it with `burrow pair`")
        return found

    def introduction(self, name: str) -> Introduction:
        kept = self._read()
        public = X25519PrivateKey.from_private_bytes(b64decode(kept.private)).public_key()
        return Introduction(name=name[:NAME_CHARS], public=b64encode(public.public_bytes_raw()).decode())

    def add(self, other: Introduction) -> Device:
        """A paired one; its name gets a number where another has it already. BadRequest for a key that is none."""
        kept = self._read()
        public_key(other.public)
        others = [each for each in kept.devices if each.public != other.public]
        name, wish = other.name.strip()[:NAME_CHARS] or "device", 2
        while any(each.name.lower() == name.lower() for each in others):
            name, wish = f"{other.name.strip()[:NAME_CHARS] or 'device'} {wish}", wish + 1
        device = Device(name=name, public=other.public, paired=time.time())
        kept.devices = [*others, device]
        self._write(kept)
        return device

    def forget(self, name: str) -> Device:
        device = self.find(name)
        kept = self._read()
        kept.devices = [each for each in kept.devices if each.public != device.public]
        self._write(kept)
        return device

    # inboxes

    def inbox_of(self, device: Device) -> Inbox:
        """Where an invitation for that device is left."""
        return self._inbox(device, device.public)

    def own_inbox(self, device: Device) -> Inbox:
        """Where that device leaves its invitations for us."""
        own = self.introduction("").public
        return self._inbox(device, own)

    def has_seen(self, inbox: Inbox, message: Seen) -> bool:
        last = self._read().read.get(inbox.mailbox)
        return last is not None and last.made == message.made and message.number <= last.number

    def saw(self, inbox: Inbox, message: Seen) -> None:
        if not self.has_seen(inbox, message):
            kept = self._read()
            kept.read[inbox.mailbox] = message
            self._write(kept)

    def _inbox(self, device: Device, owner: str) -> Inbox:
        return pair_inbox(b64decode(self._read().private), device.public, owner)

    def _read(self) -> _Kept:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            kept = _Kept(private=b64encode(X25519PrivateKey.generate().private_bytes_raw()).decode())
            self._write(kept)
            return kept
        except (OSError, msgspec.MsgspecError):
            raise Damaged("the file of paired devices cannot be read; move it away and pair them again") from None

    def _write(self, kept: _Kept) -> None:
        make_state(self._root)
        write_atomically(self._path, msgspec.json.encode(kept))
