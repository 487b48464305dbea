"""The proxy that this machine wants for a server: of the environment, and on macOS and Windows of the system."""

import os
import sys
from urllib.parse import SplitResult, urlsplit

_SYSTEM = sys.platform in ("darwin", "win32")  # where a person sets proxies elsewhere, too


def proxy_of(scheme: str, host: str) -> SplitResult | None:
    """What lies on the way to `host` by `scheme`, if anything does."""
    if not _SYSTEM and not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies, proxy_bypass  # late: HTTP, mail and temporary files come with it

    if proxy_bypass(host):
        return None
    proxies = getproxies()
    found = proxies.get(scheme) or proxies.get("all")
    return urlsplit(found if "//" in found else f"http://{found}") if found else None
