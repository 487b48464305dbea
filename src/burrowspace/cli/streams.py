"""The three standard streams, before anything else runs: one that is closed would be taken by the next file that is
opened, and what was meant for a person would be written into it.
"""

import os
import sys

CLOSED: set[int] = set()  # of 0, 1 and 2: those that were closed when the program began
_NAMES = ("stdin", "stdout", "stderr")


def mend() -> None:
    """A closed stream reads as empty and swallows what is written. No stream fails for a character that the locale
    does not have."""
    for number, name in enumerate(_NAMES):
        if getattr(sys, name) is None:
            CLOSED.add(number)
            _occupy(number)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace" if stream is sys.stdout else "backslashreplace")


def _occupy(number: int) -> None:
    handle = os.open(os.devnull, os.O_RDWR)
    if handle != number:
        os.dup2(handle, number, inheritable=True)
        os.close(handle)
    else:
        os.set_inheritable(number, True)
