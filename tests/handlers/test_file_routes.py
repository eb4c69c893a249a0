"""TanStack's declared routes: `Route = file_route(path, handlers=..., middleware=...)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError
from tests.support import app_of, call, project

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
def test_a_declared_route_is_served(tmp_path: Path, file: str, path: str) -> None:
    app = App(project(tmp_path, {file: DECLARED.format(path=path)}))
    answer = call(app, target="/api/users/7")
    assert (answer.status, answer.header("X-A"), answer.json()) == (201, "1", {"user": {"id": "7"}})
    assert call(app, "POST", "/api/users/7").status == 405


# a file, the path that its file_route declares, and settings
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
def test_the_declared_path_is_the_files_with_or_without_a_prefix(
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
def test_any_other_declared_path_is_a_start_error_with_its_line(tmp_path: Path, path: object) -> None:
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

# `handlers`, and the middleware that runs for GET and for POST
DECLARATIONS = [
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


@pytest.mark.parametrize(("handlers", "of_get", "of_post"), DECLARATIONS)
def test_handlers_may_be_declared_in_each_of_tanstacks_ways(
    tmp_path: Path, handlers: str, of_get: list[str], of_post: list[str]
) -> None:
    source = f"{STEPS}Route = file_route('/x', middleware=[step('route')], handlers={handlers})\n"
    app = app_of(tmp_path, source)
    of_get_request, of_post_request = call(app), call(app, "POST")
    assert (of_get_request.json(), of_get_request.all("X-In")) == (1, of_get)
    assert (of_post_request.json(), of_post_request.all("X-In")) == (2, of_post)
    assert call(app, "PUT").header("Allow") == "GET, HEAD, OPTIONS, POST"


# `handlers` on line 3, and the line, message and remedy of the problem
WRONG_HANDLERS = [
    ("{'GET': 1}", 3, "`Route`'s GET is of type int, which cannot be called", "Give a function"),
    ("{'GET': {}}", 3, "`Route`'s GET has no 'handler'", '{"handler": function}'),
    ("{'GET': {'handler': None}}", 3, "`Route`'s GET is of type NoneType", "Give a function"),
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
def test_handlers_declared_in_another_way_are_a_start_error(
    tmp_path: Path, handlers: str, line: int, message: str, remedy: str
) -> None:
    source = "from apiroutes import file_route\ndef get(): ...\n"
    with pytest.raises(ProjectError) as caught:
        app_of(tmp_path, f"{source}Route = file_route('/x', handlers={handlers})\n")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("pages/api/x.py", line)
    assert message in problem.message
    assert remedy in problem.remedy


def test_a_coroutine_function_cannot_make_the_handlers(tmp_path: Path) -> None:
    source = "from apiroutes import file_route\nasync def make(create_handlers): ...\n"
    with pytest.raises(ProjectError, match="the handlers of `Route` are of type coroutine, not a dict"):
        app_of(tmp_path, f"{source}Route = file_route('/x', handlers=make)\n")


def test_a_method_beside_a_declared_route_is_a_start_error(tmp_path: Path) -> None:
    source = "from apiroutes import file_route\ndef GET(): ...\ndef PUT(): ...\n"
    with pytest.raises(ProjectError) as caught:
        app_of(tmp_path, f"{source}Route = file_route('/x', handlers={{'GET': GET}})\n")
    (problem,) = caught.value.problems
    assert (problem.line, "has both `Route` and `PUT`" in problem.message) == (3, True)
