"""The vectors of paired devices: introductions, inboxes, invitations. Written by scripts/make_vectors.py."""

import hashlib
from base64 import b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from burrowspace.core import devices
from burrowspace.core.invitation import Invitation, encode_invitation
from burrowspace.core.links import mailbox_id
from burrowspace.core.sealing import Box, derive

ANN, BOB, SECRET, PAIRING = (
    hashlib.sha256(f"burrow/1 vectors {name}".encode()).digest() for name in ("ann", "bob", "secret", "pairing")
)
NONCE = bytes(range(12))
SMALL = (bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f")  # points of small groups


def devices_vectors() -> dict[str, Any]:
    ann, bob = (
        b64encode(X25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()) for key in (ANN, BOB)
    )
    names = {"ann": ("Ann's laptop", ann.decode()), "bob": ("Größe \U0001f600", bob.decode())}
    said = {who: devices.encode_introduction(devices.Introduction(name=n, public=p)) for who, (n, p) in names.items()}
    box = Box(derive(PAIRING, b"", "burrow/1 introduction"))
    invitation = Invitation(secret=SECRET, name="holiday \u2013 Größe", created=1_700_000_000.25)
    inboxes = []
    for whose, owner in names.items():
        inbox = devices.pair_inbox(ANN, names["bob"][1], owner[1])
        sealed = inbox.seal(invitation, NONCE)
        assert devices.pair_inbox(BOB, names["ann"][1], owner[1]).open(sealed) == invitation
        inboxes.append({"owner": whose, "mailbox": inbox.mailbox, "sealed": sealed.hex()})
    key = names["bob"][1]
    return {
        "ann": {"private": ANN.hex(), "public": names["ann"][1], "introduction": said["ann"].decode()},
        "bob": {"private": BOB.hex(), "public": names["bob"][1], "introduction": said["bob"].decode()},
        "pairing": {
            "secret": PAIRING.hex(),
            "mailbox": mailbox_id(PAIRING),
            "one": box.seal(said["ann"], b"one", NONCE).hex(),
            "two": box.seal(said["bob"], b"two", NONCE).hex(),
        },
        "nonce": NONCE.hex(),
        "secret": SECRET.hex(),
        "invitation": encode_invitation(invitation).decode(),
        "inboxes": inboxes,
        "bad_introductions": [
            "",
            "[]",
            '{"name":"x"}',
            f'{{"name":7,"public":"{key}"}}',
            f'{{"public":"{key}"}}',
            f'{{"name":"x","public":"{key[:-4]}"}}',
            f'{{"name":"x","public":"{key[:-1]}"}}',
            f'{{"name":"x","public":"{key[:-2]}{chr(ord(key[-2]) + 1)}="}}',
            '{"name":"' + "x" * 4096 + f'","public":"{key}"}}',
            *(f'{{"name":"x","public":"{b64encode(point).decode()}"}}' for point in SMALL),
        ],
    }
