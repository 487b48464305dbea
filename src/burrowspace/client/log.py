"""The log of the SDK: structlog's, where the program around it uses structlog; else nothing is written.

Importing structlog takes longer than sending a small file, so only who wants the log pays for it.
"""

import sys


class Log:
    """One logger by its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **fields: object) -> None:
        self._say("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._say("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._say("warning", event, fields)

    def _say(self, level: str, event: str, fields: dict[str, object]) -> None:
        get_logger = getattr(sys.modules.get("structlog"), "get_logger", None)
        if get_logger is not None:
            getattr(get_logger(self._name), level)(event, **fields)
