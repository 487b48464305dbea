"""Every command, with what can be in its way: what it says is words with a cure, never what the system calls it."""

import asyncio
import contextlib
import datetime
import ipaddress
import re
import resource
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from burrowspace import faults
from tests.cli.program import BURROW, environment
from tests.machine import small_disk

pytestmark = pytest.mark.anyio

MACHINE = re.compile(r"Traceback|Errno|_ssl\.c|\[SSL|Connect call failed|\wError\b|\bSSL|_VERI|0x[0-9a-f]{6}")
CODE = "7-walnut-orbit"
ASKING = {  # a command that speaks with a server, by its words
    "send": ("send", "one"),
    "send --to": ("send", "--to", "desk", "one"),
    "send --plain": ("send", "--plain", "--to", "bob", "one"),
    "receive": ("receive", CODE),
    "receive --as": ("receive", "--as", "bob"),
    "pair": ("pair",),
    "pair CODE": ("pair", CODE),
}
KEEPING = {  # a command that writes into the state folder
    "send": ("send", "one", "--own-server"),
    "receive": ("receive", CODE),
    "pair": ("pair",),
}


def run(
    home: Path, *words: str, state: Path | None = None, before: Callable[[], None] | None = None, **more: str
) -> tuple[int, str]:
    """The exit code and what a person saw."""
    here = home / "here"
    here.mkdir(exist_ok=True)
    (here / "one").write_bytes(b"1")
    done = subprocess.run(
        [BURROW, *words],
        env=environment(state or home / "state") | {"XDG_CONFIG_HOME": str(home / "config"), **more},
        cwd=here,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=before,
        check=False,
    )
    said = done.stderr + done.stdout
    assert not MACHINE.search(said), said
    return done.returncode, said


async def ran(home: Path, *words: str, **more: str) -> tuple[int, str]:
    return await asyncio.to_thread(run, home, *words, **more)


# ---- the state folder


def a_file(home: Path) -> Path:
    (home / "state").write_bytes(b"")
    return home / "state"


def below_a_file(home: Path) -> Path:
    return a_file(home) / "burrow"


def nowhere(home: Path) -> Path:
    return Path("/proc/burrow")


@pytest.mark.parametrize("words", KEEPING.values(), ids=KEEPING)
@pytest.mark.parametrize("make", [a_file, below_a_file, nowhere])
def test_a_state_folder_that_cannot_be_used_ends_a_command_before_it_asks_anybody(
    tmp_path: Path, words: tuple[str, ...], make: Callable[[Path], Path]
) -> None:
    state = make(tmp_path)
    given = {} if "--own-server" in words else {"BURROW_SERVER": "http://127.0.0.1:1"}
    code, said = run(tmp_path, *words, state=state, **given)
    assert code == 2, said
    assert f"your state folder {state} cannot be used" in said
    assert "BURROW_STATE" in said


def test_a_state_folder_on_a_read_only_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        (disk / "state").mkdir(mode=0o700)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        code, said = run(tmp_path, "send", "one", "--own-server", state=disk / "state")
    assert code == 2, said
    assert "the disk is read-only" in said


def test_a_state_folder_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        (disk / "state").mkdir(mode=0o700)
        with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        code, said = run(tmp_path, "send", "one", "--own-server", state=disk / "state")
    assert code in (2, 7), said
    assert "full" in said
    assert "free some space" in said


@pytest.mark.parametrize("words", [("history",), ("devices",), ("resume",), ("take-back",)])
def test_what_only_looks_says_words_as_well(tmp_path: Path, words: tuple[str, ...]) -> None:
    run(tmp_path, *words, state=a_file(tmp_path))


# ---- the network


def key_and_cert(name: str, days: tuple[int, int], by: "tuple[ec.EllipticCurvePrivateKey, x509.Name] | None" = None):
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, issuer = by or (key, subject)
    alternative: list[x509.GeneralName] = [x509.DNSName(name)]
    with contextlib.suppress(ValueError):
        alternative = [x509.IPAddress(ipaddress.ip_address(name))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName(alternative), False)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), True)
        .sign(signer, hashes.SHA256())
    )
    return key, subject, made.public_bytes(serialization.Encoding.PEM)


def context(place: Path, name: str, days: tuple[int, int], trusted: bool) -> tuple[ssl.SSLContext, dict[str, str]]:
    """A server's side of TLS; and the environment that trusts its authority, if it is to be trusted."""
    root, subject, authority = key_and_cert("Authority", (-9000, 9000))
    key, _, cert = key_and_cert(name, days, (root, subject))
    (place / "ca.pem").write_bytes(authority)
    raw = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (place / "server.pem").write_bytes(cert + raw)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(place / "server.pem")
    return made, {"SSL_CERT_FILE": str(place / "ca.pem")} if trusted else {}


@contextlib.asynccontextmanager
async def listening(
    answer: Callable[[asyncio.StreamWriter], None], tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    async def heard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.read(1)
            answer(writer)
            writer.close()

    async with await asyncio.start_server(heard, "127.0.0.1", ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]


def resets(writer: asyncio.StreamWriter) -> None:
    line = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def closes(writer: asyncio.StreamWriter) -> None:
    pass


def greets(writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.org ESMTP\r\n")


async def unreachable(home: Path, words: tuple[str, ...], server: str, *wanted: str, **more: str) -> None:
    if "--to" in words and "--plain" not in words:
        return  # nobody is paired: that is said first, and no server is asked
    code, said = await ran(home, *words, "--server", server, **more)
    assert code == 6, said
    assert any(each in said for each in wanted), said


@pytest.fixture(params=ASKING.values(), ids=ASKING)
def words(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param  # type: ignore[no-any-return]


async def test_a_refused_connection(tmp_path: Path, words: tuple[str, ...]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        await unreachable(tmp_path, words, f"http://127.0.0.1:{port}", "nobody listens there")
        await unreachable(tmp_path, words, f"http://localhost:{port}", "nobody listens there")


async def test_a_name_that_nobody_knows(tmp_path: Path, words: tuple[str, ...]) -> None:
    await unreachable(tmp_path, words, "https://no-such-host.invalid", "no machine of that name", "name service (DNS)")


@pytest.mark.parametrize("answer", [resets, closes, greets])
async def test_a_connection_that_breaks_or_speaks_something_else(
    tmp_path: Path, words: tuple[str, ...], answer: Callable[[asyncio.StreamWriter], None]
) -> None:
    wanted = {
        "resets": ("broke the connection off", "broke off", "closed the connection"),
        "closes": ("ended in the middle of an answer",),
        "greets": ("speaks no HTTP", "ended in the middle of an answer"),
    }
    async with listening(answer) as port:
        await unreachable(tmp_path, words, f"http://127.0.0.1:{port}", *wanted[answer.__name__])


async def test_tls_where_none_is_spoken(tmp_path: Path, words: tuple[str, ...]) -> None:
    async with listening(greets) as port:
        await unreachable(tmp_path, words, f"https://127.0.0.1:{port}", "use http:// in place of https://")


async def test_no_tls_where_it_is_spoken(tmp_path: Path, words: tuple[str, ...]) -> None:
    tls, trusts = context(tmp_path, "127.0.0.1", (-1, 9), True)
    async with listening(greets, tls) as port:
        wanted = ("ended in the middle of an answer", "speaks no HTTP", "broke", "https://")
        await unreachable(tmp_path, words, f"http://127.0.0.1:{port}", *wanted, **trusts)


@pytest.mark.parametrize(
    ("name", "days", "trusted", "wanted"),
    [
        ("127.0.0.1", (-9, -1), True, "its certificate has expired; renew it"),
        ("127.0.0.1", (1, 9), True, "its certificate is not valid yet; set this machine's clock right"),
        ("127.0.0.9", (-1, 9), True, "its certificate is not for that address; call it by a name"),
        (
            "127.0.0.1",
            (-1, 9),
            False,
            "nobody that this machine trusts vouches for its certificate; trust its authority",
        ),
    ],
    ids=["expired", "early", "other", "untrusted"],
)
async def test_a_certificate_that_is_not_to_be_trusted(
    tmp_path: Path, words: tuple[str, ...], name: str, days: tuple[int, int], trusted: bool, wanted: str
) -> None:
    tls, trusts = context(tmp_path, name, days, trusted)
    async with listening(greets, tls) as port:
        await unreachable(tmp_path, words, f"https://127.0.0.1:{port}", wanted, **trusts)


async def test_a_certificate_for_another_name(tmp_path: Path, words: tuple[str, ...]) -> None:
    tls, trusts = context(tmp_path, "drop.example.org", (-1, 9), True)
    async with listening(greets, tls) as port:
        wanted = "its certificate is for another name; call it by a name that is in the certificate"
        await unreachable(tmp_path, words, f"https://localhost:{port}", wanted, **trusts)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("answer", [resets, closes, greets])
async def test_the_doctor_says_words_too(
    tmp_path: Path, scheme: str, answer: Callable[[asyncio.StreamWriter], None]
) -> None:
    async with listening(answer) as port:
        code, said = await ran(tmp_path, "doctor", "--server", f"{scheme}://127.0.0.1:{port}")
    assert code == 8, said


# ---- the machine


@pytest.mark.parametrize("mib", [40, 60, 100])
def test_too_little_memory_for_a_command(tmp_path: Path, mib: int) -> None:
    most = mib << 20
    code, said = run(
        tmp_path, "send", "one", "--own-server", before=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most))
    )
    assert code in (1, 2), said
    assert "memory" in said
    assert "ulimit -v" in said


def test_only_one_table_turns_errors_of_the_system_into_words() -> None:
    """`strerror` stands nowhere else, and nobody prints an OSError as it is."""
    source = Path(faults.__file__).parent
    for path in source.rglob("*.py"):
        if path.name != "faults.py":
            text = path.read_text(encoding="utf-8")
            assert "error.strerror" not in text, path
            assert '"strerror"' not in text, path
            assert "verify_message" not in text, path
