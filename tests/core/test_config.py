"""Settings from the environment: the names people use, and one clear error for what cannot be used."""

import os

import pytest
from pydantic import ValidationError

from burrowspace.config import Settings
from burrowspace.core.ice import GOOGLE


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("BURROW_", "USE_NGROK", "NGROK_", "BORE_")):
            monkeypatch.delenv(name)


def test_the_defaults_are_the_published_ones() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.silence_s) == ("0.0.0.0", 5000, 60)
    assert settings.stun_servers == GOOGLE
    assert settings.use_ngrok is False
    assert settings.public_url is None


@pytest.mark.parametrize("name", ["BURROW_PORT", "burrow_port", "Burrow_Port"])
def test_a_variable_is_read_in_any_case(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "6001")
    assert Settings().port == 6001


@pytest.mark.parametrize("name", ["PORT", "HOST", "DATA", "BURROW_NO_SUCH"])
def test_other_peoples_variables_are_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "6001")
    assert Settings() == Settings.model_construct(**{f: i.default for f, i in Settings.model_fields.items()})


@pytest.mark.parametrize("value", ["True", "true", "TRUE", "1", "t", "T", "yes", "On", " true "])
@pytest.mark.parametrize("name", ["USE_NGROK", "use_ngrok"])
def test_ngrok_is_switched_on_as_the_published_server_did(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert Settings().use_ngrok is True


@pytest.mark.parametrize("value", ["False", "0", "", "f", "no", "off", "2", "truth"])
def test_anything_else_leaves_it_off(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USE_NGROK", value)
    assert Settings().use_ngrok is False


def test_the_ngrok_token_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGROK_AUTHTOKEN", "very-secret")
    token = Settings().ngrok_authtoken
    assert token is not None
    assert token.get_secret_value() == "very-secret"
    assert "very-secret" not in repr(Settings())


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("stun:a:1", ("stun:a:1",)),
        (" stun:a:1 ,stun:b:2,", ("stun:a:1", "stun:b:2")),
        ("", ()),
        (" , ", ()),
    ],
)
def test_a_list_is_separated_by_commas(given: str, read: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURROW_STUN_SERVERS", given)
    assert Settings().stun_servers == read
    assert Settings(stun_servers="stun:c:3").stun_servers == ("stun:c:3",)


def test_the_caller_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURROW_PORT", "6001")
    monkeypatch.setenv("USE_NGROK", "1")
    assert Settings(port=7000, use_ngrok=False).port == 7000
    assert Settings(use_ngrok=False).use_ngrok is False


def test_web_origins_and_the_public_url_are_web_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURROW_CORS_ORIGINS", "https://a.example, *")
    monkeypatch.setenv("BURROW_PUBLIC_URL", "https://b.example/")
    assert Settings().cors_origins == ("https://a.example", "*")
    assert Settings().public_url == "https://b.example"


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("BURROW_PORT", "70000", "65535"),
        ("BURROW_PORT", "-1", "0"),
        ("BURROW_PORT", "http", "integer"),
        ("BURROW_STUN_SERVERS", "stun:a:1,turn:b", "turn:b"),
        ("BURROW_CORS_ORIGINS", "app.example.org", "https://"),
        ("BURROW_PUBLIC_URL", "ftp://x", "ftp://x"),
        ("BURROW_LOG_FORMAT", "xml", "console"),
        ("BURROW_SILENCE_S", "0", "greater than 0"),
        ("BURROW_SILENCE_S", "nan", "greater than 0"),
        ("BURROW_TRANSFER_DAYS", "a week", "number"),
        ("BURROW_MAX_JSON_BYTES", "10", "1024"),
        ("BURROW_GRACE_S", "10", "9"),
    ],
)
def test_a_bad_value_gives_one_error_that_names_it(
    name: str, value: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    [problem] = caught.value.errors()
    assert problem["loc"][0] in (name.lower().removeprefix("burrow_"), name.lower())
    assert word in problem["msg"]


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


def test_the_older_way_to_ask_for_a_tunnel_means_ngrok(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().tunnel_kind is None
    assert Settings(tunnel="bore").tunnel_kind == "bore"
    monkeypatch.setenv("USE_NGROK", "True")
    assert Settings().tunnel_kind == "ngrok"
    assert Settings(tunnel="tailscale").tunnel_kind == "tailscale"


@pytest.mark.parametrize("server", ["", "-x", "a b", "bore.pub:80", "--secret", "x" * 254, "a\n"])
def test_a_bore_server_is_a_host_name(server: str) -> None:
    with pytest.raises(ValidationError):
        Settings(bore_server=server)


def test_what_stays_local_has_no_tunnel_and_offers_no_server_of_google() -> None:
    assert Settings(local_only=True).stun_servers == ()
    own = "stun:192.168.1.7:3478"
    assert Settings(local_only=True, stun_servers=(own, GOOGLE[0])).stun_servers == (own,)
    with pytest.raises(ValidationError, match="contradict each other"):
        Settings(local_only=True, use_ngrok=True)
