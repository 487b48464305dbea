"""The app uploads twice at once, again after a lost answer, again while an older attempt hangs, and after a direct
attempt that only seemed to work."""

import asyncio

import pytest

from tests.app import Running
from tests.published.calls import Broken, Calls, statuses, twice
from tests.published.test_text import agreed

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 4096  # 1 MiB
SIZES = pytest.mark.parametrize("data", [b"small", DATA], ids=["small", "large"])


async def stored(http: Calls, made: str, data: bytes) -> None:
    assert (await http.get(f"/download/{made}")).body == data
    assert (await http.get(f"/transfer-status/{made}")).json()["status"] == "completed"


@SIZES
async def test_two_uploads_of_one_file_at_once_both_hear_200(either: Running, http: Calls, data: bytes):
    made = await agreed(http)
    answers = await twice(lambda: http.upload(f"/upload/{made}", "a.bin", data))
    assert statuses(answers) == [200, 200]
    assert [a.json() for a in answers] == [{"status": "completed", "transfer_id": made, "filename": "a.bin"}] * 2
    await stored(http, made, data)


async def test_of_two_uploads_that_cross_both_hear_200_whichever_ends_first(either: Running, http: Calls):
    for first_ends_first in (True, False):
        made = await agreed(http)
        uploads = []
        for part in (DATA[:500_000], DATA[:100_000]):
            uploads.append(await http.begin_upload(f"/upload/{made}", "a.bin", len(DATA)))
            await uploads[-1].send(part)
            await moving(http, made)
        for upload in uploads if first_ends_first else reversed(uploads):
            await upload.send(DATA[-upload.left :])
        assert statuses([await upload.answer() for upload in uploads]) == [200, 200]
        await stored(http, made, DATA)


async def moving(http: Calls, made: str) -> None:
    """Waits until bytes of the transfer have arrived."""
    async with asyncio.timeout(10):
        while (await http.get(f"/transfer-status/{made}")).json()["progress"] == 0:
            await asyncio.sleep(0.02)


async def test_a_newer_upload_takes_over_from_one_that_hangs(either: Running, http: Calls):
    made = await agreed(http)
    hangs = await http.begin_upload(f"/upload/{made}", "a.bin", len(DATA))
    await hangs.send(DATA[:300_000])
    await moving(http, made)
    assert (await http.upload(f"/upload/{made}", "b.bin", DATA)).status == 200
    await stored(http, made, DATA)
    assert (await http.get(f"/transfer-status/{made}")).json()["filename"] == "b.bin"
    hangs.close()
    await stored(http, made, DATA)


async def test_what_a_newer_upload_took_over_and_did_not_finish_is_said_to_both(either: Running, http: Calls):
    made = await agreed(http)
    older = await http.begin_upload(f"/upload/{made}", "a.bin", len(DATA))
    await older.send(DATA[:300_000])
    await moving(http, made)
    newer = await http.begin_upload(f"/upload/{made}", "a.bin", len(DATA))
    await newer.send(DATA[:10])
    await either_waits(either, made, 2)
    newer.close()
    await older.send(DATA[300_000:])
    assert (await older.answer()).status == 409
    assert (await http.upload(f"/upload/{made}", "a.bin", DATA)).status == 200
    await stored(http, made, DATA)


async def either_waits(server: Running, made: str, count: int) -> None:
    """Waits until so many requests of the upload have begun."""
    claims = server.app.driver.uploads.claims
    async with asyncio.timeout(10):
        while len([claim for claim in claims.of(made) if claim.begun]) < count:
            await asyncio.sleep(0.01)


@SIZES
async def test_an_upload_whose_answer_was_lost_is_answered_again(either: Running, http: Calls, data: bytes):
    made = await agreed(http)
    first = await http.upload(f"/upload/{made}", "a.bin", data)
    again = await http.upload(f"/upload/{made}", "other.bin", data[:-1] + b"!" * 20_000_000)
    assert (again.status, again.json()) == (200, first.json())
    await stored(http, made, data)


@SIZES
async def test_what_a_peer_reported_completed_without_bytes_here_may_still_be_uploaded(
    either: Running, http: Calls, data: bytes
):
    made = await agreed(http)
    report = {"status": "completed", "progress": 100.0}
    assert statuses(await twice(lambda: http.post(f"/update-transfer-status/{made}", report))) == [200, 200]
    assert (await http.get(f"/download/{made}")).status == 400
    assert (await http.upload(f"/upload/{made}", "a.bin", data)).status == 200
    await stored(http, made, data)
    assert (await http.get(f"/transfer-status/{made}")).json()["transfer_mode"] == "server_relay"


async def test_reports_during_an_upload_do_not_end_it(either: Running, http: Calls):
    made = await agreed(http)
    upload = await http.begin_upload(f"/upload/{made}", "a.bin", len(DATA))
    await upload.send(DATA[:500_000])
    await moving(http, made)
    for word in ("completed", "transferring", "failed", "ready", "paused"):
        answer = await http.post(f"/update-transfer-status/{made}", {"status": word, "progress": 40.0})
        assert answer.status == 200
    await upload.send(DATA[500_000:])
    assert (await upload.answer()).status == 200
    await stored(http, made, DATA)


async def test_the_progress_of_a_slow_upload_is_at_most_half_a_second_old(either: Running, http: Calls):
    """60 KB/s: no piece is large, and the kernel wakes nobody for so little."""
    either_size = 600_000
    made = await agreed(http)
    upload = await http.begin_upload(f"/upload/{made}", "a.bin", either_size)
    loop, sent = asyncio.get_running_loop(), 0
    times: list[tuple[float, int]] = []  # when so many bytes had been sent
    for _ in range(20):
        await upload.send(bytes(6000))
        sent += 6000
        times.append((loop.time(), sent))
        await asyncio.sleep(0.1)
        seen = (await http.get(f"/transfer-status/{made}")).json()["progress"]
        due = max((size for at, size in times if at < loop.time() - 0.5), default=0)
        assert seen >= int(100 * due / either_size) - 1, (seen, due)
    assert 0 < seen < 100
    upload.close()


async def test_an_upload_that_pauses_longer_than_the_stall_limit_is_told(either: Running, http: Calls):
    """And the next attempt succeeds. A refusal that comes while the client pauses must not be lost when it goes on."""
    made = await agreed(http)
    paused = await http.begin_upload(f"/upload/{made}", "a.bin", 12 * len(DATA))
    await paused.send(DATA)
    async with asyncio.timeout(10):
        while either.app.driver.uploads.is_running(made):
            await asyncio.sleep(0.05)
    await asyncio.sleep(3)
    for _ in range(11):
        await paused.send(DATA)
    answer = await paused.answer()
    assert (answer.status, answer.json()["code"]) == (408, "stalled")
    assert (await http.upload(f"/upload/{made}", "a.bin", DATA)).status == 200


async def test_an_upload_that_was_called_off_is_told_so(either: Running, http: Calls):
    made = await agreed(http)
    upload = await http.begin_upload(f"/upload/{made}", "a.bin", len(DATA))
    await upload.send(DATA[:500_000])
    await moving(http, made)
    assert (await http.post(f"/cancel-transfer/{made}")).status == 200
    try:
        await upload.send(DATA[500_000:])
        assert (await upload.answer()).status == 409
    except Broken:
        pytest.fail("the app sees no status")


async def test_a_refused_form_that_falls_silent_is_closed(either: Running, http: Calls):
    """Nothing is kept open for whoever sends a form to nowhere and stops, nor for a form on another call."""
    for path in ("/upload/" + "0" * 32, "/connect"):
        upload = await http.begin_upload(path, "a.bin", len(DATA))
        await upload.send(b"x" * 1000)
        async with asyncio.timeout(15):
            while await upload.connection.reader.read(1000):
                pass
        upload.close()
