"""Links of the OpenAPI document: which calls take the id that a call gave. For readers, and for tests that follow them.

A link is made for every call that has the parameter in its path. Spec: https://spec.openapis.org/oas/v3.1.0#link-object
"""

from typing import Any, NamedTuple

Document = dict[str, Any]


class Gives(NamedTuple):
    """A call, the parameter that its answer fills, and where the value stands (an OpenAPI runtime expression)."""

    method: str
    path: str
    parameter: str
    value: str
    only: tuple[str, ...] = ("/",)  # beginnings of the paths that know this id


GIVES = (
    Gives("post", "/connect", "peer_id", "$response.body#/peer_id"),
    Gives("post", "/connect", "device_id", "$response.body#/peer_id"),
    Gives("post", "/request-transfer", "request_id", "$response.body#/request_id"),
    Gives("post", "/approve-transfer/{request_id}", "transfer_id", "$response.body#/transfer_id"),
    Gives("put", "/mailboxes/{mailbox_id}", "mailbox_id", "$request.path.mailbox_id"),
    Gives("post", "/nameplates", "nameplate", "$response.body#/nameplate"),
    Gives("post", "/nameplates/{nameplate}/claim", "mailbox_id", "$response.body#/mailbox"),
    Gives("put", "/nearby/{handle}", "handle", "$request.path.handle"),
    Gives("post", "/spools", "spool_id", "$response.body#/transfer_id"),
    Gives("post", "/spools", "transfer_id", "$response.body#/transfer_id", ("/upload/", "/download/", "/delivered/")),
    Gives("post", "/upload/{transfer_id}", "transfer_id", "$request.path.transfer_id"),
)
TO_ONESELF = {  # a user who connected sends to another device of the same user
    "sender_id": "$request.body#/user_id",
    "receiver_id": "$request.body#/user_id",
    "filename": "holiday.jpg",
}


def add_links(document: Document) -> None:
    """Puts them into the document's answers."""
    for gives in GIVES:
        for call in _takers(document, gives):
            link = {"operationId": call["operationId"], "parameters": {gives.parameter: gives.value}}
            _links_of(document, gives.method, gives.path)[call["operationId"]] = link
    asking = document["paths"]["/request-transfer"]["post"]["operationId"]
    _links_of(document, "post", "/connect")[asking] = {"operationId": asking, "requestBody": TO_ONESELF}


def _takers(document: Document, gives: Gives) -> list[dict[str, Any]]:
    calls = [(method, path, call) for path, methods in document["paths"].items() for method, call in methods.items()]
    return [
        call
        for method, path, call in calls
        if path.startswith(gives.only)
        and "{" + gives.parameter + "}" in path
        and (method, path) != (gives.method, gives.path)
    ]


def _links_of(document: Document, method: str, path: str) -> dict[str, Any]:
    links: dict[str, Any] = document["paths"][path][method]["responses"]["200"].setdefault("links", {})
    return links
