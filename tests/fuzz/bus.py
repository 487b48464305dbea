"""Targets: what other nodes say on the bus, or whoever else can reach it."""

from burrowspace.core import bus_frames
from burrowspace.core.bus_frames import Kind
from burrowspace.core.bus_rules import SEQ_MOST, Batches, Received, Sent
from tests.fuzz.target import Target


def batch(data: bytes) -> object:
    """A batch is read or refused; what was read says the same when it is written again, and no report is believed that
    speaks of what was never sent."""
    read = bus_frames.parse(data)
    assert len(read.node) == 32
    again = bus_frames.parse(bus_frames.batch(read.node, read.boot, read.number, read.frames))
    assert again == read
    Batches().take(read.boot, read.number)
    sent, received, told = Sent[int](), Received(), 0
    for number in range(3):
        sent.packet(100, number)
        sent.prove(number)
    for frame in read.frames:
        assert frame.seq <= SEQ_MOST
        assert len(frame.parts) <= bus_frames.PARTS_MOST
        if frame.kind in (Kind.EVENT, Kind.ASKED) and received.takes(frame.seq):
            received.reports(sum(map(len, frame.parts)), asked=frame.kind == Kind.ASKED)
        if frame.kind == Kind.TAKEN:
            told += len(sent.taken(frame.seq))
        if frame.kind == Kind.ARRIVED:
            told += len(sent.arrived(frame.seq))
        assert 0 <= sent.untaken <= 300
    assert told + len(sent.die()) == 6
    return read


TARGETS = (Target("bus", "network", batch, "what other nodes say on the bus", 8192),)
