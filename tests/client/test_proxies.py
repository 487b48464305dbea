"""Which proxy this process uses: what the environment or the system says, loaded only where something is set."""

import os
import sys

import pytest

from burrowspace.client.server import proxies
from burrowspace.client.server.proxies import go_direct, proxy_of

HOST = "drop.example.org"


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def test_the_environment_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_of("https", HOST) is None
    monkeypatch.setenv("HTTPS_PROXY", "10.0.0.1")
    found = proxy_of("https", HOST)
    assert found is not None
    assert (found.address, found.named_by) == ("http://10.0.0.1:3128", "HTTPS_PROXY")


def test_a_server_that_was_found_nearby_or_started_here_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "10.0.0.1")
    monkeypatch.setattr(proxies, "_near", set())
    assert proxy_of("http", "10.199.3.4") is not None
    go_direct("10.199.3.4")
    assert proxy_of("http", "10.199.3.4") is None


def test_a_private_address_on_a_network_of_this_machine_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Address:
        ip, network_prefix = "10.199.3.1", 24

    class Adapter:
        ips = (Address,)

    monkeypatch.setenv("ALL_PROXY", "10.0.0.1")
    monkeypatch.setattr("ifaddr.get_adapters", lambda: [Adapter])
    assert proxy_of("http", "10.199.3.4") is None
    assert proxy_of("http", "10.199.4.4") is not None


def test_where_the_system_has_settings_of_its_own_they_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "_SYSTEM", True)
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: host == "near.example.org")
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "http://10.0.0.1:3128"})
    found = proxy_of("https", HOST)
    assert found is not None
    assert (found.host, found.port, found.named_by) == ("10.0.0.1", 3128, "the system settings")
    assert proxy_of("https", "near.example.org") is None


def test_nothing_is_loaded_where_no_variable_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "urllib.request", None)  # an import of it would fail
    assert proxy_of("https", HOST) is None
