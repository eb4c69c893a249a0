"""Content that nobody wants is discarded after the response, while the client is still sending it."""

from __future__ import annotations

import contextlib
import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.support import Extra, environ, project

TEXT = "text/plain"
MULTIPART = "multipart/form-data; boundary=X"
FILES = {
    "pages/api/small.py": 'config = {"api": {"bodyParser": {"sizeLimit": "10b"}}}\n'
    "def POST(req): return req.body\n",
    "pages/api/off.py": 'config = {"api": {"bodyParser": False}}\n'
    "def handler(req, res):\n"
    "    size = int(req.query.get('read', 0))\n"
    "    res.json(len(req.stream.read(size)))\n",
    "pages/api/streams.py": 'config = {"api": {"bodyParser": False}}\n'
    "def handler(req, res): res.send(iter([b'a', b'b']))\n",
    "pages/api/site.py": 'config = {"api": {"bodyParser": False}}\n'
    "def site(environ, start_response):\n"
    "    start_response('200 OK', [])\n"
    "    return [b'site']\n"
    "def handler(req, res): return site\n",
    "pages/api/raises.py": 'config = {"api": {"bodyParser": False}}\ndef handler(req, res): 1 / 0\n',
    "pages/api/typed.py": "def POST(body: int, page: int): return body\n",
    "pages/api/guarded/_middleware.py": "def middleware(req, res, next): res.status(401).end()\n",
    "pages/api/guarded/x.py": "def POST(req): return req.body\n",
}


class Source(io.RawIOBase):
    """An endless input of zeros, which counts the bytes taken."""

    def __init__(self, most: int = 2**30, there: int = 2**30) -> None:
        self.most = most
        self.there = there
        self.taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "read without a bound"
        content = bytes(min(size, self.most, self.there - self.taken))
        self.taken += len(content)
        return content


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(project(tmp_path_factory.mktemp("drain"), FILES))


class Exchange:
    """A request whose response has been sent; `close` closes it."""

    def __init__(self, app: App, target: str, source: Any, method: str = "POST", **extra: Any) -> None:
        usual = {"CONTENT_TYPE": TEXT, "CONTENT_LENGTH": "1000", "SERVER_SOFTWARE": "server/1.0"}
        extra = {**usual, **extra, "wsgi.input": source}
        self.status = 0
        self.answer: Any = app(environ(method, target, **extra), self._start)
        self.body = b"".join(self.answer)

    def _start(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        self.status = int(status[:3])
        return lambda content: None

    def close(self) -> None:
        if hasattr(self.answer, "close"):
            self.answer.close()


UNREAD: list[tuple[str, dict[str, Any], int]] = [
    ("/api/small", {}, 413),
    ("/api/small", {"HTTP_ACCEPT": "application/json"}, 413),
    ("/api/small", {"method": "PUT"}, 405),
    ("/api/small", {"method": "OPTIONS"}, 204),
    ("/api/small", {"method": "post"}, 400),
    ("/api/small", {"HTTP_CONTENT_ENCODING": "gzip"}, 415),
    ("/api/small", {"CONTENT_TYPE": "text/plain; charset=punycode", "CONTENT_LENGTH": "8"}, 400),
    ("/api/small/", {}, 308),
    ("/api/small%00", {}, 400),
    ("/api/nope", {}, 404),
    ("/api/nope", {"method": "HEAD"}, 404),
    ("/api/nope", {"HTTP_ACCEPT": "application/json"}, 404),
    ("/api/guarded/x", {}, 401),
    ("/api/guarded/nope", {}, 401),
    ("/api/off", {}, 200),
    ("/api/off", {"method": "HEAD"}, 200),
    ("/api/streams", {}, 200),
    ("/api/site", {}, 200),
    ("/api/raises", {}, 500),
    ("/api/typed?page=x", {"CONTENT_LENGTH": str(2**21)}, 413),
    ("/api/small", {"CONTENT_TYPE": "multipart/form-data; boundary=X"}, 413),
]


@pytest.mark.parametrize(("target", "extra", "status"), UNREAD)
def test_content_is_discarded_after_the_response(
    app: App, target: str, extra: dict[str, Any], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source()
    exchange = Exchange(app, target, source, **extra)
    if "charset" not in extra.get("CONTENT_TYPE", ""):
        assert source.taken == 0
    exchange.close()
    assert (exchange.status, source.taken) == (status, int(extra.get("CONTENT_LENGTH", 1000)))


@pytest.mark.parametrize(("target", "extra", "status"), UNREAD)
def test_nothing_is_read_of_a_client_that_waits_to_be_told_to_send(
    app: App, target: str, extra: dict[str, Any], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source()
    if "charset" in extra.get("CONTENT_TYPE", ""):
        return
    Exchange(app, target, source, HTTP_EXPECT="100-Continue", **extra).close()
    assert source.taken == 0


@pytest.mark.parametrize("expect", [None, "100-continue"])
def test_content_is_discarded_of_a_client_that_was_told_to_send(app: App, expect: str | None) -> None:
    source = Source(most=1)
    exchange = Exchange(app, "/api/off?read=1", source, HTTP_EXPECT=expect)
    assert 0 < source.taken < 1000
    exchange.close()
    assert source.taken == 1000


CHUNKED: Extra = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None}


@pytest.mark.parametrize(
    ("target", "before", "after"), [("/api/small", 11, 3000), ("/api/off", 0, 3000), ("/api/nope", 0, 3000)]
)
def test_chunked_content_is_discarded_up_to_where_the_server_ends_it(
    app: App, target: str, before: int, after: int
) -> None:
    source = Source(there=3000)
    exchange = Exchange(app, target, source, **CHUNKED)
    assert source.taken == before
    exchange.close()
    assert source.taken == after


@pytest.mark.parametrize("target", ["/api/small", "/api/off", "/api/nope"])
def test_chunked_content_that_the_server_does_not_end_is_not_read(app: App, target: str) -> None:
    source = Source()
    Exchange(app, target, source, **CHUNKED, **Extra({"wsgi.input_terminated": None})).close()
    assert source.taken == 0


def test_content_of_a_refused_length_is_discarded_where_the_server_does_not_end_it(app: App) -> None:
    """Its length tells where it ends, as nobody has read from it."""
    source = Source()
    Exchange(app, "/api/small", source, **Extra({"wsgi.input_terminated": None})).close()
    assert source.taken == 1000


@pytest.mark.parametrize("target", ["/api/small", "/api/off", "/api/nope"])
@pytest.mark.parametrize("length", [{}, CHUNKED])
def test_without_a_server_there_is_no_connection_to_save(app: App, target: str, length: Extra) -> None:
    source = Source()
    Exchange(app, target, source, **length, SERVER_SOFTWARE=None).close()
    assert source.taken in (0, 11)


def test_a_form_refused_halfway_is_discarded_after_the_response(app: App) -> None:
    source = Source()
    exchange = Exchange(app, "/api/typed", source, CONTENT_TYPE=MULTIPART, CONTENT_LENGTH=str(10**6))
    assert (exchange.status, source.taken) == (400, 2**16)
    exchange.close()
    assert source.taken == 10**6


def test_no_more_than_16_mb_are_read(app: App) -> None:
    source = Source()
    Exchange(app, "/api/nope", source, CONTENT_LENGTH=str(10**9)).close()
    assert source.taken == 2**24


@pytest.mark.parametrize("length", ["0", "", "x", "-1"])
def test_without_a_valid_length_nothing_is_read(app: App, length: str) -> None:
    source = Source()
    Exchange(app, "/api/nope", source, CONTENT_LENGTH=length).close()
    assert source.taken == 0


def test_a_broken_connection_does_no_harm(app: App) -> None:
    class Broken(Source):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionResetError

    exchange = Exchange(app, "/api/nope", Broken())
    exchange.close()
    assert exchange.status == 404


@pytest.mark.parametrize("content", [b"x", b"x" * 10])
def test_the_response_to_content_that_was_read_is_a_list(app: App, content: bytes) -> None:
    """Some servers send a list at once."""
    exchange = Exchange(app, "/api/small", io.BytesIO(content), CONTENT_LENGTH=str(len(content)))
    assert (exchange.status, type(exchange.answer)) == (200, list)


# -- on a connection, as gunicorn hands it over


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end of a connection, and the client's."""
    server, client = socket.socketpair()
    with server, client:
        yield server, client


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drain for a tenth of a second, not for two."""
    monkeypatch.setattr("apiroutes.body.draining.DRAIN_SECONDS", 0.1)


def over(app: App, server: socket.socket, length: int) -> Exchange:
    source = server.makefile("rb", buffering=0)
    extra: Extra = {"gunicorn.socket": server, "CONTENT_LENGTH": str(length)}
    return Exchange(app, "/api/nope", source, **extra)


def test_a_connection_whose_content_was_discarded_takes_another_request(
    app: App, connection: tuple[socket.socket, socket.socket]
) -> None:
    server, client = connection
    client.sendall(b"x" * 1000 + b"GET")
    over(app, server, 1000).close()
    assert server.recv(10) == b"GET"


@pytest.mark.usefixtures("impatient")
def test_a_connection_whose_content_was_not_discarded_takes_no_other_request(
    app: App, connection: tuple[socket.socket, socket.socket]
) -> None:
    server, client = connection
    client.sendall(b"x" * 10)
    exchange = over(app, server, 1000)
    exchange.close()
    assert server.recv(10) == b""


@pytest.mark.costly
def test_content_that_trickles_in_is_not_waited_for(app: App) -> None:
    class Dripping(Source):
        def read(self, size: int | None = -1, /) -> bytes:
            time.sleep(0.05)
            return super().read(1)

    source = Dripping()
    exchange = Exchange(app, "/api/nope", source)
    exchange.close()
    assert 0 < source.taken < 100


@pytest.mark.usefixtures("impatient")
def test_a_server_whose_reads_cannot_be_ended_is_not_held_up(app: App) -> None:
    """With granian a thread of the framework waits for the client."""
    server, client = socket.socketpair()
    with server, client, contextlib.closing(server.makefile("rb")) as source:
        client.sendall(b"x" * 10)
        Exchange(app, "/api/nope", source, SERVER_SOFTWARE="Granian").close()
        client.close()  # and the thread ends


@pytest.mark.parametrize("target", ["/api/small", "/api/off?read=1"])
def test_chunked_content_is_411_where_the_server_ends_it_too_early(app: App, target: str) -> None:
    """granian ends content that is cut off or malformed as if it were whole."""
    exchange = Exchange(app, target, Source(there=5), SERVER_SOFTWARE="Granian", **CHUNKED)
    exchange.close()
    assert (exchange.status, exchange.body) == (411, b"Length Required")


def test_a_project_without_middleware_reads_nothing_for_its_fallback(tmp_path: Path) -> None:
    def fallback(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("404 Not Found", [])
        return [b""]

    source = Source()
    Exchange(App(project(tmp_path, FILES), fallback=fallback), "/other", source).close()
    assert source.taken == 0
