"""Every number of the server in one frozen table. Units stand in the names or beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def same_host(origin: str | None, host: str | None) -> bool:
    """Whether a browser on `origin` may talk to the server it addressed as `host`.

    The guard against a foreign page that opens sockets with its visitor's network position. Programs send no Origin.

    >>> same_host(None, "example.org"), same_host("https://example.org", "example.org")
    (True, True)
    >>> same_host("https://evil.example", "example.org"), same_host("null", "example.org")
    (False, False)
    """
    if origin is None:
        return True
    scheme, slashes, authority = origin.partition("://")
    return bool(slashes) and host is not None and _authority(authority, scheme) == _authority(host, scheme)


def _authority(text: str, scheme: str) -> str:
    """Host and port in small letters, without the port that the scheme implies."""
    default = ":443" if scheme.lower() in ("https", "wss") else ":80"
    return text.lower().removesuffix(default)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a server behaves. Frozen: read once, shared by every session."""

    path: str = "/socket.io/"
    transports: tuple[str, ...] = ("polling", "websocket")
    allow_upgrades: bool = True

    ping_interval_ms: int = 25_000  # silence before the server asks "are you there?"
    ping_timeout_ms: int = 20_000  # how long it waits for the answer
    connect_timeout_ms: int = 45_000  # a connection that joined no namespace by then is closed
    upgrade_timeout_ms: int = 10_000  # from the second connection to its "5"
    body_timeout_ms: int = 30_000  # for the whole body of a polling POST
    close_timeout_ms: int = 2_000  # what a peer has to answer our CLOSE, then the connection is cut

    max_payload: int = 1_000_000  # bytes of one message, one POST body, and all attachments of one packet
    max_attachments: int = 10  # binary attachments of one packet
    attachment_deadline_ms: int = 10_000  # from a packet's header to its last attachment
    max_namespaces: int = 16  # joined by one connection
    max_pending_acks: int = 1_000  # unanswered acknowledgements of one socket
    max_running_handlers: int = 128  # asynchronous handlers at work for one connection; then it is not read

    max_sockets: int = 20_000  # engine sessions of the process
    max_sockets_per_address: int = 1_000
    counted: Callable[[str], str | None] = str  # the name an address is counted under; None: it has no limit
    events_per_second: int = 5_000  # per engine session; over it the session is not read until it may again
    events_burst: int = 10_000

    guests: bool = False  # whether a WebSocket is read little by little until the application trusts its client

    send_budget: int = 1 << 20  # unsent bytes a socket may hold for long
    slow_timeout_ms: int = 30_000  # over the budget that long: dropped

    origin_allowed: Callable[[str | None, str | None], bool] = same_host  # (Origin, Host) of the request
    cors: str | None = None  # Access-Control-Allow-Origin; None echoes an allowed origin, with Vary
    keep_headers: tuple[str, ...] = ()  # request headers, in small letters, to keep as Socket.headers
    read_buffer_init_size: int = 2_048  # bytes each WebSocket starts to read with; it grows with the messages

    @property
    def hard_cap(self) -> int:
        """Unsent bytes at which a socket is dropped at once, so that the process cannot grow."""
        return self.send_budget * 4 + self.max_payload
