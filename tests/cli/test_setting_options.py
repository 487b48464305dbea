"""One table of settings: the options, the sentences about bad ones, and the page of the guide come from it."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from burrowspace.cli import setting_options as module
from burrowspace.cli.setting_options import complaints, setting_options, strays
from burrowspace.config import Settings

ROOT = Path(__file__).resolve().parents[2]
ANY_TEXT = {"host", "data", "ngrok_authtoken"}


def test_the_doctests_hold() -> None:
    assert doctest.testmod(module).failed == 0


def test_every_setting_is_a_knob_with_a_meaning() -> None:
    assert [setting.field for setting in setting_options()] == list(Settings.model_fields)
    assert all(setting.meaning.endswith(".") for setting in setting_options())


def test_a_secret_is_no_option() -> None:
    secrets = [name for name, info in Settings.model_fields.items() if "SecretStr" in str(info.annotation)]
    assert SecretStr.__name__ in str(Settings.model_fields["ngrok_authtoken"].annotation)
    assert [setting.field for setting in setting_options() if setting.option is None] == secrets


@pytest.mark.parametrize("setting", setting_options(), ids=lambda setting: setting.field)
def test_the_named_environment_variable_is_the_one_that_is_read(
    setting: module.SettingOption, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting.env, "£")  # no number, no choice, no URL
    if setting.field in ANY_TEXT:
        value = getattr(Settings(), setting.field)
        assert str(value.get_secret_value() if isinstance(value, SecretStr) else value) == "£"
    elif setting.metavar is None:
        monkeypatch.setenv(setting.env, "T")
        assert getattr(Settings(), setting.field) is True
    else:
        with pytest.raises(ValidationError) as caught:
            Settings()
        assert setting.env in complaints(caught.value, {})[0]


def complaint(given: dict[str, object]) -> str:
    with pytest.raises(ValidationError) as caught:
        Settings(**given)
    [sentence] = complaints(caught.value, given)
    return sentence


def test_a_bad_setting_is_named_the_way_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert complaint({"port": "x"}) == "--port is 'x', but it should be a whole number"
    assert complaint({"port": "70000"}) == "--port is '70000', but it should be less than or equal to 65535"
    assert complaint({"silence_s": "soon"}) == "--silence-s is 'soon', but it should be a number"
    assert complaint({"log_level": "loud"}) == (
        "--log-level is 'loud', but it should be 'debug', 'info', 'warning' or 'error'"
    )
    assert complaint({"stun_servers": "example.org"}) == (
        "--stun-servers: 'example.org' is no STUN URI; write it as stun:host:port"
    )
    monkeypatch.setenv("BURROW_PORT", "tcp://10.0.0.1:5000")
    assert complaint({}) == "BURROW_PORT is 'tcp://10.0.0.1:5000', but it should be a whole number"


def test_what_was_written_cannot_draw_on_the_terminal() -> None:
    assert complaint({"port": "\x1b[2J\n" + "x" * 500}).isprintable()


def test_a_misspelt_variable_is_noticed() -> None:
    assert strays(["BURROW_MAX_FILE_BYTE"]) == ["BURROW_MAX_FILE_BYTE is no setting; is BURROW_MAX_FILE_BYTES meant?"]
    assert strays(["BURROW_PORT_5000_TCP_ADDR", "PATH", *(setting.env for setting in setting_options())]) == []


def test_the_page_of_the_guide_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "settings_doc.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_stale_page_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    copy = tmp_path / "scripts" / "settings_doc.py"
    copy.write_text((ROOT / "scripts" / "settings_doc.py").read_text())
    page = tmp_path / "docs" / "guide" / "settings.md"
    check = [sys.executable, copy, "--check"]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 1
    subprocess.run([sys.executable, copy], check=True)
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0
    page.write_text(page.read_text().replace("5000", "5001"))
    assert subprocess.run(check, capture_output=True, check=False).returncode == 1
