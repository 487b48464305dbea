"""What a request on /upload/<id> is, as a table: no socket, no clock, no file."""

import base64
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burrowspace.core.errors import BurrowError, WrongState
from burrowspace.core.transfer import TransferState
from burrowspace.core.upload import Asked, Forget, Repeat, UploadFacts, Write, decide, is_done
from burrowspace.core.upload_answers import Answer, refusal_headers

TUS = {"tus-resumable": "1.0.0"}
BODY = {"content-type": "application/offset+octet-stream"}
PART = {"content-type": "application/partial-upload"}
R, T, C, X = TransferState.READY, TransferState.TRANSFERRING, TransferState.COMPLETED, TransferState.CANCELLED


def held(state: TransferState = T, **more: Any) -> UploadFacts:
    return UploadFacts(state, 1000, 0.0, **more)


NEW, HALF = held(R), held(size=40, length=100)
LATER = held(size=40)
DONE = held(C, size=100, length=100, complete=True)
OVER = held(X)


def put(**more: str) -> Asked:
    return Asked("PUT", {name.replace("_", "-"): value for name, value in more.items()})


def patch(offset: object, length: object, **more: str) -> Asked:
    said = {name.replace("_", "-"): value for name, value in more.items()}
    return Asked("PATCH", {**TUS, **BODY, "upload-offset": str(offset), "content-length": str(length), **said})


def draft(method: str, **more: str) -> Asked:
    return Asked(method, {**PART, **{name.replace("_", "-"): value for name, value in more.items()}})


@pytest.mark.parametrize(
    ("asked", "state", "at", "exactly", "length", "fresh"),
    [
        (put(content_length="7"), NEW, 0, 7, 7, True),
        (put(transfer_encoding="chunked"), NEW, 0, None, None, True),
        (put(content_length="0"), NEW, 0, 0, 0, True),
        (put(content_length="60", content_range="bytes 40-99/100"), HALF, 40, 60, 100, False),
        (put(content_length="7", burrow_begin="3"), NEW, 3, 7, 10, True),
        (Asked("POST", {**TUS, "upload-length": "9"}), NEW, 0, 0, 9, True),
        (Asked("POST", {**TUS, "upload-defer-length": "1"}), NEW, 0, 0, None, True),
        (Asked("POST", {**TUS, **BODY, "upload-length": "9", "content-length": "4"}), NEW, 0, 4, 9, True),
        (patch(40, 10), HALF, 40, 10, 100, False),
        (patch(40, 60), HALF, 40, 60, 100, False),
        (patch(40, 5, upload_length="45"), LATER, 40, 5, 45, False),
        (Asked("POST", {**patch(40, 5).headers, "x-http-method-override": "PATCH"}), HALF, 40, 5, 100, False),
        (draft("PATCH", upload_offset="40", upload_complete="?1", content_length="60"), HALF, 40, 60, 100, False),
        (draft("PATCH", upload_offset="40", upload_complete="?1", content_length="3"), LATER, 40, 3, 43, False),
        (Asked("POST", {"upload-complete": "?1", "content-length": "8"}), NEW, 0, 8, 8, True),
        (Asked("PUT", {"upload-complete": "?0", "content-length": "8"}), NEW, 0, 8, None, True),
    ],
)
def test_a_body_is_written_where_it_belongs(asked, state, at, exactly, length, fresh):
    write = decide(asked, state)
    assert isinstance(write, Write)
    assert (write.at, write.exactly, write.length, write.fresh, write.keeps) == (at, exactly, length, fresh, True)


@pytest.mark.parametrize(
    ("asked", "state", "status"),
    [
        (put(), NEW, 411),
        (put(content_length="1001"), NEW, 413),
        (put(content_length="-1"), NEW, 400),
        (put(content_length="7, 7"), NEW, 400),
        (put(content_length="7", transfer_encoding="chunked"), NEW, 400),
        (put(content_length="7"), DONE, 409),
        (put(content_length="7"), OVER, 409),
        (put(content_length="60", content_range="bytes 30-89/100"), HALF, 409),
        (put(content_length="60", content_range="bytes 40-99/120"), HALF, 400),
        (put(content_length="60", content_range="bytes=40-"), HALF, 400),
        (put(content_length="7", burrow_policy="float"), NEW, 400),
        (Asked("POST", TUS), NEW, 400),
        (Asked("POST", {**TUS, "upload-length": "9", "upload-defer-length": "1"}), NEW, 400),
        (Asked("POST", {**TUS, "upload-defer-length": "2"}), NEW, 400),
        (Asked("POST", {**TUS, "upload-length": "1001"}), NEW, 413),
        (Asked("POST", {**TUS, "upload-length": "1e3"}), NEW, 400),
        (Asked("POST", {**TUS, "upload-length": "٣"}), NEW, 400),
        (Asked("POST", {**TUS, "upload-length": "9", "content-length": "4"}), NEW, 415),
        (Asked("POST", {**TUS, **BODY, "upload-length": "3", "content-length": "4"}), NEW, 413),
        (Asked("POST", {**TUS, "upload-length": "9", "upload-concat": "partial"}), NEW, 400),
        (Asked("POST", {**TUS, "upload-length": "9", "upload-metadata": "filename %%"}), NEW, 400),
        (Asked("POST", {"tus-resumable": "0.2.2", "upload-length": "9"}), NEW, 412),
        (Asked("PATCH", {**BODY, "upload-offset": "0"}), HALF, 412),
        (Asked("POST", {"content-type": "application/json"}), NEW, 415),
        (Asked("PATCH", {"content-type": "text/plain"}), HALF, 415),
        (Asked("PATCH", {**TUS, "content-type": "text/plain"}), HALF, 415),
        (patch(30, 10), HALF, 409),
        (patch("", 10), HALF, 400),
        (patch(40, 61), HALF, 413),
        (patch(0, 10), NEW, 404),
        (patch(40, 10), OVER, 410),
        (patch(40, 10, upload_length="99"), HALF, 400),
        (patch(100, 1), DONE, 409),
        (patch(40, 10, upload_checksum="crc32 AAAA"), HALF, 400),
        (patch(40, 10, upload_checksum="sha1 AAAA"), HALF, 400),
        (Asked("HEAD", {}), NEW, 404),
        (Asked("HEAD", TUS), OVER, 410),
        (Asked("DELETE", TUS), OVER, 410),
        (draft("PATCH", upload_offset="30", upload_complete="?1", content_length="60"), HALF, 409),
        (draft("PATCH", upload_offset="40", upload_complete="?1", content_length="59"), HALF, 400),
        (draft("PATCH", upload_offset="40", upload_complete="1", content_length="60"), HALF, 400),
        (draft("PATCH", upload_offset="100", upload_complete="?1", content_length="0"), DONE, 400),
        (Asked("POST", {"upload-complete": "?1", "content-length": "8", "upload-length": "9"}), NEW, 400),
    ],
)
def test_what_cannot_be_is_refused_with_its_status(asked, state, status):
    with pytest.raises(BurrowError) as refused:
        decide(asked, state)
    assert refused.value.status == status


def test_a_form_is_taken_again_where_no_bytes_are_and_thrown_away_where_they_all_are():
    asked = Asked("POST", {"content-type": "multipart/form-data; boundary=B", "content-length": "900"})
    assert isinstance(decide(asked, DONE), Repeat)
    assert isinstance(decide(asked, held(C)), Write)  # a peer said so, and it came another way or not at all
    assert isinstance(decide(put(content_length="7"), held(C)), Write)
    with pytest.raises(WrongState):
        decide(put(content_length="7"), DONE)


def test_a_wrong_offset_says_the_right_one_to_both_protocols():
    for asked in (patch(30, 10), draft("PATCH", upload_offset="30", upload_complete="?0", content_length="1")):
        with pytest.raises(BurrowError) as refused:
            decide(asked, HALF)
        assert refusal_headers(refused.value)["upload-offset"] == "40"
    assert refused.value.fields["expected-offset"] == 40
    assert refused.value.fields["type"].endswith("#mismatching-upload-offset")


def test_head_tells_both_protocols_where_the_upload_stands():
    answer = decide(Asked("HEAD", TUS), held(size=40, length=100, expires_at=60.0))
    assert isinstance(answer, Answer)
    assert (answer.status, answer.headers["upload-offset"], answer.headers["upload-length"]) == (204, "40", "100")
    assert (answer.headers["upload-complete"], answer.headers["cache-control"]) == ("?0", "no-store")
    assert answer.headers["upload-expires"] == "Thu, 01 Jan 1970 00:01:00 GMT"
    assert "max-age=60" in answer.headers["upload-limit"]
    later = decide(Asked("HEAD", TUS), LATER)
    assert isinstance(later, Answer)
    assert later.headers["upload-defer-length"] == "1"


def test_options_offers_everything_and_delete_forgets():
    offers = decide(Asked("OPTIONS", {}), NEW)
    assert isinstance(offers, Answer)
    assert offers.headers["tus-version"] == "1.0.0"
    assert {"creation", "termination", "checksum", "expiration"} <= set(offers.headers["tus-extension"].split(","))
    assert "application/partial-upload" in offers.headers["accept-patch"]
    assert isinstance(decide(Asked("DELETE", TUS), HALF), Forget)


def test_the_name_comes_from_metadata_or_disposition():
    name = base64.b64encode("fün.bin".encode()).decode()
    write = decide(Asked("POST", {**TUS, "upload-length": "9", "upload-metadata": f"a,filename {name}"}), NEW)
    assert isinstance(write, Write)
    assert write.name == "fün.bin"
    disposed = {"content-disposition": "inline; filename=\"a\"; filename*=UTF-8''f%C3%BCn.bin"}
    write = decide(Asked("POST", {"upload-complete": "?1", "content-length": "0", **disposed}), NEW)
    assert isinstance(write, Write)
    assert write.name == "fün.bin"


def test_an_upload_is_done_when_its_protocol_says_so():
    def done(asked: Asked, state: UploadFacts, size: int) -> bool:
        write = decide(asked, state)
        assert isinstance(write, Write)
        return is_done(write, size, write.length)

    assert done(patch(40, 60), HALF, 100)
    assert not done(patch(40, 10), HALF, 50)
    assert not done(draft("PATCH", upload_offset="40", upload_complete="?0", content_length="60"), HALF, 100)
    assert done(draft("PATCH", upload_offset="40", upload_complete="?1", content_length="3"), LATER, 43)
    assert done(put(transfer_encoding="chunked"), NEW, 5)


names = st.sampled_from(
    [
        "content-length",
        "content-type",
        "upload-offset",
        "upload-length",
        "upload-complete",
        "upload-metadata",
        "upload-checksum",
        "upload-defer-length",
        "tus-resumable",
        "transfer-encoding",
        "content-range",
        "burrow-begin",
        "burrow-policy",
    ]
)
values = st.one_of(
    st.text(alphabet="09aZ?=,;-/ é", max_size=30),
    st.integers(-5, 1 << 70).map(str),
    st.sampled_from(["1.0.0", "?1", "?0", "1", BODY["content-type"], PART["content-type"], "bytes 40-99/100"]),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    method=st.sampled_from(["POST", "PUT", "PATCH", "HEAD", "DELETE", "OPTIONS", "GET"]),
    headers=st.dictionaries(names, values, max_size=6),
    state=st.sampled_from([NEW, HALF, LATER, DONE, OVER]),
)
def test_whatever_comes_is_answered_or_refused_and_never_writes_beyond_its_bounds(method, headers, state):
    try:
        decided = decide(Asked(method, headers), state)
    except BurrowError:
        return
    if isinstance(decided, Write):
        assert decided.fresh or decided.at == state.size
        assert decided.at + decided.at_most <= 1000
        assert decided.style == "form" or decided.exactly is None or decided.exactly <= decided.at_most
