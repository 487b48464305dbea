"""What a person has on this machine, and the servers that are spoken to: a Client, as its transfers see it.

Paired devices and the shelf are loaded when somebody asks for them: most transfers need neither.
"""

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from burrowspace.client.errors import Unreachable
from burrowspace.client.server.api import Server
from burrowspace.client.state.folders import Folders
from burrowspace.client.state.root import state_folder
from burrowspace.client.state.spent import Spent

if TYPE_CHECKING:
    from burrowspace.client.state.devices import Devices
    from burrowspace.client.state.shelf import Shelf


class ClientState:
    """`server`, later `origin`: the one that is meant where none is named. `state`: the folder of journals, devices and
    history; by default this person's."""

    def __init__(self, server: str | None = None, *, state: Path | None = None) -> None:
        root = state_folder(os.environ) if state is None else state
        self.origin = server
        self.folders, self.spent = Folders(root), Spent(root)
        self._root = root
        self._servers: dict[str, Server] = {}

    async def close(self) -> None:
        for server in self._servers.values():
            await server.close()
        self._servers.clear()

    def server(self, origin: str | None = None) -> Server:
        """The one at this origin, or the one that is meant. Unreachable: none is named."""
        origin = origin or self.origin
        if origin is None:
            raise Unreachable("no server is named; give --server or set BURROW_SERVER")
        if origin not in self._servers:
            self._servers[origin] = Server(origin)
        return self._servers[origin]

    @property
    def shelf(self) -> "Shelf":
        from burrowspace.client.state.shelf import Shelf

        return Shelf(self._root)

    @property
    def known(self) -> "Devices":
        from burrowspace.client.state.devices import Devices

        return Devices(self._root)


def own_name() -> str:
    """What to call this device to others, unless somebody says otherwise."""
    return socket.gethostname().partition(".")[0][:64] or "a device"
