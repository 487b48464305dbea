"""A multipart/form-data body (RFC 7578) read as a stream: the one file in it, in pieces, nothing held.

python-multipart finds the boundaries; this file bounds what may stand before and behind the file.
"""

from collections import deque
from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from burrowspace.core.errors import BadRequest, WrongType
from burrowspace.core.names import form_name

_PIECE = 1 << 20  # bytes handed on at once, but for the last
_HEADERS = 16 * 1024  # bytes of the headers of one part
_OTHERS = 1 << 20  # bytes of all fields that are not the file
PARTS = 100
_OPTIONS = 2048  # bytes of a header with options: what reads them takes the square of their length


def read_form(content_type: str, stream: AsyncIterator[bytes]) -> "Form":
    """The form behind a Content-Type header and a body. WrongType where it is none."""
    kind, options = header_options(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data":
        raise WrongType("send the file as multipart/form-data, in the field `file`")
    if not 1 <= len(boundary) <= 70:
        raise BadRequest("the form has no proper boundary")
    return Form(boundary, stream)


def header_options(value: str | bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """A header such as `form-data; name="a"`, taken apart. BadRequest for one that is too long to be honest.

    >>> header_options('form-data; name="a"')
    (b'form-data', {b'name': b'a'})
    """
    if len(value) > _OPTIONS:
        raise BadRequest("a header of the form is too long")
    return parse_options_header(value)


class Form:
    """Ask for `file` once, then iterate over its bytes to the end."""

    def __init__(self, boundary: bytes, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_end": self._end,
            },
        )
        self.received = 0  # bytes of the body so far
        self._wanted = b""
        self._begun = False
        self._filename: str | None = None
        self._inside = self._found = self._file_over = self._whole = False
        self._field, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._parts = self._other_bytes = self._header_bytes = 0
        self._ready: deque[bytes] = deque()

    async def file(self, field: str) -> str | None:
        """Reads up to the file in `field`; the name it was sent under. BadRequest where there is no such file."""
        self._wanted = field.encode()
        while not self._found:
            if not await self._more():
                raise BadRequest(f"the form has no file in the field `{field}`")
        return self._filename

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The file's bytes. BadRequest when the body ends before its closing boundary."""
        held, size = [], 0
        more = True
        while more:
            while self._ready:
                held.append(self._ready.popleft())
                size += len(held[-1])
            if size >= _PIECE:
                yield b"".join(held)
                held, size = [], 0
            more = await self._more()
        held += self._ready
        if not self._whole or not self._file_over:
            raise BadRequest("the form ended before the file did; send it again")
        if held:
            yield b"".join(held)

    async def _more(self) -> bool:
        try:
            data = await anext(self._stream)
        except StopAsyncIteration:
            return False
        self.received += len(data)
        if not self._begun:  # the parser takes line breaks before the form for more or less, by how they were cut
            data = data.lstrip(b"\r\n")
            self._begun = bool(data)
        try:
            self._parser.write(data)
        except FormParserError:
            raise BadRequest("this is no well-formed multipart form") from None
        return True

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > PARTS:
            raise BadRequest(f"a form may have {PARTS} parts")
        self._headers, self._header_bytes = {}, 0

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._value += data[start:end]

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _HEADERS:
            raise BadRequest("the headers of a part are too long")

    def _header_end(self) -> None:
        self._headers.setdefault(bytes(self._field).lower(), bytes(self._value))
        self._field, self._value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        _, options = header_options(self._headers.get(b"content-disposition", b""))
        filename = options.get(b"filename")
        if filename is not None and options.get(b"name") == self._wanted and not self._found:
            self._found = self._inside = True
            self._filename = form_name(filename)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._ready.append(data[start:end])
            return
        self._other_bytes += end - start
        if self._other_bytes > _OTHERS:
            raise BadRequest("the form's other fields are too long")

    def _part_end(self) -> None:
        self._file_over = self._file_over or self._inside
        self._inside = False

    def _end(self) -> None:
        self._whole = True
