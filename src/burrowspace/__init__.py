"""BurrowSpace: any two devices exchange files of any size, wherever they are.

`from burrowspace import Client` is the SDK: its options, its events and its errors come from here too. The reference is
docs/guide/sdk.md, written from the docstrings of client/client.py, client/events.py and client/errors.py.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from burrowspace.client.client import Client
    from burrowspace.client.errors import (
        BadCode,
        BadLink,
        BadManifest,
        BadRequest,
        BurrowError,
        Busy,
        Cancelled,
        Changed,
        CodeBurnt,
        CodeExpired,
        Damaged,
        Forbidden,
        GaveUp,
        Gone,
        Mismatch,
        Missing,
        NoSpace,
        NotFound,
        Refused,
        Stalled,
        Tampered,
        TooLarge,
        Unreachable,
        WrongCode,
        WrongState,
    )
    from burrowspace.client.events import (
        Declined,
        Event,
        Finished,
        Met,
        NewCode,
        Noted,
        Offered,
        PathChanged,
        Progress,
        Ready,
        Remark,
        Resting,
        Text,
        Verified,
        Waiting,
    )
    from burrowspace.client.options import Options
    from burrowspace.client.session.transfer import Transfer

__version__ = "0.1.0"
__all__ = [
    "BadCode",
    "BadLink",
    "BadManifest",
    "BadRequest",
    "BurrowError",
    "Busy",
    "Cancelled",
    "Changed",
    "Client",
    "CodeBurnt",
    "CodeExpired",
    "Damaged",
    "Declined",
    "Event",
    "Finished",
    "Forbidden",
    "GaveUp",
    "Gone",
    "Met",
    "Mismatch",
    "Missing",
    "NewCode",
    "NoSpace",
    "NotFound",
    "Noted",
    "Offered",
    "Options",
    "PathChanged",
    "Progress",
    "Ready",
    "Refused",
    "Remark",
    "Resting",
    "Stalled",
    "Tampered",
    "Text",
    "TooLarge",
    "Transfer",
    "Unreachable",
    "Verified",
    "Waiting",
    "WrongCode",
    "WrongState",
    "__version__",
]
_HOMES = {"Client": "client", "Options": "options", "Transfer": "session.transfer"}


def __getattr__(name: str) -> Any:
    """The SDK is loaded when it is used: a server never needs it."""
    if name not in __all__:
        raise AttributeError(f"module 'burrowspace' has no attribute {name!r}")
    for home in [_HOMES[name]] if name in _HOMES else ["events", "errors"]:
        found = getattr(import_module(f"burrowspace.client.{home}"), name, None)
        if found is not None:
            return found
    raise AttributeError(f"module 'burrowspace' offers {name!r} and nothing defines it")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
