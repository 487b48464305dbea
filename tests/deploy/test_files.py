"""The unit and the container files, as far as they can be tried without systemd as PID 1 and a container engine."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from burrowspace.cli.setting_options import setting_options
from tests.deploy.proxies import DEPLOY, program, replaced
from tests.e2e.served import calling, served

ROOT = DEPLOY.parent
# What comes with the server's side of TURN: its settings and coturn's own file.
TURN = {"BURROW_TRUSTED_PROXIES", "BURROW_TURN_URLS", "BURROW_TURN_SECRET_FILE", "./coturn/turnserver.conf"}


def unknown(names: set[str]) -> set[str]:
    """Which of these BURROW_ variables are no setting."""
    return names - {setting.env for setting in setting_options()} - TURN


def test_systemd_takes_the_unit_and_finds_it_hardened(tmp_path: Path):
    unit = tmp_path / "burrowspace.service"
    unit.write_text(replaced("burrowspace.service", [("/opt/burrowspace/bin/burrow serve", f"{sys.executable} -V")]))
    analyze = program("systemd-analyze")
    said = subprocess.run([analyze, "verify", str(unit)], capture_output=True, text=True, timeout=30, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")
    judged = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", str(unit)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-200:]  # an exposure of at most 2.0 of 10
    assert unknown(set(re.findall(r"\bBURROW_[A-Z_]+\b", unit.read_text()))) <= {"BURROW_"}


@pytest.mark.anyio
async def test_the_server_needs_no_memory_that_is_written_and_run(tmp_path: Path):
    # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN: what MemoryDenyWriteExecute= comes to
    refuse = "import ctypes, os, sys; assert not ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)"
    become = f"{refuse}; os.execv(sys.argv[1], sys.argv[1:])"
    async with served(tmp_path / "data", under=(sys.executable, "-c", become)) as server, calling(server) as api:
        assert (await api.get("/status"))["status"] == "online"
        key = await api.transfer()
        await api.call("PUT", f"/upload/{key}", data=b"x" * 300_000)


def test_compose_names_only_what_is_there():
    compose: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"burrowspace", "caddy", "coturn"}
    made = services["burrowspace"]["build"]
    assert (DEPLOY / made["context"] / made["dockerfile"]).resolve() == DEPLOY / "Containerfile"
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in compose["volumes"] if source[0] != "." else (DEPLOY / source).exists() or source in TURN, (
                source
            )
    for service in services.values():
        assert set(service.get("networks", ())) <= set(compose["networks"])
    assert unknown(set(services["burrowspace"]["environment"])) == set()
    assert services["caddy"]["environment"]["BURROW_UPSTREAM"] == "burrowspace:5000"
    assert "{$BURROW_UPSTREAM:" in (DEPLOY / "Caddyfile").read_text()


def test_the_containerfile_installs_what_is_pinned_and_starts_what_the_package_has():
    text = (DEPLOY / "Containerfile").read_text()
    said = dict(re.findall(r"^(ENTRYPOINT|CMD|USER|VOLUME|EXPOSE|FROM) (.*)$", text, re.MULTILINE))
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert said["ENTRYPOINT"] == f'["{next(iter(scripts))}"]'
    assert said["USER"].isdigit()
    assert "pip install --no-cache-dir --no-compile -r /src/requirements.txt" in text
    assert (ROOT / "requirements.txt").exists()
    assert unknown(set(re.findall(r"\bBURROW_[A-Z_]+\b", text))) == set()
    healthy = re.search(r"^\s+CMD \[\"python\", \"-c\", \"(.*)\"\]$", text, re.MULTILINE)
    assert healthy is not None
    compile(healthy[1], "HEALTHCHECK", "exec")
    assert shlex.split(said["VOLUME"]) == ["/data"]
