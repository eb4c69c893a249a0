"""The proxy between a client and a service of the test's own, under both servers: WSGI and ASGI."""

import http.client
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import quote, unquote

import pytest

PROJECT = Path(__file__).parent
SECONDS = 30
SERVERS = {
    "wsgi": ["apiroutes", "dev", "--port", "0"],
    "asgi": ["apiroutes", "start", "--server", "uvicorn", "--port", "0", "--workers", "1"],
}


class Service(BaseHTTPRequestHandler):
    """The service: `received` has its requests, `go_on` lets it send more, `ended` hears of a lost client."""

    protocol_version = "HTTP/1.1"
    received: "Queue[tuple[str, str, Any]]" = Queue()
    ended: "Queue[str]" = Queue()
    go_on = threading.Semaphore(0)

    def do_GET(self) -> None:
        self.received.put((self.command, self.path, self.headers))
        path = self.path.partition("?")[0]
        if path == "/stream":
            self.stream()
        elif path == "/silent":
            self.answer(200, {"Content-Length": "10"}, b"")
            self.connection.recv(1)
            self.close_connection = True
        elif path == "/never":
            self.connection.recv(1)
            self.close_connection = True
        elif path == "/nonsense":
            self.wfile.write(b"nonsense\r\n\r\n")
            self.close_connection = True
        elif path == "/cut":
            self.answer(200, {"Content-Length": "10"}, b"12345")
            self.close_connection = True
        elif path == "/text":
            tick = "\u2713".encode().decode("latin-1")
            self.answer(200, {"X-Text": tick, "X-End": "2", "Content-Length": "0"}, b"")
        elif path == "/redirect":
            location = unquote(self.path.partition("?")[2]).encode().decode("latin-1")
            self.answer(302, {"Location": location, "Content-Length": "0"}, b"")
        elif path == "/304":
            self.answer(304, {"ETag": '"1"'}, b"")
        else:
            headers = {"Connection": "close, X-Hop", "X-Hop": "1", "Keep-Alive": "timeout=9", "X-End": "2"}
            cookies = {"Set-Cookie": "a=b", "Link": "</1>", "link": "</2>", "Content-Encoding": "x-own"}
            self.answer(200, {**headers, **cookies, "Content-Length": "5"}, b"hello")

    do_HEAD = do_OPTIONS = do_DELETE = do_GET

    def do_POST(self) -> None:
        self.received.put((self.command, self.path, self.headers))
        if length := self.headers["Content-Length"]:
            content = self.rfile.read(int(length))
        else:
            content = b"".join(self.chunks())
        self.answer(201, {"Content-Length": str(len(content))}, content)

    def chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            chunk = self.rfile.read(size)
            self.received.put(("CHUNK", "", chunk))
            yield chunk
            self.rfile.readline()
        self.rfile.readline()

    def stream(self) -> None:
        """Send a piece whenever a test says so, until the client is gone."""
        self.answer(200, {"Transfer-Encoding": "chunked", "Content-Type": "text/plain"}, b"")
        self.connection.settimeout(0.01)
        for number in range(10**6):
            while not self.go_on.acquire(timeout=0.01):
                if self.is_left():
                    self.ended.put(self.path)
                    self.close_connection = True
                    return
            self.wfile.write(b"%x\r\n%d\n\r\n" % (len(str(number)) + 1, number))

    def is_left(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else content)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def proxy(name: str, log: Path, service_url: str, seconds: int = 2 * SECONDS) -> Iterator[int]:
    """Serve the project, and give its port."""
    variables = {"SERVICE_URL": service_url, "SERVICE_KEY": "the-key", "SERVICE_SECONDS": str(seconds)}
    with log.open("wb") as output:
        command = [sys.executable, "-m", *SERVERS[name]]
        environ = {**os.environ, **variables}
        process = subprocess.Popen(command, cwd=PROJECT, env=environ, stdout=output, stderr=output)
    try:
        while not (match := re.search(r"127\.0\.0\.1:(\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            threading.Event().wait(0.02)
        yield int(match[1])
        process.terminate()
        process.wait(SECONDS)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def log(server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(server) / "log"


@pytest.fixture(scope="module")
def port(server: str, service: str, log: Path) -> Iterator[int]:
    with proxy(server, log, service) as port:
        yield port


@pytest.fixture(scope="module")
def impatient_port(server: str, service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with proxy(server, tmp_path_factory.mktemp("log") / "log", service, seconds=1) as port:
        yield port


@pytest.fixture
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as opened:
        opened.connect()
        while not Service.received.empty():
            Service.received.get()
        while Service.go_on.acquire(blocking=False):
            pass
        yield opened


def get(connection: http.client.HTTPConnection, path: str, method: str = "GET", **headers: str) -> Any:
    connection.request(
        method, f"/api/service{path}", headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    return connection.getresponse()


TARGETS = [
    ("", "/"),
    ("/a", "/a"),
    ("/a/", "/a/"),
    ("/a?b=%20c&d", "/a?b=%20c&d"),
    ("/%C3%A9/a%20b", "/%C3%A9/a%20b"),
    ("/a?", "/a"),
    ("/a?b='|&c=%zz", "/a?b='|&c=%zz"),
    # What could lead to another host does not.
    ("/@evil.example", "/%40evil.example"),
    ("/http:/evil.example", "/http%3A/evil.example"),
    ("/a?url=http://evil.example", "/a?url=http://evil.example"),
    ("/%23", "/%23"),
    ("/%3Fa", "/%3Fa"),
]


@pytest.mark.parametrize(("target", "path"), TARGETS)
def test_a_request_goes_to_the_path_of_the_service(
    connection: http.client.HTTPConnection, service: str, target: str, path: str
) -> None:
    assert get(connection, target).read() == b"hello"
    _, received, headers = Service.received.get(timeout=SECONDS)
    assert (received, headers["Host"]) == (path, service.removeprefix("http://"))


@pytest.mark.parametrize("target", ["/../a", "/%2e%2e/a", "/a/..%2fb"])
def test_no_path_leaves_the_service(connection: http.client.HTTPConnection, target: str) -> None:
    assert get(connection, target).status == 404
    assert Service.received.empty()


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_every_method_is_the_services(connection: http.client.HTTPConnection, method: str) -> None:
    response = get(connection, "/a", method)
    assert (response.status, response.getheader("X-End"), response.getheader("Content-Length")) == (
        200,
        "2",
        "5",
    )
    assert response.read() == (b"" if method == "HEAD" else b"hello")
    assert Service.received.get(timeout=SECONDS)[0] == method


def test_headers_of_the_connection_and_of_our_users_are_not_sent(
    connection: http.client.HTTPConnection, port: int
) -> None:
    get(
        connection,
        "/a",
        Accept="a/b",
        Connection="close, X-Hop",
        X_Hop="1",
        TE="trailers",
        Cookie="session=1",
        Authorization="Bearer ours",
        X_Forwarded_For="1.2.3.4",
        Proxy_Authorization="x",
    ).read()
    headers = Service.received.get(timeout=SECONDS)[2]
    assert {name.lower() for name in headers} <= {
        "host",
        "accept",
        "accept-encoding",
        "authorization",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "via",
    }
    assert (headers["Accept"], headers["Authorization"]) == ("a/b", "Bearer the-key")
    assert (headers["X-Forwarded-For"], headers["X-Forwarded-Host"]) == ("127.0.0.1", f"127.0.0.1:{port}")
    assert (headers["X-Forwarded-Prefix"], headers["X-Forwarded-Proto"]) == ("/api/service", "http")


def test_headers_of_the_connection_and_cookies_are_not_returned(
    connection: http.client.HTTPConnection,
) -> None:
    response = get(connection, "/a")
    response.read()
    names = [name.lower() for name, _ in response.getheaders()]
    assert {"x-hop", "keep-alive", "set-cookie"}.isdisjoint(names)
    assert names.count("date") == names.count("server") == 1
    assert response.getheader("Link") == "</1>, </2>"
    assert response.getheader("Content-Encoding") == "x-own"


@pytest.mark.parametrize("text", ["caf\xe9".encode("latin-1"), "caf\xe9 \u0142".encode()])
def test_headers_may_be_more_than_ascii(connection: http.client.HTTPConnection, text: bytes) -> None:
    response = get(connection, "/text", X_Text=text.decode("latin-1"))
    assert response.read() == b""
    assert Service.received.get(timeout=SECONDS)[2]["X-Text"] == text.decode("latin-1")
    assert (response.getheader("X-Text"), response.getheader("X-End")) == (None, "2")


def test_content_is_sent_as_it_is(connection: http.client.HTTPConnection) -> None:
    content = os.urandom(3_000_000)  # more than a parsed body may have
    connection.request("POST", "/api/service/a", content)
    response = connection.getresponse()
    assert (response.status, response.read() == content) == (201, True)
    assert Service.received.get(timeout=SECONDS)[2]["Content-Length"] == str(len(content))


def test_content_arrives_while_the_client_is_still_sending(connection: http.client.HTTPConnection) -> None:
    connection.putrequest("POST", "/api/service/a")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    pieces = [os.urandom(100_000) for _ in range(3)]
    for content in pieces:
        connection.send(b"%x\r\n%s\r\n" % (len(content), content))
        while Service.received.get(timeout=SECONDS)[0] != "CHUNK":
            pass
    connection.send(b"0\r\n\r\n")
    assert connection.getresponse().read() == b"".join(pieces)


def test_content_is_returned_while_the_service_is_still_sending(
    connection: http.client.HTTPConnection, server: str
) -> None:
    Service.go_on.release()
    response = get(connection, "/stream")
    assert response.readline() == b"0\n"
    for number in (1, 2):
        Service.go_on.release()
        assert response.readline() == b"%d\n" % number
    response.close()
    connection.close()
    if server == "wsgi":  # by ASGI a server hears of it at once, by WSGI it notices when it writes
        Service.go_on.release(2)
    assert Service.ended.get(timeout=SECONDS) == "/stream"


@pytest.mark.parametrize("path", ["/never", "/silent"])
def test_a_service_that_is_too_slow_is_a_504(impatient_port: int, path: str) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", impatient_port, timeout=SECONDS)) as connection:
        assert get(connection, path).status == 504


def test_a_service_that_speaks_no_http_is_a_502(connection: http.client.HTTPConnection) -> None:
    assert get(connection, "/nonsense").status == 502


def test_a_response_that_is_cut_off_is_not_made_whole(
    connection: http.client.HTTPConnection, log: Path
) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        get(connection, "/cut").read()
    told = log.read_text()
    assert "the service failed: RemoteProtocolError: peer closed connection" in told
    assert "The above exception" not in told
    assert "httpx" not in told


LOCATIONS = [
    ("/a?b", "/api/service/a?b"),
    ("{service}/a", "/api/service/a"),
    ("a", "a"),
    ("//other.example/a", "//other.example/a"),
    ("https://other.example/a", "https://other.example/a"),
    ("{service}0/a", "{service}0/a"),
    ("/\u2713", "/api/service/%E2%9C%93"),
]


@pytest.mark.parametrize(("sent", "returned"), LOCATIONS)
def test_a_redirect_within_the_service_stays_behind_the_proxy(
    connection: http.client.HTTPConnection, service: str, sent: str, returned: str
) -> None:
    response = get(connection, f"/redirect?{quote(sent.format(service=service))}")
    assert response.read() == b""
    assert (response.status, response.getheader("Location")) == (302, returned.format(service=service))


def test_a_status_without_content_stays_one(connection: http.client.HTTPConnection) -> None:
    response = get(connection, "/304")
    assert (response.status, response.getheader("ETag"), response.read()) == (304, '"1"', b"")


def test_a_service_that_is_away_is_a_502(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        with (
            proxy("wsgi", tmp_path / "log", f"http://127.0.0.1:{taken.getsockname()[1]}") as port,
            closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection,
        ):
            assert get(connection, "/").status == 502
