"""A transfer that was begun by the SDK: first it is prepared, then another Running does the work."""

from burrowspace.client import events
from burrowspace.client.session.running import Running


class Transfer(Running):
    """A transfer that has begun. `inner` is set once it is prepared."""

    def __init__(self) -> None:
        super().__init__()
        self.inner: Running | None = None

    async def _follow(self, inner: Running) -> events.Finished:
        self.inner = inner.begin()
        async for event in inner:
            if not isinstance(event, events.Finished):
                self.tell(event)
        return await inner

    async def _end(self) -> None:
        if self.inner is not None:
            await self.inner.close()
