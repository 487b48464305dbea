"""Every line that tells somebody to install something with pip: where it stands, and what proves that it works."""

from __future__ import annotations

import re
from pathlib import Path

REPO = Path(__file__).parents[2]
PLACES = ("README.md", "CONTRIBUTING.md", "docs", "deploy", "examples", "src/burrowspace")
KINDS = {".md", ".py", ".service", ".html", "", ".yml"}
LINE = re.compile(r"pip install ((?:(?:-[\w-]+|[\"']?[\w./\[\]-]+[\"']?|\\\n\s+)[ \t]?)+)")
QUOTES = str.maketrans("", "", "\"'")
PROSE = {"in", "installs"}  # the sentence goes on

# What each line is run as, in a virtual environment of a clean system; `python` is that environment's.
PROOFS = {
    ".[webrtc]": "burrow --version && { python -c 'import aiolibdatachannel' || python -c 'import aiortc'; }",
    ".[cluster]": "python -c 'import burrowspace.adapters.state_postgres, psycopg'",
    "-r requirements.txt": "python server.py --help && cd src && python -c 'import burrowspace.server.build'",
    "--no-deps .": "burrow --version",
    "python-socketio aiohttp": "python -c 'import socketio, aiohttp; socketio.AsyncClient()'",
    "-U ngrok": "python -c 'import ngrok'",
}


def said() -> dict[str, list[str]]:
    """What is told to be installed, with the files that say it."""
    found: dict[str, list[str]] = {}
    for place in PLACES:
        start = REPO / place
        for file in [start] if start.is_file() else sorted(start.rglob("*")):
            if file.suffix in KINDS and file.is_file() and not {"decisions", "vendor", "__pycache__"} & set(file.parts):
                for line in LINE.findall(file.read_text(errors="replace")):
                    found.setdefault(meant(line), []).append(str(file.relative_to(REPO)))
    return found


def meant(line: str) -> str:
    """The line without quotes, and without what only makes an image smaller.

    >>> meant('"python-socketio"  aiohttp '), meant("--no-cache-dir --no-deps /src ")
    ('python-socketio aiohttp', '--no-deps .')
    >>> meant("'.[webrtc]' in a checkout")
    '.[webrtc]'
    """
    words = line.translate(QUOTES).replace("\\\n", " ").split()
    words = words[: next((at for at, word in enumerate(words) if word in PROSE), None)]
    kept = [word for word in words if word not in ("--no-cache-dir", "--no-compile")]
    return " ".join(kept).replace("/src/requirements.txt", "requirements.txt").replace("/src", ".")
