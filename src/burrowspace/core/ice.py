"""What a client needs to find a direct way: STUN and TURN addresses and the W3C RTCIceServer form of them.

Spec: https://www.w3.org/TR/webrtc/#rtciceserver-dictionary, STUN URIs RFC 7064, TURN URIs RFC 7065, credentials for a
while: draft-uberti-behave-turn-rest, which coturn calls `use-auth-secret`.
"""

import base64
import hashlib
import hmac
import re
from typing import NamedTuple

GOOGLE = ("stun:stun.l.google.com:19302", "stun:stun1.l.google.com:19302", "stun:stun2.l.google.com:19302")

_HOST = r"(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]{1,253})"
_STUN = re.compile(rf"stuns?:{_HOST}(?::([0-9]{{1,5}}))?\Z")
_TURN = re.compile(rf"turns?:{_HOST}(?::([0-9]{{1,5}}))?(?:\?transport=(?:udp|tcp))?\Z")


class TurnCredentials(NamedTuple):
    """What a TURN server lets somebody in by, until its time is over."""

    username: str
    credential: str


def is_stun_uri(offered: str) -> bool:
    """Whether `offered` is a STUN URI of RFC 7064.

    >>> is_stun_uri("stun:stun.l.google.com:19302"), is_stun_uri("http://x")
    (True, False)
    """
    return _is_uri(_STUN, offered)


def is_turn_uri(offered: str) -> bool:
    """Whether `offered` is a TURN URI of RFC 7065.

    >>> is_turn_uri("turns:turn.example.org:5349?transport=tcp"), is_turn_uri("turn:a:0"), is_turn_uri("stun:a")
    (True, False, False)
    """
    return _is_uri(_TURN, offered)


def _is_uri(form: re.Pattern[str], offered: str) -> bool:
    found = form.match(offered)
    return found is not None and (found[1] is None or 1 <= int(found[1]) <= 65535)


def turn_credentials(secret: bytes, user: str, expires_at: int) -> TurnCredentials:
    """Credentials that hold until `expires_at` (seconds since 1970). `user` is whom the TURN server counts quotas for.

    SHA-1 is the scheme's; HMAC does not rest on what is broken in it.

    >>> turn_credentials(b"north", "ann", 1700000000)
    TurnCredentials(username='1700000000:ann', credential='jeamH6dA5l2I9g3jmieza7CzEDo=')
    """
    username = f"{expires_at}:{user}"
    return TurnCredentials(username, base64.b64encode(hmac.digest(secret, username.encode(), hashlib.sha1)).decode())


def ice_servers(stun: list[str]) -> list[dict[str, list[str]]]:
    """The STUN servers as a list of RTCIceServer dictionaries.

    >>> ice_servers(["stun:a:1", "stun:b:2"])
    [{'urls': ['stun:a:1', 'stun:b:2']}]
    """
    return [{"urls": list(stun)}] if stun else []
