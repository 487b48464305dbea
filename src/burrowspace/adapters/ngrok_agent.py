"""The process that holds an ngrok session, apart from the server. A script: `python ngrok_agent.py`, started by
tunnel_ngrok.py and of no use to anyone else.

Why a process of its own: the SDK (1.4) keeps the TCP connection of a session it was told to close, so that every
reopening counts against the account's few sessions; it does not notice a service that falls silent; and its threads
call into Python while the interpreter goes down, which ends the process with a segmentation fault. A process that is
killed has none of these faults, and takes nobody's transfer with it.

It reads one line of JSON, the order: `token`, `to` (where requests go), `version`, and for a service other than the
real one `address` and `ca_pem`. It writes lines of JSON, the facts: `{"url"}` once the tunnel is up, then `{"lost"}`;
or `{"refused": [texts, the SDK's own]}`; or `{"missing": text}` where the SDK cannot be loaded. It ends with the
first fact that is not a URL, and when its standard input ends: the server has gone, however it went.
"""

import asyncio
import json
import os
import signal
import sys
import threading
from typing import Any, NoReturn

BEAT_S = 10  # seconds between heartbeats
PATIENCE_S = 15  # seconds without an answer to one until the tunnel counts as lost


def main() -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which then ends us
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    try:
        import ngrok
    except Exception as error:  # a missing wheel, or one for another system
        _last_word(missing=repr(error))
    try:
        asyncio.run(_hold(ngrok, order))
    except Exception as error:
        _last_word(refused=[str(arg) for arg in error.args] or [repr(error)])
    _last_word(lost="the agent ended")


async def _hold(ngrok: Any, order: dict[str, Any]) -> None:
    builder = (
        ngrok.SessionBuilder()
        .authtoken(order["token"])
        .client_info("burrowspace", order["version"])
        .heartbeat_interval(order.get("beat_s", BEAT_S))
        .heartbeat_tolerance(order.get("patience_s", PATIENCE_S))
        .handle_disconnection(lambda _address, error: _last_word(lost=str(error)))
        .handle_heartbeat(_beat)
    )
    if "address" in order:
        builder = builder.server_addr(order["address"]).ca_cert(bytearray(order["ca_pem"].encode()))
    session = await builder.connect()
    listener = await session.http_endpoint().listen_and_forward(order["to"])
    _say(url=listener.url())
    await asyncio.Event().wait()


def _beat(latency_ms: int | None = None) -> None:
    if latency_ms is None:  # the SDK only mentions that no answer came
        _last_word(lost="no answer to a heartbeat")


def _end_with_the_server() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _say(**fact: Any) -> None:
    os.write(1, json.dumps(fact).encode() + b"\n")


def _last_word(**fact: Any) -> NoReturn:
    """Says the fact and goes, without taking the interpreter down: see above."""
    try:
        _say(**fact)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
