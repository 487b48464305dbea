"""What strangers send over the real-time channel: one table of what each gets, one served world.

After every attack a second live socket still gets a signal, and nothing of the attack before it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from tests.app import Running, running
from tests.socketio.wire import BINARY, CONTINUATION, KEY, PATIENCE, PING, TEXT, Answer, Closed, Wire, read_answer

pytestmark = pytest.mark.anyio

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
SOCKET = "/socket.io/?EIO=4&transport=websocket"
POLL = "/socket.io/?EIO=4&transport=polling"


class Raw(NamedTuple):
    """One WebSocket frame as the table writes it."""

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0
    mask: bool = True


class Device:
    """A peer with a socket, spoken by hand."""

    def __init__(self, wire: Wire, peer: str) -> None:
        self.wire, self.peer = wire, peer
        self._acks = 0

    async def packet(self) -> str | bytes:
        """The next packet that is no ping; binary stays binary."""
        while True:
            opcode, payload = await self.wire.read()
            if opcode == BINARY:
                return payload
            if payload == b"2":
                await self.wire.send("3")
            else:
                return payload.decode()

    async def event(self) -> Any:
        """The next event that is not about somebody's leaving."""
        while True:
            packet = await self.packet()
            assert isinstance(packet, str), packet
            assert packet.startswith("42["), packet
            if not packet.startswith('42["peer_disconnected"'):
                return json.loads(packet[2:])

    async def ack(self, id: int) -> Any:
        """The answer to the event with this id; what else comes before it is dropped."""
        while not str(packet := await self.packet()).startswith(f"43{id}["):
            pass
        return json.loads(str(packet)[2 + len(str(id)) :])[0]

    async def call(self, event: str, data: Any) -> Any:
        self._acks += 1
        await self.wire.send(f"42{900 + self._acks}{json.dumps([event, data])}")
        return await self.ack(900 + self._acks)


class World:
    """The served world and two devices that live through everything."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.ann: Device
        self.bob: Device
        self.away = self.session = self.foreign = self.transfer = ""
        self._signals = 0

    async def request(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[Wire, Answer]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.app.reach.port, limit=1 << 24)
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.server.app.reach.port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return Wire(reader, writer), await asyncio.wait_for(read_answer(reader), PATIENCE)

    async def open(self) -> Wire:
        """A WebSocket that has said nothing yet."""
        wire, answer = await self.request("GET", SOCKET, UPGRADE)
        assert answer.status == 101, answer
        assert (await wire.text()).startswith("0{")
        return wire

    async def join(self) -> Wire:
        """A socket that is nobody yet."""
        wire = await self.open()
        await wire.send("40")
        assert (await wire.text()).startswith("40{")
        return wire

    async def arrive(self, user: str) -> Device:
        """A registered device."""
        device = Device(await self.join(), await self.server.connect(user))
        assert await device.call("register_socket", {"peer_id": device.peer}) == {"status": "success"}
        return device

    async def poll(self) -> str:
        """A polling session; its path."""
        wire, answer = await self.request("GET", POLL, {})
        wire.cut()
        return f"{POLL}&sid={json.loads(answer.body[1:])['sid']}"

    def fill(self, text: str, eve: str) -> str:
        """`<name>` in a packet stands for what the world keeps under that name."""
        names = {"eve": eve, "bob": self.bob.peer, "ann": self.ann.peer, "away": self.away}
        names |= {"session": self.session, "foreign": self.foreign, "transfer": self.transfer}
        for name, value in names.items():
            text = text.replace(f"<{name}>", value)
        return text

    async def lives(self) -> None:
        """A signal still goes from ann to bob, and is the first thing that bob hears."""
        self._signals += 1
        sent = {"target_peer_id": self.bob.peer, "sender_peer_id": self.ann.peer, "signal": self._signals}
        assert await self.ann.call("peer_signal", sent) == {"status": "success"}
        told = ["peer_signal", {"sender_peer_id": self.ann.peer, "signal": self._signals}]
        heard = [await self.bob.event()]
        while heard[-1] != told:  # so that what one attack brought is not blamed on the next
            heard.append(await self.bob.event())
        assert heard == [told]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def world(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running(tmp_path_factory.mktemp("hostile"), max_user_peers=1000) as server:
        world = World(server)
        world.ann, world.bob = await world.arrive("ann"), await world.arrive("bob")
        world.away = await server.connect("carol")
        asked = {"target_peer_id": world.away, "sender_peer_id": world.ann.peer, "signal": 0}
        world.foreign = (await world.ann.call("peer_signal", asked))["session_id"]
        world.transfer = await server.transfer("dan", "dora")
        yield world
        world.ann.wire.cut()
        world.bob.wire.cut()


@pytest.fixture
async def eve(world: World) -> AsyncIterator[Device]:
    """The attacker: registered as a device of hers, with a relay session of her own to a peer that is away."""
    device = await world.arrive("eve")
    asked = {"target_peer_id": world.away, "sender_peer_id": device.peer, "signal": 0}
    world.session = (await device.call("peer_signal", asked))["session_id"]
    yield device
    device.wire.cut()


async def put(world: World, wire: Wire, packets: list[Any], eve: str) -> None:
    for packet in packets:
        if isinstance(packet, Raw):
            wire.frame(*packet[:2], fin=packet.fin, rsv=packet.rsv, mask=packet.mask)
        else:
            await wire.send(world.fill(packet, eve) if isinstance(packet, str) else packet)
    await wire.writer.drain()


def row(id: str, *values: Any) -> Any:
    return pytest.param(*values, id=id)


def signal(more: str, target: str = "<bob>", sender: str = "<eve>") -> str:
    return f'["peer_signal",{{"target_peer_id":"{target}","sender_peer_id":"{sender}","signal":{more}}}]'


def chunk(data: str = '"eA=="', session: str = "<session>", index: object = 0, total: object = 1) -> str:
    return f'["relay_chunk",{{"session_id":"{session}","chunk":{data},"index":{index},"total":{total}}}]'


HOLE = '{"_placeholder":true,"num":%s}'
BAD, ALIEN, NO = ("error", "bad-request"), ("error", "forbidden"), ("error", "not-found")

ANSWERED = [
    # what                         event                                                                   answer
    row("forged-sender",           signal("1", sender="<bob>"),                                            ALIEN),
    row("forged-unknown-sender",   signal("1", sender="0" * 32),                                           ALIEN),
    row("empty-sender",            signal("1", sender=""),                                                 ALIEN),
    row("target-unknown",          signal("1", target="0" * 32),                                           NO),
    row("target-malformed",        signal("1", target="../../bob"),                                        NO),
    row("target-of-5000",          signal("1", target="b" * 5000),                                         NO),
    row("target-nul",              signal("1", target="<bob>\\u0000"),                                     NO),
    row("target-number",           '["peer_signal",{"target_peer_id":1,"sender_peer_id":"<eve>","signal":1}]', BAD),
    row("signal-missing",          '["peer_signal",{"target_peer_id":"<bob>","sender_peer_id":"<eve>"}]',  BAD),
    row("signal-of-nothing",       '["peer_signal"]',                                                      BAD),
    row("signal-of-null",          '["peer_signal",null]',                                                 BAD),
    row("signal-of-text",          '["peer_signal","<bob>"]',                                              BAD),
    row("signal-of-a-list",        '["peer_signal",[]]',                                                   BAD),
    row("signal-with-two-values",  signal("1")[:-1] + ",2]",                                               BAD),
    row("register-another",        '["register_socket",{"peer_id":"<bob>"}]',                              ALIEN),
    row("register-unknown",        '["register_socket",{"peer_id":"' + "0" * 32 + '"}]',                   ALIEN),
    row("register-number",         '["register_socket",{"peer_id":7}]',                                    BAD),
    row("register-null-token",     '["register_socket",{"peer_id":"<eve>","peer_token":7}]',               BAD),
    row("register-nothing",        '["register_socket"]',                                                  BAD),
    row("chunk-unknown-session",   chunk(session="0" * 32),                                                NO),
    row("chunk-malformed-session", chunk(session="../x"),                                                  NO),
    row("chunk-foreign-session",   chunk(session="<foreign>"),                                             ALIEN),
    row("chunk-index-text",        chunk(index='"0"'),                                                     BAD),
    row("chunk-index-below-0",     chunk(index=-1),                                                        BAD),
    row("chunk-index-fraction",    chunk(index=0.5),                                                       BAD),
    row("chunk-index-true",        chunk(index="true"),                                                    BAD),
    row("chunk-index-2^53+1",      chunk(index=2**53 + 1),                                                 BAD),
    row("chunk-index-of-30",       chunk(index="9" * 30),                                                  BAD),
    row("chunk-total-null",        chunk(total="null"),                                                    BAD),
    row("chunk-total-below-0",     chunk(total=-1),                                                        BAD),
    row("chunk-without-chunk",     '["relay_chunk",{"session_id":"<session>","index":0,"total":1}]',       BAD),
    row("relay-for-nothing",       '["relay_request",{}]',                                                 BAD),
    row("relay-for-a-number",      '["relay_request",{"transfer_id":1}]',                                  BAD),
    row("relay-foreign-transfer",  '["relay_request",{"transfer_id":"<transfer>"}]',                       ALIEN),
    row("relay-unknown-transfer",  '["relay_request",{"transfer_id":"' + "0" * 32 + '"}]',                 NO),
    row("relay-unknown-peer",      '["relay_request",{"target_peer_id":"%2e%2e"}]',                        NO),
]  # fmt: skip


@pytest.mark.parametrize(("event", "expected"), ANSWERED)
async def test_a_bad_event_is_answered_and_the_socket_lives(world: World, eve: Device, event: str, expected: Any):
    await put(world, eve.wire, ["42" + "7" + event], eve.peer)
    told = await eve.ack(7)
    assert (told["status"], told["code"]) == expected
    assert told["message"]
    assert not any(word in json.dumps(told) for word in ("Traceback", "/work", "/tmp", ".py"))
    assert str(world.server.app.settings.data) not in json.dumps(told)
    await world.lives()
    assert await eve.call("register_socket", {"peer_id": eve.peer}) == {"status": "success"}


DEEP = '{"a":' * 65 + "1" + "}" * 65
BOX = "45%s-"
MOST = 1_000_000

CLOSED = [
    # what                         packets                                                                code
    row("empty",                   [""],                                                                  1000),
    row("no-engine-type",          ["x"],                                                                 1000),
    row("type-seven",              ["7"],                                                                 1000),
    row("a-ping-of-the-client",    ["2"],                                                                 1000),
    row("no-socket-type",          ["4"],                                                                 1000),
    row("type-x",                  ["4x"],                                                                1000),
    row("type-nine",               ["49"],                                                                1000),
    row("joined-twice",            ["40"],                                                                1000),
    row("auth-is-a-list",          ["40/x,[]"],                                                           1000),
    row("connect-error",           ['44{"message":"no"}'],                                                1000),
    row("leaves-with-a-payload",   ['41{"a":1}'],                                                         1000),
    row("namespace-not-joined",    ['42/admin,["peer_signal",{}]'],                                       1000),
    row("namespace-of-5000",       ["40/" + "n" * 5000 + ","],                                            1000),
    row("event-without-payload",   ["42"],                                                                1000),
    row("event-is-an-object",      ['42{"a":1}'],                                                         1000),
    row("event-is-empty",          ["42[]"],                                                              1000),
    row("event-has-no-name",       ["42[{}]"],                                                            1000),
    row("event-is-cut",            ['42["peer_signal",{"target'],                                         1000),
    row("event-is-cut-at-once",    ['42["peer_signal"'],                                                  1000),
    row("event-is-no-json",        ['42["relay_chunk",{session_id:1}]'],                                  1000),
    row("event-with-nan",          ["42" + signal("NaN")],                                                1000),
    row("event-and-more",          ["42" + signal("1") + "x"],                                            1000),
    row("unknown-event-cut",       ['42["unknown",{'],                                                    1000),
    row("reserved-event",          ['42["disconnect"]'],                                                  1000),
    row("ack-id-of-17",            ["42" + "9" * 17 + signal("1")],                                       1000),
    row("ack-without-id",          ["43[]"],                                                              1000),
    row("ack-is-no-list",          ["431{}"],                                                             1000),
    row("deep-signal",             ["42" + signal(DEEP)],                                                 1000),
    row("deep-list-signal",        ["42" + signal("[" * 100_000 + "]" * 100_000)],                        1000),
    row("deep-signal-with-ack",    ["427" + signal(DEEP)],                                                1000),
    row("deep-chunk",              ["42" + chunk(DEEP)],                                                  1000),
    row("deep-unknown-event",      ['42["unknown",' + "[" * 100_000 + "]" * 100_000 + "]"],               1000),
    row("large-registration",      ['42["register_socket",{"peer_id":"' + "p" * 5000 + '"}]'],            1000),
    row("binary-from-nowhere",     [b"\x00"],                                                             1000),
    row("base64-that-is-none",     ["b!!!"],                                                              1000),
    row("no-attachments-binary",   ["450-" + signal("1")],                                                1000),
    row("attachments-unnumbered",  ["45" + signal("1")],                                                  1000),
    row("eleven-attachments",      [BOX % 11 + signal(HOLE % 0)],                                         1000),
    row("99999-attachments",       [BOX % 99999 + signal(HOLE % 0)],                                      1000),
    row("text-amid-attachments",   [BOX % 2 + signal(HOLE % 0), b"1", "42" + signal("2")],                1000),
    row("attachments-too-large",   [BOX % 2 + signal(HOLE % 0), b"1" * 600_000, b"2" * 600_000],          1000),
    row("hole-5-of-1",             [BOX % 1 + signal(HOLE % 5), b"1"],                                    1000),
    row("hole-below-0",            [BOX % 1 + signal(HOLE % -1), b"1"],                                   1000),
    row("hole-as-text",            [BOX % 1 + signal(HOLE % '"0"'), b"1"],                                1000),
    row("hole-as-a-fraction",      [BOX % 1 + signal(HOLE % 0.5), b"1"],                                  1000),
    row("hole-as-true",            [BOX % 1 + signal(HOLE % "true"), b"1"],                               1000),
    row("hole-as-null",            [BOX % 1 + signal(HOLE % "null"), b"1"],                               1000),
    row("hole-of-no-number",       [BOX % 1 + signal('{"_placeholder":true}'), b"1"],                     1000),
    row("hole-written-otherwise",  [BOX % 1 + signal('{"\\u005fplaceholder":true,"num":9}'), b"1"],       1000),
    row("hole-deep-inside",        [BOX % 1 + signal('[{"a":[%s]}]' % (HOLE % 1)), b"1"],                 1000),
    row("hole-of-a-chunk",         [BOX % 1 + chunk(HOLE % 7), b"1"],                                     1000),
    row("binary-registration",     [BOX % 1 + '["register_socket",{"peer_id":%s}]' % (HOLE % 0), b"1"],   1000),
    row("invalid-utf-8",           [Raw(TEXT, b'42["peer_signal","\xff"]')],                              1007),
    row("cut-utf-8",               [Raw(TEXT, b"42\xe2\x82")],                                            1007),
    row("surrogate-in-utf-8",      [Raw(TEXT, b"42\xed\xa0\x80")],                                        1007),
    row("invalid-in-fragments",    [Raw(TEXT, b"42\xe2", fin=False), Raw(CONTINUATION, b"\x28")],         1007),
    row("reserved-bit",            [Raw(TEXT, b"42", rsv=4)],                                             1002),
    row("unmasked",                [Raw(TEXT, b"42[]", mask=False)],                                      1002),
    row("unknown-opcode",          [Raw(3, b"x")],                                                        1002),
    row("unknown-control",         [Raw(11, b"x")],                                                       1002),
    row("continuation-of-nothing", [Raw(CONTINUATION, b"x")],                                             1002),
    row("text-amid-fragments",     [Raw(TEXT, b"42", fin=False), Raw(TEXT, b"42")],                       1002),
    row("ping-in-fragments",       [Raw(PING, b"x", fin=False)],                                          1002),
    row("ping-of-126",             [Raw(PING, b"x" * 126)],                                               1002),
    row("text-of-1-MB-and-1",      ["4" * (MOST + 1)],                                                    1009),
    row("binary-of-1-MB-and-1",    [b"4" * (MOST + 1)],                                                   1009),
    row("fragments-of-over-1-MB",  [Raw(TEXT, b"4" * MOST, fin=False), Raw(CONTINUATION, b"4")],          1009),
]  # fmt: skip


@pytest.mark.parametrize(("packets", "code"), CLOSED)
async def test_what_breaks_the_protocol_closes_that_socket_alone(
    world: World, eve: Device, packets: list[Any], code: int
):
    await put(world, eve.wire, packets, eve.peer)
    assert await eve.wire.closed() == code
    await world.lives()


@pytest.mark.parametrize("packets", [["42" + signal("1")], ["40/x,"], ["41"], ["0"], ["6"]])
async def test_before_it_joined_a_socket_can_do_nothing_but_join(world: World, packets: list[str]):
    wire = await world.open()
    await put(world, wire, [*packets, "x"], world.bob.peer)
    assert await wire.closed() == 1000
    await world.lives()


async def test_what_is_said_before_registration_is_refused_if_none_comes(world: World):
    wire = await world.join()
    said = [signal("1", sender="<bob>"), chunk(session="<foreign>"), '["relay_request",{"target_peer_id":"<bob>"}]']
    await put(world, wire, [f"42{id}{event}" for id, event in enumerate(said)], world.bob.peer)
    nobody = Device(wire, "")
    for id in range(len(said)):
        told = await nobody.ack(id)
        assert (told["status"], told["code"]) == ALIEN
    wire.cut()
    await world.lives()


async def test_too_much_said_before_registration_is_refused_at_once(world: World):
    wire = await world.join()
    large = signal('"' + "x" * 900_000 + '"', sender="<bob>")
    await put(world, wire, ["42" + large] * 4 + ["424" + large], world.bob.peer)
    told = await Device(wire, "").ack(4)
    assert (told["status"], told["code"]) == ALIEN
    wire.cut()
    await world.lives()


async def test_what_was_said_early_in_another_name_is_refused_when_the_socket_registers(world: World):
    wire, peer = await world.join(), await world.server.connect("eve")
    await put(world, wire, ["421" + signal("1", sender="<bob>")], "")
    device = Device(wire, peer)
    await wire.send(f'42["register_socket",{{"peer_id":"{peer}"}}]')
    assert (await device.ack(1))["code"] == "forbidden"
    wire.cut()
    await world.lives()


async def test_a_hole_in_a_text_signal_arrives_as_the_plain_object_that_it_is(world: World, eve: Device):
    await put(world, eve.wire, ["42" + signal(HOLE % 0)], eve.peer)
    told = {"sender_peer_id": eve.peer, "signal": {"_placeholder": True, "num": 0}}
    assert await world.bob.event() == ["peer_signal", told]
    await world.lives()


async def test_json_of_64_levels_arrives_untouched(world: World, eve: Device):
    deep = "[" * 62 + "]" * 62
    await put(world, eve.wire, ["42" + signal(deep)], eve.peer)
    assert await world.bob.event() == ["peer_signal", {"sender_peer_id": eve.peer, "signal": json.loads(deep)}]
    await world.lives()


async def test_unknown_events_and_namespaces_harm_nobody(world: World, eve: Device):
    said = [
        '42["unknown",{"a":1}]',
        '427["unknown"]',
        '42[""]',
        "40/admin,",
        '439["an ack nobody waits for"]',
        "5",
        "6",
    ]
    await put(world, eve.wire, said, eve.peer)
    assert await eve.packet() == '44/admin,{"message":"Invalid namespace"}'
    assert await eve.call("register_socket", {"peer_id": eve.peer}) == {"status": "success"}
    await world.lives()


# as Node's engine says it: a number and a message
CARRIER = (400, {"code": 0, "message": "Transport unknown"})
UNKNOWN = (400, {"code": 1, "message": "Session ID unknown"})
METHOD = (400, {"code": 2, "message": "Bad handshake method"})
BROKEN = (400, {"code": 3, "message": "Bad request"})
NOWHERE = (404, {"code": 3, "message": "Not found"})
VERSION = (426, {"code": 3, "message": "Bad request"})
FOREIGN = (403, {"code": 4, "message": "Forbidden"})
OLD = (400, {"code": 5, "message": "Unsupported protocol version"})
PAGE = {"Origin": "https://evil.example"}
SHAKEN = [
    # what                  method     path                                   headers                 answer
    row("socket-foreign",   "GET",     SOCKET,                                UPGRADE | PAGE,                 FOREIGN),
    row("socket-null",      "GET",     SOCKET,                                UPGRADE | {"Origin": "null"},   FOREIGN),
    row("socket-like-ours", "GET",     SOCKET, UPGRADE | {"Origin": "http://127.0.0.1.evil.example"},         FOREIGN),
    row("poll-foreign",     "GET",     POLL,                                  PAGE,                           FOREIGN),
    row("poll-null",        "GET",     POLL,                                  {"Origin": "null"},             FOREIGN),
    row("post-foreign",     "POST",    POLL + "&sid=x",                       PAGE,                           FOREIGN),
    row("unknown-sid",      "GET",     POLL + "&sid=" + "x" * 20,             {}, UNKNOWN),
    row("sid-of-3000",      "GET",     POLL + "&sid=" + "x" * 3000,           {}, UNKNOWN),
    row("query-of-5000",    "GET",     POLL + "&q=" + "x" * 5000,             {}, BROKEN),
    row("no-query",         "GET",     "/socket.io/",                         {}, CARRIER),
    row("other-transport",  "GET",     "/socket.io/?EIO=4&transport=carrier", {}, CARRIER),
    row("old-protocol",     "GET",     "/socket.io/?EIO=3&transport=polling", {}, OLD),
    row("put",              "PUT",     POLL,                                  {}, METHOD),
    row("socket-no-upgrade", "GET",    SOCKET,                                {}, BROKEN),
    row("socket-bad-key",   "GET",     SOCKET, UPGRADE | {"Sec-WebSocket-Key": "x"}, BROKEN),
    row("socket-old",       "GET",     SOCKET, UPGRADE | {"Sec-WebSocket-Version": "8"}, VERSION),
    row("socket-elsewhere", "GET",     "/status",                             UPGRADE, NOWHERE),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "headers", "expected"), SHAKEN)
async def test_a_bad_handshake_is_refused(world: World, method: str, path: str, headers: Any, expected: Any):
    wire, answer = await world.request(method, path, headers)
    assert (answer.status, answer.json) == expected
    assert "access-control-allow-origin" not in answer.headers
    wire.cut()
    await world.lives()


POSTED = [
    row("nothing",        b"",                            400),
    row("no-packet",      b"x",                           400),
    row("empty-packets",  b"\x1e\x1e",                    400),
    row("invalid-utf-8",  b"4\xff",                       400),
    row("bad-base64",     b"b!",                          400),
    row("event-unjoined", b'42["peer_signal",{}]',        400),
    row("deep",           b"40\x1e42" + b"[" * 100_000,   400),
    row("1-MB-and-1",     b"4" * (MOST + 1),              413),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status"), POSTED)
async def test_a_bad_post_ends_that_polling_session_alone(world: World, body: bytes, status: int):
    session = await world.poll()
    wire, answer = await world.request(
        "POST", session, {"Content-Type": "text/plain"} | ({} if body else {"Content-Length": "0"}), body
    )
    assert (answer.status, set(answer.json)) == (status, {"code", "message"})
    wire.cut()
    await world.lives()


async def test_a_cut_connection_in_mid_frame_harms_nobody(world: World, eve: Device):
    eve.wire.writer.write(b"\x81\xfe\x40\x00" + bytes(4) + b"42[")
    await eve.wire.writer.drain()
    eve.wire.cut()
    with pytest.raises((Closed, ConnectionError)):
        await eve.wire.read()
    await world.lives()
