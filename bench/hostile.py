"""How late is /hello beside ten callers who want to stall the server?

The callers say what is cheap to send and was expensive to look at: a megabyte of brackets in an event, forms that
trickle in a byte at a time, bodies of nested JSON, heads of thousands of fields, floods of requests and of tiny chunks.
Each goes as fast as it is let. /hello is asked over one connection on a fixed schedule, and latency counts from the
scheduled moment, so that a server that stalls cannot hide it. No rival: the server alone is the measure.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.common import ROOT, BenchError, Running, connect_peers, cores, end, parser, running, spawn, verdict
from bench.contestants import BURROWSPACE
from bench.relays import transfers
from bench.report import Figures, Metric, publish

PER_S = 100
METRICS = {
    "alone50": Metric("/hello alone, p50", "ms", 2),
    "alone": Metric("/hello alone, p99", "ms", 2),
    "beside50": Metric("/hello beside ten such callers, p50", "ms", 2),
    "beside": Metric("/hello beside ten such callers, p99", "ms", 2),
    "ratio": Metric("p99 beside, of p99 alone", "×", 2, bound=3, of="value"),
}
WIDE = "[" + ",".join(["[]"] * 15_000) + "]"
MIB = 1 << 20


def latencies(port: int, seconds: float) -> list[float]:
    """Of /hello, ms, from the scheduled moment of each to the end of its answer."""
    request, found = b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        begun = time.perf_counter()
        for number in range(int(seconds * PER_S)):
            due = begun + number / PER_S
            while (left := due - time.perf_counter()) > 0:
                time.sleep(left)
            line.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer or len(answer) < _size(answer):
                answer += line.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise BenchError(f"/hello answered {answer[:100]!r}")
            found.append((time.perf_counter() - due) * 1000)
    return sorted(found)


def _size(answer: bytes) -> int:
    head, _, _ = answer.partition(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return len(head) + 4 + int(length.split(b":")[1])


# The callers


def signals(port: int, peers: list[str], _: list[str]) -> None:
    """A registered socket whose signals are a megabyte, as many brackets of it as may be."""
    with _websocket(port) as say:
        say(b"40")
        say(b'42["register_socket",{"peer_id":"%b"}]' % peers[0].encode())
        padded = WIDE[:-1] + ',"' + "x" * (900_000 - len(WIDE)) + '"]'
        asked = f'{{"target_peer_id":"{peers[1]}","sender_peer_id":"{peers[0]}","signal":{padded}}}'
        while True:
            say(f'42["peer_signal",{asked}]'.encode())


def brackets(port: int, *_: list[str]) -> None:
    """A megabyte of nothing but brackets, on a new socket each time."""
    while True:
        with contextlib.suppress(OSError), _websocket(port) as say:
            say(b"40")
            for _ in range(4):
                say(b'42["peer_signal",[' + b"[]," * 300_000 + b"1]]")


def forms(port: int, _: list[str], keys: list[str]) -> None:
    """A form whose head comes in a byte at a time and never ends."""
    head = (
        f"POST /upload/{keys.pop()} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n"
        "Content-Type: multipart/form-data; boundary=B\r\n\r\n"
    ).encode()
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.sendall(head + b"--B\r\nX: " + b"y" * 50_000)
            for _ in range(12_000):
                line.sendall(b"y")
                time.sleep(0.001)


def bodies(port: int, *_: list[str]) -> None:
    """64 KiB of nested JSON to a call that takes a name."""
    body = b'{"user_id":' + b"[" + b"[]," * 20_000 + b"1]}"
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            with contextlib.closing(line):
                for _ in range(100):
                    line.request("POST", "/connect", body[:65_000], {"Content-Type": "application/json"})
                    line.getresponse().read()


def heads(port: int, *_: list[str]) -> None:
    """A head of thousands of fields, then a flood of requests in one write."""
    many = b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"a:b\r\n" * 12_000 + b"\r\n"
    flood = b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 5000
    while True:
        for said in (many, flood):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30) as line:
                line.sendall(said)
                while line.recv(65536):
                    pass


def chunks(port: int, _: list[str], keys: list[str]) -> None:
    """A body of one-byte chunks."""
    head = f"PUT /upload/{keys.pop()} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30) as line:
            line.sendall(head)
            for _ in range(1000):
                line.sendall(b"1\r\nx\r\n" * 10_000)
                time.sleep(0.01)


CALLERS: list[Callable[[int, list[str], list[str]], None]] = [
    signals, signals, signals, brackets, forms, forms, forms, bodies, heads, chunks,
]  # fmt: skip


@contextlib.contextmanager
def _websocket(port: int) -> Iterator[Callable[[bytes], None]]:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        line.sendall(
            (
                "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
                f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            ).encode()
        )
        line.recv(65536)

        def say(text: bytes) -> None:
            size = len(text)
            length = bytes([0x80 | size]) if size < 126 else b"\xff" + size.to_bytes(8, "big")
            line.sendall(b"\x81" + length + bytes(4) + text)  # a mask of zeros

        threading.Thread(target=_drink, args=(line,), daemon=True).start()
        yield say


def _drink(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while line.recv(65536):
            pass


def attack(port: int, peers: list[str], keys: list[str], only: str | None) -> None:
    """All callers, for ever: in a process of their own."""
    callers = [each for each in CALLERS if each.__name__ == only][:1] * len(CALLERS) if only else CALLERS
    for number, caller in enumerate(callers):
        mine = peers[2 * number : 2 * number + 2]
        threading.Thread(target=_again, args=(caller, port, mine, keys), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


def _again(caller: Callable[[int, list[str], list[str]], None], port: int, peers: list[str], keys: list[str]) -> None:
    while True:
        with contextlib.suppress(OSError):
            caller(port, peers, keys)


@contextlib.contextmanager
def attacked(server: Running, only: str | None) -> Iterator[None]:
    peers, keys = connect_peers(server.port, 2 * len(CALLERS)), transfers(server.port, len(CALLERS))
    asked = json.dumps([server.port, peers, keys, only])
    process = spawn(
        [sys.executable, "-m", "bench.hostile", "--attack", asked],
        cores()[1],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(2)  # so that all have begun
        yield
    finally:
        end(process)


def _first() -> None:
    """The one that asks does not wait for the callers that share its core."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def _before_others(pid: int) -> None:
    """What else runs on the machine shall not be taken for a stall: the server goes before it, in both halves.

    Where Linux groups processes by session, a nice value counts only within the group, and the group has its own. The
    server has a session of its own.
    """
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, int(task.name), -20)
    with contextlib.suppress(OSError):
        assert os.getsid(pid) == pid, "the priority would be that of others too"
        Path(f"/proc/{pid}/autogroup").write_text("-20")


def measure(seconds: float, only: str | None, figures: Figures) -> None:
    with running(BURROWSPACE) as server:
        _before_others(server.pid)
        latencies(server.port, 2)  # warms up
        alone = latencies(server.port, seconds)
        with attacked(server, only):
            beside = latencies(server.port, seconds)
    p99 = [each[int(len(each) * 0.99)] for each in (alone, beside)]
    figures.add(
        "burrowspace",
        alone50=alone[len(alone) // 2],
        alone=p99[0],
        beside50=beside[len(beside) // 2],
        beside=p99[1],
        ratio=p99[1] / p99[0],
    )


def main(argv: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, help="length of each half of a round (default 30; 5 with --quick)")
    made.add_argument("--caller", choices=sorted({each.__name__ for each in CALLERS}), help="all ten are this one")
    made.add_argument("--attack", help="used by the benchmark itself")
    options = made.parse_args(argv)
    if options.attack:
        attack(*json.loads(options.attack))
        return 0
    _first()
    seconds = options.seconds or (5.0 if options.quick else 30.0)
    rounds = options.rounds or (1 if options.quick else 3)
    figures = Figures(METRICS)
    for number in range(rounds):
        print(f"  round {number + 1}/{rounds} ...", file=sys.stderr, flush=True)
        measure(seconds, options.caller, figures)
    all_of = f", all of them `{options.caller}`" if options.caller else ""
    how = (
        f"/hello {PER_S} times a second for {seconds:g} s, alone and beside ten callers, who are on the core of who "
        f"asks{all_of}. {rounds} round(s), median (lowest – highest)."
    )
    publish(
        "hostile", "How late is `/hello` beside ten callers who want to stall the server?", how, figures, options.write
    )
    return 0


if __name__ == "__main__":
    sys.exit(verdict(main))
