"""Responses changed until their first byte leaves, under a real server: bytes, connections, conditions."""

import gzip
import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.acceptance.servers import SECONDS, granian, gunicorn, serve
from tests.support import project

pytestmark = pytest.mark.slow

STEPS = """
import gzip
from apiroutes import from_wsgi

class Gzip:
    def __init__(self, application):
        self.application = application
    def __call__(self, environ, start_response):
        heads = []
        content = self.application(environ, lambda *head: heads.append(head))
        status, headers = heads[0][:2]
        if "Content-Length" not in dict(headers):
            start_response(status, headers)
            return content
        packed = gzip.compress(b"".join(content))
        kept = [line for line in headers if line[0] != "Content-Length"]
        start_response(status, [*kept, ("Content-Encoding", "gzip"), ("Content-Length", str(len(packed)))])
        return [packed]

def outside(req, res, next):
    res.before_head(lambda: res.set_header("X-Head", res.status_code))
    try:
        next()
    finally:
        if not res.headers_sent:
            res.set_header("X-Late", "1")

async def transaction(req, res, next):
    await next()
    if "fail" in req.query:
        raise RuntimeError("commit failed")
    if "replace" in req.query:
        return {"instead": res.status_code}

middleware = [outside, from_wsgi(Gzip), transaction]
"""
FILES = {
    "pages/api/_middleware.py": STEPS,
    "pages/api/x.py": "def GET(res):\n    res.json({'text': 'x' * 100})\n",
    "pages/api/made.py": "async def POST(res):\n    res.status(201).set_header('X-H', 'h').json('made')\n",
    "pages/api/parts.py": (
        "def GET(req):\n    def parts():\n        yield 'a'\n"
        "        if 'cut' in req.query: raise RuntimeError\n"
        "        yield 'b'\n    return parts()\n"
    ),
    "pages/api/written.py": "def GET(res):\n    res.write('a')\n    raise RuntimeError\n",
    "pages/api/short.py": "def GET(res):\n    res.set_header('Content-Length', 9)\n    return iter(['a'])\n",
}
SERVERS = {
    "gthread": gunicorn("apiroutes:create_app()", "--worker-class", "gthread", "--threads", "4"),
    "sync": gunicorn("apiroutes:create_app()", "--worker-class", "sync"),
}


@pytest.fixture(scope="module", params=[*SERVERS, "granian"])
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory = project(tmp_path_factory.mktemp("open"), FILES)
    command = granian() if request.param == "granian" else SERVERS[request.param]
    with serve(command, directory / "log", {}, directory) as port:
        yield port


Seen = tuple[int, dict[str, str], bytes]


def ask(port: int, target: str, method: str = "GET", headers: dict[str, str] | None = None) -> Seen:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.request(method, target, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def text_of(headers: dict[str, str], content: bytes) -> str:
    return (gzip.decompress(content) if headers.get("content-encoding") == "gzip" else content).decode()


def test_a_success_followed_by_an_exception_is_not_seen(port: int) -> None:
    status, headers, content = ask(port, "/api/made?fail", "POST")
    assert (status, text_of(headers, content)) == (500, "Internal Server Error")
    assert (headers.get("x-h"), headers["x-late"], headers["x-head"]) == (None, "1", "500")


def test_a_response_is_replaced(port: int) -> None:
    status, headers, content = ask(port, "/api/made?replace", "POST")
    assert (status, text_of(headers, content)) == (200, '{"instead":201}')
    assert (headers.get("x-h"), headers["x-late"]) == (None, "1")


def test_conditions_and_lengths_belong_to_what_is_sent(port: int) -> None:
    status, headers, content = ask(port, "/api/x")
    assert (status, headers["content-length"]) == (200, str(len(content)))
    current = ask(port, "/api/x", headers={"If-None-Match": headers["etag"]})
    assert (current[0], current[2], current[1]["etag"]) == (304, b"", headers["etag"])
    head = ask(port, "/api/x", "HEAD")
    told = ("content-length", "etag", "content-encoding", "x-head")
    assert [head[1].get(name) for name in told] == [headers.get(name) for name in told]


def test_a_stream_stays_a_stream(port: int) -> None:
    assert ask(port, "/api/parts")[2] == b"ab"


def test_a_short_response_is_an_error_if_nothing_has_left(port: int) -> None:
    assert ask(port, "/api/short")[0] == 500


@pytest.mark.parametrize("target", ["/api/parts?cut", "/api/written"])
def test_half_a_response_cuts_the_connection(port: int, target: str, request: pytest.FixtureRequest) -> None:
    if "granian-/api/written" in request.node.name:  # which sends what was written at the end
        assert ask(port, target)[0] == 500
        return
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(port, target)
    assert ask(port, "/api/x")[0] == 200


def test_each_of_many_clients_gets_its_own_response(port: int) -> None:
    targets = ["/api/x", "/api/made?fail", "/api/made?replace", "/api/parts", "/api/nope"] * 20
    methods = ["POST" if "made" in target else "GET" for target in targets]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, [port] * len(targets), targets, methods))
    assert [status for status, _, _ in answers] == [200, 500, 200, 200, 404] * 20
