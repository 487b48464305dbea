"""The web app's files through a served world: what is served, how, and what is not."""

import asyncio
import gzip
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from yarl import URL

from burrowspace.server import page_form, pages
from tests.app import Running, running

FOREIGN = ("cross-site", "same-site", "", None)
pytestmark = pytest.mark.anyio

APP = pages.FOLDER

FILES = {
    "index.html": "<!doctype html><title>BurrowSpace</title>" + " " * 500,
    "app.js": "export const app = 1;" + " " * 500,
    "sw.js": "// the service worker",
    "manifest.webmanifest": "{}",
    "core/worker.js": "// a worker",
    "vendor/lit.d.ts": "export {};",
    "vendor/licences/lit.txt": "a licence",
    "icons/burrow.svg": "<svg/>",
    "icons/burrow.png": "PNG" * 500,
    ".secret.js": "no",
    "notes.md": "no",
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app") / "web"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder.parent / "outside.js").write_text("no")
    return folder


@pytest.fixture(scope="module")
async def server(anyio_backend: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "FOLDER", folder)
        async with running(tmp_path_factory.mktemp("pages")) as server:
            yield server


async def ask(server: Running, path: str, method: str = "GET", **headers: str):
    """Status, headers and the body as it travelled."""
    headers = {"Accept-Encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}
    async with server.http.request(method, path, headers=headers, allow_redirects=False, auto_decompress=False) as said:
        return said.status, said.headers, await said.read()


@pytest.mark.parametrize(
    ("path", "file", "kind"),
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/r", "index.html", "text/html; charset=utf-8"),
        ("/?x=1", "index.html", "text/html; charset=utf-8"),
        ("/sw.js", "sw.js", "text/javascript; charset=utf-8"),
        ("/manifest.webmanifest", "manifest.webmanifest", "application/manifest+json"),
        ("/favicon.ico", "icons/burrow.svg", "image/svg+xml"),
        ("/web/app.js", "app.js", "text/javascript; charset=utf-8"),
        ("/web/core/worker.js", "core/worker.js", "text/javascript; charset=utf-8"),
        ("/web/vendor/licences/lit.txt", "vendor/licences/lit.txt", "text/plain; charset=utf-8"),
        ("/web/icons/burrow.png", "icons/burrow.png", "image/png"),
    ],
)
async def test_a_file_of_the_app_is_served_as_what_it_is(server: Running, path: str, file: str, kind: str):
    status, headers, body = await ask(server, path)
    assert (status, headers["content-type"], body.decode()) == (200, kind, FILES[file])
    assert headers["cache-control"] == "no-cache"
    assert headers["x-content-type-options"] == "nosniff"
    again, head, nothing = await ask(server, path, "HEAD")
    assert (again, nothing) == (200, b"")
    assert [head[name] for name in ("content-length", "etag")] == [headers[name] for name in ("content-length", "etag")]


@pytest.mark.parametrize(
    "path",
    [
        "/web",
        "/web/",
        "/web/core",
        "/web/none.js",
        "/web/vendor/lit.d.ts",
        "/web/.secret.js",
        "/web/notes.md",
        "/web/../outside.js",
        "/web/%2e%2e/outside.js",
        "/web/..%2foutside.js",
        "/web//app.js",
        "/web/app.js%00",
        "/web/app.js/",
        "/index.html",
        "/share",
    ],
)
async def test_what_is_no_file_of_the_app_stays_a_refusal_in_json(server: Running, path: str):
    status, headers, body = await ask(server, URL(server.url + path, encoded=True))
    assert (status, headers["content-type"], b"not-found" in body) == (404, "application/json; charset=utf-8", True)


async def test_gzip_goes_to_who_takes_it_and_each_form_has_a_version_of_its_own(server: Running):
    _, plain, body = await ask(server, "/web/app.js")
    status, headers, small = await ask(server, "/web/app.js", Accept_Encoding="br, gzip;q=0.5")
    assert (status, headers["content-encoding"], gzip.decompress(small)) == (200, "gzip", body)
    assert len(small) < len(body) / 5
    assert headers["vary"] == plain["vary"] == "Accept-Encoding"
    assert headers["etag"] != plain["etag"]
    assert "content-encoding" not in (await ask(server, "/web/app.js", Accept_Encoding="gzip;q=0"))[1]
    assert "content-encoding" not in (await ask(server, "/web/icons/burrow.png", Accept_Encoding="gzip"))[1]
    for etag, encoding in ((plain["etag"], "identity"), (f'"x", W/{headers["etag"]}', "gzip")):
        said = await ask(server, "/web/app.js", If_None_Match=etag, Accept_Encoding=encoding)
        assert (said[0], said[2]) == (304, b"")
        assert said[1]["etag"] in etag
    assert (await ask(server, "/web/app.js", If_None_Match=plain["etag"], Accept_Encoding="gzip"))[0] == 200


async def test_a_file_that_comes_changes_or_goes_is_seen(server: Running, folder: Path, monkeypatch):
    monkeypatch.setattr(pages, "_LOOK_S", 0.0)
    async with asyncio.timeout(10):
        file = folder / "new.js"
        file.write_text("1;")
        while (first := await ask(server, "/web/new.js"))[0] != 200:
            assert first[0] == 404  # until the folder is looked through again
    file.write_text("2;")
    os.utime(file, ns=(1, 1))
    status, headers, body = await ask(server, "/web/new.js", If_None_Match=first[1]["etag"])
    assert (status, body) == (200, b"2;")
    assert headers["etag"] != first[1]["etag"]
    file.unlink()
    assert (await ask(server, "/web/new.js"))[0] == 404


async def version_of(server: Running) -> str:
    found = re.search(rb"/web/@([0-9a-f]{12})/bundle/app\.js", (await ask(server, "/"))[2])
    assert found
    return found[1].decode()


async def test_a_page_names_its_scripts_by_version_and_an_older_page_gets_none_of_a_newer_one(
    server: Running, folder: Path, monkeypatch
):
    index, script = folder / "index.html", folder / "late.js"
    monkeypatch.setattr(pages, "_LOOK_S", 0.0)
    index.write_text('<script src="/web/app.js"></script><img src="/web/icons/burrow.svg">')
    script.write_text("old")
    try:
        async with asyncio.timeout(10):
            while b"@" not in (await ask(server, "/"))[2]:
                pass  # until the folder is looked through again
        old = await version_of(server)
        assert b'src="/web/icons/burrow.svg"' in (await ask(server, "/"))[2]
        for method, body in (("GET", b"old"), ("HEAD", b"")):
            status, headers, said = await ask(server, f"/web/@{old}/late.js", method)
            assert (status, said, headers["cache-control"]) == (200, body, "max-age=31536000, immutable")
        script.write_text("new")
        status, headers, said = await ask(server, f"/web/@{old}/late.js")
        assert (status, said, headers["cache-control"]) == (410, b"", "no-store")
        assert (await ask(server, f"/web/@{old}/app.js"))[0] == 410, "it has not changed, but is of the new page now"
        new = await version_of(server)
        assert (await ask(server, f"/web/@{new}/late.js"))[2] == b"new"
        assert (await ask(server, "/web/late.js"))[2] == b"new"
        for path in (f"@{new}/none.js", f"@{new}/../outside.js", f"@{new}/%2e%2e/outside.js", f"@{new}/.secret.js"):
            assert (await ask(server, URL(f"{server.url}/web/{path}", encoded=True)))[0] in (404, 410)
        script.write_text("old")
        assert await version_of(server) == old, "it is of what is in the files, not of when they were written"
    finally:
        index.write_text(FILES["index.html"])
        script.unlink()


async def test_pages_and_workers_carry_the_policy_and_other_files_are_light(server: Running):
    for path in ("/", "/r"):
        headers = (await ask(server, path))[1]
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; ")
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html " in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["permissions-policy"] == "camera=(), geolocation=(), microphone=()"
        assert (await ask(server, path, If_None_Match="*"))[1]["content-security-policy"] == policy
    for path in ("/sw.js", "/web/sw.js", "/web/core/worker.js"):
        assert (await ask(server, path))[1]["content-security-policy"] == policy
    assert (await ask(server, "/sw.js"))[1]["service-worker-allowed"] == "/"
    assert "content-security-policy" not in (await ask(server, "/web/app.js"))[1]


@pytest.mark.parametrize(("begun", "status"), [("none", 303), ("same-origin", 303)] + [(each, 403) for each in FOREIGN])
@pytest.mark.parametrize(("method", "path"), [("POST", "/share"), ("GET", f"/share/{'0a' * 16}")])
async def test_only_this_site_and_the_share_sheet_may_share(
    server: Running, begun: str | None, status: int, method: str, path: str
):
    headers = {} if begun is None else {"Sec_Fetch_Site": begun}
    got, said, body = await ask(server, path, method, **headers)
    assert got == status
    if status == 403:
        assert b"share sheet" in body
    else:
        assert said["location"] == ("./?shared=failed" if method == "POST" else f"../?shared={'0a' * 16}")


async def test_a_share_names_no_other_place(server: Running):
    for path in ("/share/", "/share/x", f"/share/{'0a' * 16}x", f"/share/{'0A' * 16}", f"/share/{'0a' * 16}/"):
        assert (await ask(server, path, Sec_Fetch_Site="none"))[0] == 404


async def test_the_body_of_a_share_is_not_read(server: Running):
    """It may be as long as a film, and there is nobody to keep it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.app.reach.port)
    head = "POST /share HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: none\r\nContent-Length: 9999999999\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 303 ")
    writer.close()


async def test_pages_are_no_calls_of_the_api(server: Running):
    described = (await server.get("/openapi.json"))["paths"]
    assert not {"/", "/r", "/share", "/sw.js"} & set(described)
    assert (await server.post("/web/app.js", expect=404))["code"] == "not-found"


def test_every_worker_of_the_app_has_a_name_that_brings_it_the_policy():
    scripts = list(APP.rglob("*.js"))
    assert len(scripts) > 30
    named = {
        name
        for each in scripts
        for name in re.findall(r"""new URL\(["']([^"']+\.js)["'], import\.meta\.url\)""", each.read_text())
    }
    assert named
    assert [name for name in named if not page_form._WORKER.fullmatch(name.rpartition("/")[2])] == []


def test_a_wheel_holds_the_app(tmp_path: Path):
    root = APP.parents[2]
    said = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.returncode == 0, said.stderr
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as held:
        names = set(held.namelist())
    files = {path for path in APP.rglob("*") if path.is_file() and path.suffix in page_form.TYPES}
    assert len(files) > 30
    assert {path.relative_to(root / "src").as_posix() for path in files} <= names


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_link_that_mail_or_chat_spelled_in_another_way_leads_to_its_page(server: Running, method: str):
    secret = "A" * 43
    for path, place in (
        ("/r/", "../r"),
        (f"/r%23{secret}", f"r#{secret}"),
        (f"/r/%23{secret}?fbclid=1", f"../r#{secret}"),
    ):
        status, headers, _ = await ask(server, path, method)
        assert (status, headers["location"], headers["cache-control"]) == (302, place, "no-store")
    for path in ("/r/x", "/r%0d%0a", "/r%23", f"/r%23{secret}%0d%0aX:y", f"/r%23{'A' * 300}"):
        assert (await ask(server, path, method))[0] in (404, 405)
    status, _, body = await ask(server, "/r?utm_source=mail&fbclid=x", method)
    assert (status, body == b"") == (200, method == "HEAD")
