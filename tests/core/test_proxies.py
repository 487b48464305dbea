"""Which proxy is on the way: the table, by which both control calls and blocks go."""

import pytest

from burrowspace.core.proxies import BadProxy, Proxy, is_excepted, login, parsed, proxy_for, refusal

PROXY = "http://10.0.0.1:3128"
HERE = {"192.168.1.7", "fd00::7"}


def chosen(url: tuple[str, str, int], environment: dict[str, str]) -> str | None:
    found = proxy_for(*url, environment, lambda address: address in HERE)
    return None if found is None else found.address


WEB, PLAIN = ("https", "drop.example.org", 443), ("http", "drop.example.org", 5000)


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        (WEB, {}, None),
        (WEB, {"HTTPS_PROXY": PROXY}, PROXY),
        (WEB, {"https_proxy": PROXY}, PROXY),
        (WEB, {"https_proxy": PROXY, "HTTPS_PROXY": "http://10.0.0.2:3128"}, PROXY),
        (WEB, {"https_proxy": "", "HTTPS_PROXY": PROXY}, None),
        (WEB, {"HTTP_PROXY": PROXY}, None),
        (PLAIN, {"HTTP_PROXY": PROXY}, PROXY),
        (PLAIN, {"HTTPS_PROXY": PROXY}, None),
        (WEB, {"ALL_PROXY": PROXY}, PROXY),
        (PLAIN, {"all_proxy": PROXY, "http_proxy": "http://10.0.0.2:8080"}, "http://10.0.0.2:8080"),
        (PLAIN, {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None),
        (PLAIN, {"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, PROXY),
        # as people write them
        (WEB, {"HTTPS_PROXY": "10.0.0.1"}, PROXY),
        (WEB, {"HTTPS_PROXY": " 10.0.0.1:8080 "}, "http://10.0.0.1:8080"),
        (WEB, {"HTTPS_PROXY": "https://proxy.example.net"}, "https://proxy.example.net:443"),
        (WEB, {"ALL_PROXY": "socks5://10.0.0.1"}, "socks5://10.0.0.1:1080"),
        (WEB, {"ALL_PROXY": "SOCKS5H://10.0.0.1:9050"}, "socks5h://10.0.0.1:9050"),
        (WEB, {"ALL_PROXY": "socks://10.0.0.1:1080/"}, "socks5h://10.0.0.1:1080"),
        (WEB, {"ALL_PROXY": "http://[fd00::1]:3128"}, "http://[fd00::1]:3128"),
        # what needs none
        (("http", "127.0.0.1", 5000), {"ALL_PROXY": PROXY}, None),
        (("http", "localhost", 5000), {"ALL_PROXY": PROXY}, None),
        (("http", "burrow.localhost", 5000), {"ALL_PROXY": PROXY}, None),
        (("http", "::1", 5000), {"ALL_PROXY": PROXY}, None),
        (("http", "::ffff:127.0.0.1", 5000), {"ALL_PROXY": PROXY}, None),
        (("http", "0.0.0.0", 5000), {"ALL_PROXY": PROXY}, None),
        (("http", "169.254.3.4", 5000), {"ALL_PROXY": PROXY}, None),
        (("http", "fe80::1%eth0", 5000), {"ALL_PROXY": PROXY}, None),
        (("http", "192.168.1.7", 5000), {"ALL_PROXY": PROXY}, None),
        (("http", "fd00::7", 5000), {"ALL_PROXY": PROXY}, None),
        (("http", "192.168.9.7", 5000), {"ALL_PROXY": PROXY}, PROXY),
        (("http", "203.0.113.7", 5000), {"ALL_PROXY": PROXY}, PROXY),
        # what a person excepts
        (WEB, {"ALL_PROXY": PROXY, "NO_PROXY": "example.org"}, None),
        (WEB, {"ALL_PROXY": PROXY, "no_proxy": "example.com", "NO_PROXY": "example.org"}, PROXY),
        (WEB, {"ALL_PROXY": PROXY, "NO_PROXY": "*"}, None),
        (WEB, {"NO_PROXY": "*", "HTTPS_PROXY": "nonsense://"}, None),
    ],
)
def test_the_proxy_for_a_server(url: tuple[str, str, int], environment: dict[str, str], proxy: str | None) -> None:
    assert chosen(url, environment) == proxy


@pytest.mark.parametrize(
    ("host", "port", "no_proxy", "excepted"),
    [
        ("example.org", 443, "example.org", True),
        ("example.org", 443, ".example.org", True),
        ("a.example.org", 443, "example.org", True),
        ("a.example.org.", 443, "EXAMPLE.org", True),
        ("a.example.org", 443, "*.example.org", True),
        ("badexample.org", 443, "example.org", False),
        ("example.org", 443, "a.example.org", False),
        ("example.org", 443, "a.org, b.org  example.org", True),
        ("example.org", 443, "example.org:443", True),
        ("example.org", 5000, "example.org:443", False),
        ("example.org", 443, "", False),
        ("example.org", 443, ".", False),
        ("10.1.2.3", 80, "10.1.2.3", True),
        ("10.1.2.3", 80, "10.0.0.0/8", True),
        ("10.1.2.3", 80, "10.1.2.9/24", True),
        ("11.1.2.3", 80, "10.0.0.0/8", False),
        ("10.1.2.3", 80, "2.3", False),
        ("10.1.2.3", 80, "10.0.0.0/99", False),
        ("10.1.2.3", 80, "10.1.2.3:80", True),
        ("10.1.2.3", 80, "10.1.2.3:81", False),
        ("fd00::1", 80, "fd00::/8", True),
        ("fd00::1", 80, "[fd00:0::1]:80", True),
        ("fd00::1", 80, "[fd00::1]", True),
        ("fd00::1", 80, "fd00::1", True),
        ("fd00::1", 80, "fd00::2", False),
        ("name", 80, "10.0.0.0/8", False),
    ],
)
def test_what_no_proxy_names(host: str, port: int, no_proxy: str, excepted: bool) -> None:
    assert is_excepted(host, port, no_proxy) is excepted


def test_user_and_password_are_read_as_in_a_url_and_shown_nowhere() -> None:
    proxy = parsed("ALL_PROXY", "http://an%40n:p%40ss%3A%2F%23w@10.0.0.1:3128")
    assert (proxy.user, proxy.password) == ("an@n", "p@ss:/#w")
    assert proxy.authorization == {"proxy-authorization": "Basic YW5AbjpwQHNzOi8jdw=="}
    for text in (str(proxy), repr(proxy), proxy.address, login(proxy), refusal(proxy, 403, "a.b:443")):
        assert "p@ss" not in text
        assert "an@n" not in text


@pytest.mark.parametrize(
    "written", ["ftp://secret@10.0.0.1", "http://ann:secret@", "http://secret@h:port", "http://secret@[::", "h:0", "//"]
)
def test_what_is_no_proxy_is_refused_without_repeating_it(written: str) -> None:
    with pytest.raises(BadProxy, match="HTTPS_PROXY") as caught:
        parsed("HTTPS_PROXY", written)
    assert "secret" not in str(caught.value)


def test_a_proxy_without_a_user_is_asked_without_one() -> None:
    assert Proxy.__dataclass_fields__["password"].repr is False
    assert parsed("ALL_PROXY", "http://10.0.0.1").authorization == {}
