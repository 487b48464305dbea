"""Starts the server the way it was always started: `python server.py`. `python server.py --help` says the rest.

This file is read by every Python there is, so that an old one gets a sentence instead of a syntax error.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "BurrowSpace needs Python 3.11 or later, and this is "
        + ".".join(map(str, sys.version_info[:3]))
        + ": versions before 3.11 are no longer maintained. Install a newer one, then run: python3 server.py"
    )


def main():
    """Serves the sources beside this file; nothing needs to be installed but requirements.txt."""
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))
    try:
        from burrowspace.cli.main import serve_alone
    except ModuleNotFoundError as missing:
        sys.exit("the module " + repr(missing.name) + " is missing; run: pip install -r requirements.txt")
    serve_alone()


if __name__ == "__main__":
    main()
