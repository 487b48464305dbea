"""Files whose names begin with a dash: they look like options, so the person is told how to write them."""

import os

import click


class TakesPaths(click.Command):
    """A command whose arguments are paths."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = args[: args.index("--")] if "--" in args else list(args)
        files = [each for each in options if is_dashed_file(each)]
        for each in files:
            if len(each) > 2 and not each.startswith("--"):
                raise click.UsageError(_hint(each), ctx)  # -t.txt would be the text ".txt"
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if not files:
                raise
            raise click.UsageError(f"{error.format_message().rstrip('.')}. {_hint(files[0])}", ctx) from None


def is_dashed_file(word: str) -> bool:
    """Whether a word of the command line looks like an option and is also the name of something that lies here."""
    return word.startswith("-") and len(word) > 1 and os.path.lexists(word)


def _hint(name: str) -> str:
    from burrowspace.core.names import shown

    return f"If you mean the file {shown(name)}, write ./{shown(name)}, or put -- before it."
