"""The exports of a route module: one `handler`, or one function for each method; and mistakes in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App, ProjectError
from tests.start_reports import warnings_of
from tests.support import app_of, call

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
def test_each_method_is_answered_by_its_function(
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
def test_a_modules_own_head_or_options_replaces_the_built_in_one(
    tmp_path: Path, method: str, content: bytes
) -> None:
    answer = call(app_of(tmp_path, OWN), method)
    assert (answer.status, answer.body) == (200, content)
    assert answer.header("X-Own") == ("1" if method == "HEAD" else None)


def test_head_needs_get(tmp_path: Path) -> None:
    answer = call(app_of(tmp_path, "def POST(): return {}"), "HEAD")
    assert (answer.status, answer.header("Allow")) == (405, "OPTIONS, POST")


MISTAKES = [
    (
        "def GET(id): ...",
        "`GET`: cannot tell where the parameter 'id' comes from",
        "request, req, response, res, params",
    ),
    ("def handler(req, res, limit=1): ...", "cannot tell where the parameter 'limit' comes from", "context"),
    ("GET = 1", "`GET` is of type int, which cannot be called", "def GET(req, res)"),
    ("def handler(): ...\ndef GET(): ...", "has both `handler` and GET", "or call it `_handler`"),
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
def test_a_mistake_in_a_module_is_a_start_error(
    tmp_path: Path, source: str, message: str, remedy: str
) -> None:
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


# Whether a context of Flask's is around a handler is known when it runs: the error page has the hint.
@pytest.mark.parametrize(
    "source",
    [
        "from flask import request\ndef GET(): return request.args",
        "from flask import jsonify\ndef GET(): return jsonify(a=1)",
        "from flask import session\ndef GET(): return session['a']",
        "from flask import request, Flask\napp = Flask('a')\n@app.get('/')\ndef view(): return request.args\n"
        "def handler(req, res): return app",
        "from flask import abort\ndef GET(): abort(404)",
        "from flask import request\ndef GET(request): return request.query",
    ],
)
def test_flasks_names_are_no_mistake_at_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    app_of(tmp_path, source + "\n")
    assert not caplog.records


# -- types that a text of a URL fits in another way than it says

UNIONS = ["id: int | str", "id: str | int", "id: float | str | None = None", "page: bool | str = True"]


@pytest.mark.parametrize("parameter", UNIONS)
def test_a_type_that_is_always_text_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, parameter: str
) -> None:
    source = f"x = 1\ndef GET({parameter}): return type(id).__name__\n"
    (warning,) = warnings_of(tmp_path, {"pages/api/[id].py": source}, caplog)
    name, _, annotation = parameter.partition(" = ")[0].partition(": ")
    assert warning.startswith(f"pages/api/[id].py:2 `{name}: {annotation}` of `GET` is always a str")


@pytest.mark.parametrize("parameter", ["id: int", "id: str | None", "id: int | None", "body: int | str"])
def test_other_types_are_not_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, parameter: str
) -> None:
    source = f"def POST({parameter}): return 1\n"
    assert warnings_of(tmp_path, {"pages/api/[id].py": source}, caplog) == []
