"""All fuzz targets, by name and by group."""

from tests.fuzz import mailbox, network, realtime, transfer, web
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    each.name: each for each in (*realtime.TARGETS, *web.TARGETS, *mailbox.TARGETS, *transfer.TARGETS, *network.TARGETS)
}
GROUPS: dict[str, list[Target]] = {}
for _each in TARGETS.values():
    GROUPS.setdefault(_each.group, []).append(_each)
