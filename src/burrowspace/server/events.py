"""The real-time channel: parses each event, hands it to the driver, answers.

`peer_signal` and `relay_chunk` are the hot paths: they are read without building what they carry, and a signal between
two live peers touches no database and no task. Contract: docs/spec/events.md.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from burrowspace.core import messages
from burrowspace.core.attempts import begins_attempt
from burrowspace.core.errors import BadRequest, BurrowError, Forbidden, NotApproved, TooLarge
from burrowspace.core.joining import Joining
from burrowspace.core.networks import counted
from burrowspace.server.driver.driver import Driver
from burrowspace.server.driver.pace import Kind
from burrowspace.server.driver.queued_chunk import QueuedChunk
from burrowspace.server.driver.relays import Relays
from burrowspace.server.early import Early
from burrowspace.socketio import Ack, BadPacket, Encoded, Namespace, Socket, TooManyParts
from burrowspace.socketio.encoded import Binary
from burrowspace.socketio.json_text import MAX_PARTS, check_depth, many_brackets

_SUCCESS = messages.encode(messages.Ack("success"))
_QUEUED = messages.encode(messages.Ack("queued", "the receiver is away; the chunk waits for it here"))
_TOO_MANY_PARTS = TooLarge(f"JSON here has {MAX_PARTS} brackets and quotes at most; send it as text or binary")
_ONE_PIECE = 7168  # bytes of a body up to which the packet made of it is copied, not pieced together
_UNKNOWN_MOST = 16 * 1024  # bytes with many brackets from a socket that has not registered
_SMALL = 2048  # bytes of a body that is looked at whole at no cost worth mentioning
_MAX_INDEX = 2**53  # what a JavaScript number counts exactly

_signal_array = msgspec.json.Decoder(tuple[str, messages.PeerSignal]).decode
_text_chunk_array = msgspec.json.Decoder(tuple[str, messages.TextChunk]).decode
_chunk_array = msgspec.json.Decoder(tuple[str, messages.RelayChunk]).decode
_register = msgspec.json.Decoder(tuple[str, messages.RegisterSocket]).decode
_relay_request = msgspec.json.Decoder(tuple[str, messages.RelayRequest]).decode


class SocketPeer:
    """What a socket is to us: the peer it registered as."""

    __slots__ = ("intro", "peer_id", "refused", "target", "waits_for")

    def __init__(self) -> None:
        self.peer_id: str | None = None
        self.waits_for: str | None = None  # the device that is not approved yet
        self.intro = b""  # what each of its signals starts with
        self.refused: set[str | None] = (
            set()
        )  # the relay sessions of which it knows that not all of its chunks are kept
        self.target: str | None = None  # the peer that it signalled last


class ChunkAnswer:
    """The ack of a relay chunk, given when its fate is known; without an ack a refusal still reaches the sender."""

    __slots__ = ("_ack", "_index", "_relays", "_session_id", "_socket")

    def __init__(self, socket: Socket, ack: Ack | None, session_id: str, index: int, relays: Relays) -> None:
        self._socket, self._ack, self._session_id, self._index = socket, ack, session_id, index
        self._relays = relays

    def delivered(self) -> None:
        if self._ack is not None:
            self._ack.raw(b"[" + _SUCCESS + b"]")

    def queued(self) -> None:
        if self._ack is not None:
            self._ack.raw(b"[" + _QUEUED + b"]")

    def refused(self, error: BurrowError) -> None:
        if self._ack is not None:
            _refuse(self._ack, error)
        else:
            told = messages.RelayRefused(self._session_id, self._index, error.sentence, error.code)
            self._socket.send_encoded(Encoded.from_raw("/", messages.array("relay_refused", messages.encode(told))))
            self._tell_the_app()

    def _tell_the_app(self) -> None:
        """The published app knows no `relay_refused`, and asks for no ack: it hears, once for each session, that its
        receiver is gone. Of a session that is not here, or not its own, nobody knows the receiver: it is the peer that
        it signalled last, or itself, and it hears that once."""
        caller = self._socket.state
        receiver = self._relays.receiver(self._session_id, caller.peer_id)
        session_id = None if receiver is None else self._session_id
        gone_peer = receiver or caller.target or caller.peer_id
        if gone_peer is not None and session_id not in caller.refused:
            caller.refused.add(session_id)
            gone = messages.encode(messages.PeerDisconnected(gone_peer))
            self._socket.send_encoded(Encoded.from_raw("/", messages.array("peer_disconnected", gone)))


class Events:
    """The handlers of the default namespace."""

    def __init__(self, namespace: Namespace, driver: Driver) -> None:
        self._driver = driver
        self._early = Early()
        self._line = driver.line
        namespace.on_connect(self._connected)
        namespace.on_disconnect(self._disconnected)
        namespace.on_raw("register_socket")(self._register_socket)
        namespace.on_raw("peer_signal")(self._peer_signal)
        namespace.on_raw("relay_chunk")(self._relay_chunk)
        namespace.on_raw("relay_request")(self._relay_request)

    def _connected(self, socket: Socket, auth: Any) -> None:
        socket.state = SocketPeer()

    def _disconnected(self, socket: Socket, reason: str) -> None:
        self._early.forget(socket)
        caller = socket.state
        if caller is not None and caller.waits_for is not None:
            self._driver.presence.devices.forget(caller.waits_for, socket)
        peer_id = caller.peer_id if caller is not None else None
        if peer_id is not None:
            self._driver.start(self._driver.presence.lost(peer_id, socket))

    def _register_socket(self, socket: Socket, body: bytes, attachments: Sequence[Binary], ack: Ack | None) -> None:
        try:
            _, asked = _register(_whole(body, attachments))
        except msgspec.MsgspecError as error:
            _malformed(ack, "register_socket takes {peer_id}", error)
            return
        socket.pause_reading()  # what the client says next, it says as that peer
        self._driver.start(self._register(socket, asked, ack))

    async def _register(self, socket: Socket, asked: messages.RegisterSocket, ack: Ack | None) -> None:
        driver, caller = self._driver, socket.state
        try:
            if caller.peer_id is not None and caller.peer_id != asked.peer_id:
                raise Forbidden("this socket speaks for another peer already; open a new one")
            driver.pace.check(Kind.WRITE, counted(socket.address))
            peer, anew = await driver.presence.register(socket, asked.peer_id, asked.peer_token, socket.address)
            caller.peer_id = peer.peer_id
            socket.trust()
            caller.intro = b'["peer_signal",{"sender_peer_id":"' + peer.peer_id.encode() + b'","signal":'
            if ack is not None:
                ack.raw(b"[" + _SUCCESS + b"]")
            self._early.hear(socket)
        except BurrowError as error:
            if isinstance(error, NotApproved):
                self._hold(socket, asked)
            _refuse(ack, error)
            return
        finally:
            socket.resume_reading()
        await driver.postman.deliver(peer.peer_id)
        if anew:
            await driver.relays.inherit(peer)
        await driver.relays.arrived(peer.peer_id)

    def _hold(self, socket: Socket, asked: messages.RegisterSocket) -> None:
        """The socket of a device that waits for an answer: once it is approved, it is registered without asking anew.
        The published app asks once."""
        if not socket.connected:
            return

        def told(answer: Joining) -> None:
            approved = answer is Joining.APPROVED
            event = (messages.DeviceApproved if approved else messages.DeviceRejected)(asked.peer_id)
            socket.send_encoded(Encoded.from_raw("/", messages.array(messages.name_of(event), messages.encode(event))))
            if approved:
                socket.pause_reading()
                self._driver.start(self._register(socket, asked, None))

        devices, caller = self._driver.presence.devices, socket.state
        if caller.waits_for is not None:
            devices.forget(caller.waits_for, socket)
        caller.waits_for = asked.peer_id
        devices.hold(asked.peer_id, socket, told)

    def _peer_signal(self, socket: Socket, body: bytes, attachments: Sequence[Binary], ack: Ack | None) -> None:
        try:
            if many_brackets(body):
                _look(socket, body)
            asked = _signal_array(body)[1]
        except msgspec.MsgspecError as error:
            _malformed(ack, "peer_signal takes {target_peer_id, sender_peer_id, signal}", error)
            return
        except TooManyParts:
            _refuse(ack, _TOO_MANY_PARTS)
            return
        caller = socket.state
        if caller.peer_id != asked.sender_peer_id:
            if caller.peer_id is None:
                size = len(body) + sum(map(len, attachments))
                again = partial(self._peer_signal, socket, body, attachments, ack)
                self._early.keep(socket, size, again, partial(_refuse, ack))
            else:
                _refuse(ack, Forbidden("a socket may only speak for the peer it registered"))
            return
        caller.target = asked.target_peer_id
        line = self._line(asked.target_peer_id)
        if line is None:
            self._look_for(socket, asked, attachments, ack)
            return
        if ack is None and len(body) < _ONE_PIECE and not attachments:
            sent = line.send_array(caller.intro, asked.signal, b"}]")
        else:
            packet = Encoded.from_raw("/", b"".join((caller.intro, asked.signal, b"}]")), attachments)
            told = None if ack is None else partial(self._signalled, socket, asked, attachments, ack)
            sent = line.send_encoded(packet, told)
        if not sent:
            self._look_for(socket, asked, attachments, ack)
        elif line.over_budget:
            socket.pause_reading()
            line.on_drain(socket.resume_reading)

    def _signalled(
        self, socket: Socket, asked: messages.PeerSignal, attachments: Sequence[Binary], ack: Ack, taken: bool
    ) -> None:
        """The target's socket has taken the bytes of a signal, or died before it did."""
        if taken:
            ack.raw(b"[" + _SUCCESS + b"]")
        else:
            self._look_for(socket, asked, attachments, ack)

    def _look_for(
        self, socket: Socket, asked: messages.PeerSignal, attachments: Sequence[Binary], ack: Ack | None
    ) -> None:
        """The target has no socket here, or it died."""
        if self._driver.is_one_of_several:
            socket.pause_reading()  # nothing overtakes a signal whose target is looked for
            self._driver.start(self._elsewhere(socket, asked, attachments, ack))
        else:
            self._driver.start(self._absent(socket, asked, ack))

    async def _elsewhere(
        self, socket: Socket, asked: messages.PeerSignal, attachments: Sequence[Binary], ack: Ack | None
    ) -> None:
        """The signal goes to wherever the target has a socket, once more; if that dies too, the target is absent."""
        packet = Encoded.from_raw("/", b"".join((socket.state.intro, asked.signal, b"}]")), attachments)

        def told(taken: bool) -> None:
            if taken and ack is not None:
                ack.raw(b"[" + _SUCCESS + b"]")
            elif not taken:
                self._driver.start(self._absent(socket, asked, ack))

        try:
            line = await self._driver.find(asked.target_peer_id)
            if line is None or not line.send_encoded(packet, None if ack is None else told):
                await self._absent(socket, asked, ack)
            elif line.over_budget:
                socket.pause_reading()
                line.on_drain(socket.resume_reading)
        except BurrowError as error:
            _refuse(ack, error)
        finally:
            socket.resume_reading()

    async def _absent(self, socket: Socket, asked: messages.PeerSignal, ack: Ack | None) -> None:
        sender, target = asked.sender_peer_id, asked.target_peer_id
        try:
            relay = await self._driver.relays.between(
                sender, target, counted(socket.address), begins=begins_attempt(asked.signal)
            )
        except BurrowError as error:
            _refuse(ack, error)
            return
        if ack is not None:
            words = "the peer has no live socket; send relay_chunk events on the session"
            ack.raw(b"[" + messages.encode(messages.Ack("relay", words, session_id=relay.session_id)) + b"]")

    def _relay_chunk(self, socket: Socket, body: bytes, attachments: Sequence[Binary], ack: Ack | None) -> None:
        try:
            asked = _chunk(socket, body)
        except msgspec.MsgspecError as error:
            _malformed(ack, "relay_chunk takes {session_id, chunk, index, total}", error)
            return
        except TooManyParts:
            _refuse(ack, _TOO_MANY_PARTS)
            return
        if not (0 <= asked.index <= _MAX_INDEX and 0 <= asked.total <= _MAX_INDEX):
            _refuse(ack, BadRequest("index and total are whole numbers from 0"))
            return
        caller = socket.state
        answer = ChunkAnswer(socket, ack, asked.session_id, asked.index, self._driver.relays)
        chunk = QueuedChunk(body, attachments, answer)
        if caller.peer_id is None:
            again = partial(self._relay_chunk, socket, body, attachments, ack)
            self._early.keep(socket, chunk.size, again, answer.refused)
            return
        try:
            last = asked.index + 1 >= asked.total
            self._driver.relays.chunk(asked.session_id, caller.peer_id, chunk, socket, last=last)
        except BurrowError as error:
            answer.refused(error)

    def _relay_request(self, socket: Socket, body: bytes, attachments: Sequence[Binary], ack: Ack | None) -> None:
        try:
            _, asked = _relay_request(_whole(body, attachments))
        except msgspec.MsgspecError as error:
            _malformed(ack, "relay_request takes {transfer_id} or {target_peer_id}", error)
            return
        if socket.state.peer_id is None:
            again = partial(self._relay_request, socket, body, attachments, ack)
            self._early.keep(socket, len(body), again, partial(_refuse, ack))
            return
        self._driver.start(self._open_relay(socket, asked, ack))

    async def _open_relay(self, socket: Socket, asked: messages.RelayRequest, ack: Ack | None) -> None:
        caller, relays, address = socket.state, self._driver.relays, counted(socket.address)
        try:
            if asked.transfer_id is not None:
                relay = await relays.for_transfer(caller.peer_id, asked.transfer_id, asked.target_peer_id, address)
            elif asked.target_peer_id is not None:
                relay = await relays.between(caller.peer_id, asked.target_peer_id, address)
            else:
                raise BadRequest("relay_request takes {transfer_id} or {target_peer_id}")
        except BurrowError as error:
            _refuse(ack, error)
            return
        if ack is not None:
            ack.raw(b"[" + messages.encode(messages.Ack("success", session_id=relay.session_id)) + b"]")


def _look(socket: Socket, body: bytes) -> None:
    """TooManyParts without a look for what is large and comes from nobody: such a socket costs nothing to replace."""
    with socket.looked_at():
        if socket.state.peer_id is None and len(body) > _UNKNOWN_MOST:
            raise TooManyParts(f"JSON of more than {_UNKNOWN_MOST} bytes with many brackets before register_socket")
        check_depth(body)


def _chunk(socket: Socket, body: bytes) -> messages.TextChunk | messages.RelayChunk:
    """The fields of a chunk. Large text has one shape and no depth to look at, which would cost as much again."""
    if len(body) > _SMALL:
        try:
            return _text_chunk_array(body)[1]
        except msgspec.ValidationError:
            pass  # another shape, read the long way
    if many_brackets(body):
        _look(socket, body)
    return _chunk_array(body)[1]


def _whole(body: bytes, attachments: Sequence[Binary]) -> bytes:
    """The body of an event that has no use for attachments and none for much text."""
    if attachments:
        raise BadPacket("this event takes no binary")
    if len(body) > 4096:
        raise BadPacket("this event is small")
    return body


def _malformed(ack: Ack | None, words: str, error: msgspec.MsgspecError) -> None:
    """Valid JSON of the wrong shape is answered; what is no JSON at all breaks the protocol."""
    if not isinstance(error, msgspec.ValidationError):
        raise BadPacket("not JSON") from error
    _refuse(ack, BadRequest(words))


def _refuse(ack: Ack | None, error: BurrowError) -> None:
    if ack is not None:
        ack.raw(b"[" + messages.encode(messages.Ack("error", error.sentence, error.code)) + b"]")
