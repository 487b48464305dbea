"""The four ways up and the ways down, over both planes: moved by the kernel, and through ASGI."""

import asyncio
import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.app import Running, running
from tests.server.test_api import form

pytestmark = pytest.mark.anyio
TUS = {"Tus-Resumable": "1.0.0"}
BODY = {**TUS, "Content-Type": "application/offset+octet-stream"}
PART = {"Content-Type": "application/partial-upload"}
DATA = bytes(range(256)) * 4096  # 1 MiB: the kernel moves it


@pytest.fixture(params=[2, 0], ids=["kernel", "asgi"])
async def server(request: pytest.FixtureRequest, tmp_path: Path):
    async with running(tmp_path, bulk_threads=request.param, follow_wait_s=5) as server:
        yield server


async def send(server: Running, method: str, key: str, status: int, data: bytes = b"", **headers: str) -> Any:
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    async with server.http.request(method, f"/upload/{key}", data=data or None, headers=said) as answer:
        assert answer.status == status, (answer.status, await answer.text())
        return answer.headers


async def create(server: Running, length: int = len(DATA)) -> str:
    key = await server.transfer()
    name = base64.b64encode(b"film.mp4").decode()
    headers = await send(server, "POST", key, 201, **TUS, Upload_Length=str(length), Upload_Metadata=f"filename {name}")
    assert headers["location"] == key
    assert length == 0 or headers["upload-expires"].endswith("GMT")
    return key


async def get(server: Running, key: str, status: int = 200, query: str = "", **headers: str) -> tuple[bytes, Any]:
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    async with server.http.get(f"/download/{key}{query}", headers=said) as answer:
        assert answer.status == status, (answer.status, await answer.text())
        return await answer.read(), answer.headers


async def test_a_form_a_put_tus_and_the_draft_bring_the_same_file(server: Running):
    keys = [await server.transfer() for _ in range(3)]
    await server.call("POST", f"/upload/{keys[0]}", data=form(DATA))
    done = await server.call("PUT", f"/upload/{keys[1]}", data=DATA)
    assert done == {"status": "completed", "transfer_id": keys[1], "filename": "a.txt"}
    headers = await send(server, "POST", keys[2], 200, DATA, Upload_Complete="?1")
    assert headers["upload-complete"] == "?1"
    keys.append(await create(server))
    headers = await send(server, "PATCH", keys[3], 204, DATA, **BODY, Upload_Offset="0")
    assert headers["upload-offset"] == str(len(DATA))
    for key in keys:
        assert (await get(server, key))[0] == DATA
        assert (await server.get(f"/transfer-status/{key}"))["status"] == "completed"
    assert (await server.get(f"/transfer-status/{keys[3]}"))["filename"] == "film.mp4"


async def test_tus_goes_on_where_it_stands(server: Running):
    key, half = await create(server), len(DATA) // 2
    await send(server, "PATCH", key, 204, DATA[:half], **BODY, Upload_Offset="0")
    headers = await send(server, "HEAD", key, 204, **TUS)
    assert (headers["upload-offset"], headers["upload-length"]) == (str(half), str(len(DATA)))
    refused = await send(server, "PATCH", key, 409, DATA[:half], **BODY, Upload_Offset="7")
    assert refused["upload-offset"] == str(half)
    assert (await server.get(f"/transfer-status/{key}"))["progress"] == 50
    await send(server, "PATCH", key, 413, DATA, **BODY, Upload_Offset=str(half))
    await send(server, "PATCH", key, 204, DATA[half:], **BODY, Upload_Offset=str(half))
    assert (await get(server, key))[0] == DATA
    headers = await send(server, "HEAD", key, 204, **TUS)
    assert (headers["upload-offset"], headers["upload-complete"]) == (str(len(DATA)), "?1")


async def test_the_draft_goes_on_where_it_stands(server: Running):
    key, half = await server.transfer(), len(DATA) // 2
    headers = await send(server, "POST", key, 201, DATA[:half], Upload_Complete="?0")
    assert (headers["location"], headers["upload-complete"]) == (key, "?0")
    assert (await send(server, "HEAD", key, 204))["upload-offset"] == str(half)
    problem = await server.call(
        "PATCH", f"/upload/{key}", 409, data=DATA, headers={**PART, "Upload-Offset": "1", "Upload-Complete": "?1"}
    )
    assert (problem["expected-offset"], problem["provided-offset"]) == (half, 1)
    headers = await send(server, "PATCH", key, 200, DATA[half:], **PART, Upload_Offset=str(half), Upload_Complete="?1")
    assert headers["upload-complete"] == "?1"
    assert (await get(server, key))[0] == DATA


async def test_a_length_may_come_later_and_is_held_to(server: Running):
    key = await server.transfer()
    await send(server, "POST", key, 201, **TUS, Upload_Defer_Length="1")
    await send(server, "PATCH", key, 204, DATA, **BODY, Upload_Offset="0")
    assert (await send(server, "HEAD", key, 204, **TUS))["upload-defer-length"] == "1"
    whole = str(len(DATA) + 3)
    await send(server, "PATCH", key, 204, b"end", **BODY, Upload_Offset=str(len(DATA)), Upload_Length=whole)
    assert (await get(server, key))[0] == DATA + b"end"


async def test_creation_may_bring_the_first_bytes_and_an_empty_file_is_complete_at_once(server: Running):
    key = await server.transfer()
    await send(server, "POST", key, 201, DATA, **BODY, Upload_Length=str(len(DATA)))
    assert (await get(server, key))[0] == DATA
    empty = await create(server, 0)
    assert (await get(server, empty))[0] == b""


async def test_a_checksum_that_is_wrong_keeps_nothing_of_the_body(server: Running):
    key = await create(server)
    good = "sha256 " + base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    bad = "sha256 " + base64.b64encode(hashlib.sha256(b"").digest()).decode()
    await send(server, "PATCH", key, 460, DATA, **BODY, Upload_Offset="0", Upload_Checksum=bad)
    assert (await send(server, "HEAD", key, 204, **TUS))["upload-offset"] == "0"
    await send(server, "PATCH", key, 204, DATA, **BODY, Upload_Offset="0", Upload_Checksum=good)
    assert (await get(server, key))[0] == DATA
    assert await server.app.spool.keys() == [key]


async def test_termination_takes_the_bytes_and_the_upload_is_gone(server: Running):
    key = await create(server)
    await send(server, "PATCH", key, 204, DATA[:100], **BODY, Upload_Offset="0")
    await send(server, "DELETE", key, 204, **TUS)
    await send(server, "HEAD", key, 410, **TUS)
    await send(server, "PATCH", key, 410, DATA[100:], **BODY, Upload_Offset="100")
    assert await server.app.spool.keys() == []


async def test_a_put_of_the_rest_goes_on_and_chunks_need_no_length(server: Running):
    key = await server.transfer()

    async def chunks():
        for at in range(0, len(DATA), 100_000):
            yield DATA[at : at + 100_000]

    async with server.http.put(f"/upload/{key}", data=chunks()) as answer:
        assert (answer.status, (await answer.json())["status"]) == (200, "completed")
    assert (await get(server, key))[0] == DATA
    other, half = await create(server), len(DATA) // 2
    await send(server, "PATCH", other, 204, DATA[:half], **BODY, Upload_Offset="0")
    rest = f"bytes {half}-{len(DATA) - 1}/{len(DATA)}"
    await send(server, "PUT", other, 200, DATA[half:], Content_Range=rest)
    assert (await get(server, other))[0] == DATA


async def test_a_form_that_goes_on_behind_its_file_is_cut_where_the_file_ends(server: Running):
    key = await server.transfer()
    head = b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhi\r\n'
    head += b'--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    tails = [b"\r\n--B--\r\n", b"\r\n--B--", b"\r\n--B\r\nContent-Disposition: form-data; name=z\r\n\r\n9\r\n--B--\r\n"]
    for tail in tails:
        key = await server.transfer()
        said = {"Content-Type": "multipart/form-data; boundary=B"}
        done = await server.call("POST", f"/upload/{key}", data=head + DATA + tail, headers=said)
        assert done["filename"] == "x"
        assert (await get(server, key))[0] == DATA
    broken = await server.transfer()
    await server.call("POST", f"/upload/{broken}", 400, data=head + DATA + b"\r\n--B", headers=said)
    assert broken not in await server.app.spool.keys()


@pytest.mark.parametrize("second", [1000, 2 << 20, 7 << 20])
async def test_a_second_file_is_never_stored_as_part_of_the_first(server: Running, second: int):
    part = b'--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    other = b'\r\n--B\r\nContent-Disposition: form-data; name="file2"; filename="y"\r\n\r\n'
    body = part + DATA + other + bytes(second) + b"\r\n--B--\r\n"
    key, said = await server.transfer(), {"Content-Type": "multipart/form-data; boundary=B"}
    if second < 1 << 20:
        await server.call("POST", f"/upload/{key}", data=body, headers=said)
        assert (await get(server, key))[0] == DATA
    else:
        await server.call("POST", f"/upload/{key}", 400, data=body, headers=said)
        assert key not in await server.app.spool.keys()


async def test_a_part_of_an_upload_of_unknown_length_can_be_followed(server: Running):
    key, third = await server.transfer(), len(DATA) // 3
    await send(server, "POST", key, 201, **TUS, Upload_Defer_Length="1")
    await send(server, "PATCH", key, 204, DATA[:third], **BODY, Upload_Offset="0")
    body, headers = await get(server, key, 206, query="?follow=1", Range="bytes=1000-")
    assert (body == DATA[1000:third], headers["content-range"]) == (True, f"bytes 1000-{third - 1}/*")
    await get(server, key, 416, query="?follow=1", Range=f"bytes={third}-")
    far = {"Range": f"bytes=1000-{1 << 50}"}
    async with server.http.get(f"/download/{key}?follow=1", headers=far) as answer:
        assert (answer.status, answer.headers["content-range"]) == (206, f"bytes 1000-{1 << 50}/*")
        rest = {"Upload_Offset": str(third), "Upload_Length": str(len(DATA))}
        await send(server, "PATCH", key, 204, DATA[third:], **BODY, **rest)
        assert await answer.read() == DATA[1000:]


async def test_a_range_a_suffix_and_if_range(server: Running):
    key = await server.transfer()
    await server.call("PUT", f"/upload/{key}", data=DATA)
    body, headers = await get(server, key)
    tag = headers["etag"]
    assert (headers["accept-ranges"], body) == ("bytes", DATA)
    body, headers = await get(server, key, 206, Range="bytes=100-299999")
    assert body == DATA[100:300_000]
    assert headers["content-range"] == f"bytes 100-299999/{len(DATA)}"
    assert (await get(server, key, 206, Range="bytes=-300000", If_Range=tag))[0] == DATA[-300_000:]
    assert (await get(server, key, 206, Range="bytes=5-9"))[0] == DATA[5:10]
    assert (await get(server, key, 200, Range="bytes=5-9", If_Range='"no"'))[0] == DATA
    assert (await get(server, key, 200, Range="bytes=5-9,20-30"))[0] == DATA
    refused = (await get(server, key, 416, Range=f"bytes={len(DATA)}-"))[1]
    assert refused["content-range"] == f"bytes */{len(DATA)}"
    async with server.http.head(f"/download/{key}") as answer:
        assert (answer.status, answer.headers["content-length"]) == (200, str(len(DATA)))
        assert answer.headers["etag"] == tag


async def test_only_a_receiver_that_says_so_counts_as_delivered(server: Running):
    key, bob = await server.transfer(), await server.connect("bob")
    await server.call("POST", f"/delivered/{key}", 400)
    await server.call("PUT", f"/upload/{key}", data=DATA)
    for _ in range(2):
        assert (await get(server, key))[0] == DATA
    assert (await server.post(f"/delivered/{key}"))["deliveries"] == 1
    assert (await server.post(f"/delivered/{key}"))["deliveries"] == 1
    assert (await server.post(f"/delivered/{key}", {"peer_id": bob}))["deliveries"] == 2
    ann = await server.connect("ann")
    await server.post(f"/delivered/{key}", {"peer_id": ann}, expect=403)


@pytest.mark.parametrize("followers", [1, 12])
async def test_followers_start_before_the_upload_and_have_all_of_it_each_at_its_own_pace(
    server: Running, followers: int
):
    key = await server.transfer()
    waiting = [asyncio.create_task(get(server, key, query="?follow=1")) for _ in range(followers)]
    await send(server, "POST", key, 201, **TUS, Upload_Length=str(len(DATA)))
    part = len(DATA) // 4
    for at in range(0, len(DATA), part):
        await send(server, "PATCH", key, 204, DATA[at : at + part], **BODY, Upload_Offset=str(at))
        waiting.append(asyncio.create_task(get(server, key, query="?follow=1")))
    for body, headers in await asyncio.gather(*waiting):
        assert (len(body), body == DATA) == (len(DATA), True)
        assert headers["content-length"] == str(len(DATA))


async def test_the_first_bytes_are_seen_while_the_last_are_not_sent(server: Running):
    key, half = await create(server), len(DATA) // 2
    await send(server, "PATCH", key, 204, DATA[:half], **BODY, Upload_Offset="0")
    async with server.http.get(f"/download/{key}?follow=1") as answer:
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert await answer.content.readexactly(half) == DATA[:half]
        await send(server, "PATCH", key, 204, DATA[half:], **BODY, Upload_Offset=str(half))
        assert await answer.content.read() == DATA[half:]
    async with server.http.get(f"/download/{key}?follow=1", headers={"Range": f"bytes={half}-"}) as answer:
        assert (answer.status, await answer.content.read()) == (206, DATA[half:])


async def test_a_follower_of_an_upload_that_is_called_off_sees_a_broken_answer(server: Running):
    key = await create(server)
    await send(server, "PATCH", key, 204, DATA[:1000], **BODY, Upload_Offset="0")
    async with server.http.get(f"/download/{key}?follow=1") as answer:
        assert await answer.content.readexactly(1000) == DATA[:1000]
        await server.post(f"/cancel-transfer/{key}")
        with pytest.raises(Exception, match=r"payload|[Cc]onnection"):
            await answer.content.read()


async def test_a_live_upload_passes_its_reader_by_and_gives_its_space_back(server: Running):
    key, data = await server.transfer(), DATA * 40
    reading = asyncio.create_task(get(server, key, query="?follow=1"))
    await send(server, "PUT", key, 200, data, Burrow_Policy="live")
    assert (await reading)[0] == data
    kept = await server.app.spool.first(key)
    assert kept > 0
    await get(server, key, 416)


async def test_an_upload_may_begin_at_a_later_block(server: Running):
    key = await server.transfer()
    await send(server, "PUT", key, 200, DATA, Burrow_Begin="1000")
    assert (await get(server, key, 206, Range="bytes=1000-"))[0] == DATA
    await get(server, key, 416)


async def test_quotas_refuse_before_the_body_with_a_sentence(tmp_path: Path):
    async with running(tmp_path, user_quota_bytes=1000) as server:
        key, other = await server.transfer(), await server.transfer()
        refusal = await server.call("PUT", f"/upload/{key}", 507, data=DATA)
        assert "1000 bytes" in refusal["error"]
        await server.call("PUT", f"/upload/{key}", data=DATA[:600])
        await server.call("PUT", f"/upload/{other}", 507, data=DATA[:600])
        await server.post(f"/cancel-transfer/{key}")
        await server.call("PUT", f"/upload/{other}", data=DATA[:600])


async def test_an_unfinished_upload_survives_a_restart_and_expires_by_the_sweep(tmp_path: Path):
    async with running(tmp_path) as server:
        key = await create(server)
        await send(server, "PATCH", key, 204, DATA[:1000], **BODY, Upload_Offset="0")
    async with running(tmp_path) as server:
        assert (await send(server, "HEAD", key, 204, **TUS))["upload-offset"] == "1000"
        await send(server, "PATCH", key, 204, DATA[1000:], **BODY, Upload_Offset="1000")
        assert (await get(server, key))[0] == DATA
        lost = await create(server)
    async with running(tmp_path, unfinished_days=1e-9) as server:
        await send(server, "POST", lost, 201, **TUS, Upload_Length="5")
        await server.app.driver.sweep()
        assert await server.app.spool.keys() == [key]
        await send(server, "HEAD", lost, 404, **TUS)


async def test_a_tus_upload_whole_but_never_answered_is_complete_when_asked_for(server: Running):
    key = await create(server)
    await server.app.spool.append(key, 0, DATA)  # as kill -9 between the last byte and the commit leaves it
    told = await send(server, "HEAD", key, 204, **TUS)
    assert (told["upload-offset"], told["upload-complete"]) == (str(len(DATA)), "?1")
    assert (await get(server, key))[0] == DATA
