"""An issuer's server, which publishes keys over real HTTP, or fails in the ways that servers fail."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.security.tokens import pem, private_key

Behaviour = Callable[["Exchange"], None]


def jwk(algorithm: str = "RS256", number: int = 0, **members: Any) -> dict[str, Any]:
    """The public key of `private_key` as a JWK; a member of `...` is left out."""
    public = private_key(algorithm, number).public_key()
    kinds = {"R": RSAAlgorithm, "P": RSAAlgorithm, "E": ECAlgorithm}
    kind: Any = OKPAlgorithm if algorithm == "EdDSA" else kinds[algorithm[0]]
    whole = {**kind.to_jwk(public, as_dict=True), "kid": f"{algorithm}-{number}", "use": "sig", **members}
    return {name: value for name, value in whole.items() if value is not ...}


class Exchange(BaseHTTPRequestHandler):
    """One request to the issuer, which the server's behaviour answers."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.issuer.paths.append(self.path)
        self.server.issuer.behave(self)

    def respond(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def wait(self, seconds: float = 30.0) -> bool:
        """Wait until the server closes; return whether it has."""
        return bool(self.server.issuer.closing.wait(seconds))

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


class Issuer:
    """The server's address, what it was asked for, and how it behaves, which may change at any time."""

    def __init__(self, behave: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self.behave = behave
        self.paths: list[str] = []
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
        self._server.issuer = self  # type: ignore[attr-defined]
        if tls is not None:
            # The handshake is for the thread of the connection, so that one which hangs holds up no other.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}/jwks.json"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def publish(self, *keys: Any, **headers: Any) -> None:
        """Behave well from now on, with these keys."""
        self.behave = publishing(*keys, **headers)

    def close(self) -> None:
        """Take no more connections, and end those that wait."""
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def issuer(behave: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[Issuer]:
    server = Issuer(behave, tls)
    try:
        yield server
    finally:
        server.close()


def certificate(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that is its own authority, and a server's context with it."""
    key = private_key("ES256")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, key_path = directory / "issuer.pem", directory / "key.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    key_path.write_text(pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return path, context


# -- behaviours ----------------------------------------------------------------------------------


def publishing(*keys: Any, **headers: Any) -> Behaviour:
    return sending(json.dumps({"keys": keys}).encode(), **headers)


def sending(content: bytes, status: int = 200, **headers: Any) -> Behaviour:
    return lambda exchange: exchange.respond(content, status, **headers)


def no_http(exchange: Exchange) -> None:
    """Speak another protocol."""
    exchange.wfile.write(b"SSH-2.0-OpenSSH\r\n")


def hang(exchange: Exchange) -> None:
    """Say nothing."""
    exchange.wait()


def _drip(exchange: Exchange, content: bytes) -> None:
    for byte in content:
        if exchange.wait(0.02):
            return
        exchange.wfile.write(bytes([byte]))
        exchange.wfile.flush()


def dripping_head(keys: Sequence[Any]) -> Behaviour:
    """A head that comes in single bytes, for longer than any time-out between two of them."""
    content = json.dumps({"keys": keys}).encode()
    head = b"HTTP/1.1 200 OK\r\n" + b"X-Filling: x\r\n" * 40 + b"Content-Length: %d\r\n\r\n" % len(content)
    return lambda exchange: _drip(exchange, head + content)


def dripping_content(keys: Sequence[Any]) -> Behaviour:
    """A whole head, and content that comes in single bytes."""
    content = json.dumps({"keys": keys, "filling": "x" * 400}).encode()

    def behave(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Length", str(len(content)))
        exchange.end_headers()
        _drip(exchange, content)

    return behave


def endless(exchange: Exchange) -> None:
    """Content without an end."""
    exchange.send_response(200)
    exchange.end_headers()
    try:
        while not exchange.server.issuer.closing.is_set():
            exchange.wfile.write(b'{"keys": [' + b" " * 65536)
    except OSError:
        return


def cut(keys: Sequence[Any]) -> Behaviour:
    """Content that ends before all that was announced has come."""
    content = json.dumps({"keys": keys}).encode()
    return lambda exchange: exchange.respond(content, Content_Length=str(len(content) + 100))


def hanging_up(exchange: Exchange) -> None:
    """Close the connection without a response."""


def redirecting(to: str, status: int = 302) -> Behaviour:
    """Redirect `/jwks.json`; other paths get the keys."""
    keys = publishing(jwk())

    def behave(exchange: Exchange) -> None:
        if exchange.path == "/jwks.json":
            exchange.respond(b"", status, Location=to)
        else:
            keys(exchange)

    return behave
