"""Completion of a code's words in the shell: `7-wal<TAB>`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


def completed(_: "click.Context", __: "click.Parameter", incomplete: str) -> list[str]:
    """For an argument of Click."""
    return complete(incomplete)


def complete(incomplete: str) -> list[str]:
    """What could be meant.

    >>> complete("7-walnu"), complete("7-walnut-orbi"), complete("7-walnut-orbit-oas"), complete("7")
    (['7-walnut-'], ['7-walnut-orbit'], ['7-walnut-orbit-oasis'], [])
    >>> complete("walnu")
    ['walnut']
    """
    from burrowspace.core.words import KNOWN

    head, dash, last = incomplete.rpartition("-")
    found = sorted(word for word in KNOWN if word.startswith(last.lower()))
    if not last or "#" in incomplete or "/" in incomplete or len(found) > 64:
        return []
    if not dash:
        return found if last.isalpha() else []
    return [f"{head}-{word}" + ("-" if head.isdigit() else "") for word in found]
