"""How one transfer is to be received."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from burrowspace.client.options import Options
from burrowspace.client.server.api import Server
from burrowspace.client.state.journal import Journal
from burrowspace.core.manifest import Manifest

Accept = Callable[[Manifest, str], Awaitable[bool]]
"""(what is offered, the sender's name) -> whether to take it."""


@dataclass(frozen=True, kw_only=True)
class Receive:
    """`into`: a folder, the new name of a single file, or an open file for one. `by_link`: a sender offers at once.
    `moves`: what has begun elsewhere goes on in `into`."""

    server: Server
    secret: bytes
    journal: Journal
    into: Path | BinaryIO
    overwrite: bool = False
    accept: Accept | None = None
    options: Options = field(default_factory=Options)
    own_name: str = ""
    moves: bool = False
    by_link: bool = False
