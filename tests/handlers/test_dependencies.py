"""What a dependency may be, and what it is called with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NewType, TypeVar

import pytest

from apiroutes import App, Depends
from tests.asgi_server import AsWSGI
from tests.start_reports import problems_of
from tests.support import app_of, call, project

HEAD = """
import contextlib, functools
from dataclasses import dataclass
from typing import Annotated, Optional
from apiroutes import ApiError, Depends
calls = []
"""

# Definitions of `made`, each of which has the value "n=5" for the query `n=5`.
WRAP = """
def wrap(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs): return f(*args, **kwargs)
    return wrapper
@wrap
"""
OBJECT = "class Made:\n    {}def __call__(self, n: int):\n        {} f'n={{n}}'\nmade = Made()"
METHOD = "class Maker:\n    {}\n    def make(self, n: int):\n        {} f'n={{n}}'\nmade = {}.make"
PARTIAL = "{}def make(text, n: int):\n    {} f'{{text}}={{n}}'\nmade = functools.partial(make, {})"
KINDS = {
    "function": "def made(n: int): return f'n={n}'",
    "async function": "async def made(n: int): return f'n={n}'",
    "generator": "def made(n: int):\n    yield f'n={n}'",
    "async generator": "async def made(n: int):\n    yield f'n={n}'",
    "class": "class made(str):\n    def __new__(cls, n: int): return str.__new__(cls, f'n={n}')",
    "instance": OBJECT.format("", "return"),
    "instance of a generator": OBJECT.format("", "yield"),
    "async instance": OBJECT.format("async ", "return"),
    "instance of an async generator": OBJECT.format("async ", "yield"),
    "bound method": METHOD.format("", "return", "Maker()"),
    "class method": METHOD.format("@classmethod", "return", "Maker"),
    "bound generator": METHOD.format("", "yield", "Maker()"),
    "partial": PARTIAL.format("", "return", "'n'"),
    "partial by name": PARTIAL.format("", "return", "text='n'"),
    "partial of a generator": PARTIAL.format("", "yield", "'n'"),
    "partial of an async generator": PARTIAL.format("async ", "yield", "'n'"),
    "context manager": "@contextlib.contextmanager\ndef made(n: int):\n    yield f'n={n}'",
    "async context manager": "@contextlib.asynccontextmanager\nasync def made(n: int):\n    yield f'n={n}'",
    "method of a context manager": METHOD.format("@contextlib.contextmanager", "yield", "Maker()"),
    "partial of a context manager": PARTIAL.format("@contextlib.contextmanager\n", "yield", "'n'"),
    "wrapped generator": f"{WRAP}def made(n: int):\n    yield f'n={{n}}'",
    "wrapped async function": f"{WRAP}async def made(n: int): return f'n={{n}}'",
    "wrapped async generator": f"{WRAP}async def made(n: int):\n    yield f'n={{n}}'",
    "function of a coroutine": "async def make(n): return f'n={n}'\ndef made(n: int): return make(n)",
    "parameters by name": "def made(*, n: int, request): return f'n={n}'",
    "a dataclass": "@dataclass\nclass Data:\n    n: int\n"
    "def made(data: Annotated[Data, Depends(Data)]): return f'n={data.n}'",
}


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("prefix", ["", "async "])
@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
@pytest.mark.parametrize("made", KINDS.values(), ids=KINDS)
def test_a_dependency_may_be_called_in_many_ways(
    tmp_path: Path, made: str, future: str, prefix: str, interface: str
) -> None:
    source = f"{future}{HEAD}{made}\n{prefix}def GET(made: Annotated[str, Depends(made)]): return [made]\n"
    app = app_of(tmp_path, source)
    answer = call(app if interface == "wsgi" else AsWSGI(app.asgi), target="/api/x?n=5")
    assert (answer.status, answer.json()) == (200, ["n=5"])


PARAMETERS = [
    ("request", "request.method"),
    ("req, res", "res.set_header('X-Set', '1') and req.method"),
    ("params", "params"),
    ("query", "query['n']"),
    ("context", "context"),
    ("id: int", "id"),
    ("id", "id"),
    ("n: int, m: int = 2", "[n, m]"),
    ("body", "body"),
    ("body: dict[str, int]", "body['a']"),
    ("*, n: int", "n"),
    ("n: int, /", "n"),
    ("*args, **kwargs", "[args, kwargs]"),
    ("_own={}, n: int = 1", "[_own, n]"),
    ("file: FileStorage | None = None", "file"),
]


@pytest.mark.parametrize("prefix", ["", "async "])
@pytest.mark.parametrize(("parameters", "value"), PARAMETERS)
def test_its_parameters_are_filled_like_a_handlers(
    tmp_path: Path, parameters: str, value: str, prefix: str
) -> None:
    head = f"from __future__ import annotations\n{HEAD}from werkzeug.datastructures import FileStorage\n"
    path = "/api/7?n=5"
    expected: dict[str, object] = {
        "request.method": "POST",
        "res.set_header('X-Set', '1') and req.method": "POST",
        "params": {"id": "7"},
        "query['n']": "5",
        "context": {},
        "id": 7 if "int" in parameters else "7",
        "[n, m]": [5, 2],
        "body": {"a": 1},
        "body['a']": 1,
        "n": 5,
        "[args, kwargs]": [[], {}],
        "[_own, n]": [{}, 5],
        "file": None,
    }
    source = f"{head}{prefix}def made({parameters}): return {value}\n"
    source += "def POST(made: Annotated[object, Depends(made)]): return {'made': made}\n"
    content = [("Content-Type", "application/json")]
    answer = call(app_of(tmp_path, source, "[id].py"), "POST", path, content, b'{"a": 1}')
    assert answer.json() == {"made": expected[value]}


@pytest.mark.parametrize("prefix", ["", "async "])
def test_it_is_called_once_for_a_request(tmp_path: Path, prefix: str) -> None:
    source = f"""{HEAD}
{prefix}def counted():
    calls.append(1)
    return len(calls)
def inner(n: Annotated[int, Depends(counted)]): return n
def GET(a: Annotated[int, Depends(inner)], b: Annotated[int, Depends(counted)],
        c: Annotated[int, Depends(counted, use_cache=False)], d: Annotated[int, Depends(counted)]):
    return [a, b, c, d]
"""
    app = app_of(tmp_path, source)
    assert call(app).json() == [1, 1, 2, 1]
    assert call(app).json() == [3, 3, 4, 3]


PAGES = {
    "dataclass": "@dataclass\nclass Page:\n    n: int = 1\n    def __post_init__(self):\n",
    "struct": "import msgspec\nclass Page(msgspec.Struct):\n    n: int = 1\n    def __post_init__(self):\n",
}


@pytest.mark.parametrize("prefix", ["", "async "])
@pytest.mark.parametrize("error", ["ValueError", "TypeError"])
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("taken", ["page: Annotated[Page, Depends(Page)]", "query: Page"])
def test_what_a_data_class_refuses_does_not_fit(
    tmp_path: Path, taken: str, page: str, error: str, prefix: str
) -> None:
    page += f"        if self.n < 1: raise {error}('n must be 1 or more')\n"
    app = app_of(tmp_path, f"{HEAD}{page}{prefix}def GET({taken}): return 1\n")
    answer = call(app, target="/api/x?n=0")
    assert (answer.status, call(app, target="/api/x?n=1").status) == (422, 200)
    assert "n must be 1 or more" in answer.text


def test_a_value_error_of_a_function_is_a_fault(tmp_path: Path) -> None:
    source = HEAD + "def page(n: int): raise ValueError\ndef GET(page: Annotated[int, Depends(page)]): ...\n"
    assert call(app_of(tmp_path, source), target="/api/x?n=0").status == 500


def test_a_method_is_cached_by_its_object(tmp_path: Path) -> None:
    source = f"""{HEAD}
class Counter:
    def __init__(self): self.n = 0
    def __eq__(self, other): return True
    def count(self):
        self.n += 1
        return self.n
one, two = Counter(), Counter()
def GET(a: Annotated[int, Depends(one.count)], b: Annotated[int, Depends(one.count)],
        c: Annotated[int, Depends(two.count)]): return [a, b, c]
"""
    assert call(app_of(tmp_path, source)).json() == [1, 1, 1]


def test_generators_of_two_scopes_are_two(tmp_path: Path) -> None:
    source = f"""{HEAD}
def counted():
    calls.append(1)
    yield len(calls)
def value():
    calls.append(1)
    return len(calls)
def GET(a: Annotated[int, Depends(counted)], b: Annotated[int, Depends(counted, scope="function")],
        c: Annotated[int, Depends(counted, scope="request")], d: Annotated[int, Depends(value)],
        e: Annotated[int, Depends(value, scope="function")]):
    return [a, b, c, d, e]
"""
    assert call(app_of(tmp_path, source)).json() == [1, 2, 1, 3, 3]


def test_what_a_partial_passes_is_no_parameter_of_a_request(tmp_path: Path) -> None:
    source = f"""{HEAD}
def require(role: str = "user"): return role
def GET(role: Annotated[str, Depends(functools.partial(require, role="admin"))]): return [role]
"""
    assert call(app_of(tmp_path, source), target="/api/x?role=guest").json() == ["admin"]


def test_more_generators_than_nested_blocks_are_entered_and_left(tmp_path: Path) -> None:
    source = HEAD + "def g0():\n    yield 0\n    calls.append(0)\n"
    for n in range(1, 60):
        source += (
            f"def g{n}(before: Annotated[int, Depends(g{n - 1})]):\n    yield {n}\n    calls.append({n})\n"
        )
    source += "def GET(n: Annotated[int, Depends(g59)]): return [n]\ndef POST(): return calls\n"
    app = app_of(tmp_path, source)
    assert call(app).json() == [59]
    assert call(app, "POST").json() == list(range(59, -1, -1))


def test_a_name_of_a_part_may_be_a_dependency(tmp_path: Path) -> None:
    source = f"{HEAD}def made(): return 'made'\n"
    source += "def GET(context: Annotated[str, Depends(made)], body: Annotated[str, Depends(made)] = None):\n"
    source += "    return [context, body]\n"
    assert call(app_of(tmp_path, source)).json() == ["made", "made"]


def test_a_guard_refuses_before_the_body_is_read(tmp_path: Path) -> None:
    source = f"""{HEAD}
def guard(): raise ApiError(401)
def POST(guard: Annotated[None, Depends(guard)], body): return body
def PUT(guard: Annotated[None, Depends(guard)], body: dict[str, int]): return body
"""
    app = app_of(tmp_path, source)
    for method in ("POST", "PUT"):
        answer = call(app, method, headers=[("Content-Type", "application/json")], body=b"{")
        assert answer.status == 401


# -- of directories and modules


def test_those_of_directories_and_the_module_come_first_from_the_outside_in(tmp_path: Path) -> None:
    note = "from apiroutes import Depends\n"
    note += "def {0}(request):\n    request.context.setdefault('n', []).append('{0}')\n"
    files = {
        "pages/api/_middleware.py": note.format("outer") + "dependencies = [Depends(outer)]\n",
        "pages/api/a/_middleware.py": note.format("inner") + "dependencies = [inner]\n"
        "def middleware(req, res, next):\n    req.context['n'] = ['mw']\n    next()\n",
        "pages/api/a/x.py": "from typing import Annotated\n"
        + note.format("module")
        + note.format("own")
        + "dependencies = (Depends(module),)\n"
        "def GET(context, own: Annotated[None, Depends(own)]): return context['n']\n",
    }
    app = App(project(tmp_path, files))
    assert call(app, target="/api/a/x").json() == ["mw", "outer", "inner", "module", "own"]
    assert call(app, "OPTIONS", "/api/a/x").status == 204
    assert call(app, "PUT", "/api/a/x").status == 405
    assert call(app, target="/api/a/y").status == 404


def test_one_of_a_directory_is_cached_with_the_handlers_own(tmp_path: Path) -> None:
    (tmp_path / "lib_of_directory.py").write_text(
        "calls = []\ndef user():\n    calls.append(1)\n    return 'ada'\n"
    )
    files = {
        "pages/api/_middleware.py": "from lib_of_directory import user\ndependencies = [user]\n",
        "pages/api/x.py": "from typing import Annotated\nfrom apiroutes import Depends\n"
        "from lib_of_directory import calls, user\n"
        "def GET(user: Annotated[str, Depends(user)]): return [user, len(calls)]\n",
    }
    assert call(App(project(tmp_path, files))).json() == ["ada", 1]


# -- mistakes

GET = "def GET({}): ..."
MISTAKES = [
    (
        GET.format("db: Annotated[int, Depends()]"),
        "`Depends()` of 'db' has no function",
        "Annotated[int, Depends(function)]",
    ),
    (GET.format("db: Depends(print)"), "without a type", "Write `db: Annotated[Any, Depends(print)]`"),
    (GET.format("db: Depends"), "without a type", "Write `db: Annotated[Any, Depends(function)]`"),
    (GET.format("db"), "where the parameter 'db' comes from", "Depends(function)"),
    (
        "import sqlite3\n" + GET.format("db: sqlite3.Connection"),
        "is not a schema",
        "write a function that makes one, and `db: Annotated[Connection, Depends(function)]`",
    ),
    (GET.format("db: Annotated[int, Depends]"), "has no function", "Annotated[int, Depends(function)]"),
    (
        GET.format("db: int = Depends(print)"),
        "is the default of 'db'",
        "Write `db: Annotated[int, Depends(print)]`",
    ),
    (GET.format("db=Depends(print)"), "is the default of 'db'", "Write `db: Annotated[Any, Depends(print)]`"),
    (GET.format("db: Annotated[int, Depends(print), Depends(len)]"), "two `Depends`", "Keep one"),
    (
        GET.format("db: Optional[Annotated[int, Depends(print)]]"),
        "inside its type",
        "Annotated[... | None",
    ),
    (
        "def one(a): ...\n" + GET.format("x: Annotated[int, Depends(one)]"),
        "`GET`: `one` (pages/api/x.py:7): cannot tell where the parameter 'a' comes from",
        "",
    ),
    (
        "def one(n: object()): ...\ndef two(x: Annotated[int, Depends(one)]): ...\n"
        + GET.format("x: Annotated[int, Depends(two)]"),
        "`two` (pages/api/x.py:8) -> `one` (pages/api/x.py:7): the annotation",
        "",
    ),
    (
        "def one(x: 'Annotated[int, Depends(two)]'): ...\ndef two(x: Annotated[int, Depends(one)]): ...\n"
        + GET.format("x: Annotated[int, Depends(two)]"),
        "itself: `two` (pages/api/x.py:8) -> `one` (pages/api/x.py:7) -> `two` (pages/api/x.py:8)",
        "third function",
    ),
    (
        "def one():\n    yield\ndef two(x: Annotated[int, Depends(one, scope='function')]):\n    yield\n"
        + GET.format("x: Annotated[int, Depends(two)]"),
        "`two` (pages/api/x.py:9): it is open until a stream ends, and depends on `one`",
        'scope="function"',
    ),
    (
        "def one():\n    yield\ndef two(x: Annotated[int, Depends(one, scope='function')]): ...\n"
        "def three(x: Annotated[int, Depends(two)]):\n    yield\n"
        + GET.format("x: Annotated[int, Depends(three)]"),
        "it is open until a stream ends, and depends on `one`",
        'scope="function"',
    ),
    (
        "def wrap(f):\n    @functools.wraps(f)\n    def w(): return f()\n    return w\n"
        "@wrap\n@contextlib.contextmanager\ndef one():\n    yield\n"
        + GET.format("x: Annotated[int, Depends(one)]"),
        "makes a context manager",
        "Remove `contextmanager`",
    ),
    (
        "dependencies = Depends(print)\n" + GET.format(""),
        "`dependencies` is of type Depends, not a list",
        "[Depends(",
    ),
    (
        "dependencies = [5]\n" + GET.format(""),
        "`dependencies` has a int, which cannot be called",
        "[Depends(",
    ),
    ("dependencies = [Depends()]\n" + GET.format(""), "a `Depends()` without a function", "[Depends("),
    (
        "import fastapi\n" + GET.format("db: Annotated[int, fastapi.Depends(print)]"),
        "`Depends` is FastAPI's",
        "Write `db: Annotated[int, Depends(print)]`, with `from apiroutes import Depends`",
    ),
    (
        "import fastapi\ndef one(db: Annotated[int, fastapi.Depends(print)]): ...\n"
        + GET.format("db: Annotated[int, Depends(one)]"),
        "`one` (pages/api/x.py:8): nothing fills the parameter 'db': `Depends` is FastAPI's",
        "from apiroutes import Depends",
    ),
    (
        "import fastapi\ndependencies = [fastapi.Depends(print)]\n" + GET.format(""),
        "`dependencies` has FastAPI's `Depends`",
        "Write `Depends(print)`",
    ),
]


USER = "def user(request): raise ApiError(401)\nUser = Annotated[str, Depends(user)]\n"
GUARD = "class Guard:\n    def __init__(self, role='x'): ...\n    def __call__(self): raise ApiError(403)\n"
# What a missing `Depends`, or a type in its place, would let through.
UNGUARDED = [
    (USER + GET.format("x: Annotated[str, user]"), "nothing calls the function `user`", "Depends(user)]`"),
    (USER + GET.format("req: Annotated[str, user]"), "nothing calls the function `user`", "Depends(user)]`"),
    (
        USER + "def one(x: Annotated[str, user]): ...\n" + GET.format("x: Annotated[int, Depends(one)]"),
        "`one` (pages/api/x.py:9): nothing calls the function `user` in the annotation of 'x'",
        "`x: Annotated[str, Depends(user)]`",
    ),
    (GET.format("x: Annotated[str, lambda: 1]"), "nothing calls the function `<lambda>`", "Depends("),
    (GUARD + GET.format("x: Annotated[str, Guard]"), "nothing calls the class `Guard`", "Depends(Guard)]`"),
    (GUARD + GET.format("x: Annotated[str, Guard()]"), "nothing calls the object", "Depends(Guard(...))]`"),
    (
        USER + GET.format("x: Annotated[str, Depends(user), print]"),
        "nothing calls the object `print`",
        "Depends(",
    ),
    (
        "from pydantic import Field\n" + GET.format("x: Annotated[str, Field]"),
        "nothing calls the function `Field`",
        "Call it: `Field(...)`",
    ),
    (
        f"{GUARD}dependencies = [Guard]\n" + GET.format(""),
        "the class `Guard`, whose objects can be called",
        "Write `Depends(Guard(...))`",
    ),
    (
        f"{GUARD}dependencies = [Depends(Guard)]\n" + GET.format(""),
        "the class `Guard`, whose objects can be called",
        "Write `Depends(Guard(...))`",
    ),
    (USER + "dependencies = [str]\n" + GET.format(""), "was given `str`, a built-in type", "[Depends("),
    (
        USER + "dependencies = [Annotated[str, user]]\n" + GET.format(""),
        "was given an `Annotated` without a `Depends`",
        "[Depends(",
    ),
    (USER + "dependencies = [list[int]]\n" + GET.format(""), "the type `list[int]`", "[Depends("),
    (USER + "dependencies = [Optional[int]]\n" + GET.format(""), "was given the type", "[Depends("),
]


@pytest.mark.parametrize(("source", "message", "remedy"), MISTAKES + UNGUARDED)
def test_a_mistake_is_told_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str, remedy: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": HEAD + source + "\n"})
    assert message in problem.message
    assert remedy in problem.remedy
    assert problem.file == "pages/api/x.py"
    assert problem.line is not None


def test_one_in_a_directorys_file_is_told_there(tmp_path: Path) -> None:
    files = {"pages/api/_middleware.py": "\ndependencies = 5\n", "pages/api/x.py": "def GET(): ...\n"}
    (problem, *_) = problems_of(tmp_path, files)
    assert (problem.file, problem.line) == ("pages/api/_middleware.py", 2)


@pytest.mark.parametrize(
    "source", ["dependancies = [user]", "depends = [User]", "dependency = Depends(user)"]
)
def test_a_misnamed_guard_of_a_directory_is_told_at_start(tmp_path: Path, source: str) -> None:
    files = {"pages/api/_middleware.py": f"{HEAD}{USER}{source}\n", "pages/api/x.py": "def GET(): ...\n"}
    (problem,) = problems_of(tmp_path, files)
    assert f"`{source.partition(' ')[0]}` never runs" in problem.message


def test_an_alias_stands_for_its_depends(tmp_path: Path) -> None:
    files = {
        "users.py": f"{HEAD}{USER}",
        "pages/api/_middleware.py": "from users import User\ndependencies = [User]\n",
        "pages/api/x.py": "def GET(): return 'secret'\n",
    }
    assert call(App(project(tmp_path, files))).status == 401


def test_constraints_of_schemas_are_no_forgotten_dependencies(tmp_path: Path) -> None:
    source = (
        "from typing import Annotated\nimport annotated_types, msgspec, pydantic\n"
        "class Even:\n    @classmethod\n    def __get_pydantic_core_schema__(cls, source, handler):\n"
        "        return handler(source)\n"
        "def GET(a: Annotated[int, annotated_types.Gt(1)], b: Annotated[int, msgspec.Meta(gt=1)],\n"
        "        c: Annotated[int, pydantic.Field(gt=1)], d: Annotated[int, pydantic.Strict],\n"
        "        e: Annotated[int, Even], f: Annotated[int, 'text']): return 1\n"
    )
    App(project(tmp_path, {"pages/api/x.py": source}))


TYPES: list[Any] = [
    str,
    object,
    list[int],
    Annotated[str, print],
    int | None,
    Any,
    NewType("Id", int),
    TypeVar("T"),
]


@pytest.mark.parametrize(
    "dependency", [*TYPES, Annotated[str, print], Annotated[str, Depends(print)], Depends(print), Depends]
)
def test_depends_takes_no_types_of_python(dependency: Any) -> None:
    with pytest.raises(TypeError, match="write"):
        Depends(dependency)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"dependency": 5}, TypeError), ({"dependency": print, "scope": "app"}, ValueError)],
)
def test_depends_refuses_what_means_nothing(arguments: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error, match="Depends"):
        Depends(**arguments)  # type: ignore[arg-type]


MIDDLEWARE = {
    "a limit": "rate_limit('1/hour')",
    "cors": "cors('*')",
    "csrf": "csrf()",
    "its own": "own",
}


@pytest.mark.parametrize("step", MIDDLEWARE.values(), ids=MIDDLEWARE)
def test_middleware_is_no_dependency(tmp_path: Path, step: str) -> None:
    source = f"""
from apiroutes import Depends
from apiroutes.middleware import cors, csrf, rate_limit
def own(req, res, next): return next()
dependencies = [Depends({step})]
def GET(): return 1
"""
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": source})
    assert problem.line == 5
    assert "which is middleware: write it into `middleware = [...]`, or above the handler as `@use(...)`" in (
        problem.message
    )
