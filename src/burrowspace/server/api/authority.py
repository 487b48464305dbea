"""What a device needs to trust a self-signed server: the certificate of its authority, and a page that says how.

Over plain http the same two are answered by server/tls/plain.py. 404 where the server has no such authority.
"""

from fastapi import APIRouter, Response

from burrowspace.core.errors import NotFound
from burrowspace.server.api.context import Server
from burrowspace.server.api.models import UNKNOWN
from burrowspace.server.tls.authority import Authority
from burrowspace.server.tls.page import PAGE_HEADERS, page
from burrowspace.server.tls.plain import CERTIFICATE_HEADERS

router = APIRouter(tags=["server"])


@router.get(
    "/ca.crt",
    response_class=Response,
    responses={
        **UNKNOWN,
        200: {"content": {"application/x-x509-ca-cert": {"schema": {"type": "string", "format": "binary"}}}},
    },
)
async def certificate(server: Server) -> Response:
    """The authority's certificate in DER form, of a server that has made its own."""
    return Response(_authority(server).der, headers=CERTIFICATE_HEADERS)


@router.get("/ca", response_class=Response, responses={**UNKNOWN, 200: {"content": {"text/html": {}}}})
async def how_to_trust(server: Server) -> Response:
    """How each system learns to trust it, with the fingerprint to compare."""
    return Response(page(_authority(server)), headers=PAGE_HEADERS)


def _authority(server: Server) -> Authority:
    if server.identity is None or server.identity.authority is None:
        raise NotFound("this server has no authority of its own")
    return server.identity.authority
