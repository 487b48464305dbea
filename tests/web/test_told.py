"""What a page tells the person of what happens, and of what does not: in words, at once, and in their language."""

import os

import pytest

from tests.cli.program import Person
from tests.e2e.served import Served
from tests.web.browser import Browsing
from tests.web.desk import EXCUSED, desk

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _excused(server: Served, browsing: Browsing) -> None:
    """The server goes after the pages."""
    browsing.excused = EXCUSED


async def test_an_offer_says_why_something_was_left_out_or_changed_in_the_language_of_the_page(
    browsing: Browsing, server: Served, person: Person
) -> None:
    folder = person.folder / "odd"
    folder.mkdir()
    (folder / "good.txt").write_text("good")
    (folder / "shortcut").symlink_to(folder / "good.txt")
    os.mkfifo(folder / "pipe")
    program = await person.burrow("send", folder, "--server", server.url, "--json")
    link = str((await program.event("ready"))["link"])
    for language, said in (
        ("en", ("Not sent: a symbolic link", "Not sent: a pipe")),
        ("de", ("Nicht gesendet: eine symbolische Verknüpfung", "Nicht gesendet: eine Pipe")),
    ):
        bob = await desk(browsing, link, locale=language)
        notes = bob.page.locator("offer-card .notes")
        for name, reason in zip(("odd/shortcut", "odd/pipe"), said, strict=True):
            await notes.get_by_role("listitem").filter(has_text=name).get_by_text(reason).wait_for()
        await bob.page.context.close()
