"""nginx with the site of examples/deployment, on free ports of 127.0.0.1, and clients of it.

The site is the very file, with other paths and ports in it. The certificate is made for the test.
"""

from __future__ import annotations

import http.client
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.acceptance.client import SECONDS, Answer
from tests.support import until

__all__ = ["EXAMPLE", "HOST", "Site", "Unix", "answer_on", "needs_nginx", "nginx", "with_locations"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "deployment"
HOST = "shop.example"
# Debian has it in a directory that is not in every user's PATH.
COMMAND = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

needs_nginx = pytest.mark.skipif(COMMAND is None, reason="nginx is not installed")

_MAIN = """
user {user};
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log notice;
events {{ worker_connections 256; }}
http {{
    types {{ }}
    access_log off;
    # As Debian has it, in a library that refuses none of them by itself.
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    ssl_ciphers DEFAULT:@SECLEVEL=0;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/site.conf;
}}
"""


@dataclass(frozen=True)
class Site:
    """A running nginx, as a client sees it."""

    plain_port: int
    port: int
    directory: Path

    def connection(self, source: str = "127.0.0.1") -> http.client.HTTPSConnection:
        """Return a connection by TLS, from one of the addresses of this machine."""
        return http.client.HTTPSConnection(
            "127.0.0.1",
            self.port,
            timeout=SECONDS,
            source_address=(source, 0),
            context=ssl._create_unverified_context(),
        )

    def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] = b"",
        source: str = "127.0.0.1",
    ) -> Answer:
        """Send a request by a connection of its own."""
        with closing(self.connection(source)) as connection:
            return answer_on(connection, method, target, headers, body)

    def get(self, target: str, headers: Mapping[str, str] | None = None, source: str = "127.0.0.1") -> Answer:
        return self.request("GET", target, headers, source=source)


def answer_on(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterable[bytes] = b"",
) -> Answer:
    """Send a request by a connection that may stay open."""
    # A server that refuses a body may respond and close before it has read all of it.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request(method, target, body or None, {"Host": HOST, **(headers or {})})
    response = connection.getresponse()
    return Answer(response.status, response.getheaders(), response.read())


class Unix(http.client.HTTPConnection):
    """A connection to a server on a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self._path))


def with_locations(text: str) -> str:
    """Return the site with `text` in the server block that answers https, before what is there."""
    site = (EXAMPLE / "nginx.conf").read_text(encoding="utf-8")
    before, location, after = site.partition("    location / {")
    assert location
    return before + text + location + after


def _with_places(site: str, directory: Path, upstream: Path, ports: tuple[int, int]) -> str:
    """Return the site with the addresses and files of a test; each of its own must be there."""
    plain, secure = ports
    places = {
        r"unix:/run/shop\.sock": f"unix:{upstream}",
        r"\n *listen \[::\]:\d+[^;]*;": "",
        r"listen 80\b": f"listen 127.0.0.1:{plain}",
        r"listen 443 ": f"listen 127.0.0.1:{secure} ",
        r"/etc/ssl/shop/": f"{directory}/",
    }
    for pattern, place in places.items():
        site, count = re.subn(pattern, place, site)
        assert count, f"The site has no {pattern}"
    return site


@contextmanager
def nginx(directory: Path, upstream: Path, site: str | None = None) -> Iterator[Site]:
    """Run nginx, with the site of the example or another one, until the block ends."""
    assert COMMAND is not None
    directory.mkdir(exist_ok=True)
    plain, secure = ports = _free_ports()
    text = (EXAMPLE / "nginx.conf").read_text(encoding="utf-8") if site is None else site
    (directory / "site.conf").write_text(_with_places(text, directory, upstream, (plain, secure)))
    user = pwd.getpwuid(os.geteuid()).pw_name
    (directory / "main.conf").write_text(_MAIN.format(directory=directory, user=user))
    _write_certificate(directory)
    command = [COMMAND, "-p", str(directory), "-c", str(directory / "main.conf")]
    with (directory / "output").open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        until(lambda: process.poll() is not None or all(map(_listens, ports)))
        assert process.poll() is None, (directory / "output").read_text()
        yield Site(plain, secure, directory)
        process.terminate()
        process.wait(SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _write_certificate(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (directory / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
