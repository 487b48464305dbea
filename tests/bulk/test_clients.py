"""Real clients move real files over connections that break: curl, tuspy, tus-js-client."""

import asyncio
import hashlib
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from tusclient import client as tuspy

from tests.app import Running, running

pytestmark = pytest.mark.anyio
JS = Path(__file__).parents[1] / "js"
SIZE = 12 << 20


@pytest.fixture(params=[2, 0], ids=["kernel", "asgi"])
async def server(request: pytest.FixtureRequest, tmp_path: Path):
    async with running(tmp_path / "data", bulk_threads=request.param) as server:
        yield server


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    path.write_bytes(random.Random(7).randbytes(SIZE))
    return path


class BadLine:
    """A forwarder that cuts each of its first connections after some bytes from the client."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._port, self.cuts = port, cuts

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection("127.0.0.1", self._port)
        returning = asyncio.create_task(self._pump(back, writer, None))
        left = self.cuts.pop(0) if self.cuts else None
        await self._pump(reader, there, left)
        if left is not None:
            writer.transport.abort()
            there.transport.abort()
        await asyncio.wait([returning])

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None) -> None:
        try:
            while data := await reader.read(65536 if left is None else min(65536, left)):
                writer.write(data)
                await writer.drain()
                if left is not None and (left := left - len(data)) <= 0:
                    return
            writer.close()
        except ConnectionError:
            writer.transport.abort()


async def arrived(server: Running, key: str, film: Path, name: str) -> None:
    """The file is there, whole, under its name."""
    async with server.http.get(f"/download/{key}") as answer:
        assert answer.status == 200
        assert hashlib.sha256(await answer.read()).digest() == hashlib.sha256(film.read_bytes()).digest()
    assert (await server.get(f"/transfer-status/{key}"))["filename"] == name


async def run(*argv: str) -> str:
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


async def test_curl_sends_a_file_and_fetches_it_in_two_parts(server: Running, film: Path, tmp_path: Path):
    key, curl = await server.transfer(filename="film.mp4"), shutil.which("curl") or "curl"
    said = await run(curl, "-sS", "--fail-with-body", "-T", str(film), f"{server.url}/upload/{key}")
    assert '"completed"' in said
    await arrived(server, key, film, "film.mp4")
    copy = tmp_path / "copy"
    copy.write_bytes(film.read_bytes()[:5_000_000])
    await run(curl, "-sS", "-f", "-C", "-", "-o", str(copy), f"{server.url}/download/{key}")
    assert copy.read_bytes() == film.read_bytes()


async def test_curl_sends_the_form_that_the_app_sends(server: Running, film: Path):
    key, curl = await server.transfer(filename="film.mp4"), shutil.which("curl") or "curl"
    form = f"file=@{film};filename=from the app.bin"
    said = await run(curl, "-sS", "--fail-with-body", "-F", form, f"{server.url}/upload/{key}")
    assert '"completed"' in said
    await arrived(server, key, film, "from the app.bin")


async def test_tuspy_resumes_over_a_line_that_breaks(server: Running, film: Path):
    key = await server.transfer(filename="film.mp4")
    cuts = [5000 + 900_000 * n for n in range(6)]
    async with BadLine(server.app.reach.port, cuts) as line:

        def upload() -> None:
            client = tuspy.TusClient(f"{line}/upload/{key}")
            meta = {"filename": "from python.bin"}
            uploader = client.uploader(str(film), chunk_size=4 << 20, metadata=meta, retries=50, retry_delay=0)
            uploader.upload()

        await asyncio.to_thread(upload)
    assert len(cuts) < 6
    await arrived(server, key, film, "from python.bin")


async def test_tuspy_proves_each_chunk_by_its_checksum(server: Running, film: Path):
    key = await server.transfer(filename="film.mp4")

    def upload() -> None:
        client = tuspy.TusClient(f"{server.url}/upload/{key}")
        client.uploader(str(film), chunk_size=3 << 20, upload_checksum=True).upload()

    await asyncio.to_thread(upload)
    await arrived(server, key, film, "film.mp4")


async def test_tus_js_client_resumes_over_a_line_that_breaks(server: Running, film: Path):
    key, node = await server.transfer(filename="film.mp4"), shutil.which("node") or "node"
    if not (JS / "node_modules" / "tus-js-client").is_dir():
        await run(shutil.which("npm") or "npm", "ci", "--prefix", str(JS), "--no-audit", "--no-fund")
    cuts = [2_000_000 + 300_000 * n for n in range(5)]
    async with BadLine(server.app.reach.port, cuts) as line:
        said = await run(node, str(JS / "tus.mjs"), f"{line}/upload/{key}", str(film), str(6 << 20))
    assert said.startswith("done")
    assert not cuts
    await arrived(server, key, film, "from node €.bin")
