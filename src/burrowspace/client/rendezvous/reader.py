"""The messages of one mailbox from its first on, in order. Twin of web/wire/rendezvous/reader.js.

Spec: docs/spec/mailboxes.md.

A mailbox that was made anew counts from 0 again and is read from its start, so what is sealed must bear being read
twice.
"""

from burrowspace.client.server.api import Server


class Reader:
    """`after`: number of the last message that was read. `made`: when the mailbox was, as the server writes it; empty:
    not known yet."""

    def __init__(self, server: Server, mailbox: str) -> None:
        self._server, self._mailbox = server, mailbox
        self.after, self.made = -1, ""

    async def next(self, wait: float) -> list[tuple[int, bytes]]:
        """Those that came since, waiting up to `wait` s for one; empty if there is none yet. Unreachable, Refused."""
        found = await self._server.news(self._mailbox, self.after, wait)
        if not found.made:  # it was not there
            self.after = -1
            return []
        anew = self.made not in ("", found.made)
        self.made = found.made
        if anew and self.after >= 0:
            self.after = -1
            return await self.next(0)
        self.after = max([self.after, *(number for number, _ in found.messages)])
        return found.messages
