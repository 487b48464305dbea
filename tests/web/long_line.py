"""Two hosts on one machine with a long line between them: each a network namespace with a TUN device, and a thread that
brings every packet from one to the other, later. Needs root and iproute2; both are gone behind the block.
"""

import contextlib
import fcntl
import os
import secrets
import select
import struct
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator

LEFT, RIGHT = "10.92.0.1", "10.92.0.2"
_TUNSETIFF, _TUN_NO_HEAD = 0x400454CA, 0x1001  # linux/if_tun.h
_QUEUE = 4000  # packets that are on their way in each direction at most; more are lost


class Hosts:
    """`within(name)` is the command that runs another one there."""

    def __init__(self, left: str, right: str) -> None:
        self.left, self.right = left, right

    def within(self, name: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", name)


@contextlib.contextmanager
def long_line(delay: float) -> Iterator[Hosts]:
    """`delay`: s each way."""
    mark = secrets.token_hex(3)
    pair = Hosts(f"far{mark}-l", f"far{mark}-r")
    with contextlib.ExitStack() as stack:
        devices = []
        for name, address in ((pair.left, LEFT), (pair.right, RIGHT)):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
            device = f"t{name}"
            devices.append(_tun(device))
            stack.callback(os.close, devices[-1])
            _ip("link", "set", device, "netns", name)
            for do in (
                ("link", "set", "lo", "up"),
                ("address", "add", f"{address}/24", "dev", device),
                ("link", "set", device, "up"),
                ("route", "add", "default", "dev", device),  # a browser asks which way leads outside
            ):
                _ip("-n", name, *do)
        over = threading.Event()
        thread = threading.Thread(target=_carry, args=(devices, delay, over))
        thread.start()
        stack.callback(thread.join)
        stack.callback(over.set)
        yield pair


def _tun(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TUN_NO_HEAD))
    return device


def _carry(devices: list[int], delay: float, over: threading.Event) -> None:
    other = {devices[0]: devices[1], devices[1]: devices[0]}
    waiting: dict[int, deque[tuple[float, bytes]]] = {device: deque() for device in devices}
    while not over.is_set():
        select.select(devices, (), (), 0.001)
        now = time.monotonic()
        for device in devices:
            with contextlib.suppress(BlockingIOError):
                while len(waiting[device]) < _QUEUE:
                    waiting[device].append((now + delay, os.read(device, 2048)))
            while waiting[device] and waiting[device][0][0] <= now:
                with contextlib.suppress(BlockingIOError):  # full: a lost packet
                    os.write(other[device], waiting[device].popleft()[1])


def _ip(*argv: str) -> None:
    subprocess.run(["ip", *argv], check=True, timeout=20)
