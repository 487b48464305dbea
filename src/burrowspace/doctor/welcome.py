"""Who answers: a server of ours, something in front, something else; whose clock is right; what is between."""

import asyncio
import email.utils
import re
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from burrowspace import __version__
from burrowspace.client.server.http import Answer, Http, refusal
from burrowspace.client.server.line import ProxyFailed, open_line, place
from burrowspace.client.server.trust import Untrusted
from burrowspace.core import forwarded
from burrowspace.core.findings import Fact, Finding, Verdict, bad, doubtful, good
from burrowspace.core.names import shown
from burrowspace.doctor.endpoint import Endpoint
from burrowspace.faults import why

NEEDED = frozenset(("mailboxes", "nameplates", "spools", "follow"))  # what a sealed transfer asks of a server
SKEW_S = 30.0
_PAGE = re.compile(rb"<title[^>]*>([^<]{1,200})", re.I)
_AWAY = {502: "does not reach the server", 503: "has no server to ask", 504: "gets no answer from the server"}
_MARKS = {
    "cf-ray": "Cloudflare",
    "ngrok-error-code": "ngrok",
    "ngrok-trace-id": "ngrok",
    "x-amz-cf-id": "CloudFront",
    "fly-request-id": "Fly",
}


@dataclass(slots=True)
class Welcome:
    """What `GET /hello` and `GET /doctor` gave; empty where it was no server of ours."""

    finding: Finding
    hello: dict[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    at: float = 0.0  # when the answer was on its way, seconds since 1970 by our clock
    round_trip: float = 0.0
    own: dict[str, Any] = field(default_factory=dict)  # what the server finds about itself

    @property
    def your_ip(self) -> str | None:
        seen = self.hello.get("your_ip")
        return forwarded.plain(seen) if isinstance(seen, str) else None

    @property
    def features(self) -> frozenset[str]:
        said = self.hello.get("features")
        return frozenset(map(str, said[:100])) if isinstance(said, list) else frozenset()


def read(answer: Answer, at: Endpoint) -> tuple[Finding, dict[str, Any]]:
    """Who gave this answer to `GET /hello`. Pure."""
    where, status = at.origin, answer.status
    front = shown(answer.headers.get("server", ""), 40)
    named = f" ({front})" if front else ""
    if "ngrok-error-code" in answer.headers or (b"ngrok" in answer.body[:20_000] and _is_page(answer)):
        todo = "Look at the program of the tunnel on the server's machine: its address may have changed."
        return bad("server", f"A page of the tunnel ngrok answers at {where} ({status}), not the server.", todo), {}
    if status == 511:
        todo = "Open any web page in a browser here and log in to this network."
        return bad("server", "This network wants a login first (a captive portal answers with 511).", todo), {}
    if status in _AWAY or 520 <= status <= 530:
        what = _AWAY.get(status, "does not reach the server")
        todo = "Start the server behind it (`burrow serve`), and check which port the proxy or tunnel hands on to."
        return bad("server", f"What stands in front of the server{named} {what} ({status}).", todo), {}
    if 300 <= status < 400:
        to = shown(answer.headers.get("location", "nowhere"), 120)
        todo = "If that is your server, use that address; if not, this network wants a login first (a captive portal)."
        return bad("server", f"{where} sends us on to {to}.", todo), {}
    if status == 401 or status == 407:
        todo = "Let the proxy in front pass the calls of the server without a login of its own."
        return bad("server", f"What answers at {where}{named} wants a login ({status}).", todo), {}
    try:
        said = answer.json() if status == 200 else None
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict) and isinstance(said.get("server_id"), str):
        return _ours(said), said
    title = _PAGE.search(answer.body[:20_000])
    page = f", its page is titled “{shown(title[1].decode(errors='replace').strip(), 60)}”" if title else ""
    todo = "Check host and port; a network that shows its own page to everybody (a captive portal) wants a login first."
    found = f"Another program answers at {where}{named}, no BurrowSpace server: {status} to /hello{page}."
    return bad("server", found, todo), {}


def _ours(said: dict[str, Any]) -> Finding:
    theirs = shown(str(said.get("version")), 20)
    features = said.get("features")
    missing = sorted(NEEDED - set(map(str, features[:100] if isinstance(features, list) else ())))
    facts: dict[str, Fact] = {"version": theirs, "here": __version__}
    if missing:
        found = f"A BurrowSpace server {theirs} that has no {', '.join(missing)}; here is {__version__}."
        return bad("server", found, "Update the server: sealed transfers need that.", **facts)
    if theirs.split(".")[:2] != __version__.split(".")[:2]:
        found = f"A BurrowSpace server {theirs}; here is {__version__}."
        return doubtful("server", found, "Update the older of the two.", **facts)
    return good("server", f"A BurrowSpace server {theirs}; here is {__version__}.", **facts)


async def no_answer(error: BaseException, at: Endpoint) -> Finding:
    """Why the port is open and nothing sensible comes."""
    if not at.secure and await speaks_tls(at):
        return wants_tls(at)
    if isinstance(error, ProxyFailed):
        return of_proxy("server", str(error))
    if isinstance(error, Untrusted):
        todo = "Look at what ends TLS there; an authority of your own is trusted with --ca FILE."
        return bad("tls", f"The server is not to be trusted: {error}.", todo)
    if isinstance(error, TimeoutError):
        todo = "The server hangs, or the port is another program's: look at its log and at what listens there."
        return bad("server", "The port is open, but no answer comes.", todo)
    words = shown(why(error), 200)
    todo = "Most likely another program has this port; check host and port."
    return bad("server", f"The port is open, but there is no answer of a server: {words}.", todo)


def of_proxy(check: str, sentence: str) -> Finding:
    """What a proxy, or what names one, does wrong; behind the semicolon stands what to do."""
    what, _, todo = sentence.partition("; ")
    return bad(check, f"{what[:1].upper()}{what[1:]}.", f"{todo[:1].upper()}{todo[1:]}.")


def wants_tls(at: Endpoint) -> Finding:
    todo = f"Write its address as https://{at.host}:{at.port}."
    return bad("server", "What listens there speaks TLS, and was asked without.", todo)


async def speaks_tls(at: Endpoint) -> bool:
    """Whether the port does, whatever its certificate says."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    to = place(at.origin)
    try:
        async with asyncio.timeout(1):
            line = await open_line(to, at.proxy, tunnel=True)
            if line.prefix:  # the proxy reads every request, and would answer itself
                line.sock.close()
                return False
            _, writer = await asyncio.open_connection(sock=line.sock, ssl=blind, server_hostname=to.host)
    except (OSError, EOFError):
        return False
    writer.transport.abort()
    return True


async def own_findings(http: Http) -> dict[str, Any]:
    """`GET /doctor`; empty where the server has none yet."""
    try:
        answer = await http.request("GET", "/doctor")
        said = answer.json() if answer.status == 200 else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


async def database(http: Http) -> Finding | None:
    """Whether the server's database works: `GET /status` asks it. None: something else is wrong."""
    try:
        answer = await http.request("GET", "/status")
    except OSError:
        return None
    if answer.status == 200:
        return good("database", "The server's database works.")
    code, sentence = refusal(answer.status, answer.body)
    if code != "unavailable":
        return None
    said = shown(sentence.partition("; ")[0], 200)
    return bad("database", f"{said[:1].upper()}{said[1:]}.", "Its operator finds the cure in the server's log.")


def clock(headers: Mapping[str, str], at: float) -> Finding | None:
    """This machine's clock beside the server's. `at`: ours, when the answer was on its way."""
    try:
        theirs = email.utils.parsedate_to_datetime(headers["date"]).timestamp() + 0.5  # whole seconds, cut off
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    skew = at - theirs
    if abs(skew) <= SKEW_S:
        return good("clock", "This machine's clock and the server's agree.", skew_s=round(skew, 1))
    way = "ahead of" if skew > 0 else "behind"
    found = f"This machine's clock is {_long(abs(skew))} {way} the server's."
    todo = "Set the wrong one of the two right (NTP): certificates, codes and times of expiry go by it."
    return doubtful("clock", found, todo, skew_s=round(skew, 1))


def between(welcome: Welcome, at: Endpoint, own: Collection[str]) -> Finding:
    """What stands between here and the server, as far as it shows itself. `own`: this machine's addresses."""
    headers, seen = welcome.headers, welcome.your_ip
    marks = [name for mark, name in _MARKS.items() if mark in headers]
    marks += [shown(headers[each], 40) for each in ("server", "via") if headers.get(each)]
    who = ", ".join(dict.fromkeys(marks))
    via = welcome.own.get("via")
    said, believed = (
        (via.get("forwarded") is True, via.get("believed") is True) if isinstance(via, dict) else (False,) * 2
    )
    facts: dict[str, Fact] = {"who": who or None, "your_ip": seen, "forwarded": said, "believed": believed}
    if said and not believed:
        found = f"A proxy in front of the server{f' ({who})' if who else ''} says who calls, and the server does not "
        todo = "Name the proxy's address in BURROW_TRUSTED_PROXIES on the server: else all callers count as one."
        return doubtful("between", found + f"believe it: it takes us for {seen}.", todo, **facts)
    if at.proxy is not None:
        found = f"All goes through the proxy {shown(at.proxy.address)} that {at.proxy.named_by} names."
        todo = "That is fine if it is wanted; NO_PROXY names the hosts that need none."
        return doubtful("between", found, todo, **facts)
    if seen in ("127.0.0.1", "::1") and not _is_here(at.host, own):
        found = f"The server takes us for {seen}: a proxy or tunnel on its machine does not say who calls."
        todo = "Let it set X-Forwarded-For, and name its address in BURROW_TRUSTED_PROXIES on the server."
        return doubtful("between", found, todo, **facts)
    if who or said:
        name = f"{who} stands" if who else "A proxy stands"
        return good("between", f"{name} between here and the server, which sees us as {seen}.", **facts)
    if seen is None or seen in own or seen in ("127.0.0.1", "::1"):
        return good("between", "Nothing that shows itself stands between here and the server.", **facts)
    return good("between", f"A NAT or VPN stands between: the server sees us as {seen}.", **facts)


def of_itself(own: Mapping[str, Any], host: str) -> list[Finding]:
    """What the server says of itself, in the words of findings; it may say anything. `host`: the name we call it by."""
    found = []
    space = own.get("space")
    if space in (Verdict.BAD, Verdict.DOUBTFUL):
        todo = "Its operator frees some, or lowers BURROW_DISK_FLOOR_BYTES; direct transfers need none."
        full = "is full: nothing more can rest there" if space == Verdict.BAD else "is nearly full"
        found.append(Finding("space", Verdict(space), f"The server's disk {full}.", todo))
    elif space == Verdict.GOOD:
        found.append(good("space", "The server has room."))
    via = own.get("via")
    if isinstance(via, dict) and via.get("host_known") is False:
        todo = f"Its operator adds {shown(host)} to BURROW_HOSTS; apps and `burrow` work without it."
        found.append(doubtful("host", f"The server refuses browsers that call it {shown(host)}.", todo))
    tunnel = own.get("tunnel")
    if isinstance(tunnel, dict) and tunnel.get("state") == "up":
        found.append(good("tunnel", "The server's tunnel is up."))
    elif isinstance(tunnel, dict) and tunnel.get("state") in ("down", "opening"):
        why = shown(str(tunnel.get("message") or "it is being opened"), 300)
        todo = "Its operator finds more in the server's log; until then only its own network reaches it."
        found.append(doubtful("tunnel", f"The server's tunnel is not up: {why}.", todo))
    stun = own.get("stun")
    if isinstance(stun, dict) and not stun.get("ports") and stun.get("message"):
        why = shown(str(stun["message"]), 200)
        todo = "Free that UDP port or choose another with BURROW_STUN_PORT; others' STUN servers do as well."
        found.append(doubtful("stun-server", f"The server has no STUN of its own: {why}.", todo))
    return found


def _is_page(answer: Answer) -> bool:
    return "html" in answer.headers.get("content-type", "")


def _is_here(host: str, own: Collection[str]) -> bool:
    return host in ("localhost", "127.0.0.1", "::1") or host in own


def _long(seconds: float) -> str:
    """
    >>> _long(45), _long(3600), _long(200_000)
    ('45 s', '60 min', '2 days')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 48 * 3600 else f"{seconds / 86_400:.0f} days"
