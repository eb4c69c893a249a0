"""The forms a module may have: one handler, one function a method, declared routes; their parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError
from tests.support import Answer, app_of, call, project

METHODS = """
def GET(req): return {"method": req.method}
def POST(body): return {"posted": body}
async def DELETE(res): res.status(204).end()
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("methods"), METHODS)


ANSWERED: list[tuple[str, int, bytes, str | None]] = [
    ("GET", 200, b'{"method":"GET"}', None),
    ("HEAD", 200, b"", None),
    ("POST", 200, b'{"posted":null}', None),
    ("DELETE", 204, b"", None),
    ("OPTIONS", 204, b"", "DELETE, GET, HEAD, OPTIONS, POST"),
    ("PUT", 405, b"Method Not Allowed", "DELETE, GET, HEAD, OPTIONS, POST"),
    ("TRACE", 405, b"Method Not Allowed", "DELETE, GET, HEAD, OPTIONS, POST"),
    ("PROPFIND", 405, b"Method Not Allowed", "DELETE, GET, HEAD, OPTIONS, POST"),
    ("get", 400, b"Bad Request", None),
]


@pytest.mark.parametrize(("method", "status", "content", "allow"), ANSWERED)
def test_a_method_has_its_function(
    app: App, method: str, status: int, content: bytes, allow: str | None
) -> None:
    answer = call(app, method)
    assert (answer.status, answer.body, answer.header("Allow")) == (status, content, allow)


def test_head_has_the_headers_of_get(app: App) -> None:
    lengths = [call(app, method).header("Content-Length") for method in ("HEAD", "GET")]
    assert lengths == ["17", "16"]  # {"method":"HEAD"} and {"method":"GET"}


def test_a_body_is_not_read_for_a_method_that_is_not_allowed(app: App) -> None:
    assert call(app, "PUT", headers=[("Content-Type", "application/json")], body=b"{").status == 405


OWN = """
def GET(): return "get"
def HEAD(res): res.set_header("X-Own", "1").end()
def OPTIONS(): return "own"
"""


@pytest.mark.parametrize(("method", "content"), [("HEAD", b""), ("OPTIONS", b"own")])
def test_an_own_head_or_options_is_used(tmp_path: Path, method: str, content: bytes) -> None:
    answer = call(app_of(tmp_path, OWN), method)
    assert (answer.status, answer.body) == (200, content)
    assert answer.header("X-Own") == ("1" if method == "HEAD" else None)


def test_without_get_there_is_no_head(tmp_path: Path) -> None:
    answer = call(app_of(tmp_path, "def POST(): return {}"), "HEAD")
    assert (answer.status, answer.header("Allow")) == (405, "OPTIONS, POST")


# -- parameters by name

PARAMETERS = [
    ("req, res", "res.json(req.params)"),
    ("request, response", "response.json(request.params)"),
    ("_req, res", "res.json(_req.params)"),
    ("params", "return params"),
    ("res, params", "res.json(params)"),
    ("params, res, query", "res.json({**params, 'n': query['n']})"),
    ("*, params", "return params"),
    ("res, *, params", "res.json(params)"),
    ("params, /, query", "return {**params, 'n': query['n']}"),
    ("*args", "args[1].json(args[0].params)"),
    ("params, _cache={}", "return params"),
    ("params, **more", "assert not more; return params"),
]


@pytest.mark.parametrize(("parameters", "line"), PARAMETERS)
@pytest.mark.parametrize("name", ["handler", "GET"])
@pytest.mark.parametrize("prefix", ["", "async "])
def test_a_function_gets_what_it_asks_for(
    tmp_path: Path, prefix: str, name: str, parameters: str, line: str
) -> None:
    source = f"{prefix}def {name}({parameters}):\n    {line.replace('; ', chr(10) + '    ')}\n"
    answer = call(app_of(tmp_path, source, "[id].py"), target="/api/1?n=2")
    assert answer.status == 200
    assert answer.json()["id"] == "1"


def test_every_name_has_its_meaning(tmp_path: Path) -> None:
    source = (
        "def POST(req, request, res, response, params, query, body, context):\n"
        "    assert req is request and res is response and context == req.context\n"
        "    return [params, query, body]\n"
    )
    answer = call(app_of(tmp_path, source, "[id].py"), "POST", "/api/1?n=2", body=b"text")
    assert answer.json() == [{"id": "1"}, {"n": "2", "id": "1"}, "text"]


WRAPPERS = {
    "one that passes everything on": (
        "import functools\n"
        "def wrap(f):\n    @functools.wraps(f)\n    def inner(*a, **k): return f(*a, **k)\n    return inner\n"
        "@wrap\ndef GET(params): return params\n"
    ),
    "one with parameters of its own": (
        "import functools\n"
        "def wrap(f):\n    @functools.wraps(f)\n"
        "    def inner(req, res): return f(req.params)\n    return inner\n"
        "@wrap\ndef GET(params): return params\n"
    ),
    "one that hides what is inside": (
        "def wrap(f):\n    return lambda *a: f(*a)\n@wrap\ndef GET(req, res): return req.params\n"
    ),
    "a partial": "import functools\ndef two(n, params): return params\nGET = functools.partial(two, 1)\n",
    "an object": "class Get:\n    def __call__(self, params): return params\nGET = Get()\n",
    "a method": "class Posts:\n    def get(self, params): return params\nGET = Posts().get\n",
}


@pytest.mark.parametrize("source", WRAPPERS.values(), ids=WRAPPERS)
def test_a_wrapped_function_is_called_as_it_wants(tmp_path: Path, source: str) -> None:
    assert call(app_of(tmp_path, source, "[id].py"), target="/api/1").json() == {"id": "1"}


# -- mistakes

MISTAKES = [
    (
        "def GET(id): ...",
        "`GET`: cannot tell where the parameter 'id' comes from",
        "request, req, response, res, params",
    ),
    ("def handler(req, res, limit=1): ...", "cannot tell where the parameter 'limit' comes from", "context"),
    ("GET = 1", "`GET` is int, which cannot be called", "def GET(req, res)"),
    ("def handler(): ...\ndef GET(): ...", "has both `handler` and GET", "Keep `handler`"),
    ("def get(): ...", "`get` never answers a request", "Call it `GET`"),
    ("def GET(): ...\ndef post(): ...", "`post` never answers a request", "`_post` if it is a helper"),
    ("middleware = 1\ndef GET(): ...", "`middleware` has 1, which cannot be called", "list of functions"),
    ("middleware = [print, None]\ndef GET(): ...", "has None, which cannot be called", "list of functions"),
    (
        "from apiroutes import file_route\nRoute = file_route('/api/y', handlers={'GET': print})",
        "`Route` has the path '/api/y', but the file's own path is '/api/x'",
        "Correct the path",
    ),
    (
        "from apiroutes import file_route\nRoute = file_route('/api/x', handlers={'get': print})",
        "`Route` has a handler for 'get'",
        "GET, HEAD, POST",
    ),
    (
        "from apiroutes import file_route\nRoute = file_route('/api/x', handlers={})\ndef handler(): ...",
        "has both `Route` and `handler`",
        "Keep one",
    ),
]


@pytest.mark.parametrize(("source", "message", "remedy"), MISTAKES)
def test_a_module_with_a_mistake_is_reported(tmp_path: Path, source: str, message: str, remedy: str) -> None:
    with pytest.raises(ProjectError) as caught:
        app_of(tmp_path, source)
    problem = caught.value.problems[0]
    assert message in problem.message
    assert remedy in problem.remedy


HELPERS = [
    "def handler(req, res): res.json(delete())\ndef delete(): return 1\n",
    "def GET(): return _get()\ndef _get(): return 1\n",
    "from operator import length_hint as post\ndef GET(): return 1\n",
    "import shelve as delete\ndef GET(): return 1\n",
]


@pytest.mark.parametrize("source", HELPERS)
def test_a_helper_may_have_a_methods_name(tmp_path: Path, source: str) -> None:
    assert call(app_of(tmp_path, source)).json() == 1


# -- TanStack's declared form

DECLARED = """
from apiroutes import file_route, json
def get(params): return json({{"user": params}}, status=201, headers={{"X-A": "1"}})
Route = file_route({path!r}, handlers={{"GET": get}})
"""


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("routes/api/users/$id.py", "/api/users/$id"),
        ("routes/api.users.$id.py", "/api/users/$id/"),
        ("pages/api/users/[id].py", "/api/users/$id"),
        ("pages/api/users/[id].py", "/api/users/[id]"),
    ],
)
def test_a_declared_route_is_one(tmp_path: Path, file: str, path: str) -> None:
    app = App(project(tmp_path, {file: DECLARED.format(path=path)}))
    answer = call(app, target="/api/users/7")
    assert (answer.status, answer.header("X-A"), answer.json()) == (201, "1", {"user": {"id": "7"}})
    assert call(app, "POST", "/api/users/7").status == 405


# -- answers that are returned

PREPARE = "from apiroutes import *\nimport datetime\n"


def returned(root: Path, value: str, **request: Any) -> Answer:
    return call(app_of(root, f"{PREPARE}def GET(): return {value}\n"), **request)


RETURNED = [
    ("json({'a': 1})", 200, "application/json; charset=utf-8", b'{"a":1}'),
    ("json([], status=201)", 201, "application/json; charset=utf-8", b"[]"),
    (
        "json(None, headers={'Content-Type': 'application/problem+json'})",
        200,
        "application/problem+json",
        b"null",
    ),
    ("text('é', 202)", 202, "text/plain; charset=utf-8", "é".encode()),
    ("html('<p>')", 200, "text/html; charset=utf-8", b"<p>"),
    ("redirect('/there')", 307, "text/plain; charset=utf-8", b"/there"),
    ("redirect('/there', 303)", 303, "text/plain; charset=utf-8", b"/there"),
    ("stream(['a', b'b'])", 200, "application/octet-stream", b"ab"),
    ("stream(c for c in 'ab')", 200, "application/octet-stream", b"ab"),
    ("stream(iter(()), 206, {'Content-Type': 'text/csv'})", 206, "text/csv", b""),
]


@pytest.mark.parametrize(("value", "status", "media_type", "content"), RETURNED)
def test_an_answer_can_be_returned(
    tmp_path: Path, value: str, status: int, media_type: str, content: bytes
) -> None:
    answer = returned(tmp_path, value)
    assert (answer.status, answer.header("Content-Type"), answer.body) == (status, media_type, content)


@pytest.mark.parametrize(
    "value", ["json(1, status=99)", "redirect('/', 200)", "text('x', headers={'A': '\\n'})"]
)
def test_an_answer_that_is_none_is_500(tmp_path: Path, value: str) -> None:
    assert returned(tmp_path, value).status == 500


ASYNC = (
    PREPARE
    + """
closed = []
async def numbers():
    try:
        for number in range(3):
            yield str(number)
    finally:
        closed.append(1)
def GET(query): return closed if "closed" in query else stream(numbers())
"""
)


def test_an_async_generator_can_be_returned(tmp_path: Path) -> None:
    source = "async def numbers():\n    yield 'a'\n    yield b'b'\nasync def GET(): return numbers()\n"
    assert call(app_of(tmp_path, source)).body == b"ab"


def test_an_async_generator_is_streamed_and_closed(tmp_path: Path) -> None:
    app = app_of(tmp_path, ASYNC)
    assert (call(app).body, call(app, target="/api/x?closed").json()) == (b"012", [1])


EVENTS = [
    ("'a'", b"data: a\n\n"),
    ("Event('a\\nb\\r\\nc')", b"data: a\ndata: b\ndata: c\n\n"),
    (
        "Event({'n': 1}, event='tick', id='7', retry=500)",
        b'id: 7\nevent: tick\nretry: 500\ndata: {"n":1}\n\n',
    ),
    ("Event()", b"data: \n\n"),
    ("None", b": keep-alive\n\n"),
]


@pytest.mark.parametrize(("event", "content"), EVENTS)
def test_an_event_is_written(tmp_path: Path, event: str, content: bytes) -> None:
    answer = returned(tmp_path, f"event_stream(iter([{event}]))")
    assert answer.body == content
    assert answer.header("Content-Type") == "text/event-stream; charset=utf-8"
    assert (answer.header("Cache-Control"), answer.header("X-Accel-Buffering")) == (
        "no-cache, no-transform",
        "no",
    )


@pytest.mark.parametrize(
    "event", ["Event(id='a\\nb')", "Event(event='a\\rdata: x')", "Event(id='\\0')", "comment('a\\nb')"]
)
def test_an_event_cannot_break_out_of_its_line(tmp_path: Path, event: str) -> None:
    assert returned(tmp_path, f"event_stream(str({event}) for _ in 'x')").status == 500


def test_a_comment_is_no_event(tmp_path: Path) -> None:
    assert returned(tmp_path, "stream([comment('still here')])").body == b": still here\n\n"


FILE = f"{PREPARE}def GET(): return file({{path!r}}, as_attachment=True, download_name='ü\"\\n.txt')\n"


def file_answer(root: Path, **request: Any) -> Answer:
    if not (root / "content.txt").exists():
        (root / "content.txt").write_bytes(b"0123456789")
    return call(app_of(root, FILE.format(path=str(root / "content.txt"))), **request)


def test_a_file_is_sent_with_a_safe_name(tmp_path: Path) -> None:
    answer = file_answer(tmp_path)
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"0123456789", "10")
    disposition = answer.header("Content-Disposition")
    assert disposition is not None
    assert "filename*=UTF-8''" in disposition
    assert "\n" not in disposition


def test_a_range_of_a_file_is_sent(tmp_path: Path) -> None:
    answer = file_answer(tmp_path, headers=[("Range", "bytes=2-4")])
    assert (answer.status, answer.body, answer.header("Content-Range")) == (206, b"234", "bytes 2-4/10")


def test_a_range_that_is_none_is_416(tmp_path: Path) -> None:
    assert file_answer(tmp_path, headers=[("Range", "bytes=20-")]).status == 416


def test_a_file_that_the_client_has_is_304(tmp_path: Path) -> None:
    etag = file_answer(tmp_path).header("ETag")
    assert etag is not None
    assert file_answer(tmp_path, headers=[("If-None-Match", etag)]).status == 304


def test_a_file_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    assert returned(tmp_path, "file('/nowhere/at/all')").status == 500


# file, path that its file_route says, with other settings
PATHS = [
    ("pages/api/posts/[id].py", "/api/posts/$id", {}),
    ("pages/api/posts/[id].py", "/api/posts/[id]", {}),
    ("pages/api/posts/[id].py", "/posts/$id", {}),
    ("pages/api/posts/[id].py", "/posts/[id]", {}),
    ("pages/api/posts/[id].py", "/api/posts/$id/", {}),
    ("pages/api/posts/[id].py", "/posts/$id/", {}),
    ("routes/api/posts/$id.py", "/posts/$id", {}),
    ("routes/api.posts.$id.py", "/api/posts/$id", {}),
    ("app/api/posts/[id]/route.py", "/posts/$id", {}),
    ("routes/api/posts/$.py", "/posts/$", {}),
    ("pages/api/posts/[...rest].py", "/posts/$", {}),
    ("pages/api/posts/[[...rest]].py", "/api/posts/[[...rest]]", {}),
    ("routes/api.py", "/api", {}),
    ("routes/api.py", "/api/", {}),
    ("routes/api.py", "/", {}),
    ("routes/api/posts/$id.py", "/rest/posts/$id", {"api_prefix": "/rest"}),
    ("routes/api/posts/$id.py", "/posts/$id", {"api_prefix": "/rest"}),
    ("routes/api/posts/$id.py", "/v1/api/posts/$id", {"base_path": "/v1"}),
    ("routes/api/posts/$id.py", "/api/posts/$id", {"base_path": "/v1"}),
    ("routes/api/posts/$id.py", "/posts/$id", {"base_path": "/v1"}),
    ("app/feed/route.py", "/feed", {}),
    ("app/feed/route.py", "/feed", {"base_path": "/v1"}),
]


@pytest.mark.parametrize(("file", "path", "settings"), PATHS)
def test_a_declared_path_is_the_files_with_the_prefix_or_without(
    tmp_path: Path, file: str, path: str, settings: dict[str, Any]
) -> None:
    assert App(project(tmp_path, {file: DECLARED.format(path=path)}), **settings).resources.keys() == {file}


@pytest.mark.parametrize(
    "path",
    [
        "/api/posts",
        "/posts/$slug",
        "posts/$id",
        "/api/posts/$id//",
        "//posts/$id",
        "/api/api/posts/$id",
        "",
        "/",
        1,
    ],
)
def test_any_other_path_is_a_start_error_with_its_line(tmp_path: Path, path: object) -> None:
    with pytest.raises(ProjectError) as caught:
        App(project(tmp_path, {"routes/api/posts/$id.py": DECLARED.format(path=path)}))
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("routes/api/posts/$id.py", 4)
    assert f"`Route` has the path {path!r}, but" in problem.message


STEPS = """
from apiroutes import file_route, use
def step(name):
    def middleware(req, res, next):
        res.append_header("X-In", name)
        next()
    return middleware
def get(): return 1
@use(step("used"))
def post(): return 2
"""
# what is given as `handlers`: marks of GET and of POST
GIVEN = [
    ("{'GET': get, 'POST': post}", ["route"], ["route", "used"]),
    (
        "{'GET': {'handler': get}, 'POST': {'middleware': [step('a'), step('b')], 'handler': post}}",
        ["route"],
        ["route", "a", "b", "used"],
    ),
    ("{'GET': {'middleware': step('a'), 'handler': get}, 'POST': post}", ["route", "a"], ["route", "used"]),
    ("lambda create_handlers: create_handlers({'GET': get, 'POST': post})", ["route"], ["route", "used"]),
    ("lambda *, create_handlers: create_handlers({'GET': get, 'POST': post})", ["route"], ["route", "used"]),
    (
        "lambda create_handlers: create_handlers({'GET': {'middleware': step('a'), 'handler': get}, "
        "'POST': post})",
        ["route", "a"],
        ["route", "used"],
    ),
    ("lambda create_handlers: {'GET': get, 'POST': post}", ["route"], ["route", "used"]),
]


@pytest.mark.parametrize(("handlers", "of_get", "of_post"), GIVEN)
def test_handlers_are_declared_in_all_of_tanstacks_ways(
    tmp_path: Path, handlers: str, of_get: list[str], of_post: list[str]
) -> None:
    source = f"{STEPS}Route = file_route('/x', middleware=[step('route')], handlers={handlers})\n"
    app = app_of(tmp_path, source)
    got, posted = call(app), call(app, "POST")
    assert (got.json(), got.all("X-In")) == (1, of_get)
    assert (posted.json(), posted.all("X-In")) == (2, of_post)
    assert call(app, "PUT").header("Allow") == "GET, HEAD, OPTIONS, POST"


# what is given as `handlers`, on line 3: the line that is named, what the message and the remedy say
WRONG_HANDLERS = [
    ("{'GET': 1}", 3, "`Route`'s GET is int, which cannot be called", "Give a function"),
    ("{'GET': {}}", 3, "`Route`'s GET has no 'handler'", '{"handler": function}'),
    ("{'GET': {'handler': None}}", 3, "`Route`'s GET is NoneType", "Give a function"),
    ("{'GET': {'handlr': get}}", 3, "`Route`'s GET has the unknown key 'handlr'", "Did you mean 'handler'?"),
    (
        "{'GET': {'handler': get, 'middlewares': []}}",
        3,
        "unknown key 'middlewares'",
        "Did you mean 'middleware'?",
    ),
    ("{'GET': {'handler': get, 'middleware': [1]}}", 3, "`Route`'s GET has 1, which", "list of functions"),
    ("{'GET': {'handler': get, 'middleware': get}}", 2, "has `get`, which takes ()", "list of functions"),
    ("{'get': get}", 3, "`Route` has a handler for 'get'", "GET, HEAD"),
    ("{1: get}", 3, "`Route` has a handler for 1", "GET, HEAD"),
    ("[get]", 3, "the handlers of `Route` are of type list, not a dict", "dict of methods"),
    ("None", 3, "the handlers of `Route` are of type NoneType, not a dict", "dict of methods"),
    ("lambda: {'GET': get}", 3, "that makes the handlers of `Route` takes ()", "create_handlers"),
    (
        "lambda create: create({'GET': get})",
        3,
        "that makes the handlers of `Route` takes (create)",
        "create_handlers",
    ),
    (
        "lambda create_handlers: None",
        3,
        "the handlers of `Route` are of type NoneType, not a dict",
        "create_handlers",
    ),
    ("lambda create_handlers: 1 / 0", 3, "failed: ZeroDivisionError", "Correct it"),
    ("lambda create_handlers: create_handlers()", 3, "failed: TypeError", "Correct it"),
    (
        "{'GET': lambda nothing: 1}",
        3,
        "`GET`: cannot tell where the parameter 'nothing' comes from",
        "Parameters are",
    ),
]


@pytest.mark.parametrize(("handlers", "line", "message", "remedy"), WRONG_HANDLERS)
def test_handlers_of_another_shape_are_a_start_error(
    tmp_path: Path, handlers: str, line: int, message: str, remedy: str
) -> None:
    source = "from apiroutes import file_route\ndef get(): ...\n"
    with pytest.raises(ProjectError) as caught:
        app_of(tmp_path, f"{source}Route = file_route('/x', handlers={handlers})\n")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("pages/api/x.py", line)
    assert message in problem.message
    assert remedy in problem.remedy


def test_a_coroutine_function_makes_no_handlers(tmp_path: Path) -> None:
    source = "from apiroutes import file_route\nasync def make(create_handlers): ...\n"
    with pytest.raises(ProjectError, match="the handlers of `Route` are of type coroutine, not a dict"):
        app_of(tmp_path, f"{source}Route = file_route('/x', handlers=make)\n")


def test_a_method_beside_a_declared_route_is_a_start_error(tmp_path: Path) -> None:
    source = "from apiroutes import file_route\ndef GET(): ...\ndef PUT(): ...\n"
    with pytest.raises(ProjectError) as caught:
        app_of(tmp_path, f"{source}Route = file_route('/x', handlers={{'GET': GET}})\n")
    (problem,) = caught.value.problems
    assert (problem.line, "has both `Route` and `PUT`" in problem.message) == (3, True)
