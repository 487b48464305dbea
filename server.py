"""Starts the server the way it was always started: `python server.py`. `python server.py --help` says the rest.

This file is read by every Python there is, so that an old one gets a sentence instead of a syntax error.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.stderr.write(
        "BurrowSpace needs Python 3.11 or later, and this is "
        + ".".join(map(str, sys.version_info[:3]))
        + ": versions before 3.11 are no longer maintained. Install a newer one, then run: python3 server.py\n"
    )
    sys.exit(2)


def stop(sentence):
    """Nothing began, and the same start would fail again: exit code 2."""
    sys.stderr.write(sentence + "\n")
    sys.exit(2)


def main():
    """Serves the sources beside this file; nothing needs to be installed but requirements.txt."""
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))
    try:
        from burrowspace.cli.main import serve_alone
    except ModuleNotFoundError as missing:
        stop("the module " + repr(missing.name) + " is missing; run: pip install -r requirements.txt")
    except (ImportError, MemoryError, OSError) as error:
        stop("this system gives Python too little to start: " + str(error) + "; raise the limits (ulimit -a)")
    serve_alone()


if __name__ == "__main__":
    main()
