"""A server's SSLContext from two files, and why there is none, in a sentence."""

import ssl
from pathlib import Path

from burrowspace.faults import CannotStart, why, why_and_cure

# Mozilla's "intermediate" (5.7): TLS 1.2 only with forward secrecy and AEAD; the suites of TLS 1.3 are OpenSSL's own.
_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)


class NoIdentity(CannotStart):
    """The certificate or its key cannot be used; the text says why and what to do."""


def make_context(cert: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and 1.3, HTTP/1.1 by ALPN. `cert`: PEM, the server's certificate first, then the chain. NoIdentity."""
    for path, what, option in (
        (cert, "certificate", "--tls-cert (BURROW_TLS_CERT)"),
        (key, "key", "--tls-key (BURROW_TLS_KEY)"),
    ):
        try:
            text = path.read_bytes()
        except OSError as error:
            cure = f"correct {option}, or let this user read that file"
            raise NoIdentity(f"the {what} {path} cannot be read: {why(error)}; {cure}") from None
        if b"-----BEGIN " not in text:
            said = "is not in PEM form (it has no line -----BEGIN …)"
            raise NoIdentity(f"the {what} {path} {said}; convert it, or correct {option}")
        if what == "key" and b"ENCRYPTED" in text:
            raise NoIdentity(f"the key {path} has a password; store it without one, readable for the server alone")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        context.load_cert_chain(cert, key, password="")  # never asks on the terminal
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            said = f"the key {key} does not belong to the certificate {cert}"
            raise NoIdentity(f"{said}; give the key that it was made with") from None
        raise NoIdentity(f"the certificate {cert} and its key {key} cannot be used: {why_and_cure(error)}") from None
    except OSError as error:
        raise NoIdentity(f"the certificate {cert} and its key {key} cannot be read: {why_and_cure(error)}") from None
    return context
