"""What is installed is what was pinned, byte for byte, and nobody is sent to a name that is not ours."""

import importlib.metadata
import itertools
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.proxies import DEPLOY

ROOT = DEPLOY.parent
PINNED = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))? \\$", re.MULTILINE
)
SYSTEMS = [("linux", "Linux"), ("darwin", "Darwin")]  # Windows lacks what the server and the journals lock with
MACHINES = ["x86_64", "aarch64", "arm64"]
PYTHONS = ["3.11", "3.12", "3.13"]


def pins() -> dict[str, "re.Match[str]"]:
    return {each["name"]: each for each in PINNED.finditer((ROOT / "requirements.txt").read_text())}


def test_every_pin_has_the_hashes_of_its_files_and_no_index_is_named() -> None:
    text = (ROOT / "requirements.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("    --hash=sha256:")]
    assert len(lines) == len(pins()) > 40
    for each in text.split("\n    --hash=sha256:")[1:]:
        assert re.match(r"[0-9a-f]{64}(?: \\)?\n?", each)
    assert not re.search(r"\w+://|--(extra-)?index-url|--find-links|--trusted-host|^-", text, re.MULTILINE)


def test_what_a_pinned_part_needs_on_any_system_of_ours_is_pinned() -> None:
    """With hashes, pip takes nothing that has none: one forgotten part, and nothing can be installed there."""
    found, missing = pins(), set()
    for name in found:
        for text in importlib.metadata.distribution(name).requires or ():
            needed = Requirement(text)
            for (system, platform), machine, python in itertools.product(SYSTEMS, MACHINES, PYTHONS):
                there = {"sys_platform": system, "platform_system": platform, "os_name": "posix", "extra": ""}
                there |= {"platform_machine": machine, "python_version": python, "python_full_version": f"{python}.1"}
                there |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
                if needed.marker is None or needed.marker.evaluate(there):
                    pin = found.get(canonicalize_name(needed.name))
                    if pin is None or pin["version"] not in needed.specifier:
                        missing.add(f"{name} on {system} {machine} {python}: {text}")
    assert missing == set()
    assert found["uvloop"]["marker"] == 'sys_platform != "win32" and platform_python_implementation == "CPython"'


def test_the_parts_of_the_tests_are_held_to_the_same_versions_without_hashes(tmp_path: Path) -> None:
    """pip takes no hashes as constraints of what is installed from a folder."""
    made = tmp_path / "constraints.txt"
    command = ["make", "-s", "-f", ROOT / "Makefile", f"VENV={tmp_path}", str(made)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=30)
    assert made.read_text().split() == [f"{name}=={pin['version']}" for name, pin in pins().items()]


def texts() -> list[Path]:
    found = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", "server.py")]
    for folder in ("src", "docs", "deploy", "scripts", "examples", "bench"):
        found += [
            each
            for each in (ROOT / folder).rglob("*")
            if each.suffix in (".py", ".md", ".js", ".html", ".sh", ".service", ".yaml", "") and each.is_file()
        ]
    return [each for each in found if "node_modules" not in each.parts]


def test_nobody_is_told_to_install_a_name_that_is_not_ours() -> None:
    wrong = re.compile(r"\b(?:pipx?|uvx?|uv tool|uv pip) (?:install|run)?[^`\n]*?(?<![\w/.-])burrowspace\b(?![/-])")
    said = [
        f"{file.relative_to(ROOT)}: {found.group()}"
        for file in texts()
        for found in wrong.finditer(file.read_text(errors="replace"))
    ]
    assert said == []


PRECISE = re.compile(r"[a-z0-9.-]+/[a-z0-9_./-]+:[0-9]+\.[0-9]+\.[0-9]+[a-z0-9.-]*@sha256:[0-9a-f]{64}")


def test_every_image_is_named_by_its_exact_version_and_digest() -> None:
    compose: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    images = [service["image"] for service in compose["services"].values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    assert len(images) == 3
    assert [each for each in images if not PRECISE.fullmatch(each)] == []


@pytest.mark.parametrize("file", ["Containerfile", "burrowspace.service", "compose.yaml"])
def test_a_file_of_deploy_says_how_it_is_installed_from_the_checkout(file: str) -> None:
    text = (DEPLOY / file).read_text()
    if "pip install" in text:
        assert "-r /src/requirements.txt" in text or "-r requirements.txt" in text
        assert "--no-deps" in text
