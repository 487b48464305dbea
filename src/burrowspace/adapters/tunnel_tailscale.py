"""The Tunnel port on Tailscale Funnel: a steady name below ts.net with a certificate, the program `tailscale`.

It runs in the foreground: tailscaled takes the funnel away when the program ends, however that ends.
"""

import re

from burrowspace.adapters.tunnel_program import PATIENCE_S, Ear, Kind, ProgramTunnel, Refusal

_URL = re.compile(r"(https://[a-z0-9-]+(?:\.[a-z0-9-]+)*\.ts\.net(?::[0-9]{1,5})?)/?\Z")
_ENABLE = re.compile(r"https://login\.tailscale\.com/f/[a-z]+\?node=[A-Za-z0-9]{1,64}\Z")

_REFUSALS = (
    Refusal(
        "Funnel not available",
        "this machine may not use Funnel",
        "an admin allows it; `tailscale funnel 5000` by hand says how",
    ),
    Refusal("already exists under this port", "another funnel of this machine uses port 443", "end that one"),
    Refusal(
        "background configuration already exists",
        "another funnel of this machine uses port 443",
        "`tailscale funnel --https=443 off` ends it",
    ),
    Refusal("Logged out", "this machine is not logged in to Tailscale", "log in with `tailscale up`"),
    Refusal(
        "failed to connect to local",
        "tailscaled does not run on this machine",
        "start it: `systemctl start tailscaled`",
    ),
    Refusal(
        "config denied",
        "this user may not change what tailscaled serves",
        "`sudo tailscale set --operator=$USER` allows it once",
    ),
    Refusal(
        "proxies are currently supported",
        "Funnel only leads to 127.0.0.1, and the server does not listen there",
        "leave out --host, then restart the server",
        final=True,
    ),
)


class _Ear(Ear):
    def __init__(self) -> None:
        self._public = False
        self._enable = ""

    def hears(self, line: str) -> str | None:
        if line in ("Available on the internet:", "Available within your tailnet:"):
            self._public = line.endswith("internet:")
        elif found := _ENABLE.search(line):
            self._enable = found[0]
        found = _URL.fullmatch(line)
        return found[1] if found and self._public else None

    def late(self) -> str:
        return f"was not allowed to (an admin allows it at {self._enable})" if self._enable else super().late()


def tailscale_tunnel(host: str, *, patience_s: float = PATIENCE_S) -> ProgramTunnel:
    def arguments(host: str, port: int) -> list[str]:
        return ["funnel", f"http://{host}:{port}"]

    kind = Kind("tailscale", "get it from https://tailscale.com/download", arguments, _Ear, _REFUSALS)
    return ProgramTunnel(kind, host=host, patience_s=patience_s)
