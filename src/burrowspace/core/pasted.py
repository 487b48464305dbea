"""What of a pasted text is a link or a code. Mail, chat and people put things around both, and into both.

It only finds: what it found is still a stranger's text, and links.py and codes.py decide whether it holds. Twin of
web/core/pasted.js; both replay tests/vectors/pasted.json. Spec: docs/spec/pasted.md.
"""

import re
from collections.abc import Iterator

PASTED_CHARS = 8192  # more is not looked at
TRIED_MOST = 16  # places of one text where a code or a link could stand
SECRET_CHARS = 43  # base64url of 32 bytes, without padding

# Written out: the \s of Python and of JavaScript differ
_SPACE = "\\t\\n\\v\\f\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
_DASH = "\\-\\u2010-\\u2015\\u2212\\ufe58\\ufe63\\uff0d"
_AROUND = "\"'`<>()\\[\\]{}|*~\\xab\\xbb\\u2018-\\u201f\\u2039\\u203a\\u300c-\\u300f"  # quotes, brackets, emphasis
_UNSEEN = "\\xad\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\ufe0e\\ufe0f\\ufeff"

# What is undone first: (pattern, what takes its place)
RULES: tuple[tuple[str, str], ...] = (
    (f"[{_UNSEEN}]+", ""),  # characters that nobody sees
    ("%3a", ":"),  # a link inside another one, or copied from an address bar
    ("%2f", "/"),
    ("%3f", "?"),
    ("%26", "&"),
    ("%5b", "["),
    ("%5d", "]"),
    ("%23(?![\\w.~-]{0,15}\\])", "#"),  # but not the zone of an address, [fe80::1%23]
)
_RULES = [(re.compile(pattern, re.IGNORECASE | re.ASCII), instead) for pattern, instead in RULES]

_ADDRESS = f"(?:\\[[^\\][/#?@{_SPACE}]+\\]|[a-z0-9._-]+)(?::[0-9]{{1,5}})?(?:/[a-z0-9._~-]+)*?/r/?"
_QUERY = f'(?:\\?(?:(?!://)[^#"<>{_SPACE}])*)?#'  # what counts visitors goes
_WHOLE = re.compile(f"(https?://{_ADDRESS}){_QUERY}", re.IGNORECASE | re.ASCII)
_BARE = re.compile(f"(?:^|(?<=[_:{_SPACE}{_AROUND}]))({_ADDRESS}){_QUERY}", re.IGNORECASE | re.ASCII)
_SCHEME = re.compile(f"https?:[{_SPACE}]*/[{_SPACE}]*/", re.IGNORECASE | re.ASCII)
_BREAK = re.compile(f"(?:[{_SPACE}]|(?<=[\\n\\r{_SPACE}])>)+")  # a mail breaks its lines, an answer puts > in front
_RUN = re.compile(f"(?:[{_SPACE}]|(?<=[\\n\\r{_SPACE}])>)*([A-Za-z0-9_-]+)")

SEPARATED = re.compile(f"[a-z_.,{_DASH}{_SPACE}]*")  # the words of a code, and what stands between them
_LOOSE = re.compile(f"[0-9]+{SEPARATED.pattern}")
_TIGHT = re.compile(
    f"(?<![a-z0-9_./={_DASH}])[0-9]+[a-z_.,{_DASH}]*[a-z](?=[.,;:!?\\u2026\\u3002]*(?:[{_SPACE}{_AROUND}]|$))"
)
_NUMBER = re.compile(f"(?<![a-z0-9_./={_DASH}])[0-9]{{1,9}}(?![0-9])")
_PART = re.compile(f"[.,;:!?\\u2026\\u3002](?=[{_SPACE}]|$)|[\\r\\n\\u2028\\u2029{_AROUND}]")  # ends what is said
_EDGES = re.compile(f"^[.,;:!?\\u2026\\u3002{_SPACE}{_AROUND}]+|[.,;:!?\\u2026\\u3002{_SPACE}{_AROUND}]+$")


def cleaned(text: str) -> str:
    """
    >>> cleaned(" https%3A%2F%2Fbox.example%2Fr%23AAAA\\u200b ")
    'https://box.example/r#AAAA'
    """
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return re.sub(f"^[{_SPACE}]+|[{_SPACE}]+$", "", text)


def looks_like_link(text: str) -> bool:
    """Whether a person who pasted this meant a link, whole or not; else they meant a code.

    >>> looks_like_link("https://box.example/r"), looks_like_link("room #3: 7-walnut-orbit")
    (True, False)
    """
    plain = cleaned(text[:PASTED_CHARS])
    if links_in(text):
        return True
    if "#" not in plain and "/" not in plain:
        return False
    return re.search(f"/r/?[?#]|#[{_SPACE}]*[A-Za-z0-9_-]{{20}}", plain) is not None or not _TIGHT.search(plain.lower())


def links_in(text: str) -> list[str]:
    """The links of a text, each once and as one is written: an address, `/r#` and what stands behind it.

    >>> links_in("Here: <HTTPS://box.example/r/?utm_source=mail#" + "A" * 40 + "\\n> AAA>. See you!")
    ['HTTPS://box.example/r#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA']
    """
    plain = cleaned(text[:PASTED_CHARS])
    found = [_link(plain, match) for match in _WHOLE.finditer(plain)]
    if not found:
        for scheme in reversed(list(_SCHEME.finditer(plain))[-TRIED_MOST:]):  # the last one in front of its #
            joined = _joined(plain[scheme.start() :])
            if match := _WHOLE.match(joined):
                found = [_link(joined, match)]
                break
    if not found and "://" not in plain:
        found = [_link(plain, match) for match in _BARE.finditer(plain)]
    return list(dict.fromkeys(found))


def _joined(text: str) -> str:
    """With an address that goes over several lines in one."""
    address, mark, rest = text.partition("#")
    return _BREAK.sub("", address) + mark + rest


def _link(text: str, match: re.Match[str]) -> str:
    """A secret that was broken over lines is joined; what follows its 43 characters is no part of it."""
    first, secret, at = "", "", match.end()
    while len(secret) < SECRET_CHARS and (run := _RUN.match(text, at)):
        secret, at = secret + run[1], run.end()
        first = first or secret
    if len(secret) == SECRET_CHARS + 1 and secret.endswith("_") and text[: match.start(1)].endswith("_"):
        secret = secret[:-1]  # _emphasis_
    return f"{match[1].rstrip('/')}#{secret if len(secret) == SECRET_CHARS else first}"


def codes_in(text: str) -> Iterator[list[str]]:
    """Where a code could stand in a text, what is more likely first; whatever is in one list is as likely.

    >>> list(codes_in("Code: “7-walnut-orbit”, please"))
    [['7-walnut-orbit'], ['7-walnut-orbit']]
    """
    plain = _EDGES.sub("", _EDGES.sub("", cleaned(text[:PASTED_CHARS]).lower()))
    if _LOOSE.fullmatch(plain):
        yield [plain]
    yield [match[0] for _, match in zip(range(TRIED_MOST), _TIGHT.finditer(plain), strict=False)]
    parts = (_PART.split(plain[match.start() :], 1)[0] for match in _NUMBER.finditer(plain))
    yield [part for _, part in zip(range(TRIED_MOST), parts, strict=False)]
