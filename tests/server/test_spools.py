"""Spools of sealed bytes with a served world, over both planes: tokens, quotas, what a change of policy does."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from burrowspace.core.records import Delivery, Notice, Sealed, Transfer, Upload
from tests.app import Running, running

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 4096  # 1 MiB: the kernel moves it
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
WINDOW = 64 * 1024


@pytest.fixture(params=[2, 0], ids=["kernel", "asgi"])
async def server(request: pytest.FixtureRequest, tmp_path: Path):
    async with running(tmp_path, bulk_threads=request.param, follow_wait_s=5) as server:
        yield server


async def make(server: Running, expect: int = 200, **body: Any) -> dict[str, Any]:
    return await server.post("/spools", {"policy": "rest", **body}, expect)


async def ask(
    server: Running, method: str, made: dict[str, Any], status: int, data: bytes = b"", token: str = "", **headers: str
) -> Any:
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    said["Authorization"] = f"Bearer {token or made['write_token']}"
    async with server.http.request(method, made["upload"], data=data or None, headers=said) as answer:
        assert answer.status == status, (answer.status, await answer.text())
        return answer.headers


async def get(server: Running, made: dict[str, Any], query: str = "", status: int = 200, **headers: str) -> bytes:
    async with server.http.get(made["download"] + query, headers=headers) as answer:
        assert answer.status == status, (answer.status, await answer.text())
        return await answer.read()


async def state(server: Running, made: dict[str, Any], expect: int = 200) -> Any:
    return await server.get(f"/spools/{made['transfer_id']}", expect)


async def allow(server: Running, made: dict[str, Any], policy: str, expect: int = 200, token: str = "") -> Any:
    said = {"Authorization": f"Bearer {token or made['write_token']}"}
    return await server.call("PATCH", f"/spools/{made['transfer_id']}", expect, json={"policy": policy}, headers=said)


async def until(server: Running, made: dict[str, Any], **wanted: Any) -> Any:
    """The state once it is so."""
    async with asyncio.timeout(10):
        while True:
            found = await state(server, made)
            if all(found[name] == value for name, value in wanted.items()):
                return found


async def test_sealed_bytes_go_up_with_the_token_and_down_with_the_id(server: Running):
    made = await make(server, length=len(DATA))
    key, half = made["transfer_id"], len(DATA) // 2
    assert (made["upload"], made["download"]) == (f"/upload/{key}", f"/download/{key}")
    await get(server, made, status=400)
    assert (await ask(server, "HEAD", made, 204))["upload-offset"] == "0"
    await ask(server, "PATCH", made, 204, DATA[:half], **TUS, Upload_Offset="0")
    found = await state(server, made)
    assert (found["offset"], found["first"], found["complete"], found["readers"]) == (half, 0, False, 0)
    assert (await ask(server, "HEAD", made, 204, **TUS))["upload-offset"] == str(half)
    await ask(server, "PATCH", made, 204, DATA[half:], **TUS, Upload_Offset=str(half))
    assert await get(server, made) == DATA
    assert await get(server, made, status=206, Range="bytes=5-9") == DATA[5:10]
    found = await state(server, made)
    assert (found["offset"], found["length"], found["complete"], found["policy"]) == (
        len(DATA),
        len(DATA),
        True,
        "rest",
    )


async def test_a_put_and_an_unknown_length_work_too_and_the_name_is_never_known(server: Running):
    made = await make(server)
    name = 'attachment; filename="secret.txt"'
    await ask(server, "PUT", made, 200, DATA, Content_Disposition=name)
    other = await make(server)
    said = {"Upload-Complete": "?1", "Content-Disposition": name, "Upload-Offset": "0"}
    kind = {"Content-Type": "application/partial-upload"}
    await ask(server, "PATCH", other, 200, DATA, **said, **kind)
    for each in (made, other):
        async with server.http.get(each["download"]) as answer:
            assert answer.headers["content-disposition"] == 'attachment; filename="sealed.bin"'
            assert await answer.read() == DATA


@pytest.mark.parametrize("size", [10, len(DATA)])
async def test_without_the_token_nothing_is_written_told_or_dropped(server: Running, size: int):
    made, other = await make(server, length=size), await make(server)
    data, key = DATA[:size], made["transfer_id"]
    for method, headers in (
        ("PUT", {}),
        ("POST", {"Tus-Resumable": "1.0.0", "Upload-Length": "5"}),
        ("POST", {"Content-Type": "multipart/form-data; boundary=B"}),
        ("PATCH", {**TUS, "Upload-Offset": "0"}),
        ("HEAD", {}),
        ("DELETE", {}),
    ):
        body = data if method in ("PUT", "PATCH") else b""
        async with server.http.request(method, made["upload"], data=body or None, headers=headers) as answer:
            assert (method, answer.status) == (method, 401)
        await ask(server, method, made, 403, body, token=other["write_token"], **headers)
    await server.post(f"/cancel-transfer/{key}", expect=401)
    await server.post(f"/cancel-transfer/{key}", expect=403, token=other["write_token"])
    assert (await state(server, made))["offset"] == 0


async def test_a_refusal_comes_before_the_body(server: Running):
    made = await make(server)
    said = {"Expect": "100-continue", "Authorization": "Bearer no", "Content-Length": "10000000"}

    async def never():
        raise AssertionError("the body was asked for")
        yield b""

    async with server.http.put(made["upload"], data=never(), headers=said, expect100=True) as answer:
        assert answer.status == 403


async def test_a_form_is_no_way_for_sealed_bytes(server: Running):
    made = await make(server)
    await ask(server, "POST", made, 415, b"--B--\r\n", Content_Type="multipart/form-data; boundary=B")


async def test_a_spool_shows_nobody_who_made_it_and_is_no_transfer_between_users(server: Running):
    made, plain = await make(server), await server.transfer()
    key = made["transfer_id"]
    await server.get(f"/transfer-status/{key}", 404)
    await server.post(f"/update-transfer-status/{key}", {"status": "completed", "progress": 100}, 404)
    await server.get(f"/spools/{plain}", 404)
    assert "127.0.0.1" not in str(await state(server, made))
    await ask(server, "PUT", made, 200, DATA)
    await server.post(f"/delivered/{key}")
    dropped = await make(server)
    await ask(server, "DELETE", dropped, 204)
    subjects = await server.app.state.read(lambda rows: [notice.subject for notice in rows.find(Notice)])
    assert plain in subjects
    assert not {key, dropped["transfer_id"]} & set(subjects)


async def test_followers_start_before_the_first_byte_and_are_counted(server: Running):
    made = await make(server, length=len(DATA), policy="live-then-rest")
    reading = [asyncio.create_task(get(server, made, "?follow=1")) for _ in range(2)]
    await until(server, made, readers=2)
    await ask(server, "PATCH", made, 204, DATA, **TUS, Upload_Offset="0")
    assert await asyncio.gather(*reading) == [DATA, DATA]
    await until(server, made, readers=0, complete=True)


async def test_who_holds_it_says_so_once_each(server: Running):
    made = await make(server)
    where = f"/delivered/{made['transfer_id']}"
    await server.post(where, expect=400)
    await ask(server, "PUT", made, 200, DATA)
    for said, count in (
        ({}, 1),
        ({}, 1),
        ({"peer_id": "laptop"}, 2),
        ({"peer_id": "phone"}, 3),
        ({"peer_id": "phone"}, 3),
    ):
        assert (await server.post(where, said))["deliveries"] == count
    assert (await state(server, made))["deliveries"] == 3


async def test_deleting_takes_everything_and_ends_who_follows(server: Running):
    made = await make(server, length=len(DATA))
    await ask(server, "PATCH", made, 204, DATA[:1000], **TUS, Upload_Offset="0")
    async with server.http.get(made["download"] + "?follow=1") as answer:
        assert await answer.content.readexactly(1000) == DATA[:1000]
        await ask(server, "DELETE", made, 204)
        with pytest.raises(Exception, match=r"payload|[Cc]onnection"):
            await answer.content.read()
    await state(server, made, 404)
    await get(server, made, status=404)
    await ask(server, "HEAD", made, 404)
    assert await server.app.spool.keys() == []
    for kind in (Transfer, Upload, Sealed, Delivery):
        assert await server.app.state.read(lambda rows, kind=kind: rows.count(kind)) == 0


async def test_a_live_upload_that_waits_goes_on_when_it_is_let_rest(server: Running):
    made = await make(server, length=len(DATA), policy="live", window=WINDOW)
    sending = asyncio.create_task(ask(server, "PATCH", made, 204, DATA, **TUS, Upload_Offset="0"))
    await until(server, made, offset=WINDOW)
    assert not sending.done()
    assert (await allow(server, made, "live-then-rest"))["policy"] == "live-then-rest"
    async with asyncio.timeout(10):
        await sending
    assert (await state(server, made))["complete"]
    assert await get(server, made) == DATA


async def test_what_is_complete_may_rest_while_a_slow_reader_is_at_it(server: Running):
    size, loop = 32 * len(DATA), asyncio.get_running_loop()
    made = await make(server, length=size, policy="live-then-rest")
    await ask(server, "PATCH", made, 204, DATA * 32, **TUS, Upload_Offset="0")
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        reader.setblocking(False)
        await loop.sock_connect(reader, ("127.0.0.1", server.app.reach.port))
        await loop.sock_sendall(reader, f"GET {made['download']}?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert await loop.sock_recv(reader, 1024)
        await server.http.head(made["download"])  # it reads nothing
        await until(server, made, readers=1, complete=True)
        assert (await allow(server, made, "rest"))["policy"] == "rest"
        await allow(server, made, "live", 409)
    await until(server, made, readers=0)
    assert (await get(server, made)) == DATA * 32
    assert await server.app.state.read(lambda rows: rows.total(Upload, "reserved")) == size


async def test_a_live_upload_whose_reader_has_stopped_rests_from_there_on(server: Running):
    size, loop = 32 * len(DATA), asyncio.get_running_loop()
    made = await make(server, length=size, policy="live", window=WINDOW)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)  # what it has not read, it does not have
        reader.setblocking(False)
        await loop.sock_connect(reader, ("127.0.0.1", server.app.reach.port))
        await loop.sock_sendall(reader, f"GET {made['download']}?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await until(server, made, readers=1)
        sending = asyncio.create_task(ask(server, "PATCH", made, 204, DATA * 32, **TUS, Upload_Offset="0"))
        seen = bytearray()
        while len(seen) < size * 3 // 4:
            seen += await loop.sock_recv(reader, len(DATA))
        assert not sending.done()
        await allow(server, made, "rest")
        async with asyncio.timeout(20):
            await sending
        found = await state(server, made)
        assert (found["offset"], found["complete"], found["policy"]) == (size, True, "rest")
        head = seen.index(b"\r\n\r\n") + 4
        while len(seen) < head + size:
            seen += await loop.sock_recv(reader, len(DATA))
    assert seen[head:] == DATA * 32
    first = found["first"]
    assert first > 0
    assert await server.app.state.read(lambda rows: rows.total(Upload, "reserved")) == size - first
    rest = await get(server, made, status=206, Range=f"bytes={first}-")
    assert rest == (DATA * 32)[first:]
    await get(server, made, status=416)


async def test_a_policy_is_only_made_freer_and_only_by_its_owner(server: Running):
    made, other = await make(server, policy="live-then-rest", length=5), await make(server)
    await server.call("PATCH", f"/spools/{made['transfer_id']}", 401, json={"policy": "rest"})
    await allow(server, made, "rest", 403, other["write_token"])
    await allow(server, made, "live", 409)
    await allow(server, made, "live-then-rest")
    await allow(server, made, "rest")
    await allow(server, made, "live-then-rest", 409)
    await allow(server, made, "nonsense", 400)
    plain = await server.transfer()
    await server.call("PATCH", f"/spools/{plain}", 404, json={"policy": "rest"})


async def test_a_change_of_policy_is_kept_over_a_new_start_of_the_upload(server: Running):
    made = await make(server, policy="live", window=WINDOW, length=len(DATA))
    await allow(server, made, "rest")
    await ask(server, "PUT", made, 200, DATA, Burrow_Policy="live")
    assert await get(server, made) == DATA


async def test_quotas_count_what_came_and_letting_rest_needs_room(tmp_path: Path):
    async with running(tmp_path, user_quota_bytes=len(DATA)) as server:
        refusal = await make(server, 507, length=len(DATA) + 1)
        assert str(len(DATA)) in refusal["error"]
        live = await make(server, length=2 * len(DATA), policy="live", window=WINDOW)
        await allow(server, live, "rest", 507)
        assert (await state(server, live))["policy"] == "live"
        await ask(server, "DELETE", live, 204)
        made, other = await make(server, length=len(DATA)), await make(server, length=len(DATA))
        await ask(server, "PUT", made, 200, DATA)
        await ask(server, "PUT", other, 507, DATA)
        await make(server, 507, length=1)
        assert await server.app.state.read(lambda rows: rows.count(Sealed)) == 2


async def test_a_live_spool_reserves_its_window_and_not_its_length(tmp_path: Path):
    async with running(tmp_path, user_quota_bytes=4 * WINDOW) as server:
        made = await make(server, length=len(DATA), policy="live", window=WINDOW)
        reading = asyncio.create_task(get(server, made, "?follow=1"))
        await ask(server, "PATCH", made, 204, DATA, **TUS, Upload_Offset="0")
        assert await reading == DATA
        assert await server.app.state.read(lambda rows: rows.total(Upload, "reserved")) == 2 * WINDOW
        await make(server, length=2 * WINDOW)
        await make(server, 507, length=2 * WINDOW + 1)


async def test_spools_are_bounded_in_number_and_in_size(tmp_path: Path, monkeypatch):
    async with running(tmp_path, max_spools=2, max_file_bytes=1000, max_spools_per_address=1) as server:
        await make(server, 413, length=1001)
        made = await make(server)
        monkeypatch.setattr("burrowspace.server.api.context.counted", lambda _: "203.0.113.7")
        await make(server)
        await make(server, 429)
        monkeypatch.undo()
        await make(server, 429)
        await ask(server, "DELETE", made, 204)
        await make(server)


async def test_an_unfinished_spool_survives_a_restart_with_its_token_window_and_policy(tmp_path: Path):
    async with running(tmp_path) as server:
        made = await make(server, length=len(DATA), policy="live", window=WINDOW)
        await ask(server, "PATCH", made, 204, DATA[:1000], **TUS, Upload_Offset="0")
    async with running(tmp_path) as server:
        found = await state(server, made)
        assert (found["offset"], found["window"], found["policy"]) == (1000, WINDOW, "live")
        reading = asyncio.create_task(get(server, made, "?follow=1"))
        await ask(server, "PATCH", made, 204, DATA[1000:], **TUS, Upload_Offset="1000")
        assert await reading == DATA


async def test_spools_expire_begun_or_complete(tmp_path: Path):
    async with running(tmp_path, store_hours=1e-9) as server:
        begun, done = await make(server, length=5), await make(server)
        await ask(server, "PUT", done, 200, DATA)
        await server.app.driver.sweep()
        for each in (begun, done):
            await state(server, each, 404)
            await get(server, each, status=404)
        assert await server.app.spool.keys() == []
        assert await server.app.state.read(lambda rows: rows.total(Upload, "reserved")) == 0


@pytest.mark.parametrize(
    "body",
    [
        {"policy": "burn"},
        {"length": -1},
        {"length": "5"},
        {"length": 1.5},
        {"length": 2**60},
        {"window": 1},
        {"window": 2**40},
        [],
    ],
)
async def test_what_makes_no_sense_is_refused(server: Running, body: Any):
    await server.post("/spools", body, 400)
    assert await server.app.spool.keys() == []


async def test_hello_says_what_a_program_without_a_user_needs(server: Running):
    hello, connected = await server.get("/hello"), await server.post("/connect", {"user_id": "ann"})
    assert hello["your_ip"] == "127.0.0.1"
    for same in ("ice_servers", "limits", "features", "server_id"):
        assert hello[same] == connected[same]
    assert {"mailboxes", "nameplates", "spools"} <= set((await server.get("/status"))["features"])
