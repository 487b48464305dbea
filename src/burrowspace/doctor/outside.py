"""What UDP sees of the outside, in words: STUN servers, the kind of NAT. The server's `/hello` says whom to ask."""

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from burrowspace.client.links import nat
from burrowspace.client.links.nat import Uri
from burrowspace.core import nat as kinds
from burrowspace.core.findings import Fact, Finding, doubtful, good
from burrowspace.core.ice import TurnCredentials
from burrowspace.core.names import shown
from burrowspace.core.nat import Nat
from burrowspace.core.stun import Address

SERVERS = 8  # that are asked


class Offered(NamedTuple):
    """What a server offers for the way outside."""

    stun: tuple[Uri, ...]
    turn: tuple[tuple[Uri, TurnCredentials], ...]


def offered(hello: Mapping[str, Any]) -> Offered:
    """From `GET /hello`; what cannot be read there was not said."""
    found: dict[Uri, None] = {}
    relays: dict[tuple[Uri, TurnCredentials], None] = {}
    for text, held in _texts(hello):
        uri = nat.read(text) if isinstance(text, str) else None
        if uri is not None and uri.scheme == "stun":
            found[uri] = None
        elif uri is not None:
            relays[uri, TurnCredentials(str(held.get("username", ""))[:512], str(held.get("credential", ""))[:512])] = (
                None
            )
    return Offered(tuple(found)[:SERVERS], tuple(relays)[:SERVERS])


def _texts(hello: Mapping[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Each URI that is offered, and the RTCIceServer in which it stands."""
    both, said = hello.get("nat_check"), hello.get("ice_servers")
    for text in both[:2] if isinstance(both, list) else ():
        yield text, {}
    for each in said[:16] if isinstance(said, list) else ():
        urls = each.get("urls") if isinstance(each, dict) else None
        for text in [urls] if isinstance(urls, str) else urls[:16] if isinstance(urls, list) else ():
            yield text, each


class UdpFindings(NamedTuple):
    """`mapping` is of the one socket that asked all."""

    udp: Finding
    nat: Finding
    mapping: kinds.Mapping


async def look(uris: Sequence[Uri], own: Collection[str]) -> UdpFindings:
    """Asks all STUN servers. `own`: this machine's addresses."""
    if not uris:
        todo = "Give the server STUN servers (BURROW_STUN_SERVERS, BURROW_STUN_PORT)."
        none = doubtful("udp", "The server offers no STUN server: what UDP can do here is not known.", todo)
        return UdpFindings(none, doubtful("nat", "The kind of NAT is not known.", todo), kinds.Mapping(Nat.SILENT))
    found = await nat.look(uris, own)
    here = {*own, "127.0.0.1", "::1"}
    beyond = [each.mapped for each in found.seen if each.mapped.host not in here]
    return UdpFindings(
        _of_udp(found), of_nat(found.mapping, beyond or [each.mapped for each in found.seen]), found.mapping
    )


def _of_udp(found: nat.Looked) -> Finding:
    quiet = [*map(str, found.silent), *(f"{uri} (no address)" for uri in found.nameless)]
    listed = shown(", ".join(quiet[:4]), 160)
    facts: dict[str, Fact] = {"answered": len(found.seen), "silent": len(quiet)}
    if not found.seen and not found.silent:
        todo = "Look at this machine's name service (DNS), or at the server's BURROW_STUN_SERVERS."
        return doubtful("udp", f"No STUN server could be asked: {listed}.", todo, **facts)
    if not found.seen:
        said = f"UDP is blocked: no STUN server answers ({listed})."
        todo = "Let UDP out of this network's firewall; without it transfers go by TCP directly or through the server."
        return doubtful("udp", said, todo, **facts)
    said = f"UDP works: {len(found.seen)} STUN server{'s' if len(found.seen) > 1 else ''} answered"
    return good("udp", said + (f"; no answer from {listed}." if quiet else "."), **facts)


def of_nat(kind: kinds.Mapping, seen: Sequence[Address]) -> Finding:
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
