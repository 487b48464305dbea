"""The greeting of core/frames.py over a connected socket, in two steps so that a race of many ends with one link.

`approach` costs a stranger nothing but time and settles which link is meant; `commit` is done on the winner alone.
Every step has a deadline, and nothing is read beyond what the greeting has. Spec: docs/spec/link.md.
"""

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from burrowspace.core.errors import BadRequest
from burrowspace.core.frames import (
    CLIENT_HELLO_BYTES,
    CLIENT_PROOF_BYTES,
    NONCE,
    SERVER_HELLO_BYTES,
    TAG,
    Controls,
    Keys,
    client_hello,
    client_proof,
    parse_client_hello,
    server_hello,
    server_keys,
)
from burrowspace.core.sealing import derive

DEADLINE = 5.0  # s for each step


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a link is found and proven by: the public tag, the key of both ends, and which end this one is."""

    tag: bytes
    key: bytes
    sender: bool


@dataclass(frozen=True, slots=True)
class Greeted:
    """A proven connection, not yet a link."""

    line: socket.socket
    ticket: Ticket
    keys: Keys
    round_trip: float = 0.0  # s from the hello to its answer, as the receiver saw it

    def controls(self) -> Controls:
        return Controls.of_server(self.keys) if self.ticket.sender else Controls.of_client(self.keys)

    def stream(self, number: int) -> Ticket:
        """The pass by which stream `number` (1 and up) of this link comes in: nobody else can name it."""
        secret = self.keys.client + self.keys.server
        tag = derive(secret, b"", f"burrow/1 link stream {number}", TAG)
        return Ticket(tag, self.ticket.key, self.ticket.sender)


Commit = Callable[[], Awaitable[Greeted]]


async def approach(line: socket.socket, passes: Mapping[bytes, Ticket], offer: Ticket | None) -> Commit:
    """The first step on a connected, non-blocking socket; what it returns takes the second.

    The sender waits for a hello that names one of `passes`; the receiver says `offer`. BadRequest or Tampered for a
    stranger, TimeoutError for a slow one, OSError for a broken line. The socket stays the caller's.
    """
    if offer is not None and not offer.sender:
        return await _as_receiver(line, offer)
    async with asyncio.timeout(DEADLINE):
        hello = await read_exactly(line, CLIENT_HELLO_BYTES)
    ticket = passes.get(parse_client_hello(hello))
    if ticket is None or not ticket.sender:
        raise BadRequest("nobody here waits for that link")

    async def commit() -> Greeted:
        answer = server_hello(ticket.key, hello, secrets.token_bytes(NONCE))
        async with asyncio.timeout(DEADLINE):
            await asyncio.get_running_loop().sock_sendall(line, answer)
            proof = await read_exactly(line, CLIENT_PROOF_BYTES)
        return Greeted(line, ticket, server_keys(ticket.key, hello, answer, proof))

    return commit


async def _as_receiver(line: socket.socket, ticket: Ticket) -> Commit:
    hello = client_hello(ticket.tag, secrets.token_bytes(NONCE))
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(DEADLINE):
        await loop.sock_sendall(line, hello)
        answer = await read_exactly(line, SERVER_HELLO_BYTES)
    round_trip = loop.time() - began
    proof, keys = client_proof(ticket.key, hello, answer)

    async def commit() -> Greeted:
        async with asyncio.timeout(DEADLINE):
            await loop.sock_sendall(line, proof)
        return Greeted(line, ticket, keys, round_trip)

    return commit


async def read_exactly(line: socket.socket, size: int) -> bytes:
    """`size` bytes, and not one more. ConnectionResetError when the line ends before."""
    loop, data = asyncio.get_running_loop(), b""
    while len(data) < size:
        more = await loop.sock_recv(line, size - len(data))
        if not more:
            raise ConnectionResetError("the other side has closed")
        data += more
    return data
