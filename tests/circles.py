"""Circles in a graph of imports: sets of modules each of which reaches all the others."""

from collections.abc import Mapping, Set


def circles(graph: Mapping[str, Set[str]]) -> list[set[str]]:
    """The largest such sets, in the order of their first modules. A module that imports itself counts too.

    >>> circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}, "e": {"a"}}) == [{"b", "c"}, {"d"}]
    True
    """
    reached = {each: _reached(graph, each) for each in sorted(graph)}
    found = list[set[str]]()
    for each, others in reached.items():
        if each in others and not any(each in circle for circle in found):
            found.append({other for other in others if each in reached.get(other, ())})
    return found


def _reached(graph: Mapping[str, Set[str]], start: str) -> set[str]:
    """What can be reached from here, in one step or more."""
    seen, left = set[str](), list(graph[start])
    while left:
        each = left.pop()
        if each not in seen:
            seen.add(each)
            left.extend(graph.get(each, ()))
    return seen
