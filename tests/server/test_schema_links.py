"""Calls follow one another along the links of the OpenAPI document, and every answer on the way keeps its word.

schemathesis makes up the calls; the links fill in the ids. (Its own state machine flips coins that no seed reaches, and
takes /connect for a call that cannot come first.) Always the same walks.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.promised import CALM, DOCUMENT, PROMISES, Served, a_server

CHAINS, STEPS = 8, 10  # walks along the chain; further calls of each other walk
LATEST = 8  # links of the last answers, which are followed more often than older ones
NEARBY = {"Authorization": "Bearer " + "s" * 32}  # a device nearby makes its token up
STARTS = {  # how many walks begin with which call; what leads to most others has most
    "POST /connect": 30,
    "POST /request-transfer": 30,
    "POST /spools": 20,
    "POST /nameplates": 20,
    "PUT /mailboxes/{mailbox_id}": 10,
    "PUT /nearby/{handle}": 16,
}
CHAIN = (  # of the app, from nothing to the file
    "POST /connect",
    "POST /request-transfer",
    "POST /approve-transfer/{request_id}",
    "POST /upload/{transfer_id}",
    "GET /download/{transfer_id}",
)
schema = schemathesis.openapi.from_dict(DOCUMENT)
CALLS = {
    call["operationId"]: schema[path][method]
    for path in DOCUMENT["paths"]
    for method, call in DOCUMENT["paths"][path].items()
}
LABELS = {call.label: call for call in CALLS.values()}


@dataclass(frozen=True, slots=True)
class Next:
    """A call that a link leads to, filled in as far as the link says."""

    before: str
    call: Any
    path: dict[str, Any]
    body: Any = None


@dataclass(slots=True)
class Walk:
    """One walk. `granted` counts (call before, call) over all walks."""

    url: str
    granted: Counter[tuple[str, str]]
    tokens: dict[str, str] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)  # devices nearby
    open: list[Next] = field(default_factory=list)

    def make(self, data: st.DataObject, call: Any, known: Next | None = None) -> None:
        case = data.draw(call.as_strategy())
        if known is not None:
            case.path_parameters = {**case.path_parameters, **known.path}
            case.body = case.body if known.body is None else known.body
        if "from" in (case.query or {}) and known is not None:
            case.query["from"] = next((each for each in self.shown if each != known.path["handle"]), "0" * 32)
        answer = case.call_and_validate(self.url, checks=PROMISES, headers=self._headers(case))
        if answer.status_code == 200:
            self.granted[known.before if known is not None else "", call.label] += 1
            self._follow(case, answer)

    def _headers(self, case: schemathesis.Case) -> dict[str, str]:
        token = NEARBY if case.operation.path.startswith("/nearby") else {}
        for each in map(str, (case.path_parameters or {}).values()):
            if each in self.tokens:
                token = {"Authorization": f"Bearer {self.tokens[each]}"}
        return token

    def _follow(self, case: schemathesis.Case, answer: schemathesis.Response) -> None:
        said = answer.json() if "json" in answer.headers["content-type"][0] else {}
        if case.operation.path.startswith("/nearby"):
            self.shown.append(case.path_parameters["handle"])
        for key, token in (("nameplate", "token"), ("transfer_id", "write_token"), ("peer_id", "peer_token")):
            if token in said:
                self.tokens[str(said[key])] = said[token]
        for link in links_of(case.operation):
            path = {name: value_of(text, case, said) for name, text in link.get("parameters", {}).items()}
            body = value_of(link.get("requestBody"), case, said)
            self.open.append(Next(case.operation.label, CALLS[link["operationId"]], path, body))


def links_of(call: Any) -> list[dict[str, Any]]:
    granted = DOCUMENT["paths"][call.path][call.method]["responses"]["200"]
    return list(granted.get("links", {}).values())


def value_of(text: Any, case: schemathesis.Case, said: Any) -> Any:
    """An OpenAPI runtime expression, and whatever holds some."""
    if isinstance(text, dict):
        return {key: value_of(each, case, said) for key, each in text.items()}
    if not isinstance(text, str) or not text.startswith("$"):
        return text
    where, _, name = text.replace("#/", ".").rpartition(".")
    return {"$response.body": said, "$request.body": case.body, "$request.path": case.path_parameters}[where][name]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with a_server(tmp_path_factory.mktemp("links")) as served:
        yield served


def take_walks(url: str, start: str, granted: Counter[tuple[str, str]]) -> None:
    """Wherever the links lead."""

    @settings(CALM, max_examples=STARTS[start])
    @given(data=st.data())
    def walk(data: st.DataObject) -> None:
        one = Walk(url, granted)
        for _ in range(2):
            one.make(data, LABELS[start])
        for _ in range(STEPS):
            if not one.open:
                break
            known = data.draw(st.sampled_from(one.open[-LATEST:]) | st.sampled_from(one.open))
            one.open.remove(known)
            one.make(data, known.call, known)

    walk()


def follow(url: str, chain: tuple[str, ...], granted: Counter[tuple[str, str]]) -> None:
    """From one call of a chain to the next, as long as they are granted."""

    @settings(CALM, max_examples=CHAINS)
    @given(data=st.data())
    def walk(data: st.DataObject) -> None:
        one = Walk(url, granted)
        one.make(data, LABELS[chain[0]])
        for before, label in itertools.pairwise(chain):
            known = next((each for each in one.open if (each.before, each.call.label) == (before, label)), None)
            if known is None:
                break
            one.make(data, known.call, known)

    walk()


def knock(url: str, granted: Counter[tuple[str, str]]) -> None:
    """Two devices show themselves, and one knocks at the other."""
    shows, knocks = "PUT /nearby/{handle}", "POST /nearby/{handle}/knock"

    @settings(CALM, max_examples=4 * CHAINS)
    @given(data=st.data())
    def walk(data: st.DataObject) -> None:
        one = Walk(url, granted)
        one.make(data, LABELS[shows])
        one.make(data, LABELS[shows])
        known = next((each for each in one.open if each.call.label == knocks), None)
        if known is not None:
            one.make(data, known.call, known)

    walk()


def test_walks_along_the_links_keep_every_promise_and_reach_every_call(served: Served) -> None:
    granted: Counter[tuple[str, str]] = Counter()
    follow(served.server.url, CHAIN, granted)
    assert all(granted[pair] for pair in itertools.pairwise(CHAIN)), granted
    knock(served.server.url, granted)
    for start in STARTS:
        take_walks(served.server.url, start, granted)
    linked = {CALLS[link["operationId"]].label for call in CALLS.values() for link in links_of(call)}
    by_id = {label for label in LABELS if "{" in label} - {"PUT /nearby/{handle}"}  # a device makes its handle up
    assert linked == by_id | {"POST /request-transfer"}
    refused = linked - {label for _, label in granted}
    assert refused <= {"POST /approve-device/{device_id}", "POST /reject-device/{device_id}"}  # no device waits here
