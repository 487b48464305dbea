"""The HTTP API put together: routes, error answers, documents."""

from typing import Any

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from burrowspace import __version__
from burrowspace.core.errors import BurrowError
from burrowspace.core.upload_answers import refusal_headers
from burrowspace.server.api import (
    authority,
    changes,
    devices,
    doctor,
    files,
    mailboxes,
    nameplates,
    nearby,
    peers,
    spools,
    status,
    transfers,
)
from burrowspace.server.api.context import Context
from burrowspace.server.api.limits import limited
from burrowspace.server.api.links import add_links
from burrowspace.server.api.models import REF, Refusal

log = structlog.get_logger("api")

_ABOUT = """Any two devices exchange files of any size. Every refusal is `{"error": sentence, "code": word}`.
The real-time events are described in [asyncapi.json](asyncapi.json)."""


def make_api(context: Context) -> FastAPI:
    """The ASGI application of the API."""
    # FastAPI's own pages load scripts from another host; ours is `/docs` of server/pages.py
    app = _Api(
        title="BurrowSpace",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        dependencies=[Depends(limited)],
    )
    app.state.context = context
    for module in (
        status,
        authority,
        doctor,
        peers,
        devices,
        transfers,
        files,
        mailboxes,
        nameplates,
        nearby,
        spools,
        changes,
    ):
        app.include_router(module.router)
    app.add_exception_handler(BurrowError, _burrow_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    return app


class _Api(FastAPI):
    """FastAPI documents a 422 wherever something is checked; here `_invalid` answers 400, which is documented too."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is not None:
            return self.openapi_schema
        document = super().openapi()
        for calls in document["paths"].values():
            for call in calls.values():
                call["responses"].pop("422", None)
        for unused in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(unused, None)
        refusal = Refusal.model_json_schema(ref_template=REF)
        document["components"]["schemas"] = dict(
            sorted({**document["components"]["schemas"], "Refusal": refusal}.items())
        )
        add_links(document)
        return document


async def _burrow_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BurrowError)
    kind = "application/problem+json" if "type" in error.fields else None
    return JSONResponse(error.body(), error.status, {**refusal_headers(error)}, kind)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"error": "; ".join(map(_sentence, error.errors()[:5])), "code": "bad-request"}, 400)


def _sentence(problem: dict[str, Any]) -> str:
    """One validation error in words; what was sent is not repeated."""
    where = ".".join(str(part) for part in problem["loc"][1:] if isinstance(part, str | int))
    return f"{where or 'the body'}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    codes = {404: ("not-found", "there is nothing here"), 405: ("wrong-method", "this call takes another method")}
    code, sentence = codes.get(error.status_code, ("http-error", str(error.detail)))
    return JSONResponse({"error": sentence, "code": code}, error.status_code, headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("a request failed unexpectedly", path=request.url.path[:200], error=repr(error), exc_info=error)
    return JSONResponse({"error": "the server failed at this; its log says why", "code": "internal"}, 500)
