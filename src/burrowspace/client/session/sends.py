"""What a remote receiver needs of its sender. `sender.py` is one; a receiver knows no more of it than this."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from burrowspace.client import events
from burrowspace.client.files.source import Source
from burrowspace.client.limits import Bucket
from burrowspace.client.links.reach import Outside
from burrowspace.client.options import Options
from burrowspace.client.relay.relay_segments import RelaySegment, RelaySegments
from burrowspace.client.server.api import Server
from burrowspace.core.consent import Person
from burrowspace.core.layout import Layout
from burrowspace.core.receiver_book import ReceiverBook
from burrowspace.core.sealing import Suite

if TYPE_CHECKING:
    from burrowspace.client.links.link_tcp import Listener


class Served(Protocol):
    """A remote receiver, as its sender and its fellows see it."""

    id: str
    name: str
    suite: Suite
    book: ReceiverBook

    @property
    def held(self) -> int: ...
    @property
    def path(self) -> str: ...
    @property
    def person(self) -> Person: ...
    @property
    def segment(self) -> RelaySegment | None: ...
    def asked_for(self, position: int) -> None: ...
    def goes_by(self, path: str) -> None: ...
    def close(self) -> None: ...


class Sends(Protocol):
    server: Server
    secret: bytes
    transfer: bytes
    options: Options
    source: Source
    layout: Layout
    listener: "Listener | None"
    outside: Outside
    bucket: Bucket | None
    segments: RelaySegments
    undecided: Callable[[str], None] | None

    @property
    def may_store(self) -> bool: ...
    def others(self) -> Mapping[str, Served]:
        """All receivers, by their ids."""

    def declined(self, receiver: str) -> None:
        """It is over for this one: it's neither counted nor waited for."""

    def layout_in(self, suite: Suite) -> Layout: ...
    def sealer(self, receiver: Served, path: str) -> Callable[[int, memoryview], int]: ...
    async def look_around(self) -> Outside: ...
    async def online(self) -> bool: ...
    async def digest(self) -> bytes | None: ...
    def content(self, position: int) -> int: ...
    def met(self) -> None: ...
    def left_undecided(self, receiver: Served) -> None: ...
    def changed(self) -> None: ...
    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]: ...
    def fail(self, error: BaseException) -> None: ...
    def tell(self, event: events.Event) -> None: ...
