"""Ranges: RFC 9110 section 14, as a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core.download import part_headers, which
from burrowspace.core.errors import WrongRange

TAG = '"t"'


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, (200, 0, 10)),
        ({"range": "bytes=0-0"}, (206, 0, 1)),
        ({"range": "bytes=3-"}, (206, 3, 10)),
        ({"range": "bytes=3-99"}, (206, 3, 10)),
        ({"range": "bytes=-4"}, (206, 6, 10)),
        ({"range": "bytes=-99"}, (206, 0, 10)),
        ({"range": "bytes=3-2"}, (200, 0, 10)),
        ({"range": "bytes=1-2,4-5"}, (200, 0, 10)),
        ({"range": "bytes=-"}, (200, 0, 10)),
        ({"range": "items=1-2"}, (200, 0, 10)),
        ({"range": "bytes=1-2" + " " * 200}, (206, 1, 3)),
        ({"range": "bytes=0-" + "9" * 30}, (200, 0, 10)),
        ({"range": "bytes=3-", "if-range": TAG}, (206, 3, 10)),
        ({"range": "bytes=3-", "if-range": '"other"'}, (200, 0, 10)),
        ({"range": "bytes=3-", "if-range": 'W/"t"'}, (200, 0, 10)),
        ({"range": "bytes=3-", "if-range": "Thu, 01 Jan 1970 00:00:00 GMT"}, (200, 0, 10)),
    ],
)
def test_a_range_is_cut_from_ten_bytes(said, expected):
    assert tuple(which(said, 10, TAG)) == expected


@pytest.mark.parametrize("said", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_without_a_byte_is_refused_and_says_the_size(said):
    with pytest.raises(WrongRange) as refused:
        which({"range": said}, 10, TAG)
    assert (refused.value.status, refused.value.size) == (416, 10)


def test_an_empty_file_is_whole_and_has_no_range():
    assert which({}, 0, TAG) == (200, 0, 0)
    assert which({"range": "bytes=-5"}, 0, TAG) == (200, 0, 0)
    with pytest.raises(WrongRange):
        which({"range": "bytes=0-"}, 0, TAG)


def test_a_part_of_a_growing_file_says_its_last_byte_and_no_length_of_the_whole():
    assert which({"range": "bytes=3-"}, None, TAG, held=9) == (206, 3, 9)
    far = which({"range": "bytes=3-999999999999"}, None, TAG, held=9)
    assert far == (206, 3, 10**12)
    assert part_headers(far, None, TAG) == {
        "accept-ranges": "bytes",
        "etag": TAG,
        "content-range": "bytes 3-999999999999/*",
    }
    with pytest.raises(WrongRange):
        which({"range": "bytes=9-"}, None, TAG, held=9)
    with pytest.raises(WrongRange):
        which({"range": "bytes=3-8"}, None, TAG, begin=4, held=9)


def test_a_growing_file_is_sent_whole_and_what_was_given_back_is_not_sent_at_all():
    assert which({}, None, TAG) == which({"range": "bytes=-3"}, None, TAG) == (200, 0, None)
    assert which({"range": "bytes=7-"}, 10, TAG, begin=7) == (206, 7, 10)
    for said in ({}, {"range": "bytes=6-"}, {"range": "bytes=-4"}):
        with pytest.raises(WrongRange):
            which(said, 10, TAG, begin=7)


@given(said=st.text(alphabet="bytes=-0123456789, ", max_size=40), size=st.integers(0, 200))
def test_any_range_stays_within_the_file(said, size):
    try:
        part = which({"range": said}, size, TAG)
    except WrongRange:
        return
    assert part.stop is not None
    assert 0 <= part.start <= part.stop <= size
    assert int(part_headers(part, size, TAG)["content-length"]) == part.stop - part.start
