"""The five ports: State, Spool, Bus, Tunnel and Beacon. The docstrings are the contracts.

Each is proven by one suite in tests/contracts/, run once for every adapter. Adapters import this file, never each
other; only server/build.py knows which adapter stands behind which port.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from burrowspace.core.nearby import Announcement
from burrowspace.core.records import Record
from burrowspace.socketio import Encoded

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class Rows(Protocol):
    """The records, as one transaction sees them. Synchronous, and good only inside the function it was given to."""

    def get(self, kind: type[R], key: str) -> R | None:
        """The record under its id (the first field of its kind), or None."""

    def find(self, kind: type[R], *, order: str | None = None, limit: int = 10_000, **where: Any) -> list[R]:
        """Records whose fields equal `where`; `field__lt`, `field__gt`, `field__in` compare.

        `order` is a field that holds numbers, with `-` in front for falling.
        """

    def count(self, kind: type[Record], **where: Any) -> int:
        """How many `find` would find without a limit."""

    def put(self, record: R) -> R:
        """Stores the record under its id, replacing. Returns it with its number where the store gives one."""

    def total(self, kind: type[Record], field: str, **where: Any) -> int:
        """The sum of a field over what `find` would find without a limit; 0 over nothing."""

    def drop(self, kind: type[Record], **where: Any) -> int:
        """Removes what `find` would find; how many there were."""


class State(Protocol):
    """What must survive: peers, requests, transfers, relay sessions, notices.

    `read` and `write` run a plain function over the records in one transaction. What `write` returned is durable:
    it survives `kill -9` and power loss. A function that raises changes nothing and its error reaches the caller.
    The function may run again when the database asks for that, so it has no effect but on the rows. Both raise
    Unavailable while the database does not work, and NoSpace when its disk is full.

    Several servers may share one database. `about` names what a change decides over, by the keys of core/locks.py: no
    other server decides over the same meanwhile. A change that names nothing is alone in the database.
    """

    async def read(self, ask: Callable[[Rows], T]) -> T: ...

    async def write(self, change: Callable[[Rows], T], *, about: Sequence[str] | None = None) -> T: ...

    async def broken(self) -> str:
        """Waits until this server must not go on with the database, since another file took its place or another
        server uses it; the sentence for the operator."""

    async def close(self) -> None: ...


class Spool(Protocol):
    """Where the bytes of a transfer rest while they travel. Keys are our own ids; offsets and sizes are bytes.

    One writer appends at an offset, any number of readers follow at theirs. Who may go how far is not decided here:
    server/driver/lanes.py joins writers and readers over any spool. Proven, with it, by tests/contracts/test_spool.py.
    """

    async def begin(self, key: str, at: int = 0) -> None:
        """Makes the key anew, with its first byte at `at`; what was there is dropped."""

    async def first(self, key: str) -> int:
        """The first byte that is still here: where the key began, or behind what was given back."""

    async def give_back(self, key: str, upto: int) -> None:
        """Lets go of the bytes before `upto`; the size stays, and nobody reads there again."""

    async def descriptor(self, key: str) -> int | None:
        """A descriptor by which the kernel can move bytes from and to the key at its offsets; the caller closes it.

        None where this spool has none: then `append` and `read` are the way.
        """

    async def room(self) -> int:
        """Free bytes above the floor that is never used."""

    async def size(self, key: str) -> int:
        """Bytes held: the one truth about an upload's offset. NotFound if the key is new."""

    async def append(self, key: str, offset: int, data: bytes) -> int:
        """Adds `data` at `offset`, which must be the size held (0 makes the key); returns the new size.

        WrongOffset where it is not; NoSpace when the disk or the floor of free space says no, and then the size is
        what it was. The bytes are with the operating system, not yet durable: see `sync`.
        """

    async def sync(self, key: str) -> int:
        """Makes everything appended so far survive power loss; returns that size.

        Damaged when that fails: the key is poisoned, and takes and promises nothing more until it is dropped.
        """

    async def cut(self, key: str, size: int) -> None:
        """Forgets what lies beyond `size`, durably. NotFound if the key is new."""

    def read(self, key: str, offset: int = 0, limit: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `offset` to the size held at each step, at most `limit`. NotFound at the first step."""

    async def drop(self, key: str) -> bool:
        """Forgets the key and gives its space back; whether it was there. A reader at work may finish or end early."""

    async def keys(self) -> list[str]:
        """All keys held, for the sweep."""


class Line(Protocol):
    """A way to one live peer: its socket here, or a stand-in for its socket on another node."""

    @property
    def connected(self) -> bool: ...

    @property
    def over_budget(self) -> bool:
        """Whether more unsent bytes wait than the peer's budget: stop reading whoever feeds it."""

    @property
    def arrivals(self) -> int:
        """A number that rises whenever bytes of the peer arrive."""

    def send_encoded(self, packet: Encoded, taken: Callable[[bool], None] | None = None) -> bool:
        """Sends an encoded event. `taken(True)` once the peer's connection took its bytes, `taken(False)` if it
        died first. False, and no call, when it is not connected."""

    def send_array(self, head: bytes, body: bytes, tail: bytes) -> bool:
        """The same for a small event that nobody waits for: its JSON array, `["name", …]`, in three parts."""

    def confirm(self, done: Callable[[bool], None]) -> None:
        """Asks for proof that all sent so far has arrived: `done(True)` at the answer, `done(False)` at its death."""

    def on_drain(self, callback: Callable[[], None]) -> None:
        """Calls back once when nothing unsent is left, or the peer has gone."""

    def disconnect(self, close: bool = False) -> None: ...


class Bus(Protocol):
    """Who is where, and who has to hear of what. One code path for a peer of this node and for one of another.

    Proven by tests/contracts/test_bus.py.
    """

    async def open(self, lives: Callable[[str], Awaitable[bool]]) -> None:
        """Joins the other nodes. `lives`: whether State says that a peer has a socket on another node that lives, so
        that it is worth a second look. CannotStart."""

    async def close(self) -> None:
        """Leaves them."""

    @property
    def away_s(self) -> float:
        """For how many seconds the other nodes have not been reached; 0 while they are."""

    @property
    def may_lose(self) -> bool:
        """Whether what is rung and shouted may be lost on the way: who must know asks State again now and then."""

    def attach(self, peer_id: str, line: Line, number: int = 0) -> Line | None:
        """`line` is the way to the peer from now on; the line of this node that it replaces, if any. `number` rises
        with each registration of the peer: a line of another node with a lower one is closed."""

    def detach(self, peer_id: str, line: Line) -> bool:
        """Forgets the line if it is still the peer's; whether it was."""

    def line(self, peer_id: str) -> Line | None:
        """The way to a live peer, or None: it is not on this node, and was not looked for elsewhere. Never waits."""

    def here(self, peer_id: str) -> Line | None:
        """The line of a live peer of this node, or None."""

    async def find(self, peer_id: str) -> Line | None:
        """The way to a live peer wherever it is, or None. Waits at most a second or two."""

    def lines(self) -> Iterator[tuple[str, Line]]:
        """All live peers of this node, over a copy: lines may come and go meanwhile."""

    def on_ring(self, rung: Callable[[Sequence[str]], None]) -> None:
        """Who acts on this node upon `ring` of any node, this one too. No keys at all means: something may have been
        missed, so anything may have changed."""

    def on_shout(self, shouted: Callable[[Encoded, str], None]) -> None:
        """Who acts on this node upon `shout` of any node, this one too."""

    def ring(self, keys: Sequence[str]) -> None:
        """On all nodes: something about these keys may have changed. On this one at once."""

    def shout(self, packet: Encoded, but: str) -> None:
        """On all nodes: every live peer but one is told this."""

    def __len__(self) -> int:
        """How many peers this node has."""


class Tunnel(Protocol):
    """A public address for this server, made by somebody else's service."""

    async def open(self, port: int) -> str:
        """Opens the tunnel to our port; the public URL. TunnelDown, with what to do, when it cannot be had."""

    async def broken(self) -> str:
        """Waits until the open tunnel breaks; why."""

    async def close(self) -> None: ...


class Beacon(Protocol):
    """What tells the local network that this server is here."""

    async def announce(self, said: Announcement) -> None:
        """From now on whoever looks finds us. OSError: this network does not carry it."""

    async def withdraw(self) -> None:
        """Nobody finds us any more. Raises nothing; done within two seconds."""


class TunnelDown(Exception):
    """Why the tunnel is not up, and what the operator can do about it: both sentences, fit to print."""

    def __init__(self, why: str, remedy: str, *, final: bool = False) -> None:
        super().__init__(f"{why}; {remedy}")
        self.why, self.remedy = why, remedy
        self.final = final  # trying again will not help until the operator has done something
