"""The contract of the Tunnel port, run for every adapter: ngrok's SDK against a scripted service, the others with
programs on PATH that say what the real ones say, word for word, or something worse.
"""

import ast
import asyncio
import contextlib
import doctest
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from burrowspace.adapters import tunnel_program
from burrowspace.adapters.tunnel_bore import bore_tunnel
from burrowspace.adapters.tunnel_cloudflared import cloudflared_tunnel
from burrowspace.adapters.tunnel_ngrok import NgrokTunnel
from burrowspace.adapters.tunnel_program import KEPT_LINES, LINE_BYTES, ProgramTunnel, tame
from burrowspace.adapters.tunnel_tailscale import tailscale_tunnel
from burrowspace.ports import Tunnel, TunnelDown
from tests.server.ngrok_service import NgrokService

pytestmark = pytest.mark.anyio

# What cloudflared 2023.4.0, bore 0.5.0 and tailscale 1.80 print when all goes well; names and ids are changed.
CLOUDFLARED = """\
2023-04-18T14:06:46Z INF Requesting new quick Tunnel on trycloudflare.com...
2023-04-18T14:06:49Z INF +--------------------------------------------------------------------------------------------+
2023-04-18T14:06:49Z INF |  Your quick Tunnel has been created! Visit it at (it may take some time to be reachable):  |
2023-04-18T14:06:49Z INF |  https://buffalo-marco-cardiff-motel.trycloudflare.com                                     |
2023-04-18T14:06:49Z INF +--------------------------------------------------------------------------------------------+
2023-04-18T14:06:49Z INF Version 2023.4.0
2023-04-18T14:06:49Z INF Starting metrics server on 127.0.0.1:40095/metrics
2023-04-18T14:06:50Z INF Registered tunnel connection connIndex=0 connection=52b585bc-858c-432a-b724-90993c84cc10 \
event=0 ip=198.41.200.13 location=MAD protocol=quic"""
BORE = (
    "\x1b[2m2023-04-13T05:40:39.668958Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2mbore_cli::client\x1b[0m\x1b[2m:\x1b[0m "
    "connected to server \x1b[3mremote_port\x1b[0m\x1b[2m=\x1b[0m36647\n"
    "\x1b[2m2023-04-13T05:40:39.669006Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2mbore_cli::client\x1b[0m\x1b[2m:\x1b[0m "
    "listening at bore.pub:36647"
)
TAILSCALE = """\
Available on the internet:

https://amelie-workstation.pango-lin.ts.net/
|-- proxy http://127.0.0.1:5000

Press Ctrl+C to exit."""

Fake = Callable[[str], Path]
Make = Callable[..., ProgramTunnel]
PROGRAMS: dict[str, tuple[Make, str, str]] = {
    "cloudflared": (
        lambda **how: cloudflared_tunnel("0.0.0.0", **how),
        CLOUDFLARED,
        "https://buffalo-marco-cardiff-motel.trycloudflare.com",
    ),
    "bore": (lambda **how: bore_tunnel("0.0.0.0", "bore.pub", **how), BORE, "http://bore.pub:36647"),
    "tailscale": (
        lambda **how: tailscale_tunnel("0.0.0.0", **how),
        TAILSCALE,
        "https://amelie-workstation.pango-lin.ts.net",
    ),
}


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Puts a program of this name on PATH that runs `body`: Python, with `say` and `stay`. It leaves its arguments and
    its number in files."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, body: str = "say(GOOD); stay()") -> Path:
        good = PROGRAMS[name][1] if name in PROGRAMS else ""
        (folder / name).write_text(
            f"#!{sys.executable} -IS\nimport os, signal, sys\nGOOD = {good!r}\n"
            f"HERE = {str(tmp_path)!r}\n"
            "def say(text, to=1 if 'tailscale' in sys.argv[0] else 2):\n    os.write(to, text.encode() + b'\\n')\n"
            "def stay():\n    while True: signal.pause()\n"
            "open(HERE + '/arguments', 'w').write('\\0'.join(sys.argv[1:]))\n"
            "open(HERE + '/pid', 'w').write(str(os.getpid()))\n" + body + "\n"
        )
        (folder / name).chmod(0o755)
        return tmp_path

    return put


async def gone(pid: int, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)


async def refusal(tunnel: Tunnel) -> TunnelDown:
    with pytest.raises(TunnelDown) as caught:
        await tunnel.open(5000)
    assert str(caught.value).isprintable()
    return caught.value


# The contract


class Opened:
    """An adapter whose service is well; `end` breaks its tunnel from the other side."""

    def __init__(self, tunnel: Tunnel, url: str, end: Callable[[], Any]) -> None:
        self.tunnel, self.url, self.end = tunnel, url, end


@pytest.fixture(params=["ngrok", *PROGRAMS])
async def opened(request: pytest.FixtureRequest, fake: Fake) -> AsyncIterator[Opened]:
    if request.param == "ngrok":
        async with NgrokService().running() as service:
            tunnel = NgrokTunnel(SecretStr("2abcSecret_3def"), service=service.service)
            yield Opened(tunnel, "https://scripted.ngrok.app", service.hang_up)
            await tunnel.close()
        return
    make, _, url = PROGRAMS[request.param]
    home = fake(request.param)
    program = make()
    yield Opened(program, url, lambda: os.kill(int((home / "pid").read_text()), 9))
    await program.close()


async def test_a_tunnel_opens_breaks_and_opens_again(opened: Opened) -> None:
    assert await opened.tunnel.open(5000) == opened.url
    broken = asyncio.ensure_future(opened.tunnel.broken())
    opened.end()
    assert "broke" in await asyncio.wait_for(broken, 10)
    assert await opened.tunnel.open(5000) == opened.url


async def test_a_closed_tunnel_leaves_nothing_and_may_be_closed_twice(opened: Opened) -> None:
    before = set(psutil.Process().children(recursive=True))
    assert await opened.tunnel.open(5000) == opened.url
    started = set(psutil.Process().children(recursive=True)) - before
    assert started
    await opened.tunnel.close()
    await opened.tunnel.close()
    for process in started:
        await gone(process.pid)


# The programs


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_that_is_not_there_is_named_with_where_to_get_it(name: str, fake: Fake) -> None:
    down = await refusal(PROGRAMS[name][0]())
    assert down.why == f"{name} is not installed"
    assert "https://" in down.remedy
    assert down.final


SECRETS = {
    "NGROK_AUTHTOKEN": "2abcSecret_3def",
    "BURROW_TURN_SECRET": "of coturn",
    "AWS_SECRET_ACCESS_KEY": "of somebody else",
    "DATABASE_URL": "postgres://user:secret@host",
    "SSH_AUTH_SOCK": "/tmp/agent",
}
NEEDED = {
    "HOME": "/home/burrow",
    "LC_ALL": "C.UTF-8",
    "https_proxy": "http://10.0.0.1:3128",
    "NO_PROXY": "localhost",
    "TMPDIR": "/var/tmp",
    "SSL_CERT_FILE": "/etc/ssl/ours.pem",
}


@pytest.mark.parametrize(
    ("name", "wanted", "own"),
    [
        (
            "cloudflared",
            ["tunnel", "--config", "/dev/null", "--no-autoupdate", "--url", "http://127.0.0.1:5000"],
            {"TUNNEL_TRANSPORT_PROTOCOL": "http2"},
        ),
        (
            "bore",
            ["local", "5000", "--local-host", "127.0.0.1", "--to", "bore.pub"],
            {"BORE_SECRET": "sesame", "RUST_LOG": "info", "NO_COLOR": "1"},
        ),
        ("tailscale", ["funnel", "http://127.0.0.1:5000"], {}),
    ],
)
async def test_a_program_gets_what_it_needs_and_nothing_else_of_our_environment(
    name: str, wanted: list[str], own: dict[str, str], fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = fake(name, "open(HERE + '/environment', 'w').write(repr(dict(os.environ)))\nsay(GOOD); stay()")
    for variable in os.environ.keys() - {"PATH"}:
        monkeypatch.delenv(variable)
    for variable, value in {**SECRETS, **NEEDED, "BORE_SECRET": "sesame", "TUNNEL_TRANSPORT_PROTOCOL": "http2"}.items():
        monkeypatch.setenv(variable, value)
    tunnel = PROGRAMS[name][0]()
    await tunnel.open(5000)
    await tunnel.close()
    assert (home / "arguments").read_text().split("\0") == wanted
    found = ast.literal_eval((home / "environment").read_text())
    found.pop("LC_CTYPE", None)  # Python's own
    assert found == {**NEEDED, **own, "PATH": os.environ["PATH"]}


FOREIGN = """\
2023-04-18T14:06:49Z INF | https://evil.example.com |
2023-04-18T14:06:49Z INF | https://x.trycloudflare.com.evil.example |
2023-04-18T14:06:49Z INF | https://user@x.trycloudflare.com |
2023-04-18T14:06:49Z INF | http://x.trycloudflare.com |
2023-04-18T14:06:49Z INF Visit https://x.trycloudflare.com
2023-04-18T14:06:50Z INF Registered tunnel connection connIndex=0
INFO bore_cli::client: listening at evil.example:80
INFO bore_cli::client: listening at evil-bore.pub:80
INFO bore_cli::client: listening at bore.pub:99999
INFO bore_cli::client: listening at bore.pub:0
INFO bore_cli::client: listening at bore.pub:36647/evil
Available within your tailnet:
https://x.pango-lin.ts.net/
Available on the internet:
https://x.ts.net.evil.example/
https://user@x.pango-lin.ts.net/
http://x.pango-lin.ts.net/
https://x.pango-lin.ts.net/evil"""


@pytest.mark.parametrize("name", PROGRAMS)
def test_only_an_address_of_the_service_itself_is_believed(name: str) -> None:
    ear = PROGRAMS[name][0]()._kind.ear()
    assert [found for line in FOREIGN.split("\n") if (found := ear.hears(line)) is not None] == []
    good = [ear.hears(tame(line)) for line in PROGRAMS[name][1].split("\n")]
    assert PROGRAMS[name][2] in good


@pytest.mark.parametrize(
    "body", ["stay()", "say('\\x1b]0;title\\x07\\0 nonsense'); stay()", "while True: os.write(1, b'x' * 65536)"]
)
async def test_a_program_that_gives_no_address_is_given_up_in_time_and_ended(body: str, fake: Fake) -> None:
    before = set(psutil.Process().children(recursive=True))
    fake("bore", body)
    opening = asyncio.ensure_future(refusal(PROGRAMS["bore"][0](patience_s=0.6)))
    while not (started := set(psutil.Process().children(recursive=True)) - before):
        await asyncio.sleep(0.01)
    down = await opening
    assert "gave no address within 0.6 s" in down.why
    assert not down.final
    assert len(str(down)) < 500
    for process in started:
        await gone(process.pid)


async def test_what_a_program_says_is_kept_in_bounds(fake: Fake) -> None:
    fake("bore", "for _ in range(30): say('y' * 9000)\nsay(GOOD); stay()")
    tunnel = PROGRAMS["bore"][0]()
    assert await tunnel.open(5000) == "http://bore.pub:36647"
    assert len(tunnel._said) <= KEPT_LINES
    assert max(map(len, tunnel._said)) <= LINE_BYTES
    await tunnel.close()


@pytest.mark.parametrize(
    ("name", "words", "why", "final"),
    [
        (
            "cloudflared",
            'failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": dial tcp: lookup '
            "api.trycloudflare.com on 127.0.0.11:53: no such host",
            "Cloudflare cannot be reached from here",
            False,
        ),
        (
            "cloudflared",
            "failed to unmarshal quick Tunnel: invalid character 'e' looking for beginning of value",
            "Cloudflare gives no quick tunnel at the moment",
            False,
        ),
        (
            "bore",
            "Error: could not connect to bore.pub:7835\n\nCaused by:\n    failed to lookup address information: "
            "nodename nor servname provided, or not known",
            "the bore server cannot be reached from here",
            False,
        ),
        (
            "bore",
            "Error: server requires authentication, but no client secret was provided",
            "the bore server wants a secret",
            True,
        ),
        (
            "tailscale",
            "error: background configuration already exists, use `tailscale funnel --https=443 off` to remove the "
            "existing configuration",
            "another funnel of this machine uses port 443",
            False,
        ),
        ("tailscale", "Logged out.", "this machine is not logged in to Tailscale", False),
        ("tailscale", "\x1b[31msomething unheard of\x1b[0m", "tailscale ended before it gave an address; its last "
         "words: something unheard of", False),
    ],
)  # fmt: skip
async def test_what_a_program_ends_with_becomes_a_sentence(
    name: str, words: str, why: str, final: bool, fake: Fake
) -> None:
    fake(name, f"say({words!r}); sys.exit(1)")
    down = await refusal(PROGRAMS[name][0]())
    assert (down.why, down.final) == (why, final)
    assert down.remedy


async def test_an_address_without_a_connection_is_not_up(fake: Fake) -> None:
    fake("cloudflared", "say(GOOD.rpartition('\\n')[0]); stay()")
    down = await refusal(PROGRAMS["cloudflared"][0](patience_s=1.5))
    assert "has an address but no connection" in down.why


async def test_a_funnel_that_an_admin_must_allow_says_where(fake: Fake) -> None:
    page = "https://login.tailscale.com/f/funnel?node=nho4oGYG7X11CNTRL"
    fake(
        "tailscale",
        f"say('Funnel is not enabled on your tailnet.\\nTo enable, visit:\\n\\n         {page}\\n'); stay()",
    )
    assert page in (await refusal(PROGRAMS["tailscale"][0](patience_s=1.5))).why


SERVER = """
import asyncio, sys
from burrowspace.adapters import tunnel_program
from burrowspace.adapters.tunnel_bore import bore_tunnel
async def main():
    print(await bore_tunnel("127.0.0.1", "bore.pub").open(5000), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_no_program_outlives_a_server_that_is_killed(fake: Fake) -> None:
    """Not even one that asks to stay, nor what it has started itself."""
    body = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\nif child == 0:\n    signal.signal(signal.SIGTERM, signal.SIG_IGN); stay()\n"
        "open(HERE + '/child', 'w').write(str(child))\nsay(GOOD); stay()"
    )
    home = fake("bore", body)
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, stdout=asyncio.subprocess.PIPE)
    assert server.stdout is not None
    assert await asyncio.wait_for(server.stdout.readline(), 20) == b"http://bore.pub:36647\n"
    server.kill()
    await server.wait()
    for name in ("pid", "child"):
        await gone(int((home / name).read_text()))


async def test_a_guard_that_is_killed_takes_the_program_with_it(fake: Fake) -> None:
    home = fake("bore")
    tunnel = PROGRAMS["bore"][0]()
    await tunnel.open(5000)
    assert tunnel._guard is not None
    with contextlib.suppress(ProcessLookupError):
        tunnel._guard.kill()
    assert "broke" in await asyncio.wait_for(tunnel.broken(), 10)
    await gone(int((home / "pid").read_text()))
    await tunnel.close()


def test_the_doctests_hold() -> None:
    assert doctest.testmod(tunnel_program).failed == 0
