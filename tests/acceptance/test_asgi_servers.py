"""The App on servers that call it through ASGI: what goes in and out, and what clients do to it."""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.client import Answer, Client, OverHttp
from tests.acceptance.servers import SECONDS, asgi_servers, serve
from tests.support import project, until

pytestmark = pytest.mark.slow

# `{}` is "" or "async "; the handlers with the second are in files that end in -async.
BOTH_KINDS = {
    "hello": "{}def GET(): return {{'message': 'Hello'}}\n",
    "echo": "{}def POST(req, body): return body\n",
    "ran": "from pathlib import Path\n{}def POST(req, body):\n    Path('ran').touch()\n    return body\n",
    "fails": "{}def GET(): raise LookupError('by intention')\n",
}
UNPARSED = """
from pathlib import Path
config = {"api": {"bodyParser": False}}
def note(content):
    Path('ran').touch()
    return {'length': len(content)}
"""
RAW = UNPARSED + "def POST(req): return note(req.stream.read())\n"
RAW_ASYNC = UNPARSED + "async def POST(req): return note(b''.join([chunk async for chunk in req.stream]))\n"
# Each waits for the file `go` after its first chunk, and notes its end in a file.
STEPS = """
import {module}
from pathlib import Path
from apiroutes import Event, event_stream, stream

{word}def steps(name, first, second):
    try:
        yield first
        for _ in range(2000):
            if Path('go').exists(): break
            {wait}
        yield second
        while name == 'endless':
            yield second
            {wait}
    finally:
        Path(f'closed-{{name}}').touch()

{word}def breaks():
    yield 'first'
    raise LookupError('by intention')

{word}def GET(req):
    kind = req.query['kind']
    if kind == 'events': return event_stream(steps(kind, Event('1'), Event('2')))
    return stream(breaks() if kind == 'breaks' else steps(kind, 'first', 'second'))
"""
FILES = {
    **{f"pages/api/{name}.py": source.format("") for name, source in BOTH_KINDS.items()},
    **{f"pages/api/{name}-async.py": source.format("async ") for name, source in BOTH_KINDS.items()},
    "pages/api/raw.py": RAW,
    "pages/api/raw-async.py": RAW_ASYNC,
    "pages/api/steps.py": STEPS.format(module="time", word="", wait="time.sleep(0.01)"),
    "pages/api/steps-async.py": STEPS.format(
        module="asyncio", word="async ", wait="await asyncio.sleep(0.01)"
    ),
    "pages/api/names/[name].py": "async def GET(params, req): return [params['name'], req.script_root]\n",
    "pages/api/status/[status].py": "async def GET(req, res): res.status(int(req.query['status'])).end()\n",
    "pages/api/addresses.py": (
        "async def GET(req): return [req.remote_addr, req.url, req.headers.get('X-Twice')]\n"
    ),
    "pyproject.toml": '[tool.apiroutes]\nbody_timeout = 0.5\nbody_size_limit = "2mb"\n',
}
KINDS = ["", "-async"]


class Server(NamedTuple):
    name: str
    port: int
    root: Path
    log: Path

    def request(
        self, method: str, path: str, body: bytes = b"", media_type: str = "application/json"
    ) -> Answer:
        return Client(OverHttp(self.port)).request(method, path, {"Content-Type": media_type}, body)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)


@pytest.fixture(scope="module", params=asgi_servers())
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = project(tmp_path_factory.mktemp("asgi"), FILES)
    log = root / "log"
    with serve(asgi_servers()[request.param], log, {}, root) as port:
        yield Server(request.param, port, root, log)


@pytest.fixture
def server(served: Server) -> Server:
    for name in ("ran", "go", "closed-steps", "closed-events", "closed-endless"):
        (served.root / name).unlink(missing_ok=True)
    return served


@pytest.fixture
def quiet(server: Server) -> Iterator[Server]:
    """A server whose log has no fault in it at the end."""
    before = len(server.log.read_text())
    yield server
    assert server.request("GET", "/api/hello-async").status == 200
    logged = server.log.read_text()[before:]
    assert [line for line in logged.splitlines() if re.search("Traceback|ERROR", line)] == []


# -- requests


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_answers(quiet: Server, kind: str) -> None:
    assert quiet.request("GET", f"/api/hello{kind}").json() == {"message": "Hello"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_json_body_is_read(quiet: Server, kind: str) -> None:
    assert quiet.request("POST", f"/api/echo{kind}", b'{"a": [1]}').json() == {"a": [1]}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["echo", "raw"])
def test_a_chunked_body_is_read(quiet: Server, name: str, kind: str) -> None:
    chunks = [b'{"a":', b" [1]}"]
    answer = Client(OverHttp(quiet.port)).request(
        "POST", f"/api/{name}{kind}", {"Content-Type": "application/json"}, chunks
    )
    assert answer.json() == ({"length": 10} if name == "raw" else {"a": [1]})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["echo", "raw"])
def test_a_megabyte_is_read(quiet: Server, name: str, kind: str) -> None:
    answer = quiet.request("POST", f"/api/{name}{kind}", b"x" * 2**20, "text/plain")
    assert answer.text == ('{"length":1048576}' if name == "raw" else "x" * 2**20)


def test_an_encoded_slash_stays_in_its_segment(quiet: Server) -> None:
    assert quiet.request("GET", "/api/names/a%2Fb%20c").json() == ["a/b c", ""]


def test_text_beyond_ascii_is_decoded_once(quiet: Server) -> None:
    assert quiet.request("GET", "/api/names/caf%C3%A9%2525").json() == ["café%25", ""]


@pytest.mark.parametrize("path", ["/api/names/%zz", "/api/names/%ff"])
def test_malformed_percent_encoding_is_refused(quiet: Server, path: str) -> None:
    assert quiet.request("GET", path).status == 400


def test_addresses_are_those_of_the_connection(quiet: Server) -> None:
    address, url, _ = quiet.request("GET", "/api/addresses").json()
    assert (address, url) == ("127.0.0.1", f"http://127.0.0.1:{quiet.port}/api/addresses")


def test_repeated_headers_are_one(quiet: Server) -> None:
    with quiet.connect() as client:
        client.sendall(
            b"GET /api/addresses HTTP/1.1\r\nHost: x\r\nX-Twice: a\r\nX_Twice: no\r\nX-Twice: b\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert json.loads(_all_of(client).partition(b"\r\n\r\n")[2])[2] == "a,b"


# -- responses


@pytest.mark.parametrize("kind", KINDS)
def test_head_has_no_content(quiet: Server, kind: str) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", quiet.port, timeout=SECONDS)) as connection:
        for method in ("HEAD", "GET"):  # on one connection, on which content would be taken for a response
            connection.request(method, f"/api/hello{kind}")
            response = connection.getresponse()
            assert response.getheader("Content-Length") == "19"
            assert response.read() == (b'{"message":"Hello"}' if method == "GET" else b"")


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_content_leaves_the_connection_usable(quiet: Server, status: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", quiet.port, timeout=SECONDS)) as connection:
        ports = set()
        for _ in range(3):
            connection.request("GET", f"/api/status/{status}")
            ports.add(connection.sock.getsockname())
            response = connection.getresponse()
            assert (response.status, response.read()) == (status, b"")
    assert len(ports) == 1


def test_a_connection_is_used_again_after_each_kind_of_exchange(quiet: Server) -> None:
    exchanges: list[tuple[str, str, bytes]] = [
        ("GET", "/api/hello", b""),
        ("GET", "/api/hello-async", b""),
        ("POST", "/api/echo", b'"x"'),
        ("POST", "/api/echo-async", b'"x"'),
        ("POST", "/api/raw-async", b"x" * 100_000),
        ("GET", "/api/nothing", b""),
        ("POST", "/api/nothing", b"x" * 1000),
        ("PUT", "/api/hello", b"x" * 100_000),
    ]
    with closing(http.client.HTTPConnection("127.0.0.1", quiet.port, timeout=SECONDS)) as connection:
        ports = set()
        for method, path, body in exchanges:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            ports.add(connection.sock.getsockname())
            connection.getresponse().read()
    assert len(ports) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "first", "second"),
    [("steps", b"first", b"second"), ("events", b"data: 1\n\n", b"data: 2\n\n")],
)
def test_a_stream_arrives_as_it_is_made(
    quiet: Server, kind: str, name: str, first: bytes, second: bytes
) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", quiet.port, timeout=SECONDS)) as connection:
        connection.request("GET", f"/api/steps{kind}?kind={name}")
        response = connection.getresponse()
        assert response.read(len(first)) == first
        (quiet.root / "go").touch()
        assert response.read() == second


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_fails_cuts_the_connection(server: Server, kind: str) -> None:
    before = len(server.log.read_text())
    with server.connect() as client:
        client.sendall(f"GET /api/steps{kind}?kind=breaks HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        content = _all_of(client)
    assert b"first" in content
    assert not content.endswith(b"0\r\n\r\n")
    until(lambda: "failed after its response began" in server.log.read_text()[before:])
    assert server.log.read_text()[before:].count("LookupError: by intention") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_is_a_500_and_logged_once(server: Server, kind: str) -> None:
    before = len(server.log.read_text())
    assert server.request("GET", f"/api/fails{kind}").status == 500
    until(lambda: "LookupError" in server.log.read_text()[before:])
    assert server.request("GET", "/api/hello").status == 200
    logged = server.log.read_text()[before:]
    assert (logged.count("Traceback"), logged.count("LookupError: by intention")) == (1, 1)


# -- clients that leave


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("leave", ["end", "reset"])
def test_a_client_that_leaves_a_stream_closes_its_generator(quiet: Server, kind: str, leave: str) -> None:
    with quiet.connect() as client:
        client.sendall(f"GET /api/steps{kind}?kind=endless HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        (quiet.root / "go").touch()
        content = b""
        while b"second" not in content:
            content += client.recv(2**16)
        if leave == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until(lambda: (quiet.root / "closed-endless").exists())


CUT = {
    "length": b"Content-Length: 100000\r\n\r\n" + b"x" * 1000,
    "long": b"Content-Length: 1000000\r\n\r\n" + b"x" * 200_000,
    "chunked": b"Transfer-Encoding: chunked\r\n\r\nffff\r\n" + b"x" * 1000,
    "between chunks": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "malformed chunk": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\n100\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["ran", "raw"])
@pytest.mark.parametrize("leave", ["half", "end", "reset"])
@pytest.mark.parametrize("cut", CUT)
def test_half_a_body_reaches_no_handler(quiet: Server, name: str, kind: str, cut: str, leave: str) -> None:
    head = f"POST /api/{name}{kind} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
    with quiet.connect() as client:
        client.sendall(head.encode() + CUT[cut])
        if leave == "half":
            client.shutdown(socket.SHUT_WR)
            answer = _all_of(client)
            assert not answer or answer.split()[1] in (b"400", b"408", b"411")
        elif leave == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for _ in range(5):
        assert quiet.request("GET", "/api/hello").status == 200
        time.sleep(0.01)
    assert not (quiet.root / "ran").exists()


# -- bodies that are refused


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_over_the_limit_is_413_for_a_client_that_sends_on(quiet: Server, kind: str) -> None:
    for _ in range(5):
        answer = quiet.request("POST", f"/api/echo{kind}", b"x" * (5 * 2**20), "text/plain")
        assert answer.status == 413


@pytest.mark.parametrize("kind", KINDS)
def test_a_chunked_body_over_the_limit_is_413(quiet: Server, kind: str) -> None:
    for _ in range(5):
        answer = Client(OverHttp(quiet.port)).request(
            "POST", f"/api/echo{kind}", {"Content-Type": "text/plain"}, [b"x" * 2**16] * 80
        )
        assert answer.status == 413


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["echo", "raw"])
@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_slow_body_is_408(quiet: Server, name: str, kind: str, framing: str) -> None:
    with quiet.connect() as client:
        head = f"POST /api/{name}{kind} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n{framing}\r\n\r\n"
        client.sendall(head.encode() + b"5\r\nhello\r\n")
        assert client.recv(100).split()[1] == b"408"


def test_a_client_that_waits_for_100_gets_it_once_the_body_is_wanted(quiet: Server) -> None:
    for kind in KINDS:
        with quiet.connect() as client:
            head = f"POST /api/echo{kind} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
            client.sendall(f"{head}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n".encode())
            assert client.recv(2**16).startswith(b"HTTP/1.1 100 ")
            client.sendall(b"hello")
            assert client.recv(2**16).split()[1] == b"200"


# -- what is not a request


def test_a_websocket_is_refused_and_logged(server: Server) -> None:
    with server.connect() as client:
        client.sendall(
            b"GET /api/hello HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert client.recv(2**16).split()[1] == b"403"
    until(lambda: "A WebSocket was refused with 403: '/api/hello'" in server.log.read_text())


def _all_of(client: socket.socket) -> bytes:
    """Return what arrives until the connection ends."""
    content = b""
    try:
        while chunk := client.recv(2**16):
            content += chunk
    except ConnectionResetError:
        pass
    return content


# -- flags

MOUNTS = {
    "uvicorn-httptools": ["--root-path", "/v1"],
    "uvicorn-h11": ["--root-path", "/v1"],
    "asgi-granian": ["--url-path-prefix", "/v1"],
    "gunicorn": ["--root-path", "/v1"],
    "hypercorn": ["--root-path", "/v1"],
}
# uvicorn adds the mount to the path; to the others, the client sends it.
SENT = {"uvicorn-httptools": "", "uvicorn-h11": ""}


@pytest.mark.parametrize("name", asgi_servers())
def test_a_root_path_mounts_the_app(tmp_path: Path, name: str) -> None:
    project(tmp_path, FILES)
    with serve([*asgi_servers()[name], *MOUNTS[name]], tmp_path / "log", {}, tmp_path) as port:
        path = SENT.get(name, "/v1") + "/api/names/a%2Fb"
        assert Client(OverHttp(port)).request("GET", path).json() == ["a/b", "/v1"]
