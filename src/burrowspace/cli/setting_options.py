"""The settings as people meet them: environment name, option, default in words. Made from the table in config.py.

The options of `burrow serve` and docs/guide/settings.md are both drawn from here.
"""

import difflib
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import AliasChoices, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from burrowspace.config import Settings

_UNITS = {"_bytes": "BYTES", "_s": "SECONDS", "_ms": "MILLISECONDS", "_days": "DAYS", "_per_second": "NUMBER"}
_OF_BURROW = ("BURROW_FIND_SERVERS", "BURROW_SERVER")  # the command line's own, and near to a setting
_PLACEHOLDERS = {int: "NUMBER", float: "NUMBER", Path: "FOLDER"}


@dataclass(frozen=True, slots=True)
class SettingOption:
    """One setting."""

    field: str
    env: str
    option: str | None  # None for a secret: the environment only, since command lines are seen by everybody
    metavar: str | None  # None for a switch
    default: str
    allowed: str
    meaning: str
    is_limit: bool


def setting_options() -> list[SettingOption]:
    """All settings, in the order of the table."""
    return [_setting(name, info) for name, info in Settings.model_fields.items()]


def _setting(name: str, info: FieldInfo) -> SettingOption:
    kind = _kind(info.annotation)
    return SettingOption(
        field=name,
        env=_env(name, info),
        option=None if kind is SecretStr else "--" + name.replace("_", "-"),
        metavar=_metavar(name, kind),
        default=_in_words(name, info.default),
        allowed=_allowed(kind, info.metadata),
        meaning=info.description or "",
        is_limit=name.startswith("max_") or name.endswith(tuple(_UNITS)),
    )


def _kind(annotation: Any) -> Any:
    """The one type that is not None."""
    if get_origin(annotation) in (Union, types.UnionType):
        return next(arg for arg in get_args(annotation) if arg is not type(None))
    return annotation


def _env(name: str, info: FieldInfo) -> str:
    if isinstance(info.validation_alias, AliasChoices):
        return str(info.validation_alias.choices[-1])
    return f"{Settings.model_config.get('env_prefix', '')}{name.upper()}"


def _metavar(name: str, kind: Any) -> str | None:
    if kind is bool:
        return None
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple:
        return "LIST"
    if kind is Path and name.startswith("tls_"):
        return "FILE"
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), None)
    return unit or _PLACEHOLDERS.get(kind, "TEXT")


def _in_words(name: str, default: Any) -> str:
    if default is None or default == ():
        return "none"
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    if isinstance(default, int) and name.endswith("_bytes"):
        return f"{default}{_binary(default)}"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _binary(size: int) -> str:
    for unit, power in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size % (1 << power) == 0 and size:
            return f" ({size >> power} {unit})"
    return ""


def _allowed(kind: Any, rules: Sequence[Any]) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(map(str, get_args(kind)))
    least = next((rule.ge for rule in rules if isinstance(rule, Ge)), None)
    below = next((rule.gt for rule in rules if isinstance(rule, Gt)), None)
    most = next((rule.le for rule in rules if isinstance(rule, Le)), None)
    if least is not None and most is not None:
        return f"{least} to {most}"
    words = {"at least": least, "more than": below, "at most": most}
    return ", ".join(f"{word} {bound}" for word, bound in words.items() if bound is not None)


def complaints(error: ValidationError, given: Mapping[str, object]) -> list[str]:
    """One sentence for each bad setting, naming it as the operator wrote it; a secret's value is never repeated."""
    by_name = {name.lower(): setting for setting in setting_options() for name in (setting.field, setting.env)}
    sentences = []
    for problem in error.errors(include_url=False):
        setting = by_name.get(str(problem["loc"][0]).lower()) if problem["loc"] else None
        name = (
            "a setting"
            if setting is None
            else setting.option
            if setting.field in given and setting.option
            else setting.env
        )
        said = _said(problem["type"], problem["msg"])
        if not problem["loc"]:
            sentences.append(said)  # of several settings: the sentence names them
        elif problem["type"] == "value_error":
            sentences.append(f"{name}: {said}")
        elif setting is None or setting.option is None:
            sentences.append(f"{name} {said}")
        else:
            sentences.append(f"{name} is {str(problem['input'])[:100]!r}, but {said}")
    return sentences


def _said(kind: str, message: str) -> str:
    if kind.startswith("int_"):
        return "it should be a whole number"
    if kind.startswith("float_"):
        return "it should be a number"
    message = message.removeprefix("Value error, ")
    return "it should" + message.removeprefix("Input should") if message.startswith("Input should") else message


def strays(environment: Iterable[str]) -> list[str]:
    """A sentence for each BURROW_ variable that is nearly a setting but none: most likely a slip of the finger.

    >>> strays(["BURROW_PROT", "BURROW_PORT", "BURROW_SERVICE_HOST"])
    ['BURROW_PROT is no setting; is BURROW_PORT meant?']
    >>> strays(["BURROW_FIND_SERVERS"])
    []
    """
    known = [setting.env for setting in setting_options()]
    sentences = []
    for name in sorted(environment):
        if name.upper().startswith("BURROW_") and name.upper() not in (*known, *_OF_BURROW):
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.85)
            sentences += [f"{name} is no setting; is {close} meant?" for close in near]
    return sentences
