"""A real nginx on 127.0.0.1 with as many servers as a test wants, ended with it; and certificates of every kind."""

import asyncio
import contextlib
import datetime
import ipaddress
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HEAD = """
daemon off;
master_process off;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
"""
# What is right for BurrowSpace; a test takes a part of it away.
RIGHT = {
    "client_max_body_size": "0",
    "proxy_http_version": "1.1",
    "proxy_buffering": "off",
    "proxy_request_buffering": "off",
    "proxy_set_header Host": "$host:$server_port",
    "proxy_set_header X-Forwarded-For": "$remote_addr",
    "proxy_set_header Upgrade": "$http_upgrade",
    "proxy_set_header Connection": "upgrade",
}


def block(port: int, behind: str, tls: Path | None = None, **change: str | None) -> str:
    """One server on `port` before `behind`, right but for what is changed. `tls`: a file with key and certificate."""
    names = {each.replace(" ", "_").replace("-", "_"): each for each in RIGHT}
    lines = RIGHT | {names.get(name, name): value for name, value in change.items()}
    said = "".join(f"    {name} {value};\n" for name, value in lines.items() if value is not None)
    secure = f"    ssl_certificate {tls};\n    ssl_certificate_key {tls};\n    ssl_protocols TLSv1.3;\n" if tls else ""
    listen = f"127.0.0.1:{port}{' ssl' if tls else ''}"
    return f"  server {{\n    listen {listen};\n{secure}{said}    location / {{ proxy_pass {behind}; }}\n  }}\n"


@contextlib.asynccontextmanager
async def nginx(home: Path, blocks: Mapping[int, str]) -> AsyncIterator[None]:
    """Serves the blocks, by port."""
    program = shutil.which("nginx")
    assert program is not None, "the tests need nginx; on Debian: apt-get install nginx-light"
    home.mkdir(exist_ok=True)
    config = home / "nginx.conf"
    config.write_text(HEAD.format(home=home) + "".join(blocks.values()) + "}\n")
    log = home / "error.log"
    process = await asyncio.create_subprocess_exec(
        program, "-p", str(home), "-e", str(log), "-c", str(config), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(20):
            for port in blocks:
                while not await _listens(port):
                    assert process.returncode is None, log.read_text()
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        await asyncio.sleep(0.01)
        return False
    writer.close()
    return True


def certificate(file: Path, name: str, *, days: float = 90) -> Path:
    """A self-signed certificate for `name`, with its key, that ends `days` from now; PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, file.stem)])
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - datetime.timedelta(days=365))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file
