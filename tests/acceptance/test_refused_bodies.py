"""A client that is still sending sees the response that refuses its content, on every server."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.servers import SECONDS, granian, gunicorn_asgi, serve, uvicorn
from tests.support import project

SIZE = 5 * 2**20
TIMES = 20
NODE = shutil.which("node")
FILES = {
    "pages/api/text.py": "def POST(req): return req.body\n",
    "pages/api/off.py": 'config = {"api": {"bodyParser": False}}\ndef POST(): return "unread"\n',
    "pages/api/empty.py": (
        'config = {"api": {"bodyParser": False}}\ndef POST(res): res.set_header("X-Empty", "1").end()\n'
    ),
    "pages/api/guarded/_middleware.py": "def middleware(req, res, next): res.status(401).end('no')\n",
    "pages/api/guarded/x.py": "def POST(req): return req.body\n",
}
# Targets, and the status of their responses.
REFUSALS = {"/api/text": 413, "/api/nope": 404, "/api/guarded/x": 401, "/api/off": 200, "/api/empty": 200}


def started(*flags: str) -> list[str]:
    return [sys.executable, "-m", "apiroutes", "start", "--port", "0", "--workers", "1", "--", *flags]


SERVERS = {
    "gthread": started(),
    "sync": started("-k", "sync"),
    "gevent": started("-k", "gevent"),
    "granian": granian(),
    "gunicorn-asgi": gunicorn_asgi(),
    "asgi-granian": granian(interface="asgi"),
    "uvicorn-httptools": uvicorn("--http", "httptools"),
    "uvicorn-h11": uvicorn("--http", "h11"),
    "development": [sys.executable, "-m", "apiroutes", "dev", "--port", "0"],
}


class Server(NamedTuple):
    name: str
    port: int


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if request.param == "gevent":
        pytest.importorskip("gevent")
    root = project(tmp_path_factory.mktemp("refused"), FILES)
    with serve(SERVERS[request.param], root / "log", {}, root) as port:
        yield Server(request.param, port)


@pytest.mark.parametrize("target", REFUSALS)
def test_a_client_that_sends_all_before_it_reads_sees_the_response(server: Server, target: str) -> None:
    for _ in range(TIMES):
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)) as connection:
            connection.request("POST", target, b"x" * SIZE, {"Content-Type": "text/plain"})
            assert connection.getresponse().status == REFUSALS[target]


@pytest.mark.parametrize("target", REFUSALS)
def test_the_response_comes_before_the_content_is_sent(server: Server, target: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as client:
        head = f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n"
        head += f"Content-Length: {SIZE}\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(2**16).split()[1] == str(REFUSALS[target]).encode()
        client.sendall(b"x" * SIZE)


def test_a_connection_whose_content_was_discarded_is_used_again(server: Server) -> None:
    if server.name in ("sync", "development"):
        pytest.skip("this server closes after each response")
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)) as connection:
        ports = set()
        for _ in range(3):
            connection.request("POST", "/api/text", b"x" * SIZE, {"Content-Type": "text/plain"})
            ports.add(connection.sock.getsockname())
            response = connection.getresponse()
            assert (response.status, response.read()) == (413, b"Body exceeded 1mb limit")
    assert len(ports) == 1


FETCH = """
const [url, times, size] = process.argv.slice(2);
const counts = {};
for (let i = 0; i < +times; i++) {
  let outcome;
  try {
    const headers = {"content-type": "text/plain"};
    const response = await fetch(url, {method: "POST", headers, body: new Uint8Array(+size)});
    await response.text();
    outcome = response.status;
  } catch (error) {
    outcome = String(error.cause?.code ?? error);
  }
  counts[outcome] = (counts[outcome] ?? 0) + 1;
}
console.log(JSON.stringify(counts));
"""
AXIOS = FETCH.replace("const counts", 'import axios from "axios";\nconst counts').replace(
    'await fetch(url, {method: "POST", headers, body: new Uint8Array(+size)});\n    await response.text();',
    "await axios.post(url, Buffer.alloc(+size), {headers, validateStatus: null, maxBodyLength: Infinity});",
)


def outcomes(script: Path, source: str, url: str) -> dict[str, int]:
    script.write_text(source, encoding="utf-8")
    command = [NODE or "node", str(script), url, str(TIMES), str(SIZE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, cwd=script.parent)
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


@pytest.mark.skipif(NODE is None, reason="there is no node")
@pytest.mark.parametrize("target", REFUSALS)
def test_fetch_sees_the_response(server: Server, target: str, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.port}{target}"
    assert outcomes(tmp_path / "fetch.mjs", FETCH, url) == {str(REFUSALS[target]): TIMES}


@pytest.fixture(scope="module")
def axios(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with axios in it."""
    npm = shutil.which("npm")
    if NODE is None or npm is None:
        pytest.skip("there is no npm")
    directory = tmp_path_factory.mktemp("axios")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "axios@1"]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip("npm does not respond")
    if done.returncode != 0:
        pytest.skip("axios cannot be installed")
    return directory


def test_axios_sees_the_response(server: Server, axios: Path) -> None:
    url = f"http://127.0.0.1:{server.port}/api/text"
    assert outcomes(axios / "axios.mjs", AXIOS, url) == {"413": TIMES}
