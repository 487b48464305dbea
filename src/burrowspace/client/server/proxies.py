"""The proxy that this machine wants for a server: of the environment, and on macOS and Windows of the system.

The rules are core/proxies.py's. This adds what only this process knows: which networks the machine is on, and which
servers were found on one or started here.
"""

import ipaddress
import os
import sys
from collections.abc import Mapping
from dataclasses import replace

from burrowspace.core.proxies import Proxy, proxy_for

_SYSTEM = sys.platform in ("darwin", "win32")  # where a person sets proxies elsewhere, too
_near: set[str] = set()  # hosts that are reached without a proxy, whatever the environment says


def go_direct(host: str) -> None:
    """From now on no proxy is used for this host: it was found on the local network, or it is this machine."""
    _near.add(host)


def proxy_of(scheme: str, host: str, port: int | None = None) -> Proxy | None:
    """What lies on the way to `host` by `scheme`, if anything does. BadProxy: what names it cannot be read."""
    environment: Mapping[str, str] = os.environ
    port = port or (443 if scheme == "https" else 80)
    named = any(name.lower().endswith("_proxy") for name in environment)
    if host in _near or not (named or _SYSTEM):
        return None
    if _SYSTEM and not named:
        from urllib.request import getproxies, proxy_bypass  # late: HTTP, mail and temporary files come with it

        if proxy_bypass(host):
            return None
        known = getproxies()
        known["all"] = known.get("all") or known.get("socks") or ""
        environment = {f"{kind}_proxy": url for kind, url in known.items()}
        found = proxy_for(scheme, host, port, environment, _is_here)
        return None if found is None else replace(found, named_by="the system settings")
    return proxy_for(scheme, host, port, environment, _is_here)


def _is_here(address: str) -> bool:
    """Whether an address is on a network of this machine's interfaces."""
    import ifaddr  # late: takes as long as half a transfer to import, and only a private address is asked about

    wanted = ipaddress.ip_address(address)
    for adapter in ifaddr.get_adapters():
        for each in adapter.ips:
            own = each.ip if isinstance(each.ip, str) else each.ip[0]
            if wanted in ipaddress.ip_network(f"{own}/{each.network_prefix}", strict=False):
                return True
    return False
