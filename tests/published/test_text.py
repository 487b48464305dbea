"""The app decodes JSON as Latin-1 unless told otherwise, and encodes names in a way of its own."""

from pathlib import Path
from typing import Any

import pytest

from tests.app import Running, running
from tests.bulk.wire import Wire
from tests.published.calls import Answer, Calls, calls

pytestmark = pytest.mark.anyio

NAME = "Zwölf Boxkämpfer — 日本.txt"


async def agreed(http: Calls, filename: str = "a.bin") -> str:
    ask = {"sender_id": "ann", "receiver_id": "bob", "filename": filename}
    asked = (await http.post("/request-transfer", ask)).json()
    return str((await http.post(f"/approve-transfer/{asked['request_id']}")).json()["transfer_id"])


def readable(answer: Answer) -> Any:
    """The app reads what was written."""
    if "json" in answer.headers.get("content-type", ""):
        assert answer.text == answer.body.decode(), answer.headers["content-type"]
        assert "charset=utf-8" in answer.headers["content-type"]
        return answer.json()
    return None


async def test_names_and_users_beyond_ascii_arrive_as_they_were_sent(either: Running, http: Calls):
    user = "Jürgen 京"
    peer = readable(await http.post("/connect", {"user_id": user}))["peer_id"]
    for path in ("/peers", "/peers?user_id=J%C3%BCrgen%20%E4%BA%AC"):
        assert readable(await http.get(path))["peers"][peer]["user_id"] == user
    ask = {"sender_id": user, "receiver_id": "bob", "filename": NAME}
    asked = readable(await http.post("/request-transfer", ask))
    made = readable(await http.post(f"/approve-transfer/{asked['request_id']}"))["transfer_id"]
    status = readable(await http.get(f"/transfer-status/{made}"))
    assert (status["filename"], status["sender_id"]) == (NAME, user)
    for data in (b"small", bytes(200_000)):  # the second one is moved by the kernel where that is allowed
        made = await agreed(http, NAME)
        assert readable(await http.upload(f"/upload/{made}", NAME, data))["filename"] == NAME


@pytest.mark.parametrize("size", [5, 200_000])
async def test_every_refusal_can_be_read(either: Running, http: Calls, size: int):
    made = await agreed(http)
    refusals = [
        await http.get("/nothing"),
        await http.get("/connect"),
        await http.post("/connect", {"user": "x"}),
        await http.post("/connect"),
        await http.post("/heartbeat/0"),
        await http.get("/transfer-status/" + "0" * 32),
        await http.get(f"/download/{made}"),
        await http.upload("/upload/" + "0" * 32, NAME, bytes(size)),
        await http.get("/socket.io/?EIO=3&transport=polling"),
        await http.post("/connect", {"user_id": "x"}, origin="https://elsewhere.example"),
        await http.post("/connect", {"user_id": "x" * 100_000}),
        await http.post("/connect", {"user_id": "x"}, authorization="Nonsense"),
    ]
    assert {answer.status for answer in refusals} >= {400, 403, 404, 405, 413}
    for answer in refusals:
        assert answer.status >= 400
        readable(answer)


async def test_problems_of_resumable_uploads_can_be_read(either: Running, http: Calls):
    """The kernel's path and the other one write their own heads."""
    made = await agreed(http)
    wire = await Wire.to(either)
    try:
        headers = {"Content_Type": "application/partial-upload", "Upload_Complete": "?1"}
        await wire.ask("PUT", f"/upload/{made}", b"x" * 70_000, Upload_Complete="?0")
        assert (await wire.get()).status == 201
        await wire.ask("PATCH", f"/upload/{made}", b"x" * 70_000, Upload_Offset="7", **headers)
        got = await wire.get()
        assert (got.status, got.headers["content-type"]) == (409, "application/problem+json; charset=utf-8")
    finally:
        await wire.close()


async def test_plain_http_on_a_tls_port_is_refused_readably(tmp_path: Path):
    async with running(tmp_path, tls="self-signed") as server, calls(server.app.reach.port) as http:
        answer = await http.post("/connect", {"user_id": "ann"})
        assert answer.status == 400
        assert readable(answer)["code"] == "https-only"


async def test_json_of_a_network_that_is_not_served_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with running(tmp_path) as server, calls(server.app.reach.port) as http:
        monkeypatch.setattr(server.app.callers, "is_stranger", lambda address: True)
        answer = await http.get("/status")
        assert answer.status == 403
        readable(answer)


@pytest.mark.parametrize("size", [5, 200_000])
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ('say "hello".txt', "say _hello_.txt"),
        ("two\r\nlines\nand three.txt", "twolinesand three.txt"),
        ("100%25 & 50%.txt", "100%25 & 50%.txt"),
        ("a;b=c, 'd'.txt", "a;b=c, 'd'.txt"),
        (NAME, NAME),
    ],
    ids=["quotes", "line-breaks", "percent", "separators", "beyond-ascii"],
)
async def test_the_apps_own_encoding_of_names_is_undone(either: Running, http: Calls, sent: str, kept: str, size: int):
    made = await agreed(http)
    answer = await http.upload(f"/upload/{made}", sent, bytes(size), note="grün", empty="")
    assert (answer.status, answer.json()["filename"]) == (200, kept)
    got = await http.get(f"/download/{made}")
    assert got.body == bytes(size)
