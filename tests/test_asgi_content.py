"""Content that an ASGI server hands over in messages."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from apiroutes import App
from tests.asgi_server import Connection, Message, ask, http_scope, run
from tests.support import HELLO, app_of, project

UNPARSED = 'config = {"api": {"bodyParser": False}}\n'
LENGTH = "{define} POST(req, res):\n    res.json(len(req.raw_body))\n"
CHUNKED = [("Transfer-Encoding", "chunked"), ("Content-Type", "text/plain")]
# Answered by a thread of the pool, and on the loop.
BOTH = pytest.mark.parametrize("define", ["def", "async def"])
# The content of a request that is read as it comes.
STREAMED = {
    "def": f"{UNPARSED}def POST(req, res):\n    res.json(len(req.stream.read()))\n",
    "async def": f"{UNPARSED}async def POST(req):\n    return sum([len(p) async for p in req.stream])\n",
}

# -- pieces --------------------------------------------------------------------------------

PIECES: list[tuple[bytes, ...]] = [
    (b"abc",),
    (b"a", b"", b"bc"),
    (b"abc", b""),
    (b"", b"", b"abc"),
    (b"x" * 65_536,),
    (b"x" * 65_536, b"y" * 65_537, b"z"),
    tuple(b"%d" % (number % 10) for number in range(1000)),
]


@pytest.mark.parametrize("headers", [CHUNKED, [], None], ids=["chunked", "HTTP/2", "announced"])
@pytest.mark.parametrize("pieces", PIECES, ids=range(len(PIECES)))
@BOTH
def test_a_body_is_whole_however_it_comes(
    tmp_path: Path, define: str, pieces: tuple[bytes, ...], headers: list[tuple[str, str]] | None
) -> None:
    content = b"".join(pieces)
    app = app_of(tmp_path, f"{define} POST(req, res):\n    return req.raw_body\n")
    if headers is None:
        headers = [("Content-Length", str(len(content)))]
    version = "1.1" if headers else "2"
    answer = ask(app.asgi, http_scope("POST", headers=headers, http_version=version), *pieces)
    assert (answer.status, answer.body) == (200, content)


@pytest.mark.parametrize("define", STREAMED)
def test_a_stream_gives_pieces_as_they_come(tmp_path: Path, define: str) -> None:
    app = app_of(tmp_path, STREAMED[define])
    assert ask(app.asgi, http_scope("POST", headers=CHUNKED), b"a" * 70_000, b"b").body == b"70001"


@BOTH
def test_a_request_of_http_2_without_content_has_none(tmp_path: Path, define: str) -> None:
    app = app_of(tmp_path, f"{define} POST(req, res):\n    return [req.raw_body.decode(), req.body]\n")
    assert ask(app.asgi, http_scope("POST", http_version="2")).body == b'["",null]'


@BOTH
def test_lines_are_read_of_a_wsgi_input(tmp_path: Path, define: str) -> None:
    source = f"{UNPARSED}{define} POST(req):\n    return [l.decode() for l in req.environ['wsgi.input']]\n"
    scope = http_scope("POST", headers=[("Content-Length", "8")])
    assert ask(app_of(tmp_path, source).asgi, scope, b"a\nb", b"c\n\nd").body == b'["a\\n","bc\\n","\\n","d"]'


# -- limits --------------------------------------------------------------------------------


class Endless(Connection):
    """A client that sends for ever."""

    async def _next(self) -> Message:
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}


@BOTH
def test_content_without_end_is_413(tmp_path: Path, define: str) -> None:
    app = app_of(tmp_path, LENGTH.format(define=define), body_size_limit="100kb")
    connection = Endless(method="POST")
    run(app.asgi(http_scope("POST", headers=CHUNKED), connection.receive, connection.send))
    assert (connection.status, connection.is_complete) == (413, True)
    assert connection.received <= 260  # what is discarded is bounded as well


@BOTH
def test_a_length_over_the_limit_is_413_before_anything_is_received(tmp_path: Path, define: str) -> None:
    app = app_of(tmp_path, LENGTH.format(define=define), body_size_limit="1kb")
    connection = Connection(method="POST", is_whole=False)
    connection.leaves_early = True
    run(
        app.asgi(
            http_scope("POST", headers=[("Content-Length", "2000")]), connection.receive, connection.send
        )
    )
    assert connection.status == 413


@pytest.mark.parametrize("sent", [b"", b"x"])
@pytest.mark.parametrize("source", [*(LENGTH.format(define=d) for d in STREAMED), *STREAMED.values()])
def test_content_that_does_not_arrive_is_408(tmp_path: Path, source: str, sent: bytes) -> None:
    app = app_of(tmp_path, source, body_timeout=0.05)
    connection = Connection(sent, method="POST", is_whole=False)
    connection.leaves_early = True
    run(app.asgi(http_scope("POST", headers=CHUNKED), connection.receive, connection.send))
    assert (connection.status, connection.body) == (408, b"Request Timeout")


@BOTH
def test_content_that_arrives_fast_enough_gets_more_time(tmp_path: Path, define: str) -> None:
    """It takes several times the timeout, at more than the minimal rate."""
    app = app_of(tmp_path, LENGTH.format(define=define), body_timeout=0.2, body_min_rate="1kb")
    connection = Connection(method="POST", is_whole=False)

    async def drip() -> None:
        for number in range(10):
            await asyncio.sleep(0.05)
            connection.feed(b"x" * 1000, more_body=number < 9)

    async def respond() -> None:
        dripping = asyncio.create_task(drip())
        await app.asgi(http_scope("POST", headers=CHUNKED), connection.receive, connection.send)
        await dripping

    run(respond())
    assert (connection.status, connection.body) == (200, b"10000")


def test_slow_content_holds_no_thread(tmp_path: Path) -> None:
    files = {"pages/api/slow.py": LENGTH.format(define="def"), "pages/api/x.py": HELLO}
    app = App(project(tmp_path, files), threads=1).asgi
    slow, other = Connection(method="POST", is_whole=False), Connection()

    async def respond() -> None:
        scope = http_scope("POST", "/api/slow", CHUNKED)
        waiting = asyncio.ensure_future(app(scope, slow.receive, slow.send))
        await asyncio.wait_for(app(http_scope(), other.receive, other.send), 10)
        slow.feed(b"abc", more_body=False)
        await waiting

    run(respond())
    assert (other.status, slow.body) == (200, b"3")


# -- Expect: 100-continue ------------------------------------------------------------------

EXPECTING = [("Content-Length", "3"), ("Expect", "100-continue")]


def test_a_client_that_waits_to_send_is_refused_without_its_content(tmp_path: Path) -> None:
    source = (
        "def guard(req, res, next):\n    return res.status(401).end()\nmiddleware = [guard]\n"
        "def POST(): return 1\n"
    )
    connection = Connection(method="POST", is_whole=False)
    app = app_of(tmp_path, source).asgi
    run(app(http_scope("POST", headers=EXPECTING), connection.receive, connection.send))
    assert (connection.status, connection.received) == (401, 0)


@BOTH
def test_a_client_that_waits_to_send_is_asked_for_what_is_read(tmp_path: Path, define: str) -> None:
    app = app_of(tmp_path, LENGTH.format(define=define))
    assert ask(app.asgi, http_scope("POST", headers=EXPECTING), b"abc").body == b"3"


# -- a client that leaves ------------------------------------------------------------------

LEAVING: dict[str, tuple[bytes | None, ...]] = {"at once": (None,), "halfway": (b"ab", None)}


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("pieces", LEAVING.values(), ids=LEAVING)
@pytest.mark.parametrize("source", [*(LENGTH.format(define=d) for d in STREAMED), *STREAMED.values()])
def test_a_client_that_leaves_before_the_end_is_logged_once(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    source: str,
    pieces: tuple[bytes | None, ...],
    is_told: bool,
) -> None:
    caplog.set_level("INFO")
    connection = Connection(*pieces, method="POST", is_whole=False)
    connection.is_told = is_told
    app = app_of(tmp_path, source).asgi
    run(app(http_scope("POST", headers=CHUNKED), connection.receive, connection.send))
    assert connection.sent == []
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "the client left before the body's end"
    ]


# -- reads on the event loop ---------------------------------------------------------------


@pytest.mark.parametrize("read", ["req.stream.read()", "req.stream.readline()", "req.raw_body"])
def test_a_read_that_would_wait_on_the_loop_is_a_500_that_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, read: str
) -> None:
    app = app_of(tmp_path, f"{UNPARSED}async def POST(req, res):\n    res.send({read})\n")
    scope = http_scope("POST", headers=[("Transfer-Encoding", "chunked")])
    assert ask(app.asgi, scope, b"a", b"b").status == 500
    assert "use `async for chunk in req.stream`" in caplog.text


def test_a_coroutine_may_read_the_stream_in_a_thread(tmp_path: Path) -> None:
    source = (
        f"import asyncio\n{UNPARSED}"
        "async def POST(req):\n    return len(await asyncio.to_thread(req.stream.read))\n"
    )
    app = app_of(tmp_path, source).asgi
    assert ask(app, http_scope("POST", headers=CHUNKED), b"a" * 70_000, b"b").body == b"70001"
