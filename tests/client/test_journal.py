"""What is written down of a transfer, for whom, and for how long: real folders, real locks."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from burrowspace.client.client import DEFAULT, Client
from burrowspace.client.files.source import Source
from burrowspace.client.session.incoming import ReceiveTransfer
from burrowspace.client.state.folders import HISTORY, KEPT_S, Ended, Folders
from burrowspace.client.state.journal import Record, known
from burrowspace.core.errors import BadRequest, Busy, Damaged, NotFound
from burrowspace.core.links import Link
from burrowspace.core.sealing import BLOCK
from tests.client.carry import begin, carry

SECRET = bytes(range(32))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "deep" / "state")


def record(transfer: str = "ab" * 16, created: float = 1000.0, **more: object) -> Record:
    fields = {"role": "receive", "secret": SECRET, "name": "holiday", **more}
    return Record(transfer=transfer, created=created, **fields)  # type: ignore[arg-type]


def ended(of: Record, **more: object) -> Ended:
    return Ended(  # type: ignore[misc]
        **{"role": of.role, "transfer": of.transfer, "name": of.name, "outcome": "verified"},
        **{"created": of.created, "ended": 2000.0, **more},
    )


def test_what_was_written_is_read_again_by_the_next_program(folders: Folders, tmp_path: Path):
    journal = folders.create(record(code="7-walnut-orbit", options={"no_store": True}, target="/t"))
    journal.update(state="transferring", server="https://burrow.example")
    journal.keep("manifest.sent", b"\0bytes")
    journal.close()
    again = Folders(tmp_path / "deep" / "state").open("receive", "ab" * 16)
    assert again.record == record(
        code="7-walnut-orbit",
        options={"no_store": True},
        target="/t",
        state="transferring",
        server="https://burrow.example",
    )
    assert again.kept("manifest.sent") == b"\0bytes"
    assert again.kept("nothing") is None


def test_only_the_owner_may_look(folders: Folders, tmp_path: Path):
    before = os.umask(0)
    try:
        folders.create(record()).keep("manifest.sent", b"x")
        folders.finish(folders.create(record("cd" * 16)), "verified", 2000.0)
    finally:
        os.umask(before)
    root = tmp_path / "deep" / "state"
    for each in [root, *root.rglob("*")]:
        assert stat.S_IMODE(each.stat().st_mode) & 0o077 == 0, each


def test_two_programs_never_work_on_one_transfer(folders: Folders, tmp_path: Path):
    journal = folders.create(record())
    with pytest.raises(Busy, match="another burrow"):
        folders.open("receive", "ab" * 16)
    with pytest.raises(Busy):
        folders.create(record())
    other = (
        "import sys; from pathlib import Path; from burrowspace.client.state.folders import Folders\n"
        "Folders(Path(sys.argv[1])).open('receive', 'ab' * 16)"
    )
    command = [sys.executable, "-c", other, tmp_path / "deep" / "state"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Busy" in run.stderr
    journal.close()
    assert subprocess.run(command, check=False).returncode == 0
    folders.open("receive", "ab" * 16).close()


def test_both_ends_of_a_transfer_may_be_on_one_machine(folders: Folders):
    folders.create(record(role="send"))
    folders.create(record(role="receive"))
    assert {each.role for each in folders.unfinished()} == {"send", "receive"}


def test_a_transfer_is_found_by_its_code_its_secret_or_its_paths(folders: Folders, tmp_path: Path):
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    paths = known([tmp_path / "a", tmp_path / "b"])
    by_paths = record("11" * 16, role="send", paths=paths)
    by_code = record("22" * 16, created=5.0, code="7-walnut-orbit")
    newer = record("33" * 16, created=6.0, code="7-walnut-orbit")
    by_secret = record("44" * 16, secret=b"4" * 32)
    for each in (by_paths, by_code, newer, by_secret):
        folders.create(each).close()
    assert folders.by_code("7-walnut-orbit") == newer
    assert folders.by_code("7-walnut-orbit", "send") is None
    assert folders.by_secret(b"4" * 32) == by_secret
    assert folders.by_paths(known([tmp_path / "b", tmp_path / "d" / ".." / "a"])) == by_paths
    (tmp_path / "a").write_bytes(b"other")
    assert folders.by_paths(known([tmp_path / "a", tmp_path / "b"])) == by_paths
    assert folders.by_paths(known([tmp_path / "a"])) is None
    with pytest.raises(NotFound, match="check the name"):
        known([tmp_path / "nothing"])


def test_an_ended_transfer_leaves_its_history_and_no_secret(folders: Folders, tmp_path: Path):
    journal = folders.create(record())
    folders.finish(journal, "verified", 2000.0, size=5, digest="00")
    assert folders.unfinished() == []
    assert folders.history() == [ended(record(), size=5, digest="00")]
    with pytest.raises(NotFound):
        folders.open("receive", "ab" * 16)
    for each in (tmp_path / "deep").rglob("*"):
        if each.is_file():
            assert b"AAECAwQFBgcICQ" not in each.read_bytes()
    folders.create(record()).close()


def test_the_history_is_bounded_and_the_newest_is_first(folders: Folders):
    one = folders.create(record("ab" * 16))
    folders._history.write_bytes(msgspec.json.encode([ended(record(f"{number:032x}")) for number in range(HISTORY)]))
    folders.finish(one, "verified", 2000.0)
    assert [each.transfer for each in folders.history()] == ["ab" * 16, *(f"{at:032x}" for at in range(HISTORY - 1))]


def test_after_thirty_days_it_is_forgotten_unless_somebody_works_on_it(folders: Folders):
    folders.create(record("11" * 16, created=0.0)).close()
    folders.create(record("22" * 16, created=1.0)).close()
    working = folders.create(record("33" * 16, created=0.0))
    assert [each.transfer for each in folders.expire(float(KEPT_S))] == ["11" * 16]
    assert {each.transfer for each in folders.unfinished()} == {"22" * 16, "33" * 16}
    assert folders.history()[0].outcome == "expired"
    working.close()


def test_what_expires_leaves_nothing_beside_its_target(folders: Folders, tmp_path: Path):
    (tmp_path / "a").write_bytes(bytes(3 * BLOCK))
    source, journal = Source.from_paths([tmp_path / "a"]), folders.create(record(created=0.0))
    staging = begin(journal.folder, source)
    carry(source, staging, tmp_path / "target", upto=3)
    staging.close()
    journal.close()
    assert len(list((tmp_path / "target").iterdir())) == 1
    folders.expire(KEPT_S + 1.0)
    assert list((tmp_path / "target").iterdir()) == []


def test_a_record_that_cannot_be_read_stops_nobody_else(folders: Folders, tmp_path: Path):
    folders.create(record("11" * 16)).close()
    folders.create(record("22" * 16)).close()
    (tmp_path / "deep/state/transfers" / ("receive-" + "11" * 16) / "transfer.json").write_bytes(b"{")
    assert [each.transfer for each in folders.unfinished()] == ["22" * 16]
    with pytest.raises(Damaged):
        folders.open("receive", "11" * 16)
    folders.create(record("11" * 16)).close()


@pytest.mark.parametrize("transfer", ["../../x", "", "AB" * 16, "ab" * 16 + "\n", "a"])
def test_no_text_but_an_id_becomes_a_folder(folders: Folders, transfer: str):
    with pytest.raises(BadRequest):
        folders.create(record(transfer))


@pytest.mark.anyio
async def test_a_link_under_another_address_goes_on_with_the_same_transfer(tmp_path: Path):
    """A tunnel has another name after a restart; the secret is what tells a transfer."""
    client = Client(state=tmp_path / "state")
    for server in ("https://buffalo-marco.trycloudflare.com", "https://cardiff-motel.trycloudflare.com"):
        held = ReceiveTransfer(client, None, tmp_path, False, None, DEFAULT)._journal(
            Link(server, SECRET), "link", None
        )
        assert held.record.server == server
        assert held.record.link == str(Link(server, SECRET))
        held.close()
    assert len(client.unfinished()) == 1
