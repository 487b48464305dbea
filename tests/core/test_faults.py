"""What the system says never reaches a person as it is: every error that Python knows has words of ours."""

import asyncio
import errno
import os
import re
import socket
import ssl

import httpx
import pytest

from burrowspace.faults import fault, is_machines, named, why, why_and_cure

MACHINE = re.compile(r"\[|_ssl|Errno|Connect call|Traceback|Error\b|0x|[A-Z]{4,}_")
PLAIN = {name for name in errno.errorcode.values() if name in {"EACCES", "ENOENT", "ENOSPC", "EROFS", "EIO", "EMFILE"}}


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_no_errno_shows_a_number_or_a_name(number: int) -> None:
    said = named(OSError(number, os.strerror(number), "some/file"))
    assert said.startswith("some/file: ")
    assert not MACHINE.search(said), said
    assert errno.errorcode[number] not in said


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_what_happens_often_has_a_cure(name: str) -> None:
    number = getattr(errno, name)
    assert fault(OSError(number, os.strerror(number))).cure


@pytest.mark.parametrize(
    "error",
    [
        OSError(
            "Multiple exceptions: [Errno 111] Connect call failed ('::1', 9, 0, 0), [Errno 111] Connect call failed"
        ),
        ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)"),
        ConnectionRefusedError(),
        TimeoutError(),
        ssl.SSLError(1, "[SSL: SOMETHING_NEW] something new (_ssl.c:1006)"),
        ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:1006)"),
        asyncio.IncompleteReadError(b"", 4),
        OSError("[Errno 98765] odd"),
        OSError(),
        Exception("[SSL: X] (_ssl.c:1)"),
    ],
)
def test_odd_errors_are_words_too(error: Exception) -> None:
    said = why_and_cure(error)
    assert said
    assert not MACHINE.search(said), said


def test_a_sentence_of_ours_stays_as_it_is() -> None:
    assert why(ConnectionError("the proxy answered 403")) == "the proxy answered 403"
    outer = ConnectionError("the proxy answered 403")
    outer.__cause__ = ConnectionRefusedError(111, "no")
    assert why(outer) == "the proxy answered 403"


async def refused(url: str) -> str:
    async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
        with pytest.raises(httpx.TransportError) as caught:
            await http.get(url)
    return why(caught.value)


@pytest.mark.anyio
async def test_a_library_over_the_network_says_what_lies_below() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # nobody listens
        port = free.getsockname()[1]
        assert await refused(f"http://127.0.0.1:{port}/") == "nobody listens there: the connection is refused"
    assert "name" in await refused("http://no-such-host.invalid/")
    async with await asyncio.start_server(
        lambda _, writer: writer.write(b"HTTP/1.1 200 OK\r\n\r\n"), "127.0.0.1"
    ) as up:
        port = up.sockets[0].getsockname()[1]
        assert await refused(f"https://127.0.0.1:{port}/") == "it does not speak TLS there"


def test_too_little_of_the_machine_is_told_from_a_mistake_of_ours() -> None:
    lib = ImportError("libx.so: failed to map segment from shared object")
    assert is_machines(lib)
    assert "memory" in why(lib)
    assert is_machines(OSError(errno.EMFILE, "x"))
    assert not is_machines(ImportError("cannot import name 'x'"))
    assert not is_machines(RuntimeError("x"))
