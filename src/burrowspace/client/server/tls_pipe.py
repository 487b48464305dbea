"""TLS as a plain socket: what is written to one end goes over TLS, so that another TLS can be spoken inside.

For a proxy that is reached by https. Everything else that connects to a server has a plain socket anyway, and need not
know about this one.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from concurrent.futures import Future

PIECE = 1 << 16


async def tls_pipe(line: socket.socket, context: ssl.SSLContext, host: str) -> socket.socket:
    """A non-blocking socket; behind it, a thread speaks TLS on `line`, which it owns. Errors of TLS and of sockets."""
    opened: Future[socket.socket] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_carry(line, context, host, opened)), name="tls-pipe")
    thread.daemon = True
    thread.start()
    try:
        return await asyncio.wrap_future(opened)
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        raise


async def _carry(line: socket.socket, context: ssl.SSLContext, host: str, opened: "Future[socket.socket]") -> None:
    """From the handshake until either end closes."""
    try:
        far_reader, far_writer = await asyncio.open_connection(sock=line, ssl=context, server_hostname=host)
    except BaseException as error:
        line.close()
        if opened.set_running_or_notify_cancel():
            opened.set_exception(error)
        return
    theirs, ours = socket.socketpair()
    ours.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=theirs)
    if opened.set_running_or_notify_cancel():
        opened.set_result(ours)
    else:
        ours.close()
    copies = [asyncio.create_task(_copy(reader, far_writer)), asyncio.create_task(_copy(far_reader, writer))]
    await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    for copy in copies:
        copy.cancel()
    await asyncio.gather(*copies, return_exceptions=True)
    for each in (writer, far_writer):
        each.close()
        with contextlib.suppress(OSError):
            await each.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the end, or an error."""
    with contextlib.suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
