"""Which server a command uses: --server, then BURROW_SERVER, then the person's file, then none."""

import asyncio
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from burrowspace.cli.exits import Usage


@dataclass(frozen=True, slots=True)
class Place:
    """A server's origin, and who named it."""

    url: str
    said_by: str


def config_file(environment: Mapping[str, str]) -> Path:
    """Where a person's settings lie.

    >>> config_file({"XDG_CONFIG_HOME": "/x"})
    PosixPath('/x/burrow/config.toml')
    """
    xdg = environment.get("XDG_CONFIG_HOME", "")
    return (Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".config") / "burrow" / "config.toml"


def settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """The person's file; empty where there is none. Usage: it cannot be read."""
    path = config_file(environment)
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Usage(f"{path} cannot be read: {error}; correct or remove it") from None


def place(option: str | None, environment: Mapping[str, str] | None = None) -> Place | None:
    """The server to use, if any was named. Usage: what was named is no address."""
    known = os.environ if environment is None else environment
    if option:
        return Place(origin(option, "--server"), "--server")
    if named := known.get("BURROW_SERVER"):
        return Place(origin(named, "BURROW_SERVER"), "BURROW_SERVER")
    if written := settings(known).get("server"):
        file = str(config_file(known))
        return Place(origin(str(written), file), file)
    return None


def own_name(environment: Mapping[str, str] | None = None) -> str:
    """`name` of the person's file: what to call this end to the other; empty: the host's name."""
    name = settings(os.environ if environment is None else environment).get("name")
    return name[:64] if isinstance(name, str) else ""


def origin(written: str, said_by: str) -> str:
    """An address as a server's origin; what has no scheme is https, or http where it is an address of a local network.

    >>> origin("drop.example.org", "x"), origin("192.168.1.7:5000", "x"), origin("http://a.b:80/path", "x")
    ('https://drop.example.org', 'http://192.168.1.7:5000', 'http://a.b:80')
    """
    text = written.strip()
    if "://" not in text:
        text = f"{'http' if _is_near(text) else 'https'}://{text}"
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  (ValueError: it is none)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(text)
    except ValueError:
        raise Usage(
            f"{written!r} of {said_by} is no address of a server; write it as https://drop.example.org"
        ) from None
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _is_near(text: str) -> bool:
    host = text.split("/", 1)[0].rpartition("]")[0].lstrip("[") or text.split("/", 1)[0].split(":")[0]
    return host == "localhost" or host.endswith(".local") or host.replace(".", "").isdigit() or ":" in host


async def reachable(server: Place, seconds: float = 5.0) -> str | None:
    """None when a BurrowSpace server answers there within `seconds`; else why not, in a few words."""
    from burrowspace.client.api import AGAIN_S, TRIES, not_ours
    from burrowspace.client.http import Http, refusal
    from burrowspace.client.trust import Untrusted

    http, why = Http(server.url, seconds), None
    try:
        for _ in range(TRIES):
            answer = await http.request("GET", "/status")
            if (why := not_ours(answer)) is None:
                break
            await asyncio.sleep(AGAIN_S)
        if not 200 <= answer.status < 300 and why is None:
            return refusal(answer.status, answer.body)[1]
        known = answer.json()
    except Untrusted as error:
        return str(error)
    except OSError as error:
        return (error.strerror or str(error) or type(error).__name__)[:200]
    except ValueError:
        return why or "what answers there is no BurrowSpace server"
    finally:
        await http.close()
    if not isinstance(known, dict) or "server_id" not in known:
        return "what answers there is no BurrowSpace server"
    return None
