"""Rich consoles as this program wants them."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> "Console":
    """Without colours, bold and dim where `NO_COLOR` is set: whoever sets it wants plain text."""
    import rich.console

    plain = bool(os.environ.get("NO_COLOR"))
    return rich.console.Console(stderr=stderr, highlight=False, color_system=None if plain else "auto")
