"""Targets: what strangers put into a mailbox, and what people type."""

import re

import msgspec

from burrowspace.core import codes, devices, invitation, knock, links, signals
from burrowspace.core.errors import BurrowError
from tests.fuzz.target import Target, text

KEY, HANDLE = bytes(range(32)), "0" * 32
CODE = codes.parse_code("7-walnut-orbit")
_CODE = re.compile(r"[1-9][0-9]{0,8}(-[a-z]+){2,3}\Z")
_ORIGIN = re.compile(r"https?://[^/\s#?]+(/[\w~-][\w.~-]*)*\Z", re.ASCII)


def meeting(data: bytes) -> object:
    said = codes.parse_meeting(data)
    assert codes.parse_meeting(codes.encode_meeting(said)) == said
    if isinstance(said, codes.Opening):
        pake = codes.Pake(CODE, said.role.other, lambda n: bytes(range(n)))
        agreed = pake.finish(said)
        assert len(agreed.transcript) == 32
    return msgspec.to_builtins(said)


def signal(data: bytes) -> object:
    said = signals.parse_signal(data)
    assert signals.parse_signal(signals.encode(said)) == said
    return msgspec.to_builtins(said)


def control(data: bytes) -> object:
    said = signals.parse_control(data)
    assert signals.parse_control(signals.encode(said)) == said
    return msgspec.to_builtins(said)


def said_by_a_device(data: bytes) -> object:
    """An invitation; what cannot be one is tried as an introduction."""
    try:
        found = invitation.parse_invitation(data)
    except BurrowError:
        met = devices.parse_introduction(data)
        assert devices.parse_introduction(devices.encode_introduction(met)) == met
        return {"introduced": met.public}
    assert len(found.secret) == 32
    assert len(found.name) <= invitation.NAME_CHARS
    assert invitation.parse_invitation(invitation.encode_invitation(found)) == found
    return {"invited": found.secret.hex()}


def sealed(data: bytes) -> object:
    """Nothing that was made up opens: a knock, a message of an inbox, a signal."""
    channel = signals.Channel(KEY, HANDLE, signals.Role.SENDER, bytes(16))
    openers = (
        lambda: knock.open_knock(data, KEY, HANDLE),
        lambda: devices.Inbox(KEY, KEY).open(data),
        lambda: channel.open(data),
    )
    for opener in openers:
        try:
            opened = opener()
        except BurrowError:
            continue
        raise AssertionError(f"a forged message opened: {opened!r}")
    return None


def code(data: bytes) -> object:
    found = codes.parse_code(text(data))
    assert _CODE.match(str(found)), str(found)
    assert codes.parse_code(str(found)) == found
    return str(found)


def link(data: bytes) -> object:
    found = links.parse_link(text(data))
    assert _ORIGIN.match(found.server)
    assert len(found.secret) == 32
    assert links.parse_link(str(found)) == found
    return str(found)


TARGETS = (
    Target("meeting", "mailbox", meeting, "messages of a meeting by code", 9000),
    Target("signal", "mailbox", signal, "signals in a mailbox", 62_000),
    Target("control", "mailbox", control, "controls on a direct link", 34_000),
    Target("device", "mailbox", said_by_a_device, "invitations and introductions", 4096),
    Target("sealed", "mailbox", sealed, "knocks, inbox messages and signals that nobody sealed", 5000),
    Target("code", "mailbox", code, "codes that people type", 256),
    Target("link", "mailbox", link, "links that people paste", 1024),
)
