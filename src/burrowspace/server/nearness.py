"""Of which network a caller is, when a proxy or a tunnel may stand between: the guard of `/nearby`.

Behind a proxy that the server does not know, callers from all over the world have the proxy's address, and that is
often a local one. They must not be taken for devices of the server's own network, which see each other. So in doubt a
caller is of no network and sees nobody. Spec: docs/spec/nearby.md.
"""

import re
from collections.abc import Mapping

from burrowspace.core.forwarded import SIGNS, node, parse_forwarded, parse_list
from burrowspace.core.networks import OWN, is_loopback, network_of

_LOCAL_HOST = re.compile(r"(localhost|127\.[0-9.]{5,11}|\[::1\])(:[0-9]{1,5})?\Z", re.IGNORECASE)
_SIGNS = tuple(sign.decode() for sign in SIGNS)


def network(address: str, headers: Mapping[str, str], *, has_public_url: bool) -> str | None:
    """The network of a caller whose address is `address` as the server sees it; None where that cannot be told.

    A local address counts where no proxy has signed the request, or where the last to sign it names that address: then
    it is what a trusted proxy said. Loopback counts besides only for who asked for this machine by a name of its own,
    and while this server has no public URL: a tunnel comes from loopback, may sign nothing and passes any Host on.

    >>> near = dict(host="127.0.0.1:5000")
    >>> network("127.0.0.1", near, has_public_url=False), network("127.0.0.1", near, has_public_url=True)
    ('own', None)
    >>> network("127.0.0.1", {"host": "a.example"}, has_public_url=False)
    >>> network("172.17.0.1", {"x-forwarded-for": "203.0.113.7"}, has_public_url=False)
    >>> network("10.0.0.7", {"x-forwarded-for": "1.2.3.4, 10.0.0.7"}, has_public_url=True)
    'own'
    """
    found = network_of(address)
    if found != OWN:
        return found
    if is_loopback(address):
        asked = _LOCAL_HOST.match(headers.get("host", ""))
        return None if has_public_url or asked is None or any(sign in headers for sign in _SIGNS) else OWN
    if not any(sign in headers for sign in _SIGNS):
        return OWN
    elements = parse_forwarded(headers.get("forwarded", ""))
    last = [parse_list(headers.get("x-forwarded-for", ""))[-1:], [each.get("for", "") for each in elements[-1:]]]
    return OWN if address in {node(text) for each in last for text in each} else None
