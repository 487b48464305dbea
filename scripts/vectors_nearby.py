"""Vectors of a knock at a device that is near; scripts/make_vectors.py writes them to tests/vectors/nearby.json.

`knocks` are sealed and opened; `bad_knocks` are refused by who opens them, `bad_invitations` by who reads what was
sealed. `public` is the key of `private`, `ephemeral_public` of `ephemeral_private`.
"""

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from burrowspace.core.invitation import Invitation, encode_invitation
from burrowspace.core.knock import seal_knock


def nearby_vectors() -> dict[str, Any]:
    invitation = Invitation(secret=_bytes("secret", 32), name="Größe \U0001f600.jpg", created=1_700_000_000.25)
    texts = [encode_invitation(invitation).decode()] * 2
    texts.append('{"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","name":"","created":0}')
    knocks = [_knock(at, text) for at, text in enumerate(texts)]
    first, second = knocks[0], knocks[1]
    good = bytes.fromhex(first["message"])
    bad = {
        "a bit of the ephemeral key": bytes([good[0] ^ 1]) + good[1:],
        "a bit of the nonce": good[:32] + bytes([good[32] ^ 1]) + good[33:],
        "a bit of the tag": good[:-1] + bytes([good[-1] ^ 128]),
        "an ephemeral key of small order": bytes(32) + good[32:],
        "cut short": good[:-1],
        "shorter than any": good[:59],
        "nothing": b"",
        "longer than any": good + bytes(4097 - len(good)),
        "for another device": bytes.fromhex(second["message"]),
    }
    refused = [{"why": why, **_reader(first), "message": message.hex()} for why, message in bad.items()]
    refused.append({**_reader(first), "why": "another handle", "handle": "f" * 32, "message": first["message"]})
    return {
        "knocks": knocks,
        "bad_knocks": refused,
        "bad_publics": ["00" * 32, "01" + "00" * 31, "00" * 31],
        "bad_invitations": [
            "",
            "[]",
            '{"secret":"AAAA","name":"a","created":0}',
            '{"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","name":"a"}',
            '{"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","name":1,"created":0}',
            '{"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","name":"a","created":-1}',
            '{"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","name":"a","created":9007199254740992}',
            '{"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","name":"a","created":"0"}',
            '{"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","name":"' + "a" * 65 + '","created":0}',
        ],
    }


def _knock(at: int, text: str) -> dict[str, Any]:
    private, ephemeral, nonce = _bytes(f"private {at}", 32), _bytes(f"ephemeral {at}", 32), _bytes(f"nonce {at}", 12)
    handle, public = _bytes(f"handle {at}", 16).hex(), _public(private)
    return {
        "private": private.hex(),
        "public": public.hex(),
        "ephemeral_private": ephemeral.hex(),
        "ephemeral_public": _public(ephemeral).hex(),
        "handle": handle,
        "nonce": nonce.hex(),
        "plaintext": text,
        "message": seal_knock(text.encode(), public, ephemeral, nonce, handle).hex(),
    }


def _reader(knock: dict[str, Any]) -> dict[str, Any]:
    return {"private": knock["private"], "handle": knock["handle"]}


def _public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _bytes(name: str, size: int) -> bytes:
    return hashlib.sha256(f"burrow/1 vectors nearby {name}".encode()).digest()[:size]
