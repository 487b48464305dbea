"""What a remote receiver asks of its sender: eight calls, and nothing else. Twin of web/wire/session/sends.js."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from burrowspace.client.errors import Changed
from burrowspace.client.events import Event
from burrowspace.core.sealing import Suite


class Sends(Protocol):
    """`seal` and `catch_up` may be called from any thread."""

    def tell(self, event: Event) -> None: ...

    def forget(self, receiver: str) -> None:
        """It came by a code and has gone without an answer: another code is offered."""

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A part of the transfer: when it fails, the transfer does."""

    def fail(self, error: BaseException) -> None: ...

    def seal(self, path: str, position: int, into: memoryview, held: int, suite: Suite) -> int:
        """The sealed block's size, 0 for none, for one who said that it holds `held`."""

    def catch_up(self, position: int) -> None:
        """Hashes what lies before."""

    async def gave(self, digest: str) -> bool:
        """Whether this digest, in hex, is of everything that was sent."""

    async def online(self) -> bool:
        """Whether the server answers now. Where it does not, whoever is silent may be here all the same."""


@dataclass(frozen=True)
class Shared:
    """What holds for all receivers of a transfer. `content(position)`: content bytes before it; `total`: of all."""

    words: tuple[str, ...]  # to compare
    manifest_blocks: int
    content: Callable[[int], int]
    total: int | None
    may_store: bool
    direct_only: bool
    alone: bool  # nobody else is to come
    why_away: Callable[[], str]  # for a person, where the server does not answer
    code_used: Callable[[], bool]  # whoever comes by a code has come, for it works once
    lost: Callable[[], Changed | None]  # a file that could not be sent to the end; older receivers cannot go on then
