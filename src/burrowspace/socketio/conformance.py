"""The application that the official Engine.IO and Socket.IO test suites talk to.

`python -m burrowspace.socketio.conformance --port 3000 [--mode socket|engine] [--host 127.0.0.1]`

Mode `socket` answers on /socket.io/, mode `engine` echoes messages on /engine.io/. Intervals are those of the suites.
"""

from __future__ import annotations

import argparse
from typing import Any

import uvicorn

from burrowspace.socketio import Encoded, Engine, Server, ServerOptions, Session, Socket
from burrowspace.socketio.encoded import Binary
from burrowspace.socketio.front import front


class Echo:
    """The receiver of mode `engine`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def text(self, packet: bytes) -> None:
        self._session.send(Encoded(packet))

    def binary(self, data: Binary) -> None:
        self._session.send(Encoded(b"", (data,)))

    def closed(self, reason: str) -> None:
        pass


def options(path: str, **changed: Any) -> ServerOptions:
    """The numbers the suites expect."""
    numbers: dict[str, Any] = {
        "ping_interval_ms": 300,
        "ping_timeout_ms": 200,
        "max_payload": 1_000_000,
        "connect_timeout_ms": 1_000,
        "cors": "*",
        "origin_allowed": lambda origin, host: True,
    }
    return ServerOptions(path=path, **(numbers | changed))


def socket_app(**changed: Any) -> Server:
    """The application of mode `socket`."""
    server = Server(options("/socket.io/", **changed))

    def greet(socket: Socket, auth: dict[str, Any]) -> None:
        socket.emit("auth", auth)

    def message(socket: Socket, *args: Any) -> None:
        socket.emit("message-back", *args)

    def message_with_ack(socket: Socket, *args: Any) -> tuple[Any, ...]:
        return args

    root = server.of("/")
    root.on_connect(greet)
    root.on("message")(message)
    root.on("message-with-ack")(message_with_ack)
    server.of("/custom").on_connect(greet)
    return server


def engine_app(**changed: Any) -> Engine:
    """The application of mode `engine`."""
    return Engine(options("/engine.io/", **changed), Echo)


def app(mode: str) -> Server | Engine:
    return socket_app() if mode == "socket" else engine_app()


class _Announced(uvicorn.Server):
    """Prints one line when the port is open."""

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        print(f"ready on {self.config.host}:{self.config.port}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--mode", choices=("socket", "engine"), default="socket")
    parser.add_argument("--loop", choices=("auto", "asyncio", "uvloop"), default="auto")
    asked = parser.parse_args()
    served = app(asked.mode)
    config = uvicorn.Config(
        served,
        host=asked.host,
        port=asked.port,
        http=front(served),
        ws="none",
        loop=asked.loop,
        lifespan="off",
        log_level="warning",
    )
    _Announced(config).run()


if __name__ == "__main__":
    main()
