"""A scripted ngrok service: enough of its protocol for the real SDK to open a tunnel, be refused, or be left alone.

TLS, inside it muxado (frames of length, type, flags, stream), inside it one JSON question and answer to a stream.
It can hang up, fall silent, and send a request through the tunnel.
"""

import asyncio
import contextlib
import json
import ssl
import struct
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from burrowspace.adapters.tunnel_ngrok import Service

DATA, FIN, SYN = 1, 1, 2
AUTH, BIND, PROXY, HEARTBEAT = 0, 1, 3, 0xFFFFFFFF

# Made for this file and of no other use; good until 2120.
AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBTTCB9KADAgECAgEBMAoGCCqGSM49BAMCMCUxIzAhBgNVBAMMGkJ1cnJvd1Nw
YWNlIHRlc3QgYXV0aG9yaXR5MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAw
MDAwWjAlMSMwIQYDVQQDDBpCdXJyb3dTcGFjZSB0ZXN0IGF1dGhvcml0eTBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABBE4sJe2/iUb3np2hdXObkaeKzrbKqbAJvhz
4wRSgLm4JuWnZuVUvot26S3XGy03Fv0Eli4HQ5sl19uQ15otOkajEzARMA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAJ/iKQzCweNNhH/RYQbtdkdn
rbS39o+mNlh48DbSCD6TAiADXPF2LIemSL8HJZgNeHZnkreA3u9uV/5QlRH/4Yf1
dQ==
-----END CERTIFICATE-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBQTCB6KADAgECAgECMAoGCCqGSM49BAMCMCUxIzAhBgNVBAMMGkJ1cnJvd1Nw
YWNlIHRlc3QgYXV0aG9yaXR5MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAw
MDAwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMB
BwNCAASe2aOCVLodCvmKYSZIfVn5TCiKT4rnodLaoVFPRCbgjYM3reMcl0Gc7YzK
VqjNfyjf5Gk5xsD/bTec08N5svlKoxgwFjAUBgNVHREEDTALgglsb2NhbGhvc3Qw
CgYIKoZIzj0EAwIDSAAwRQIgBdCcFm4DWvnWofjd4Rd9ej4V0HAdEnZ246X8yjhS
A3ECIQDC1Nbziggz4LitZaJ0/L8z5K+E50NnkJU6Hd0FAvEAyw==
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQs9gkDAdYr5veQHE
kqXKimlMbSb6vYMwMnffm7v9kWuhRANCAASe2aOCVLodCvmKYSZIfVn5TCiKT4rn
odLaoVFPRCbgjYM3reMcl0Gc7YzKVqjNfyjf5Gk5xsD/bTec08N5svlK
-----END PRIVATE KEY-----
"""


class NgrokService:
    """Serves sessions on a free port of localhost."""

    def __init__(self, refuses_session: str | None = None, refuses_tunnel: str | None = None) -> None:
        self.refuses_session, self.refuses_tunnel = refuses_session, refuses_tunnel
        self.asked: list[dict[str, Any]] = []
        self.silent = False
        self.sessions = 0
        self.left = asyncio.Event()  # a session has ended
        self._lines: dict[asyncio.StreamWriter, dict[int, asyncio.Queue[bytes]]] = {}
        self._handlers: set[asyncio.Task[Any]] = set()

    @property
    def service(self) -> Service:
        return Service(f"localhost:{self._port}", AUTHORITY, beat_s=1, patience_s=1)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["NgrokService"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=_tls())
        self._port: int = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.hang_up()
            if self._handlers:
                await asyncio.wait(self._handlers)

    def hang_up(self) -> None:
        for writer in self._lines:
            writer.transport.abort()

    async def request(self, raw: bytes) -> bytes:
        """Sends `raw` through the tunnel as a visitor would; all of the answer."""
        writer, answers = next(iter(self._lines.items()))
        header = {"Id": "tunnel-1", "ClientAddr": "203.0.113.9:4711", "Proto": "https", "EdgeType": "3"}
        head = json.dumps(header | {"PassthroughTLS": False}).encode()
        answers[2] = asyncio.Queue()
        _frame(writer, 2, struct.pack(">I", PROXY) + struct.pack("<q", len(head)) + head + raw, SYN)
        answer = b""
        while part := await answers[2].get():
            answer += part
        return answer

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._session(reader, writer))
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        self._lines[writer] = {}
        texts: dict[int, bytes] = {}
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head, stream = struct.unpack(">II", await reader.readexactly(8))
                body = await reader.readexactly(head >> 8)
                if head >> 4 & 15 == DATA and not self.silent:
                    self._data(writer, stream, body, texts, fin=bool(head & FIN))
        del self._lines[writer]
        writer.close()
        self.left.set()

    def _data(
        self, writer: asyncio.StreamWriter, stream: int, body: bytes, texts: dict[int, bytes], *, fin: bool
    ) -> None:
        if (visitor := self._lines[writer].get(stream)) is not None:
            for part in [body] * bool(body) + [b""] * fin:
                visitor.put_nowait(part)
            return
        text = texts[stream] = texts.get(stream, b"") + body
        if len(text) < 4:
            return
        kind = struct.unpack(">I", text[:4])[0]
        if kind == HEARTBEAT:
            _frame(writer, stream, text[4:])
            texts[stream] = text[:4]
            return
        with contextlib.suppress(ValueError):  # not all of the question is here yet
            question = json.loads(text[4:])
            self.asked.append(question)
            _frame(writer, stream, json.dumps(self._answer(kind, question)).encode(), FIN)

    def _answer(self, kind: int, question: dict[str, Any]) -> dict[str, Any]:
        if kind == AUTH:
            return {"Error": self.refuses_session or "", "Version": "3", "ClientId": "session-1", "Extra": {}}
        if kind == BIND:
            return {
                "Error": self.refuses_tunnel or "",
                "Id": "tunnel-1",
                "URL": "https://scripted.ngrok.app",
                "Proto": question["Proto"],
                "Opts": question["Opts"],
                "Extra": {"Token": ""},
            }
        return {}


def _frame(writer: asyncio.StreamWriter, stream: int, body: bytes, flags: int = 0) -> None:
    if body or flags:
        writer.write(struct.pack(">II", len(body) << 8 | DATA << 4 | flags, stream) + body)


def _tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "both.pem").write_text(CERTIFICATE + KEY)
        context.load_cert_chain(Path(folder) / "both.pem")
    return context
