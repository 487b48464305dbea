"""Names are looked up as always, and one that nobody answers for holds up no end."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from burrowspace.cli.loop import Loop


def test_a_name_that_nobody_answers_for_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered = threading.Event(), threading.Event()

    def silent(*_: Any) -> list[Any]:
        asked.set()
        answered.wait(60)
        raise socket.gaierror

    async def connect() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.open_connection("name.invalid", 80)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(connect())
        assert asked.is_set()
    assert not answered.is_set()
    answered.set()
    [lookup] = [each for each in threading.enumerate() if each.name == "lookup"]
    lookup.join()


def test_what_is_found_and_what_goes_wrong_is_told() -> None:
    async def look() -> None:
        loop = asyncio.get_running_loop()
        [found, *_] = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        assert found[4] == ("127.0.0.1", 80)
        with pytest.raises(UnicodeError):
            await loop.getaddrinfo("a" * 70 + ".example", 80)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(look())
