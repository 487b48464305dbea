"""What a client needs to find a direct way: STUN addresses and the W3C RTCIceServer form of them.

Spec: https://www.w3.org/TR/webrtc/#rtciceserver-dictionary, STUN URIs RFC 7064.
"""

import re

GOOGLE = ("stun:stun.l.google.com:19302", "stun:stun1.l.google.com:19302", "stun:stun2.l.google.com:19302")

_STUN = re.compile(r"stuns?:(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?\Z")


def is_stun_uri(offered: str) -> bool:
    """Whether `offered` is a STUN URI of RFC 7064.

    >>> is_stun_uri("stun:stun.l.google.com:19302"), is_stun_uri("http://x")
    (True, False)
    """
    found = _STUN.match(offered)
    return found is not None and (found[2] is None or 1 <= int(found[2]) <= 65535)


def ice_servers(stun: list[str]) -> list[dict[str, list[str]]]:
    """The STUN servers as a list of RTCIceServer dictionaries.

    >>> ice_servers(["stun:a:1", "stun:b:2"])
    [{'urls': ['stun:a:1', 'stun:b:2']}]
    """
    return [{"urls": list(stun)}] if stun else []
