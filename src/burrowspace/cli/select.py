"""WHICH of several transfers: the beginning of an id, or of a name; without it the only one, or a list of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import click

from burrowspace.cli.exits import Exit, Usage

SHOWN = 8  # digits of an id in a list


class Named(Protocol):
    @property
    def transfer(self) -> str: ...

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


def fitting(found: Iterable[T], which: str | None, what: str, command: str) -> list[T]:
    """Those that begin with `which`; all of them without it. Usage: none does."""
    fits = [each for each in found if which is None or each.transfer.startswith(which) or each.name.startswith(which)]
    if which is not None and not fits:
        raise Usage(f"{what} begins with {which}; `{command}` lists what there is")
    return fits


def only(fits: Sequence[T], which: str | None, nothing: str, listed: Callable[[T], str], hint: str) -> T:
    """The only one; else says what there is, and leaves by click's Exit."""
    if not fits:
        click.echo(nothing, err=True)
        raise click.exceptions.Exit(Exit.DONE)
    if len(fits) > 1:
        for each in fits:
            click.echo(listed(each))
        click.echo(f"\n{hint}", err=True)
        raise click.exceptions.Exit(Exit.USAGE)  # nothing was done
    return fits[0]
