r"""Paths of more than 260 characters: Windows takes them with `\\?\` in front, whatever its settings say.

Behind that prefix it changes nothing: no `/`, no `.` and `..`, no spaces and dots that go. So a path is made whole
here, by its text alone. Other systems take long paths as they are.
"""

import ntpath
import os
import sys

_MOST = 240  # characters up to which a path needs no prefix; folders may have 247, files 259
_PREFIX = "\\\\?\\"


if sys.platform == "win32":

    def reaching(path: str, beyond: int = 0) -> str:
        """The path as the system takes it, also with `beyond` characters behind it."""
        if len(path) + beyond < _MOST and ntpath.isabs(path):
            return path
        whole = ntpath.join(os.getcwd(), path)  # noqa: PTH109  # as text
        return prefixed(whole) if len(whole) + beyond >= _MOST else path
else:

    def reaching(path: str, beyond: int = 0) -> str:
        """The path as the system takes it, also with `beyond` characters behind it."""
        return path


def prefixed(whole: str) -> str:
    r"""An absolute path with the prefix; one that has it stays.

    >>> print(prefixed("C:/here/../there/a. "), prefixed("\\\\host\\share\\a"), prefixed("\\\\?\\C:\\a"))
    \\?\C:\there\a.  \\?\UNC\host\share\a \\?\C:\a
    """
    if whole.startswith((_PREFIX, "\\\\.\\")):
        return whole
    plain = ntpath.normpath(whole)
    return f"{_PREFIX}UNC\\{plain[2:]}" if plain.startswith("\\\\") else _PREFIX + plain


BEYOND = 1024  # more than any path that is received has below its folder
