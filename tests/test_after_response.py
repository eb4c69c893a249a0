"""Work after the response: when it runs, and after which responses."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.types import Environ
from tests.after_cases import INTERFACES, KINDS, Served, served
from tests.support import call, project

BOTH = pytest.mark.parametrize("interface", INTERFACES)
EACH = pytest.mark.parametrize("kind", KINDS)

# -- where it may be called


SOURCES = {
    "a handler": "def GET():\n    after(note, 1)\n    return {}\n",
    "a helper": "def help():\n    after(note, 1)\ndef GET():\n    help()\n    return {}\n",
    "middleware, on the way in": "def middle(req, res, next):\n    after(note, 1)\n    return next()\n"
    "middleware = [middle]\ndef GET(): return {}\n",
    "middleware, on the way out": "def middle(req, res, next):\n    next()\n    after(note, 1)\n"
    "middleware = [middle]\ndef GET(): return {}\n",
    "a function before the head": "def GET(res):\n"
    "    res.before_head(lambda: after(note, 1))\n    res.json({})\n",
    "a deadline's thread": "config = {'maxDuration': 20}\ndef GET():\n    after(note, 1)\n    return {}\n",
    "a written response": "def GET(res):\n    after(note, 1)\n    res.write('a')\n    res.end('b')\n",
    "a thread": "from contextvars import copy_context\n"
    "def GET():\n    thread = threading.Thread(target=copy_context().run, args=(after, note, 1))\n"
    "    thread.start()\n    thread.join()\n    return {}\n",
    "a coroutine": "async def GET():\n    await asyncio.sleep(0)\n    after(note, 1)\n    return {}\n",
    "a task": "async def GET():\n    async def inner(): after(note, 1)\n"
    "    await asyncio.create_task(inner())\n    return {}\n",
    "a coroutine's thread": "async def GET():\n    await asyncio.to_thread(after, note, 1)\n    return {}\n",
    "a coroutine with a deadline": "config = {'maxDuration': 20}\n"
    "async def GET():\n    after(note, 1)\n    return {}\n",
    "the first chunk": "def chunks():\n    after(note, 1)\n    yield 'a'\n    yield 'b'\n"
    "def GET(): return chunks()\n",
    "a later chunk": "def chunks():\n    yield 'a'\n    after(note, 1)\n    yield 'b'\n"
    "def GET(): return chunks()\n",
    "the end of a stream": "def chunks():\n    yield 'a'\n    after(note, 1)\ndef GET(): return chunks()\n",
    "a closed stream": "def chunks():\n    try:\n        yield 'a'\n    finally:\n        after(note, 1)\n"
    "def GET(): return chunks()\n",
    "an async stream": "async def chunks():\n    yield 'a'\n    await asyncio.sleep(0)\n    after(note, 1)\n"
    "    yield 'b'\nasync def GET(): return chunks()\n",
    "a stream with a deadline": "config = {'maxDuration': 20}\n"
    "def chunks():\n    yield 'a'\n    after(note, 1)\n"
    "def GET(): return chunks()\n",
    "a returned application": "def application(environ, start_response):\n    after(note, 1)\n"
    "    start_response('200 OK', [])\n    return [b'']\ndef GET(res): res.delegate(application)\n",
    "a function after the response": "def more():\n    after(note, 1)\n"
    "def GET():\n    after(more)\n    return {}\n",
}


@BOTH
@pytest.mark.parametrize("place", SOURCES)
def test_it_can_be_called_in(tmp_path: Path, interface: str, place: str) -> None:
    site = served(tmp_path, SOURCES[place], interface)
    assert site.call().status == 200
    assert site.ran == [(1,)]


@BOTH
def test_a_background_task_may_call_it_when_the_response_has_ended(tmp_path: Path, interface: str) -> None:
    source = (
        "async def wait_and_leave():\n    await asyncio.to_thread(gate.wait, 20)\n    after(note, 1)\n"
        "    begun.release()\n"
        "tasks = []\n"
        "async def GET():\n    tasks.append(asyncio.create_task(wait_and_leave()))\n    return {}\n"
    )
    site = served(tmp_path, source, interface)
    assert site.call().status == 200
    site.library.gate.set()
    assert site.library.begun.acquire(timeout=20)
    assert site.ran == [(1,)]


def test_outside_of_a_request_it_is_refused() -> None:
    from apiroutes import after

    with pytest.raises(RuntimeError, match=r"outside a request: call it in a handler"):
        after(print)


def test_between_two_requests_it_is_refused(tmp_path: Path) -> None:
    from apiroutes import after

    assert served(tmp_path, "def GET():\n    after(note, 1)\n    return {}\n").call().status == 200
    with pytest.raises(RuntimeError, match="outside a request"):
        after(print)


def test_a_fallback_is_no_request_of_ours(tmp_path: Path) -> None:
    from apiroutes import after

    def fallback(environ: Environ, start_response: object) -> list[bytes]:
        after(print)
        return []

    app = App(project(tmp_path, {"pages/api/x.py": "def GET(): return {}\n"}), fallback=fallback)
    with pytest.raises(RuntimeError, match="outside a request"):
        call(app, target="/other")


WRONG = [
    (
        "note(1)",
        "after() takes a function, followed by its arguments, not NoneType: write after(send, order)",
    ),
    (
        "note_later(1)",
        "not the coroutine that it returned: write after(note_later, ...) instead of after(note_la",
    ),
    ("generate", "`generate` is a generator function, whose call does nothing"),
    ("partial(generate_async, 1)", "generator function"),
]


@EACH
@pytest.mark.parametrize(("argument", "message"), WRONG)
def test_what_is_no_function_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, argument: str, message: str
) -> None:
    source = (
        "from functools import partial\ndef generate(): yield\nasync def generate_async(x): yield\n"
        f"def GET():\n    after({argument})\n    return {{}}\n"
    )
    assert served(tmp_path, source, kind=kind).call().status == 500
    assert message in caplog.text


# -- what it is given


FORMS = [
    ("after(note, 1, 2, a=3)", [(1, 2, ("a", 3))]),
    ("after(partial(note, 1), 2)", [(1, 2)]),
    ("after(partial(note, always=1))", [(("always", 1),)]),
    ("after(note, 1, function=2)", [(1, ("function", 2))]),
    ("after(note_later, 1)", [(1,)]),
    ("after(partial(note_later, 1), 2)", [(1, 2)]),
    ("after(lambda: note_later(1))", [(1,)]),
    ("after(Called(), 1)", [(1,)]),
    ("after(Called().note, 1)", [(1,)]),
    ("after(CalledLater(), 1)", [(1,)]),
]


@BOTH
@EACH
@pytest.mark.parametrize(("line", "ran"), FORMS)
def test_everything_that_can_be_called_runs(
    tmp_path: Path, interface: str, kind: str, line: str, ran: list[object]
) -> None:
    source = (
        "from functools import partial\n"
        "class Called:\n    def __call__(self, x): note(x)\n    def note(self, x): note(x)\n"
        "class CalledLater:\n    async def __call__(self, x): await note_later(x)\n"
        f"def GET():\n    {line}\n    return {{}}\n"
    )
    site = served(tmp_path, source, interface, kind)
    assert site.call().status == 200
    assert site.ran == ran


@BOTH
@EACH
def test_the_functions_of_a_request_run_in_their_order(tmp_path: Path, interface: str, kind: str) -> None:
    calls = "".join(f"    after({['note', 'note_later'][n % 3 == 0]}, {n})\n" for n in range(12))
    site = served(tmp_path, f"def GET():\n{calls}    return {{}}\n", interface, kind)
    assert site.call().status == 200
    assert site.ran == [(n,) for n in range(12)]


@BOTH
@EACH
def test_each_function_has_the_context_of_its_call(tmp_path: Path, interface: str, kind: str) -> None:
    source = (
        "from contextvars import ContextVar\nnumber = ContextVar('number')\n"
        "def read(): note(number.get()); number.set('changed')\n"
        "async def read_later(): note(number.get())\n"
        "def GET():\n    number.set(1)\n    after(read)\n    number.set(2)\n"
        "    after(read)\n    after(read_later)\n    return {}\n"
    )
    site = served(tmp_path, source, interface, kind)
    assert site.call().status == 200
    assert site.ran == [(1,), (2,), (2,)]


# -- after which responses


# (the handler's lines, the status, what has run)
OUTCOMES = {
    "a value": ("return {}", 200, ["plain", "always"]),
    "an error of the client's": ("raise ApiError(404)", 404, ["plain", "always"]),
    "no content": ("res.status(204).end()", 204, ["plain", "always"]),
    "a redirect": ("res.redirect('/')", 307, ["plain", "always"]),
    "an error of the server's": ("res.status(503).json({})", 503, ["always"]),
    "an exception": ("1 / 0", 500, ["always"]),
    "a wrong result": ("return object()", 500, ["always"]),
    "an exception after a response": ("res.json({}); 1 / 0", 200, ["plain", "always"]),
    "a stream": ("return iter(['a', 'b'])", 200, ["plain", "always"]),
    "a stream that fails at once": ("return (1 / 0 for _ in 'a')", 500, ["always"]),
    "a stream that is too short": (
        "res.set_header('Content-Length', '9'); res.send(iter(['a']))",
        -1,
        ["always"],
    ),
    "a stream that fails": ("return (1 / n for n in [1, 0])", 500, ["always"]),
    "a stream that fails later": ("return (str(1 / n) for n in [1, 0])", -1, ["always"]),
    "an exception after a write": ("res.write('a'); 1 / 0", -1, ["always"]),
    "a file": ("from apiroutes import file; return file(__file__)", 200, ["plain", "always"]),
}


@BOTH
@EACH
@pytest.mark.parametrize("case", OUTCOMES)
def test_the_status_that_was_sent_decides(tmp_path: Path, interface: str, kind: str, case: str) -> None:
    lines, status, ran = OUTCOMES[case]
    source = (
        "from apiroutes import ApiError\n"
        "def GET(req, res):\n    after(note, 'plain')\n    after(note, 'always', always=True)\n"
        f"    {lines}\n"
    )
    site = served(tmp_path, source, interface, kind)
    if status == -1:
        with pytest.raises(ConnectionError):
            site.call()
    else:
        assert site.call().status == status
    assert site.ran == [(name,) for name in ran]


@BOTH
@pytest.mark.parametrize(
    ("request_headers", "status"), [((), 200), ((("If-None-Match", '"1"'),), 304)], ids=["GET", "304"]
)
def test_a_response_that_the_client_has_is_one_too(
    tmp_path: Path, interface: str, request_headers: tuple[tuple[str, str], ...], status: int
) -> None:
    source = "def GET(res):\n    after(note, 1)\n    res.set_header('ETag', '\"1\"').json({})\n"
    site = served(tmp_path, source, interface)
    assert site.call(headers=request_headers).status == status
    assert site.call("HEAD", headers=request_headers).status == status
    assert site.ran == [(1,), (1,)]


@BOTH
@EACH
@pytest.mark.parametrize(("replaced", "ran"), [(503, []), (403, [(1,)])])
def test_middleware_that_replaces_the_response_decides(
    tmp_path: Path, interface: str, kind: str, replaced: int, ran: list[object]
) -> None:
    source = (
        "from apiroutes import json\n"
        f"def middle(req, res, next):\n    next()\n    return json({{}}, status={replaced})\n"
        "middleware = [middle]\ndef GET():\n    after(note, 1)\n    return {}\n"
    )
    site = served(tmp_path, source, interface, kind)
    assert site.call().status == replaced
    assert site.ran == ran


@BOTH
@EACH
def test_a_client_that_leaves_in_a_stream_changes_nothing(tmp_path: Path, interface: str, kind: str) -> None:
    source = "def GET():\n    after(note, 1)\n    return (f'{n}' for n in range(10**9))\n"
    site = served(tmp_path, source, interface, kind)
    content = site.begin()
    assert next(iter(content)) == b"0"
    content.close()
    assert site.ran == [(1,)]


@BOTH
@EACH
def test_what_is_not_called_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, interface: str, kind: str
) -> None:
    caplog.set_level(logging.INFO)
    source = "def GET(res):\n    after(note, 1)\n    res.status(503).json({})\n"
    site = served(tmp_path, source, interface, kind)
    assert site.call().status == 503
    (message,) = [text for text in caplog.messages if "not called" in text]
    place = re.escape(f"{tmp_path}/{site.library.__name__}.py")
    text = rf"GET /api/x: `note` \({place}:\d+\) was not called afterwards: the response was a 503"
    assert re.fullmatch(text, message)


@BOTH
def test_a_path_without_a_route_may_leave_work_too(tmp_path: Path, interface: str) -> None:
    middle = "from apiroutes import after\nran = []\ndef middleware(req, res, next):\n"
    middle += "    after(ran.append, req.path)\n    return next()\n"
    app = App(project(tmp_path, {"middleware.py": middle, "pages/api/x.py": "def GET(): return {}\n"}))
    steps = app.resources["pages/api/x.py"].middleware
    site = Served(app, None, interface)
    for target, status in [("/api/none", 404), ("/api/x/", 308), ("/api/%00", 400)]:
        assert site.call(target=target).status == status
    assert site.call("DELETE").status == 405
    site.drain()
    paths = steps[0].__globals__["ran"]
    assert sorted(paths) == ["/api/\0", "/api/none", "/api/x", "/api/x/"]


# -- with dependencies


COMMIT = """
from typing import Annotated
from apiroutes import Depends

def session(fails: bool = False):
    after(note, 'receipt')
    yield
    ran.append('commit')
    if fails:
        raise RuntimeError('the commit failed')

def GET(db: Annotated[None, Depends(session)]):
    after(note, 'order')
    return {}
"""


@BOTH
@EACH
@pytest.mark.parametrize(
    ("query", "status", "ran"),
    [("", 200, ["commit", ("receipt",), ("order",)]), ("?fails=true", 500, ["commit"])],
)
def test_it_runs_after_the_commit_and_not_if_that_fails(
    tmp_path: Path, interface: str, kind: str, query: str, status: int, ran: list[object]
) -> None:
    source = COMMIT if kind == "def" else COMMIT.replace("def session", "async def session")
    site = served(tmp_path, source, interface, kind)
    assert site.call(target=f"/api/x{query}").status == status
    assert site.ran == ran


# -- when it runs


@BOTH
@EACH
@pytest.mark.parametrize("function", ["hold", "hold_on_loop"])
def test_no_response_waits_for_it(tmp_path: Path, interface: str, kind: str, function: str) -> None:
    site = served(tmp_path, f"def GET():\n    after({function}, 1)\n    return {{}}\n", interface, kind)
    with site.held():
        assert [site.call().status for _ in range(3)] == [200] * 3
        assert site.library.begun.acquire(timeout=20)
        assert site.library.ran == []
    assert site.ran == [(1,)] * 3


def test_it_does_not_begin_before_the_content_is_closed(tmp_path: Path) -> None:
    source = (
        "def GET():\n    after(note, 1)\n    return {}\n"
        "def POST():\n    after(note, 2)\n    return iter(['a'])\n"
    )
    site = served(tmp_path, source)
    for method, number in [("GET", 1), ("POST", 2)]:
        content = site.begin(method)
        assert b"".join(content)
        assert (number,) not in site.library.ran
        content.close()
        assert (number,) in site.ran


def test_content_is_closed_once_and_its_work_done_once(tmp_path: Path) -> None:
    site = served(tmp_path, "def GET():\n    after(note, 1)\n    return {}\n")
    content = site.begin()
    content.close()
    content.close()
    assert site.ran == [(1,)]


# -- what is left of the request


GONE = {
    "res.json({})": "ResponseSentError",
    "res.set_header('A', 'b')": "ResponseSentError",
    "res.write('x')": "ResponseSentError",
    "res.status(500)": "ResponseSentError",
    "req.stream.read()": "RuntimeError: the request has ended, and its content is gone",
    "req.raw_body": "RuntimeError: the request has ended, and its content is gone",
}


@BOTH
@pytest.mark.parametrize("has_middleware", [True, False])
@pytest.mark.parametrize("line", GONE)
def test_what_is_gone_raises(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, interface: str, has_middleware: bool, line: str
) -> None:
    source = (
        "config = {'api': {'bodyParser': False}}\n"
        "def middle(req, res, next): return next()\n"
        f"middleware = [{'middle' * has_middleware}]\n"
        f"def use(req, res):\n    {line}\n"
        "def POST(req, res):\n    after(use, req, res)\n    res.json({})\n"
    )
    site = served(tmp_path, source, interface)
    assert site.call("POST", body=b"abc").status == 200
    site.drain()
    assert "POST /api/x failed after its response, in `use`" in caplog.text
    assert GONE[line] in caplog.text


@BOTH
def test_what_is_in_memory_can_be_read(tmp_path: Path, interface: str) -> None:
    source = (
        "def use(req, res):\n    note(req.body, req.params, req.headers['X-A'], res.status_code)\n"
        "def POST(req, res):\n    after(use, req, res)\n    res.status(201).json({})\n"
    )
    site = served(tmp_path, source, interface)
    headers = [("X-A", "b"), ("Content-Type", "application/json")]
    assert site.call("POST", headers=headers, body=b"[1]").status == 201
    assert site.ran == [([1], {}, "b", 201)]


# -- a deadline


@BOTH
@EACH
def test_a_late_handler_may_leave_nothing(tmp_path: Path, interface: str, kind: str) -> None:
    wait = "await asyncio.to_thread(gate.wait, 20)" if kind == "async def" else "gate.wait(20)"
    shield = (
        "    try:\n        await asyncio.shield(asyncio.to_thread(gate.wait, 20))\n"
        "    except asyncio.CancelledError:\n        await asyncio.to_thread(gate.wait, 20)\n"
    )
    source = (
        "config = {'maxDuration': 0.05}\n"
        "def GET():\n    after(note, 'early')\n    after(note, 'always', always=True)\n"
        + (shield if kind == "async def" else f"    {wait}\n")
        + "    try:\n        after(note, 'late', always=True)\n"
        "    except BaseException as error:\n        ran.append(type(error).__name__)\n    begun.release()\n"
    )
    site = served(tmp_path, source, interface, kind)
    assert site.call().status == 504
    assert site.ran == [("always",)]
    site.library.gate.set()
    assert site.library.begun.acquire(timeout=20)
    assert site.ran == [("always",), "MaxDurationExceeded"]


# -- projects that do not use it


def test_a_project_without_it_has_apps_as_ever(tmp_path: Path) -> None:
    """In a process of its own, as what was imported once stays so."""
    source = (
        "import sys\nfrom apiroutes import App\nfrom tests.support import call\n"
        f"app = App({str(project(tmp_path, {'pages/api/x.py': 'def GET(): return {}'}))!r})\n"
        "assert type(app) is App\nassert call(app).status == 200\n"
        "from apiroutes import after\n"
        "assert type(app) is not App and isinstance(app, App)\nassert type(app).__name__ == 'App'\n"
        "assert call(app).status == 200\n"
    )
    run_alone(source)


RAN = "from lib_late import ran\n"
# What functions of the project will import when they are called is seen at the start.
SEEN = {
    "by name": f"{RAN}def GET():\n"
    "    from apiroutes import after\n    after(ran.append, 1)\n    return {}\n",
    "as an attribute": f"import apiroutes\n{RAN}def GET():\n"
    "    apiroutes.after(ran.append, 1)\n    return {}\n",
    "in an inner function": f"import apiroutes\n{RAN}def GET():\n"
    "    def leave(): apiroutes.after(ran.append, 1)\n    leave()\n    return {}\n",
    "in a helper": "from lib_helper import leave\ndef GET():\n    leave()\n    return {}\n",
}
HELPERS = {
    "lib_late.py": "ran = []\n",
    "lib_helper.py": f"import apiroutes\n{RAN}def leave(): apiroutes.after(ran.append, 1)\n",
    "lib_mail.py": f"from apiroutes import after\n{RAN}def leave(): after(ran.append, 1)\n",
}
BEGIN = """
import io, logging
from apiroutes import App
from tests.support import call
log = io.StringIO()
logging.basicConfig(stream=log)
app = App({root!r})
"""


@pytest.mark.parametrize("spelling", SEEN)
def test_a_function_may_import_it_when_it_is_called(tmp_path: Path, spelling: str) -> None:
    root = str(project(tmp_path, {**HELPERS, "pages/api/x.py": SEEN[spelling]}))
    run_alone(
        BEGIN.format(root=root) + "assert call(app).status == 200, log.getvalue()\napp.stop()\n"
        "import lib_late\nassert lib_late.ran == [1]\n"
    )


def test_the_request_that_imports_it_by_another_module_is_told_so(tmp_path: Path) -> None:
    """The next ones work."""
    source = "def GET():\n    from lib_mail import leave\n    leave()\n    return {}\n"
    root = str(project(tmp_path, {**HELPERS, "pages/api/x.py": source}))
    run_alone(
        BEGIN.format(root=root) + "assert call(app).status == 500\n"
        "assert 'at the top of the route' in log.getvalue(), log.getvalue()\n"
        "assert call(app).status == 200\napp.stop()\n"
        "import lib_late\nassert lib_late.ran == [1]\n"
    )


def run_alone(source: str) -> None:
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_an_app_that_a_handler_answers_with_has_the_same_request(tmp_path: Path) -> None:
    inner = served(tmp_path / "inner", "def GET():\n    after(note, 'inner')\n    return {}\n")
    source = (
        "def middle(req, res, next):\n    next()\n    res.status(503)\nmiddleware = [middle]\n"
        "def GET(res):\n    after(note, 'outer')\n    res.delegate(apps[0])\n"
    )
    outer = served(tmp_path / "outer", source)
    outer.library.apps.append(inner.app)
    assert outer.call().status == 503
    assert (inner.ran, outer.ran) == ([], [])


NAMED = [
    ("note", "`note` ("),
    ("lambda: 1 / 0", "`lambda ("),
    ("inner", "`inner` ("),
    ("partial(inner)", "`inner` ("),
    ("logging.getLogger('x').makeRecord", "`Logger.makeRecord`\n"),
    ("divmod", "`divmod`\n"),
]


@pytest.mark.parametrize(("function", "shown"), NAMED)
def test_a_function_is_named_in_the_log_as_it_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, function: str, shown: str
) -> None:
    caplog.set_level(logging.INFO)
    source = (
        "import logging\nfrom functools import partial\nfrom apiroutes import json\n"
        f"def GET():\n    def inner(): pass\n    after({function}, *{{0}})\n    return json(1, status=500)\n"
    ).replace("{0}", "range(7)" if "makeRecord" in function else "()")
    site = served(tmp_path, source)
    site.call()
    (text,) = [text for text in caplog.messages if "was not called afterwards" in text]
    assert f": {shown.strip()}" in text
    assert not shown.endswith("\n") or f"{shown.strip()} was not" in text


REFUSED = [
    "one",
    "one, 1, 2",
    "one, b=2",
    "one, 1, a=1",
    "Shop().sell",
    "lambda: None, 1",
    "named, 1",
    "plain, b=1",
]
TAKEN = [
    "one, 1",
    "one, a=1",
    "Shop().sell, 1",
    "many, 1, 2, x=3",
    "named, a=1",
    "plain",
    "plain, 1",
    "wrapped",
]
ARGUMENTS = """
import functools
def one(a): pass
def many(*args, **kwargs): pass
def named(*, a): pass
def plain(a=0): pass
class Shop:
    def sell(self, a): pass
@functools.wraps(one)
def wrapped(): pass
"""


@pytest.mark.parametrize("arguments", [*REFUSED, *TAKEN])
def test_arguments_that_a_function_does_not_take_are_an_error_of_the_handler(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, arguments: str
) -> None:
    site = served(tmp_path, f"{ARGUMENTS}\ndef GET():\n    after({arguments})\n    return {{}}\n")
    assert site.call().status == (500 if arguments in REFUSED else 200)
    site.drain()
    assert ("TypeError: after() cannot call `" in caplog.text) == (arguments in REFUSED)
    assert "failed after its response" not in caplog.text
