"""A server that somebody named is used, or the command fails and says why. Only where nobody named one may another
take its place."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from burrowspace.cli import near
from burrowspace.cli.exits import Usage
from burrowspace.cli.named_server import config_file, named_server
from burrowspace.cli.own_server import begun, port_of
from burrowspace.client.state.folders import here
from burrowspace.client.state.journal import Record, known
from burrowspace.config import Settings
from burrowspace.core.links import reached_at
from tests.cli.program import BURROW, environment, people
from tests.e2e.served import served

pytestmark = pytest.mark.anyio

NOBODY = "http://127.0.0.1:1"


def burrow(tmp_path: Path, *args: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """With a terminal it would ask; what serves by itself would never end, so that it runs into the time limit."""
    (tmp_path / "a.bin").write_bytes(b"a")
    return subprocess.run(
        [BURROW, *args],
        env=environment(tmp_path / "state", XDG_CONFIG_HOME=str(tmp_path / "config"), **more),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


@pytest.mark.parametrize("by", ["--server", "BURROW_SERVER", "config.toml"])
def test_a_named_server_that_does_not_answer_is_an_error_and_never_replaced(tmp_path: Path, by: str) -> None:
    more, args = {}, ["send", "a.bin"]
    if by == "--server":
        args += ["--server", NOBODY]
    elif by == "BURROW_SERVER":
        more["BURROW_SERVER"] = NOBODY
    else:
        file = config_file({"XDG_CONFIG_HOME": str(tmp_path / "config")})
        file.parent.mkdir(parents=True)
        file.write_text(f'server = "{NOBODY}"\n')
    done = burrow(tmp_path, *args, **more)
    assert done.returncode == 6
    [line] = done.stderr.splitlines()
    assert line.startswith(f"burrow: {NOBODY} (")
    assert by in line
    assert "cannot be reached: " in line
    assert "--own-server" in line
    assert not (tmp_path / "state" / "own").exists()


@pytest.mark.parametrize(
    "args",
    [
        ["send", "a.bin"],
        ["send", "--to", "x", "--plain", "a.bin"],
        ["receive", "7-walnut-orbit"],
        ["receive", "--as", "bob"],
        ["pair"],
        ["pair", "7-walnut-orbit"],
    ],
    ids=" ".join,
)
async def test_a_certificate_that_nobody_vouches_for_ends_every_command_with_its_fingerprint(
    tmp_path: Path, args: list[str]
) -> None:
    async with served(tmp_path / "data", tls="self-signed", stun_servers="") as server:
        url = f"https://127.0.0.1:{server.port}"
        async with people(tmp_path, "ann") as [ann]:
            (ann.folder / "a.bin").write_bytes(b"a")
            done = await ann.burrow(*args, "--server", url)
            assert await done.ended(20) == 6, done.said
        [line] = done.said.splitlines()
        assert re.search(r"fingerprint (?:[0-9A-F]{2}:){31}[0-9A-F]{2}", line)
        assert "--ca" in line


def test_a_link_to_a_server_that_nobody_vouches_for_is_refused_and_never_followed_to_http(tmp_path: Path) -> None:
    done = burrow(tmp_path, "receive", "https://127.0.0.1:1/r#" + "A" * 43)
    assert done.returncode == 6
    assert "https://127.0.0.1:1" in done.stderr


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("htp:/drop.example.org", "it begins with htp:"),
        ("http:/drop.example.org", "it begins with http:/"),
        ("htps://drop.example.org", "it begins with htps:"),
        ("https//drop.example.org", "no address of a server"),
        ("https:drop.example.org", "it begins with https:"),
        ("https://", "no address of a server"),
        ("https://:5000", "no address of a server"),
        ("https://drop.example.org:", "no port"),
        ("drop.example.org:", "no port"),
        ("drop.example.org:50x0", "no port"),
        ("drop.example.org:0", "no port"),
        ("drop example.org", "no address of a server"),
        ("drop.exa\nmple.org", "no address of a server"),
        ("", "is empty"),
        ("  ", "is empty"),
    ],
)
def test_a_typo_in_the_address_is_an_error_that_says_what_is_wrong(written: str, reason: str) -> None:
    with pytest.raises(Usage, match=re.escape(reason)) as refused:
        named_server(written, {})
    assert "--server" in refused.value.sentence
    assert "https://drop.example.org" in refused.value.sentence


def test_a_typo_ends_send_before_anything_is_served(tmp_path: Path) -> None:
    done = burrow(tmp_path, "send", "a.bin", "--server", "htp:/drop.example.org")
    assert done.returncode == 2
    assert "htp:" in done.stderr
    assert not (tmp_path / "state" / "own").exists()


@pytest.mark.parametrize("line", ["server = 5", "server = ''", "server = ['https://a.b']", "server = false"])
def test_a_server_in_the_file_that_is_none_is_an_error_and_not_the_same_as_no_line(tmp_path: Path, line: str) -> None:
    known = {"XDG_CONFIG_HOME": str(tmp_path)}
    config_file(known).parent.mkdir()
    config_file(known).write_text(line + "\n")
    with pytest.raises(Usage, match=re.escape(str(config_file(known)))):
        named_server(None, known)


@pytest.mark.parametrize(
    ("line", "variable"),
    [
        *[(f"{name} = {value}", None) for name in ("find_servers", "nearby") for value in ('"false"', "0")],
        *[
            (None, f"{name}={value}")
            for name in ("BURROW_FIND_SERVERS", "BURROW_NEARBY")
            for value in ("nope", "flase")
        ],
    ],
)
def test_a_wish_for_no_looking_around_is_understood_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str | None, variable: str | None
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("BURROW_NEARBY", raising=False)
    monkeypatch.delenv("BURROW_FIND_SERVERS", raising=False)
    if variable is not None:
        monkeypatch.setenv(*variable.split("="))
    if line is not None:
        config_file(os.environ).parent.mkdir()
        config_file(os.environ).write_text(line + "\n")
    with pytest.raises(Usage, match=r"should be (1 or 0|true or false)"):
        near.wanted()


@pytest.mark.parametrize(
    ("chosen", "line", "looks", "told"),
    [
        ({"BURROW_FIND_SERVERS": "0"}, "", False, False),
        ({"BURROW_NEARBY": "0"}, "", False, True),
        ({"BURROW_FIND_SERVERS": "1", "BURROW_NEARBY": "0"}, "", True, False),
        ({"BURROW_SHOW_DEVICES": "0"}, "", True, False),
        ({}, "find_servers = false", False, False),
        ({}, "nearby = false", False, True),
        ({}, "", True, False),
    ],
)
def test_not_looking_around_has_a_name_of_its_own_and_the_older_one_still_works(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    chosen: dict[str, str],
    line: str,
    looks: bool,
    told: bool,
) -> None:
    monkeypatch.setattr(near, "_told", False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("BURROW_FIND_SERVERS", "BURROW_NEARBY", "BURROW_SHOW_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    config_file(os.environ).parent.mkdir()
    config_file(os.environ).write_text(line + "\n")
    assert near.wanted() is looks
    assert near.wanted() is looks
    assert capsys.readouterr().err.count("BURROW_FIND_SERVERS") == int(told)
    hello = Settings()
    assert hello.show_devices is ("0" not in (chosen.get("BURROW_SHOW_DEVICES"), chosen.get("BURROW_NEARBY")))


def test_an_authority_that_cannot_be_trusted_as_asked_ends_the_command(tmp_path: Path) -> None:
    done = burrow(tmp_path, "send", "a.bin", "--server", NOBODY, "--ca", "missing.crt")
    assert done.returncode == 2
    assert "missing.crt" in done.stderr
    file = config_file({"XDG_CONFIG_HOME": str(tmp_path / "config")})
    file.parent.mkdir(parents=True)
    file.write_text("ca = ['a', 'b']\n")
    done = burrow(tmp_path, "send", "a.bin", "--server", NOBODY)
    assert done.returncode == 2
    assert "ca" in done.stderr


async def test_the_own_server_can_be_asked_for_whatever_is_configured(tmp_path: Path) -> None:
    async with people(tmp_path, "ann") as [ann]:
        (ann.folder / "a.bin").write_bytes(b"a")
        sender = await ann.burrow("send", "a.bin", "--own-server", BURROW_SERVER=NOBODY)
        await sender.until(lambda p: "burrow receive" in p.said)
        sender.interrupt()
        assert await sender.ended() == 130
    for args in (["--server", NOBODY], ["--store"], ["--to", "bob"]):
        assert burrow(tmp_path, "send", "a.bin", "--own-server", *args).returncode == 2


async def test_the_named_server_is_asked_for_a_code_that_was_begun_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURROW_STATE", str(tmp_path / "bob" / "state"))
    async with served(tmp_path / "data", stun_servers="") as server, people(tmp_path, "ann", "bob") as [ann, bob]:
        (ann.folder / "a.bin").write_bytes(b"a")
        sender = await ann.burrow("send", "a.bin", "--server", server.url, "--json")
        code = (await sender.event("ready"))["code"]
        record = Record(role="receive", transfer="ab" * 16, created=4e9, server=NOBODY, met="code", code=code)
        here().create(record).close()
        done = await bob.burrow("receive", code, "--server", server.url, "--yes")
        assert await done.ended(20) == 0, done.said
        assert f"This code was begun with {NOBODY}; now {server.url} is asked for it." in done.said
        assert (bob.folder / "a.bin").read_bytes() == b"a"
        again = await bob.burrow("receive", code, "--yes", BURROW_SERVER=server.url)
        assert await again.ended(20) == 4, again.said


async def test_what_was_begun_on_a_server_of_the_internet_does_not_go_on_elsewhere_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with people(tmp_path, "ann") as [ann]:
        (ann.folder / "a.bin").write_bytes(b"a")
        monkeypatch.setenv("BURROW_STATE", str(ann.state))
        monkeypatch.chdir(ann.folder)
        record = Record(
            role="send", transfer="ab" * 16, created=4e9, server="https://127.0.0.1:1", paths=known(["a.bin"])
        )
        here().create(record).close()
        done = await ann.burrow("send", "a.bin")
        assert await done.ended(20) == 6, done.said
        assert "https://127.0.0.1:1" in done.said


def test_only_a_server_of_this_program_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURROW_STATE", str(tmp_path / "state"))
    file = tmp_path / "a.bin"
    file.write_bytes(b"a")
    own = tmp_path / "state" / "own" / "5000"
    own.mkdir(parents=True)
    (own / "origins").write_text("http://10.0.0.7:5000\n")
    for server, port in (("https://drop.example.org:5000", 0), ("http://10.0.0.7:5000", 5000)):
        record = Record(role="send", transfer="ab" * 16, created=4e9, server=server, paths=known([str(file)]))
        here().create(record).close()
        assert port_of(begun([str(file)])) == port


def test_a_secure_server_on_the_local_network_cannot_hand_out_links_that_are_not() -> None:
    assert reached_at("https://10.0.0.7:5000", "http://drop.example.org") == "https://10.0.0.7:5000"
    assert reached_at("https://10.0.0.7:5000", "https://drop.example.org") == "https://drop.example.org"
