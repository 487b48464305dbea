"""All fuzz targets, by name and by group."""

from tests.fuzz import bus, front, mailbox, network, realtime, transfer, web
from tests.fuzz.target import Target

_MODULES = (realtime, web, front, mailbox, transfer, network, bus)
TARGETS: dict[str, Target] = {each.name: each for module in _MODULES for each in module.TARGETS}
GROUPS: dict[str, list[Target]] = {}
for _each in TARGETS.values():
    GROUPS.setdefault(_each.group, []).append(_each)
