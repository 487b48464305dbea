"""The ngrok adapter against the real SDK: a scripted service, a silent one, none, and one that is no ngrok."""

import asyncio
import doctest
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from burrowspace.adapters import tunnel_ngrok
from burrowspace.adapters.tunnel_ngrok import NgrokTunnel, Service, explain
from burrowspace.ports import TunnelDown
from tests.server.ngrok_service import AUTHORITY, NgrokService

pytestmark = pytest.mark.anyio

TOKEN = SecretStr("2abcSecretSecretSecret_3def")
AGENT = Path(tunnel_ngrok.__file__).with_name("ngrok_agent.py")


@pytest.fixture
async def service() -> AsyncIterator[NgrokService]:
    async with NgrokService().running() as running:
        yield running


@pytest.fixture
def silent() -> AsyncIterator[Service]:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the kernel accepts, nobody speaks
        yield Service(f"localhost:{listener.getsockname()[1]}", AUTHORITY)


async def refusal(tunnel: NgrokTunnel) -> TunnelDown:
    with pytest.raises(TunnelDown) as caught:
        await tunnel.open(5000)
    assert TOKEN.get_secret_value() not in str(caught.value)
    assert tunnel._agent is None, "a process was left behind"
    return caught.value


async def test_a_tunnel_opens_and_carries_a_visitor_to_our_port(service: NgrokService) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        assert request.startswith(b"GET /status HTTP/1.1\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as ours:
        tunnel = NgrokTunnel(TOKEN, host="0.0.0.0", service=service.service)
        assert await tunnel.open(ours.sockets[0].getsockname()[1]) == "https://scripted.ngrok.app"
        assert service.asked[0]["Extra"]["AuthToken"] == TOKEN.get_secret_value()
        answer = await service.request(b"GET /status HTTP/1.1\r\nHost: scripted.ngrok.app\r\nConnection: close\r\n\r\n")
        assert answer.endswith(b"\r\n\r\nhi")
        await tunnel.close()


async def test_closing_frees_the_session_at_the_service(service: NgrokService) -> None:
    tunnel = NgrokTunnel(TOKEN, service=service.service)
    await tunnel.open(5000)
    assert not service.left.is_set()
    await tunnel.close()
    await asyncio.wait_for(service.left.wait(), 10)
    await tunnel.close()


async def test_a_tunnel_can_be_opened_again_after_it_broke(service: NgrokService) -> None:
    tunnel = NgrokTunnel(TOKEN, service=service.service)
    await tunnel.open(5000)
    broken = asyncio.ensure_future(tunnel.broken())
    service.hang_up()
    assert "broke" in await asyncio.wait_for(broken, 10)
    assert await tunnel.open(5000) == "https://scripted.ngrok.app"
    assert service.sessions == 2
    await tunnel.close()


async def test_a_service_that_falls_silent_counts_as_lost(service: NgrokService) -> None:
    tunnel = NgrokTunnel(TOKEN, service=service.service)
    await tunnel.open(5000)
    service.silent = True
    assert "no answer" in await asyncio.wait_for(tunnel.broken(), 20)
    await tunnel.close()


async def test_the_death_of_the_agent_is_noticed(service: NgrokService) -> None:
    tunnel = NgrokTunnel(TOKEN, service=service.service)
    await tunnel.open(5000)
    assert tunnel._agent is not None
    tunnel._agent.kill()
    assert "process ended" in await asyncio.wait_for(tunnel.broken(), 10)
    await tunnel.close()


async def test_the_agent_gets_no_secret_by_its_command_line_or_environment(
    service: NgrokService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NGROK_AUTHTOKEN", TOKEN.get_secret_value())
    monkeypatch.setenv("BURROW_TURN_SECRET", "of coturn")
    monkeypatch.setenv("HOME", "/home/burrow")
    tunnel = NgrokTunnel(TOKEN, service=service.service)
    await tunnel.open(5000)
    assert tunnel._agent is not None
    process = psutil.Process(tunnel._agent.pid)
    said = repr((process.cmdline(), process.environ()))
    assert TOKEN.get_secret_value() not in said
    assert "of coturn" not in said
    assert process.environ()["HOME"] == "/home/burrow"
    await tunnel.close()


@pytest.mark.parametrize(
    ("text", "code", "final"),
    [
        ("The authtoken does not look proper.\nYour authtoken: " + TOKEN.get_secret_value(), "ERR_NGROK_105", True),
        ("The authtoken is properly formed, but it is invalid.", "ERR_NGROK_107", True),
        ("Your account is limited to 1 simultaneous ngrok agent sessions.", "ERR_NGROK_108", False),
        ("Something unheard of with " + TOKEN.get_secret_value() + "\x1b[2J", "ERR_NGROK_9999", False),
    ],
)
async def test_a_refused_session_is_said_in_a_sentence_with_a_remedy(text: str, code: str, final: bool) -> None:
    async with NgrokService(refuses_session=f"{text}\r\n\r\n{code}\r\n").running() as service:
        down = await refusal(NgrokTunnel(TOKEN, service=service.service))
    assert code in down.why
    assert down.final is final
    assert down.remedy
    assert str(down).isprintable()


async def test_a_refused_address_is_said_too() -> None:
    text = "The endpoint 'https://x.ngrok.app' is already online.\r\n\r\nERR_NGROK_334\r\n"
    async with NgrokService(refuses_tunnel=text).running() as service:
        down = await refusal(NgrokTunnel(TOKEN, service=service.service))
    assert "in use by another session (ERR_NGROK_334)" in down.why
    assert not down.final


@pytest.mark.parametrize("token", [None, SecretStr(""), SecretStr("  ")])
async def test_without_a_token_nobody_is_asked(token: SecretStr | None) -> None:
    down = await refusal(NgrokTunnel(token))
    assert down.final
    assert "NGROK_AUTHTOKEN" in down.remedy


async def test_a_service_out_of_reach_fails_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    down = await refusal(NgrokTunnel(TOKEN, service=Service(f"localhost:{port}", AUTHORITY), patience_s=60))
    assert "cannot be reached" in down.why
    assert not down.final


async def test_a_silent_service_is_given_up_in_time(silent: Service) -> None:
    down = await refusal(NgrokTunnel(TOKEN, service=silent, patience_s=0.5))
    assert "did not answer within 0.5 s" in down.why
    assert not down.final


async def test_what_is_no_ngrok_is_not_trusted() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-hello\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        at = Service(f"localhost:{server.sockets[0].getsockname()[1]}", AUTHORITY)
        down = await refusal(NgrokTunnel(TOKEN, service=at))
    assert "is not ngrok" in down.why


async def test_opening_can_be_cancelled_and_leaves_no_process(silent: Service) -> None:
    tunnel = NgrokTunnel(TOKEN, service=silent)
    opening = asyncio.ensure_future(tunnel.open(5000))
    while tunnel._agent is None:
        await asyncio.sleep(0)
    agent = psutil.Process(tunnel._agent.pid)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert tunnel._agent is None
    assert not agent.is_running()


async def test_a_process_that_cannot_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert "could not be started" in (await refusal(NgrokTunnel(TOKEN))).why


def test_the_agent_ends_with_the_server_however_that_ends(silent: Service) -> None:
    order = {"token": "t", "to": "http://127.0.0.1:1", "version": "0", "address": silent.address, "ca_pem": AUTHORITY}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-P", str(AGENT)], **pipes) as agent:
        assert agent.stdin is not None
        agent.stdin.write(json.dumps(order).encode() + b"\n")
        agent.stdin.close()
        assert agent.wait(20) == 0


def test_a_missing_sdk_is_said() -> None:
    order = json.dumps({"token": "t", "to": "", "version": "0"}).encode() + b"\n"
    done = subprocess.Popen(
        [sys.executable, "-P", "-S", str(AGENT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )  # -S: without site-packages
    assert done.stdin is not None
    assert done.stdout is not None
    with done:
        done.stdin.write(order)
        done.stdin.flush()
        fact = json.loads(done.stdout.readline())
    down = explain(fact, "")
    assert down.final
    assert "SDK" in down.why


@pytest.mark.parametrize("fact", [{}, {"refused": []}, {"refused": ["odd", "tok3n12345\n\x1b[31m" + "x" * 999]}])
def test_whatever_the_agent_says_becomes_one_short_printable_line(fact: dict[str, object]) -> None:
    down = explain(fact, "tok3n12345")
    assert str(down).isprintable()
    assert len(str(down)) < 400
    assert "tok3n12345" not in str(down)


def test_the_doctests_hold() -> None:
    assert doctest.testmod(tunnel_ngrok).failed == 0
