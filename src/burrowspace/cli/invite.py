"""What the sender's person passes on: the exact command for the other side, the link, the QR code. Pure."""

from dataclasses import dataclass

from burrowspace.cli.progress_view import StyledLine
from burrowspace.client.events import NewCode, Ready


@dataclass(frozen=True, slots=True)
class Invitation:
    """`known`: the other side is likely to use the same server without being told; our own it cannot know. `keys`: a
    person is at the keyboard and may ask for a new code. `others`: further addresses of the server, on other networks.
    """

    known: bool = True
    keys: bool = False
    to: str = ""  # the paired device that hears of it by itself
    others: tuple[str, ...] = ()

    def lines(self, ready: Ready) -> list[StyledLine]:
        """
        >>> [line.text for line in Invitation(known=False).lines(Ready("http://10.0.0.7:1/r#x", "7-ivy-opal", "http://10.0.0.7:1"))]
        ['On the other machine:', '', '    burrow receive 7-ivy-opal --server http://10.0.0.7:1', '', 'or with the link:', '', "    burrow receive 'http://10.0.0.7:1/r#x'", '']
        >>> two = Invitation(known=False, others=("http://10.8.0.2:1",))
        >>> two.lines(Ready("http://10.0.0.7:1/r#x", None, "http://10.0.0.7:1"))[-2].text
        'From another network than that of http://10.0.0.7:1, use --server http://10.8.0.2:1.'
        """  # noqa: E501
        from burrowspace.core.names import shown

        if self.to:
            return [
                StyledLine(f"Offered to {shown(self.to, 40)}, which takes it with `burrow receive` or on its page.")
            ]
        lines = [StyledLine("On the other machine:"), StyledLine("")]
        if ready.code is not None:
            lines += [StyledLine(f"    {self.command(ready.code, ready.server)}", "bold"), StyledLine("")]
            lines += [
                StyledLine(
                    "or with the link:" if not self.known else "or with the link, which also says where the server is:"
                ),
                StyledLine(""),
            ]
        lines += [StyledLine(f"    burrow receive '{ready.link}'", "bold"), StyledLine("")]
        if self.others:
            named = " or ".join(f"--server {each}" for each in self.others)
            lines += [StyledLine(f"From another network than that of {ready.server}, use {named}."), StyledLine("")]
        if ready.why:
            lines += [StyledLine(f"There is no short code: {shown(ready.why, 200)}. The link is enough.", "yellow")]
            lines += [*self._asking(ready.asks), StyledLine("")]
        return lines

    def _asking(self, asks: bool) -> list[StyledLine]:
        return [StyledLine("Press Enter for a new code.", "yellow")] if asks and self.keys else []

    def command(self, code: str, server: str) -> str:
        return f"burrow receive {code}" + ("" if self.known else f" --server {server}")

    def renewed(self, event: NewCode, server: str) -> list[StyledLine]:
        """The old code no longer works."""
        from burrowspace.core.names import shown

        why = shown(event.why, 200)
        if event.code is None:
            gone = f"There is no short code any more: {why}. The link is still good."
            return [StyledLine(gone, "yellow"), *self._asking(event.asks)]
        return [
            StyledLine(f"{why[:1].upper()}{why[1:]}. The new code:", "yellow"),
            StyledLine(f"    {self.command(event.code, server)}", "bold"),
        ]


def qr_lines(link: str, width: int, encoding: str, *, colours: bool) -> list[StyledLine]:
    """The link as a QR code on paper of its own; nothing where it does not fit or cannot be drawn."""
    from burrowspace.core.qr import qr_rows

    rows = qr_rows(link, ink="dark" if colours else "light")
    try:
        "▀▄█".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return []
    if len(rows[0]) + 4 > width:
        return []
    paper = "#000000 on #ffffff" if colours else ""
    return [*(StyledLine("    " + row, paper) for row in rows), StyledLine("")]
