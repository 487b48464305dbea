"""A link is read as people paste it, and nothing else is taken for one."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burrowspace.core.errors import BadLink
from burrowspace.core.links import Link, format_link, link_key, link_tag, mailbox_id, parse_link

SECRET = bytes(range(32))
TAIL = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
ORIGINS = ["https://example.org", "http://192.0.2.7:8080", "https://[2001:db8::1]:8443", "http://localhost:1"]


@given(secret=st.binary(min_size=32, max_size=32), origin=st.sampled_from(ORIGINS))
def test_what_is_written_is_read(secret: bytes, origin: str) -> None:
    link = parse_link(format_link(origin, secret))
    assert link == Link(origin, secret)
    assert str(link) == format_link(origin, secret)


@pytest.mark.parametrize(
    "text",
    [
        f"https://example.org/r#{TAIL}",
        f" https://EXAMPLE.org/r/#{TAIL}\n",
        f"example.org/r#{TAIL}",
        f"HTTPS://example.org/r#{TAIL}",
    ],
)
def test_a_link_is_read_leniently(text: str) -> None:
    assert parse_link(text) == Link("https://example.org", SECRET)


@pytest.mark.parametrize(
    ("text", "taught"),
    [
        ("", "behind the #"),
        ("7-walnut-orbit", "behind the #"),
        ("https://example.org/r", "behind the #"),
        (f"ftp://example.org/r#{TAIL}", "begins with https"),
        (f"javascript://example.org/r#{TAIL}", "begins with https"),
        (f"https://example.org/#{TAIL}", "in front of the #"),
        (f"https://ann@example.org/r#{TAIL}", "in front of the #"),
        (f"https://example.org\\@evil/r#{TAIL}", "in front of the #"),
        (f"https:///r#{TAIL}", "in front of the #"),
        (f"https://example.org:0/r#{TAIL}", "no such port"),
        (f"https://example.org:65536/r#{TAIL}", "no such port"),
        (f"https://example.org/r#{TAIL[:-1]}", "copy the whole link"),
        (f"https://example.org/r#{TAIL}A", "copy the whole link"),
        (f"https://example.org/r#{TAIL[:-1]}+", "copy the whole link"),
        (f"https://example.org/r#{TAIL[:-1]}9", "last character"),
        ("x" * 1000, "too long"),
    ],
)
def test_what_is_no_link_is_told_why(text: str, taught: str) -> None:
    with pytest.raises(BadLink, match=taught):
        parse_link(text)


@given(text=st.text(max_size=80) | st.text("htps:/r#[]A.-", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadLink):
        parse_link(text)


def test_a_secret_is_shown_only_where_it_is_asked_for() -> None:
    link = Link("https://example.org", SECRET)
    assert TAIL in str(link)
    assert TAIL not in repr(link)
    assert repr(SECRET) not in repr(link)
    with pytest.raises(ValueError, match="32 bytes"):
        format_link("https://example.org", b"")


def test_names_and_keys_differ_for_each_use_secret_and_receiver() -> None:
    made = []
    for secret in (SECRET, bytes(32)):
        made.append(mailbox_id(secret))
        for receiver in ("0" * 32, "f" * 32):
            made += [mailbox_id(secret, receiver), link_tag(secret, receiver).hex(), link_key(secret, receiver).hex()]
    assert len(set(made)) == len(made)
    assert not any(one != other and one.startswith(other) for one in made for other in made)
