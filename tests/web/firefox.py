"""A real Firefox, as its distribution ships it, for tests of the web app."""

import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.web.browser import Browsing

ROOT = Path(__file__).parents[2]
# Nothing of another host, and links of this machine are as good as any other for WebRTC.
PREFERENCES = {
    "app.update.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "extensions.enabledScopes": 0,
    "media.peerconnection.ice.loopback": True,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
}
UNCHANGED = dict.fromkeys(("color_scheme", "contrast", "forced_colors", "reduced_motion"), "null")


@pytest.fixture(scope="module")
async def firefox(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """One for each test module."""
    program = tmp_path_factory.mktemp("firefox") / "firefox"
    program.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m tests.web.firefox_relay "$@"\n')
    program.chmod(0o700)
    async with async_playwright() as playwright:
        browser = await playwright.firefox.launch(
            channel="moz-firefox", executable_path=program, firefox_user_prefs=PREFERENCES, timeout=60_000
        )
        yield browser
        await browser.close()


@pytest.fixture
async def in_firefox(firefox: Browser, tmp_path: Path) -> AsyncIterator[Browsing]:
    """Devices with a profile each, of this Firefox."""
    opens = partial(firefox.new_context, accept_downloads=True, no_viewport=True, **UNCHANGED)
    fresh = Browsing(opens, tmp_path / "downloads")
    yield fresh
    await fresh.close()
    assert not fresh.complaints, fresh.complaints
