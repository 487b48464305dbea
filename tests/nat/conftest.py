"""One lab for all its tests: the routers change, the server and the browsers stay."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import async_playwright

from tests.nat import lab as labs
from tests.nat.ends import Browsers
from tests.web.browser import anyio_backend

__all__ = ["anyio_backend"]


@pytest.fixture(scope="module")
async def lab(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[labs.Lab]:
    async with labs.lab(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture(scope="module")
async def browsers(lab: labs.Lab, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browsers]:
    async with async_playwright() as playwright:
        made = Browsers(lab, playwright, tmp_path_factory.mktemp("browsers"))
        try:
            yield made
        finally:
            await made.close()
