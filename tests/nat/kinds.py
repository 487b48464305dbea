"""How each router of the lab treats what passes it: one nftables ruleset for each kind.

Names after RFC 3489 section 5, for people know them; in the words of RFC 4787 behind each. A ruleset is filled in with
`wan` (the interface to the outside), `host` (who is behind), `server` and `ports` (the BurrowSpace servers), `proxy`.
"""

from enum import StrEnum


class Kind(StrEnum):
    NONE = "none"  # no NAT: everybody reaches the host
    FULL = "full cone"  # endpoint-independent mapping and filtering
    RESTRICTED = "port-restricted"  # endpoint-independent mapping, address and port-dependent filtering
    SYMMETRIC = "symmetric"  # address and port-dependent mapping and filtering
    NO_UDP = "UDP blocked"
    HTTP_ONLY = "HTTP only"  # TCP to the server's port, and nothing else
    PROXY = "HTTP proxy"  # nothing at all; a forward proxy in between


_MASQUERADE = """
table ip nat {{
  chain post {{ type nat hook postrouting priority srcnat; oifname "{wan}" masquerade{how}; }}
}}
"""
# What was dropped leaves no entry behind: without `input`, a knock from outside would take the port from the host
_GUARD = """
table ip guard {{
  chain input {{ type filter hook input priority filter; iifname "{wan}" ct state new drop; }}
  chain forward {{ type filter hook forward priority filter; iifname "{wan}" ct state new drop; {more} }}
}}
"""
_KEEPS = _MASQUERADE.replace("{how}", "")
_CHANGES = _MASQUERADE.replace("{how}", " fully-random")
_ALL_IN = """
table ip nat {{
  chain pre {{ type nat hook prerouting priority dstnat; iifname "{wan}" dnat to {host}; }}
  chain post {{ type nat hook postrouting priority srcnat; oifname "{wan}" masquerade; }}
}}
"""


def _guard(more: str = "") -> str:
    return _GUARD.replace("{more}", more)


RULES: dict[Kind, str] = {
    Kind.NONE: "",
    Kind.FULL: _ALL_IN,
    Kind.RESTRICTED: _KEEPS + _guard(),
    Kind.SYMMETRIC: _CHANGES + _guard(),
    Kind.NO_UDP: _KEEPS + _guard("meta l4proto udp drop;"),
    Kind.HTTP_ONLY: _KEEPS + _guard("ct state established accept; ip daddr {server} tcp dport {ports} accept; drop;"),
    Kind.PROXY: _guard("drop;"),
}

MADE: dict[Kind, str] = {
    Kind.NONE: "routed, no NAT, no filter",
    Kind.FULL: "`masquerade` (keeps ports), and `dnat` of whatever comes in to the host",
    Kind.RESTRICTED: "`masquerade` (keeps ports), new connections from outside dropped",
    Kind.SYMMETRIC: "`masquerade fully-random` (a new port for each destination), new connections from outside dropped",
    Kind.NO_UDP: "port-restricted, and all UDP dropped",
    Kind.HTTP_ONLY: "port-restricted, and all dropped but TCP to the server's port",
    Kind.PROXY: "nothing is forwarded; tinyproxy on the router, named by `http_proxy` or in the browser's settings",
}
"""For people, in docs/nat.md."""
