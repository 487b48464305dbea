"""Which of a machine's addresses another device most likely reaches. Pure: the interfaces are an argument.

A machine often has several networks: its own, a VPN that holds the default route, bridges for containers and virtual
machines. All addresses are offered, in this order; the first one is shown.
"""

import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_VIRTUAL = re.compile(
    r"(?:tun|tap|wg|utun|ppp|ipsec|zt|tailscale|nordlynx|proton|docker|br-|virbr|lxc|lxd|cni|flannel|cali|podman|vmnet|"
    r"vboxnet|vnet|veth)[0-9a-z_.-]*\Z|.*(?:vpn|tunnel|wireguard|wintun|tap-windows|virtualbox|vmware|hyper-v|"
    r"vethernet|wsl|docker)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Interface:
    """An address of this machine and the name of what has it. An IPv6 link-local address has its zone behind a `%`."""

    name: str
    address: str


def likeliest(interfaces: Iterable[Interface], routed: Collection[str] = ()) -> list[str]:
    """The addresses, best first: those of real networks before VPNs and bridges, IPv4 before IPv6, those with the
    default route (`routed`) before others, link-local ones last. Loopback only where there is nothing else.

    >>> likeliest([Interface("docker0", "172.17.0.1"), Interface("eth0", "192.168.1.7"), Interface("lo", "127.0.0.1")])
    ['192.168.1.7', '172.17.0.1']
    >>> likeliest([Interface("tun0", "10.8.0.2"), Interface("wlan0", "192.168.1.7")], routed=["10.8.0.2"])
    ['192.168.1.7', '10.8.0.2']
    >>> likeliest([Interface("eth0", "fe80::1%eth0"), Interface("eth0", "2001:db8::1")])
    ['2001:db8::1', 'fe80::1%eth0']
    """
    found: dict[str, tuple[bool, bool, bool, bool]] = {}
    loopback: list[str] = []
    for each in interfaces:
        address = ipaddress.ip_address(each.address)
        if address.is_loopback:
            loopback.append(each.address)
            continue
        rank = address.is_link_local, is_virtual(each.name), address.version == 6, each.address not in routed
        found[each.address] = min(rank, found.get(each.address, rank))
    return sorted(found, key=lambda at: found[at]) or sorted(loopback, key=lambda at: ":" in at)[:1]


def is_virtual(name: str) -> bool:
    """Whether an interface of this name is a VPN's or a bridge of this machine, and not a network with other devices.

    >>> [is_virtual(name) for name in ("wg0", "docker0", "br-1a2b3c", "utun3", "vEthernet (WSL)")]
    [True, True, True, True, True]
    >>> [is_virtual(name) for name in ("eth0", "enp3s0", "wlan0", "en0", "br0", "Wi-Fi", "Ethernet 2")]
    [False, False, False, False, False, False, False]
    """
    return _VIRTUAL.match(name) is not None
