"""BurrowSpace: any two devices exchange files of any size, wherever they are.

`from burrowspace import Client, Options` is the SDK; see burrowspace.client.client.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from burrowspace.client.client import Client
    from burrowspace.client.options import Options

__version__ = "0.1.0"
__all__ = ["Client", "Options", "__version__"]


def __getattr__(name: str) -> Any:
    """The SDK is loaded when it is used: a server never needs it."""
    if name == "Client":
        from burrowspace.client.client import Client

        return Client
    if name == "Options":
        from burrowspace.client.options import Options

        return Options
    raise AttributeError(f"module 'burrowspace' has no attribute {name!r}")
