"""Whatever a stranger calls a file or a user, what is stored and sent is safe."""

import re
import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burrowspace.core.errors import BadRequest
from burrowspace.core.names import ID_CHARS, NAME_BYTES, attachment, is_our_id, safe_name, user_id

RESERVED = ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³")]
BIDI = [*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"]
TRICKY = [
    *'/\\.. \t\r\n\0:*?"<>|%;=\u200d\u0301e\u2028\ufeff\U0001f600\u00a0\ud800ſ',
    *BIDI,
    "CON",
    "nul",
    "COM¹",
    ".txt",
]

offered = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(TRICKY), max_size=12).map("".join),
    st.builds(
        lambda head, fill, times, tail: head + fill * times + tail,
        st.sampled_from(["", "CON", "a", "..."]),
        st.sampled_from([" ", ".", "a", "é", "€", "😀", "e\u0301"]),
        st.integers(0, 300),
        st.sampled_from(["", ".txt", ".tar.gz", ". ", ".éééééééé", "." + "x" * 40]),
    ),
)
names = offered.map(safe_name)
examples = settings(max_examples=400, derandomize=True)


@examples
@given(offered)
def test_a_safe_name_is_fit_for_any_disk(text: str) -> None:
    name = safe_name(text)
    assert 1 <= len(name.encode("utf-8")) <= NAME_BYTES
    assert not re.search(r'[/\\<>:"|?*\x00-\x1f\x7f-\x9f]', name)
    assert not set(name) & set(BIDI)
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in name)
    assert name not in {".", ".."}
    assert not name.endswith((".", " "))
    assert not name.startswith(" ")
    assert name.split(".")[0].strip().lower() not in RESERVED


@examples
@given(offered)
def test_cleaning_a_clean_name_changes_nothing(text: str) -> None:
    assert safe_name(safe_name(text)) == safe_name(text)


@pytest.mark.parametrize(
    "name", ["a.txt", "fünf €.txt", "日本語.pdf", "no ending", ".profile", "a..b", "😀.png", "x" * 255]
)
def test_an_ordinary_name_is_kept(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize("reserved", [*RESERVED, "Con", "NUL", "lPt1"])
@pytest.mark.parametrize("ending", ["", ".txt", ".tar.gz", " .txt"])
def test_a_reserved_name_is_not_kept(reserved: str, ending: str) -> None:
    assert safe_name(reserved + ending) == "_" + reserved + ending


def test_a_long_name_keeps_its_ending_and_whole_characters() -> None:
    assert safe_name("€" * 200 + ".jpeg") == "€" * 83 + ".jpeg"
    assert safe_name("a." + "b" * 400) == ("a." + "b" * 400)[:255]


def test_a_name_that_is_reserved_only_once_it_is_cut_is_not_kept() -> None:
    name = safe_name("CON" + " " * 300 + "x.txt")
    assert name.startswith("_CON ")
    assert name.endswith(" .txt")
    assert len(name) == NAME_BYTES


def test_what_composes_once_the_invisible_is_gone_is_composed() -> None:
    assert safe_name("e\u200d\u0301.txt") == "é.txt"


@pytest.mark.parametrize("path", ["a/b/c.txt", "a\\b\\c.txt", "/etc/../c.txt", "C:\\c.txt", "//server/share/c.txt"])
def test_only_the_last_segment_counts(path: str) -> None:
    assert safe_name(path) == "c.txt"


@examples
@given(names)
def test_the_attachment_header_says_the_name_and_nothing_else(name: str) -> None:
    value = attachment(name)
    value.encode("ascii")
    assert value.isprintable()
    shape = re.fullmatch(r'attachment; filename="([^"\\]*)"(?:; filename\*=UTF-8\'\'([A-Za-z0-9%._~-]+))?', value)
    assert shape is not None
    assert (shape[1] if shape[2] is None else unquote(shape[2], errors="strict")) == name


@examples
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
def test_even_an_uncleaned_name_cannot_break_out_of_the_header(name: str) -> None:
    value = attachment(name)
    assert value.isascii()
    assert value.isprintable()
    assert value.count('"') == 2
    assert "\\" not in value


@examples
@given(st.text(max_size=300))
def test_a_user_id_is_kept_as_it_is_or_refused(text: str) -> None:
    unfit = not 1 <= len(text) <= ID_CHARS or any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in text)
    if unfit:
        with pytest.raises(BadRequest):
            user_id(text)
    else:
        assert user_id(text) == text


@pytest.mark.parametrize("text", ["", "a\nb", "\0", "a\x7f", "\ud800", "a\u2028b", "x" * 257])
def test_what_is_no_user_id_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        user_id(text)


@pytest.mark.parametrize("text", ["x", "x" * 256, "Ann Smith", "👩‍💻", "ann@home", "../..", "'; drop table"])
def test_a_user_id_is_the_apps_own_affair(text: str) -> None:
    assert user_id(text) == text


@examples
@given(st.one_of(st.text(max_size=40), st.text("0123456789abcdefABCDEF", min_size=30, max_size=34)))
def test_our_ids_are_32_small_hex_digits(text: str) -> None:
    assert is_our_id(text) == (len(text) == 32 and set(text) <= set("0123456789abcdef"))


@pytest.mark.parametrize("text", ["0" * 32 + "\n", "٠" * 32, "0" * 31, "0" * 33, "A" * 32])
def test_what_only_looks_like_our_id_is_none(text: str) -> None:
    assert not is_our_id(text)
