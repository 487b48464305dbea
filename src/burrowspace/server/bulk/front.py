"""The port's HTTP protocol with bulk requests taken off it, and with the deadlines that uvicorn lacks.

A request whose head is complete and whose body or answer may be big becomes a `Job`: the connection stops reading, a
task decides and has the bytes moved by descriptor, then the connection reads on with a fresh parser. A second request
behind one whose bytes are being moved (pipelining) is never parsed into an answer: the connection closes after the
first.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any, ClassVar, cast

import httptools
import orjson

from burrowspace.core.errors import Forbidden
from burrowspace.core.upload_headers import media_type
from burrowspace.server.bulk.job import BIG, Job, Jobs, MinimumRate
from burrowspace.server.callers import NOT_FOR_YOU, Callers, SeenRequest
from burrowspace.server.json_answers import JSON
from burrowspace.socketio.front import Front

CUT = "burrow.cut"  # extension of the ASGI scope of a download: breaks its answer off
_LINGER_S, _LINGER_BYTES = 2.0, 8 << 20  # how long and how much a refused body is read and thrown away
_SENTENCE = orjson.dumps(Forbidden(NOT_FOR_YOU).body())
_NOT_FOR_YOU = b"HTTP/1.1 403 Forbidden\r\ncontent-type: %s\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (
    JSON.encode(),
    len(_SENTENCE),
    _SENTENCE,
)
_PATH = re.compile(rb"/(upload|download)/([0-9a-f]{32})(?:\?([!-~]{0,200}))?\Z")


class BulkFront(Front):
    """Subclass it with `bulk` and `callers` set, and `realtime` and `drain` as for Front."""

    bulk: ClassVar[Jobs]
    callers: ClassVar[Callers]
    addresses: ClassVar[Counter[str]]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._job: Job | None = None
        self._running: Any = None  # the cycle that answers now; `cycle` is the one that came last
        self._piped = False  # a second request came before the first was answered
        self._lingering: int | None = None  # bytes that may still be thrown away
        self._counted: str | None = None
        self._stranger = False  # of another network than ours, where only that is served
        self._came = self._loop_time()
        self._unsent, self._unsent_since = 0, 0.0
        self._drained = 0
        self._in_body = False  # the body of a request is not all here
        self._in_form = False  # and it is a form, which the API reads
        self._got = self._gave = 0  # bytes that came, and that a download gave to its connection
        self._body_pace, self._answer_pace = MinimumRate(), MinimumRate()

    def _loop_time(self) -> float:
        return self.loop.time()

    # Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client_address()
        self._stranger = self.callers.is_stranger(address)
        self._counted = self.callers.counted(address)
        if self._counted is not None:
            self.addresses[self._counted] += 1
            if self.addresses[self._counted] > self.bulk.settings.connections_per_address:
                transport.abort()

    def seen_as(self) -> SeenRequest:
        return self.callers.as_seen(self.client_address(), self.headers, self.parser.get_http_version())

    def _should_upgrade(self) -> bool:
        """Who is refused gets no socket but the answer of a plain request, which says why. What is pipelined behind a
        job is not looked at."""
        return not self._piped and super()._should_upgrade() and self.seen_as().refusal is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._uncount()
        if self._job is not None and self._job.task is not None:
            self._job.task.cancel()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True  # uvicorn tells only the request that came last
            self._running.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def release(self) -> None:
        self._uncount()
        super().release()

    def _uncount(self) -> None:
        if self._counted is not None:
            self.addresses[self._counted] -= 1
            if not self.addresses[self._counted]:
                del self.addresses[self._counted]
            self._counted = None

    def shutdown(self) -> None:
        if self._job is None:
            super().shutdown()
        else:
            self._job.keep_alive = False

    def is_stalled(self, now: float, stall_s: float, min_rate: int) -> bool:
        """Whether a body or an answer that goes through ASGI has made no progress for too long, or too little over
        that time. Asked by the watch."""
        cycle = self.cycle
        if self._job is not None or cycle is None or self._released or self.transport is None:
            return False
        if self._in_form and not cycle.response_complete:
            return False  # the API has a deadline of its own, and says so
        if self._in_body and cycle.response_complete and now - self._came > stall_s:
            return True
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent or unsent == 0:
            self._unsent, self._unsent_since = unsent, now
        if unsent and now - self._unsent_since > stall_s:
            return True
        if not unsent or not self._gave:
            self._answer_pace.rest()
        elif self._answer_pace.is_slow(self._gave - unsent, now, stall_s, min_rate):
            return True
        waits_for_body = not cycle.response_complete and cycle.more_body and not self.flow.read_paused
        if not waits_for_body:
            self._body_pace.rest()
            return False
        return now - self._came > stall_s or self._body_pace.is_slow(self._got, now, stall_s, min_rate)

    # Parsing

    def on_message_begin(self) -> None:
        if self._job is not None:
            self._piped = True
            return
        super().on_message_begin()
        self._drained, self._in_body = 0, False

    def on_url(self, url: bytes) -> None:
        if not self._piped:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._piped:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._piped:
            return
        self.url = self.callers.own_url(self.client_address(), self.headers, self.url)
        job = self._as_job()
        if job is None:
            super().on_headers_complete()
            self._in_body, self._in_form = True, self._sends_form()
            if self.url.startswith(b"/download/") and self.cycle is not None:
                self._count(self.cycle)
            return
        self._in_head = False
        job.keep_alive = self.parser.should_keep_alive()
        job.expects = self.expect_100_continue
        self._job = job

    def _sends_form(self) -> bool:
        """Whether the API reads the body as a form, as `style_of` in core/upload.py says it."""
        kinds = [value.decode("latin-1") for name, value in self.headers if name == b"content-type"]
        is_upload = self.url.startswith(b"/upload/") and self.parser.get_method() == b"POST"
        return is_upload and len(kinds) == 1 and media_type({"content-type": kinds[0]}) == "multipart/form-data"

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _count(self, cycle: Any) -> None:
        """From now on what the answer gives to the connection is counted."""
        send, self._gave = cycle.send, 0
        cycle.scope["extensions"] = {**cycle.scope.get("extensions", {}), CUT: lambda: self._cut(cycle)}

        async def counted(message: Any) -> None:
            self._gave += len(message.get("body", b""))
            await send(message)

        cycle.send = counted

    def _cut(self, cycle: Any) -> bool:
        """Breaks off the answer that has begun: its receiver must not take it for whole. False: it has not begun."""
        if cycle.response_started:
            self.transport.abort()
        return bool(cycle.response_started)

    def on_body(self, body: bytes) -> None:
        if self._piped:
            return
        if self._job is not None:
            self._job.early += body
            return
        if self.cycle is not None and self.cycle.response_complete:
            self._drained += len(body)
            if self._drained > _LINGER_BYTES:
                self.transport.abort()
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._piped:
            return
        if self._job is not None:
            self._job.whole = True
            return
        self._in_body = self._in_form = False
        super().on_message_complete()

    def _as_job(self) -> Job | None:
        """The request as a job, if the kernel may move its bytes."""
        found = _PATH.match(self.url)
        if found is None or not self.bulk.movers or self.scheme == "https" or self.parser.get_http_version() != "1.1":
            return None
        if self.cycle is not None and not self.cycle.response_complete:
            return None  # pipelined behind a request that is still being answered
        if self.parser.should_upgrade() or self.transport.get_write_buffer_size():
            return None
        method = self.parser.get_method().decode("ascii")
        verb = found[1].decode()
        if verb == "download":
            if method != "GET" or any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers):
                return None
        else:
            lengths = [value for name, value in self.headers if name == b"content-length"]
            chunked = any(name == b"transfer-encoding" for name, _ in self.headers)
            if method not in ("PUT", "PATCH", "POST") or chunked or len(lengths) != 1:
                return None
            if not lengths[0].isdigit() or len(lengths[0]) > 16 or int(lengths[0]) < BIG:
                return None
        seen = self.seen_as()
        if seen.refusal is not None:
            return None  # ASGI says why
        return Job(verb, found[2].decode(), (found[3] or b"").decode(), method, seen.headers, seen.address)

    def data_received(self, data: bytes) -> None:
        self._came = self._loop_time()
        self._got += len(data)
        if self._lingering is not None:
            self._lingering -= len(data)
            if self._lingering < 0:
                self.transport.abort()
            return
        if self._stranger:
            self.transport.write(_NOT_FOR_YOU)
            self._stop_head_timer()
            self._linger()
            return
        if self._job is not None:
            self.transport.abort()  # reading is paused: nothing can come
            return
        super().data_received(data)
        self._start_job()

    def _start_job(self) -> None:
        job = self._job
        if job is not None and not job.started and not self.transport.is_closing():
            job.started = True
            self._stop_head_timer()
            self.flow.pause_reading()
            job.task = self.bulk.start(self, job)
            self.tasks.add(job.task)
            job.task.add_done_callback(self.tasks.discard)

    # After a job

    def hand_back(self) -> None:
        """The request goes to ASGI after all. Only for one whose body, if any, is all here."""
        self._job = None
        self._drained = 0
        super().on_headers_complete()
        self._count(self.cycle)
        super().on_message_complete()
        if self._piped:
            self.cycle.keep_alive = False

    def go_on(self, *, clean: bool) -> None:
        """The job is answered. `clean`: all of its body was read and the next request may come."""
        job, self._job = self._job, None
        if self.transport.is_closing() or self._released:
            return
        self.server_state.total_requests += 1
        if not clean:
            self._linger()
        elif self._piped or job is None or not job.keep_alive:
            self.transport.close()
        else:
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.cycle = cast(Any, None)
            self.flow.resume_reading()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _linger(self) -> None:
        """The answer must arrive although the rest of the body is unread: a close now would be a reset."""
        self._lingering = _LINGER_BYTES
        if self.transport.can_write_eof():
            try:
                self.transport.write_eof()
            except OSError:  # the client is gone already
                self.transport.abort()
                return
        self.flow.resume_reading()
        self.loop.call_later(_LINGER_S, self.transport.abort)
