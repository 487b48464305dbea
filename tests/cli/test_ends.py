"""How commands end: exit codes, sentences, what is said of a wrong command line; and which server is meant."""

import errno
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from burrowspace.cli.exits import MEANING, Exit, Usage, exit_of, said
from burrowspace.cli.named_server import NamedServer, config_file, explained, named_server, own_name, reachable
from burrowspace.client.client import Client
from burrowspace.client.errors import Unreachable
from burrowspace.core import errors
from tests.cli.program import BURROW, environment
from tests.e2e.served import served

ROOT = Path(__file__).resolve().parents[2]


def burrow(tmp_path: Path, *args: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [BURROW, *args],
        env=environment(tmp_path / "state", **more),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_guide_lists_every_exit_code_with_its_meaning() -> None:
    guide = (ROOT / "docs" / "guide" / "terminal.md").read_text()
    assert set(MEANING) == set(Exit)
    for code, meaning in MEANING.items():
        assert f"| {int(code)} | {meaning} |" in guide


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.WrongCode("x"), 4),
        (errors.BadCode("x"), 4),
        (errors.Tampered("x"), 5),
        (errors.NoSpace("x"), 7),
        (OSError(errno.ENOSPC, "full"), 7),
        (PermissionError(errno.EACCES, "no"), 1),
        (Usage("x"), 2),
        (ZeroDivisionError(), 1),
    ],
)
def test_each_failure_has_its_exit_code_and_something_to_try(error: Exception, code: int) -> None:
    sentence, advice = said(error)
    assert exit_of(error) == code
    assert sentence
    assert advice or "; " in sentence


def test_a_hostile_sentence_is_one_line() -> None:
    assert said(errors.BadRequest("a\x1b[2J\r\nb"))[0] == "a�[2J��b"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["send"], 2),
        (["send", "a", "--text", "b"], 2),
        (["send", "-", "a"], 2),
        (["send", "a", "--plain"], 2),
        (["send", "a", "--relay-only", "--direct-only"], 2),
        (["send", "a", "--limit-rate", "fast"], 2),
        (["send", "a", "--receivers", "0"], 2),
        (["send", "a", "--server", "ftp://x"], 2),
        (["receive", "x", "--as", "bob"], 2),
        (["receive", "x", "-o", "-", "--json"], 2),
        (["receive", "walnut", "--server", "http://127.0.0.1:1"], 4),
        (["receive", "https://host/r#short"], 4),
        (["receive", "7-walnut-orbit"], 6),
        (["receive", "7-walnut-orbit", "--server", "http://127.0.0.1:1"], 6),
        (["receive", "http://127.0.0.1:1/r#" + "A" * 43], 6),
        (["receive"], 6),
        (["send", "missing.bin"], 1),
        (["send", "--to", "nobody", "a", "--server", "http://127.0.0.1:1"], 6),
        (["pair"], 6),
        (["resume", "ffff"], 2),
        (["devices", "forget", "nobody"], 1),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else None,
)
def test_what_cannot_be_done_is_a_sentence_that_says_what_to_try(tmp_path: Path, args: list[str], code: int) -> None:
    done = burrow(tmp_path, *args)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()[-1]) > 20


def test_json_ends_with_the_error_as_an_object(tmp_path: Path) -> None:
    done = burrow(tmp_path, "receive", "7-walnut-orbit", "--json")
    assert done.stdout.startswith('{"event":"error","code":"unreachable","error":"')
    assert done.stdout.endswith('"exit":6}\n')


def test_the_option_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    known = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert named_server(None, known) is None
    file = config_file(known)
    file.parent.mkdir()
    file.write_text('server = "https://file.example"\nname = "desk"\n')
    assert named_server(None, known) == NamedServer("https://file.example", str(file))
    assert own_name(known) == "desk"
    known["BURROW_SERVER"] = "https://environment.example/"
    assert named_server(None, known) == NamedServer("https://environment.example", "BURROW_SERVER")
    assert named_server("option.example", known) == NamedServer("https://option.example", "--server", guessed=True)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("9.9.9.9", "https://9.9.9.9"),
        ("9.9.9.9:5000/x", "https://9.9.9.9:5000/x"),
        ("[2620:fe::fe]:5000", "https://[2620:fe::fe]:5000"),
        ("172.32.0.1", "https://172.32.0.1"),
        ("nas.example.org", "https://nas.example.org"),
        ("172.16.0.1:5000", "http://172.16.0.1:5000"),
        ("100.64.0.9", "http://100.64.0.9"),
        ("169.254.7.7", "http://169.254.7.7"),
        ("[fe80::7]:5000", "http://[fe80::7]:5000"),
        ("[::ffff:10.0.0.1]", "http://[::ffff:10.0.0.1]"),
        ("NAS.Local:5000", "http://NAS.Local:5000"),
        ("nas.lan", "http://nas.lan"),
        ("nas:5000", "http://nas:5000"),
        ("localhost", "http://localhost"),
        ("http://9.9.9.9", "http://9.9.9.9"),
        ("https://nas", "https://nas"),
    ],
)
def test_without_a_scheme_only_what_the_internet_does_not_know_is_http(written: str, meant: str) -> None:
    found = named_server(written, {})
    assert found is not None
    assert found.url == meant
    assert found.guessed == (meant.startswith("https") and "://" not in written)


@pytest.mark.parametrize("written", ["[::1", "a:b", "[nas]:5000", "nas:70000", ":5000", "ftp://nas"])
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(Usage, match="no address of a server"):
        named_server(written, {})


@pytest.mark.anyio
async def test_https_that_was_only_taken_for_granted_is_named_when_the_server_has_no_tls(tmp_path: Path) -> None:
    async with served(tmp_path / "data", stun_servers="") as server:
        url = f"https://127.0.0.1:{server.port}"
        why = await reachable(NamedServer(url, "x", guessed=True))
        assert why is not None
        assert why.endswith(f"write http://127.0.0.1:{server.port} if that server has no TLS")
        assert "http://127" not in str(await reachable(NamedServer(url, "x")))
        with (
            pytest.raises(Unreachable, match="if that server has no TLS"),
            explained(NamedServer(url, "x", guessed=True)),
        ):
            async with Client(url) as client:
                await client.pair("7-walnut-orbit", "desk")


@pytest.mark.parametrize("text", ["server = ", "\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    known = {"XDG_CONFIG_HOME": str(tmp_path)}
    config_file(known).parent.mkdir()
    config_file(known).write_bytes(text.encode("latin-1"))
    with pytest.raises(Usage, match=re.escape(str(config_file(known)))):
        named_server(None, known)


@pytest.mark.parametrize("command", ["send", "receive", "resume", "take-back", "pair", "devices", "history"])
def test_help_teaches_by_examples(tmp_path: Path, command: str) -> None:
    done = burrow(tmp_path, command, "--help", COLUMNS="100")
    assert done.returncode == 0
    assert f"\n    burrow {command}" in done.stdout
    assert "\b" not in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_given_its_completion(tmp_path: Path, shell: str) -> None:
    done = burrow(tmp_path, "--show-completion", shell)
    assert f"_BURROW_COMPLETE={shell}_complete" in done.stdout


def test_the_shell_completes_commands_options_and_the_words_of_a_code(tmp_path: Path) -> None:
    def completes(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1), "_BURROW_COMPLETE": "bash_complete"}
        return [said.partition(",")[2] for said in burrow(tmp_path, **words).stdout.splitlines()]

    assert completes("burrow rec") == ["receive"]
    assert completes("burrow serve --por") == ["--port"]
    assert completes("burrow send --relay") == ["--relay-only"]
    assert completes("burrow receive 7-walnu") == ["7-walnut-"]
    assert completes("burrow receive 7-walnut-orbi") == ["7-walnut-orbit"]


def test_help_is_there_at_once(tmp_path: Path) -> None:
    """In seconds of the processor: the machine that runs the tests may be busy."""
    took = []
    for _ in range(3):
        before = os.times()
        burrow(tmp_path, "--help")
        after = os.times()
        took.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(took) < 0.3


def test_help_imports_nothing_that_takes_long(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "burrowspace", "--help"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert not loaded & {"cryptography", "pydantic", "httpx", "fastapi", "sqlalchemy", "rich", "spake2", "structlog"}


def test_at_a_terminal_a_person_is_asked_and_no_means_nothing_is_written(tmp_path: Path) -> None:
    """Both ends run here; the receiver on a terminal of its own."""
    (tmp_path / "a.bin").write_bytes(b"x" * 100_000)
    sender = subprocess.Popen(
        [BURROW, "send", "a.bin", "--quiet", "--no-code"],
        env=environment(tmp_path / "ann"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert sender.stdout is not None
    link = sender.stdout.readline().strip()
    (tmp_path / "bob").mkdir()
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(tmp_path / "bob")
        os.execve(BURROW, [BURROW, "receive", link], environment(tmp_path / "state", TERM="xterm"))
    seen = b""
    try:
        while b"Take it? [Y/n]" not in seen:
            seen += os.read(terminal, 65536)
        os.write(terminal, b"n\n")
        _, status = os.waitpid(child, 0)
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 3
    assert list((tmp_path / "bob").iterdir()) == []
    assert sender.wait(30) == 3
    sender.communicate()
