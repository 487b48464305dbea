"""What the end-to-end tests share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """pytest's, but emptied at once: the files moved here are large."""
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)
