"""Whether a TURN server lets us in: an allocation, made and given back. Messages: core/turn.py (RFC 8656)."""

import asyncio
import contextlib
import functools
import secrets
import socket
from collections.abc import Callable, Iterable

from burrowspace.client.links.nat import SECONDS, Uri, address
from burrowspace.client.server import trust
from burrowspace.core import stun, turn
from burrowspace.core.findings import Finding, bad, good
from burrowspace.core.ice import TurnCredentials
from burrowspace.core.names import shown
from burrowspace.faults import why


async def relay(offers: Iterable[tuple[Uri, TurnCredentials]]) -> Finding | None:
    """Whether the first TURN server lets us in; None where none is offered."""
    for uri, passed in offers:
        return await _allocation(uri, passed)
    return None


async def _allocation(uri: Uri, passed: TurnCredentials) -> Finding:
    where = f"the TURN server {shown(str(uri), 80)} ({uri.transport.upper()})"
    asked = _Ask(uri)
    try:
        async with asyncio.timeout(2 * SECONDS - 0.5):
            await asked.open()
            said = await asked(turn.allocate)
            if isinstance(said, turn.Denied) and said.code == 401:
                said = await _with_credentials(asked, passed, said)
            return _of_turn(where, said)
    except TimeoutError:
        todo = "Start it, open its port, or correct BURROW_TURN_URLS on the server."
        return bad("turn", f"No answer from {where}.", todo)
    except (OSError, EOFError) as error:
        found = f"{_capital(where)} cannot be reached: {shown(why(error), 120)}."
        return bad("turn", found, "Correct BURROW_TURN_URLS.")
    finally:
        asked.close()


async def _with_credentials(
    asked: "_Ask", passed: TurnCredentials, challenge: turn.Denied
) -> turn.Allowed | turn.Denied:
    """The answer to what a 401 or an outdated nonce (438) asked for; an allocation is given back."""
    for _ in range(2):
        said = await asked(functools.partial(turn.allocate, passed=passed, asked=challenge))
        if isinstance(said, turn.Allowed):
            with contextlib.suppress(TimeoutError):
                await asked(functools.partial(turn.release, passed=passed, asked=challenge))
        if isinstance(said, turn.Allowed) or said.code != 438:
            return said
        challenge = said
    return challenge


def _of_turn(where: str, said: turn.Allowed | turn.Denied) -> Finding:
    if isinstance(said, turn.Allowed):
        return good("turn", f"{_capital(where)} lets us in and relays.")
    if said.code == 401:
        found = f"{_capital(where)} refuses the credentials (401): the secrets differ, or the clocks."
        todo = "BURROW_TURN_SECRET must be coturn's static-auth-secret (with use-auth-secret), and both clocks right."
        return bad("turn", found, todo, code=401)
    found = f"{_capital(where)} allows no relaying (error {said.code})."
    return bad("turn", found, "Look at its quotas and its log.", code=said.code)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class _Ask:
    """One connection to a TURN server; each question until it is answered. OSError, EOFError."""

    def __init__(self, uri: Uri) -> None:
        self._uri = uri
        self._line: socket.socket | None = None
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> None:
        uri = self._uri
        if uri.transport == "tcp":
            secure = trust.context() if uri.scheme == "turns" else None
            self._stream = await asyncio.open_connection(uri.host, uri.port, ssl=secure)
            return
        place = await address(uri)
        if place is None:
            raise OSError("its name has no address")
        self._line = socket.socket(socket.AF_INET6 if ":" in place.host else socket.AF_INET, socket.SOCK_DGRAM)
        self._line.setblocking(False)
        self._line.connect(place)

    async def __call__(self, make: Callable[[bytes], bytes]) -> turn.Allowed | turn.Denied:
        number = secrets.token_bytes(12)
        message = make(number)
        for wait in (0.5, 1.0, SECONDS):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    return await self._answer(message, number)
        raise TimeoutError

    async def _answer(self, message: bytes, number: bytes) -> turn.Allowed | turn.Denied:
        loop = asyncio.get_running_loop()
        if self._stream is not None:
            self._stream[1].write(message)
        elif self._line is not None:
            await loop.sock_sendall(self._line, message)
        while True:
            if self._stream is not None:
                head = await self._stream[0].readexactly(stun.HEADER)
                data = head + await self._stream[0].readexactly(int.from_bytes(head[2:4]))
            else:
                assert self._line is not None
                data = await loop.sock_recv(self._line, 2048)
            found = turn.read(data, number)
            if found is not None:
                return found

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
        if self._stream is not None:
            self._stream[1].transport.abort()
