"""Every setting, read once. Each has its unit in its name or its text; docs/guide/settings.md is made from this table.

Sources, the first wins: the command line, environment variables (`BURROW_…`), the default below.
"""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from burrowspace.core.base_path import base_of
from burrowspace.core.hosts import hosts
from burrowspace.core.ice import GOOGLE, is_stun_uri, is_turn_uri
from burrowspace.faults import why

MiB = 1 << 20
GiB = 1 << 30
DAY_S = 86_400.0

Names = Annotated[tuple[str, ...], NoDecode]  # comma-separated in the environment and on the command line


class Settings(BaseSettings):
    """How this server runs. Sizes are bytes, times are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="BURROW_", extra="ignore", frozen=True, populate_by_name=True)

    host: str = Field("0.0.0.0", description="Address to listen on; 0.0.0.0 is every interface, by IPv4 and IPv6.")  # noqa: S104
    port: int = Field(5000, ge=0, le=65535, description="TCP port for everything; 0 picks a free one.")
    data: Path = Field(Path("data"), description="Folder for the database and the files at rest.")
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL database in place of the file in that folder, such as "
        "postgresql://user:password@db.example.org/burrow; only from the environment. Files at rest stay in the "
        "folder.",
    )
    bus_url: SecretStr | None = Field(
        None,
        description="NATS servers by which servers on one PostgreSQL database find each other, comma-separated, as in "
        "nats://a.example.org,nats://b.example.org; only from the environment.",
    )
    public_url: str | None = Field(
        None,
        description="Address this server has from outside, where there is one. It may have a path: "
        "https://box.example.org/burrow.",
    )
    mdns: bool = Field(
        True, description="Announce the server on the local network, so that `burrow` finds it without an address."
    )
    local_only: bool = Field(
        False,
        description="Give nothing away outside the local network: callers of other addresses are refused, no tunnel is "
        "opened, and Google's STUN servers are not offered.",
    )
    tls_cert: Path | None = Field(
        None, description="Certificate for https, PEM, its chain behind it; with it the port speaks TLS. Needs the key."
    )
    tls_key: Path | None = Field(None, description="Private key of that certificate, PEM, without a password.")
    tls: Literal["off", "self-signed"] = Field(
        "off", description="self-signed: https without a DNS name, by an authority of this server's own."
    )
    tls_names: Names = Field(
        (), description="Further names and addresses for the self-signed certificate, comma-separated."
    )
    hsts: bool = Field(
        False, description="Tell browsers that this DNS name is https for a year; never said with a self-signed one."
    )
    stun_servers: Names = Field(GOOGLE, description="STUN URIs offered to clients, comma-separated; empty for none.")
    stun_port: int = Field(
        3478,
        ge=0,
        le=65534,
        description="UDP port of this server's own STUN, offered beside those above; with the next one, where that is "
        "free, a client finds out the kind of its NAT. 0 for none.",
    )
    stun_host: str | None = Field(
        None,
        description="Name or address by which clients reach those UDP ports, where it is not the one that they call "
        "this server by. Behind a proxy or a tunnel, which pass no UDP on, our STUN is offered only with it; it then "
        "listens on every interface, also if the host above is this machine alone.",
    )
    turn_secret_file: Path | None = Field(
        None, description="File that holds the secret shared with the TURN server (coturn: static-auth-secret)."
    )
    turn_secret: SecretStr | None = Field(
        None, validate_default=True, description="That secret itself; only from the environment."
    )
    turn_urls: Names = Field(
        (), description="TURN URIs offered to clients, comma-separated, such as turn:turn.example.org:3478."
    )
    turn_ttl_s: int = Field(3600, ge=60, description="Seconds that credentials for the TURN server hold.")
    max_turn_per_minute: int = Field(
        60,
        ge=1,
        description="Most credentials for the TURN server a minute to one address; then it gets none.",
    )
    trusted_proxies: Names = Field(
        (),
        description="Addresses and networks of reverse proxies whose X-Forwarded-For, X-Forwarded-Host and Forwarded "
        "are believed, comma-separated, such as 127.0.0.1,10.0.0.0/8.",
    )
    hosts: Names = Field(
        (),
        description="DNS names that browsers may call this server by, comma-separated, such as files.example.org; "
        "* for any. IP addresses, localhost, this machine's own name, .local names, the public URL, the tunnel's name "
        "and the names in the certificate always work.",
    )
    cors_origins: Names = Field(
        (),
        description="Further web origins that may call the API and open sockets, comma-separated, such as "
        "https://app.example.org; * for all. This host and the public URL always may, and "
        "localhost where the server has no public address.",
    )
    use_ngrok: bool = Field(
        False,
        validation_alias=AliasChoices("use_ngrok", "USE_NGROK"),
        description="Open a public URL through ngrok, as --tunnel ngrok does.",
    )
    tunnel: Literal["ngrok", "cloudflared", "bore", "tailscale"] | None = Field(
        None,
        description="Open a public URL through this service: ngrok needs a token, the others a program of that name.",
    )
    bore_server: str = Field(
        "bore.pub",
        validation_alias=AliasChoices("bore_server", "BORE_SERVER"),
        max_length=253,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$",
        description="Server for the tunnel bore; a secret for it only from the environment (BORE_SECRET).",
    )
    ngrok_authtoken: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("ngrok_authtoken", "NGROK_AUTHTOKEN"),
        description="Token for ngrok; only from the environment.",
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="Log for people (console) or machines (json); auto looks at whether it is a terminal."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe line logged.")

    max_file_bytes: int = Field(1 << 40, ge=1, description="Largest file taken for storage, bytes.")
    disk_floor_bytes: int = Field(GiB // 4, ge=0, description="Free disk space that is never used, bytes.")
    address_quota_bytes: int | None = Field(
        None,
        ge=1,
        description="Most bytes kept for the uploads from one address; none: half of the disk space that is free at "
        "the start, what is kept already included. Loopback is not counted.",
    )
    user_quota_bytes: int | None = Field(
        None,
        ge=1,
        description="Most bytes kept for the uploads of one user, whose name anyone may say; none: no such bound.",
    )
    total_quota_bytes: int | None = Field(
        None,
        ge=1,
        description="Most bytes kept for all uploads; none: nine tenths of the disk space that is free at the start, "
        "what is kept already included.",
    )
    unfinished_days: float = Field(1, gt=0, description="Days that an unfinished upload waits to be resumed.")
    live_window_bytes: int = Field(
        16 * MiB, ge=64 * 1024, description="Most bytes that a live sender may be ahead of its slowest receiver."
    )
    follow_wait_s: float = Field(60, gt=0, description="Seconds that a follower waits for a sender that has paused.")
    stall_s: float = Field(30, gt=0, description="Seconds without progress until a transfer of bytes is closed.")
    min_bytes_per_s: int = Field(
        1024, ge=0, description="Slowest rate of a transfer of bytes, on average over the seconds above."
    )
    connections_per_address: int = Field(
        1000,
        ge=1,
        description="Most connections from one address at once; loopback and trusted proxies are not counted.",
    )
    bulk_threads: int = Field(
        2, ge=0, le=64, description="Threads that let the kernel move bytes; 0 moves them through Python, as for TLS."
    )
    relay_rest_bytes: int = Field(
        256 * MiB, ge=0, description="Most bytes of relay chunks resting for one absent receiver in one session."
    )
    relay_rest_address_bytes: int = Field(
        GiB, ge=0, description="Most bytes of relay chunks resting that came from one address; loopback is not counted."
    )
    relay_rest_total_bytes: int = Field(
        4 * GiB, ge=0, description="Most bytes of relay chunks resting on this server in all."
    )
    mailbox_days: float = Field(7, gt=0, description="Days from its last message until a mailbox expires.")
    max_mailboxes: int = Field(100_000, ge=1, description="Most mailboxes at once.")
    max_mailboxes_per_address: int = Field(
        1000, ge=1, description="Most mailboxes made from one address; loopback is not counted."
    )
    max_mailbox_messages: int = Field(1024, ge=1, description="Most messages in one mailbox.")
    max_mailbox_bytes: int = Field(4 * MiB, ge=64 * 1024, description="Most bytes of messages in one mailbox.")
    max_mailbox_bytes_per_address: int = Field(
        64 * MiB,
        ge=64 * 1024,
        description="Most bytes of messages in the mailboxes made from one address; loopback is not counted.",
    )
    max_mailbox_total_bytes: int = Field(GiB, ge=64 * 1024, description="Most bytes of messages in all mailboxes.")
    max_posts_per_minute: int = Field(
        1200, ge=1, description="Most messages a minute from one address into mailboxes; loopback is not counted."
    )
    max_waits: int = Field(10_000, ge=1, description="Most calls that wait for a message or a claim at once.")
    max_waits_per_address: int = Field(
        200, ge=1, description="Most of those from one address; loopback is not counted."
    )
    nameplate_s: float = Field(3600, gt=0, description="Seconds until the number of a code may no longer be claimed.")
    max_nameplates_per_address: int = Field(
        100, ge=1, description="Most numbers of codes held from one address; loopback is not counted."
    )
    max_nameplate_claims: int = Field(
        128, ge=1, description="Most claims of one number at once; one counts for a minute."
    )
    max_nameplate_claims_per_address: int = Field(
        16, ge=1, description="Most of those from one address; loopback is not counted."
    )
    max_claims_per_minute: int = Field(
        30,
        ge=1,
        description="Most claims a minute from one address, of numbers that are there or not; ten times as many "
        "from loopback.",
    )
    show_devices: bool = Field(True, description="Show devices of one network to each other, if they ask for it.")
    nearby: bool | None = Field(
        None, description="Older name of the setting above. Use that one: `burrow` takes this one for its own."
    )
    max_nearby: int = Field(200, ge=1, description="Most devices of one network that show themselves.")
    max_nearby_per_address: int = Field(
        20, ge=1, description="Most of those from one address of the server's own network; loopback is not counted."
    )
    max_knocks_per_minute: int = Field(
        30, ge=1, description="Most knocks a minute from one device; ten times as many from one address."
    )
    store_hours: float = Field(168, gt=0, description="Hours until a spool of sealed bytes expires.")
    untouched_s: float = Field(
        300, gt=0, description="Seconds until a spool of sealed bytes is dropped to which nothing was written."
    )
    max_spools: int = Field(100_000, ge=1, description="Most spools of sealed bytes at once.")
    max_spools_per_address: int = Field(
        1000, ge=1, description="Most of those made from one address; loopback is not counted."
    )
    request_days: float = Field(7, gt=0, description="Days until an unanswered request expires.")
    transfer_days: float = Field(7, gt=0, description="Days until a transfer and its stored file expire.")
    peer_days: float = Field(60, gt=0, description="Days until a silent peer is forgotten.")
    silence_s: float = Field(60, gt=0, description="Seconds without a sign of life until a peer is offline.")
    sweep_s: float = Field(2, gt=0, description="Seconds between two looks for silent peers.")

    max_peers: int = Field(200_000, ge=1, description="Most peers remembered.")
    max_user_peers: int = Field(
        100, ge=1, description="Most peers remembered of one user; then the longest silent goes, if silent for an hour."
    )
    max_peers_per_address: int = Field(
        5000,
        ge=1,
        description="Most peers remembered that connected from one address; then its own silent ones go. Loopback is "
        "not counted.",
    )
    unused_peer_s: float = Field(
        600, gt=0, description="Seconds until a peer is forgotten that never registered a socket or sent a heartbeat."
    )
    max_connects_per_minute: int = Field(
        600, ge=1, description="Most new peers a minute from one address; loopback is not counted."
    )
    max_pending: int = Field(
        1000,
        ge=1,
        description="Most unanswered requests to one user, and from one user; half of them from one address.",
    )
    max_pending_per_address: int = Field(
        1000, ge=1, description="Most unanswered requests made from one address; loopback is not counted."
    )
    max_requests_per_address: int = Field(
        20_000,
        ge=1,
        description="Most requests remembered that came from one address, answered or not; loopback is not counted.",
    )
    max_requests_per_minute: int = Field(
        300, ge=1, description="Most requests a minute from one address; loopback is not counted."
    )
    max_relays_per_address: int = Field(
        5000, ge=1, description="Most relay sessions opened by peers of one address; loopback is not counted."
    )
    max_writes_per_minute: int = Field(
        6000,
        ge=1,
        description="Most other calls and events a minute from one address that change something, heartbeats included; "
        "loopback is not counted.",
    )
    max_json_bytes: int = Field(64 * 1024, ge=1024, description="Largest JSON body, bytes.")
    max_sockets: int = Field(15_000, ge=1, description="Most sockets at once.")
    max_sockets_per_address: int = Field(
        500, ge=1, description="Most sockets from one address at once; loopback is not counted."
    )
    max_payload_bytes: int = Field(1_000_000, ge=1024, description="Largest Socket.IO packet, attachments included.")
    ping_interval_ms: int = Field(25_000, ge=100, description="Milliseconds between heartbeats on a socket.")
    ping_timeout_ms: int = Field(20_000, ge=100, description="Milliseconds a client has to answer one.")
    events_per_second: int = Field(5000, ge=1, description="Events a socket may send per second before it has to wait.")
    send_budget_bytes: int = Field(MiB, ge=64 * 1024, description="Unsent bytes of a socket before its feeder waits.")
    slow_socket_s: float = Field(30, gt=0, description="Seconds over that budget until the slow socket is dropped.")
    drain_s: float = Field(
        0,
        ge=0,
        le=3600,
        description="Seconds between being told to stop and stopping, for a server behind a balancer: /readyz says 503 "
        "at once, and in the second half sockets are closed a few at a time.",
    )
    grace_s: float = Field(7, ge=0, le=9, description="Seconds that running requests get to end when told to stop.")

    @model_validator(mode="after")
    def _older_name(self) -> Self:
        if self.nearby is not None and "show_devices" not in self.model_fields_set:
            object.__setattr__(self, "show_devices", self.nearby)
        return self

    @property
    def tunnel_kind(self) -> str | None:
        """The tunnel that is wanted; USE_NGROK is the older way to say ngrok."""
        return self.tunnel or ("ngrok" if self.use_ngrok else None)

    @field_validator(
        "stun_servers", "turn_urls", "trusted_proxies", "hosts", "cors_origins", "tls_names", mode="before"
    )
    @classmethod
    def _split(cls, given: object) -> object:
        return tuple(part.strip() for part in given.split(",") if part.strip()) if isinstance(given, str) else given

    @field_validator("tls_names")
    @classmethod
    def _names(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        hosts(given)
        return given

    @field_validator("hosts")
    @classmethod
    def _hosts(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        hosts(each for each in given if each != "*")
        return tuple(each.lower() for each in given)

    @model_validator(mode="after")
    def _tls(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("--tls-cert (BURROW_TLS_CERT) and --tls-key (BURROW_TLS_KEY) go together; give both")
        if self.tls_cert is not None and self.tls != "off":
            raise ValueError("--tls self-signed (BURROW_TLS) makes a certificate of its own; leave out --tls-cert")
        return self

    @property
    def is_secure(self) -> bool:
        """Whether the port speaks TLS."""
        return self.tls_cert is not None or self.tls != "off"

    @field_validator("stun_servers")
    @classmethod
    def _stun(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for uri in given:
            if not is_stun_uri(uri):
                raise ValueError(f"{uri!r} is no STUN URI; write it as stun:host:port")
        return given

    @field_validator("stun_host")
    @classmethod
    def _host(cls, given: str | None) -> str | None:
        if given is not None and ":" in given and not given.startswith("["):
            given = f"[{given}]"
        if given is not None and not is_stun_uri(f"stun:{given}:1"):
            raise ValueError(f"{given!r} is no name or address of a host")
        return given

    @field_validator("turn_secret_file")
    @classmethod
    def _readable(cls, given: Path | None) -> Path | None:
        if given is not None:
            _secret_in(given)
        return given

    @field_validator("database_url")
    @classmethod
    def _database(cls, given: SecretStr | None) -> SecretStr | None:
        if given is not None and not given.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("cannot be read; it looks like postgresql://user:password@host:5432/name")
        return given

    @field_validator("bus_url")
    @classmethod
    def _bus(cls, given: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if given is not None and not all(url.startswith(("nats://", "tls://")) for url in _bus_urls(given)):
            raise ValueError("cannot be read; it looks like nats://a.example.org:4222,nats://b.example.org:4222")
        if given is not None and "database_url" in others.data and others.data["database_url"] is None:
            raise ValueError("needs a database that the servers share; name it in BURROW_DATABASE_URL")
        return given

    @property
    def bus_urls(self) -> list[str]:
        """The NATS servers; none where this server is alone."""
        return [] if self.bus_url is None else _bus_urls(self.bus_url)

    @field_validator("turn_secret")
    @classmethod
    def _secret(cls, given: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        file = others.data.get("turn_secret_file")
        if given is None and file is not None:
            return SecretStr(_secret_in(file))
        if given is not None and len(given.get_secret_value()) < 16:
            raise ValueError("should have 16 characters or more; `openssl rand -hex 32` makes one")
        return given

    @field_validator("turn_urls")
    @classmethod
    def _turn(cls, given: tuple[str, ...], others: ValidationInfo) -> tuple[str, ...]:
        for uri in given:
            if not is_turn_uri(uri):
                raise ValueError(f"{uri!r} is no TURN URI; write it as turn:host:port")
        if given and "turn_secret" in others.data and others.data["turn_secret"] is None:
            raise ValueError("needs the secret of the TURN server in BURROW_TURN_SECRET or BURROW_TURN_SECRET_FILE")
        return given

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for network in given:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise ValueError(f"{network!r} is no address or network; write it as 10.0.0.0/8") from None
        return given

    @field_validator("cors_origins", "public_url")
    @classmethod
    def _origin(cls, given: tuple[str, ...] | str | None) -> tuple[str, ...] | str | None:
        for origin in (given,) if isinstance(given, str) else given or ():
            if origin != "*" and not origin.startswith(("http://", "https://")):
                raise ValueError(f"{origin!r} is no web address; it starts with http:// or https://")
        if isinstance(given, str):
            given = given.rstrip("/")
            if base_of(given) is None:
                raise ValueError(
                    f"{given!r} has a path that cannot be used; write it as https://box.example.org/burrow"
                )
            return given
        return tuple(origin.rstrip("/") for origin in given) if given else given

    @model_validator(mode="after")
    def _local(self) -> "Settings":
        if self.local_only and self.tunnel_kind is not None:
            raise ValueError(f"--local-only and the tunnel {self.tunnel_kind} contradict each other; leave out one")
        if self.local_only:
            kept = tuple(uri for uri in self.stun_servers if uri not in GOOGLE)
            object.__setattr__(self, "stun_servers", kept)
        return self

    @field_validator("use_ngrok", mode="before")
    @classmethod
    def _truth(cls, given: object) -> object:
        """The published server took `True`, `1` and `t` in any case, and anything else as no."""
        return given.strip().lower() in {"true", "1", "t", "yes", "y", "on"} if isinstance(given, str) else given


def _bus_urls(given: SecretStr) -> list[str]:
    return [part.strip() for part in given.get_secret_value().split(",")]


def _secret_in(file: Path) -> str:
    """The first line of a file. ValueError, without a word of what is in it."""
    try:
        with file.open(encoding="utf-8") as opened:
            secret = opened.readline(1024).strip()
    except (OSError, UnicodeDecodeError) as error:
        said = why(error) if isinstance(error, OSError) else "it is no text"
        raise ValueError(f"{str(file)!r} cannot be read: {said}") from None
    if len(secret) < 16:
        raise ValueError(f"{str(file)!r} should hold 16 characters or more; `openssl rand -hex 32` makes them")
    return secret
