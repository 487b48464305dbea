"""Which of a machine's addresses another device most likely reaches. Pure: the interfaces are an argument.

A machine often has several networks: its own, a VPN that holds the default route, bridges for containers and virtual
machines. All addresses are offered, in this order; the first one is shown, and one of each further network.
"""

import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_BRIDGE = re.compile(  # to containers and virtual machines of this one
    r"(?:docker|br-|virbr|lxc|lxd|cni|flannel|cali|podman|vmnet|vboxnet|vnet|veth)[0-9a-z_.-]*\Z|"
    r".*(?:virtualbox|vmware|hyper-v|vethernet|wsl|docker)",
    re.IGNORECASE,
)
_VPN = re.compile(
    r"(?:tun|tap|wg|utun|ppp|ipsec|zt|tailscale|nordlynx|proton)[0-9a-z_.-]*\Z|.*(?:vpn|tunnel|wireguard|wintun|"
    r"tap-windows)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Interface:
    """An address of this machine and the name of what has it. An IPv6 link-local address has its zone behind a `%`."""

    name: str
    address: str


def likeliest(interfaces: Iterable[Interface], routed: Collection[str] = ()) -> list[str]:
    """The addresses, best first: those of real networks before VPNs, and bridges behind both, IPv4 before IPv6, those
    with the default route (`routed`) before others, link-local ones last. Loopback only where there is nothing else.

    >>> likeliest([Interface("docker0", "172.17.0.1"), Interface("eth0", "192.168.1.7"), Interface("lo", "127.0.0.1")])
    ['192.168.1.7', '172.17.0.1']
    >>> likeliest([Interface("tun0", "10.8.0.2"), Interface("wlan0", "192.168.1.7")], routed=["10.8.0.2"])
    ['192.168.1.7', '10.8.0.2']
    >>> likeliest([Interface("eth0", "fe80::1%eth0"), Interface("eth0", "2001:db8::1")])
    ['2001:db8::1', 'fe80::1%eth0']
    """
    found: dict[str, tuple[bool, ...]] = {}
    loopback: list[str] = []
    for each in interfaces:
        address = ipaddress.ip_address(each.address)
        if address.is_loopback:
            loopback.append(each.address)
            continue
        bridge, vpn = is_bridge(each.name), is_vpn(each.name)
        rank = address.is_link_local, bridge, vpn, address.version == 6, each.address not in routed
        found[each.address] = min(rank, found.get(each.address, rank))
    return sorted(found, key=lambda at: found[at]) or sorted(loopback, key=lambda at: ":" in at)[:1]


def networks(interfaces: Iterable[Interface], addresses: Iterable[str]) -> list[str]:
    """Of these addresses the first on each network that other devices may be on.

    >>> own = [Interface("eth0", "192.168.1.7"), Interface("eth0", "fd00::7"), Interface("wg0", "10.8.0.2")]
    >>> networks([*own, Interface("docker0", "172.17.0.1")], ["192.168.1.7", "fd00::7", "10.8.0.2", "172.17.0.1"])
    ['192.168.1.7', '10.8.0.2']
    """
    names = {each.address: each.name for each in interfaces}
    found: dict[str, str] = {}
    for at in addresses:
        name, address = names.get(at, ""), ipaddress.ip_address(at)
        if not is_bridge(name) and not address.is_loopback and not address.is_link_local:
            found.setdefault(name, at)
    return list(found.values())


def is_bridge(name: str) -> bool:
    """Whether only containers and virtual machines of this machine are behind an interface of this name.

    >>> [is_bridge(name) for name in ("docker0", "br-1a2b3c", "vEthernet (WSL)", "br0", "eth0", "wg0")]
    [True, True, True, False, False, False]
    """
    return _BRIDGE.match(name) is not None


def is_vpn(name: str) -> bool:
    """Whether an interface of this name is a VPN's.

    >>> [is_vpn(name) for name in ("wg0", "utun3", "OpenVPN Wintun", "enp3s0", "wlan0", "en0", "Wi-Fi", "Ethernet 2")]
    [True, True, True, False, False, False, False, False]
    """
    return _VPN.match(name) is not None
