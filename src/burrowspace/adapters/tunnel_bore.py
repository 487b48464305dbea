"""The Tunnel port on bore: a port of a public server such as bore.pub, plain TCP, the program `bore`.

It is not encrypted on its way, and the port is another one at each start. A server of one's own may want a secret:
`bore` takes that from BORE_SECRET.
"""

import re

from burrowspace.adapters.tunnel_program import PATIENCE_S, Ear, Kind, ProgramTunnel, Refusal

_REFUSALS = (
    Refusal(
        "could not connect to",
        "the bore server cannot be reached from here",
        "check the network, the name in BORE_SERVER and the firewall (TCP port 7835)",
    ),
    Refusal(
        "server requires authentication",
        "the bore server wants a secret",
        "put it into BORE_SECRET and restart the server",
        final=True,
    ),
    Refusal(
        "invalid secret",
        "the bore server does not take the secret",
        "correct BORE_SECRET and restart the server",
        final=True,
    ),
)


class _Ear(Ear):
    def __init__(self, server: str) -> None:
        self._server = server
        self._listens = re.compile(rf"\blistening at {re.escape(server)}:([0-9]{{1,5}})\Z")

    def hears(self, line: str) -> str | None:
        found = self._listens.search(line)
        if found is None or not 1 <= int(found[1]) <= 65535:
            return None
        return f"http://{self._server}:{int(found[1])}"


def bore_tunnel(host: str, server: str, *, patience_s: float = PATIENCE_S) -> ProgramTunnel:
    """`server`: a host name or an IPv4 address."""

    def arguments(host: str, port: int) -> list[str]:
        return ["local", str(port), "--local-host", host.strip("[]"), "--to", server]

    kind = Kind(
        "bore",
        "get it from https://github.com/ekzhang/bore",
        arguments,
        lambda: _Ear(server),
        _REFUSALS,
        {"RUST_LOG": "info", "NO_COLOR": "1"},
        ("BORE_SECRET",),
    )
    return ProgramTunnel(kind, host=host, patience_s=patience_s)
