"""What a change decides over, as keys: two changes that share one never run at once, on however many servers.

A key is a kind and whose: `mailbox:<id>`, `address:<address>`. The table says which records a key lets a change touch;
State refuses others. Which changes name their keys, and why: docs/spec/state.md.
"""

import hashlib
from collections.abc import Iterable

from burrowspace.core.records import Mailbox, Message, Node, Record

MAY_TOUCH: dict[str, frozenset[type[Record]]] = {
    "mailbox": frozenset({Mailbox, Message}),  # one mailbox and what is in it
    "address": frozenset({Mailbox}),           # what is counted for one address
    "node": frozenset({Node}),                 # one node's sign of life
}  # fmt: skip


def kinds_of(keys: Iterable[str]) -> frozenset[type[Record]]:
    """The records that a change about these may touch. KeyError: no such kind of key.

    >>> sorted(kind.__name__ for kind in kinds_of(["mailbox:00"]))
    ['Mailbox', 'Message']
    """
    return frozenset().union(*(MAY_TOUCH[key.partition(":")[0]] for key in keys))


def number_of(key: str) -> int:
    """The key as 64 bits with a sign, for a lock of the database. From 1 on: lower numbers are locks of other kinds.

    >>> number_of("mailbox:00") == number_of("mailbox:00"), number_of("mailbox:00") == number_of("mailbox:01")
    (True, False)
    """
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") >> 1 or 1
