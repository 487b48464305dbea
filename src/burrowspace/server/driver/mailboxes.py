"""Mailboxes: opaque messages between two ends that alone know the id, kept until read, trimmed or expired.

What a message says is sealed; here it is bytes with a number. Spec: docs/spec/mailboxes.md.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from burrowspace.core.errors import NotFound, TooLarge, TooMany
from burrowspace.core.rates import Rate
from burrowspace.core.records import Mailbox, Message
from burrowspace.ports import Rows
from burrowspace.server.driver.change_notifier import ChangeNotifier
from burrowspace.server.driver.context import DriverContext

MESSAGE_BYTES = 64 * 1024  # of one message, at most
_ANSWER_BYTES = 1 << 20  # bodies in one answer; a reader asks again for the rest
_ANSWER_MESSAGES = 128  # and how many: what the database hands over at once is bounded by both
_DAY_S = 86_400.0
_SWEPT = 500  # mailboxes that go in one transaction


class Found(NamedTuple):
    mailbox: Mailbox
    messages: list[Message]


class Mailboxes:
    """All mailboxes; the rows are the truth."""

    def __init__(self, context: DriverContext, notifier: ChangeNotifier) -> None:
        self._context, self._notifier = context, notifier
        self._rate = Rate(context.settings.max_posts_per_minute)
        self._about: dict[str, tuple[str, ...]] = {}  # by mailbox: what a post decides over; forgotten each sweep
        self._bytes = 0  # of all messages; counted anew at each sweep, so other nodes' come in a little late

    async def make(self, mailbox_id: str, address: str | None) -> Mailbox:
        """The mailbox, made if it is new. TooMany at the bounds."""
        now = self._context.now()

        def ask(rows: Rows) -> Mailbox | None:
            return _live(rows, mailbox_id, now)

        def change(rows: Rows) -> Mailbox:
            return ask(rows) or self.made(rows, mailbox_id, address, now, now + self._life())

        held: Mailbox | None = await self._context.state.read(ask)
        if held is not None:
            return held
        return await self._context.state.write(change)

    def made(self, rows: Rows, mailbox_id: str, address: str | None, now: float, expires_at: float) -> Mailbox:
        """A new mailbox, within somebody's transaction."""
        settings = self._context.settings
        if address is not None and rows.count(Mailbox, address=address) >= settings.max_mailboxes_per_address:
            words = f"your address has {settings.max_mailboxes_per_address} mailboxes already; delete one first"
            raise TooMany(words, _first_expiry(rows, address=address) - now)
        if rows.count(Mailbox) >= settings.max_mailboxes:
            words = "this server has as many mailboxes as it may; try again later"
            raise TooMany(words, _first_expiry(rows) - now)
        rows.drop(Message, mailbox_id=mailbox_id)
        return rows.put(Mailbox(mailbox_id, address, 0, 0, 0, now, expires_at))

    async def post(self, mailbox_id: str, body: bytes, address: str | None) -> int:
        """Adds a message; its number. TooLarge and TooMany at the bounds."""
        settings, now = self._context.settings, self._context.now()
        if len(body) > MESSAGE_BYTES:
            raise TooLarge(f"a message has {MESSAGE_BYTES} bytes at most")
        if address is not None and (wait_s := self._rate.wait(address, now)):
            words = f"your address may post {settings.max_posts_per_minute} messages a minute; wait a little"
            raise TooMany(words, wait_s)
        full = self._bytes + len(body) > settings.max_mailbox_total_bytes

        def change(rows: Rows) -> Mailbox:
            if full:
                raise TooMany("the mailboxes of this server are full; try again later", _first_expiry(rows) - now)
            box = _live(rows, mailbox_id, now)
            if about is not None and (box is None or _keys(box) != about):
                raise _OtherKeys
            box = box or self.made(rows, mailbox_id, address, now, now)
            if box.messages >= settings.max_mailbox_messages:
                words = f"this mailbox has {settings.max_mailbox_messages} messages; trim it first"
                raise TooMany(words, box.expires_at - now)
            if box.address is not None:
                self._check_bytes(rows, box.address, len(body), now)
            if box.size + len(body) > settings.max_mailbox_bytes:
                raise TooLarge(f"this mailbox holds {settings.max_mailbox_bytes} bytes at most; trim it first")
            number = box.next_number
            rows.put(Message(f"{mailbox_id}:{number}", mailbox_id, number, len(body), body, now))
            return rows.put(
                msgspec.structs.replace(
                    box,
                    next_number=number + 1,
                    messages=box.messages + 1,
                    size=box.size + len(body),
                    expires_at=now + self._life(),
                )
            )

        about = self._about.get(mailbox_id)
        try:
            box = await self._context.state.write(change, about=about)
        except _OtherKeys:
            about = None
            box = await self._context.state.write(change)
        self._about[mailbox_id] = _keys(box)
        self._bytes += len(body)
        self._notifier.notify(mailbox_id)
        return box.next_number - 1

    def _check_bytes(self, rows: Rows, address: str, more: int, now: float) -> None:
        """Bytes count against the address that made the mailbox, whoever posts: nobody else chose how many it has."""
        most = self._context.settings.max_mailbox_bytes_per_address
        if rows.total(Mailbox, "size", address=address) + more > most:
            words = f"the mailboxes made from one address hold {most} bytes at most; trim one first"
            raise TooMany(words, _first_expiry(rows, address=address) - now)

    async def read(self, mailbox_id: str, after: int, seconds: float, address: str | None) -> Found:
        """The messages beyond number `after`, as many as fit into an answer; waits for one. NotFound."""

        def ask(rows: Rows) -> Found:
            box = _known(rows, mailbox_id, self._context.now())
            if after >= box.next_number - 1:
                return Found(box, [])
            beyond = rows.find(Message, mailbox_id=mailbox_id, number__gt=after, order="number", limit=_ANSWER_MESSAGES)
            return Found(box, _fitting(beyond))

        return await self._notifier.until(
            [mailbox_id], address, seconds, lambda: self._context.state.read(ask), lambda found: bool(found.messages)
        )

    async def look_many(self, after: Mapping[str, int]) -> dict[str, Found | None]:
        """Of these mailboxes, each with the number that is known already, those that have messages beyond it, and None
        for those that are not there. One answer holds as much as that of `read`: whatever comes first in `after` is
        served first."""

        def ask(rows: Rows) -> dict[str, Found | None]:
            now, left, room = self._context.now(), _ANSWER_MESSAGES, _ANSWER_BYTES
            listed = rows.find(Mailbox, mailbox_id__in=list(after))
            boxes = {box.mailbox_id: box for box in listed if box.expires_at >= now}
            found: dict[str, Found | None] = {}
            for mailbox_id, number in after.items():
                box = boxes.get(mailbox_id)
                if box is None:
                    found[mailbox_id] = None
                elif number >= box.next_number:  # made anew since: its reader sees by the time of its making
                    found[mailbox_id] = Found(box, [])
                elif number < box.next_number - 1 and left:
                    beyond = rows.find(Message, mailbox_id=mailbox_id, number__gt=number, order="number", limit=left)
                    fitting = _fitting(beyond, room)
                    left = left - len(fitting) if len(fitting) == len(beyond) else 0
                    room -= sum(message.size for message in fitting)
                    if fitting:
                        found[mailbox_id] = Found(box, fitting)
            return found

        looked: dict[str, Found | None] = await self._context.state.read(ask)
        return looked

    async def read_many(self, after: Mapping[str, int], seconds: float, address: str | None) -> dict[str, Found | None]:
        """The same, waiting for the first."""
        return await self._notifier.until(list(after), address, seconds, lambda: self.look_many(after), bool)

    async def trim(self, mailbox_id: str, upto: int) -> Mailbox:
        """Drops the messages up to number `upto`, that one too."""
        now = self._context.now()

        def change(rows: Rows) -> tuple[Mailbox, int]:
            before = _known(rows, mailbox_id, now)
            rows.drop(Message, mailbox_id=mailbox_id, number__lt=upto + 1)
            left, size = rows.count(Message, mailbox_id=mailbox_id), rows.total(Message, "size", mailbox_id=mailbox_id)
            return rows.put(msgspec.structs.replace(before, messages=left, size=size)), before.size - size

        box, freed = await self._context.state.write(change, about=[f"mailbox:{mailbox_id}"])
        self._bytes = max(0, self._bytes - freed)
        return box

    async def remove(self, mailbox_id: str) -> Mailbox:
        """The mailbox and all that is in it; what it was. NotFound where it is not."""
        now = self._context.now()

        def change(rows: Rows) -> Mailbox:
            box = _known(rows, mailbox_id, now)
            _drop(rows, [mailbox_id])
            return box

        box = await self._context.state.write(change, about=[f"mailbox:{mailbox_id}"])
        self._about.pop(mailbox_id, None)
        self._bytes = max(0, self._bytes - box.size)
        self._notifier.notify(mailbox_id)
        return msgspec.structs.replace(box, messages=0, size=0)

    async def sweep(self) -> None:
        """Removes what has expired. May run twice."""
        now = self._context.now()
        self._about.clear()

        def change(rows: Rows) -> list[str]:
            old = [box.mailbox_id for box in rows.find(Mailbox, expires_at__lt=now, limit=_SWEPT)]
            if old:
                _drop(rows, old)
            return old

        while old := await self._context.state.write(change):
            for mailbox_id in old:
                self._notifier.notify(mailbox_id)
        self._bytes = await self._context.state.read(lambda rows: rows.total(Mailbox, "size"))

    def _life(self) -> float:
        return self._context.settings.mailbox_days * _DAY_S


class _OtherKeys(Exception):
    """A post decides over more than was thought, or over less."""


def _keys(box: Mailbox) -> tuple[str, ...]:
    """What a post to it decides over: itself, and how much the mailboxes of its address hold."""
    return (f"mailbox:{box.mailbox_id}", *([] if box.address is None else [f"address:{box.address}"]))


def _first_expiry(rows: Rows, **where: str) -> float:
    """When the next mailbox goes that nobody writes to any more."""
    return min((box.expires_at for box in rows.find(Mailbox, order="expires_at", limit=1, **where)), default=0.0)


def _live(rows: Rows, mailbox_id: str, now: float) -> Mailbox | None:
    """None for one that has expired, though the sweep has not come by yet."""
    box = rows.get(Mailbox, mailbox_id)
    return box if box is not None and box.expires_at >= now else None


def _known(rows: Rows, mailbox_id: str, now: float) -> Mailbox:
    box = _live(rows, mailbox_id, now)
    if box is None:
        raise NotFound("no such mailbox; make it first")
    return box


def _drop(rows: Rows, mailbox_ids: list[str]) -> None:
    rows.drop(Message, mailbox_id__in=mailbox_ids)
    rows.drop(Mailbox, mailbox_id__in=mailbox_ids)


def _fitting(messages: list[Message], room: int = _ANSWER_BYTES) -> list[Message]:
    size = 0
    for count, message in enumerate(messages):
        size += message.size
        if size > room:
            return messages[:count]
    return messages
