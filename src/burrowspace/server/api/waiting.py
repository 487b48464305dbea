"""Calls that may wait: work that ends when its caller goes away."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Query, Request
from starlette.requests import ClientDisconnect

from burrowspace.server.api.models import MAX_WAIT_S

T = TypeVar("T")

After = Annotated[int, Query(ge=-1, le=2**53 - 1, description="Only what has a higher number; -1 for all.")]
Wait = Annotated[
    float,
    Query(ge=0, le=MAX_WAIT_S, allow_inf_nan=False, description="Seconds to wait for something, if there is nothing."),
]


async def while_here(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. ClientDisconnect, and `work` is cancelled, when the caller has gone before it came."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
