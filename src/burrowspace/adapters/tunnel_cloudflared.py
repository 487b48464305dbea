"""The Tunnel port on Cloudflare's quick tunnels: no account, a new name at each start, the program `cloudflared`.

Its log says the name in a box, and later that a connection stands; before that the name leads nowhere.
"""

import os
import re

from burrowspace.adapters.tunnel_program import PATIENCE_S, Ear, Kind, ProgramTunnel, Refusal

_URL = re.compile(r"\|\s+(https://[a-z0-9]+(?:-[a-z0-9]+)*\.trycloudflare\.com)\s+\|\Z")
_STANDS = re.compile(r" INF (Registered tunnel connection|Connection [0-9a-f-]{36} registered) ")
_LATER = "wait some minutes; Cloudflare limits how many quick tunnels it gives"

_WAYS = ("TUNNEL_TRANSPORT_PROTOCOL", "TUNNEL_EDGE_IP_VERSION")  # where UDP or IPv6 does not come through

_REFUSALS = (
    Refusal("429 Too Many Requests", "Cloudflare gives no further quick tunnel at the moment", _LATER),
    Refusal("failed to unmarshal quick Tunnel", "Cloudflare gives no quick tunnel at the moment", _LATER),
    Refusal(
        "failed to request quick Tunnel",
        "Cloudflare cannot be reached from here",
        "check the network, the name service and the firewall (api.trycloudflare.com, TCP port 443)",
    ),
    Refusal(
        "flag provided but not defined",
        "this cloudflared does not know the options it was given",
        "update it, then restart the server",
        final=True,
    ),
)


class _Ear(Ear):
    def __init__(self) -> None:
        self._url: str | None = None

    def hears(self, line: str) -> str | None:
        if self._url is None and (found := _URL.search(line)):
            self._url = found[1]
        return self._url if _STANDS.search(line + " ") else None

    def late(self) -> str:
        return "gave no address" if self._url is None else "has an address but no connection (TCP or UDP port 7844)"


def cloudflared_tunnel(host: str, *, patience_s: float = PATIENCE_S) -> ProgramTunnel:
    """The operator's own configuration is kept out: its rules would answer in our place."""

    def arguments(host: str, port: int) -> list[str]:
        return ["tunnel", "--config", os.devnull, "--no-autoupdate", "--url", f"http://{host}:{port}"]

    get = "get it from https://developers.cloudflare.com/cloudflare-one/connections/connect-networks/downloads/"
    kind = Kind("cloudflared", get, arguments, _Ear, _REFUSALS, inherits=_WAYS)
    return ProgramTunnel(kind, host=host, patience_s=patience_s)
