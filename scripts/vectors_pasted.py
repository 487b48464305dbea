"""Vectors of core/pasted.py: what people paste, and which link or code is meant. Written by hand, not computed."""

from typing import Any

SECRET = "b14bCv1AiBGdD_XIUgX_w4UsO7jA9i7d1dBaIJVuZ8M"  # codespell:ignore
OTHER = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
BOX = "https://box.example"

# (what happened to the link, the text, the server that is meant); its secret is SECRET
LINKS: tuple[tuple[str, str, str], ...] = (
    ("nothing", f"{BOX}/r#{SECRET}", BOX),
    ("blanks", f" \t\u00a0{BOX}/r#{SECRET}\r\n", BOX),
    ("upper case", f"HTTPS://BOX.Example/r#{SECRET}", BOX),
    ("no scheme", f"box.example/r#{SECRET}", BOX),
    ("no scheme, in a sentence", f"take it from box.example/r#{SECRET}, please", BOX),
    ("no scheme, a port", f"link:box.example:8443/r#{SECRET}", f"{BOX}:8443"),
    ("a slash", f"{BOX}/r/#{SECRET}", BOX),
    ("tracking in front of the #", f"{BOX}/r?utm_source=mail&utm_medium=x&fbclid=IwAR0-_a#{SECRET}", BOX),
    ("tracking behind a slash", f"{BOX}/r/?gclid=1#{SECRET}", BOX),
    ("tracking behind the secret", f"{BOX}/r#{SECRET}?utm_source=chat&fbclid=x", BOX),
    ("tracking behind the secret, with &", f"{BOX}/r#{SECRET}&mc_eid=1", BOX),
    ("a text fragment", f"{BOX}/r#{SECRET}:~:text=box", BOX),
    ("quotes", f'"{BOX}/r#{SECRET}"', BOX),
    ("quotes of a shell", f"'{BOX}/r#{SECRET}'", BOX),
    ("curly quotes", f"“{BOX}/r#{SECRET}”", BOX),
    ("German quotes", f"„{BOX}/r#{SECRET}“", BOX),
    ("guillemets", f"«\u202f{BOX}/r#{SECRET}\u202f»", BOX),
    ("angle brackets", f"<{BOX}/r#{SECRET}>", BOX),
    ("brackets", f"({BOX}/r#{SECRET})", BOX),
    ("square brackets", f"[{BOX}/r#{SECRET}]", BOX),
    ("Markdown", f"[{BOX}/r#{SECRET}]({BOX}/r#{SECRET})", BOX),
    ("code in Markdown", f"`{BOX}/r#{SECRET}`", BOX),
    ("bold", f"**{BOX}/r#{SECRET}**", BOX),
    ("emphasis", f"_{BOX}/r#{SECRET}_", BOX),
    ("a chat's own marks", f"<{BOX}/r#{SECRET}|box.example/r>", BOX),
    ("HTML", f'<a href="{BOX}/r#{SECRET}">{BOX}/r#{SECRET}</a>', BOX),
    ("a full stop", f"{BOX}/r#{SECRET}.", BOX),
    ("a comma", f"{BOX}/r#{SECRET}, thanks", BOX),
    ("a bracket and a full stop", f"(see {BOX}/r#{SECRET}).", BOX),
    ("an ellipsis", f"{BOX}/r#{SECRET}…", BOX),
    ("a sentence in front", f"Here are the pictures: {BOX}/r#{SECRET} See you!", BOX),
    ("another address in front", f"Docs at https://docs.example/r-and-d, files at {BOX}/r#{SECRET}", BOX),
    ("an encoded #", f"{BOX}/r%23{SECRET}", BOX),
    ("an encoded # in brackets", f"[{BOX}/r%23{SECRET}]", BOX),
    ("an encoded link", f"https%3A%2F%2Fbox.example%2Fr%23{SECRET}", BOX),
    (
        "a link that checks links",
        f"https://safe.mail.example/?url=https%3A%2F%2Fbox.example%2Fr%23{SECRET}&data=05",
        BOX,
    ),
    ("a link that counts clicks", f"https://t.example/r?u={BOX}/r#{SECRET}", BOX),
    ("a line that broke in the secret", f"{BOX}/r#{SECRET[:20]}\n{SECRET[20:]}\n", BOX),
    ("an answer's >", f"> {BOX}/r#{SECRET[:7]}\r\n> {SECRET[7:]}\r\n> See you", BOX),
    ("a space in the secret", f"{BOX}/r#{SECRET[:30]} {SECRET[30:]}", BOX),
    ("a line that broke at the #", f"{BOX}/r#\n{SECRET}", BOX),
    ("a line that broke in the address", f"https://box.exam\nple/r#{SECRET}", BOX),
    ("a line that broke behind the scheme", f"https://\nbox.example/r#{SECRET}", BOX),
    ("two broken lines of an answer", f"> https://box.\n> example/r\n> #{SECRET}", BOX),
    ("characters that nobody sees", f"\ufeffhttps://box\u200b.example/r#{SECRET[:9]}\u00ad{SECRET[9:]}\u200e", BOX),
    ("a command line", f"burrow receive '{BOX}/r#{SECRET}'", BOX),
    ("an address of IPv6", f"<http://[2001:db8::1]:8443/r?fbclid=1#{SECRET}>.", "http://[2001:db8::1]:8443"),
    ("an address with a zone", f"http://[fe80::1%eth0]:5000/r#{SECRET}", "http://[fe80::1%25eth0]:5000"),
    (
        "an address with a zone, spelled out",
        f"http://[FE80::1%25Eth0]:5000/r#{SECRET}",
        "http://[fe80::1%25Eth0]:5000",
    ),
    ("a path", f"{BOX}/burrow/r#{SECRET}", f"{BOX}/burrow"),
    ("a path, and what happens to links", f"<{BOX}/tools/burrow/r/?fbclid=1%23{SECRET}>.", f"{BOX}/tools/burrow"),
    ("a path, no scheme", f"at box.example/Burrow_1/r#{SECRET}", f"{BOX}/Burrow_1"),
    ("a path that ends like a link's", f"{BOX}/r/r#{SECRET}", f"{BOX}/r"),
    ("an address of IPv4", f"http://192.0.2.7:8080/r/#{SECRET})", "http://192.0.2.7:8080"),
)

NO_LINKS: tuple[tuple[str, str], ...] = (
    ("nothing behind the #", f"{BOX}/r#"),
    ("no #", f"{BOX}/r"),
    ("cut off", f"{BOX}/r#{SECRET[:30]}"),
    ("cut off, and a sentence", f"{BOX}/r#{SECRET[:30]} is all of it, really all of it"),
    ("too long", f"{BOX}/r#{SECRET}x"),
    ("another scheme", f"ftp://box.example/r#{SECRET}"),
    ("a name in front of the host", f"https://ann@box.example/r#{SECRET}"),
    ("a name in front of a bare host", f"ann@box.example/r#{SECRET}"),
    ("a backslash", f"https://good.example\\@box.example/r#{SECRET}"),
    ("another page", f"{BOX}/x#{SECRET}"),
    ("a path that leads up", f"{BOX}/../r#{SECRET}"),
    ("a hidden path", f"{BOX}/.burrow/r#{SECRET}"),
    ("a path without a name", f"{BOX}//r#{SECRET}"),
    ("a path that is too long", f"{BOX}/{'a' * 120}/r#{SECRET}"),
    ("two links", f"{BOX}/r#{SECRET} or {BOX}/r#{OTHER}"),
)

# (what happened to the code, the text, the code that is meant)
CODES: tuple[tuple[str, str, str], ...] = (
    ("nothing", "7-walnut-orbit", "7-walnut-orbit"),
    ("three words", "7-walnut-orbit-oasis", "7-walnut-orbit-oasis"),
    ("blanks", "\u00a0 7 walnut orbit\r\n", "7-walnut-orbit"),
    ("upper case", "7-WALNUT-ORBIT", "7-walnut-orbit"),
    ("capitals of a phone", "7 Walnut Orbit", "7-walnut-orbit"),
    ("underscores", "7_walnut_orbit", "7-walnut-orbit"),
    ("en dashes", "7–walnut–orbit", "7-walnut-orbit"),
    ("em dashes", "7 — walnut — orbit", "7-walnut-orbit"),
    ("hyphens that do not break", "7‑walnut‑orbit", "7-walnut-orbit"),
    ("minus signs", "7−walnut−orbit", "7-walnut-orbit"),
    ("quotes", '"7-walnut-orbit"', "7-walnut-orbit"),
    ("curly quotes", "“7-walnut-orbit”", "7-walnut-orbit"),
    ("backticks", "`7-walnut-orbit`", "7-walnut-orbit"),
    ("brackets", "(7-walnut-orbit)", "7-walnut-orbit"),
    ("angle brackets", "<7-walnut-orbit>", "7-walnut-orbit"),
    ("a full stop", "7-walnut-orbit.", "7-walnut-orbit"),
    ("code:", "code: 7-walnut-orbit", "7-walnut-orbit"),
    ("code: and no blank", "Code:7-walnut-orbit", "7-walnut-orbit"),
    ("code is, with blanks", "The code is 7 walnut orbit", "7-walnut-orbit"),
    ("a sentence around", "Use 7-walnut-orbit before noon, please!", "7-walnut-orbit"),
    ("a sentence behind, with blanks", "7 walnut orbit. Thanks, Ann", "7-walnut-orbit"),
    ("a line behind", "7 walnut orbit\nSent from my phone", "7-walnut-orbit"),
    ("other numbers", "At 10:30 in room 12: 7-walnut-orbit", "7-walnut-orbit"),
    ("a number in front, with blanks", "for room 12: 7 walnut orbit", "7-walnut-orbit"),
    ("a #", "room #3: 7-walnut-orbit", "7-walnut-orbit"),
    ("a command line", "burrow receive 7-walnut-orbit", "7-walnut-orbit"),
    ("a command line with a server", "burrow receive --server https://box.example 7-walnut-orbit", "7-walnut-orbit"),
    ("a line that broke", "7-walnut-\norbit", "7-walnut-orbit"),
    ("said twice", "7-walnut-orbit (again: 7-walnut-orbit)", "7-walnut-orbit"),
    ("characters that nobody sees", "\u200b7-wal\u00adnut-orbit\ufeff", "7-walnut-orbit"),
)

# (why, the text, what was probably meant or null)
NO_CODES: tuple[tuple[str, str, str | None], ...] = (
    ("nothing", "", None),
    ("no number", "code: walnut-orbit", None),
    ("one word", "code: 7-walnut", None),
    ("a slip", "code: 7-wallnut-orbit!", "7-walnut-orbit"),
    ("a slip in the third word is no code of two", "7-walnut-orbit-oasiss", "7-walnut-orbit-oasis"),
    ("the same, with blanks", "code: 7 walnut orbit oasiss", "7-walnut-orbit-oasis"),
    ("a third word that is none", "7-walnut-orbit-zzzzzzz", None),
    ("four words", "use 7-walnut-orbit-oasis-ruby", None),
    ("two codes", "7-walnut-orbit or 8-walnut-orbit", None),
    ("a file's name in an address", "https://box.example/7-walnut-orbit", None),
)


def pasted_vectors() -> dict[str, Any]:
    return {
        "secret": SECRET,
        "links": [{"what": what, "text": text, "server": server} for what, text, server in LINKS],
        "no_links": [{"what": what, "text": text} for what, text in NO_LINKS],
        "codes": [{"what": what, "text": text, "code": code} for what, text, code in CODES],
        "no_codes": [{"what": what, "text": text, "meant": meant} for what, text, meant in NO_CODES],
    }
