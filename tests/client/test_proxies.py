"""Which proxy is on the way: what the standard library says, without loading it where nothing is set."""

import os
import sys
from urllib.request import getproxies, proxy_bypass

import pytest

from burrowspace.client.server import proxies
from burrowspace.client.server.proxies import proxy_of

SETTINGS = [
    {},
    {"http_proxy": "http://10.0.0.1:3128"},
    {"HTTPS_PROXY": "http://user:word@10.0.0.1:3128"},
    {"http_proxy": "10.0.0.1:3128"},
    {"all_proxy": "http://10.0.0.1:3128"},
    {"http_proxy": "http://10.0.0.1:3128", "no_proxy": "drop.example.org"},
    {"http_proxy": ""},
]


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_it_is_what_the_standard_library_says(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], scheme: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    host = "drop.example.org"
    known = {} if proxy_bypass(host) else getproxies()
    wanted = known.get(scheme) or known.get("all")
    found = proxy_of(scheme, host)
    assert (found.geturl() if found else None) == (wanted if not wanted or "//" in wanted else f"http://{wanted}")


def test_where_the_system_has_settings_of_its_own_they_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "_SYSTEM", True)
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: False)
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "http://10.0.0.1:3128"})
    found = proxy_of("https", "drop.example.org")
    assert found is not None
    assert (found.hostname, found.port) == ("10.0.0.1", 3128)


def test_nothing_is_loaded_where_no_variable_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "urllib.request", None)  # an import of it would fail
    assert proxy_of("https", "drop.example.org") is None
