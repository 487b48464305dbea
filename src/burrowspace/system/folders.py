"""Where a person's programs keep things on this system."""

import sys
from collections.abc import Mapping
from pathlib import Path

NAME = "burrow"


def state_home(environment: Mapping[str, str]) -> Path:
    """burrow below XDG_STATE_HOME, else ~/.local/state/burrow; on Windows %LOCALAPPDATA%\\burrow.

    >>> state_home({"XDG_STATE_HOME": "/y"}).parts[-2:]
    ('y', 'burrow')
    """
    if (xdg := environment.get("XDG_STATE_HOME")) and Path(xdg).is_absolute():  # the specification ignores others
        return Path(xdg) / NAME
    if sys.platform == "win32":
        from platformdirs.windows import Windows  # late: only there

        return Path(Windows(NAME, appauthor=False).user_state_dir)
    return Path.home() / ".local" / "state" / NAME


def config_home(environment: Mapping[str, str]) -> Path:
    """burrow below XDG_CONFIG_HOME, else ~/.config/burrow; on Windows %APPDATA%\\burrow.

    >>> config_home({"XDG_CONFIG_HOME": "/x"}).parts[-2:]
    ('x', 'burrow')
    """
    if (xdg := environment.get("XDG_CONFIG_HOME")) and Path(xdg).is_absolute():
        return Path(xdg) / NAME
    if sys.platform == "win32":
        from platformdirs.windows import Windows

        return Path(Windows(NAME, appauthor=False, roaming=True).user_config_dir)
    return Path.home() / ".config" / NAME
