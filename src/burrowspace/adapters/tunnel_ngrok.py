"""The Tunnel port on ngrok's Python SDK, which runs in a process of its own (ngrok_agent.py says why).

Here: starting and ending that process, and its facts turned into a URL or into sentences. The token goes to it
through a pipe and is never in a command line, a sentence or a log.
"""

import asyncio
import contextlib
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from burrowspace import __version__
from burrowspace.adapters.tunnel_environment import small_environment
from burrowspace.adapters.tunnel_program import reachable
from burrowspace.faults import why
from burrowspace.ports import TunnelDown

PATIENCE_S = 15.0  # to open a tunnel; a service that is silent would hold the SDK for much longer
LINE_BYTES = 64 * 1024

_PYTHON = ("PYTHONPATH", "PYTHONHOME")  # where the SDK is found
_AGENT = Path(__file__).with_name("ngrok_agent.py")
_CODE = re.compile(r"ERR_NGROK_\d{1,6}")
_PAGE = "https://dashboard.ngrok.com/get-started/your-authtoken"
_NEW_TOKEN = f"copy the token from {_PAGE} into NGROK_AUTHTOKEN and restart"
_RESTART = "then restart the server"

# What ngrok refuses with, as far as an operator can do something about it: why, what to do, whether it is final.
_REFUSALS: dict[str, tuple[str, str, bool]] = {
    "ERR_NGROK_105": ("ngrok does not take the token, which does not look like one", _NEW_TOKEN, True),
    "ERR_NGROK_106": ("ngrok does not take the token, which is of a kind no longer supported", _NEW_TOKEN, True),
    "ERR_NGROK_107": ("ngrok does not take the token, which was reset or revoked", _NEW_TOKEN, True),
    "ERR_NGROK_4018": ("ngrok wants a token of a verified account", _NEW_TOKEN, True),
    "ERR_NGROK_102": ("the ngrok account is suspended: a payment failed", f"settle it with ngrok, {_RESTART}", True),
    "ERR_NGROK_103": ("the ngrok account is suspended", f"settle it with ngrok, {_RESTART}", True),
    "ERR_NGROK_120": ("ngrok no longer speaks with this version of its SDK", f"pip install -U ngrok, {_RESTART}", True),
    "ERR_NGROK_121": ("ngrok no longer speaks with this version of its SDK", f"pip install -U ngrok, {_RESTART}", True),
    "ERR_NGROK_123": (
        "the e-mail address of the ngrok account is not verified",
        "verify it at https://dashboard.ngrok.com/user/settings",
        False,
    ),
    "ERR_NGROK_108": (
        "the ngrok account has as many sessions as it may have",
        "end another one at https://dashboard.ngrok.com/agents",
        False,
    ),
    "ERR_NGROK_334": (
        "the ngrok address is in use by another session",
        "end that one at https://dashboard.ngrok.com/agents",
        False,
    ),
}
# What the SDK says of itself; it has no codes for these, so that its texts must tell them apart.
_FAILURES: dict[str, tuple[str, str]] = {
    "failed to establish tcp connection": (
        "ngrok cannot be reached from here",
        "check the network, the name service and the firewall (connect.ngrok-agent.com, TCP port 443)",
    ),
    "tls handshake error": (
        "what answers in ngrok's place is not ngrok",
        "let connect.ngrok-agent.com through the proxy or firewall that opens encrypted connections",
    ),
}


@dataclass(frozen=True, slots=True)
class Service:
    """An ngrok service other than the real one: `host:port`, the certificate of its authority, its patience."""

    address: str
    ca_pem: str
    beat_s: int = 10
    patience_s: int = 15


class NgrokTunnel:
    """A public URL at ngrok for a port of this machine. Proven against the real SDK with a scripted service."""

    def __init__(
        self,
        token: SecretStr | None,
        *,
        host: str = "127.0.0.1",
        patience_s: float = PATIENCE_S,
        service: Service | None = None,
    ) -> None:
        self._token = token.get_secret_value().strip() if token is not None else ""
        self._host, self._patience_s, self._service = reachable(host), patience_s, service
        self._agent: asyncio.subprocess.Process | None = None

    async def open(self, port: int) -> str:
        if not self._token:
            raise TunnelDown("no ngrok token is set", _NEW_TOKEN, final=True)
        await self.close()
        try:
            async with asyncio.timeout(self._patience_s):
                fact = await self._ask(port)
        except TimeoutError:
            await self.close()
            raise TunnelDown(
                f"ngrok did not answer within {self._patience_s:g} s",
                "check the network and the firewall (connect.ngrok-agent.com, TCP port 443)",
            ) from None
        except OSError as error:
            await self.close()
            raise TunnelDown(
                f"the process that speaks with ngrok could not be started ({why(error)})",
                "check the memory and the process limit of this machine",
            ) from None
        except asyncio.CancelledError:
            await self.close()
            raise
        if url := fact.get("url"):
            return str(url)
        await self.close()
        raise explain(fact, self._token)

    async def broken(self) -> str:
        fact = await self._fact()
        return f"the tunnel broke: {_quote([str(fact.get('lost', 'its process ended'))], self._token)}"

    async def close(self) -> None:
        agent, self._agent = self._agent, None
        if agent is None:
            return
        with contextlib.suppress(ProcessLookupError):
            agent.kill()
        if agent.stdin is not None:
            agent.stdin.close()
        await agent.wait()

    async def _ask(self, port: int) -> dict[str, Any]:
        """Starts the agent and gives it its order; its first fact."""
        order: dict[str, object] = {"token": self._token, "to": f"http://{self._host}:{port}", "version": __version__}
        if (service := self._service) is not None:
            order |= {"address": service.address, "ca_pem": service.ca_pem}
            order |= {"beat_s": service.beat_s, "patience_s": service.patience_s}
        self._agent = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            str(_AGENT),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LINE_BYTES,
            env=small_environment(os.environ, *_PYTHON),
        )
        assert self._agent.stdin is not None
        with contextlib.suppress(ConnectionError):  # it ended already: its fact, or the lack of one, says more
            self._agent.stdin.write(json.dumps(order).encode() + b"\n")
            await self._agent.stdin.drain()
        return await self._fact()

    async def _fact(self) -> dict[str, Any]:
        """The next fact; an empty one when the agent is gone or talks nonsense."""
        if self._agent is None or self._agent.stdout is None:
            return {}
        try:
            fact = json.loads(await self._agent.stdout.readline())
        except ValueError:
            return {}
        return fact if isinstance(fact, dict) else {}


def explain(fact: dict[str, Any], token: str) -> TunnelDown:
    """Why the agent has no URL, in sentences for the operator; never the token, which ngrok likes to quote."""
    if "missing" in fact:
        return TunnelDown(
            "ngrok's SDK is not installed or not for this system",
            "pip install -r requirements.txt installs it; then restart the server",
            final=True,
        )
    texts = [str(text) for text in fact.get("refused", [])]
    code = next((found[0] for text in reversed(texts) if (found := _CODE.search(text))), None)
    if code in _REFUSALS:
        why, remedy, final = _REFUSALS[code]
        return TunnelDown(f"{why} ({code})", remedy, final=final)
    if code is not None:
        said = _quote([text for text in texts[1:] if not _CODE.fullmatch(text)], token)
        return TunnelDown(
            f"ngrok refused: {said} ({code})", f"https://ngrok.com/docs/errors/{code.lower()} says what it means"
        )
    for text, (why, remedy) in _FAILURES.items():
        if text in texts:
            return TunnelDown(why, remedy)
    if texts:
        return TunnelDown(f"ngrok failed: {_quote(texts, token)}", "check the network; update the SDK if it stays so")
    return TunnelDown("the process that speaks with ngrok ended", "check the memory of this machine")


def _quote(texts: list[str], token: str) -> str:
    """Foreign texts, fit for a sentence: one line, printable, short, without the token."""
    text = " ".join(": ".join(texts).split())
    if token:
        text = text.replace(token, "[token]")
    printable = "".join(char if char.isprintable() else "?" for char in text)
    return printable[:200] or "it gave no reason"
