"""The last decisions on a response: streams, conditions, the head and its hooks (docs/behaviour.md §5)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.chain_cases import FAULT, OK, Case, app_with, check_case, source
from tests.support import call, environ, project

CASES: dict[str, Case] = {
    # -- async streams, applications of middleware's, redirects that are raised
    "an async stream": Case(
        ["next(); res.set_header('X-A', '1')"], "return parts()", 200, b"ab", {"X-A": ["1"]}
    ),
    "an async stream instead": Case(["return stream(parts())"], "raise AssertionError", 200, b"ab"),
    "an async stream after": Case(
        ["next(); return parts()"], "res.set_header('X-H', 'h').json(1)", 200, b"ab", {"X-H": []}
    ),
    "an async stream is replaced": Case(["next(); return 'x'"], "return parts()", 200, b"x"),
    "an async stream is replaced by the response": Case(
        ["next(); res.send('x')"], "return parts()", 200, b"x"
    ),
    "an async stream is dropped by a fault": Case(
        ["next(); raise RuntimeError('commit')"], "return parts()", 500, FAULT, log="commit"
    ),
    "an async stream's status has no content": Case(["next(); res.status(204)"], "return parts()", 204, b""),
    "a stream that cannot be closed is replaced": Case(
        ["next(); return 'x'"],
        "class Bad(Chunks):\n    def close(self): raise OSError('closing')\nreturn Bad(b'a')",
        200,
        b"x",
        log="closing",
    ),
    "an async stream's first chunk is caught": Case(
        ["try:\n    next()\nexcept ValueError:\n    return 'caught'"],
        "return parts(ValueError)",
        200,
        b"caught",
    ),
    "an application given to the response": Case(
        ["next(); res.delegate(application)"], "res.set_header('X-H', 'h').json(1)", 201, b"a,b", {"X-H": []}
    ),
    "a redirect that is raised": Case(
        ["res.set_header('X-O', '1'); next(); raise RequestRedirect('/there')"],
        "res.set_header('X-H', 'h').json(1)",
        308,
        None,
        {"Location": ["/there"], "X-O": ["1"], "X-H": []},
    ),
    "an answer that is raised": Case(
        ["next(); abort(werkzeug.Response('teapot', 418))"], OK, 418, b"teapot", {"ETag": []}
    ),
    # -- what is decided last
    "the etag is of what is sent": Case(
        ["next(); return 'x'"],
        OK,
        304,
        b"",
        {"Content-Type": []},
        request={"headers": [("If-None-Match", "*")]},
    ),
    "a condition counts for the status that is sent": Case(
        ["next(); res.status(201)"], OK, 201, b'"ok"', request={"headers": [("If-None-Match", "*")]}
    ),
    "an answer made 200 is conditional": Case(
        ["next(); res.status(200)"],
        "res.status(404).json('x')",
        304,
        b"",
        request={"headers": [("If-None-Match", "*")]},
    ),
    "a 304 keeps what middleware set": Case(
        ["next(); res.set_header('X-A', '1').set_cookie('a', '1')"],
        OK,
        304,
        b"",
        {"X-A": ["1"], "Set-Cookie": ["a=1; Path=/; HttpOnly; SameSite=Lax"]},
        request={"headers": [("If-None-Match", "*")]},
    ),
    "an etag of the step's own is compared": Case(
        ["next(); res.set_header('ETag', '\"mine\"')"],
        OK,
        304,
        b"",
        {"ETag": ['"mine"']},
        request={"headers": [("If-None-Match", '"mine"')]},
    ),
    "a HEAD is answered as a GET": Case(
        ["next(); return {'m': req.method}"],
        OK,
        200,
        b"",
        {"Content-Length": ["12"]},
        request={"method": "HEAD"},
    ),
    "a HEAD of a stream has its headers": Case(
        ["next(); res.set_header('X-A', '1')"],
        "res.set_header('Content-Length', 2); return iter('ab')",
        200,
        b"",
        {"X-A": ["1"], "Content-Length": ["2"]},
        request={"method": "HEAD"},
    ),
    "a length that was set is the true one": Case(
        ["next(); res.set_header('Content-Length', 99)"], OK, 200, b'"ok"', {"Content-Length": ["4"]}
    ),
    "a stream is cut to its length": Case(
        ["next(); res.set_header('Content-Length', 3)"],
        "return iter(['ab', 'cd'])",
        200,
        b"abc",
        {"Content-Length": ["3"]},
    ),
    # -- bytes that have left
    "after a write a change is ignored": Case(
        [
            "next(); res.set_header('X-A', '1').status(500).remove_header('X-H')"
            ".append_header('X-A', '1').set_cookie('a', '1')"
        ],
        "res.set_header('X-H', 'h').write('a')",
        200,
        b"a",
        {"X-A": [], "X-H": ["h"], "Set-Cookie": []},
        log="the head has left; ignored",
    ),
    "after a write an answer is ignored": Case(
        ["next(); return 'x'"], "res.write('a'); res.end('b')", 200, b"ab", log="the head has left; ignored"
    ),
    "after a write another answer is ignored": Case(
        ["next(); res.json('x')"], "res.write('a')", 200, b"a", log="the head has left; ignored"
    ),
    "after a write nothing is called before the head": Case(
        ["next(); res.before_head(lambda: seen.append(1))"],
        "res.write('a')",
        200,
        b"a",
        log="the head has left; ignored",
    ),
    "after a write there is no content to read": Case(
        ["next(); assert res.body is None and res.headers_sent"], "res.write('a')", 200, b"a"
    ),
    # -- before the head
    "a hook is called before the head": Case(
        ["res.before_head(lambda res: res.set_header('X-S', res.status_code)); next()"],
        "res.status(201).json('ok')",
        201,
        b'"ok"',
        {"X-S": ["201"]},
    ),
    "a hook is called before a write": Case(
        ["res.before_head(lambda: res.set_header('X-S', '1')); next()"],
        "res.write('ok')",
        200,
        b"ok",
        {"X-S": ["1"]},
    ),
    "a hook is called before a stream": Case(
        ["res.before_head(lambda: res.set_header('X-S', '1')); next()"],
        "return iter('ok')",
        200,
        b"ok",
        {"X-S": ["1"]},
    ),
    "a hook is called before an application's": Case(
        ["res.before_head(lambda: res.set_header('X-S', res.get_header('X-App'))); next()"],
        "return application",
        201,
        b"a,b",
        {"X-S": ["1"]},
    ),
    "a hook is called before an error": Case(
        ["res.before_head(lambda: res.set_header('X-S', res.status_code)); next()"],
        "raise RuntimeError",
        500,
        FAULT,
        {"X-S": ["500"]},
        log="RuntimeError",
    ),
    "a hook may be given after next()": Case(
        ["next(); res.before_head(lambda: res.set_header('X-S', '1'))"], OK, 200, b'"ok"', {"X-S": ["1"]}
    ),
    "a hook changes the status": Case(["res.before_head(lambda: res.status(202)); next()"], OK, 202, b'"ok"'),
    "a hook is called once": Case(
        ["res.before_head(lambda: res.append_header('X-S', '1')); next(); return 'x'"],
        OK,
        200,
        b"x",
        {"X-S": ["1"]},
    ),
    "hooks are called from the inside out": Case(
        [
            "res.before_head(lambda: res.append_header('X-S', 'o')); next()",
            "res.before_head(lambda: res.append_header('X-S', 'i')); next()",
        ],
        OK,
        200,
        b'"ok"',
        {"X-S": ["i", "o"]},
    ),
    "the hooks around one that fails are called": Case(
        [
            "res.before_head(lambda: res.set_header('X-S', res.status_code)); next()",
            "res.before_head(lambda: 1 / 0); next()",
        ],
        OK,
        500,
        FAULT,
        {"X-S": ["500"]},
        log="ZeroDivisionError",
    ),
    "a handler's hook goes with its fault": Case(
        ["next()"],
        "res.before_head(lambda: res.set_header('X-H', 'h')); raise ValueError",
        500,
        FAULT,
        {"X-H": []},
        log="ValueError",
    ),
    "a handler's hook goes with its answer": Case(
        ["next(); return 'x'"],
        "res.before_head(lambda: res.set_header('X-H', 'h')).json('ok')",
        200,
        b"x",
        {"X-H": []},
    ),
    "a handler's hook is called before its head": Case(
        ["next()"],
        "res.before_head(lambda: res.set_header('X-H', 'h')).json('ok')",
        200,
        b'"ok"',
        {"X-H": ["h"]},
    ),
}


@pytest.mark.parametrize("kinds", ["s", "a", "sa", "as"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_response_is_decided_when_it_is_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, case: Case, kinds: str
) -> None:
    check_case(tmp_path, caplog, case, kinds)


# -- streams: closed once, whatever becomes of them


@dataclass
class Closed:
    """How often a stream was closed by the time the request was over."""

    steps: list[str]
    handler: str = "return Chunks(b'a')"
    status: int = 200
    times: int = 1


CLOSED = {
    "sent": Closed(["next()"]),
    "sent by a step": Closed(["return Chunks(b'a')"]),
    "replaced": Closed(["next(); return 'x'"]),
    "replaced by a stream": Closed(["next(); return Chunks(b'b')"], times=2),
    "dropped by a fault": Closed(["next(); raise RuntimeError"], status=500),
    "dropped by a status": Closed(["next(); res.status(204)"], status=204),
    "dropped by the handler's fault": Closed(["next()"], "res.send(Chunks(b'a')); raise ValueError", 500),
    "failed at its first chunk": Closed(["next()"], "return Chunks(ValueError())", 500),
    "failed at its first chunk, alone": Closed([], "return Chunks(ValueError())", 500),
    "an application's": Closed(["next()"], "return lambda e, s: (s('200 OK', []), Chunks(b'a'))[1]"),
    "an application's, replaced": Closed(
        ["next(); return 'x'"], "return lambda e, s: (s('200 OK', []), Chunks(b'a'))[1]"
    ),
    "an application's, failed": Closed(
        ["next()"], "return lambda e, s: (s('200 OK', []), Chunks(ValueError()))[1]", 500
    ),
    "an application's without a head": Closed(["next()"], "return lambda e, s: Chunks(b'a')", 500),
}


@pytest.mark.parametrize("kinds", ["s", "a", "sa"])
@pytest.mark.parametrize("case", CLOSED.values(), ids=CLOSED)
def test_a_stream_is_closed_once(tmp_path: Path, case: Closed, kinds: str) -> None:
    module = project(
        tmp_path, {"pages/api/x.py": source(case.steps, case.handler, kinds), "pages/api/seen.py": SEEN}
    )
    app = App(module)
    assert call(app).status == case.status
    assert call(app, target="/api/seen").json() == ["closed"] * case.times


SEEN = "from . import x\ndef GET(): return x.seen\n"


def test_a_stream_is_closed_when_the_client_leaves(tmp_path: Path) -> None:
    files = {"pages/api/x.py": source(["next()"], "return Chunks(b'a', b'b')"), "pages/api/seen.py": SEEN}
    app = App(project(tmp_path, files))
    answer: Any = app(environ(), lambda *head: lambda content: None)
    assert next(iter(answer)) == b"a"
    answer.close()
    assert call(app, target="/api/seen").json() == ["closed"]


@pytest.mark.parametrize("ends", ["return 'x'", "res.send('x')", "raise RuntimeError"])
@pytest.mark.parametrize("prefix", ["", "async "])
def test_a_discarded_stream_is_closed_in_the_thread_of_sync_code(
    tmp_path: Path, ends: str, prefix: str
) -> None:
    files = {
        "pages/api/x.py": "import threading\nthreads = []\n"
        + source([f"next(); {ends}"], "return chunks()", "a")
        + f"{prefix}def chunks():\n    try:\n        yield 'a'\n    finally:\n"
        "        threads.append(threading.current_thread())\n",
        "pages/api/seen.py": "import threading\nfrom . import x\n"
        "def GET(): return [thread is threading.current_thread() for thread in x.threads]\n",
    }
    app = App(project(tmp_path, files))
    call(app)
    assert call(app, target="/api/seen").json() == [prefix == ""]


def test_a_stream_has_begun_when_next_returns_and_goes_on_later(tmp_path: Path) -> None:
    steps = ["next(); seen.append('out'); res.set_header('X-Seen', str(seen))"]
    handler = "def chunks():\n    for n in 'ab':\n        seen.append(n)\n        yield n\nreturn chunks()"
    app = app_with(tmp_path, steps, handler)
    answer = call(app)
    assert (answer.header("X-Seen"), answer.body) == ("['a', 'out']", b"ab")


@pytest.mark.parametrize("steps", [["next()"], ["return late(res)"]])
def test_a_header_that_a_stream_sets_is_ignored_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, steps: list[str]
) -> None:
    late = "def late(res):\n    yield 'a'\n    res.set_header('X-A', '1')\n    yield 'b'\n"
    files = {"pages/api/x.py": late + source(steps, "return late(res)")}
    answer = call(App(project(tmp_path, files)))
    assert (answer.body, answer.header("X-A")) == (b"ab", None)
    assert "the head has left; ignored" in caplog.text
