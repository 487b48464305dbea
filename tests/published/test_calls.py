"""The app's other calls: bodies in UTF-8, connections used again, a page of the app on another host."""

from pathlib import Path

import pytest

from tests.app import Running, running
from tests.published.calls import BOUNDARY, Calls, calls, encoded
from tests.published.test_text import agreed

pytestmark = pytest.mark.anyio


def test_the_imitation_encodes_names_and_boundaries_as_the_app_does():
    made = Calls(1)
    assert encoded('a"b\r\nc\nd\re%') == "a%22b%0D%0Ac%0D%0Ad%0D%0Ae%"
    assert {len(made._boundary()) for _ in range(50)} == {BOUNDARY}
    assert made.head("POST", "/x", {"content-type": "application/json; charset=utf-8"}, 2, {}) == (
        b"POST /x HTTP/1.1\r\nuser-agent: Dart/3.5 (dart:io)\r\ncontent-type: application/json; charset=utf-8\r\n"
        b"accept-encoding: gzip\r\ncontent-length: 2\r\nhost: 127.0.0.1:1\r\n\r\n"
    )


async def test_the_whole_way_of_a_file_by_the_server_in_the_apps_words(either: Running, http: Calls):
    """One connection after another, each used again; only 200 is success."""
    for user in ("ann", "bob"):
        peer = (await http.post("/connect", {"user_id": user})).json()["peer_id"]
        assert (await http.post(f"/heartbeat/{peer}")).json() == {"status": "ok"}
    made = await agreed(http, "über.txt")
    assert (await http.upload(f"/upload/{made}", "über.txt", b"x" * 100_000)).status == 200
    got = await http.get(f"/download/{made}")
    assert (got.status, got.body) == (200, b"x" * 100_000)
    assert (await http.post(f"/disconnect/{peer}")).json() == {"status": "disconnected", "peer_id": peer}
    assert len(http._idle) == 1


async def test_a_page_of_the_app_on_another_host_is_allowed_by_name(tmp_path: Path):
    async with running(tmp_path, cors_origins=("https://app.example",)) as server, calls(server.app.reach.port) as http:
        for origin, status in (
            ("https://app.example", 200),
            ("http://localhost:3000", 200),
            ("https://b.example", 403),
        ):
            answer = await http.post("/connect", {"user_id": "ann"}, origin=origin)
            assert answer.status == status
            assert answer.headers.get("access-control-allow-origin") == (origin if status == 200 else None)
