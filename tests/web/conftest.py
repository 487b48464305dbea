"""Fixtures of a real browser for all tests of the web app."""

from tests.web.browser import anyio_backend, browsing, chromium, pages

__all__ = ["anyio_backend", "browsing", "chromium", "pages"]
