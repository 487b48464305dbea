"""The Beacon port on multicast DNS (RFC 6762, RFC 6763), by python-zeroconf. Spec: docs/spec/lan.md.

Multicast by IPv4 and, where there is any, by IPv6, on every interface or on the one of the address that is listened on.
"""

import asyncio
import contextlib
import ipaddress

import ifaddr
from zeroconf import Error
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from burrowspace.core.nearby import ADDRESSES, SERVICE, Announcement, properties
from burrowspace.core.networks import is_loopback, is_near
from burrowspace.system.multicast import on_every_interface

GOODBYE_S = 0.5  # for each of the two steps of leaving


class MdnsBeacon:
    """One announcement at a time. Proven by tests/server/test_lan.py with real multicast between namespaces."""

    def __init__(self, interface: str | None = None) -> None:
        """`interface`: the address of the one to speak on; None: all."""
        self._interface = interface
        self._speaker: AsyncZeroconf | None = None
        self._info: AsyncServiceInfo | None = None  # what is announced

    async def announce(self, said: Announcement) -> None:
        await self.withdraw()
        addresses = said.addresses if self._interface is not None else _all(said.addresses)
        label = f"BurrowSpace {said.server_id[:12]}"
        info = AsyncServiceInfo(
            SERVICE,
            f"{label}.{SERVICE}",
            port=said.port,
            addresses=[ipaddress.ip_address(at).packed for at in addresses],
            properties=properties(said),
            server=f"burrow-{said.server_id[:12]}.local.",
        )
        try:
            if self._interface is None:
                self._speaker = on_every_interface()
            else:
                self._speaker = AsyncZeroconf(interfaces=[self._interface])
            await self._speaker.async_register_service(info, allow_name_change=True)
            self._info = info
        except (OSError, Error, ValueError, RuntimeError, TimeoutError) as error:
            await self.withdraw()
            raise OSError(f"{type(error).__name__}: {error}") from error

    async def withdraw(self) -> None:
        speaker, self._speaker, info, self._info = self._speaker, None, self._info, None
        if speaker is None:
            return
        with contextlib.suppress(OSError, Error, RuntimeError, TimeoutError):  # its record expires by itself
            async with asyncio.timeout(GOODBYE_S):
                if info is not None:
                    await (await speaker.async_unregister_service(info))
        with contextlib.suppress(OSError, Error, RuntimeError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await speaker.async_close()


def _all(known: tuple[str, ...]) -> list[str]:
    """The known addresses and those of all interfaces, without loopback where there is another."""
    found = dict.fromkeys(known)
    for adapter in ifaddr.get_adapters():
        own = (each.ip if isinstance(each.ip, str) else each.ip[0] for each in adapter.ips)
        found |= dict.fromkeys(at for at in own if is_near(at))
    found = {at.partition("%")[0]: None for at in found}  # a zone means something here only
    outside = [at for at in found if not is_loopback(at)]
    return (outside or list(found))[:ADDRESSES]
