"""Makes the virtual environment, with a sentence where this Python cannot."""

import subprocess
import sys

if sys.version_info < (3, 11):  # noqa: UP036  (run by whatever Python there is)
    sys.exit(
        "BurrowSpace needs Python 3.11 or later: older ones are no longer maintained. Try: make PYTHON=python3.13 …"
    )
if subprocess.call([sys.executable, "-m", "venv", sys.argv[1]]) != 0:
    sys.exit("this Python cannot make a virtual environment; on Debian: apt-get install python3-venv")
