"""Inbox, presence, ice, messages and errors: the small rules."""

import json
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.core import errors, messages
from burrowspace.core.errors import BurrowError, WrongOffset, WrongState
from burrowspace.core.ice import GOOGLE, ice_servers, is_stun_uri
from burrowspace.core.inbox import NEVER, WAITING, unheard
from burrowspace.core.presence import SILENCE_S, fell_silent, is_online
from burrowspace.core.records import Notice, Peer

examples = settings(max_examples=300, derandomize=True)


def device(seen: int = NEVER, **more: object) -> Peer:
    made = Peer("0" * 32, "ann", "", False, 0.0, 0.0, False, seen)
    return msgspec.structs.replace(made, **more)


def notice(number: int, event: str = "transfer_completed", at: float = 0.0) -> Notice:
    return Notice(number, "ann", event, "{}", "", at)


# The inbox

inboxes = st.lists(st.sampled_from(["transfer_request", "transfer_completed", "transfer_cancelled"]), max_size=8).map(
    lambda kinds: [notice(n, kind) for n, kind in enumerate(kinds, 1)]
)


@examples
@given(inboxes, st.integers(0, 9), st.lists(st.integers(NEVER, 9), max_size=3))
def test_a_known_device_hears_what_came_since_and_the_others_do_not_matter(
    held: list[Notice], seen: int, others: list[int]
) -> None:
    assert unheard(device(seen), map(device, others), held) == [n for n in held if n.number > seen]


@examples
@given(inboxes, st.lists(st.integers(NEVER, 9), max_size=3))
def test_a_new_device_hears_what_nobody_heard_and_what_waits_for_an_answer(
    held: list[Notice], others: list[int]
) -> None:
    told = unheard(device(connected_at=1.0), map(device, others), held)
    assert told == sorted(told, key=lambda n: n.number)
    for one in held:
        heard_by_another = any(seen >= one.number for seen in others)
        assert (one in told) == (not heard_by_another or one.event in WAITING)


def test_a_new_device_hears_what_came_since_it_connected_whoever_heard_it() -> None:
    held = [notice(1, at=9.0), notice(2, at=10.0), notice(3, at=11.0)]
    assert unheard(device(connected_at=10.0), [device(3)], held) == held[1:]


def test_the_first_device_of_a_user_hears_everything() -> None:
    held = [notice(1), notice(2, "transfer_request"), notice(3)]
    assert unheard(device(), [], held) == held
    assert unheard(device(), [device()], held) == held


# Presence


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("gone", [True, False])
@pytest.mark.parametrize("quiet", [-5.0, 0.0, 59.9, 60.0, 1e9])
def test_online_is_a_live_socket_or_a_recent_sign_of_life(live: bool, gone: bool, quiet: float) -> None:
    peer = device(last_seen=1000.0, gone=gone)
    online = is_online(peer, live=live, now=1000.0 + quiet)
    assert online == (live or (not gone and quiet < SILENCE_S))
    assert fell_silent(peer, live=live, now=1000.0 + quiet) == (not gone and not online)


def test_silence_is_told_once() -> None:
    peer = device(last_seen=0.0)
    assert fell_silent(peer, live=False, now=60.0)
    assert not fell_silent(msgspec.structs.replace(peer, gone=True), live=False, now=61.0)


def test_how_long_silence_is_can_be_set() -> None:
    assert is_online(device(last_seen=0.0), live=False, now=61.0, silence_s=62.0)
    assert not is_online(device(last_seen=0.0), live=False, now=1.0, silence_s=1.0)


# STUN


@pytest.mark.parametrize(
    "uri", [*GOOGLE, "stun:a", "stuns:a.example:5349", "stun:192.0.2.1:3478", "stun:[2001:db8::1]:3478", "stun:a:65535"]
)
def test_a_stun_uri_is_known(uri: str) -> None:
    assert is_stun_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "stun:",
        "stun://a:1",
        "turn:a:1",
        "http://a",
        "stun:a:",
        "stun:a:1\n",
        "stun:a b",
        "stun:a:x",
        "stun:a:1?b=c",
        "STUN:a@b",
        "stun:a:123456",
        "stun:a:65536",
        "stun:a:99999",
        "stun:a:0",
        "stun:" + "a" * 254,
        "stun:[::1",
    ],
)
def test_what_a_browser_would_refuse_is_no_stun_uri(uri: str) -> None:
    assert not is_stun_uri(uri)


def test_the_servers_come_in_the_form_that_a_browser_takes() -> None:
    assert ice_servers(list(GOOGLE)) == [{"urls": list(GOOGLE)}]
    assert ice_servers([]) == []


# Events

SAMPLES: list[msgspec.Struct] = [
    messages.PeerSignalled("a" * 32, msgspec.Raw(b'{"n":1.0}')),
    messages.RelayInitiated("s", "b", "a", None),
    messages.RelayRefused("s", 3, "no", "no-space"),
    messages.TransferRequest("r", "ann", 'a "quoted"\u2028 ☃.txt'),
    messages.TransferApproved("r", "t"),
    messages.TransferRejected("r"),
    messages.TransferCompleted("t", "p2p"),
    messages.TransferCompleted("t", "server_relay", "a.txt"),
    messages.TransferCancelled("t"),
    messages.PeerDisconnected("p"),
    messages.DeviceRequest("p", "Ann's phone", None, "2026-01-01T00:00:00+00:00"),
    messages.DeviceApproved("p"),
    messages.DeviceRejected("p"),
]


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_travels_as_an_array_of_its_name_and_its_fields(event: msgspec.Struct) -> None:
    name = messages.name_of(event)
    assert messages.SERVER_EVENTS[name] is type(event)
    sent = json.loads(messages.array(name, messages.encode(event)))
    assert sent[0] == name
    assert len(sent) == 2
    assert msgspec.convert({k: v for k, v in sent[1].items() if k != "signal"} | _raw(sent[1]), type(event)) == event


def _raw(fields: dict[str, object]) -> dict[str, object]:
    signal = json.dumps(fields.get("signal"), separators=(",", ":")).encode()
    return {"signal": msgspec.Raw(signal)} if "signal" in fields else {}


def test_every_event_of_the_server_but_the_passed_on_chunk_has_a_sample() -> None:
    assert {messages.name_of(event) for event in SAMPLES} == set(messages.SERVER_EVENTS) - {"relay_chunk"}


def test_the_published_fields_are_all_there() -> None:
    """The contract with the app that is in people's hands."""
    published = {
        "peer_signal": {"sender_peer_id", "signal"},
        "relay_initiated": {"session_id", "target_peer_id"},
        "relay_chunk": {"session_id", "chunk", "index", "total"},
        "transfer_request": {"request_id", "sender_id", "filename"},
        "transfer_approved": {"request_id", "transfer_id"},
        "transfer_completed": {"transfer_id", "transfer_mode", "filename"},
        "transfer_cancelled": {"transfer_id"},
        "peer_disconnected": {"peer_id"},
    }
    for name, fields in published.items():
        assert fields <= set(messages.SERVER_EVENTS[name].__struct_fields__)


def test_filename_is_said_only_after_an_upload() -> None:
    assert messages.encode(messages.TransferCompleted("t", "p2p")) == b'{"transfer_id":"t","transfer_mode":"p2p"}'


@pytest.mark.parametrize(
    ("ack", "said"),
    [
        (messages.Ack("success"), {"status": "success"}),
        (messages.Ack("queued", "later"), {"status": "queued", "message": "later"}),
        (messages.Ack("relay", "so", session_id="s"), {"status": "relay", "message": "so", "session_id": "s"}),
        (messages.Ack("error", "no", "forbidden"), {"status": "error", "message": "no", "code": "forbidden"}),
    ],
)
def test_an_ack_has_only_the_fields_that_say_something(ack: messages.Ack, said: dict[str, str]) -> None:
    assert json.loads(messages.encode(ack)) == said


@pytest.mark.parametrize("name", messages.CLIENT_EVENTS)
def test_newer_clients_may_say_more(name: str) -> None:
    kind = messages.CLIENT_EVENTS[name]
    said = {field: 1 if field in ("index", "total") else "x" for field in kind.__struct_fields__} | {"newer": [1]}
    held = msgspec.json.decode(json.dumps(said), type=kind)
    assert not hasattr(held, "newer")


def test_a_signal_is_not_looked_into() -> None:
    signal = b'{"n": 1.0, "big":12345678901234567890,"n":2}'
    body = b'{"target_peer_id":"b","sender_peer_id":"a","signal":%s}' % signal
    assert bytes(msgspec.json.decode(body, type=messages.PeerSignal).signal) == signal


# Errors


def tree(root: type[BurrowError]) -> Iterator[type[BurrowError]]:
    """The tree of core/errors.py; what the client adds to it stands in the client's files."""
    yield root
    for kind in root.__subclasses__():
        if kind.__module__ == root.__module__:
            yield from tree(kind)


KINDS = list(tree(BurrowError))


def made(kind: type[BurrowError]) -> BurrowError:
    if kind is WrongState:
        return WrongState("so it is", "ready")
    if kind is WrongOffset:
        return WrongOffset(held=3, asked=5)
    return kind("so it is", room=7)


def test_every_kind_of_error_has_a_code_of_its_own() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_a_sentence_a_code_and_what_helps(kind: type[BurrowError]) -> None:
    error = made(kind)
    body = error.body()
    assert body["error"] == str(error) == error.sentence
    assert body["code"] == kind.code
    assert set(body) - {"error", "code"} == set(error.fields)
    assert error.fields
    json.dumps(body)


def test_an_error_tells_where_to_resume_or_where_it_stands() -> None:
    assert WrongOffset(held=3, asked=5).body()["held"] == 3
    assert WrongState("no", "cancelled").body()["state"] == "cancelled"


def test_the_drawing_of_the_tree_is_the_tree() -> None:
    lines = (errors.__doc__ or "").splitlines()
    drawn = [line.split() for line in lines if "── " in line]
    found = {}
    for words in drawn:
        at = next(n for n, word in enumerate(words) if word[0].isalpha())
        found[words[at]] = int(words[at + 1])
    assert found == {kind.__name__: kind.status for kind in KINDS[1:]}


def test_a_kind_of_error_keeps_the_status_of_its_parent() -> None:
    for kind in KINDS[1:]:
        parent = kind.__mro__[1]
        assert parent is BurrowError or kind.status == parent.status  # type: ignore[attr-defined]
