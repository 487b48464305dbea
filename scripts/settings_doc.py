"""Writes docs/guide/settings.md from the table of settings; with --check only says whether the page is stale."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from burrowspace.cli.setting_options import SettingOption, setting_options  # noqa: E402

PAGE = ROOT / "docs" / "guide" / "settings.md"

HEAD = """# Settings

<!-- Written by scripts/settings_doc.py from src/burrowspace/config.py. Change it there. -->

Every setting is an environment variable and an option of `burrow serve` (and of `python server.py`). The option wins
over the variable, the variable over the default. A setting that cannot be used stops the start with exit code 2 and a
sentence that names it.

Sizes are bytes, times are in the unit that the name ends with. Lists are separated by commas. A switch is on for
`true`, `1`, `t`, `yes`, `y` and `on` in any case, and off for anything else.

Two conventions of other programs are kept: `NO_COLOR` switches colours off, and `NGROK_AUTHTOKEN`, being a secret, is
taken from the environment only.
"""


def page() -> str:
    table = setting_options()
    everyday = [setting for setting in table if not setting.is_limit]
    limits = [setting for setting in table if setting.is_limit]
    return f"{HEAD}\n## Every day\n\n{rows(everyday)}\n## Limits and times\n\n{rows(limits)}"


def rows(table: list[SettingOption]) -> str:
    lines = ["| environment | option | default | meaning |", "| --- | --- | --- | --- |"]
    for setting in table:
        option = "(environment only)" if setting.option is None else f"`{setting.option}`"
        allowed = f" Allowed: {setting.allowed}." if setting.allowed else ""
        default = setting.default.replace(",", ", ")
        lines.append(
            f"| `{setting.env}` | {option} | {default} | {(setting.meaning + allowed).replace('|', chr(92) + '|')} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    if "--check" not in sys.argv[1:]:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print("docs/guide/settings.md is stale; run: python scripts/settings_doc.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
