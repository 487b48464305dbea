"""Programs as on another system: this Linux without what macOS or Windows lack (`profile/`). On a macOS or a Windows
they run as they are."""

import os
import sys
from pathlib import Path

PROFILE = Path(__file__).with_name("profile")
LINUX = sys.platform == "linux"
SYSTEMS = ["darwin", "win32"] if LINUX else [sys.platform]
LOOPS = [("darwin", ""), ("win32", "proactor"), ("win32", "selector")] if LINUX else [(sys.platform, "")]


def changes(system: str, loop: str = "proactor") -> dict[str, str]:
    """What a program's environment has more, so that it runs as there."""
    if not LINUX:
        return {}
    return {"LACKS": system, "LOOP": loop, "PYTHONPATH": str(PROFILE)}


def as_on(system: str, loop: str = "proactor") -> dict[str, str]:
    """A whole environment."""
    return {**os.environ, **changes(system, loop)}


def under(system: str, loop: str = "proactor") -> tuple[str, ...]:
    """The beginning of a command that runs the rest as there."""
    return () if not LINUX else ("env", *(f"{name}={value}" for name, value in changes(system, loop).items()))
