"""The two ends of a transfer in the lab: `burrow` in a terminal, or the web app in a Chromium, in their namespaces.

Both answer the same: `send` gives the link, `receive` takes it, `finished` is what the receiving program says at its
end and where the file lies.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Playwright

from tests.cli.program import Program
from tests.e2e.served import Served
from tests.e2e.transfer.pair import Machine, link_of, well
from tests.nat.lab import PLAIN, SERVER, TURNING, Lab
from tests.web.browser import Browsing, launched, private
from tests.web.desk import EXCUSED, Desk, desk

SECONDS = 60.0  # for a file of a few megabytes to arrive, by whichever way


@dataclass(frozen=True)
class Finished:
    """`first_byte`: seconds from meeting to the first block. `shares`: bytes by path."""

    file: Path
    first_byte: float
    shares: dict[str, int]


class End(ABC):
    @abstractmethod
    async def send(self, server: Served, file: Path) -> str:
        """The link."""

    @abstractmethod
    async def receive(self, link: str) -> Finished:
        """Until all is there and verified."""

    @abstractmethod
    async def close(self) -> None:
        """Nothing of it runs any more."""


class Terminal(End):
    def __init__(self, lab: Lab, side: str, home: Path) -> None:
        self._machine = Machine(home / side, lab.within(side))
        proxy = lab.proxy(side)
        self._more = {"http_proxy": proxy} if proxy else {}

    async def send(self, server: Served, file: Path) -> str:
        program = await self._burrow("send", file, "--server", server.url, "--json")
        return await link_of(program)

    async def receive(self, link: str) -> Finished:
        program = await self._burrow("receive", link, "--json", "--yes")
        said = await well(program, SECONDS)
        files = [each for each in self._machine.folder.iterdir() if each.is_file()]
        assert len(files) == 1, files
        return Finished(files[0], said["first_byte"], said["shares"])

    async def close(self) -> None:
        await self._machine.close()

    async def _burrow(self, *words: str | Path) -> Program:
        return await self._machine.burrow(*words, **self._more)


class Tab(End):
    """A profile of its own in the browser of its side."""

    def __init__(self, lab: Lab, side: str, home: Path, browser: Browser) -> None:
        home = home / f"{side}-downloads"
        home.mkdir()
        self._browsing = Browsing(private(browser), home)
        self._browsing.excused = (*EXCUSED, "ERR_NETWORK_CHANGED")
        proxy = lab.proxy(side)
        self._how = {"proxy": {"server": proxy}} if proxy else {}

    async def send(self, server: Served, file: Path) -> str:
        return await (await self._desk(server.url)).send(file)

    async def receive(self, link: str) -> Finished:
        tab = await self._desk(link)
        await tab.accept()
        await tab.whole(SECONDS)
        said = await tab.job("finished")
        file = await tab.saved()
        return Finished(file, said["firstByte"], said["shares"])

    async def close(self) -> None:
        complaints = list(self._browsing.complaints)
        await self._browsing.close()
        assert not complaints, complaints

    async def _desk(self, url: str) -> Desk:
        return await desk(self._browsing, url, **self._how)


class Browsers:
    """One Chromium for each side, started when it is first asked for."""

    def __init__(self, lab: Lab, playwright: Playwright, home: Path) -> None:
        self._lab, self._playwright, self._home = lab, playwright, home
        self._started: dict[str, Browser] = {}

    async def at(self, side: str) -> Browser:
        if side not in self._started:
            secure = (f"http://{SERVER}:{port}" for port in (PLAIN, TURNING))
            within = self._lab.within(side)
            self._started[side] = await launched(self._playwright, within, self._home, *secure)
        return self._started[side]

    async def close(self) -> None:
        for each in self._started.values():
            await each.close()
