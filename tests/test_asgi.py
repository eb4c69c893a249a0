"""A scope as the environ that handlers see, and a response as messages."""

from __future__ import annotations

import asyncio
import gc
import json
from pathlib import Path
from typing import Any

import pytest

from tests.asgi_server import Connection, ask, http_scope, run
from tests.processes import call_alone
from tests.support import app_of

SHOW_ID = "def GET(params): return params\n"
# The environ's entries of these names, in JSON.
SHOW = """
def handler(req, res):
    return {name: req.environ.get(name) for name in req.query["names"].split(",")}
"""


def environ_entries(tmp_path: Path, *names: str, **scope: Any) -> dict[str, Any]:
    """The entries of the environ that a handler sees of a scope."""
    app = app_of(tmp_path, SHOW)
    entries: dict[str, Any] = json.loads(
        ask(app.asgi, http_scope(query_string=f"names={','.join(names)}".encode(), **scope)).body
    )
    return entries


# -- the path ------------------------------------------------------------------------------

MOUNTS = [
    # root_path, path, raw_path, SCRIPT_NAME, the parameter
    ("", "/api/a/b", b"/api/a%2Fb", "", "a/b"),
    ("", "/api/a%2Fb", b"/api/a%252Fb", "", "a%2Fb"),
    ("", "/api/a", b"/api/%61", "", "a"),
    ("", "/api/\xe9", b"/api/%C3%A9", "", "\xe9"),
    ("", "/api/\xe9", None, "", "\xe9"),
    ("", "/api/a", b"/api/a?query", "", "a"),  # which some servers add
    ("", "/api/a", b"/elsewhere/b%2Fc", "", "a"),  # of a path that was rewritten
    ("/v1", "/v1/api/a/b", b"/v1/api/a%2Fb", "/v1", "a/b"),  # as the specification has it
    ("/v1/", "/v1/api/a", b"/v1/api/a", "/v1", "a"),
    ("/v1", "/api/a/b", b"/api/a%2Fb", "/v1", "a/b"),  # as others have it
    ("/v1", "/api/a/b", b"/v1/api/a%2Fb", "/v1", "a/b"),
    ("/v1", "/v1/api/a", None, "/v1", "a"),
    ("/ap", "/api/a", b"/api/a", "/ap", "a"),
    ("/\xe9", "/\xe9/api/a/b", b"/%C3%A9/api/a%2Fb", "/\xc3\xa9", "a/b"),
]


@pytest.mark.parametrize(("root_path", "path", "raw_path", "mount", "parameter"), MOUNTS)
def test_a_path_is_below_its_mount_and_keeps_its_escapes(
    tmp_path: Path, root_path: str, path: str, raw_path: bytes | None, mount: str, parameter: str
) -> None:
    app = app_of(tmp_path, "def GET(req, params): return [params, req.environ['SCRIPT_NAME']]\n", "[id].py")
    scope = http_scope(root_path=root_path, path=path, raw_path=raw_path)
    assert json.loads(ask(app.asgi, scope).body) == [{"id": parameter}, mount]


@pytest.mark.parametrize(("path", "raw"), [("/api/\ufffd", b"/api/%ff"), ("/api/%zz", b"/api/%zz")])
def test_a_raw_path_that_is_malformed_is_400(tmp_path: Path, path: str, raw: bytes) -> None:
    app = app_of(tmp_path, SHOW_ID, "[id].py")
    assert ask(app.asgi, http_scope(path=path, raw_path=raw)).status == 400


@pytest.mark.parametrize("raw", [None, b""])
def test_invalid_utf8_is_400_where_the_server_gives_no_raw_path(tmp_path: Path, raw: bytes | None) -> None:
    app = app_of(tmp_path, SHOW_ID, "[id].py")
    scope = http_scope(path="/api/\N{REPLACEMENT CHARACTER}", raw_path=raw)
    assert ask(app.asgi, scope).status == 400


def test_a_redirect_stays_below_the_mount(tmp_path: Path) -> None:
    app = app_of(tmp_path, SHOW)
    answer = ask(app.asgi, http_scope(root_path="/v1", path="/v1/api/x/", raw_path=b"/v1/api/x/"))
    assert (answer.status, dict(answer.headers)["location"]) == (308, "/v1/api/x")


# -- the other entries ---------------------------------------------------------------------

ENTRIES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"http_version": "1.0"}, {"SERVER_PROTOCOL": "HTTP/1.0"}),
    ({"http_version": "2"}, {"SERVER_PROTOCOL": "HTTP/2"}),
    ({"scheme": "https"}, {"wsgi.url_scheme": "https"}),
    ({"scheme": None}, {"wsgi.url_scheme": "http"}),
    ({"server": ("10.0.0.1", 8000)}, {"SERVER_NAME": "10.0.0.1", "SERVER_PORT": "8000"}),
    ({"server": None}, {"SERVER_NAME": "localhost", "SERVER_PORT": "80"}),
    ({"server": None, "scheme": "https"}, {"SERVER_PORT": "443"}),
    ({"server": ("/run/app.sock", None)}, {"SERVER_NAME": "/run/app.sock", "SERVER_PORT": "80"}),
    ({"client": ("::1", 50)}, {"REMOTE_ADDR": "::1", "REMOTE_PORT": "50"}),
    ({"client": None}, {"REMOTE_ADDR": None, "REMOTE_PORT": None}),
    ({"root_path": None}, {"SCRIPT_NAME": ""}),
    # RFC 9110 section 5.3: lines of one name are joined.
    ({"headers": [("x-a", "1"), ("x-a", "2")]}, {"HTTP_X_A": "1,2"}),
    ({"headers": [("cookie", "a=1"), ("cookie", "b=2")]}, {"HTTP_COOKIE": "a=1; b=2"}),
    ({"headers": [("host", "a"), ("host", "b")]}, {"HTTP_HOST": "a,b"}),
    ({"headers": [("host", "a"), ("host", "a")]}, {"HTTP_HOST": "a"}),
    ({"headers": [("content-type", "a/b"), ("content-type", "c/d")]}, {"CONTENT_TYPE": "a/b,c/d"}),
    ({"headers": [("X-A", "\xe9")]}, {"HTTP_X_A": "\xe9"}),
    # A name that would pass for another one has no entry.
    ({"headers": [("x_forwarded_for", "1"), ("x-real-ip", "2")]}, {"HTTP_X_FORWARDED_FOR": None}),
    ({"headers": [("content_length", "5")]}, {"CONTENT_LENGTH": None, "HTTP_CONTENT_LENGTH": None}),
    ({"headers": [("http-host", "evil")]}, {"HTTP_HOST": None, "HTTP_HTTP_HOST": "evil"}),
]


@pytest.mark.parametrize(("scope", "entries"), ENTRIES)
def test_the_environ_is_that_of_the_scope(
    tmp_path: Path, scope: dict[str, Any], entries: dict[str, Any]
) -> None:
    assert environ_entries(tmp_path, *entries, **scope) == entries


LENGTHS = [
    (["3", "3"], 200),
    (["3", "4"], 400),
    (["4", "3"], 400),
    (["+3"], 400),
    (["-3"], 400),
    (["3, 3"], 400),
    ([""], 200),
]


@pytest.mark.parametrize(("lengths", "status"), LENGTHS)
def test_lengths_of_content_that_disagree_are_400(tmp_path: Path, lengths: list[str], status: int) -> None:
    app = app_of(tmp_path, "def POST(req): return req.raw_body.decode()\n")
    scope = http_scope("POST", headers=[("Content-Length", length) for length in lengths])
    assert ask(app.asgi, scope, b"abc").status == status


# -- messages ------------------------------------------------------------------------------


def test_names_of_headers_are_sent_in_lower_case(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def GET(req, res): return res.set_header('X-Mixed-CASE', 'Value').json(1)\n")
    assert ("x-mixed-case", "Value") in ask(app.asgi, http_scope()).headers


def test_a_response_that_is_begun_again_is_sent_once(tmp_path: Path) -> None:
    """A header that cannot be sent makes a 500 of the response."""
    app = app_of(tmp_path, "def GET(req, res):\n    return res.json(object())\n")
    assert [message["type"] for message in ask(app.asgi, http_scope()).sent] == [
        "http.response.start",
        "http.response.body",
    ]


# -- the client's leaving is watched -------------------------------------------------------

PARTS = "async def parts():\n    yield b'a'\n    yield b'b'\n"
STREAMS = {
    "plain": "def GET():\n    return stream(iter([b'a', b'b']))\n",
    "plain of an async handler": "async def GET():\n    return stream(iter([b'a', b'b']))\n",
    "async": PARTS + "async def GET():\n    return stream(parts())\n",
    "in a thread": "def GET(req, res):\n    res.write(b'a')\n    res.write(b'b')\n    res.end()\n",
}


def _garbage_of_a_response(root: Path, handler: str) -> int:
    """Count what the garbage collector finds after a request."""
    app = app_of(root, handler).asgi

    async def respond() -> None:
        connection = Connection()
        await app(http_scope(), connection.receive, connection.send)
        assert connection.body == b"ab"

    async def count() -> int:
        await asyncio.create_task(respond())
        gc.collect()
        gc.disable()
        await asyncio.create_task(respond())
        await asyncio.sleep(0.01)  # for what was cancelled to end
        return gc.collect()

    return run(count())


@pytest.mark.parametrize("name", STREAMS)
def test_a_response_leaves_no_reference_cycle(tmp_path: Path, name: str) -> None:
    handler = "from apiroutes import stream\n" + STREAMS[name]
    assert call_alone(_garbage_of_a_response, tmp_path, handler) == 0


def test_the_reference_cycle_of_a_handler_is_found(tmp_path: Path) -> None:
    """So the test above can fail."""
    handler = "def GET(req, res):\n    cycle = []\n    cycle.append(cycle)\n    return res.send(b'ab')\n"
    assert call_alone(_garbage_of_a_response, tmp_path, handler) == 1


def test_what_is_unread_is_discarded_when_nothing_else_receives(tmp_path: Path) -> None:
    source = (
        "import asyncio\nfrom apiroutes import stream\n"
        'config = {"api": {"bodyParser": False}}\n'
        "async def parts():\n    yield b'a'\n    await asyncio.sleep(0.01)\n    yield b'b'\n"
        "async def POST():\n    return stream(parts())\n"
    )
    app = app_of(tmp_path, source)

    async def respond() -> Connection:
        connection = Connection(b"one", method="POST", is_whole=False)
        scope = http_scope("POST", headers=[("Transfer-Encoding", "chunked")])
        asyncio.get_running_loop().call_later(0.1, connection.feed, b"two", False)
        await app.asgi(scope, connection.receive, connection.send)
        return connection

    connection = run(respond())
    assert (connection.body, connection.is_complete, connection.problems) == (b"ab", True, [])
