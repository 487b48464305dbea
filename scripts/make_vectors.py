"""Writes tests/vectors/*.json: what a second implementation must reproduce byte for byte. Bytes stand in hex.

    python -m scripts.make_vectors

The same every time: what is random in life is counted here. tests/core/test_vectors.py checks that the files are these.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.vectors_devices import devices_vectors
from scripts.vectors_left_out import left_out_vectors
from scripts.vectors_meeting_rules import meeting_rules_vectors
from scripts.vectors_nearby import nearby_vectors
from scripts.vectors_pasted import pasted_vectors
from scripts.vectors_paths import names_vectors, paths_vectors
from scripts.vectors_session import session_vectors

from burrowspace.core import codes, frames, links, manifest, signals
from burrowspace.core.layout import Layout
from burrowspace.core.notes import CHANGED, LEFT_OUT, Note
from burrowspace.core.sealing import BLOCK, MANIFEST, PACK, BlockKey, Suite, derive
from burrowspace.core.words import WORDS

HERE = Path(__file__).resolve().parent.parent / "tests" / "vectors"

SECRET, TRANSFER, RECEIVER, SESSION = (
    hashlib.sha256(f"burrow/1 vectors {name}".encode()).digest()[:size]
    for name, size in (("secret", 32), ("transfer", 16), ("receiver", 16), ("session", 16))
)


def counted(name: str) -> Callable[[int], bytes]:
    """Entropy for vectors: SHA-256 of a name and a count, as long as asked."""
    count = 0

    def entropy(size: int) -> bytes:
        nonlocal count
        blocks = b""
        while len(blocks) < size:
            blocks += hashlib.sha256(f"burrow/1 vectors {name} {count}".encode()).digest()
            count += 1
        return blocks[:size]

    return entropy


def pattern(size: int) -> bytes:
    """The plaintext of long blocks: byte i is i mod 251."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def sealing_vectors() -> dict[str, Any]:
    labels = [
        ("burrow/1 blocks A256GCM", TRANSFER, 32),
        ("burrow/1 blocks XC20P", TRANSFER, 32),
        ("burrow/1 signal", b"", 32),
        ("burrow/1 mailbox", b"", 16),
        ("burrow/1 mailbox receiver", RECEIVER, 16),
        ("burrow/1 link tag", RECEIVER, 16),
        ("burrow/1 link key", RECEIVER, 32),
    ]
    derived = [
        {"label": label, "salt": salt.hex(), "size": size, "key": derive(SECRET, salt, label, size).hex()}
        for label, salt, size in labels
    ]
    return {
        "secret": SECRET.hex(),
        "transfer": TRANSFER.hex(),
        "derived": derived,
        "blocks": list(map(_block, _BLOCKS)),
    }


_BLOCKS = [
    (suite, file, index, plain)
    for suite in Suite
    for file, index, plain in (
        (MANIFEST, 0, b""),
        (MANIFEST, 0, b"hello"),
        (PACK, 0, b"hello"),
        (PACK, 1, b"hello"),
        (PACK, (1 << 32) - 1, pattern(100)),
        (PACK, 0, pattern(BLOCK)),
        (PACK, 1, pattern(BLOCK - 1)),
    )
]


def _block(case: tuple[Suite, int, int, bytes]) -> dict[str, Any]:
    suite, file, index, plain = case
    key, end = BlockKey(SECRET, TRANSFER, suite), len(plain) < BLOCK
    nonce = counted(f"nonce {suite} {file} {index} {len(plain)}")(suite.nonce_bytes)
    room = memoryview(bytearray(suite.sealed))
    sealed = bytes(room[: key.seal_into(file, index, end, plain, nonce, room)])
    made: dict[str, Any] = {"suite": suite, "file": file, "index": index, "end": end, "nonce": nonce.hex()}
    if len(plain) <= 100:
        return {**made, "plain": plain.hex(), "sealed": sealed.hex()}
    return {
        **made,
        "plain_pattern": len(plain),
        "fingerprint": key.fingerprint(sealed).hex(),
        "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
    }


def layout_vectors() -> dict[str, Any]:
    cases = []
    for suite in Suite:
        for manifest_size, pack_size in ((1, 0), (100, 5), (BLOCK, BLOCK), (BLOCK - 1, 3 * BLOCK - 1), (700_000, None)):
            layout = Layout(suite, manifest_size, pack_size)
            shown = range(layout.manifest_blocks + 4 if layout.positions is None else layout.positions)
            rows = [
                {
                    "position": at,
                    "where": layout.where(at),
                    "plain": layout.plain_size(at),
                    "end": layout.is_end(at),
                    "sealed": layout.sealed_most(at),
                    "last": layout.ends_with(at, layout.sealed_most(at)),
                    "short_last": layout.ends_with(at, 29),
                    "offset": layout.offset(at),
                }
                for at in shown
            ]
            cases.append(
                {
                    "suite": suite,
                    "manifest_size": manifest_size,
                    "pack_size": pack_size,
                    "manifest_blocks": layout.manifest_blocks,
                    "positions": layout.positions,
                    "sealed_size": layout.sealed_size,
                    "rows": rows,
                }
            )
    return {"block": BLOCK, "layouts": cases}


def manifest_vectors() -> dict[str, Any]:
    entry = manifest.Entry
    good = [
        manifest.Manifest((entry(("a.txt",), "file", 5, 1_700_000_000_123_456_789, 0o644),), "a.txt"),
        manifest.Manifest(
            (
                entry(("holiday",), "folder", 0, 1_700_000_000_000_000_000, 0o755),
                entry(("holiday", "Größe \U0001f600.jpg"), "file", 1 << 40, -1, 0o600),
                entry(("holiday", "empty"), "file", 0),
            ),
            "holiday",
        ),
        manifest.Manifest((entry(("stdin",), "file", None),), "stdin"),
        manifest.Manifest((entry(("message.txt",), "text", 11),), "a text"),
        manifest.Manifest(
            (entry(("a",), "file", 9),),
            "a",
            notes=(Note("a/pipe", "pipe"), Note("a/b", "unreadable", "permission denied"), Note("x", "later")),
            unlisted=7,
            holes=((0, 0, 4), (0, 4, 2), (0, 8, 1)),
        ),
    ]
    row = '["a"],"file",1,0,420'
    bad = {
        "not JSON": "{",
        "no entries": '{"entries":[],"name":"x","version":1}',
        "another version": f'{{"entries":[[{row}]],"name":"x","version":2}}',
        "a path twice": f'{{"entries":[[{row}],[{row}]],"name":"x","version":1}}',
        "a file in a file": f'{{"entries":[[{row}],[["a","b"],"file",1,0,420]],"name":"x","version":1}}',
        "a way up": '{"entries":[[["..","a"],"file",1,0,420]],"name":"x","version":1}',
        "a slash": '{"entries":[[["a/b"],"file",1,0,420]],"name":"x","version":1}',
        "an empty part": '{"entries":[[[""],"file",1,0,420]],"name":"x","version":1}',
        "an empty path": '{"entries":[[[],"file",1,0,420]],"name":"x","version":1}',
        "a negative size": '{"entries":[[["a"],"file",-1,0,420]],"name":"x","version":1}',
        "too large": f'{{"entries":[[["a"],"file",{1 << 60},0,420]],"name":"x","version":1}}',
        "a mode of ten bits": '{"entries":[[["a"],"file",1,0,512]],"name":"x","version":1}',
        "a kind that is none": '{"entries":[[["a"],"link",1,0,420]],"name":"x","version":1}',
        "a folder with a size": '{"entries":[[["a"],"folder",1,0,420]],"name":"x","version":1}',
        "a long text": '{"entries":[[["a"],"text",1048577,0,420]],"name":"x","version":1}',
        "an unknown size in company": (
            '{"entries":[[["a"],"file",null,0,420],[["b"],"file",1,0,420]],"name":"x","version":1}'
        ),
    }
    more = {
        "notes that are no list": '"notes":1',
        "a note without a path": '"notes":[["","pipe"]]',
        "a note that is a number": '"notes":[["a",1]]',
        "a note that is too long": f'"notes":[["a","{"x" * 33}"]]',
        "fewer notes than none": '"unlisted":-1',
        "a hole outside of its file": '"holes":[[0,5,5]]',
        "a hole in no file": '"holes":[[1,0,1]]',
        "holes in disorder": '"holes":[[0,4,1],[0,1,1]]',
        "a hole of nothing": '"holes":[[0,1,0]]',
    }
    bad |= {why: f'{{"entries":[[["a"],"file",9,0,420]],"name":"x","version":1,{text}}}' for why, text in more.items()}
    return {
        "good": [
            {"json": manifest.encode(one).decode(), "content_size": one.content_size, "pack_size": one.pack_size}
            for one in good
        ],
        "bad": [{"why": why, "json": text} for why, text in bad.items()],
        "notes": [*LEFT_OUT, *CHANGED],
    }


def meeting_vectors() -> dict[str, Any]:
    code = codes.parse_code("7-walnut-orbit")
    role = signals.Role
    sender = codes.Pake(code, role.SENDER, counted("pake sender"), ["tls:bb", "tls:aa"])
    receiver = codes.Pake(code, role.RECEIVER, counted("pake receiver"), [])
    at_sender, at_receiver = sender.finish(receiver.opening), receiver.finish(sender.opening)
    at_sender.check(at_receiver.confirmation)
    handover = at_sender.hand_over(SECRET, counted("handover")(12))
    said: list[codes.Meeting] = [
        sender.opening,
        receiver.opening,
        at_sender.confirmation,
        at_receiver.confirmation,
        handover,
    ]
    lenient = [" 7 Walnut_ORBIT ", "7walnutorbit", "7walnut orbit", "7 - walnut - orbit", "7--walnut,orbit"]
    lenient += ["7-walnut-orbit-oasis", "7WalnutOrbitOasis", "7 walnutorbit oasis", "7-walnut orbitoasis"]
    refused = [
        "",
        "walnut-orbit",
        "7-walnut",
        "7-wallnut-orbit",
        "0-walnut-orbit",
        "7-walnut-orbit-oasis-ruby",
        "7walnutorbitoasisruby",
        "7-walnutorbitt",
        "7-wälnut-orbit",
    ]
    strange = ["https://example.org/r", "ftp://example.org/r#" + "A" * 43, "https://example.org/r#" + "A" * 42]
    return {
        "words": " ".join(WORDS),
        "code": str(code),
        "password": code.password.decode(),
        "identity": "burrow/1 code7",
        "key": at_sender._key.hex(),
        "transcript": at_sender.transcript.hex(),
        "messages": [codes.encode_meeting(message).decode() for message in said],
        "used": {
            "name": "Ann's laptop",
            "message": codes.encode_meeting(at_sender.say_used("Ann's laptop", counted("used")(12))).decode(),
        },
        "secret": SECRET.hex(),
        "check_words": codes.check_words(SECRET, at_sender.transcript),
        "codes": [{"text": text, "code": str(codes.parse_code(text))} for text in lenient],
        "no_codes": refused,
        "links": [
            {"text": text, "server": links.parse_link(text).server, "secret": links.parse_link(text).secret.hex()}
            for text in (
                links.format_link("https://example.org", SECRET),
                links.format_link("http://192.0.2.7:8080", SECRET),
                links.format_link("https://[2001:db8::1]:8443", SECRET),
                "Example.org/r#" + links.format_link("https://x", SECRET)[-43:],
            )
        ],
        "no_links": [*strange, "https://example.org/r#" + "A" * 42 + "B", "https://example.org/x#" + "A" * 43],
        "reached_by_others": [
            [*case, links.reached_by_others(*case)]
            for case in (
                ("http://localhost:5000", "192.168.1.7", 5000),
                ("https://127.0.0.1:5000/burrow", "192.168.1.7", 5000),
                ("http://[::1]:5000", "fd00::7", 5000),
                ("http://localhost:5000", "fe80::7%eth0", 5000),
                ("http://localhost", "192.168.1.7", 80),
                ("http://localhost:8080", "172.17.0.2", 5000),
                ("http://localhost:5000", "127.0.0.1", 5000),
                ("http://localhost:5000", "::1", 5000),
                ("http://localhost:5000", None, 5000),
                ("http://192.168.1.8:5000", "192.168.1.7", 5000),
                ("https://drop.example.org", "192.168.1.7", 443),
            )
        ],
        "receiver": RECEIVER.hex(),
        "mailbox": links.mailbox_id(SECRET),
        "receiver_mailbox": links.mailbox_id(SECRET, RECEIVER.hex()),
        "link_tag": links.link_tag(SECRET, RECEIVER.hex()).hex(),
        "link_key": links.link_key(SECRET, RECEIVER.hex()).hex(),
    }


SAID: list[signals.Message] = [
    signals.Offer(TRANSFER.hex(), "ann", 100, None, (Suite.A256GCM, Suite.XC20P), True, 1_700_000_000),
    signals.Hello(RECEIVER.hex(), "bob", 0, (Suite.A256GCM,)),
    signals.Accept(Suite.A256GCM, 0),
    signals.Decline("no, thank you"),
    signals.Candidates((("192.0.2.7", 4000), ("2001:db8::1", 4000)), (("198.51.100.9", 61000),)),
    signals.Sdp("offer", "v=0\r\n"),
    signals.IceCandidate("candidate:1 1 UDP 1 192.0.2.7 9 typ host", "0", 0),
    signals.Leg(RECEIVER.hex(), 7, Suite.A256GCM, False),
    signals.LegEnd(RECEIVER.hex(), 40),
    signals.AskRelay(7),
    signals.Progress(32),
    signals.Verified(hashlib.sha256(b"").hexdigest()),
    signals.Cancel("changed my mind"),
    signals.Cancel("top/b disappeared", "changed"),
    signals.Bye(),
]
CONTROLS: list[signals.Message] = [
    signals.Want(3, 35),
    signals.Stop(),
    signals.Held(35),
    signals.Ping(1),
    signals.Pong(1),
    signals.Verified(hashlib.sha256(b"").hexdigest()),
    signals.Cancel("enough"),
    signals.Bye(),
]


def signalling_vectors() -> dict[str, Any]:
    mailbox = links.mailbox_id(SECRET)
    channel = signals.Channel(SECRET, mailbox, signals.Role.SENDER, SESSION)
    entropy = counted("signal")
    sealed = []
    for message in SAID:
        nonce = entropy(12)
        sealed.append(
            {
                "json": signals.encode(message).decode(),
                "nonce": nonce.hex(),
                "sealed": channel.seal(message, nonce).hex(),  # type: ignore[arg-type]
            }
        )
    bad = [
        "[]",
        '{"type":"unheard"}',
        '{"type":"progress"}',
        '{"type":"progress","held":-1}',
        '{"type":"progress","held":"1"}',
        '{"type":"leg-end","spool":"../../etc/passwd","upto":1}',
        '{"type":"candidates","tcp":[["192.0.2.7",65536]]}',
        '{"type":"sdp","kind":"rollback","sdp":""}',
    ]
    bad += ['{"type":"candidates","tcp":[' + ",".join(['["192.0.2.7",1]'] * 33) + "]}"]
    return {
        "secret": SECRET.hex(),
        "mailbox": mailbox,
        "role": "sender",
        "session": SESSION.hex(),
        "signals": sealed,
        "bad_signals": bad,
        "controls": [signals.encode(message).decode() for message in CONTROLS],
        "bad_controls": ['{"type":"want","from":2,"upto":1}', '{"type":"want","from":2}', '{"type":"hello"}'],
    }


def link_vectors() -> dict[str, Any]:
    tag, key = links.link_tag(SECRET, RECEIVER.hex()), links.link_key(SECRET, RECEIVER.hex())
    client_nonce, server_nonce = counted("client")(32), counted("server")(32)
    hello = frames.client_hello(tag, client_nonce)
    answer = frames.server_hello(key, hello, server_nonce)
    proof, keys = frames.client_proof(key, hello, answer)
    client, server = frames.Controls.of_client(keys), frames.Controls.of_server(keys)
    block = BlockKey(SECRET, TRANSFER)
    room = memoryview(bytearray(100))
    sealed = bytes(room[: block.seal_into(PACK, 0, True, b"hello", counted("frame")(12), room)])
    return {
        "tag": tag.hex(),
        "key": key.hex(),
        "client_hello": hello.hex(),
        "server_hello": answer.hex(),
        "client_proof": proof.hex(),
        "client_key": keys.client.hex(),
        "server_key": keys.server.hex(),
        "client_controls": [client.seal(message).hex() for message in CONTROLS],  # type: ignore[arg-type]
        "server_controls": [server.seal(message).hex() for message in CONTROLS],  # type: ignore[arg-type]
        "block": {"position": 1, "sealed": sealed.hex(), "frame": (frames.block_header(1, len(sealed)) + sealed).hex()},
        "bad_headers": ["0000000001", "0000000101", "0004003a01", "0001000202", "0000002a03", "ffffffff01"],
    }


def vectors() -> dict[str, str]:
    """The text of each file by its name."""
    made = {
        "sealing": sealing_vectors(),
        "layout": layout_vectors(),
        "manifest": manifest_vectors(),
        "meeting": meeting_vectors(),
        "signalling": signalling_vectors(),
        "link": link_vectors(),
        "devices": devices_vectors(),
        "nearby": nearby_vectors(),
        "pasted": pasted_vectors(),
        "meeting_rules": meeting_rules_vectors(),
        "left_out": left_out_vectors(),
    }
    texts = {f"{name}.json": json.dumps(value, indent=1) + "\n" for name, value in made.items()}
    texts["names.json"] = json.dumps(names_vectors(), indent=1) + "\n"
    walks = (json.dumps(walk, separators=(",", ":")) for walk in paths_vectors()["walks"])
    texts["paths.json"] = '{"walks": [\n' + ",\n".join(walks) + "\n]}\n"
    texts["session.json"] = _by_line(session_vectors())
    return texts


def _by_line(lists: dict[str, list[Any]]) -> str:
    """One walk a line, so that a change shows which one it is."""
    parts = []
    for name, walks in lists.items():
        lines = ",\n".join(json.dumps(walk, separators=(",", ":")) for walk in walks)
        parts.append(f'"{name}": [\n{lines}\n]')
    return "{" + ",\n".join(parts) + "}\n"


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for name, text in vectors().items():
        (HERE / name).write_text(text)
