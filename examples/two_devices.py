"""Two devices and a BurrowSpace server: a sample client for its published API, in its three modes.

    python two_devices.py receive --user bob --into received
    python two_devices.py send    --user ann --to bob --mode direct|relay|storage FILE

Needs python-socketio with its asynchronous client (`pip install python-socketio aiohttp`), which brings
aiohttp. A sample, to read and to take from: it trusts the network it runs in. In the direct mode its two processes find
each other through signals, as two devices with WebRTC do, and then use a plain TCP connection in its place.
"""

import argparse
import asyncio
import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import aiohttp
import socketio

CHUNK = 256 * 1024  # bytes of the file in one relayed chunk
WINDOW = 8  # relayed chunks on their way at once


class Device:
    """A peer of one user: calls over HTTP, events over one socket that comes back by itself."""

    def __init__(self, server: str, user: str) -> None:
        self.server, self.user, self.peer = server, user, ""
        self.events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.io = socketio.AsyncClient()
        self.io.on("connect", self.register)
        self.io.on("*", self.keep)

    async def __aenter__(self) -> "Device":
        self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        self.peer = (await self.call("POST", "/connect", {"user_id": self.user}))["peer_id"]
        self.registered = asyncio.Event()
        self.beating = asyncio.create_task(self.beat())
        await self.io.connect(self.server, transports=["websocket"])
        await self.registered.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.beating.cancel()
        await self.io.disconnect()
        await self.call("POST", f"/disconnect/{self.peer}")
        await self.http.close()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, self.server + path, **({} if body is None else {"json": body})) as answer:
            told = await answer.json()
            if answer.status != 200:
                raise SystemExit(f"{method} {path}: {told['error']}")
            return told

    async def register(self) -> None:
        """The socket connects, the first time or again: it says whose it is."""
        await self.io.call("register_socket", {"peer_id": self.peer})
        self.registered.set()

    async def keep(self, event: str, data: Any) -> None:
        self.events.put_nowait((event, data))

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(30)
            await self.call("POST", f"/heartbeat/{self.peer}")

    async def signal(self, target: str, signal: Any) -> None:
        """Something for one other device; the server passes it on and looks at none of it."""
        told = {"target_peer_id": target, "sender_peer_id": self.peer, "signal": signal}
        await self.io.call("peer_signal", told)

    async def hear(self, event: str, **fields: Any) -> Any:
        """Waits for an event with these fields; drops others."""
        while True:
            name, data = await self.events.get()
            if name == event and all(data.get(key) == value for key, value in fields.items()):
                return data

    async def report(self, transfer: str, status: str, progress: float) -> None:
        await self.call("POST", f"/update-transfer-status/{transfer}", {"status": status, "progress": progress})


# Sending


async def send(device: Device, to: str, mode: str, file: Path) -> None:
    asked = {"sender_id": device.user, "receiver_id": to, "filename": file.name}
    request = (await device.call("POST", "/request-transfer", asked))["request_id"]
    print(f"asked {to} to take {file.name}")
    transfer = (await device.hear("transfer_approved", request_id=request))["transfer_id"]
    target = next(iter((await device.call("GET", f"/peers?user_id={to}"))["peers"]), None)
    if target is None:
        raise SystemExit(f"no device of {to} is online")
    about = {"mode": mode, "transfer_id": transfer, **described(file)}
    await {"direct": send_direct, "relay": send_relayed, "storage": send_stored}[mode](device, target, file, about)
    done = await device.hear("transfer_completed", transfer_id=transfer)
    print(f"{file.name} has arrived, transfer_mode {done['transfer_mode']}")


async def send_direct(device: Device, target: str, file: Path, about: dict[str, Any]) -> None:
    """Offers an address; the other device connects to it and takes the bytes. The server sees none of them."""

    async def give(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = told = 0
        with file.open("rb") as source:
            while piece := source.read(CHUNK):
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
                if (percent := 100 * sent / about["size"]) - told >= 10 and percent < 100:
                    told = percent
                    await device.report(about["transfer_id"], "transferring", percent)
        writer.close()

    listener = await asyncio.start_server(give, host=os.environ.get("DIRECT_HOST", "127.0.0.1"))
    host, port = listener.sockets[0].getsockname()[:2]
    await device.signal(target, {"type": "offer", **about, "host": host, "port": port})


async def send_relayed(device: Device, target: str, file: Path, about: dict[str, Any]) -> None:
    """Chunk by chunk through the server. An answer means that the other device took it, or that it rests for it."""
    await device.signal(target, {"type": "offer", **about, "chunk": CHUNK})
    session = (await device.io.call("relay_request", {"transfer_id": about["transfer_id"]}))["session_id"]
    total = -(-about["size"] // CHUNK)
    free = asyncio.Semaphore(WINDOW)

    async def give(index: int, piece: bytes) -> None:
        text = base64.b64encode(piece).decode()
        told = {"session_id": session, "chunk": text, "index": index, "total": total}
        answer = await device.io.call("relay_chunk", told)
        if answer["status"] not in ("success", "queued"):
            raise SystemExit(f"chunk {index}: {answer['message']}")
        free.release()

    with file.open("rb") as source:
        async with asyncio.TaskGroup() as sending:
            for index in range(total):
                await free.acquire()
                sending.create_task(give(index, source.read(CHUNK)))


async def send_stored(device: Device, _: str, file: Path, about: dict[str, Any]) -> None:
    """Up in a form; it rests on the server until the receiver takes it."""
    form = aiohttp.FormData()
    with file.open("rb") as source:
        form.add_field("file", source, filename=file.name)
        async with device.http.post(f"{device.server}/upload/{about['transfer_id']}", data=form) as answer:
            if answer.status != 200:
                raise SystemExit((await answer.json())["error"])


# Receiving


async def receive(device: Device, into: Path) -> None:
    """Says yes to the next request, takes one file, and ends."""
    print(f"{device.user} waits for a file", flush=True)
    asked = await device.hear("transfer_request")
    target = into / Path(asked["filename"]).name
    transfer = (await device.call("POST", f"/approve-transfer/{asked['request_id']}"))["transfer_id"]
    while True:
        event, data = await device.events.get()
        if event == "peer_signal" and data["signal"].get("transfer_id") == transfer:
            about = data["signal"]
            if about["mode"] == "direct":
                await take_direct(target, about)
            else:
                await take_relayed(device, target, about)
            if described(target)["sha256"] != about["sha256"]:
                await device.report(transfer, "failed", 0)
                raise SystemExit(f"{target} is not what was sent")
            await device.report(transfer, "completed", 100)
            mode = (await device.hear("transfer_completed", transfer_id=transfer))["transfer_mode"]
            break
        if event == "transfer_completed" and data["transfer_id"] == transfer:
            await take_stored(device, target, transfer)
            mode = data["transfer_mode"]
            break
    print(f"took {target}, transfer_mode {mode}")


async def take_direct(target: Path, about: dict[str, Any]) -> None:
    reader, writer = await asyncio.open_connection(about["host"], about["port"])
    with target.open("wb") as file:
        while piece := await reader.read(CHUNK):
            file.write(piece)
    writer.close()


async def take_relayed(device: Device, target: Path, about: dict[str, Any]) -> None:
    """Chunks come in order; after a lost connection some may come twice, which their index tells."""
    missing = set(range(-(-about["size"] // about["chunk"])))
    with target.open("wb") as file:
        while missing:
            chunk = await device.hear("relay_chunk")
            if chunk["index"] in missing:
                missing.discard(chunk["index"])
                file.seek(chunk["index"] * about["chunk"])
                file.write(base64.b64decode(chunk["chunk"]))


async def take_stored(device: Device, target: Path, transfer: str) -> None:
    async with device.http.get(f"{device.server}/download/{transfer}") as answer:
        if answer.status != 200:
            raise SystemExit((await answer.json())["error"])
        with target.open("wb") as file:
            async for piece in answer.content.iter_chunked(CHUNK):
                file.write(piece)


def described(file: Path) -> dict[str, Any]:
    """What the receiver needs to know when it has everything."""
    with file.open("rb") as source:
        return {"size": file.stat().st_size, "sha256": hashlib.file_digest(source, "sha256").hexdigest()}


async def act(chosen: argparse.Namespace) -> None:
    async with Device(chosen.server, chosen.user) as device:
        if chosen.role == "send":
            await send(device, chosen.to, chosen.mode, chosen.file)
        else:
            await receive(device, chosen.into)


def main() -> None:
    parser = argparse.ArgumentParser(description="A device that sends or receives one file.")
    parser.add_argument("--server", default="http://127.0.0.1:5000")
    role = parser.add_subparsers(dest="role", required=True)
    receiver = role.add_parser("receive", help="say yes to the next request and take its file")
    receiver.add_argument("--user", required=True)
    receiver.add_argument("--into", type=Path, default=Path("received"))
    sender = role.add_parser("send", help="send a file to a user")
    sender.add_argument("--user", required=True)
    sender.add_argument("--to", required=True)
    sender.add_argument("--mode", choices=["direct", "relay", "storage"], required=True)
    sender.add_argument("file", type=Path)
    chosen = parser.parse_args()
    if chosen.role == "receive":
        chosen.into.mkdir(parents=True, exist_ok=True)
    asyncio.run(act(chosen))


if __name__ == "__main__":
    main()
