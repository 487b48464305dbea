"""Runs a command that takes a while: its loop, Ctrl-C, and how its end becomes a sentence and an exit code."""

import asyncio
import contextlib
import logging
import os
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import click

from burrowspace.cli.exits import Exit, exit_of, said
from burrowspace.cli.loop import Loop
from burrowspace.system.stopping import stop_calls

if TYPE_CHECKING:
    from burrowspace.cli.reporters import Reporter
    from burrowspace.client.events import Event


class Runs(Protocol):
    """What the SDK gives for a transfer."""

    def __aiter__(self) -> "AsyncIterator[Event]": ...

    async def close(self) -> None: ...


class Runner:
    """What a command needs to end well. It sets `reporter` when it has one."""

    def __init__(self, *, json: bool = False, goes_on: str = "the same command goes on where it was") -> None:
        self.json, self.goes_on = json, goes_on
        self.reporter: Reporter | None = None
        self.interrupted = False

    def say(self, text: str, style: str = "") -> None:
        if self.reporter is not None:
            self.reporter.say(text, style)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.reporter is not None:
            self.reporter.close()

    async def follow(self, runs: Runs, on: "Callable[[Event], bool]" = lambda event: True) -> Exit:
        """Tells every event that `on` does not keep to itself, to the end."""
        from burrowspace.client.events import Finished

        assert self.reporter is not None
        code = Exit.ERROR
        try:
            async for event in runs:
                if on(event):
                    self.reporter.heard(event)
                if isinstance(event, Finished):
                    code = Exit.DONE if event.verified or event.resting else Exit.NOT_VERIFIED
                    if event.incomplete:
                        code = Exit.INCOMPLETE
        finally:
            await runs.close()
        return code


def perform(runner: Runner, work: Callable[[Runner], Coroutine[Any, Any, Exit]]) -> NoReturn:
    """Runs `work` to its end, whatever that is; leaves by click's Exit."""
    _hush()
    code = Exit.ERROR
    try:
        with asyncio.Runner(loop_factory=Loop) as loop_runner:
            code = loop_runner.run(_interruptible(runner, work))
    except BaseException as error:
        code = _failed(runner, error)
    raise click.exceptions.Exit(code) from None


def fail(error: Exception, *, json: bool = False) -> NoReturn:
    """The end of a command that did not even begin."""
    raise click.exceptions.Exit(_failed(Runner(json=json), error)) from None


async def _interruptible(runner: Runner, work: Callable[[Runner], Coroutine[Any, Any, Exit]]) -> Exit:
    task = asyncio.create_task(work(runner))

    def interrupt() -> None:
        runner.close()
        if runner.interrupted:
            os._exit(Exit.INTERRUPTED)  # asked twice: no more waiting
        runner.interrupted = True
        runner.say(f"Stopped; {runner.goes_on}." if runner.goes_on else "Stopped.", "yellow")
        task.cancel()

    try:
        with stop_calls(interrupt):
            return await task
    except asyncio.CancelledError:
        return Exit.INTERRUPTED
    finally:
        runner.close()


def _failed(runner: Runner, error: BaseException) -> Exit:
    runner.close()
    if isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
        return Exit.INTERRUPTED
    if isinstance(error, BrokenPipeError):  # whoever read our output left
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.ERROR
    code = exit_of(error)
    sentence, advice = said(error)
    if runner.json:
        from msgspec.json import encode

        known = {"event": "error", "code": getattr(error, "code", "error"), "error": sentence, "exit": int(code)}
        sys.stdout.buffer.write(encode(known) + b"\n")
        sys.stdout.buffer.flush()
    text = f"burrow: {sentence}" + (f"; {advice}" if advice else "")
    if runner.reporter is None:
        print(text, file=sys.stderr, flush=True)
    else:
        runner.reporter.say(text, "red")
    if os.environ.get("BURROW_DEBUG"):
        traceback.print_exception(error)
    return code


def _hush() -> None:
    """What the SDK logs is for its developers: stderr, and only when it is asked for."""
    if os.environ.get("BURROW_DEBUG"):
        hush(logging.DEBUG)
    else:
        logging.basicConfig(level=logging.CRITICAL, stream=sys.stderr)


def hush(level: int = logging.CRITICAL) -> None:
    """For what logs by structlog. Importing that takes a while, so who does not need it does not call this."""
    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(level, logging.INFO), stream=sys.stderr)  # foreign libraries say too much below
