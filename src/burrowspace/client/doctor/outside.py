"""What UDP sees of the outside: STUN servers, the kind of NAT, a TURN server's yes or no.

Messages: core/stun.py, core/turn.py. Which servers to ask comes from the server's `/hello`: bounded, literal URIs.
"""

import asyncio
import contextlib
import functools
import ipaddress
import re
import secrets
import socket
import ssl
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from burrowspace.core import stun, turn
from burrowspace.core.findings import Fact, Finding, bad, doubtful, good
from burrowspace.core.ice import Pass, is_stun_uri, is_turn_uri
from burrowspace.core.names import shown
from burrowspace.core.nat import Mapping, Nat, Seen, mapping
from burrowspace.core.stun import Address

SERVERS = 8  # that are asked
AGAIN = (0.0, 0.4, 1.0)  # s at which a question is sent; RFC 8489 waits longer than a person would
SECONDS = 2.5
LOOKUP_S = 2.0
_URI = re.compile(r"(stun|turns?):(\[[0-9a-fA-F:.]+\]|[^:?]+)(?::([0-9]+))?(?:\?transport=(udp|tcp))?\Z")


class Uri(NamedTuple):
    scheme: str
    host: str
    port: int
    transport: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Offered(NamedTuple):
    """What a server offers for the way outside."""

    stun: tuple[Uri, ...]
    turn: tuple[tuple[Uri, Pass], ...]


def offered(hello: dict[str, Any]) -> Offered:
    """From `GET /hello`; what cannot be read there was not said."""
    uris: dict[Uri, None] = {}
    relays: dict[tuple[Uri, Pass], None] = {}
    both = hello.get("nat_check")
    for text in both[:2] if isinstance(both, list) else ():
        if isinstance(text, str) and is_stun_uri(text):
            uris |= dict.fromkeys(_read(text))
    said = hello.get("ice_servers")
    for each in said[:16] if isinstance(said, list) else ():
        urls = each.get("urls") if isinstance(each, dict) else ()
        for url in [urls] if isinstance(urls, str) else urls[:16] if isinstance(urls, list) else ():
            if isinstance(url, str) and is_stun_uri(url):
                uris |= dict.fromkeys(_read(url))
            elif isinstance(url, str) and is_turn_uri(url):
                passed = Pass(str(each.get("username", ""))[:512], str(each.get("credential", ""))[:512])
                relays |= dict.fromkeys((uri, passed) for uri in _read(url))
    return Offered(tuple(uris)[:SERVERS], tuple(relays)[:SERVERS])


def _read(uri: str) -> list[Uri]:
    found = _URI.match(uri)
    if found is None:
        return []  # stuns: nobody has one
    scheme, host, port, transport = found.groups()
    default = 5349 if scheme == "turns" else 3478
    return [Uri(scheme, host.strip("[]"), int(port or default), transport or ("tcp" if scheme == "turns" else "udp"))]


class Outside(NamedTuple):
    """`mapping` is of the one socket that asked all."""

    udp: Finding
    nat: Finding
    mapping: Mapping
    mapped: Address | None


async def look(uris: Sequence[Uri], own: Collection[str]) -> Outside:
    """Asks all STUN servers from one socket. `own`: this machine's addresses."""
    if not uris:
        todo = "Give the server STUN servers (BURROW_STUN_SERVERS, BURROW_STUN_PORT)."
        silent = Mapping(Nat.SILENT)
        none = doubtful("udp", "The server offers no STUN server: what UDP can do here is not known.", todo)
        return Outside(none, doubtful("nat", "The kind of NAT is not known.", todo), silent, None)
    known = dict(zip(uris, await asyncio.gather(*map(_address, uris)), strict=True))
    by_server: dict[Address, Uri] = {}
    for uri, place in known.items():
        if place is not None:
            by_server.setdefault(place, uri)
    four = [each for each in by_server if ":" not in each.host]
    asked = four or list(by_server)
    seen, port = await _ask_all(asked) if asked else ([], 0)
    here = {*own, "127.0.0.1", "::1"}
    kind = mapping(seen, here, port)
    quiet = [str(by_server[each]) for each in asked if each not in {one.server for one in seen}]
    quiet += [f"{uri} (no address)" for uri, place in known.items() if place is None]
    beyond = [each.mapped for each in seen if each.mapped.host not in here] or [each.mapped for each in seen]
    return Outside(_of_udp(seen, quiet, bool(asked)), of_nat(kind, beyond), kind, beyond[0] if beyond else None)


def _of_udp(seen: Sequence[Seen], quiet: Sequence[str], any_asked: bool) -> Finding:
    listed = shown(", ".join(quiet[:4]), 160)
    if not seen and not any_asked:
        todo = "Look at this machine's name service (DNS), or at the server's BURROW_STUN_SERVERS."
        return doubtful("udp", f"No STUN server could be asked: {listed}.", todo, answered=0, silent=len(quiet))
    if not seen:
        found = f"UDP is blocked: no STUN server answers ({listed})."
        todo = "Let UDP out of this network's firewall; without it transfers go by TCP directly or through the server."
        return doubtful("udp", found, todo, answered=0, silent=len(quiet))
    said = f"UDP works: {len(seen)} STUN server{'s' if len(seen) > 1 else ''} answered"
    facts = {"answered": len(seen), "silent": len(quiet)}
    return good("udp", said + (f", none of {listed}." if quiet else "."), **facts)


def of_nat(kind: Mapping, seen: Sequence[Address]) -> Finding:
    """The NAT in RFC 4787's words and in plain ones."""
    at = f"{seen[0].host}, port {seen[0].port}" if seen else ""
    facts: dict[str, Fact] = {
        "kind": str(kind.kind),
        "keeps_port": kind.keeps_port,
        "seen_as": seen[0].host if seen else None,
    }
    match kind.kind:
        case Nat.NONE if seen and ipaddress.ip_address(seen[0].host).is_global:
            found = f"This machine has a public address of its own ({at}): direct connections are likely."
            return good("nat", found, **facts)
        case Nat.NONE:
            return good("nat", f"No NAT between here and who answered: this machine is seen as {at}.", **facts)
        case Nat.INDEPENDENT if kind.keeps_port:
            found = f"This network keeps your port (endpoint-independent mapping, {at}): direct connections are likely."
            return good("nat", found, **facts)
        case Nat.INDEPENDENT:
            found = f"This network gives you one port for all ({at}; endpoint-independent mapping): WebRTC connects."
            return good("nat", found, **facts)
        case Nat.DEPENDENT:
            ports = ", ".join(dict.fromkeys(str(each.port) for each in seen))
            found = f"This network gives you another port for each destination ({ports}; endpoint-dependent mapping, "
            todo = "Direct connections need a kinder network at the other end, IPv6 or TURN; else the server relays."
            return doubtful("nat", found + "a symmetric NAT).", todo, **facts)
        case Nat.UNKNOWN:
            todo = "A second STUN server or port tells the kind: BURROW_STUN_PORT and the port after it."
            return doubtful("nat", f"There is a NAT ({at}), and only one server answered: its kind is not known.", todo)
    return doubtful("nat", "The kind of NAT is not known, since no UDP comes through.", "See the line on UDP.", **facts)


async def relay(offers: Iterable[tuple[Uri, Pass]]) -> Finding | None:
    """Whether the first TURN server lets us in; None where none is offered."""
    for uri, passed in offers:
        return await _allocation(uri, passed)
    return None


async def _allocation(uri: Uri, passed: Pass) -> Finding:
    where = f"the TURN server {shown(str(uri), 80)} ({uri.transport.upper()})"
    asked = _Ask(uri)
    try:
        async with asyncio.timeout(2 * SECONDS - 0.5):
            await asked.open()
            said = await asked(turn.allocate)
            if isinstance(said, turn.Denied) and said.code == 401:
                said = await _with_credentials(asked, passed, said)
            return _of_turn(where, said)
    except TimeoutError:
        todo = "Start it, open its port, or correct BURROW_TURN_URLS on the server."
        return bad("turn", f"No answer from {where}.", todo)
    except (OSError, EOFError) as error:
        why = shown(getattr(error, "strerror", None) or str(error) or "the connection is closed", 120)
        return bad("turn", f"{_capital(where)} cannot be reached: {why}.", "Correct BURROW_TURN_URLS.")
    finally:
        asked.close()


async def _with_credentials(asked: "_Ask", passed: Pass, challenge: turn.Denied) -> turn.Allowed | turn.Denied:
    """The answer to what a 401 or an outdated nonce (438) asked for; an allocation is given back."""
    for _ in range(2):
        said = await asked(functools.partial(turn.allocate, passed=passed, asked=challenge))
        if isinstance(said, turn.Allowed):
            with contextlib.suppress(TimeoutError):
                await asked(functools.partial(turn.release, passed=passed, asked=challenge))
        if isinstance(said, turn.Allowed) or said.code != 438:
            return said
        challenge = said
    return challenge


def _of_turn(where: str, said: turn.Allowed | turn.Denied) -> Finding:
    if isinstance(said, turn.Allowed):
        return good("turn", f"{_capital(where)} lets us in and relays.")
    if said.code == 401:
        found = f"{_capital(where)} refuses the credentials (401): the secrets differ, or the clocks."
        todo = "BURROW_TURN_SECRET must be coturn's static-auth-secret (with use-auth-secret), and both clocks right."
        return bad("turn", found, todo, code=401)
    found = f"{_capital(where)} allows no relaying (error {said.code})."
    return bad("turn", found, "Look at its quotas and its log.", code=said.code)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class _Ask:
    """One connection to a TURN server; each question until it is answered. OSError, EOFError."""

    def __init__(self, uri: Uri) -> None:
        self._uri = uri
        self._line: socket.socket | None = None
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> None:
        uri = self._uri
        if uri.transport == "tcp":
            secure = ssl.create_default_context() if uri.scheme == "turns" else None
            self._stream = await asyncio.open_connection(uri.host, uri.port, ssl=secure)
            return
        place = await _address(uri)
        if place is None:
            raise OSError("its name has no address")
        self._line = socket.socket(socket.AF_INET6 if ":" in place.host else socket.AF_INET, socket.SOCK_DGRAM)
        self._line.setblocking(False)
        self._line.connect(place)

    async def __call__(self, make: Callable[[bytes], bytes]) -> turn.Allowed | turn.Denied:
        number = secrets.token_bytes(12)
        message = make(number)
        for wait in (0.5, 1.0, SECONDS):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    return await self._answer(message, number)
        raise TimeoutError

    async def _answer(self, message: bytes, number: bytes) -> turn.Allowed | turn.Denied:
        loop = asyncio.get_running_loop()
        if self._stream is not None:
            self._stream[1].write(message)
        elif self._line is not None:
            await loop.sock_sendall(self._line, message)
        while True:
            if self._stream is not None:
                head = await self._stream[0].readexactly(stun.HEADER)
                data = head + await self._stream[0].readexactly(int.from_bytes(head[2:4]))
            else:
                assert self._line is not None
                data = await loop.sock_recv(self._line, 2048)
            found = turn.read(data, number)
            if found is not None:
                return found

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._stream is not None:
            self._stream[1].transport.abort()


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, asked: dict[bytes, Address]) -> None:
        self._asked = asked
        self.seen: dict[Address, Seen] = {}
        self.all = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[str, int] | tuple[str, int, int, int]) -> None:
        server = self._asked.get(data[8:20])
        found = stun.mapped(data, data[8:20]) if server is not None else None
        if server is not None and found is not None:
            self.seen[server] = Seen(server, found)
            if len(self.seen) == len(self._asked):
                self.all.set()

    def error_received(self, exc: Exception) -> None:
        """An ICMP message: that server is silent."""


async def _ask_all(servers: Sequence[Address]) -> tuple[list[Seen], int]:
    """Who answered within SECONDS, and the local port."""
    loop = asyncio.get_running_loop()
    asked = {secrets.token_bytes(12): each for each in servers}
    six = ":" in servers[0].host
    family, anywhere = (socket.AF_INET6, "::") if six else (socket.AF_INET, "0.0.0.0")  # noqa: S104 asks, and serves nobody
    try:
        transport, answers = await loop.create_datagram_endpoint(
            lambda: _Answers(asked), local_addr=(anywhere, 0), family=family
        )
    except OSError:
        return [], 0
    try:
        port = transport.get_extra_info("sockname")[1]
        began = loop.time()
        for at, until in zip(AGAIN, (*AGAIN[1:], SECONDS), strict=True):
            for number, server in asked.items():
                if server not in answers.seen:
                    transport.sendto(stun.request(number), tuple(server))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(answers.all.wait(), max(until - (loop.time() - began), 0.01))
                break
            if at and len({each.server for each in answers.seen.values()}) > 1:
                break  # two are enough to judge by
        return list(answers.seen.values()), port
    finally:
        transport.close()


async def _address(uri: Uri) -> Address | None:
    """Its first address, IPv4 before IPv6."""
    try:
        async with asyncio.timeout(LOOKUP_S):
            found = await asyncio.get_running_loop().getaddrinfo(uri.host, uri.port, type=socket.SOCK_DGRAM)
    except (OSError, TimeoutError, UnicodeError):
        return None
    ranked = sorted(found, key=lambda each: each[0] != socket.AF_INET)
    return Address(str(ranked[0][4][0]), int(ranked[0][4][1])) if ranked else None
