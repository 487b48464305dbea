"""What strangers send over HTTP, and the exact refusal each gets: one table, one served world.

Every refusal is JSON with a sentence and a code, and says nothing of the machine it comes from.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.app import Running, running
from tests.socketio.wire import PATIENCE, Answer, read_answer

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=B"}
EVIL = {"Origin": "https://evil.example"}
SECRETS = re.compile(r"Traceback|/work|/tmp|\.py|line \d+|sqlalchemy|burrowspace\.", re.IGNORECASE)


class World:
    """The served world, what the table may name in it, and one request by hand."""

    def __init__(self, server: Running, names: dict[str, str]) -> None:
        self.server, self.names = server, names
        self.data = str(server.app.settings.data)

    async def say(self, head: bytes, body: bytes = b"") -> Answer:
        """These bytes on a connection of their own, and what comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.app.reach.port)
        try:
            writer.write(head + body)
            return await asyncio.wait_for(read_answer(reader), PATIENCE)
        finally:
            writer.transport.abort()

    async def ask(self, method: str, path: str, headers: Any = (), body: bytes = b"") -> Answer:
        """A request; `{name}` in the path and in headers stands for what the world keeps under that name."""
        listed = list(headers.items() if isinstance(headers, dict) else headers)
        if body or method in ("POST", "PUT"):
            listed.append(("Content-Length", str(len(body))))
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in listed)]
        head = "\r\n".join([*lines, "", ""])
        for name, value in self.names.items():
            head = head.replace("{" + name + "}", value)
        return await self.say(head.encode("latin-1"), body)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def world(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running(tmp_path_factory.mktemp("hostile"), max_pending=2, max_file_bytes=100_000) as server:
        ann = await server.post("/connect", {"user_id": "ann"})
        eve = await server.post("/connect", {"user_id": "eve"})
        over = await server.transfer("carol", "dave")
        await server.post(f"/cancel-transfer/{over}")
        rejected = await server.post("/request-transfer", {"sender_id": "x", "receiver_id": "y", "filename": "f"})
        await server.post(f"/reject-transfer/{rejected['request_id']}")
        await server.post(f"/heartbeat/{ann['peer_id']}", token=ann["peer_token"])
        for _ in range(2):
            await server.post("/request-transfer", {"sender_id": "x", "receiver_id": "full", "filename": "f"})
        yield World(
            server,
            {
                "ann": ann["peer_id"],
                "ann-token": ann["peer_token"],
                "eve": eve["peer_id"],
                "eve-token": eve["peer_token"],
                "ready": await server.transfer("carol", "dave"),
                "over": over,
                "rejected": rejected["request_id"],
            },
        )


def refusal(answer: Answer, world: World) -> tuple[int, str]:
    """Status and code of what must be a proper refusal."""
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    told = answer.json
    assert isinstance(told["error"], str), told
    assert told["error"], told
    shown = answer.body.decode() + str(answer.headers)
    assert not SECRETS.search(shown), shown
    assert world.data not in shown
    return answer.status, told["code"]


def put(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def row(id: str, *values: Any) -> Any:
    return pytest.param(*values, id=id)


ASK = {"sender_id": "ann2", "receiver_id": "bob", "filename": "f"}
REPORT = "/update-transfer-status/{ready}"
BAD, TOKEN, ALIEN, NO = (400, "bad-request"), (401, "token-required"), (403, "forbidden"), (404, "not-found")
METHOD, STATE, BIG = (405, "wrong-method"), (409, "wrong-state"), (413, "too-large")
WRONG, MANY = (415, "wrong-type"), (429, "too-many")

BODIES = [
    # what                          path                 body                                              answer
    row("no-body",                  "/connect",          b"",                                              BAD),
    row("blank-body",               "/connect",          b"  \r\n",                                        BAD),
    row("not-json",                 "/connect",          b"user_id=ann",                                   BAD),
    row("cut-json",                 "/connect",          b'{"user_id":"a',                                 BAD),
    row("two-values",               "/connect",          b'{"user_id":"a"}{}',                             BAD),
    row("single-quotes",            "/connect",          b"{'user_id':'a'}",                               BAD),
    row("comment",                  "/connect",          b'{"user_id":"a"/**/}',                           BAD),
    row("byte-order-mark",          "/connect",          b'\xef\xbb\xbf{"user_id":"a"}',                   BAD),
    row("utf-16",                   "/connect",          '{"user_id":"a"}'.encode("utf-16"),               BAD),
    row("invalid-utf-8",            "/connect",          b'{"user_id":"\xff\xfe"}',                        BAD),
    row("overlong-utf-8",           "/connect",          b'{"user_id":"\xc0\xaf"}',                        BAD),
    row("lone-surrogate",           "/connect",          b'{"user_id":"\\ud800"}',                         BAD),
    row("array",                    "/connect",          [],                                               BAD),
    row("null",                     "/connect",          None,                                             BAD),
    row("string",                   "/connect",          "ann",                                            BAD),
    row("empty-object",             "/connect",          {},                                               BAD),
    row("user-is-null",             "/connect",          {"user_id": None},                                BAD),
    row("user-is-number",           "/connect",          {"user_id": 7},                                   BAD),
    row("user-is-list",             "/connect",          {"user_id": ["a"]},                               BAD),
    row("user-is-empty",            "/connect",          {"user_id": ""},                                  BAD),
    row("user-of-257",              "/connect",          {"user_id": "u" * 257},                           BAD),
    row("user-with-nul",            "/connect",          {"user_id": "a\0b"},                              BAD),
    row("user-with-newline",        "/connect",          {"user_id": "a\r\nSet-Cookie: b"},                BAD),
    row("user-with-line-separator", "/connect",          {"user_id": "a\u2028b"},                          BAD),
    row("deep-33",                  "/connect",          b'{"user_id":' + b"[" * 32 + b"]" * 32 + b"}",    BAD),
    row("deep-10000",               "/connect",          b"[" * 10_000,                                    BAD),
    row("deep-10000-objects",       "/connect",          b'{"a":' * 10_000 + b"1" + b"}" * 10_000,         BAD),
    row("nan-beside",               "/connect",          b'{"user_id":"a","n":NaN}',                       BAD),
    row("1e999-beside",             "/connect",          b'{"user_id":"a","n":1e999}',                     BAD),
    row("endless-number",           "/connect",          b'{"user_id":"a","n":' + b"9" * 6_000 + b"}",     BAD),
    row("body-of-64-KiB-and-1",     "/connect",          b'"' + b"a" * 65_535 + b'"',                      BIG),
    row("body-of-1-MB",             "/connect",          b" " * 1_000_000,                                 BIG),
    row("request-without-file",     "/request-transfer", {"sender_id": "a", "receiver_id": "b"},           BAD),
    row("request-file-is-empty",    "/request-transfer", {**ASK, "filename": ""},                          BAD),
    row("request-file-is-number",   "/request-transfer", {**ASK, "filename": 1.5},                         BAD),
    row("request-file-of-4097",     "/request-transfer", {**ASK, "filename": "f" * 4097},                  BAD),
    row("request-sender-of-257",    "/request-transfer", {**ASK, "sender_id": "u" * 257},                  BAD),
    row("request-receiver-is-bool", "/request-transfer", {**ASK, "receiver_id": True},                     BAD),
    row("request-control-sender",   "/request-transfer", {**ASK, "sender_id": "\x1b[2J"},                  BAD),
    row("request-to-a-full-user",   "/request-transfer", {**ASK, "receiver_id": "full"},                   MANY),
    row("request-without-token",    "/request-transfer", {**ASK, "sender_id": "ann"},                      TOKEN),
    row("report-nan",               REPORT,              b'{"status":"transferring","progress":NaN}',      BAD),
    row("report-infinity",          REPORT,              b'{"status":"transferring","progress":Infinity}', BAD),
    row("report-minus-infinity",    REPORT,              b'{"status":"transferring","progress":-Infinity}', BAD),
    row("report-1e999",             REPORT,              b'{"status":"transferring","progress":1e999}',    BAD),
    row("report-text",              REPORT,              {"status": "transferring", "progress": "50"},     BAD),
    row("report-bool",              REPORT,              {"status": "transferring", "progress": True},     BAD),
    row("report-long-word",         REPORT,              {"status": "s" * 65, "progress": 1},              BAD),
    row("report-on-the-unknown",    "/update-transfer-status/" + "0" * 32, {"status": "completed", "progress": 1}, NO),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "expected"), BODIES)
async def test_a_bad_body_is_refused(world: World, path: str, body: object, expected: tuple[int, str]):
    assert refusal(await world.ask("POST", path, JSON, put(body)), world) == expected


ONE = b'{"user_id":"a"}'
KINDS = [
    row("text",                [("Content-Type", "text/plain")],                                       WRONG),
    row("urlencoded",          [("Content-Type", "application/x-www-form-urlencoded")],                WRONG),
    row("form",                [("Content-Type", "multipart/form-data; boundary=B")],                  WRONG),
    row("none",                [],                                                                     WRONG),
    row("blank",               [("Content-Type", "")],                                                 WRONG),
    row("nearly-json",         [("Content-Type", "application/jsonx")],                                WRONG),
    row("json-as-a-parameter", [("Content-Type", "text/plain; application/json")],                     WRONG),
    row("json-then-text",      [("Content-Type", "application/json"), ("Content-Type", "text/plain")], WRONG),
    row("text-then-json",      [("Content-Type", "text/plain"), ("Content-Type", "application/json")], WRONG),
    row("two-in-one",          [("Content-Type", "text/plain, application/json")],                     WRONG),
    row("not-ascii",           [("Content-Type", "application/js\xf6n")],                              WRONG),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "expected"), KINDS)
async def test_a_body_of_another_kind_is_refused(world: World, headers: Any, expected: tuple[int, str]):
    assert refusal(await world.ask("POST", "/connect", headers, ONE), world) == expected


BEARER = "Authorization"
PATHS = [
    row("nothing-there",        "GET",     "/nothing",                                {}, NO),
    row("root-with-dots",       "GET",     "/../../etc/passwd",                       {}, NO),
    row("encoded-dots",         "GET",     "/%2e%2e/%2e%2e/etc/passwd",               {}, NO),
    row("download-dots",        "GET",     "/download/..",                            {}, NO),
    row("download-enc-dots",    "GET",     "/download/%2e%2e%2f%2e%2e%2fburrowspace.db", {}, NO),
    row("download-twice-enc",   "GET",     "/download/%252e%252e%252fetc",            {}, NO),
    row("download-backslashes", "GET",     "/download/..%5c..%5cburrowspace.db",      {}, NO),
    row("download-nul",         "GET",     "/download/%00",                           {}, NO),
    row("download-id-nul",      "GET",     "/download/{ready}%00",                    {}, NO),
    row("download-newline",     "GET",     "/download/{ready}%0a",                    {}, NO),
    row("download-big-letters", "GET",     "/download/" + "A" * 32,                   {}, NO),
    row("download-31-digits",   "GET",     "/download/" + "0" * 31,                   {}, NO),
    row("download-33-digits",   "GET",     "/download/" + "0" * 33,                   {}, NO),
    row("download-wide-digits", "GET",     "/download/" + "%D9%A0" * 32,              {}, NO),
    row("download-invalid-utf", "GET",     "/download/%ff%fe",                        {}, NO),
    row("download-5000",        "GET",     "/download/" + "a" * 5000,                 {}, NO),
    row("download-of-nobody",   "GET",     "/download/" + "0" * 32,                   {}, NO),
    row("download-too-early",   "GET",     "/download/{ready}",                       {}, (400, "not-ready")),
    row("download-cancelled",   "GET",     "/download/{over}",                        {}, (404, "gone")),
    row("a-request-is-no-transfer", "GET", "/transfer-status/{rejected}",             {}, NO),
    row("a-transfer-is-no-peer", "POST",   "/heartbeat/{ready}",                      {}, NO),
    row("heartbeat-sql",        "POST",    "/heartbeat/'%20or%201=1--",               {}, NO),
    row("approve-5000",         "POST",    "/approve-transfer/" + "f" * 5000,         {}, NO),
    row("approve-rejected",     "POST",    "/approve-transfer/{rejected}",            {}, STATE),
    row("cancel-nul",           "POST",    "/cancel-transfer/%00",                    {}, NO),
    row("peers-of-257",         "GET",     "/peers?user_id=" + "u" * 257,             {}, BAD),
    row("slash-behind",         "GET",     "/status/",                                {}, NO),
    row("slashes-before",       "GET",     "//status",                                {}, NO),
    row("big-letters",          "GET",     "/STATUS",                                 {}, NO),
    row("socket-elsewhere",     "GET",     "/socket.io/x?EIO=4&transport=polling",    {}, NO),
    row("get-connect",          "GET",     "/connect",                                {}, METHOD),
    row("post-status",          "POST",    "/status",                                 {}, METHOD),
    row("get-upload",           "GET",     "/upload/{ready}",                         {}, METHOD),
    row("delete-transfer",      "DELETE",  "/cancel-transfer/{ready}",                {}, METHOD),
    row("patch-report",         "PATCH",   REPORT,                                    {}, METHOD),
    row("options",              "OPTIONS", "/connect",                                {}, METHOD),
    row("trace",                "TRACE",   "/status",                                 {}, METHOD),
    row("token-missing",        "POST",    "/heartbeat/{ann}", {},                                     TOKEN),
    row("token-wrong",          "POST",    "/heartbeat/{ann}", {BEARER: "Bearer " + "0" * 43},         TOKEN),
    row("token-of-another",     "POST",    "/heartbeat/{ann}", {BEARER: "Bearer {eve-token}"},         TOKEN),
    row("token-empty",          "POST",    "/heartbeat/{eve}", {BEARER: "Bearer "},                    TOKEN),
    row("token-of-257",         "POST",    "/heartbeat/{eve}", {BEARER: "Bearer " + "t" * 257},        TOKEN),
    row("token-not-ascii",      "POST",    "/heartbeat/{eve}", {BEARER: "Bearer t\xf6ken"},            TOKEN),
    row("token-as-basic",       "POST",    "/heartbeat/{ann}", {BEARER: "Basic {ann-token}"},          TOKEN),
    row("token-bare",           "POST",    "/heartbeat/{ann}", {BEARER: "{ann-token}"},                TOKEN),
    row("token-in-the-query",   "POST",    "/heartbeat/{ann}?peer_token={ann-token}", {},              TOKEN),
    row("disconnect-no-token",  "POST",    "/disconnect/{ann}", {},                                    TOKEN),
    row("cancel-foreign-token", "POST",    "/cancel-transfer/{ready}", {BEARER: "Bearer {ann-token}"}, ALIEN),
    row("foreign-origin",       "POST",    "/heartbeat/{eve}", EVIL,                                   ALIEN),
    row("null-origin",          "POST",    "/heartbeat/{eve}", {"Origin": "null"},                     ALIEN),
    row("origin-like-ours",     "POST",    "/heartbeat/{eve}", {"Origin": "http://127.0.0.1.evil.example"}, ALIEN),
    row("origin-of-a-file",     "POST",    "/cancel-transfer/{ready}", {"Origin": "file://127.0.0.1"}, ALIEN),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "headers", "expected"), PATHS)
async def test_a_bad_path_method_token_or_origin_is_refused(
    world: World, method: str, path: str, headers: Any, expected: tuple[int, str]
):
    assert refusal(await world.ask(method, path, headers), world) == expected


FILE = 'form-data; name="file"; filename='


def part(disposition: str = FILE + '"a"', data: bytes = b"x", more: str = "") -> bytes:
    return b"--B\r\nContent-Disposition: " + disposition.encode() + more.encode() + b"\r\n\r\n" + data + b"\r\n"


END = b"--B--\r\n"
NAMED = "multipart/form-data; boundary="
FORMS = [
    # what                     content type                    body                                             answer
    row("no-type",             "",                             part() + END,                                    WRONG),
    row("json",                "application/json",             b"{}",                                           WRONG),
    row("mixed",               "multipart/mixed; boundary=B",  part() + END,                                    WRONG),
    row("no-boundary",         "multipart/form-data",          part() + END,                                    BAD),
    row("empty-boundary",      NAMED,                          part() + END,                                    BAD),
    row("boundary-of-71",      NAMED + "B" * 71,               part() + END,                                    BAD),
    row("another-boundary",    NAMED + "C",                    part() + END,                                    BAD),
    row("no-body",             NAMED + "B",                    b"",                                             BAD),
    row("no-form",             NAMED + "B",                    b"the file itself",                              BAD),
    row("no-parts",            NAMED + "B",                    END,                                             BAD),
    row("no-closing",          NAMED + "B",                    part(),                                          BAD),
    row("cut-in-headers",      NAMED + "B",                    part()[:30],                                     BAD),
    row("cut-in-data",         NAMED + "B",                    part(data=b"y" * 99)[:-20],                      BAD),
    row("no-header",           NAMED + "B",                    b"--B\r\n\r\nx\r\n" + END,                       BAD),
    row("no-colon",            NAMED + "B",                    b"--B\r\nContent-Disposition\r\n\r\nx\r\n" + END, BAD),
    row("bare-lf",             NAMED + "B",                    part().replace(b"\r\n", b"\n") + END,            BAD),
    row("cr-in-the-name",      NAMED + "B",                    part(FILE + '"a\rb"') + END, BAD),
    row("crlf-in-the-name",    NAMED + "B",                    part(FILE + '"a\r\nb"') + END, BAD),
    row("another-field",       NAMED + "B",                    part('form-data; name="f"; filename="a"') + END, BAD),
    row("no-field",            NAMED + "B",                    part('form-data; filename="a"') + END,           BAD),
    row("no-filename",         NAMED + "B",                    part('form-data; name="file"') + END,            BAD),
    row("header-of-17-KiB",    NAMED + "B",                    part(more="\r\nX-Long: " + "h" * 17_408) + END,  BAD),
    row("endless-header",      NAMED + "B",                    b"--B\r\n" + b"H" * 200_000,                     BAD),
    row("101-parts",           NAMED + "B",                    part("form-data; name=n") * 101 + part() + END,  BAD),
    row("a-field-of-1-MiB",    NAMED + "B",                    part("form-data; name=n", b"n" * 1_048_577),     BAD),
    row("file-too-large",      NAMED + "B",                    part(data=b"z" * 100_001) + END,                 BIG),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "expected"), FORMS)
async def test_a_bad_form_is_refused_and_leaves_nothing(
    world: World, kind: str, body: bytes, expected: tuple[int, str]
):
    answer = await world.ask("POST", "/upload/{ready}", {"Content-Type": kind} if kind else {}, body)
    assert refusal(answer, world) == expected
    assert await world.server.app.spool.keys() == []


UPLOADS = [
    row("to-nobody",     "/upload/" + "0" * 32,        {},                              NO),
    row("to-a-path",     "/upload/..%2f..%2fx",        {},                              NO),
    row("to-5000",       "/upload/" + "a" * 5000,      {},                              NO),
    row("two-segments",  "/upload/{ready}/x",          {},                              NO),
    row("to-the-over",   "/upload/{over}",             {},                              STATE),
    row("foreign-token", "/upload/{ready}",            {BEARER: "Bearer {ann-token}"},  ALIEN),
    row("bad-token",     "/upload/{ready}",            {BEARER: "Bearer"},              TOKEN),
    row("foreign-page",  "/upload/{ready}",            EVIL,                            ALIEN),
]  # fmt: skip


@pytest.mark.parametrize(("path", "headers", "expected"), UPLOADS)
async def test_an_upload_to_the_wrong_place_is_refused(world: World, path: str, headers: Any, expected: Any):
    answer = await world.ask("POST", path, {**FORM, **headers}, part() + END)
    assert refusal(answer, world) == expected
    assert await world.server.app.spool.keys() == []


NAMES = [
    row("path",            b"../../etc/passwd",                 "passwd"),
    row("windows-path",    b"C:\\\\Windows\\\\evil.exe",        "evil.exe"),
    row("dots",            b"..",                               "file"),
    row("empty",           b"",                                 "file"),
    row("reserved",        b"con.txt",                          "_con.txt"),
    row("nul",             b"a\0b.txt",                         "ab.txt"),
    row("line-feed",       b"a\nSet-Cookie: b",                 "aSet-Cookie_ b"),
    row("quotes",          b'a\\"; filename=\\"b',              "a_; filename=_b"),
    row("right-to-left",   "evil\u202egnp.exe".encode(),        "evilgnp.exe"),
    row("invalid-utf-8",   b"a\xff.txt",                        "a\ufffd.txt"),
    row("300-letters",     b"n" * 300 + b".txt",                "n" * 251 + ".txt"),
    row("percent-newline", b"a%0d%0ab",                         "a%0d%0ab"),
]  # fmt: skip


@pytest.mark.parametrize(("offered", "cleaned"), NAMES)
async def test_a_wicked_file_name_comes_back_cleaned(world: World, offered: bytes, cleaned: str):
    transfer = await world.server.transfer("carol", "dave", "file")
    disposition = b'--B\r\nContent-Disposition: form-data; name="file"; filename="' + offered + b'"\r\n\r\n'
    answer = await world.ask("POST", f"/upload/{transfer}", FORM, disposition + b"data\r\n" + END)
    assert (answer.status, answer.json.get("filename")) == (200, cleaned)
    got = await world.ask("GET", f"/download/{transfer}")
    assert (got.status, got.body) == (200, b"data")
    assert set(got.headers) >= {"content-disposition", "x-content-type-options"}
    assert "set-cookie" not in got.headers
    assert (await world.ask("POST", f"/cancel-transfer/{transfer}")).status == 200


ASKED = [
    row("newlines",        "a\r\nSet-Cookie: b=c\r\n\r\n<html>.txt", "aSet-Cookie_ b=c_html_.txt"),
    row("path",            "/etc/../passwd",                      "passwd"),
    row("nul",             "evil.exe\0.txt",                      "evil.exe.txt"),
    row("only-controls",   "\x01\x02\x7f",                        "file"),
    row("escape-codes",    "\x1b[31mred\x07",                     "[31mred"),
    row("4096-characters", "\U0001f600" * 4092 + ".txt",          "\U0001f600" * 62 + ".txt"),
]  # fmt: skip


@pytest.mark.parametrize(("offered", "cleaned"), ASKED)
async def test_a_wicked_name_in_a_request_is_cleaned_before_anybody_hears_it(world: World, offered: str, cleaned: str):
    transfer = await world.server.transfer("carol", "dave", offered)
    assert (await world.server.get(f"/transfer-status/{transfer}"))["filename"] == cleaned
    await world.server.post(f"/cancel-transfer/{transfer}")


async def test_a_user_of_256_letters_is_welcome(world: World):
    assert (await world.ask("POST", "/connect", JSON, put({"user_id": "u" * 256}))).status == 200


async def test_json_of_32_levels_is_read(world: World):
    body = b'{"user_id":"a","more":' + b"[" * 31 + b"]" * 31 + b"}"
    assert (await world.ask("POST", "/connect", JSON, body)).status == 200


async def test_a_page_of_another_host_cannot_read_what_it_may_ask_for(world: World):
    answer = await world.ask("GET", "/status", EVIL)
    assert "access-control-allow-origin" not in answer.headers
    preflight = await world.ask("OPTIONS", "/connect", {**EVIL, "Access-Control-Request-Method": "POST"})
    assert (preflight.status, preflight.body) == (403, b"")
    assert not any(name.startswith("access-control") for name in preflight.headers)


async def test_bytes_that_are_no_http_are_400_and_say_nothing(world: World):
    for nonsense in (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\0 HTTP/1.1\r\n\r\n"):
        answer = await world.say(nonsense)
        assert answer.status == 400
        assert not SECRETS.search(answer.body.decode())


CHUNKED = b"POST /connect HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"


async def test_a_chunked_body_has_the_same_bound(world: World):
    answer = await world.say(
        CHUNKED + b"\r\n", b"4000\r\n" + b" " * 0x4000 + b"\r\n" + b"c001\r\n" + b" " * 0xC001 + b"\r\n"
    )
    assert refusal(answer, world) == BIG


async def test_a_request_of_two_lengths_is_400(world: World):
    for lengths in (CHUNKED + b"Content-Length: 5\r\n", CHUNKED[:-28] + b"Content-Length: 5\r\nContent-Length: 6\r\n"):
        answer = await world.say(lengths + b"\r\n", b"0\r\n\r\nGET /status HTTP/1.1\r\n\r\n")
        assert answer.status == 400
        assert not SECRETS.search(answer.body.decode())


async def test_after_all_that_the_server_serves_as_before(world: World):
    assert (await world.ask("GET", "/status")).status == 200
    assert (await world.ask("POST", "/connect", JSON, ONE)).status == 200
