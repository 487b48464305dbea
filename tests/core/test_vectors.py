"""The vectors are what the script makes, and someone who has only the spec pages and plain libraries gets the same."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as open_xchacha
from scripts import make_vectors as subject

from burrowspace.core import codes, devices, frames, invitation, knock, links, manifest, signals
from burrowspace.core.errors import BadCode, BadLink, BadManifest, BadRequest, Tampered
from burrowspace.core.words import WORDS

HERE = Path(__file__).resolve().parents[1] / "vectors"
HELD: dict[str, Any] = {path.stem: json.loads(path.read_text()) for path in HERE.glob("*.json")}
hexed = bytes.fromhex


def test_the_files_are_what_the_script_makes() -> None:
    made = subject.vectors()
    assert {path.name for path in HERE.glob("*.json")} >= set(made)
    for name, text in made.items():
        assert (HERE / name).read_text() == text, name


def hkdf(secret: bytes, salt: bytes, label: str, size: int = 32) -> bytes:
    """RFC 5869 by hand; no label needs more than one round."""
    key = hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(key, label.encode() + b"\1", hashlib.sha256).digest()[:size]


def test_keys_follow_from_the_labels() -> None:
    sealing = HELD["sealing"]
    for case in sealing["derived"]:
        assert hkdf(hexed(sealing["secret"]), hexed(case["salt"]), case["label"], case["size"]).hex() == case["key"]


@pytest.mark.parametrize("case", HELD["sealing"]["blocks"], ids=lambda case: f"{case['suite']}-{case['index']}")
def test_a_block_is_what_the_page_says(case: dict[str, Any]) -> None:
    secret, transfer = hexed(HELD["sealing"]["secret"]), hexed(HELD["sealing"]["transfer"])
    key = hkdf(secret, transfer, f"burrow/1 blocks {case['suite']}")
    aad = b"burrow/1 block" + transfer + case["file"].to_bytes(4, "big") + case["index"].to_bytes(8, "big")
    aad += bytes([case["end"]])
    if "sealed" in case:
        sealed, skip = hexed(case["sealed"]), len(hexed(case["nonce"]))
        assert sealed[:skip].hex() == case["nonce"]
        if case["suite"] == "A256GCM":
            plain = AESGCM(key).decrypt(sealed[:skip], sealed[skip:], aad)
        else:
            plain = open_xchacha(sealed[skip:], aad, sealed[:skip], key)
        assert plain.hex() == case["plain"]
    elif case["suite"] == "A256GCM":
        plain = bytes(i % 251 for i in range(case["plain_pattern"]))
        sealed = hexed(case["nonce"]) + AESGCM(key).encrypt(hexed(case["nonce"]), plain, aad)
        assert hashlib.sha256(sealed).hexdigest() == case["sealed_sha256"]
        assert (sealed[:12] + sealed[-16:]).hex() == case["fingerprint"]


def test_the_rows_of_a_layout_add_up() -> None:
    for case in HELD["layout"]["layouts"]:
        at, overhead = 0, 28 if case["suite"] == "A256GCM" else 40
        for row in case["rows"]:
            assert row["offset"] == at
            if row["plain"] is not None:
                assert row["end"] == (row["plain"] < HELD["layout"]["block"])
            at += (row["plain"] if row["plain"] is not None else HELD["layout"]["block"]) + overhead
        if case["sealed_size"] is not None:
            assert at == case["sealed_size"]


def test_good_manifests_are_read_and_bad_ones_refused() -> None:
    for case in HELD["manifest"]["good"]:
        read = manifest.parse(case["json"].encode())
        assert (read.content_size, read.pack_size) == (case["content_size"], case["pack_size"])
    for case in HELD["manifest"]["bad"]:
        with pytest.raises(BadManifest):
            manifest.parse(case["json"].encode())


def packed(parts: list[bytes]) -> bytes:
    return len(parts).to_bytes(4, "big") + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def test_a_meeting_is_what_the_page_says() -> None:
    meeting = HELD["meeting"]
    sender, receiver, by_sender, by_receiver, handover = map(json.loads, meeting["messages"])
    parts = [b"burrow/1 meeting", b"7", *(base64.b64decode(one["pake"]) for one in (sender, receiver))]
    parts += [packed([mark.encode() for mark in one["fingerprints"]]) for one in (sender, receiver)]
    transcript = hashlib.sha256(packed(parts)).digest()
    assert transcript.hex() == meeting["transcript"]
    key = hexed(meeting["key"])
    for said in (by_sender, by_receiver):
        mac_key = hkdf(key, b"", f"burrow/1 confirm {said['role']}")
        assert base64.b64decode(said["mac"]) == hmac.new(mac_key, transcript, hashlib.sha256).digest()
    box, sealed = AESGCM(hkdf(key, b"", "burrow/1 handover")), base64.b64decode(handover["sealed"])
    assert box.decrypt(sealed[:12], sealed[12:], b"burrow/1 handover" + transcript).hex() == meeting["secret"]
    box = AESGCM(hkdf(key, b"", "burrow/1 used"))
    sealed = base64.b64decode(json.loads(meeting["used"]["message"])["sealed"])
    assert box.decrypt(sealed[:12], sealed[12:], b"burrow/1 used" + transcript).decode() == meeting["used"]["name"]
    entropy = hkdf(hexed(meeting["secret"]), transcript, "burrow/1 check words", 8)
    assert meeting["words"].split() == list(WORDS)
    picked = [WORDS[int.from_bytes(entropy[at : at + 2], "big") % 512] for at in (0, 2, 4, 6)]
    assert picked == meeting["check_words"]


def test_codes_and_links_are_read_as_the_page_says() -> None:
    meeting = HELD["meeting"]
    assert all(str(codes.parse_code(case["text"])) == case["code"] for case in meeting["codes"])
    for text in meeting["no_codes"]:
        with pytest.raises(BadCode):
            codes.parse_code(text)
    for case in meeting["links"]:
        link = links.parse_link(case["text"])
        assert (link.server, link.secret.hex()) == (case["server"], case["secret"])
    for text in meeting["no_links"]:
        with pytest.raises(BadLink):
            links.parse_link(text)
    for *given, leads_to in meeting["reached_by_others"]:
        assert links.reached_by_others(*given) == leads_to


def test_signals_are_sealed_as_the_page_says() -> None:
    held = HELD["signalling"]
    box = AESGCM(hkdf(hexed(held["secret"]), b"", "burrow/1 signal"))
    for counter, case in enumerate(held["signals"], 1):
        prefix, sealed = hexed(held["session"]) + counter.to_bytes(8, "big"), hexed(case["sealed"])
        aad = b"\0".join([b"burrow/1 signal", held["mailbox"].encode(), held["role"].encode(), prefix])
        assert sealed[:36] == prefix + hexed(case["nonce"])
        assert box.decrypt(sealed[24:36], sealed[36:], aad).decode() == case["json"]
    for text in held["bad_signals"]:
        with pytest.raises(BadRequest):
            signals.parse_signal(text.encode())
    for text in held["controls"]:
        assert signals.encode(signals.parse_control(text.encode())).decode() == text
    for text in held["bad_controls"]:
        with pytest.raises(BadRequest):
            signals.parse_control(text.encode())


def test_the_link_is_what_the_page_says() -> None:
    held = HELD["link"]
    key, hello, answer = (hexed(held[name]) for name in ("key", "client_hello", "server_hello"))
    assert hello[:24] == b"burrow/1" + hexed(held["tag"])
    for role, proof in (("server", answer[40:]), ("client", hexed(held["client_proof"]))):
        mac_key = hkdf(key, b"", f"burrow/1 link proof {role}")
        assert proof == hmac.new(mac_key, hello + answer[:40], hashlib.sha256).digest()
        direction = hkdf(key, hello[24:] + answer[8:40], f"burrow/1 link {role}")
        assert direction.hex() == held[f"{role}_key"]
        for count, (frame, said) in enumerate(
            zip(held[f"{role}_controls"], HELD["signalling"]["controls"], strict=True)
        ):
            frame = hexed(frame)
            assert frame[:5] == (len(frame) - 4).to_bytes(4, "big") + b"\2"
            nonce = count.to_bytes(12, "big")
            assert frame[5:17] == nonce
            assert AESGCM(direction).decrypt(nonce, frame[17:], b"burrow/1 control").decode() == said
    sealed = hexed(held["block"]["sealed"])
    whole = (9 + len(sealed)).to_bytes(4, "big") + b"\1" + held["block"]["position"].to_bytes(8, "big") + sealed
    assert whole.hex() == held["block"]["frame"]
    for header in held["bad_headers"]:
        with pytest.raises(BadRequest):
            frames.parse_header(hexed(header))


def test_what_paired_devices_leave_each_other_is_what_the_page_says() -> None:
    held = HELD["devices"]
    publics = {who: base64.b64decode(held[who]["public"]) for who in ("ann", "bob")}
    private = X25519PrivateKey.from_private_bytes(hexed(held["ann"]["private"]))
    shared = private.exchange(X25519PublicKey.from_public_bytes(publics["bob"]))
    pair = hkdf(shared, b"".join(sorted(publics.values())), "burrow/1 device pair")
    for case in held["inboxes"]:
        owner, sealed = publics[case["owner"]], hexed(case["sealed"])
        assert hkdf(pair, owner, "burrow/1 device inbox", 16).hex() == case["mailbox"]
        box = AESGCM(hkdf(pair, owner, "burrow/1 device invitation"))
        assert box.decrypt(sealed[:12], sealed[12:], case["mailbox"].encode()).decode() == held["invitation"]
    pairing = held["pairing"]
    box = AESGCM(hkdf(hexed(pairing["secret"]), b"", "burrow/1 introduction"))
    for who, part in (("ann", "one"), ("bob", "two")):
        sealed = hexed(pairing[part])
        assert box.decrypt(sealed[:12], sealed[12:], part.encode()).decode() == held[who]["introduction"]
    for text in held["bad_introductions"]:
        with pytest.raises(BadRequest):
            devices.parse_introduction(text.encode())


def test_a_knock_is_what_the_page_says() -> None:
    held = HELD["nearby"]
    orders = set()
    for case in held["knocks"]:
        message, mine, theirs = (hexed(case[name]) for name in ("message", "public", "ephemeral_public"))
        shared = X25519PrivateKey.from_private_bytes(hexed(case["private"])).exchange(
            X25519PublicKey.from_public_bytes(theirs)
        )
        key = hkdf(shared, min(mine, theirs) + max(mine, theirs), "burrow/1 nearby knock")
        assert message[:44] == theirs + hexed(case["nonce"])
        plain = AESGCM(key).decrypt(message[32:44], message[44:], f"burrow/1 nearby{case['handle']}".encode())
        assert plain.decode() == case["plaintext"]
        assert knock.open_knock(message, hexed(case["private"]), case["handle"]) == plain
        assert len(invitation.parse_invitation(plain).secret) == 32
        orders.add(mine < theirs)
    assert orders == {True, False}
    for case in held["bad_knocks"]:
        with pytest.raises(Tampered):
            knock.open_knock(hexed(case["message"]), hexed(case["private"]), case["handle"])
    for public in held["bad_publics"]:
        with pytest.raises(BadRequest):
            knock.seal_knock(b"{}", hexed(public), bytes(32), bytes(12), "0" * 32)
    for text in held["bad_invitations"]:
        with pytest.raises(BadRequest):
            invitation.parse_invitation(text.encode())
