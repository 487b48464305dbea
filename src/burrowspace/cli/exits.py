"""How a command ends: one table from what went wrong to the exit code and to the next thing to try.

The codes are a contract with scripts; docs/guide/terminal.md lists them.
"""

from enum import IntEnum

from burrowspace.core.errors import BurrowError
from burrowspace.core.names import shown
from burrowspace.faults import fault, is_full, is_machines, named


class Exit(IntEnum):
    DONE = 0  # and verified, where there was something to verify
    ERROR = 1
    USAGE = 2
    DECLINED = 3  # by the other side, or called off there or here
    WRONG_CODE = 4  # mistyped, used up or burnt by a wrong guess
    NOT_VERIFIED = 5  # what arrived is not what was sent
    UNREACHABLE = 6  # the server
    DISK_FULL = 7
    TROUBLE = 8  # burrow doctor found it
    INCOMPLETE = 9  # verified, but for files that vanished or changed while they were sent
    INTERRUPTED = 130  # Ctrl-C, 128 + SIGINT


class Usage(BurrowError):
    """The command line contradicts itself."""

    code, status = "usage", 400


MEANING = {
    Exit.DONE: "done and verified",
    Exit.ERROR: "an error; the sentence says which",
    Exit.USAGE: "the command line was not understood, or nothing could begin: a folder or a limit is in the way",
    Exit.DECLINED: "the other side declined or called it off",
    Exit.WRONG_CODE: "the code or link is wrong, used or expired",
    Exit.NOT_VERIFIED: "what arrived is not what was sent; nothing was kept",
    Exit.UNREACHABLE: "the server cannot be reached",
    Exit.DISK_FULL: "the disk is full, here or on the server",
    Exit.TROUBLE: "burrow doctor found something that does not work",
    Exit.INCOMPLETE: "done and verified, but for files that vanished or changed meanwhile; the summary names them",
    Exit.INTERRUPTED: "interrupted; the same command goes on",
}

_TABLE: dict[str, tuple[Exit, str]] = {
    "usage": (Exit.USAGE, "--help shows how it is written"),
    "cannot-start": (Exit.USAGE, ""),
    "declined": (Exit.DECLINED, "ask the other person, then send again"),
    "cancelled": (Exit.DECLINED, "ask the other person, then send again"),
    "called-off": (Exit.DECLINED, "ask the other person, then send again"),
    "removed": (Exit.DECLINED, "ask the other person to send it again"),
    "bad-code": (Exit.WRONG_CODE, "a code looks like 7-walnut-orbit; a link begins with https://"),
    "bad-link": (Exit.WRONG_CODE, "copy the whole link, with what stands behind the #"),
    "wrong-code": (Exit.WRONG_CODE, "the sender's screen shows a new code: try that one"),
    "code-burnt": (Exit.WRONG_CODE, "ask the sender for a new code"),
    "code-expired": (Exit.WRONG_CODE, "ask the sender for a new code"),
    "no-such-code": (Exit.WRONG_CODE, "check the number with the sender, and that both use the same server (--server)"),
    "not-found": (Exit.WRONG_CODE, "check it with the sender; `burrow resume` lists what is unfinished here"),
    "not-here": (Exit.ERROR, "check the name"),
    "gone": (Exit.WRONG_CODE, "it is over; ask the sender to send it again"),
    "mismatch": (Exit.NOT_VERIFIED, "receive it again"),
    "tampered": (Exit.NOT_VERIFIED, "somebody in between may have changed it; send it again with a fresh code"),
    "not-verified": (Exit.NOT_VERIFIED, "send it again"),
    "changed": (Exit.ERROR, "send it again as a new transfer"),
    "unavailable": (Exit.UNREACHABLE, "try again later"),
    "unreachable": (Exit.UNREACHABLE, "check the address and your network, or name another server with --server"),
    "no-server": (
        Exit.UNREACHABLE,
        "name one with --server or BURROW_SERVER, or use the sender's link instead of the code",
    ),
    "no-space": (Exit.DISK_FULL, "free some space or choose another folder with -o; the same command goes on"),
    "busy": (Exit.ERROR, "another burrow is at work on this; let it end, or stop it"),
    "token-required": (Exit.ERROR, "the user's devices use tokens; only they may do this"),
    "too-many": (Exit.ERROR, "wait a minute and try again"),
    "stalled": (Exit.ERROR, "the same command goes on where it stopped"),
    "gave-up": (Exit.ERROR, "start both sides at about the same time, or let it rest with --store"),
    "no-path": (Exit.ERROR, "leave out --direct-only, or check the firewalls"),
}


def exit_of(error: BaseException) -> Exit:
    """The exit code of a failure.

    >>> from burrowspace.core.errors import WrongCode, NoSpace
    >>> exit_of(WrongCode("no")), exit_of(NoSpace("full")), exit_of(KeyError("x"))
    (<Exit.WRONG_CODE: 4>, <Exit.DISK_FULL: 7>, <Exit.ERROR: 1>)
    """
    if isinstance(error, BurrowError):
        return _TABLE.get(_code(error), (Exit.ERROR, ""))[0]
    if is_full(error):
        return Exit.DISK_FULL
    return Exit.ERROR


def said(error: BaseException) -> tuple[str, str]:
    """What went wrong and what to try next, each a sentence or a clause, for a terminal.

    >>> from burrowspace.core.errors import BadCode
    >>> said(BadCode("7-walnut is no code"))
    ('7-walnut is no code', 'a code looks like 7-walnut-orbit; a link begins with https://')
    """
    if isinstance(error, BurrowError):
        sentence, advice = error.sentence, _TABLE.get(_code(error), (Exit.ERROR, ""))[1]
        if sentence.endswith(advice) or ";" in sentence:
            advice = ""  # the sentence says it already
    elif isinstance(error, OSError):
        sentence, advice = named(error), ""
        if is_full(error):
            sentence, advice = "the disk is full", _TABLE["no-space"][1]
    elif is_machines(error):
        sentence, advice = fault(error)
    else:
        sentence = f"something that should not happen did: {type(error).__name__}: {error}"
        advice = "run it again with BURROW_DEBUG=1 and report what it prints; the same command goes on"
    return shown(sentence, 500), advice


def _code(error: BurrowError) -> str:
    """Its code; of a server's refusal (client.errors.Refused) what the server said.."""
    told = getattr(error, "said", None)
    return str(told) if told else "not-here" if error.code == "not-found" else error.code


def help_lines() -> str:
    """The table for a help page."""
    return "\n".join(f"  {int(code):>3}  {meaning}" for code, meaning in MEANING.items())
