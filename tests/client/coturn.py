"""A real coturn on 127.0.0.1, started for a test and ended with it."""

import asyncio
import contextlib
import shutil
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

from aioice import stun, turn

from burrowspace.core.ice import TurnCredentials, turn_credentials
from tests.machine import free_port

SECRET = "only-for-this-test-0123456789"
ROOT = Path(__file__).resolve().parents[2]
OPERATORS = ROOT / "deploy" / "coturn" / "turnserver.conf"


@contextlib.asynccontextmanager
async def coturn(home: Path, config: Path | None = None) -> AsyncIterator[tuple[str, int]]:
    """Where it listens. Without `config` it relays to loopback too, which is for tests alone."""
    program, port = shutil.which("turnserver"), free_port()
    assert program is not None, "the tests need coturn; on Debian: apt-get install coturn"
    how = ["-c", str(config)] if config else ["-n", "--use-auth-secret", "--realm=test", "--allow-loopback-peers"]
    log = home / "coturn.log"
    process = await asyncio.create_subprocess_exec(
        program,
        *how,
        "--listening-ip=127.0.0.1",
        "--relay-ip=127.0.0.1",
        f"--listening-port={port}",
        f"--static-auth-secret={SECRET}",
        f"--db={home / 'turndb'}",
        f"--pidfile={home / 'pid'}",
        f"--log-file={log}",
        "--simple-log",
        "--no-cli",
        "--no-tls",
        "--no-dtls",
        "--relay-threads=1",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=home,
    )
    try:
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(answers, port):
                assert process.returncode is None, log.read_text() if log.exists() else process.returncode
        yield "127.0.0.1", port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def answers(port: int) -> bool:
    """Whether a request for an allocation is answered at all."""
    asked = stun.Message(message_method=stun.Method.ALLOCATE, message_class=stun.Class.REQUEST)
    asked.attributes["REQUESTED-TRANSPORT"] = turn.UDP_TRANSPORT
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(0.2)
        try:
            line.connect(("127.0.0.1", port))
            line.send(bytes(asked))
            return bool(line.recv(2048))
        except OSError:
            return False


def holds(seconds: int, user: str = "ann", secret: str = SECRET) -> TurnCredentials:
    return turn_credentials(secret.encode(), user, int(time.time()) + seconds)


@contextlib.asynccontextmanager
async def allocation(where: tuple[str, int], passed: TurnCredentials) -> AsyncIterator[turn.TurnClientUdpProtocol]:
    """An allocation, by aioice; stun.TransactionFailed where it is refused."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: turn.TurnClientUdpProtocol(where, *passed, lifetime=600, channel_refresh_time=500), remote_addr=where
    )
    try:
        await protocol.connect()
        try:
            yield protocol
        finally:
            await protocol.delete()
    finally:
        transport.close()


async def asks(protocol: turn.TurnClientUdpProtocol, method: stun.Method, **attributes: object) -> int:
    """The error code that a request within the allocation is answered with, 0 for none."""
    message = stun.Message(message_method=method, message_class=stun.Class.REQUEST)
    for name, value in attributes.items():
        message.attributes[name.replace("_", "-")] = value
    try:
        await protocol.request_with_retry(message)
    except stun.TransactionFailed as failed:
        return int(failed.response.error_code)
    return 0
