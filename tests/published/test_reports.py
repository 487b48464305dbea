"""The words of a report are the app's own, and reports come late and twice."""

import pytest

from tests.app import Running
from tests.published.calls import Calls, statuses, twice
from tests.published.test_text import agreed

pytestmark = pytest.mark.anyio

WORDS = ("pending", "approved", "inProgress", "in_progress", "paused", "error", "fertig?", "完了")


async def report(http: Calls, made: str, status: str, progress: float) -> tuple[str, float]:
    answer = await http.post(f"/update-transfer-status/{made}", {"status": status, "progress": progress})
    assert (answer.status, answer.json()) == (200, {"status": "updated"})
    held = (await http.get(f"/transfer-status/{made}")).json()
    return held["status"], held["progress"]


@pytest.mark.parametrize("word", WORDS)
async def test_a_word_that_is_not_ours_reports_progress(server: Running, http: Calls, word: str):
    made = await agreed(http)
    assert await report(http, made, word, 0) == ("ready", 0)
    assert await report(http, made, word, 40.5) == ("transferring", 40.5)
    assert await report(http, made, word, 12) == ("transferring", 40.5)


async def test_progress_is_kept_within_0_and_100(server: Running, http: Calls):
    made = await agreed(http)
    assert await report(http, made, "transferring", -3.5) == ("transferring", 0)
    assert await report(http, made, "inProgress", 100.00000001) == ("transferring", 100)
    assert await report(http, made, "transferring", 1e9) == ("transferring", 100)


@pytest.mark.parametrize("end", ["completed", "cancelled", "failed"])
async def test_a_report_that_comes_late_changes_nothing(server: Running, http: Calls, end: str):
    made = await agreed(http)
    await report(http, made, "transferring", 30.0)
    held = await report(http, made, end, 30.0)
    for word in ("inProgress", "error", "pending", *(["transferring", "ready"] if end != "failed" else [])):
        assert await report(http, made, word, 99.0) == held
    if end == "cancelled":
        assert await report(http, made, "completed", 100) == held


async def test_two_approvals_and_two_reports_at_once_are_one(server: Running, http: Calls):
    ask = {"sender_id": "ann", "receiver_id": "bob", "filename": "a"}
    asked = (await http.post("/request-transfer", ask)).json()["request_id"]
    answers = await twice(lambda: http.post(f"/approve-transfer/{asked}"))
    assert statuses(answers) == [200, 200]
    [made] = {answer.json()["transfer_id"] for answer in answers}
    for word in ("transferring", "completed", "cancelled", "cancelled"):
        again = await twice(
            lambda word=word: http.post(f"/update-transfer-status/{made}", {"status": word, "progress": 100.0})  # type: ignore[misc]
        )
        assert statuses(again) == [200, 200]
    assert statuses(await twice(lambda: http.post(f"/cancel-transfer/{made}"))) == [200, 200]


async def test_what_is_no_report_is_refused(server: Running, http: Calls):
    made = await agreed(http)
    for body in ({"status": "paused"}, {"progress": 3}, {"status": 3, "progress": 3}, {"status": "", "progress": 3}):
        assert (await http.post(f"/update-transfer-status/{made}", body)).status == 400
    assert (await http.post("/update-transfer-status/" + "0" * 32, {"status": "paused", "progress": 1})).status == 404
