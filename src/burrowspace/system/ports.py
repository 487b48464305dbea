"""How a program gets a TCP port that is then its own."""

import socket
import sys


def for_us_alone(listener: socket.socket) -> None:
    """To be called before `bind`: nobody else may listen there, and our own last connections do not keep us from it.

    SO_REUSEADDR is that on Linux and macOS. On Windows it lets any program take a port that another one listens on.
    """
    if sys.platform == "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
