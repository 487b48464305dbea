"""Which signals begin an attempt to connect directly. The rest belong to the attempt before them.

An attempt is a description (an offer) and the candidates that trickle in behind it. The app emits each description
twice, for its handlers are registered twice. Spec: docs/spec/relay.md, "A session".
"""

import msgspec

DOUBLED_S = 1.0  # seconds within which the same beginning comes twice


class _Look(msgspec.Struct, frozen=True):
    candidate: msgspec.Raw = msgspec.Raw()
    type: msgspec.Raw = msgspec.Raw()


_look = msgspec.json.Decoder(_Look).decode


def begins_attempt(signal: bytes | msgspec.Raw) -> bool:
    """Whether a signal is anything but an ICE candidate. Any JSON.

    >>> begins_attempt(b'{"type":"offer","sdp":"v=0"}'), begins_attempt(b'"hello"')
    (True, True)
    >>> begins_attempt(b'{"type":"candidate"}'), begins_attempt(b'{"candidate":{"sdpMid":"0"}}')
    (False, False)
    """
    try:
        seen = _look(signal)
    except msgspec.MsgspecError:
        return True
    return not bytes(seen.candidate) and b"candidate" not in bytes(seen.type).lower()
