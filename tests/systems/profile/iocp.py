"""The event loop of Windows on Linux: asyncio's own proactor loop and transports, over completions made of `epoll`.

Only the lowest layer is made up, which on Windows is `IocpProactor`: each call begins an operation and gives a future.
"""

import asyncio
import selectors
import socket
from asyncio import proactor_events
from collections import defaultdict, deque


class _Operation(asyncio.Future):
    """What was begun. Cancelled, it no longer waits."""

    def __init__(self, proactor, sock, way, work):
        super().__init__(loop=proactor._loop)
        self._of, self._sock, self._way, self.work = proactor, sock, way, work

    def cancel(self, msg=None):
        if not self.done():
            self._of._forget(self)
        return super().cancel(msg)


class Proactor:
    def __init__(self):
        self._loop = None
        self._selector = selectors.DefaultSelector()
        self._waiting = defaultdict(lambda: (deque(), deque()))  # by descriptor: who reads, who writes
        self._socks = {}

    def set_loop(self, loop):
        self._loop = loop

    def close(self):
        self._selector.close()

    def select(self, timeout=None):
        for key, events in self._selector.select(timeout):
            for way, event in enumerate((selectors.EVENT_READ, selectors.EVENT_WRITE)):
                if events & event:
                    self._advance(key.fd, way)
        return []

    # Operations

    def recv(self, sock, nbytes, flags=0):
        return self._begin(sock, 0, lambda: sock.recv(nbytes, flags))

    def recv_into(self, sock, buffer, flags=0):
        return self._begin(sock, 0, lambda: sock.recv_into(buffer, 0, flags))

    def recvfrom(self, sock, nbytes, flags=0):
        return self._begin(sock, 0, lambda: sock.recvfrom(nbytes, flags))

    def recvfrom_into(self, sock, buffer, flags=0):
        return self._begin(sock, 0, lambda: sock.recvfrom_into(buffer, 0, flags))

    def sendto(self, sock, data, flags=0, addr=None):
        return self._begin(sock, 1, lambda: sock.send(data) if addr is None else sock.sendto(data, flags, addr))

    def send(self, sock, data, flags=0):
        """As Windows: done once all of it is taken."""
        left = [memoryview(data).cast("B")]
        size = len(left[0])

        def work():
            while left[0]:
                left[0] = left[0][sock.send(left[0], flags) :]
            return size

        return self._begin(sock, 1, work)

    def accept(self, listener):
        def work():
            conn, address = listener.accept()
            conn.setblocking(False)
            return conn, address

        return self._begin(listener, 0, work)

    def connect(self, sock, address):
        if sock.type == socket.SOCK_DGRAM:
            sock.connect(address)
            done = self._loop.create_future()
            done.set_result(None)
            return done
        began = []

        def work():
            if not began:
                began.append(True)
                number = sock.connect_ex(address)
                if number in (115, 11):  # EINPROGRESS, EAGAIN
                    raise BlockingIOError
            else:
                number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, "the connection was refused" if number == 111 else "it cannot be reached")

        return self._begin(sock, 1, work)

    def sendfile(self, sock, file, offset, count):
        raise NotImplementedError

    def _stop_serving(self, sock):
        for queue in self._waiting.pop(sock.fileno(), ()):
            for each in list(queue):
                asyncio.Future.cancel(each)
        self._watch(sock.fileno())

    # How they come to their end

    def _begin(self, sock, way, work):
        operation = _Operation(self, sock, way, work)
        queue = self._waiting[sock.fileno()][way]
        if queue or not self._try(operation):
            operation.fd = sock.fileno()
            queue.append(operation)
            self._watch(sock.fileno())
        return operation

    def _try(self, operation):
        if operation.done():
            return True
        try:
            result = operation.work()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            operation.set_exception(error)
        else:
            operation.set_result(result)
        return True

    def _advance(self, fd, way):
        queue = self._waiting[fd][way]
        while queue and self._try(queue[0]):
            queue.popleft()
        self._watch(fd)

    def _forget(self, operation):
        fd = getattr(operation, "fd", -1)
        queue = self._waiting[fd][operation._way] if fd in self._waiting else ()
        if operation in queue:
            queue.remove(operation)
            self._watch(fd)

    def _watch(self, fd):
        reads, writes = self._waiting.get(fd, ((), ()))
        events = (selectors.EVENT_READ if reads else 0) | (selectors.EVENT_WRITE if writes else 0)
        if not events:
            self._waiting.pop(fd, None)
        try:
            known = self._selector.get_key(fd)
        except KeyError:
            known = None
        try:
            if events and known is None:
                self._selector.register(fd, events)
            elif events:
                self._selector.modify(fd, events)
            elif known is not None:
                self._selector.unregister(fd)
        except (OSError, ValueError):
            pass


class ProactorEventLoop(proactor_events.BaseProactorEventLoop):
    def __init__(self, proactor=None):
        super().__init__(proactor or Proactor())

    def run_forever(self):
        """As in asyncio/windows_events.py: what wakes the loop is read from while it runs."""
        try:
            self.call_soon(self._loop_self_reading)
            super().run_forever()
        finally:
            if self._self_reading_future is not None:
                self._self_reading_future.cancel()
                self._self_reading_future = None
