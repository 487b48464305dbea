"""Targets: the real-time channel, from WebSocket frames to the events of the API."""

import asyncio
import contextlib
import logging
import socket
from typing import Any

from burrowspace.core.errors import Forbidden, NotFound
from burrowspace.server.events import Events, SocketPeer
from burrowspace.socketio import BadPacket, Server
from burrowspace.socketio import engine_packet as ep
from burrowspace.socketio import packet as sp
from burrowspace.socketio.json_text import dumps
from burrowspace.socketio.upgrade import UpgradeRequest
from burrowspace.socketio.websocket import _is_utf8
from tests.fuzz.target import Target, pieces

LOOP = asyncio.new_event_loop()
UPGRADE = [
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
]


def polling_body(data: bytes) -> object:
    packets = ep.split_payload(data)
    assert ep.join_payload(packets) == data
    kinds = []
    for packet in packets:
        if packet[:1] == b"b":
            held = ep.decode_binary(packet)
            assert ep.decode_binary(ep.encode_binary(held)) == held
        kinds.append(packet[:1].decode("latin-1"))
    return kinds


def packet(data: bytes) -> object:
    """What was read can be written and read again, and the short way to an event's name gives the same name."""
    if not _is_utf8(data):
        return None  # refused by the transports
    head = sp.read_head(data)
    payload = data[head.start :]
    if head.kind == sp.CONNECT:
        return sp.read_connect(payload)
    parts = [bytes([n]) for n in range(min(head.attachments, 10))]
    if head.kind in (sp.ACK, sp.BINARY_ACK):
        args = sp.read_ack(payload, parts)
        sp.encode_ack(head.namespace, head.id or b"", args)
        return [repr(each)[:80] for each in args]
    if head.kind in (sp.EVENT, sp.BINARY_EVENT):
        name, args = sp.read_event(payload, parts)
        assert sp.raw_name(payload).decode(errors="surrogatepass") == name
        again, lifted = dumps([name, *args])
        assert sp.read_event(again, lifted)[0] == name
        return name
    return head.kind


class _Socket(socket.socket):
    """A local one that takes the options of TCP."""

    def setsockopt(self, *_: Any) -> None:
        pass

    def getsockopt(self, *_: Any) -> Any:
        return 1


class Line(asyncio.Transport):
    """A connection that takes everything and brings nothing by itself."""

    def __init__(self) -> None:
        near, self._far = socket.socketpair()  # picows writes to the descriptor itself
        self._near = _Socket(fileno=near.detach())
        self._near.setblocking(False)
        self._far.setblocking(False)
        super().__init__({"socket": self._near})
        self.protocol: Any = None
        self._wrote = 0
        self.over = False

    def wrote(self) -> int:
        """Bytes so far."""
        with contextlib.suppress(BlockingIOError):
            while got := self._far.recv(1 << 16):
                self._wrote += len(got)
        return self._wrote

    def end(self) -> None:
        self.over = True
        self.protocol.connection_lost(None)
        self._near.close()
        self._far.close()

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_protocol(self) -> Any:
        return self.protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: Any) -> None:
        self._wrote += len(data)

    def writelines(self, parts: Any) -> None:
        self._wrote += sum(map(len, parts))

    def is_closing(self) -> bool:
        return self.over

    def close(self) -> None:
        self.over = True

    abort = close

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class _Nobody:
    """A part of a driver that knows no peer and no session."""

    def __getattr__(self, name: str) -> Any:
        async def refuse(*_: object, **__: object) -> None:
            raise NotFound("there is no such thing here")

        return refuse

    async def lost(self, *_: object) -> None:
        """A socket is gone; nobody minds."""

    def line(self, peer_id: str) -> None:
        return None

    def check(self, *_: object) -> None:
        """Nobody is too fast."""

    def chunk(self, *_: object, **__: object) -> None:
        raise Forbidden("this session is not yours")

    def receiver(self, *_: object) -> None:
        return None


class _Driver:
    def __init__(self) -> None:
        self.bus = self.presence = self.relays = self.postman = self.pace = _Nobody()
        self.line = self.bus.line
        self.is_one_of_several = False
        self.tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Any) -> None:
        self.tasks.add(asyncio.get_running_loop().create_task(work))


class _Faults(logging.Handler):
    """What the server logs as its own fault."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record)


_FAULTS = _Faults()
logging.getLogger("burrowspace.socketio").addHandler(_FAULTS)


def websocket(data: bytes) -> object:
    """Frames as they come off the wire, after an upgrade: nothing is left open, nothing fails, little is answered."""
    return _played(data, registered=False)


def frames(data: bytes) -> object:
    """The same, each line of the input in a sound frame of its own: `t` text, `b` binary, and anything after."""
    wire = bytearray()
    for line in data.split(b"\n")[:64]:
        kind = {b"t": 1, b"b": 2, b"p": 9, b"o": 10, b"c": 8, b"+": 0}.get(line[:1], 1)
        body = line[1:].replace(b"\r", b"\n")
        size = len(body)
        head = bytes([0x80 | kind])
        head += bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
        wire += head + bytes(4) + body
    return _played(bytes(wire), registered=True)


def _played(wire: bytes, *, registered: bool) -> object:
    _FAULTS.seen = []  # other tests of this process may have logged some
    LOOP.run_until_complete(asyncio.wait_for(_play(wire, registered), 5))
    faults, _FAULTS.seen = _FAULTS.seen, []
    assert not faults, faults[0].getMessage() + str(faults[0].exc_info)
    return len(wire)


async def _play(wire: bytes, registered: bool) -> None:
    server, line, driver = Server(), Line(), _Driver()
    events = Events(server.of("/"), driver)  # type: ignore[arg-type]
    request = UpgradeRequest("/socket.io/", b"EIO=4&transport=websocket", UPGRADE, "192.0.2.1")
    assert server.upgrade(request, line)
    if registered:
        _feed(line, b"\x81\x82\0\0\0\x0040")
        for each in server.of("/").sockets.values():
            caller: SocketPeer = each.state
            caller.peer_id = "0" * 32
    wrote = line.wrote()
    for part in pieces(wire):
        if not line.over:
            _feed(line, part)
            await asyncio.sleep(0)
    assert line.wrote() - wrote <= 200 + 40 * len(wire), "much is answered to little"
    line.end()
    await server.aclose()
    for task in driver.tasks:
        await task
    assert not server.sockets
    assert not server.engine.websockets
    assert not events._early._kept or not registered


def _feed(line: Line, data: bytes) -> None:
    while data and not line.over:
        space = line.protocol.get_buffer(-1)
        size = min(len(space), len(data))
        space[:size] = data[:size]
        line.protocol.buffer_updated(size)
        data = data[size:]


TARGETS = (
    Target("polling", "realtime", polling_body, "Engine.IO polling bodies", 8192, (BadPacket,)),
    Target("packet", "realtime", packet, "Socket.IO packets", 8192, (BadPacket,)),
    Target("websocket", "realtime", websocket, "WebSocket frames after the upgrade", 4096),
    Target("events", "realtime", frames, "Socket.IO sessions and the events of the API", 4096),
)
