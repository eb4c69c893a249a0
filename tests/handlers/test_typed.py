"""Annotations are the schema: what a handler takes by its types, and what does not fit."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App, ProjectError
from apiroutes.schemas import DoesNotFit, schema_of
from apiroutes.schemas.search import Search
from tests.support import Answer, app_of, call, project

HEAD = """
import dataclasses, datetime, decimal, enum, uuid
from typing import Annotated, Any, Literal, Optional, TypedDict
import msgspec
from apiroutes import Request, Response, UploadFile, json


class Color(enum.Enum):
    red = "red"
    blue = "blue"


class Item(msgspec.Struct):
    price: float
    color: Color = Color.red


class Order(msgspec.Struct):
    name: str
    items: list[Item] = []
    note: str | None = None


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Named(TypedDict):
    name: str


def show(*values):
    return json([repr(value) for value in values])


"""


def typed(root: Path, handler: str, name: str = "x.py", **settings: Any) -> App:
    return app_of(root, HEAD + textwrap.dedent(handler), name, **settings)


def post(app: App, value: Any, headers: list[tuple[str, str]] | None = None) -> Answer:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return call(app, "POST", "/api/x", headers or [("Content-Type", "application/json")], body)


def faults(answer: Answer) -> list[tuple[str, str]]:
    assert answer.status == 422
    assert answer.header("Content-Type") == "application/problem+json"
    return [(fault["place"], fault["message"]) for fault in answer.json()["errors"]]


# -- the body

BODIES = [
    (
        "Order",
        {"name": "a", "items": [{"price": 1}]},
        "Order(name='a', items=[Item(price=1.0, color=<Color.red",
    ),
    ("Point", {"x": 1}, "Point(x=1, y=0)"),
    ("Named", {"name": "a"}, "{'name': 'a'}"),
    ("list[Point]", [{"x": 1}], "[Point(x=1, y=0)]"),
    ("dict[str, int]", {"a": 1}, "{'a': 1}"),
    ("Point | None", None, "None"),
    ("datetime.date", "2026-11-21", "datetime.date(2026, 11, 21)"),
    ("Literal['a', 1]", 1, "1"),
    ("Annotated[int, msgspec.Meta(ge=1)]", 1, "1"),
    ("Any", {"a": 1}, "{'a': 1}"),
    ("dict", {"a": 1}, "{'a': 1}"),
]


@pytest.mark.parametrize(("annotation", "sent", "seen"), BODIES)
def test_a_json_body_is_of_its_type(tmp_path: Path, annotation: str, sent: Any, seen: str) -> None:
    answer = post(typed(tmp_path, f"def POST(body: {annotation}): return show(body)"), sent)
    assert answer.json()[0].startswith(seen)


def test_a_coroutine_takes_types_too(tmp_path: Path) -> None:
    assert post(typed(tmp_path, "async def POST(body: Point): return show(body)"), {"x": 1}).status == 200


@pytest.mark.parametrize(
    "parameters", ["req: Request[Point], res", "req: 'Request[Point]', res: Response[dict]"]
)
def test_a_request_has_the_type_of_its_body(tmp_path: Path, parameters: str) -> None:
    app = typed(tmp_path, f"def POST({parameters}): res.json(repr(req.body))")
    assert post(app, {"x": 1}).json() == "Point(x=1, y=0)"
    assert faults(post(app, {"x": "1"})) == [("body.x", "Expected `int`, got `str`")]


FORMS = [
    ("application/x-www-form-urlencoded", b"x=1&y=2"),
    (
        "multipart/form-data; boundary=B",
        b'--B\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'
        b'--B\r\nContent-Disposition: form-data; name="y"\r\n\r\n2\r\n--B--\r\n',
    ),
]


@pytest.mark.parametrize(("content_type", "content"), FORMS)
def test_the_texts_of_a_form_are_converted(tmp_path: Path, content_type: str, content: bytes) -> None:
    app = typed(tmp_path, "def POST(body: Point): return show(body)")
    assert post(app, content, [("Content-Type", content_type)]).json() == ["Point(x=1, y=2)"]


def test_one_value_of_a_form_is_a_list_where_one_is_wanted(tmp_path: Path) -> None:
    app = typed(
        tmp_path, "class Tags(msgspec.Struct):\n    tag: set[int]\ndef POST(body: Tags): return show(body)"
    )
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    assert post(app, b"tag=1", headers).json() == ["Tags(tag={1})"]
    assert post(app, b"tag=1&tag=2", headers).json() == ["Tags(tag={1, 2})"]


NO_INT = "Expected `int`, got `str`"
WRONG: list[tuple[str, Any, list[tuple[str, str]]]] = [
    ("Point", {}, [("body.x", "is required")]),
    (
        "Point",
        {"x": "1", "y": None},
        [("body.x", "Expected `int`, got `str`"), ("body.y", "Expected `int`, got `null`")],
    ),
    ("Point", [1], [("body", "Expected `object`, got `array`")]),
    ("Point", None, [("body", "Expected `object`, got `null`")]),
    (
        "Order",
        {"name": 1, "items": [{"price": 1}, {}, {"price": "s3cr3t", "color": "s3cr3t"}, 5], "note": 5},
        [
            ("body.name", "Expected `str`, got `int`"),
            ("body.items[1].price", "is required"),
            ("body.items[2].price", "Expected `float`, got `str`"),
            ("body.items[2].color", "Expected one of `red`, `blue`"),
            ("body.items[3]", "Expected `object`, got `int`"),
            ("body.note", "Expected `str | null`, got `int`"),
        ],
    ),
    ("list[Point]", [{"x": 1}, {}], [("body[1].x", "is required")]),
    (
        "dict[str, Point]",
        {"a": {}, "b": 1},
        [("body.a.x", "is required"), ("body.b", "Expected `object`, got `int`")],
    ),
    ("Point | None", {"x": ""}, [("body.x", "Expected `int`, got `str`")]),
    ("Named", {}, [("body.name", "is required")]),
    ("Literal['a', 'b']", "s3cr3t", [("body", "Expected one of `a`, `b`")]),
    ("Annotated[int, msgspec.Meta(ge=1)]", 0, [("body", "Expected `int` >= 1")]),
    (
        "Annotated[list[int], msgspec.Meta(max_length=1)]",
        ["a", 2],
        [("body[0]", "Expected `int`, got `str`")],
    ),
    (
        "Annotated[list[int], msgspec.Meta(max_length=1)]",
        [1, 2],
        [("body", "Expected `array` of length <= 1")],
    ),
    (
        "list[int] | dict[str, int] | None",
        [1, "a", 2, "b"],
        [("body[1]", NO_INT), ("body[3]", NO_INT)],
    ),
    ("list[int] | dict[str, int]", {"a": "b", "c": ""}, [("body.a", NO_INT), ("body.c", NO_INT)]),
    ("dict[int, Point]", {"1": {}, "2": {"x": ""}}, [("body.1.x", "is required"), ("body.2.x", NO_INT)]),
    ("dict[int, int]", {"x": 1}, [("body", NO_INT)]),
    ("set[int]", [1, ""], [("body[1]", NO_INT)]),
    ("tuple[int, str, int]", ["", "", ""], [("body[0]", NO_INT), ("body[2]", NO_INT)]),
    ("Pair", ["", ""], [("body[0]", NO_INT), ("body[1]", NO_INT)]),
    ("Box[int]", {"one": "", "more": [1, ""]}, [("body.one", NO_INT), ("body.more[1]", NO_INT)]),
    (
        "list[Cat | Dog]",
        [{"type": "cat"}, {"type": "dog", "m": ""}],
        [("body[0].n", "is required"), ("body[1].m", NO_INT)],
    ),
    ("Cat | Dog", {"type": "s3cr3t"}, [("body.type", "Expected one of `cat`, `dog`")]),
    ("Cat", {"type": "cat", "n": 1, "x": 1}, [("body.x", "is not known")]),
    ("Dotted", {"a.b": "", "a": ""}, [("body.a", NO_INT), ("body.a.b", NO_INT)]),
]
KINDS = """
from typing import Generic, NamedTuple, TypeVar
T = TypeVar("T")
class Pair(NamedTuple):
    x: int
    y: int
class Box(msgspec.Struct, Generic[T]):
    one: T
    more: list[T] = []
class Cat(msgspec.Struct, tag="cat", forbid_unknown_fields=True):
    n: int
class Dog(msgspec.Struct, tag="dog"):
    m: int
class Dotted(msgspec.Struct):
    a: int
    b: int = msgspec.field(name="a.b")
"""


@pytest.mark.parametrize(("annotation", "sent", "expected"), WRONG)
def test_all_that_does_not_fit_is_said_at_once(
    tmp_path: Path, annotation: str, sent: Any, expected: list[tuple[str, str]]
) -> None:
    answer = post(typed(tmp_path, f"{KINDS}\ndef POST(body: {annotation}): return show(body)"), sent)
    assert faults(answer) == expected
    assert b"s3cr3t" not in answer.body


def test_unknown_fields_are_named_where_they_are_forbidden(tmp_path: Path) -> None:
    app = typed(
        tmp_path,
        """
        class Strict(msgspec.Struct, forbid_unknown_fields=True):
            a: int
        def POST(body: Strict): return show(body)
    """,
    )
    assert faults(post(app, {"a": "x", "b": 1})) == [
        ("body.a", "Expected `int`, got `str`"),
        ("body.b", "is not known"),
    ]


def test_names_are_those_on_the_wire(tmp_path: Path) -> None:
    app = typed(
        tmp_path,
        """
        class Renamed(msgspec.Struct, rename="camel"):
            unit_price: int
        def POST(body: Renamed): return show(body)
    """,
    )
    assert faults(post(app, {"unitPrice": ""})) == [("body.unitPrice", "Expected `int`, got `str`")]


def test_a_hundred_problems_are_enough(tmp_path: Path) -> None:
    app = typed(tmp_path, "def POST(body: list[Point]): ...")
    found = faults(post(app, [{}] * 50_000))
    assert found == [(f"body[{index}].x", "is required") for index in range(100)]


def test_problems_are_looked_for_to_a_depth(tmp_path: Path) -> None:
    app = typed(
        tmp_path, "class Node(msgspec.Struct):\n    next: 'Node | None' = None\ndef POST(body: Node): ..."
    )
    shallow, deep = b'{"next":' * 20 + b"5" + b"}" * 20, b'{"next":' * 150 + b"5" + b"}" * 150
    assert faults(post(app, shallow)) == [("body" + ".next" * 20, "Expected `object | null`, got `int`")]
    assert faults(post(app, deep)) == [("body" + ".next" * 32, "Expected `object | null`, got `int`")]


class Node(msgspec.Struct):
    v: int
    c: list[Node] = []
    d: dict[str, Node] = {}
    o: Node | None = None


def nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, max_size=3)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "v": st.sampled_from([1, 2, ""]),
        "c": several,
        "d": st.dictionaries(st.sampled_from("xyz"), inner),
        "o": st.none() | inner,
    }
    return st.fixed_dictionaries({}, optional=fields) | st.fixed_dictionaries(fields)


def expected_faults(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """All that is wrong with a Node, by a walk through all of it."""
    if not isinstance(value, dict):
        yield place, "Expected `object"
        return
    if "v" not in value:
        yield f"{place}.v", "is required"
    elif value["v"] == "":
        yield f"{place}.v", NO_INT
    for index, part in enumerate(value.get("c", ())):
        yield from expected_faults(part, f"{place}.c[{index}]")
    for name, part in value.get("d", {}).items():
        yield from expected_faults(part, f"{place}.d.{name}")
    if value.get("o") is not None:
        yield from expected_faults(value["o"], f"{place}.o")


@given(st.recursive(st.just({"v": 1}) | st.just(5), nodes, max_leaves=30))
@settings(deadline=None)
def test_every_problem_is_found(value: Any) -> None:
    expected = list(expected_faults(value, "body"))
    found: list[tuple[str, str]] = []
    try:
        schema_of(Node).decode(json.dumps(value).encode())
    except DoesNotFit as invalid:
        found = invalid.mismatches
    assert len(found) == len(expected) < 100
    for (place, message), (wanted, said) in zip(sorted(found), sorted(expected)):
        assert (place, message[: len(said)]) == (wanted, said)


@given(st.recursive(st.just({"v": 1}) | st.just(5), nodes, max_leaves=30), st.integers(1, 8))
@settings(deadline=None)
def test_every_problem_is_found_in_pieces(value: Any, piece: int) -> None:
    search = Search(strict=True, piece=piece)
    found = search.look(value, Node)
    assert (found is None) is not any(expected_faults(value, "body"))
    if found is not None:
        places = [place for place, _ in search.mismatches(value, Node, "body", found)]
        assert sorted(places) == sorted(place for place, _ in expected_faults(value, "body"))


TWICE = [
    ("Point", b'{"x": "", "x": 1}', [("body", NO_INT)]),
    (
        "Order",
        b'{"name": "", "items": [{}], "items": []}',
        [("body", "Object missing required field `price`")],
    ),
    (
        "Order",
        b'{"name": "", "items": [5], "items": [], "note": 5}',
        [("body.note", "Expected `str | null`, got `int`")],
    ),
    (
        "Order",
        b'{"name": "", "items": [{}], "items": {}}',
        [("body.items", "Expected `array`, got `object`")],
    ),
    (
        "Order",
        b'{"items": [{"price": 1}, {}], "items": [5], "name": ""}',
        [("body.items[0]", "Expected `object`, got `int`")],
    ),
]


@pytest.mark.parametrize(("annotation", "sent", "expected"), TWICE)
def test_a_name_that_is_twice_is_said_too(
    tmp_path: Path, annotation: str, sent: bytes, expected: list[tuple[str, str]]
) -> None:
    app = typed(tmp_path, f"def POST(body: {annotation}): ...")
    assert faults(post(app, sent)) == expected


def test_names_of_the_client_are_cut(tmp_path: Path) -> None:
    app = typed(tmp_path, "def POST(body: dict[str, dict[str, int]]): ...")
    [(place, _)] = faults(post(app, {"n" * 5_000: {"m" * 5_000: ""}}))
    assert place.startswith("body.nnn")
    assert len(place) < 110


def test_a_problem_of_pydantic_has_a_place_that_is_cut(tmp_path: Path) -> None:
    pytest.importorskip("pydantic")
    model = "import pydantic\nclass M(pydantic.BaseModel):\n    a: int\n"
    app = typed(tmp_path, f"{model}def POST(body: dict[str, dict[str, M]]): ...")
    [(place, _)] = faults(post(app, {"n" * 5_000: {"m" * 5_000: {}}}))
    assert len(place) < 110


def test_a_small_list_of_pydantic_models_has_all_its_problems(tmp_path: Path) -> None:
    pytest.importorskip("pydantic")
    model = "import pydantic\nclass M(pydantic.BaseModel):\n    a: int\n"
    app = typed(tmp_path, f"{model}def POST(body: list[M]): ...")
    places = [place for place, _ in faults(post(app, [{}, {"a": 1}, {}]))]
    assert places == ["body[0].a", "body[2].a"]
    assert len(faults(post(app, [{}] * 500))) == 100


UNREADABLE = [(b"{", 400, b"Invalid JSON"), (b"[" * 300, 400, b"Invalid JSON"), (b"\xff", 400, b"Invalid")]


@pytest.mark.parametrize(("content", "status", "text"), UNREADABLE)
def test_what_is_no_json_is_400(tmp_path: Path, content: bytes, status: int, text: bytes) -> None:
    answer = post(typed(tmp_path, "def POST(body: Point): return show(body)"), content)
    assert answer.status == status
    assert text in answer.body


def test_a_body_that_middleware_replaced_is_what_is_checked(tmp_path: Path) -> None:
    app = typed(
        tmp_path,
        """
        def fill(req, res, next):
            req.body = {**req.body, "x": 7}
            next()
        middleware = [fill]
        def POST(body: Point): return show(body)
    """,
    )
    assert post(app, {"y": 1}).json() == ["Point(x=7, y=1)"]


# -- pydantic


def test_a_pydantic_model_is_a_body(tmp_path: Path) -> None:
    pytest.importorskip("pydantic")
    app = typed(
        tmp_path,
        """
        import pydantic
        class Item(pydantic.BaseModel):
            price: float
        class Cart(pydantic.BaseModel):
            name: str
            items: list[Item]
        def POST(body: Cart) -> Cart: return body
    """,
    )
    assert post(app, {"name": "a", "items": [{"price": 1}]}).json() == {
        "name": "a",
        "items": [{"price": 1.0}],
    }
    answer = post(app, {"items": [{"price": "s3cr3t"}]})
    assert [place for place, _ in faults(answer)] == ["body.name", "body.items[0].price"]
    assert b"s3cr3t" not in answer.body
    assert post(app, b"{").status == 400


# -- path and query

UUID = "0af76519-16cd-43dd-8448-eb211c80319c"
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
    app = typed(tmp_path, f"def GET({parameter}): return show(id)", "[id].py")
    assert call(app, target=f"/api/{segment}").json() == seen


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
    app = typed(tmp_path, f"def GET({parameter}): return show(page)")
    assert call(app, target=f"/api/x?{query}").json()[0].startswith(seen[0])


def test_a_default_list_is_each_requests_own(tmp_path: Path) -> None:
    app = typed(tmp_path, "def GET(tags: list[str] = []):\n    tags.append('x')\n    return show(tags)")
    assert [call(app).json() for _ in range(2)] == [["['x']"]] * 2


def test_everything_that_does_not_fit_is_in_one_answer(tmp_path: Path) -> None:
    app = typed(tmp_path, "def POST(id: int, body: Point, page: int, tag: Color = Color.red): ...", "[id].py")
    answer = call(app, "POST", "/api/a?tag=s3cr3t", [("Content-Type", "application/json")], b"{}")
    assert sorted(faults(answer)) == [
        ("body.x", "is required"),
        ("path.id", "Expected `int`, got `str`"),
        ("query.page", "is required"),
        ("query.tag", "Expected one of `red`, `blue`"),
    ]


def test_whole_parts_have_types(tmp_path: Path) -> None:
    app = typed(
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
    assert faults(call(app, target="/api/5?page=x&z=1")) == [
        ("query.q", "is required"),
        ("query.page", "Expected `int`, got `str`"),
        ("query.z", "is not known"),
    ]


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
    app = typed(tmp_path, f"def GET({parameter}): return show(path)", file)
    assert call(app, target=target).json() == seen


# -- files

UPLOAD = (
    b'--B\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nabc\r\n'
    b'--B\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--B--\r\n'
)
FILES = [
    ("f: UploadFile", "f.filename, f.read()", ["'a'", "b'abc'"]),
    ("f: list[UploadFile]", "[one.filename for one in f]", ["['a']"]),
    ("f: UploadFile, body: Point", "f.filename, body", ["'a'", "Point(x=1, y=0)"]),
    ("g: UploadFile | None = None", "g", ["None"]),
    ("g: UploadFile | None", "g", ["None"]),
    ("g: list[UploadFile] = []", "g", ["[]"]),
]


@pytest.mark.parametrize(("parameters", "shown", "seen"), FILES)
def test_an_upload_is_a_parameter(tmp_path: Path, parameters: str, shown: str, seen: list[str]) -> None:
    app = typed(tmp_path, f"def POST({parameters}): return show({shown})")
    assert post(app, UPLOAD, [("Content-Type", "multipart/form-data; boundary=B")]).json() == seen


def test_an_upload_that_is_missing_is_said(tmp_path: Path) -> None:
    app = typed(tmp_path, "def POST(g: UploadFile, h: list[UploadFile]): ...")
    answer = post(app, UPLOAD, [("Content-Type", "multipart/form-data; boundary=B")])
    assert faults(answer) == [("files.g", "is required"), ("files.h", "is required")]


# -- how it is said


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/problem+json"),
        ("*/*", "application/problem+json"),
        ("application/json", "application/problem+json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/plain; charset=utf-8"),
        ("text/plain", "text/plain; charset=utf-8"),
    ],
)
def test_problems_are_json_unless_text_is_preferred(
    tmp_path: Path, accept: str | None, media_type: str
) -> None:
    app = typed(tmp_path, "def GET(a: int, b: int): ...")
    answer = call(app, headers=[] if accept is None else [("Accept", accept)])
    assert (answer.status, answer.header("Content-Type")) == (422, media_type)
    if media_type.startswith("text"):
        assert answer.body == b"query.a: is required\nquery.b: is required"


def test_the_log_has_nothing_of_a_request_that_does_not_fit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    call(typed(tmp_path, "def GET(a: int): ..."), target="/api/x?a=b")
    assert caplog.records == []


# -- mistakes of the project

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
    (
        "import pydantic\ndef GET(page: Annotated[int, pydantic.Field(ge=1)]): ...",
        "x.py",
        "'page' of the query has pydantic's constraints",
    ),
    ("def GET(params: Point): ...", "[id].py", "the path has no parameter 'x'"),
    ("def GET(id: list[str]): ...", "[id].py", "'id' of the path is a single value"),
    ("def GET(path: str): ...", "[...path].py", "'path' of the path is a list"),
    ("def POST(req: Request[Point], body: Point): ...", "x.py", "the body is declared twice"),
    (OFF + "def POST(body: Point): ...", "x.py", "takes the body as a type, but config"),
    (OFF + "def POST(f: UploadFile): ...", "x.py", "takes the body as a type, but config"),
]


@pytest.mark.parametrize(("handler", "file", "said"), MISTAKES)
def test_a_mistake_stops_the_start_with_its_line(tmp_path: Path, handler: str, file: str, said: str) -> None:
    with pytest.raises(ProjectError, match=said) as raised:
        typed(tmp_path, handler, file)
    [problem] = raised.value.problems
    assert problem.line is not None
    assert problem.file == f"pages/api/{file}"


def test_annotations_of_a_plain_handler_need_not_exist(tmp_path: Path) -> None:
    handler = "def GET(req: 'Missing', res: 'Missing') -> 'Missing': res.json(1)"
    assert call(typed(tmp_path, handler)).status == 200


def test_annotations_may_be_texts(tmp_path: Path) -> None:
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
    assert faults(post(app, {"b": {}})) == [("body.b.c", "is required")]


# -- what is returned, in development

RETURNED = [
    ("-> Point", "{'x': 1}", None),
    ("-> Point", "Point(1)", None),
    ("-> list[Point]", "[{'x': 1}]", None),
    ("-> Point | None", "res.json(1)", None),
    ("-> Point", "json({'y': 1})", None),
    ("-> Any", "{'x': object}", "cannot be written as JSON"),
    ("", "{'y': 1}", None),
    ("-> Point", "{'y': 1}", "returned.x: is required"),
    ("-> list[Point]", "[{'x': 1}, {'x': '1'}]", "returned[1].x: Expected `int`, got `str`"),
    ("-> 'Missing'", "{'y': 1}", None),
]


@pytest.mark.parametrize("word", ["def", "async def"])
@pytest.mark.parametrize(("annotation", "returned", "said"), RETURNED)
def test_what_is_returned_is_checked_in_development(
    tmp_path: Path,
    word: str,
    annotation: str,
    returned: str,
    said: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    handler = f"{word} GET(res) {annotation}: return {returned}"
    answer = call(typed(tmp_path, handler, mode="development"))
    assert answer.status == (200 if said is None else 500)
    assert (said or "") in caplog.text


MODEL = """
import pydantic
class Out(pydantic.BaseModel, extra="forbid"):
    full_name: str = pydantic.Field(alias="fullName")
    secret: str = pydantic.Field("s", exclude=True)
    when: datetime.date = datetime.date(2020, 1, 2)
    other: int = pydantic.Field(1, validation_alias="in", serialization_alias="out")
    @pydantic.computed_field
    @property
    def letter(self) -> str: return self.full_name[0]
    @pydantic.field_serializer("when")
    def year(self, value): return value.year
@dataclasses.dataclass
class Page:
    outs: list[Out]
"""
SENT = {"fullName": "a", "when": 2020, "out": 1, "letter": "a"}
RETURNED_MODELS = [
    ("Out", "Out(fullName='a')", SENT),
    ("list[Out]", "[Out(fullName='a')]", [SENT]),
    ("dict[str, Out]", "{'k': Out(fullName='a')}", {"k": SENT}),
    ("Out | None", "Out(fullName='a')", SENT),
    ("Page", "Page([Out(fullName='a')])", {"outs": [SENT]}),
    ("Out", "{'fullName': 'a'}", {"fullName": "a"}),
    ("Out", "Point(1)", None),
    ("Out", "{'full_name': 'a'}", None),
    ("list[Out]", "[Out(fullName='a'), {}]", None),
]


@pytest.mark.parametrize(("annotation", "returned", "sent"), RETURNED_MODELS)
def test_a_returned_model_is_checked_in_development_and_sent_by_alias(
    tmp_path: Path, annotation: str, returned: str, sent: Any
) -> None:
    pytest.importorskip("pydantic")
    handler = textwrap.dedent(MODEL) + f"def GET() -> {annotation}: return {returned}"
    answer = call(app_of(tmp_path, HEAD + handler, mode="development"))
    assert answer.status == (500 if sent is None else 200)
    assert sent is None or answer.json() == sent


MODEL_BODIES = [
    ("list[In]", [{"fullName": "a"}], "[In(full_name='a')]"),
    ("dict[str, In]", {"k": {"fullName": "a"}}, "{'k': In(full_name='a')}"),
    ("In | None", None, "None"),
    ("In | None", {"fullName": "a"}, "In(full_name='a')"),
    ("Held", {"one": {"fullName": "a"}}, "Held(one=In(full_name='a'))"),
    ("Own", {"fullName": "a"}, "Own(full_name='a')"),
    ("Box[In]", {"item": {"fullName": "a"}}, "Box[In](item=In(full_name='a'))"),
    ("Row", {"one": {"fullName": "a"}}, "{'one': In(full_name='a')}"),
]
MODEL_TYPES = """
import pydantic, typing_extensions
from typing import Generic, TypeVar
T = TypeVar("T")
class In(pydantic.BaseModel):
    full_name: str = pydantic.Field(alias="fullName")
@dataclasses.dataclass
class Held:
    one: In
@pydantic.dataclasses.dataclass
class Own:
    full_name: str = pydantic.Field(alias="fullName")
class Box(pydantic.BaseModel, Generic[T]):
    item: T
class Row(typing_extensions.TypedDict):
    one: In
"""


def test_a_field_of_pydantic_is_enforced_without_a_model(tmp_path: Path) -> None:
    pytest.importorskip("pydantic")
    body = "list[Annotated[int, pydantic.Field(ge=1)]]"
    app = typed(tmp_path, f"import pydantic\ndef POST(body: {body}): return show(body)")
    assert post(app, [1]).status == 200
    assert [place for place, _ in faults(post(app, [1, 0]))] == ["body[1]"]


@pytest.mark.parametrize(("annotation", "sent", "seen"), MODEL_BODIES)
def test_a_type_may_have_models_in_it(tmp_path: Path, annotation: str, sent: Any, seen: str) -> None:
    pytest.importorskip("pydantic")
    app = typed(tmp_path, f"{MODEL_TYPES}\ndef POST(body: {annotation}): return show(body)")
    assert post(app, sent).json() == [seen]


def test_what_is_returned_is_sent_as_it_is_in_production(tmp_path: Path) -> None:
    assert call(typed(tmp_path, "def GET() -> Point: return {'y': 1}")).json() == {"y": 1}


@pytest.mark.parametrize("kind", ["@dataclasses.dataclass\nclass Note", "class Note(msgspec.Struct)"])
def test_a_field_that_is_called_read_makes_no_file(tmp_path: Path, kind: str) -> None:
    handler = f"{kind}:\n    read: bool = False\ndef GET(): return Note()"
    assert call(typed(tmp_path, handler)).json() == {"read": False}


@pytest.mark.parametrize("file", ["tempfile.NamedTemporaryFile()", "tempfile.SpooledTemporaryFile()"])
def test_what_hands_on_to_a_file_is_sent_as_one(tmp_path: Path, file: str) -> None:
    handler = f"""
        import tempfile
        def GET(res):
            file = {file}
            file.write(b"abc")
            file.seek(0)
            res.send(file)
    """
    assert call(typed(tmp_path, handler)).body == b"abc"
