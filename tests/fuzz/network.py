"""Targets: what comes in from the network beside HTTP, and what a server or a program says to a client of it."""

import asyncio
import ipaddress
import json
import re

from zeroconf import ServiceInfo

from burrowspace.adapters import tunnel_ngrok
from burrowspace.adapters.tunnel_bore import bore_tunnel
from burrowspace.adapters.tunnel_cloudflared import cloudflared_tunnel
from burrowspace.adapters.tunnel_program import LINE_BYTES, tame
from burrowspace.adapters.tunnel_tailscale import tailscale_tunnel
from burrowspace.client import errors
from burrowspace.client.links import nat
from burrowspace.client.server import api, http
from burrowspace.core import ice, nearby, networks, stun, turn
from burrowspace.core.findings import Finding
from burrowspace.doctor import welcome
from burrowspace.doctor.endpoint import Endpoint
from tests.fuzz.target import Target, is_tame, text

ENDPOINT = Endpoint("http://127.0.0.1:5000", "127.0.0.1", 5000, False)
_URL = re.compile(r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?\Z")
_KINDS = (bore_tunnel("127.0.0.1", "bore.pub"), cloudflared_tunnel("127.0.0.1"), tailscale_tunnel("127.0.0.1"))


def announcement(data: bytes) -> object:
    """The TXT record of an mDNS answer, with addresses from the same bytes."""
    addresses = [str(ipaddress.ip_address(data[at : at + 4])) for at in range(0, len(data) - 3, 4)][:12]
    info = ServiceInfo(nearby.SERVICE, f"x.{nearby.SERVICE}", properties=data)
    said = nearby.believe(len(data) * 256 % 70_000, [*addresses, "10.0.0.7"], info.properties)
    if said is None:
        return None
    assert len(said.server_id) <= 64
    assert said.server_id.isalnum()
    assert all(map(networks.is_near, said.addresses))
    assert len(said.addresses) <= nearby.ADDRESSES
    return said.urls()


def stun_message(data: bytes) -> object:
    asked = stun.parse(data)
    assert stun.mapped(data, bytes(12)) is None or data[8:20] == bytes(12)
    if asked is None:
        return None
    for host in ("192.0.2.1", "2001:db8::1"):
        answer = stun.answer(asked, stun.Address(host, 65535))
        assert len(answer) <= stun.MOST_TIMES * len(data), (len(answer), len(data))
        if not asked.unknown:
            assert stun.mapped(answer, asked.transaction) == stun.Address(host, 65535)
    return asked.transaction.hex()


def turn_answer(data: bytes) -> object:
    said = turn.read(data, data[8:20])
    if isinstance(said, turn.Denied):
        assert 0 <= said.code <= 999
        turn.allocate(bytes(12), ice.TurnCredentials("u", "p"), said)
    return said


def uri(data: bytes) -> object:
    found = nat.read(text(data))
    assert found is None or 0 <= found.port <= 65535
    return found


def doctor(data: bytes) -> object:
    """What a server says of itself, as `burrow doctor` reads it: anything at all may stand there."""
    status, _, body = data.partition(b"\n")
    code = int(status[:3]) if status[:3].isdigit() else 200
    headers = {"content-type": "application/json", "server": text(status), "date": text(status), "location": text(body)}
    finding, said = welcome.read(http.Answer(code, headers, body), ENDPOINT)
    findings = [finding]
    try:
        own = json.loads(body)
    except (ValueError, RecursionError):
        own = {}
    own = own if isinstance(own, dict) else {}
    met = welcome.Welcome(finding, said or own, headers, 0.0, 0.0, own)
    clock = welcome.clock(headers, 0.0)
    findings += [
        *welcome.of_itself(own, ENDPOINT.host),
        welcome.between(met, ENDPOINT, ()),
        *([clock] if clock else []),
    ]
    for each in findings:
        _check_finding(each)
    return sorted(met.features)


def _check_finding(finding: Finding) -> None:
    for sentence in (finding.found, finding.todo):
        assert len(sentence) < 2000, sentence
        assert is_tame(sentence), sentence


def tunnel_line(data: bytes) -> object:
    """A line of a tunnel's program becomes a URL only in the one form that its kind has."""
    lines = [tame(each[:LINE_BYTES].decode("utf-8", "replace")) for each in data.split(b"\n")]
    heard = []
    for kind in _KINDS:
        ear = kind._kind.ear()
        for line in lines:
            assert line.isprintable()
            url = ear.hears(line)
            assert url is None or _URL.match(url), url
            heard.append(url)
        assert ear.late().isprintable()
    down = tunnel_ngrok.explain({"refused": data.decode("utf-8", "replace").split("\n")}, "token-of-ngrok")
    assert str(down).isprintable()
    assert "token-of-ngrok" not in str(down)
    return heard


def http_answer(data: bytes) -> object:
    """An answer of a hostile server to a client: read whole, or refused as an error of the connection."""

    async def read() -> object:
        reader = asyncio.StreamReader(limit=http.HEAD_MOST)
        reader.feed_data(data)
        reader.feed_eof()
        answer, _ = await http._answer(reader, "GET")
        http.refusal(answer.status, answer.body)
        assert 0 <= answer.status <= 999
        assert len(answer.body) <= http.BODY_MOST
        return answer.status, len(answer.body)

    return _LOOP.run_until_complete(read())


_LOOP = asyncio.new_event_loop()


def server_answer(data: bytes) -> object:
    """Any JSON as the answer of a server: each call gives what it promises, or says that this is not a server."""

    class Stub:
        async def request(self, *_: object, **__: object) -> http.Answer:
            return http.Answer(200, {}, data)

    server = api.Server("http://127.0.0.1:5000")
    server._http = Stub()  # type: ignore[assignment]
    plate, mailbox = api.Nameplate(7, "t"), "0" * 32
    calls = (
        server.hello,
        lambda: server.post(mailbox, b""),
        lambda: server.news(mailbox, -1),
        server.offer_nameplate,
        lambda: server.claim(7),
        lambda: server.claims(plate, -1, 0.0),
        lambda: server.make_spool(None, "live"),
        lambda: server.spool(mailbox),
    )
    told = []
    for call in calls:
        try:
            told.append(type(_LOOP.run_until_complete(call())).__name__)
        except errors.Unreachable as error:
            told.append(error.code)
    return told


_BROKEN = (OSError, EOFError, asyncio.LimitOverrunError)  # what the callers of the HTTP client expect

TARGETS = (
    Target("mdns", "network", announcement, "mDNS announcements", 1400),
    Target("stun", "network", stun_message, "STUN requests and answers", 1400),
    Target("turn", "network", turn_answer, "TURN answers", 2100),
    Target("uri", "network", uri, "STUN and TURN addresses", 300),
    Target("doctor", "network", doctor, "what `burrow doctor` reads of a server", 8192),
    Target("tunnel", "network", tunnel_line, "the output of tunnel programs", 8192),
    Target("server", "network", server_answer, "JSON answers of a server to a client", 4096),
    Target("answer", "network", http_answer, "HTTP answers to a client", 8192, _BROKEN),
)
