"""Whose word this program takes for who a server is: the system's authorities, and those that a person has named.

One truth for a process, for its connections are made in several places (http.py, relay_stream.py, the app's way). Also
the sentence for a server that nobody vouches for.
"""

import ssl
import threading
from pathlib import Path
from urllib.parse import urlsplit

from burrowspace.core.errors import BadRequest
from burrowspace.faults import why_and_cure

_LOCK = threading.Lock()
_named: list[str] = []  # PEM texts
_made: ssl.SSLContext | None = None


class Untrusted(ConnectionError):
    """Nobody that this machine trusts vouches for the server; the text says what a person can do."""


LOOK_S = 5.0  # for the server's authority
NO_AUTHORITY = {18, 19, 20, 21}  # X509_V_ERR_…: whoever signed it is not known here
CA_MOST = 64 << 10  # bytes of an authority's certificate


def trust(file: Path) -> None:
    """Trusts the authorities of a file as well, PEM or DER, from now on. BadRequest: it holds none."""
    global _made
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {why_and_cure(error)}") from None
    try:
        text = content.decode("ascii") if b"-----BEGIN " in content else ssl.DER_cert_to_PEM_cert(content)
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        raise BadRequest(f"{file} is no certificate of an authority; get it from the server, under /ca.crt") from None
    with _LOCK:
        _named.append(text)
        _made = None


def context() -> ssl.SSLContext:
    """For a client's connections. Made once: reading the system's certificates takes a while. From any thread."""
    global _made
    with _LOCK:
        if _made is None:
            _made = ssl.create_default_context()  # SSL_CERT_FILE and SSL_CERT_DIR name other ones, as for curl
            for text in _named:
                _made.load_verify_locations(cadata=text)
        return _made


def untrusted(error: ssl.SSLCertVerificationError, origin: str, authority: str | None) -> Untrusted:
    """The refusal of a certificate in a sentence. `authority`: the fingerprint of the one that the server offers."""
    if authority is None:
        return Untrusted(why_and_cure(error))
    return Untrusted(
        "nobody that this machine trusts vouches for it; if the server's own screen shows the fingerprint "
        f"{authority}, get its certificate with `curl -O {_plain(origin)}/ca.crt` and name that with --ca ca.crt"
    )


def _plain(origin: str) -> str:
    """The same port by http: a server with an authority of its own tells the two apart.

    >>> _plain("https://10.0.0.7:5000"), _plain("https://drop.lan")
    ('http://10.0.0.7:5000', 'http://drop.lan:443')
    """
    at = urlsplit(origin).netloc
    return f"http://{at}" if urlsplit(origin).port else f"http://{at}:443"
