"""The OpenAPI document keeps its word: schemathesis asks a served world what the document allows and what it does not.

Always the same questions. Each is asked as it was made up and, where it names an id, once more with one that exists.
"""

import asyncio
import contextlib
import copy
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.core.failures import FailureGroup

from tests.app import Running
from tests.server.promised import CALM, DOCUMENT, PROMISES, Served, a_server

EACH = 4  # ids of each kind


class Ids:
    """What exists when the questions begin, and the answers they got."""

    def __init__(self, known: dict[str, list[str]], tokens: dict[str, str]) -> None:
        self._known, self._asked, self._tokens = known, 0, tokens
        self.statuses: set[int] = set()

    def one(self, name: str) -> str:
        """One after the other of the ids under this name."""
        self._asked += 1
        return self._known[name][self._asked % len(self._known[name])]

    def token(self, ids: Iterable[Any]) -> dict[str, str]:
        """The header that opens what has a token."""
        found = [self._tokens[key] for key in map(str, ids) if key in self._tokens]
        return {"Authorization": f"Bearer {found[0]}"} if found else {}


async def furnished(server: Running) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Ids of all kinds: of devices, of open requests, of transfers that are ready and of two that are stored, of
    mailboxes, numbers, spools and devices nearby; and the tokens of those that have one."""
    ask = {"sender_id": "ann", "receiver_id": "bob", "filename": "f"}
    form = {"Content-Type": "multipart/form-data; boundary=B"}
    body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nstored\r\n--B--\r\n'
    peers, requests, transfers = await asyncio.gather(
        asyncio.gather(*(server.connect("ann") for _ in range(EACH))),
        asyncio.gather(*(server.post("/request-transfer", ask) for _ in range(EACH))),
        asyncio.gather(*(server.transfer() for _ in range(EACH))),
    )
    for stored in transfers[::2]:
        await server.call("POST", f"/upload/{stored}", data=body, headers=form)
    mailboxes = [secrets.token_hex(16) for _ in range(EACH)]
    for mailbox_id in mailboxes:
        await server.call("PUT", f"/mailboxes/{mailbox_id}")
    plates = [await server.post("/nameplates") for _ in range(EACH)]
    spools = [await server.post("/spools", {"policy": "live"}) for _ in range(EACH)]
    handles = [secrets.token_hex(16) for _ in range(EACH)]
    card = {"name": "a", "kind": "other", "picture": 0, "public": "A" * 43 + "=", "inbox": mailboxes[0]}
    for handle in handles:
        await server.call("PUT", f"/nearby/{handle}", json=card, headers={"Authorization": "Bearer " + "s" * 32})
    tokens = dict.fromkeys(handles, "s" * 32)
    tokens |= {str(made["nameplate"]): made["token"] for made in plates}
    tokens |= {made["transfer_id"]: made["write_token"] for made in spools}
    user = f"u{secrets.token_hex(4)}"  # one whose devices use tokens, some that are in and some that wait
    owner = await server.post("/connect", {"user_id": user})
    await server.post(f"/heartbeat/{owner['peer_id']}", token=owner["peer_token"])
    joined = [await server.post("/connect", {"user_id": user}, token=owner["peer_token"]) for _ in range(EACH)]
    waiting = [await server.post("/connect", {"user_id": user}) for _ in range(EACH)]
    tokens |= {made["peer_id"]: owner["peer_token"] for made in (*joined, *waiting)} | {user: owner["peer_token"]}
    known = {"peer_id": peers, "request_id": [asked["request_id"] for asked in requests], "transfer_id": transfers}
    known |= {"mailbox_id": mailboxes, "nameplate": [str(made["nameplate"]) for made in plates]}
    known |= {"device_id": [made["peer_id"] for pair in zip(joined, waiting, strict=True) for made in pair]}
    known |= {"user_id": [user]}
    return {**known, "spool_id": [made["transfer_id"] for made in spools], "handle": handles}, tokens


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with a_server(tmp_path_factory.mktemp("schema")) as served:
        yield served


@pytest.fixture
def ids(served: Served) -> Iterator[Ids]:
    """Fresh ones for each call of the API; each call must have been granted at least once."""
    made = Ids(*asyncio.run_coroutine_threadsafe(furnished(served.server), served.loop).result(30))
    yield made
    assert 200 in made.statuses


schema = schemathesis.openapi.from_dict(DOCUMENT)


@schema.parametrize()
@settings(CALM, max_examples=25)
def test_every_answer_is_one_that_the_document_promises(case: schemathesis.Case, served: Served, ids: Ids):
    ids.statuses.add(case.call_and_validate(served.server.url, checks=PROMISES).status_code)
    if case.path == "/devices":
        user = ids.one("user_id")
        case.query = {"user_id": user}
        ids.statuses.add(case.call_and_validate(served.server.url, headers=ids.token([user])).status_code)
    if case.path_parameters:
        case.path_parameters = {name: ids.one(name) for name in case.path_parameters}
        opened = ids.token(case.path_parameters.values())
        if "from" in (case.query or {}):
            case.query["from"] = ids.one("handle")
        ids.statuses.add(case.call_and_validate(served.server.url, checks=PROMISES, headers=opened).status_code)


def test_the_document_promises_no_status_that_is_never_sent():
    described = [set(call["responses"]) for calls in DOCUMENT["paths"].values() for call in calls.values()]
    assert not any("422" in statuses for statuses in described)
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]
    assert "ValidationError" not in DOCUMENT["components"]["schemas"]


def test_every_call_of_the_contract_stands_in_the_document():
    described = {(method.upper(), path) for path, calls in DOCUMENT["paths"].items() for method in calls}
    assert described >= {
        ("GET", "/status"),
        ("POST", "/connect"),
        ("POST", "/heartbeat/{peer_id}"),
        ("POST", "/disconnect/{peer_id}"),
        ("GET", "/peers"),
        ("POST", "/request-transfer"),
        ("POST", "/approve-transfer/{request_id}"),
        ("POST", "/update-transfer-status/{transfer_id}"),
        ("POST", "/upload/{transfer_id}"),
        ("GET", "/download/{transfer_id}"),
        ("GET", "/transfer-status/{transfer_id}"),
        ("POST", "/cancel-transfer/{transfer_id}"),
        ("GET", "/hello"),
        ("GET", "/mailboxes/{mailbox_id}"),
        ("POST", "/mailboxes/read"),
        ("POST", "/changes"),
        ("POST", "/nameplates/{nameplate}/claim"),
        ("POST", "/spools"),
        ("GET", "/nearby/{handle}"),
        ("POST", "/nearby/{handle}/knock"),
    }


def test_an_answer_that_is_not_promised_is_noticed(served: Served):
    poorer = copy.deepcopy(DOCUMENT)
    del poorer["paths"]["/heartbeat/{peer_id}"]["post"]["responses"]["404"]
    for document, noticed in ((DOCUMENT, False), (poorer, True)):
        call = schemathesis.openapi.from_dict(document)["/heartbeat/{peer_id}"]["POST"]
        case = call.Case(path_parameters={"peer_id": "nobody"})
        with pytest.raises(FailureGroup) if noticed else contextlib.nullcontext():
            case.call_and_validate(served.server.url, checks=PROMISES)
