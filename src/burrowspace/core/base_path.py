"""The path below which a server is reached where it shares a host with others: `/burrow` of https://box.example/burrow/.

A proxy says it, or the public URL, or a link; what a stranger could make of it stands here. Twin in web/core/links.js.
"""

import re

BASE_CHARS = 100
SEGMENT = "[A-Za-z0-9_~-][A-Za-z0-9._~-]*"  # none begins with a dot: nothing leads up or is hidden

_BASE = re.compile(f"((?:/{SEGMENT})*)/?")


def base_path(text: str) -> str | None:
    """Without a slash at its end; empty: the whole host is the server's. None for what is no such path.

    >>> base_path("/burrow/"), base_path("/a/b.c"), base_path("/"), base_path("")
    ('/burrow', '/a/b.c', '', '')
    >>> [base_path(text) for text in ("burrow", "//evil.example", "/a/../b", "/a//b", "/%2e", "/a?b", "/" + "a" * 200)]
    [None, None, None, None, None, None, None]
    """
    found = _BASE.fullmatch(text[: BASE_CHARS + 1])
    return found[1] if found and len(text) <= BASE_CHARS else None


def base_of(url: str) -> str | None:
    """The same of a whole URL.

    >>> base_of("https://box.example/burrow"), base_of("https://box.example"), base_of("https://box.example/a/../b")
    ('/burrow', '', None)
    """
    return base_path("/" + url.partition("://")[2].partition("/")[2])


def below(base: str, path: bytes) -> bytes:
    """The path, with its query, as a server at the root of a host would get it; unchanged where a proxy has cut the
    base off already, and where somebody calls the server by another way.

    >>> below("/burrow", b"/burrow/hello?x=1"), below("/burrow", b"/burrow/"), below("/burrow", b"/burrowed/x")
    (b'/hello?x=1', b'/', b'/burrowed/x')
    """
    start = base.encode() + b"/"
    return path[len(base) :] if base and path.startswith(start) else path
