"""The published HTTP API, call by call: docs in ../shared contract, docs/spec/http.md here."""

import re
from datetime import datetime
from pathlib import Path

import aiohttp
import pytest

from tests.app import Running, running

pytestmark = pytest.mark.anyio


@pytest.fixture
async def server(tmp_path: Path):
    async with running(tmp_path) as server:
        yield server


async def test_status_says_who_where_and_how_busy(server: Running):
    await server.connect("ann")
    await server.transfer()
    status = await server.get("/status")
    assert status["status"] == "online"
    assert len(status["server_id"]) == 32
    assert status["ip"] == "127.0.0.1"
    assert status["port"] == server.app.reach.port
    assert status["public_url"] is None
    assert status["connected_peers"] == 1
    assert status["active_transfers"] == 1
    assert status["stun_servers"][0] == "stun:stun.l.google.com:19302"
    assert status["tunnel"] == {"state": "off", "message": None}


async def test_connect_gives_a_peer_and_what_it_needs(server: Running):
    given = await server.post("/connect", {"user_id": "ann"})
    assert given["status"] == "connected"
    assert len(given["peer_id"]) == 32
    assert given["server_id"] == (await server.get("/status"))["server_id"]
    assert given["ice_servers"] == [{"urls": given["stun_servers"]}]
    assert given["limits"]["max_payload_bytes"] == 1_000_000
    assert "relay-request" in given["features"]
    assert given["peer_id"] != await server.connect("ann")


async def test_peers_lists_the_online_ones_and_no_address(server: Running):
    ann, bob = await server.connect("ann"), await server.connect("bob")
    everyone = (await server.get("/peers"))["peers"]
    assert set(everyone) == {ann, bob}
    assert set((await server.get("/peers?user_id=bob"))["peers"]) == {bob}
    assert everyone[ann]["user_id"] == "ann"
    assert everyone[ann]["status"] == "online"
    assert datetime.fromisoformat(everyone[ann]["connected_at"]).utcoffset() is not None
    assert "127.0.0.1" not in str(everyone)


async def test_heartbeat_disconnect_and_coming_back(server: Running):
    ann = await server.connect("ann")
    assert await server.post(f"/heartbeat/{ann}") == {"status": "ok"}
    assert await server.post(f"/disconnect/{ann}") == {"status": "disconnected", "peer_id": ann}
    assert (await server.get("/peers"))["peers"] == {}
    await server.post(f"/heartbeat/{ann}")
    assert set((await server.get("/peers"))["peers"]) == {ann}


@pytest.mark.parametrize(
    "path", ["/heartbeat/{}", "/disconnect/{}", "/approve-transfer/{}", "/reject-transfer/{}", "/cancel-transfer/{}"]
)
@pytest.mark.parametrize("unknown", ["0" * 32, "nobody", "..%2f..%2fetc", "a" * 5000])
async def test_an_unknown_id_is_404_with_a_sentence(server: Running, path: str, unknown: str):
    refusal = await server.post(path.format(unknown), expect=404)
    assert refusal["code"] == "not-found"
    assert refusal["error"]


async def test_a_request_is_pending_then_approved_once(server: Running):
    await server.connect("bob")
    asked = await server.post("/request-transfer", {"sender_id": "ann", "receiver_id": "bob", "filename": "a/b.txt"})
    assert asked == {"status": "pending", "request_id": asked["request_id"], "receiver_online": True}
    first = await server.post(f"/approve-transfer/{asked['request_id']}")
    again = await server.post(f"/approve-transfer/{asked['request_id']}")
    assert first["status"] == "approved"
    assert first["sender_online"] is False
    assert again["transfer_id"] == first["transfer_id"]
    state = await server.get(f"/transfer-status/{first['transfer_id']}")
    assert state["request_id"] == asked["request_id"]
    assert (state["status"], state["progress"], state["transfer_mode"]) == ("ready", 0, "p2p")
    assert (state["sender_id"], state["receiver_id"], state["filename"]) == ("ann", "bob", "b.txt")
    assert "completed_at" not in state


async def test_a_rejected_request_cannot_be_approved(server: Running):
    asked = await server.post("/request-transfer", {"sender_id": "a", "receiver_id": "b", "filename": "f"})
    path = asked["request_id"]
    assert await server.post(f"/reject-transfer/{path}") == {"status": "rejected", "request_id": path}
    assert await server.post(f"/reject-transfer/{path}") == {"status": "rejected", "request_id": path}
    refusal = await server.post(f"/approve-transfer/{path}", expect=409)
    assert (refusal["code"], refusal["state"]) == ("wrong-state", "rejected")


async def test_progress_goes_up_to_completed_and_never_back(server: Running):
    transfer = await server.transfer()
    path = f"/update-transfer-status/{transfer}"
    assert await server.post(path, {"status": "transferring", "progress": 40.5}) == {"status": "updated"}
    await server.post(path, {"status": "transferring", "progress": 12})
    assert (await server.get(f"/transfer-status/{transfer}"))["progress"] == 40.5
    await server.post(path, {"status": "completed", "progress": 100.0})
    state = await server.get(f"/transfer-status/{transfer}")
    assert (state["status"], state["progress"], state["transfer_mode"]) == ("completed", 100, "p2p")
    assert datetime.fromisoformat(state["completed_at"])
    assert await server.post(path, {"status": "transferring", "progress": 50}) == {"status": "updated"}
    assert await server.get(f"/transfer-status/{transfer}") == state


@pytest.mark.parametrize(
    "body",
    [
        {"status": "transferring"},
        {"progress": 5},
        {"status": "transferring", "progress": "50"},
        {"status": "transferring", "progress": True},
        {"status": "", "progress": 5},
        {"status": 7, "progress": 5},
        [],
        "transferring",
    ],
)
async def test_a_bad_report_is_400(server: Running, body: object):
    transfer = await server.transfer()
    assert (await server.post(f"/update-transfer-status/{transfer}", body, expect=400))["code"] == "bad-request"


def form(data: bytes, filename: str = "x.bin", field: str = "file") -> aiohttp.FormData:
    made = aiohttp.FormData(quote_fields=False)
    made.add_field(field, data, filename=filename, content_type="application/octet-stream")
    return made


async def test_an_uploaded_file_comes_back_byte_for_byte_under_its_name(server: Running):
    transfer = await server.transfer()
    data = bytes(range(256)) * 20_000
    refusal = await server.get(f"/download/{transfer}", expect=400)
    assert refusal["code"] == "not-ready"
    done = await server.call("POST", f"/upload/{transfer}", data=form(data, "../fün €.bin"))
    assert done == {"status": "completed", "transfer_id": transfer, "filename": "fün €.bin"}
    async with server.http.get(f"/download/{transfer}") as answer:
        assert answer.status == 200
        assert await answer.read() == data
        assert answer.headers["content-disposition"].endswith("filename*=UTF-8''f%C3%BCn%20%E2%82%AC.bin")
    state = await server.get(f"/transfer-status/{transfer}")
    assert (state["status"], state["transfer_mode"]) == ("completed", "server_relay")


async def test_an_empty_file_is_a_file(server: Running):
    transfer = await server.transfer()
    await server.call("POST", f"/upload/{transfer}", data=form(b""))
    async with server.http.get(f"/download/{transfer}") as answer:
        assert (answer.status, await answer.read()) == (200, b"")


async def test_cancel_takes_the_stored_file_with_it(server: Running):
    transfer = await server.transfer()
    await server.call("POST", f"/upload/{transfer}", data=form(b"secret"))
    assert await server.app.spool.keys() == [transfer]
    assert await server.post(f"/cancel-transfer/{transfer}") == {"status": "cancelled", "transfer_id": transfer}
    assert await server.app.spool.keys() == []
    assert (await server.get(f"/download/{transfer}", expect=404))["code"] == "gone"
    refusal = await server.call("POST", f"/upload/{transfer}", 409, data=form(b"again"))
    assert refusal["state"] == "cancelled"


async def test_upload_refuses_what_is_no_file(server: Running):
    transfer = await server.transfer()
    assert (await server.call("POST", f"/upload/{transfer}", 400, data=form(b"x", field="other")))["error"]
    assert (await server.call("POST", f"/upload/{transfer}", 415, json={}))["code"] == "wrong-type"
    await server.call("POST", f"/upload/{'0' * 32}", 404, data=form(b"x"))
    cut = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf'
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    await server.call("POST", f"/upload/{transfer}", 400, data=cut, headers=headers)
    assert await server.app.spool.keys() == []
    await server.call("POST", f"/upload/{transfer}", data=form(b"at last"))


async def test_a_token_once_used_is_needed(server: Running):
    given = await server.post("/connect", {"user_id": "ann"})
    peer, token = given["peer_id"], given["peer_token"]
    await server.post(f"/heartbeat/{peer}")
    await server.post(f"/heartbeat/{peer}", token="wrong", expect=401)
    await server.post(f"/heartbeat/{peer}", token=token)
    assert (await server.post(f"/heartbeat/{peer}", expect=401))["code"] == "token-required"
    asked = {"sender_id": "ann", "receiver_id": "bob", "filename": "f"}
    await server.post("/request-transfer", asked, expect=401)
    await server.post("/request-transfer", asked, token=token)
    await server.post("/request-transfer", {**asked, "sender_id": "carol"}, token=token, expect=403)


async def test_web_pages_of_other_hosts_are_kept_out_and_named_ones_let_in(tmp_path: Path):
    async with running(tmp_path, cors_origins=("https://app.example",)) as server:
        ask = {"user_id": "ann"}
        foreign = await server.call("POST", "/connect", 403, json=ask, headers={"Origin": "https://evil.example"})
        assert foreign["code"] == "forbidden"
        for origin in ("https://app.example", server.url, "http://localhost:3000"):
            async with server.http.post("/connect", json=ask, headers={"Origin": origin}) as answer:
                assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, origin)
            asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            async with server.http.options("/connect", headers=asks) as answer:
                assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, origin)


async def test_the_documents_are_served(server: Running):
    paths = (await server.get("/openapi.json"))["paths"]
    assert "/upload/{transfer_id}" in paths
    events = await server.get("/asyncapi.json")
    assert events["asyncapi"] == "3.0.0"
    assert {"client.peer_signal", "server.peer_disconnected"} <= set(events["channels"]["socket"]["messages"])
    async with server.http.get("/docs") as answer:
        assert answer.status == 200
        page, policy = await answer.text(), answer.headers["content-security-policy"]
    assert "script-src 'self'; style-src 'self'; " in policy
    assert "unsafe" not in policy
    assert "//" not in page, "another host"
    assert "<script>" not in page
    for file in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        async with server.http.get(file) as answer:
            assert answer.status == 200, file


@pytest.mark.parametrize("path", ["/redoc", "/docs/oauth2-redirect", "/docs/"])
async def test_no_page_of_the_framework_is_served(server: Running, path: str):
    """They load scripts of other hosts, or have them inline."""
    await server.call("GET", path, 404)
