"""The parameters of a handler: what each takes of a request, by its name and its annotation."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App, ProjectError
from tests.support import app_of, call, project
from tests.typed_handlers import mismatches, post, typed_app

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
def test_a_wrapped_function_gets_the_parameters_that_it_takes(tmp_path: Path, source: str) -> None:
    assert call(app_of(tmp_path, source, "[id].py"), target="/api/1").json() == {"id": "1"}


# -- path and query


PATH = [
    ("id: int", "5", ["5"]),
    ("id", "5", ["'5'"]),
    (
        "id: uuid.UUID",
        "0af76519-16cd-43dd-8448-eb211c80319c",
        ["UUID('0af76519-16cd-43dd-8448-eb211c80319c')"],
    ),
    ("id: Color", "blue", ["<Color.blue: 'blue'>"]),
    ("id: datetime.date", "2026-11-21", ["datetime.date(2026, 11, 21)"]),
]


@pytest.mark.parametrize(("parameter", "segment", "seen"), PATH)
def test_a_parameter_of_the_path_is_converted(
    tmp_path: Path, parameter: str, segment: str, seen: list[str]
) -> None:
    app = typed_app(tmp_path, f"def GET({parameter}): return show(id)", "[id].py")
    assert call(app, target=f"/api/{segment}").json() == seen


CATCH_ALLS = [
    ("[...path].py", "path: list[str]", "/api/a/b", ["['a', 'b']"]),
    ("[...path].py", "path: list[int]", "/api/1", ["[1]"]),
    ("[...path].py", "path", "/api/a", ["['a']"]),
    ("[[...path]].py", "path: list[str]", "/api", ["[]"]),
    ("[[...path]].py", "path: list[str] | None = None", "/api", ["None"]),
]


@pytest.mark.parametrize(("file", "parameter", "target", "seen"), CATCH_ALLS)
def test_a_catch_all_is_a_list(
    tmp_path: Path, file: str, parameter: str, target: str, seen: list[str]
) -> None:
    app = typed_app(tmp_path, f"def GET({parameter}): return show(path)", file)
    assert call(app, target=target).json() == seen


QUERY = [
    ("page: int = 1", "", ["1"]),
    ("page: int = 1", "page=5", ["5"]),
    ("page: int", "page=5&other=1", ["5"]),
    ("page: bool", "page=true", ["True"]),
    ("page: bool", "page=0", ["False"]),
    ("page: float | None = None", "", ["None"]),
    ("page: Optional[float] = None", "page=1.5", ["1.5"]),
    ("page: decimal.Decimal", "page=1.50", ["Decimal('1.50')"]),
    ("page: list[int]", "page=1", ["[1]"]),
    ("page: list[int]", "page=1&page=2", ["[1, 2]"]),
    ("page: list[int] = []", "", ["[]"]),
    ("page: set[Color]", "page=red", ["{<Color.red: 'red'>}"]),
    ("page: Literal['a', 'b']", "page=a", ["'a'"]),
    (
        "page: datetime.datetime",
        "page=2026-11-21T10:00:00Z",
        ["datetime.datetime(2026, 11, 21, 10, 0, tzinfo"],
    ),
    ("*, page: str", "page=a%20b", ["'a b'"]),
    ("page: str, /", "page=a", ["'a'"]),
    ("page: Annotated[int, msgspec.Meta(ge=1, description='The page.')] = 1", "page=5", ["5"]),
    ("page: Annotated[list[int], msgspec.Meta(examples=[[1]])]", "page=5", ["[5]"]),
]


@pytest.mark.parametrize(("parameter", "query", "seen"), QUERY)
def test_a_parameter_of_the_query_is_converted(
    tmp_path: Path, parameter: str, query: str, seen: list[str]
) -> None:
    app = typed_app(tmp_path, f"def GET({parameter}): return show(page)")
    assert call(app, target=f"/api/x?{query}").json()[0].startswith(seen[0])


def test_the_whole_path_and_query_may_have_types(tmp_path: Path) -> None:
    app = typed_app(
        tmp_path,
        """
        class Search(msgspec.Struct, forbid_unknown_fields=True):
            q: str
            page: int = 1
        class Id(msgspec.Struct):
            id: int
        def GET(params: Id, query: Search): return show(params, query)
    """,
        "[id].py",
    )
    assert call(app, target="/api/5?q=a").json() == ["Id(id=5)", "Search(q='a', page=1)"]
    assert mismatches(call(app, target="/api/5?page=x&z=1")) == [
        ("query.q", "is required"),
        ("query.page", "Expected `int`, got `str`"),
        ("query.z", "is not known"),
    ]


# -- files


UPLOAD = (
    b'--B\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nabc\r\n'
    b'--B\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--B--\r\n'
)

FILES = [
    ("f: UploadFile", "f.filename, f.read()", ["'a'", "b'abc'"]),
    ("f: list[UploadFile]", "[file.filename for file in f]", ["['a']"]),
    ("f: UploadFile, body: Point", "f.filename, body", ["'a'", "Point(x=1, y=0)"]),
    ("g: UploadFile | None = None", "g", ["None"]),
    ("g: UploadFile | None", "g", ["None"]),
    ("g: list[UploadFile] = []", "g", ["[]"]),
]


@pytest.mark.parametrize(("parameters", "shown", "seen"), FILES)
def test_an_upload_may_be_a_parameter(tmp_path: Path, parameters: str, shown: str, seen: list[str]) -> None:
    app = typed_app(tmp_path, f"def POST({parameters}): return show({shown})")
    assert post(app, UPLOAD, [("Content-Type", "multipart/form-data; boundary=B")]).json() == seen


def test_a_missing_upload_is_reported(tmp_path: Path) -> None:
    app = typed_app(tmp_path, "def POST(g: UploadFile, h: list[UploadFile]): ...")
    answer = post(app, UPLOAD, [("Content-Type", "multipart/form-data; boundary=B")])
    assert mismatches(answer) == [("files.g", "is required"), ("files.h", "is required")]


# -- annotations and mistakes in them


def test_annotations_of_a_plain_handler_need_not_exist(tmp_path: Path) -> None:
    handler = "def GET(req: 'Missing', res: 'Missing') -> 'Missing': res.json(1)"
    assert call(typed_app(tmp_path, handler)).status == 200


def test_annotations_may_be_strings(tmp_path: Path) -> None:
    app = App(
        project(
            tmp_path,
            {
                "pages/api/x.py": (
                    "from __future__ import annotations\nimport msgspec\n"
                    "class A(msgspec.Struct):\n    b: B\n"
                    "class B(msgspec.Struct):\n    c: int\n"
                    "def POST(body: A, page: int = 1): return {'c': body.b.c}\n"
                )
            },
        )
    )
    assert post(app, {"b": {"c": 5}}).json() == {"c": 5}
    assert mismatches(post(app, {"b": {}})) == [("body.b.c", "is required")]


OFF = "config = {'api': {'bodyParser': False}}\n"

MISTAKES = [
    ("def POST(body: object()): ...", "x.py", "not a schema|cannot be"),
    ("class Plain: ...\ndef POST(body: Plain): ...", "x.py", "Plain cannot be checked"),
    ("def POST(body: list[type(show)]): ...", "x.py", "cannot be checked"),
    ("def POST(body: 'Missing'): ...", "x.py", "'Missing', cannot be evaluated"),
    ("def GET(page: 'Missing'): ...", "x.py", "'Missing', cannot be evaluated"),
    ("def GET(req: 'Request[Missing]', res): ...", "x.py", "cannot be evaluated"),
    ("def GET(point: Point): ...", "x.py", "'point' of the query must be a number"),
    ("def GET(page): ...", "x.py", "cannot tell where the parameter 'page' comes from"),
    ("def GET(page: int = 'x'): ...", "x.py", "default of 'page', 'x', does not fit"),
    ("def GET(page: int = None): ...", "x.py", "default of 'page', None, does not fit"),
    ("def GET(params: Point): ...", "[id].py", "the path has no parameter 'x'"),
    ("def GET(id: list[str]): ...", "[id].py", "'id' of the path must be a single value"),
    ("def GET(path: str): ...", "[...path].py", "'path' of the path must be a list"),
    ("def POST(req: Request[Point], body: Point): ...", "x.py", "the body is declared twice"),
    (OFF + "def POST(body: Point): ...", "x.py", "takes the body as a type, but config"),
    (OFF + "def POST(f: UploadFile): ...", "x.py", "takes the body as a type, but config"),
]


@pytest.mark.parametrize(("handler", "file", "message"), MISTAKES)
def test_a_mistake_in_a_signature_is_a_start_error_with_its_line(
    tmp_path: Path, handler: str, file: str, message: str
) -> None:
    with pytest.raises(ProjectError, match=message) as caught:
        typed_app(tmp_path, handler, file)
    [problem] = caught.value.problems
    assert problem.line is not None
    assert problem.file == f"pages/api/{file}"


def test_a_parameter_that_nothing_fills_is_marked(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        app_of(tmp_path, "def GET(req, requst): ...\n")
    (problem,) = caught.value.problems
    assert problem.source is not None
    assert problem.source[slice(*problem.span or (0, 0))] == "requst"
