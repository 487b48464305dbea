"""What a transfer leaves with the server, searched byte by byte: no plaintext, no name, no secret, no word of the code.

The server's data folder (spool and database, as they lie on the disk) while everything is there, and its whole log.
"""

import base64
import re
from pathlib import Path

import pytest

from burrowspace.core.links import link_key, mailbox_id, parse_link
from burrowspace.core.sealing import derive
from tests.cli.program import Program
from tests.e2e.transfer.pair import MB, Pair, leaves, link_of, pair, reaches, well

pytestmark = pytest.mark.anyio

MARK = b"the treasure lies under the old oak; "
NAME = "map-of-the-treasure.txt"


def written(two: Pair) -> bytes:
    """Everything that the server has written down."""
    found = [each.read_bytes() for each in sorted(two.server.data.rglob("*")) if each.is_file()]
    found += [str(each).encode() for each in sorted(two.server.data.rglob("*"))]
    found += [repr(line).encode() for line in two.server.log]
    return b"\0".join(found)


def forms(data: bytes) -> list[bytes]:
    """In which it could be written: raw, hex, base64 of both kinds."""
    plain = base64.b64encode(data).rstrip(b"="), base64.urlsafe_b64encode(data).rstrip(b"=")
    return [data, data.hex().encode(), data.hex().upper().encode(), *plain]


def secrets_of(link: str, transfer: bytes) -> dict[str, bytes]:
    """All that the two ends derive from the link, by a name."""
    secret = parse_link(link).secret
    labels = ("burrow/1 signal", "burrow/1 introduction", "burrow/1 blocks A256GCM", "burrow/1 blocks XC20P")
    found = {"the secret": secret, "the link's key": link_key(secret, "0" * 32)}
    for label in labels:
        for salt in (b"", transfer):
            found[f"the key {label} {salt.hex()}"] = derive(secret, salt, label)
    return found


async def code_of(sender: Program) -> str:
    return str((await sender.event("ready"))["code"])


async def test_nothing_of_a_transfer_is_readable_in_what_the_server_wrote(tmp_path: Path) -> None:
    async with pair(tmp_path, log_level="debug") as two:
        source = two.ann.folder / NAME
        source.write_bytes(MARK * (12 * MB // len(MARK)))
        sender = await two.send(NAME, "--relay-only", "--limit-rate", "4M")
        link, code = await link_of(sender), await code_of(sender)
        begun = next((two.ann.state / "transfers").glob("send-*")).name.removeprefix("send-")
        receiver = await two.bob.burrow(
            "receive", code, "--json", "--relay-only", "--server", two.server.url, "--name", "bobs-laptop"
        )
        await reaches(receiver, 3 * MB)
        during = written(two)
        await leaves(receiver)
        await well(sender)  # the rest lies there
        after = written(two)
        assert len(after) > 6 * MB, "there was something to search"
        again = await two.receive(link, "--relay-only")
        await well(again)
        two.same(NAME)
        await two.server.stop()
        everything = during + after + written(two)
    words = code.split("-")[1:]
    assert MARK not in everything
    assert MARK[:12] not in everything
    assert NAME.encode() not in everything
    assert b"map-of-the-treasure" not in everything
    assert b"bobs-laptop" not in everything
    assert b"-".join(word.encode() for word in words) not in everything
    assert not re.search(rb"\b%s\b.{0,40}\b%s\b" % tuple(word.encode() for word in words), everything)
    for what, value in secrets_of(link, bytes.fromhex(begun)).items():
        for form in forms(value):
            assert form not in everything, what
    assert mailbox_id(parse_link(link).secret).encode() in everything, "the search finds what is there"
