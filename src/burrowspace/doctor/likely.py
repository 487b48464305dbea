"""The way that a transfer between here and a device elsewhere would take, from what was found. Pure."""

from typing import NamedTuple

from burrowspace.core.findings import Finding, bad, doubtful, good
from burrowspace.core.nat import Mapping, Nat


class Facts(NamedTuple):
    nat: Mapping
    webrtc: bool  # a library for it is installed
    turn: bool  # a TURN server lets us in
    relay: bool  # bodies come through to the server
    proxied: bool  # the environment names a proxy: nothing else is expected to get out
    addresses: bool  # this machine has one that others can connect to


def path(facts: Facts) -> Finding:
    """The best one first, of `tcp`, `punch`, `webrtc`, `turn`, `relay`.

    >>> one = Facts(Mapping(Nat.INDEPENDENT, True), True, False, True, False, True)
    >>> path(one).facts["path"], path(one._replace(nat=Mapping(Nat.DEPENDENT))).facts["path"]
    ('punch', 'relay')
    >>> path(one._replace(nat=Mapping(Nat.NONE, True))).facts["path"], path(one._replace(relay=False)).verdict
    ('tcp', <Verdict.BAD: 'bad'>)
    """
    best, found = _best(facts)
    near = " A device on this very network connects directly (tcp)." if facts.addresses and best != "tcp" else ""
    if not facts.relay:
        found = f"{found}{near} But the server's relay, which stands behind every other way, does not work."
        return bad("path", found, "Mend what is bad above.", path=best)
    if best == "none":
        return bad("path", found + near, "Mend what is bad above.", path=best)
    if best == "relay":
        todo = "It works, at the speed of the server's line; UDP, a kinder NAT or a TURN server would make it better."
        return doubtful("path", found + near, todo, path=best)
    return good("path", found + near, path=best)


def _best(facts: Facts) -> tuple[str, str]:
    kind = facts.nat.kind
    if facts.proxied:
        return "relay", "Only HTTP through a proxy is expected to get out of here: transfers are relayed by the server."
    if kind == Nat.NONE:
        return "tcp", "No NAT was seen: transfers go directly (tcp); what the other end's network refuses is relayed."
    if kind == Nat.INDEPENDENT and facts.nat.keeps_port:
        return "punch", "Transfers go directly through this NAT (punch, then webrtc); else the server relays."
    if kind == Nat.INDEPENDENT and facts.webrtc:
        return "webrtc", "Transfers go directly through this NAT by webrtc; else the server relays."
    if facts.turn and facts.webrtc:
        return "turn", "Direct ways are unlikely from here: transfers go by the TURN server; else the server relays."
    why = {
        Nat.DEPENDENT: "This NAT lets hardly any direct way through",
        Nat.SILENT: "No STUN server answers by UDP",
        Nat.UNKNOWN: "The NAT is not known well enough to count on a direct way",
        Nat.INDEPENDENT: "This NAT changes ports and WebRTC is not installed",
    }[kind]
    return "relay", f"{why}: transfers are relayed by the server."
