"""`burrow` and `python server.py` as a person meets them: real processes where a process is the point."""

import ast
import contextlib
import json
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from burrowspace import __version__
from burrowspace.cli.main import app
from burrowspace.cli.setting_options import setting_options
from burrowspace.config import Settings

ROOT = Path(__file__).resolve().parents[2]
FRONTS = {
    "burrow": [str(Path(sys.executable).with_name("burrow"))],
    "python -m burrowspace": [sys.executable, "-m", "burrowspace"],
    "python -m burrowspace.cli.main": [sys.executable, "-m", "burrowspace.cli.main"],
}
SERVERS = {"burrow serve": [*FRONTS["burrow"], "serve"], "python server.py": [sys.executable, str(ROOT / "server.py")]}


def clean_environment(**more: str) -> dict[str, str]:
    ours = ("BURROW_", "USE_NGROK", "NGROK_", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ.keys() - clean_environment().keys():
        monkeypatch.delenv(name)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What `run` was called with; nothing is served."""
    calls: list[Settings] = []

    def run(settings: Settings) -> int:
        calls.append(settings)
        return 0

    monkeypatch.setattr("burrowspace.server.run.run", run)
    return calls


def burrow(*args: str) -> Result:
    return CliRunner().invoke(app, args, terminal_width=100)


@pytest.mark.parametrize("front", FRONTS)
def test_every_front_prints_the_version(front: str) -> None:
    done = subprocess.run([*FRONTS[front], "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"BurrowSpace {__version__}\n"


def test_help_teaches_by_examples() -> None:
    result = burrow("--help")
    assert result.exit_code == 0
    assert "burrow serve --port 8080" in result.output
    assert burrow("serve", "-h").output == burrow("serve", "--help").output


def test_the_help_of_serve_names_every_setting_but_the_secrets() -> None:
    output = burrow("serve", "--help").output
    for setting in setting_options():
        if setting.option is None:
            assert not re.search(rf"--{setting.field.replace('_', '-')}(?![\w-])", output)
        else:
            assert f"{setting.option} " in output
            assert f"[{setting.env};" in output


@pytest.mark.parametrize("server", SERVERS)
def test_help_has_no_colours_and_both_servers_take_the_same_options(server: str) -> None:
    environment = clean_environment(NO_COLOR="1", COLUMNS="100")
    done = subprocess.run(
        [*SERVERS[server], "--help"], capture_output=True, text=True, check=True, env=environment, cwd="/"
    )
    assert "\x1b" not in done.stdout
    assert done.stdout.startswith(f"Usage: {server} [OPTIONS]")
    assert all(setting.option in done.stdout for setting in setting_options() if setting.option)


def test_the_option_wins_over_the_environment_and_that_over_the_default(
    served: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURROW_PORT", "6000")
    monkeypatch.setenv("BURROW_HOST", "127.0.0.1")
    assert burrow("serve", "--port", "7000", "--stun-servers", "", "--data", "/srv/x").exit_code == 0
    [settings] = served
    assert (settings.port, settings.host, settings.silence_s) == (7000, "127.0.0.1", 60)
    assert settings.stun_servers == ()
    assert settings.data == Path("/srv/x")


@pytest.mark.parametrize(("written", "wanted"), [("True", True), ("1", True), ("t", True), ("T", True), ("no", False)])
def test_ngrok_is_asked_for_as_it_always_was(
    served: list[Settings], monkeypatch: pytest.MonkeyPatch, written: str, wanted: bool
) -> None:
    monkeypatch.setenv("USE_NGROK", written)
    burrow("serve")
    burrow("serve", "--no-use-ngrok")
    burrow("serve", "--use-ngrok")
    assert [settings.use_ngrok for settings in served] == [wanted, False, True]


def test_a_bad_setting_is_one_sentence_and_exit_code_2(served: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURROW_GRACE_S", "99")
    result = burrow("serve", "--port", "x")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "burrow: --port is 'x', but it should be a whole number",
        "burrow: BURROW_GRACE_S is '99', but it should be less than or equal to 9",
    ]
    assert served == []


def test_a_token_is_never_repeated(served: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGROK_AUTHTOKEN", "2abcSecretSecret")
    result = burrow("serve", "--port", "x")
    assert "2abcSecretSecret" not in result.output
    assert burrow("serve", "--ngrok-authtoken", "x").exit_code == 2


def test_a_misspelt_variable_is_mentioned_and_no_more(served: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURROW_PROT", "6000")
    result = burrow("serve")
    assert result.exit_code == 0
    assert result.stderr == "burrow: BURROW_PROT is no setting; is BURROW_PORT meant?\n"
    assert len(served) == 1


def test_the_exit_code_is_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burrowspace.server.run.run", lambda settings: 1)
    assert burrow("serve").exit_code == 1


@contextlib.contextmanager
def serving(command: list[str], data: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server as a process of its own, and its URL from the line that says where it is."""
    process = subprocess.Popen(
        [*command, "--data", str(data)],
        env=clean_environment(BURROW_HOST="127.0.0.1", BURROW_PORT="0", BURROW_LOG_FORMAT="json", **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            event = json.loads(line)
            if "addresses" in event:
                yield process, event["addresses"][0]
                break
        else:
            pytest.fail("".join(said))
    finally:
        process.kill()
        process.communicate()


def status(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/status", timeout=10) as answer:
        return json.load(answer)  # type: ignore[no-any-return]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_server_says_where_it_is_serves_there_and_ends_with_0(
    server: str, end: signal.Signals, tmp_path: Path
) -> None:
    with serving(SERVERS[server], tmp_path) as (process, url):
        assert status(url)["status"] == "online"
        process.send_signal(end)
        assert process.wait(20) == 0


def test_a_taken_port_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*SERVERS["burrow serve"], "--host", "127.0.0.1", "--port", port, "--data", tmp_path],
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == 2
    assert port in done.stderr
    assert f"(process {os.getpid()})" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_tunnel_that_cannot_be_had_fails_nothing_and_is_explained(tmp_path: Path) -> None:
    with serving(SERVERS["python server.py"], tmp_path, USE_NGROK="True") as (process, url):
        assert process.stderr is not None
        tunnel = next(line for line in process.stderr if "NGROK_AUTHTOKEN" in line)
        assert json.loads(tunnel)["level"] == "warning"
        known = status(url)
        assert known["public_url"] is None
        assert known["tunnel"]["state"] == "down"
        assert "NGROK_AUTHTOKEN" in known["tunnel"]["message"]
        process.terminate()
        assert process.wait(20) == 0


def test_server_py_is_read_by_old_pythons_and_refuses_them_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = (ROOT / "server.py").read_text(encoding="ascii")
    ast.parse(source, feature_version=(3, 4))
    assert not re.search(r"\bf\"|\bf'|: \w+ =|->", source), "Python 2 is to read it as well"
    monkeypatch.setattr(sys, "version_info", (3, 10, 12))
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / "server.py"), run_name="__main__")
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "needs Python 3.11 or later, and this is 3.10.12" in said
    assert "no longer maintained" in said


def test_server_py_without_its_requirements_says_what_to_run() -> None:
    done = subprocess.run(
        [sys.executable, "-S", ROOT / "server.py"], capture_output=True, text=True, check=False
    )  # -S: without site-packages
    assert done.returncode == 2
    assert "pip install -r requirements.txt" in done.stderr
    assert "Traceback" not in done.stderr
