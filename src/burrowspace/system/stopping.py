"""How a program hears that it is to stop: SIGINT and SIGTERM, and on Windows Ctrl+C and Ctrl+Break."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_STOP = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)]


@contextlib.contextmanager
def stop_calls(stop: Callable[[], None]) -> Iterator[None]:
    """Within it the running loop calls `stop` each time that the program is asked to stop. On the main thread only."""
    loop = asyncio.get_running_loop()
    try:
        for number in _STOP:
            loop.add_signal_handler(number, stop)
    except NotImplementedError:  # Windows
        with _by_hand(loop, stop):
            yield
        return
    try:
        yield
    finally:
        for number in _STOP:
            loop.remove_signal_handler(number)


def on_hangup(call: Callable[[], None]) -> None:
    """The running loop calls it at each SIGHUP, where there is one."""
    if hasattr(signal, "SIGHUP"):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, call)


@contextlib.contextmanager
def _by_hand(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> Iterator[None]:
    """Python runs a handler between two of its own steps, and a loop that waits makes none: the signal must wake it.
    Windows' own loop sees to that, the one with selectors does not."""

    def heard(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, heard) for number in _STOP}
    try:
        with _woken(loop):
            yield
    finally:
        for number, how in before.items():
            signal.signal(number, how)


@contextlib.contextmanager
def _woken(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """A signal wakes the loop, if it does not do so by itself."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)

        def drain() -> None:
            with contextlib.suppress(BlockingIOError):
                ours.recv(4096)

        try:
            loop.add_reader(ours, drain)
        except NotImplementedError:
            yield
            return
        was = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(was)
            loop.remove_reader(ours)
