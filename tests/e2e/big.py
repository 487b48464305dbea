"""Files that are never stored: made as they are sent and hashed as they come, by blocking sockets in threads.

A `Film` is the key stream of AES in counter mode, so that any part of it can be had at once; a `Line` is one HTTP
connection whose bytes are those that are written here, and which may be cut anywhere.
"""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator

from blake3 import blake3
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.e2e.served import GiB, MiB

PIECE = MiB
TUS = {"Tus-Resumable": "1.0.0"}
PATCH = {**TUS, "Content-Type": "application/offset+octet-stream"}
_ZEROS = bytes(PIECE)


def asked_for(name: str, default: float) -> float:
    """How large a proof is, from the environment."""
    return float(os.environ.get(f"BURROW_PROOF_{name}", default))


def gib(name: str, default: float) -> int:
    """A size in GiB from the environment, in bytes."""
    return int(asked_for(name, default) * GiB)


class Film:
    """`size` bytes that only its seed knows."""

    def __init__(self, size: int, seed: int = 1) -> None:
        self.size, self._key = size, seed.to_bytes(16, "big")
        self._digest: str | None = None

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` on, in pieces of at most 1 MiB."""
        stop = self.size if stop is None else stop
        block = start // 16
        made = Cipher(algorithms.AES(self._key), modes.CTR(block.to_bytes(16, "big"))).encryptor()
        made.update(bytes(start - 16 * block))
        while start < stop:
            piece = made.update(_ZEROS[: min(PIECE, stop - start)])
            start += len(piece)
            yield piece

    def digest(self) -> str:
        if self._digest is None:
            whole = blake3()
            for piece in self.pieces():
                whole.update(piece)
            self._digest = whole.hexdigest()
        return self._digest


class Cut(Exception):
    """The line was cut where the test wanted it."""


class Line:
    """One connection. A context: however it is left, the connection is gone."""

    def __init__(self, port: int, seconds: float = 60) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), seconds)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._held = b""

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def cut(self) -> None:
        """As a network that is gone: a reset, nothing that was on its way arrives."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def ask(self, method: str, path: str, **headers: object) -> None:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in said.items())]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode())

    def answer(self) -> tuple[int, dict[str, str]]:
        """The head of the next answer; its body is `body`'s."""
        while b"\r\n\r\n" not in self._held:
            if not (more := self.sock.recv(65536)):
                raise ConnectionResetError("the answer never came")
            self._held += more
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        return int(lines[0].split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}

    def send(self, film: Film, start: int, stop: int, tell: Callable[[int], None] = lambda _: None) -> None:
        """Part of the film; `tell` hears how far it has gone."""
        for piece in film.pieces(start, stop):
            self.sock.sendall(piece)
            start += len(piece)
            tell(start)

    def body(self, length: int) -> Iterator[memoryview]:
        """The body of the answer in pieces, each good until the next one is asked for. Ends early where the line does;
        an answer that breaks off says so by being short."""
        buffer = memoryview(bytearray(PIECE))
        if self._held:
            piece, self._held = self._held, b""
            length -= len(piece)
            yield memoryview(piece)
        with contextlib.suppress(ConnectionResetError):
            while length and (got := self.sock.recv_into(buffer[: min(PIECE, length)])):
                length -= got
                yield buffer[:got]


def create(port: int, key: str, size: int, **headers: object) -> None:
    """A tus upload is begun."""
    with Line(port) as line:
        line.ask("POST", f"/upload/{key}", **TUS, Upload_Length=size, Content_Length=0, **headers)
        status, _ = line.answer()
        assert status == 201, status


def standing(port: int, key: str) -> int:
    """Where a tus upload goes on."""
    with Line(port) as line:
        line.ask("HEAD", f"/upload/{key}", **TUS)
        status, headers = line.answer()
        assert status in (200, 204), status
        return int(headers["upload-offset"])


class Watcher:
    """Receives a film as a device does that loses its line now and then: each time it goes on where it stands."""

    def __init__(self, port: int, key: str, film: Film, cuts: list[int], *, follow: bool) -> None:
        self._port, self._film, self._cuts = port, film, sorted(cuts)
        self._path = f"/download/{key}" + ("?follow=1" if follow else "")
        self.at, self.lines, self.tag = 0, 0, ""
        self._hash = blake3()

    def watch(self) -> str:
        """The digest of everything that came, in order."""
        while self.at < self._film.size:
            before = self.at
            self._once(self._cuts.pop(0) if self._cuts else None)
            assert self.at > before or self._cuts, f"nothing came at {self.at}"
        return self._hash.hexdigest()

    def _once(self, cut: int | None) -> None:
        self.lines += 1
        with Line(self._port) as line:
            where = {"Range": f"bytes={self.at}-", "If-Range": self.tag} if self.at else {}
            line.ask("GET", self._path, **where)
            status, headers = line.answer()
            assert status == (206 if self.at else 200), (status, headers)
            self.tag = headers["etag"]
            assert int(headers["content-length"]) == self._film.size - self.at
            for piece in line.body(self._film.size - self.at):
                self._hash.update(piece)
                self.at += len(piece)
                if cut is not None and self.at >= cut:
                    line.cut()
                    return
