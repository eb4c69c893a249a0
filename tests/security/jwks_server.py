"""An issuer's server, which publishes keys over real HTTP, or fails in the ways that servers fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.security.tokens import private_key

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

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.paths: list[str] = []
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
        self._server.issuer = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/jwks.json"
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
def issuer(behave: Behaviour) -> Iterator[Issuer]:
    server = Issuer(behave)
    try:
        yield server
    finally:
        server.close()


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
