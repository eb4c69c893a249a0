"""The call of a handler: the arguments that it gets, and the response to a request that is not valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import app_of, call
from tests.typed_handlers import mismatches, post, typed_app

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
    ("params, _own={}, query=None", "assert not _own; return {**params, 'n': query['n']}"),
    ("params, **more", "assert not more; return params"),
]


@pytest.mark.parametrize(("parameters", "line"), PARAMETERS)
@pytest.mark.parametrize("name", ["handler", "GET"])
@pytest.mark.parametrize("prefix", ["", "async "])
def test_a_function_gets_the_parts_that_it_names(
    tmp_path: Path, prefix: str, name: str, parameters: str, line: str
) -> None:
    source = f"{prefix}def {name}({parameters}):\n    {line.replace('; ', chr(10) + '    ')}\n"
    answer = call(app_of(tmp_path, source, "[id].py"), target="/api/1?n=2")
    assert answer.status == 200
    assert answer.json()["id"] == "1"


def test_every_part_has_a_name(tmp_path: Path) -> None:
    source = (
        "def POST(req, request, res, response, params, query, body, context):\n"
        "    assert req is request and res is response and context == req.context\n"
        "    return [params, query, body]\n"
    )
    answer = call(app_of(tmp_path, source, "[id].py"), "POST", "/api/1?n=2", body=b"text")
    assert answer.json() == [{"id": "1"}, {"n": "2", "id": "1"}, "text"]


# -- the body as a type


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
def test_a_json_body_is_converted_to_its_type(tmp_path: Path, annotation: str, sent: Any, seen: str) -> None:
    answer = post(typed_app(tmp_path, f"def POST(body: {annotation}): return show(body)"), sent)
    assert answer.json()[0].startswith(seen)


def test_a_coroutine_function_takes_types_too(tmp_path: Path) -> None:
    assert post(typed_app(tmp_path, "async def POST(body: Point): return show(body)"), {"x": 1}).status == 200


@pytest.mark.parametrize(
    "parameters", ["req: Request[Point], res", "req: 'Request[Point]', res: Response[dict]"]
)
def test_a_request_has_the_type_of_its_body(tmp_path: Path, parameters: str) -> None:
    app = typed_app(tmp_path, f"def POST({parameters}): res.json(repr(req.body))")
    assert post(app, {"x": 1}).json() == "Point(x=1, y=0)"
    assert mismatches(post(app, {"x": "1"})) == [("body.x", "Expected `int`, got `str`")]


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
    app = typed_app(tmp_path, "def POST(body: Point): return show(body)")
    assert post(app, content, [("Content-Type", content_type)]).json() == ["Point(x=1, y=2)"]


def test_a_body_that_middleware_replaced_is_checked(tmp_path: Path) -> None:
    app = typed_app(
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


UNREADABLE = [(b"{", 400, b"Invalid JSON"), (b"[" * 300, 400, b"Invalid JSON"), (b"\xff", 400, b"Invalid")]


@pytest.mark.parametrize(("content", "status", "text"), UNREADABLE)
def test_invalid_json_is_a_400(tmp_path: Path, content: bytes, status: int, text: bytes) -> None:
    answer = post(typed_app(tmp_path, "def POST(body: Point): return show(body)"), content)
    assert answer.status == status
    assert text in answer.body


def test_each_request_gets_a_default_list_of_its_own(tmp_path: Path) -> None:
    app = typed_app(tmp_path, "def GET(tags: list[str] = []):\n    tags.append('x')\n    return show(tags)")
    assert [call(app).json() for _ in range(2)] == [["['x']"]] * 2


# -- requests that are not valid


def test_the_mismatches_of_all_parameters_are_in_one_response(tmp_path: Path) -> None:
    app = typed_app(
        tmp_path, "def POST(id: int, body: Point, page: int, tag: Color = Color.red): ...", "[id].py"
    )
    answer = call(app, "POST", "/api/a?tag=s3cr3t", [("Content-Type", "application/json")], b"{}")
    assert sorted(mismatches(answer)) == [
        ("body.x", "is required"),
        ("path.id", "Expected `int`, got `str`"),
        ("query.page", "is required"),
        ("query.tag", "Expected one of `red`, `blue`"),
    ]


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
def test_mismatches_are_json_unless_the_client_prefers_text(
    tmp_path: Path, accept: str | None, media_type: str
) -> None:
    app = typed_app(tmp_path, "def GET(a: int, b: int): ...")
    answer = call(app, headers=[] if accept is None else [("Accept", accept)])
    assert (answer.status, answer.header("Content-Type")) == (422, media_type)
    if media_type.startswith("text"):
        assert answer.body == b"query.a: is required\nquery.b: is required"


def test_an_invalid_request_is_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    call(typed_app(tmp_path, "def GET(a: int): ..."), target="/api/x?a=b")
    assert caplog.records == []


JSON = [("Content-Type", "application/json")]
FORM = [("Content-Type", "application/x-www-form-urlencoded")]
TEXT = [("Content-Type", "text/plain")]
PNG = [("Content-Type", "image/png")]
# The annotation of `body`, a request, and what the handler sees; None for a 422.
CHECKED_BODIES: list[tuple[str, list[tuple[str, str]], bytes, str | None]] = [
    ("body: dict", JSON, b'{"a": 1}', "{'a': 1}"),
    ("body: dict", JSON, b"", "{}"),
    ("body: dict", FORM, b"a=1", "{'a': '1'}"),
    ("body: dict", JSON, b"[1]", None),
    ("body: dict", JSON, b'"s"', None),
    ("body: dict", JSON, b"null", None),
    ("body: dict", TEXT, b"a", None),
    ("body: dict", [], b"", None),
    ("body: dict[str, Any]", JSON, b'{"a": [1]}', "{'a': [1]}"),
    ("body: dict[str, Any]", JSON, b"[1]", None),
    ("body: dict | None", JSON, b"null", "None"),
    ("body: dict = {}", [], b"", "{}"),
    ("body: dict = {}", JSON, b"[]", None),
    ("body: Point | None = None", [], b"", "None"),
    ("body: Point = Point(7)", [], b"", "Point(x=7, y=0)"),
    ("body: list", JSON, b"[1]", "[1]"),
    ("body: list", JSON, b"{}", None),
    ("body: Any", JSON, b"[1]", "[1]"),
    ("body: object", JSON, b"5", "5"),
    ("body", TEXT, b"a", "'a'"),
    ("body: str", JSON, b'"a"', "'a'"),
    ("body: str", TEXT, b"a", "'a'"),
    ("body: str", JSON, b"5", None),
    ("body: int", JSON, b"5", "5"),
    ("body: int", TEXT, b"5", "5"),
    ("body: int", JSON, b'"5"', None),
    ("body: bytes", PNG, b"\x89PNG", r"b'\x89PNG'"),
    ("body: bytes", JSON, b'{"a": 1}', "b'{\"a\": 1}'"),
    ("body: bytes", TEXT, b"YQ==", "b'YQ=='"),
    ("body: bytes", [], b"", "b''"),
]


@pytest.mark.parametrize(("parameter", "headers", "content", "seen"), CHECKED_BODIES)
def test_a_body_is_checked_by_its_annotation(
    tmp_path: Path, parameter: str, headers: list[tuple[str, str]], content: bytes, seen: str | None
) -> None:
    answer = call(
        typed_app(tmp_path, f"def POST({parameter}): return show(body)"), "POST", "/api/x", headers, content
    )
    assert (answer.status, answer.json() if seen else None) == ((200, [seen]) if seen else (422, None))
