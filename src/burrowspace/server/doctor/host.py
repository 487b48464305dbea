"""Checks of the serving machine. Each gives a finding and raises nothing; none changes anything."""

import datetime
import errno
import ipaddress
import os
import shutil
import socket
import ssl
import time
import urllib.request
from collections.abc import Sequence
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from burrowspace.config import Settings
from burrowspace.core.findings import Fact, Finding, Verdict, bad, doubtful, good, of_space
from burrowspace.core.names import shown
from burrowspace.core.sizes import size_shown
from burrowspace.faults import why
from burrowspace.server.doctor.holder import holder
from burrowspace.server.reachability import Reachability
from burrowspace.server.tls.authority import Authority
from burrowspace.server.tls.context import NoIdentity
from burrowspace.system.clock import is_unsynchronised
from burrowspace.system.ports import for_us_alone

TUNNELS = {"cloudflared": "cloudflared", "bore": "bore", "tailscale": "tailscale"}  # kind, program
SOON_DAYS = 14
CALL_S = 2.0
_DAY_S = 86_400


def folder(settings: Settings) -> Finding:
    """Whether the data folder may be written to, and has room above the floor."""
    place = settings.data.resolve()
    at = next(each for each in (place, *place.parents) if each.exists())
    if not at.is_dir() or not os.access(at, os.W_OK | os.X_OK):
        found = f"The data folder {place} may not be written to by this user."
        return bad("folder", found, "Give it to the user that serves, or choose another with --data (BURROW_DATA).")
    free = shutil.disk_usage(at).free
    room = free - settings.disk_floor_bytes
    said = f"{size_shown(free)} free for {place}, of which {size_shown(settings.disk_floor_bytes)} are never used"
    verdict = of_space(room)
    todo = "" if verdict == Verdict.GOOD else "Free some space, choose another disk with --data, or lower the floor."
    if verdict == Verdict.BAD:
        said = f"The disk is full: {said}"
    return Finding("folder", verdict, f"{said} (BURROW_DISK_FLOOR_BYTES).", todo, {"free": free, "room": room})


def port(settings: Settings) -> Finding:
    """Whether the TCP port is free, or who holds it."""
    number = settings.port
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        for_us_alone(probe)
        try:
            probe.bind((settings.host, number))
            probe.listen()
        except OSError as error:
            return _taken(settings, error)
    todo = "Start it with `burrow serve`."
    return good("port", f"Port {number} is free: the server does not run. {todo}", port=number, served=False)


def _taken(settings: Settings, error: OSError) -> Finding:
    number = settings.port
    if error.errno == errno.EADDRINUSE:
        if serves(settings):
            return good("port", f"A BurrowSpace server runs on port {number}.", port=number, served=True)
        who = holder("tcp", number)
        found = f"Port {number} is held by {shown(who) if who else 'another program'}."
        return bad("port", found, "Stop that, or choose another port with --port (BURROW_PORT).", port=number)
    if error.errno == errno.EACCES:
        todo = "Choose a port above 1023 with --port (BURROW_PORT)."
        return bad("port", f"This user may not listen on port {number}.", todo, port=number)
    found = f"Nobody can listen on {settings.host}, port {number}: {why(error)}."
    return bad("port", found, "Correct --host (BURROW_HOST).", port=number)


def own_url(settings: Settings) -> str:
    """Where a server with these settings is reached from this machine."""
    host = settings.host if settings.host not in ("0.0.0.0", "::", "") else "127.0.0.1"  # noqa: S104
    return _url(settings, host)


def _url(settings: Settings, host: str) -> str:
    scheme = "https" if settings.is_secure else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"


def serves(settings: Settings) -> bool:
    """Whether it is one of ours that has the port. Nothing is told to it, so that any certificate will do."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=blind)
    direct = urllib.request.build_opener(*handlers)
    try:
        with direct.open(own_url(settings) + "/status", timeout=CALL_S) as answer:
            return b'"server_id"' in answer.read(64 << 10)
    except (OSError, ValueError):
        return False


def addresses(settings: Settings) -> Finding:
    """Where a phone of this network finds the server."""
    reach = Reachability(settings)
    reach.look()
    urls = [_url(settings, each) for each in reach.addresses]
    if all(ipaddress.ip_address(each).is_loopback for each in reach.addresses if _is_literal(each)):
        todo = "Connect it to a network, or listen on every interface: --host 0.0.0.0 (BURROW_HOST)."
        if settings.host not in ("0.0.0.0", "::", ""):  # noqa: S104
            todo = "Right behind a proxy on this machine; else listen on every interface: --host 0.0.0.0 (BURROW_HOST)."
        return doubtful("addresses", "Only this machine itself reaches the server.", todo)
    listed = ", ".join(urls[:4])
    public = f"; from outside {shown(settings.public_url)}" if settings.public_url else ""
    return good("addresses", f"A phone on this network uses {listed}{public}.", addresses=listed)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def certificate(pem: bytes, now: float, hosts: Sequence[str] = ()) -> Finding:
    """The server's own certificate, PEM: its names, its end, who made it. `hosts`: by which it is called."""
    try:
        held = x509.load_pem_x509_certificate(pem)
    except ValueError:
        return bad("certificate", "The certificate's file holds none in PEM.", "Correct --tls-cert (BURROW_TLS_CERT).")
    try:
        names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns = names.get_values_for_type(x509.DNSName)
        listed = [*dns, *map(str, names.get_values_for_type(x509.IPAddress))]
    except x509.ExtensionNotFound:
        listed = []
    days = (held.not_valid_after_utc.timestamp() - now) / _DAY_S
    end = held.not_valid_after_utc.date().isoformat()
    selfmade = held.issuer == held.subject
    said = f"The certificate{' (self-signed)' if selfmade else ''} is for {shown(', '.join(listed) or 'no name', 200)}"
    facts: dict[str, Fact] = {"ends": end, "self_signed": selfmade, "fingerprint": held.fingerprint(SHA256()).hex(":")}
    if days < 0:
        return bad("certificate", f"{said} and has expired on {end}.", "Renew it.", **facts)
    missing = [each for each in hosts if each not in listed and f"*.{each.partition('.')[2]}" not in listed]
    if missing:
        todo = "Get one with that name in it, or call the server by another."
        return doubtful("certificate", f"{said}, not for {shown(missing[0])}; until {end}.", todo, **facts)
    if days < SOON_DAYS:
        return doubtful("certificate", f"{said}, and ends in {days:.0f} days.", "Renew it.", **facts)
    return good("certificate", f"{said}, until {end}.", **facts)


def tunnels(wanted: str | None) -> Finding:
    """Which programs for tunnels are installed; `wanted` is the kind that the settings name."""
    here = [kind for kind, program in TUNNELS.items() if shutil.which(program)]
    facts: dict[str, Fact] = {"installed": ", ".join(here), "wanted": wanted}
    if wanted in TUNNELS and wanted not in here:
        found = f"The tunnel {wanted} is wanted, and its program {TUNNELS[wanted]} is not installed."
        return bad("tunnel", found, f"Install {TUNNELS[wanted]}, or choose another tunnel.", **facts)
    have = f"installed are {', '.join(here)}" if here else "no program for one is installed"
    return good("tunnel", f"{f'The tunnel {wanted} is wanted' if wanted else 'No tunnel is wanted'}; {have}.", **facts)


def stun(settings: Settings, running: bool) -> Finding:
    """Whether our STUN has its UDP ports. `running`: a server of ours runs, so that they may be its own."""
    first = settings.stun_port
    if not first:
        todo = "Others' STUN servers do as well; BURROW_STUN_PORT=3478 switches it on."
        return doubtful("stun", "The server's own STUN is switched off (BURROW_STUN_PORT is 0).", todo)
    taken = []
    for number in (first, first + 1):
        with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((settings.host, number))
            except OSError:
                taken.append(number)
    if running and len(taken) == 2:
        return good("stun", f"UDP ports {first} and {first + 1} are in use, most likely by our STUN.", port=first)
    if running:
        free = ", ".join(str(each) for each in (first, first + 1) if each not in taken)
        todo = "Restart the server; its log says why it could not have them."
        return doubtful("stun", f"The server runs, but nobody listens on UDP port {free}.", todo, port=first)
    if taken:
        who = holder("udp", taken[0])
        found = f"UDP port {taken[0]} for STUN is held by {shown(who) if who else 'another program'}."
        todo = "Stop that, or choose another with BURROW_STUN_PORT; others' STUN servers do as well."
        return doubtful("stun", found, todo, port=first)
    return good("stun", f"UDP ports {first} and {first + 1} are free for STUN.", port=first)


def clock(settings: Settings, now: float | None = None) -> Finding:
    """Whether somebody keeps the clock right, and whether it has not gone back since the server last wrote."""
    now = time.time() if now is None else now
    shown_now = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    database = settings.data / "burrowspace.db"
    try:
        ahead = database.stat().st_mtime - now
    except OSError:
        ahead = 0.0
    if ahead > 60:
        found = f"It is {shown_now} here, and the server's data was written {ahead:.0f} s later than that."
        return bad("clock", found, "The clock went back: set it right before the server runs (NTP).", ahead_s=ahead)
    if is_unsynchronised():
        todo = "Let NTP keep it right (systemd-timesyncd, chrony): TURN and certificates go by it."
        return doubtful("clock", f"It is {shown_now} here, and nothing keeps this clock right.", todo)
    return good("clock", f"It is {shown_now} here.")


def authority(settings: Settings) -> Finding | None:
    """Whether the authority of our own was made by an older version; None where there is none."""
    held = Authority(settings.data / "tls")
    if settings.tls != "self-signed" or not held.cert.exists():
        return None
    try:
        held.read()
    except NoIdentity as error:
        return bad("authority", f"{error}"[:1].upper() + f"{error}"[1:] + ".", "Start the server to see more.")
    if not held.is_too_mighty:
        return good("authority", "The authority that devices trust can vouch for this server alone.")
    found = "The authority that devices trust was made by an older version and could vouch for more than this server."
    todo = f"Stop the server, remove {held.folder}, start it, open /ca on each device, and remove the old one there."
    return doubtful("authority", found, todo)


def hosts(settings: Settings) -> Finding | None:
    """Whether browsers that come through a proxy find a name that the server knows; None without a proxy."""
    if not settings.trusted_proxies:
        return None
    public = urlsplit(settings.public_url or "").hostname
    known = [*settings.hosts, *([public] if public else [])]
    if known:
        return good("hosts", f"Browsers may call the server {shown(', '.join(known), 200)}.", hosts=", ".join(known))
    found = "A proxy stands in front, and no DNS name is set: the server refuses browsers that come by one."
    todo = "Set BURROW_PUBLIC_URL to the address that people use, or BURROW_HOSTS to its name."
    return doubtful("hosts", found, todo)


def own_certificate(settings: Settings) -> Finding | None:
    """The certificate that the port speaks TLS with, for the names that the settings give; None without TLS."""
    if not settings.is_secure:
        return None
    file = settings.tls_cert or Authority(settings.data / "tls").cert
    public = urlsplit(settings.public_url or "").hostname
    wanted = [*settings.tls_names, *([public] if public else [])]
    try:
        return certificate(file.read_bytes(), time.time(), wanted)
    except OSError as error:
        if settings.tls_cert is None:
            return good("certificate", "The server makes an authority and a certificate of its own when it first runs.")
        todo = "Correct --tls-cert (BURROW_TLS_CERT), or let this user read it."
        return bad("certificate", f"The certificate {file} cannot be read: {why(error)}.", todo)


def look(settings: Settings) -> list[Finding]:
    """All of them. Blocking, for a few seconds at most."""
    first = [folder(settings), port(settings)]
    running = first[1].facts.get("served") is True
    maybe = (own_certificate(settings), authority(settings), hosts(settings))
    own = [each for each in maybe if each is not None]
    return [*first, addresses(settings), *own, tunnels(settings.tunnel_kind), stun(settings, running), clock(settings)]
