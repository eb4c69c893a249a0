"""Constraints of msgspec, pydantic and annotated_types: enforced in every place, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from apiroutes import App, ProjectError
from tests.support import Answer, call
from tests.typed_handlers import mismatches, post, typed_app

IMPORTS = """
from typing import Annotated
import annotated_types as at
import pydantic
from msgspec import Meta
from pydantic import (
    AfterValidator, AliasChoices, EmailStr, Field, HttpUrl, PositiveInt, StringConstraints, conint, constr
)
from typing import NewType
from typing_extensions import TypeAliasType
Named = NewType("Named", Annotated[int, Field(ge=1)])
Alias = TypeAliasType("Alias", Annotated[int, Field(ge=1)])
def odd(value):
    if value % 2 == 0: raise ValueError("even")
    return value
"""

# An annotation, a text that fits it, one that does not, and what a document says of it.
CONSTRAINTS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("Annotated[int, Meta(ge=1)]", "1", "0", {"type": "integer", "minimum": 1}),
    ("Annotated[int, Meta(ge=1, description='d')]", "1", "0", {"minimum": 1, "description": "d"}),
    ("Annotated[int, Meta(gt=0, extra_json_schema={'x-a': 1})]", "1", "0", {"x-a": 1}),
    ("Annotated[str, Meta(max_length=2)]", "ab", "abc", {"maxLength": 2}),
    ("Annotated[str, Meta(pattern='^a+$')]", "aa", "b", {"pattern": "^a+$"}),
    ("Annotated[int, Field(ge=1)]", "1", "0", {"type": "integer", "minimum": 1}),
    ("Annotated[int, Field(lt=5, description='d')]", "4", "5", {"description": "d"}),
    ("Annotated[int, Field(multiple_of=3, examples=[3])]", "3", "4", {"multipleOf": 3, "examples": [3]}),
    ("Annotated[str, Field(max_length=2, title='T')]", "ab", "abc", {"maxLength": 2, "title": "T"}),
    ("Annotated[str, Field(pattern='^a+$', json_schema_extra={'x-a': 1})]", "aa", "b", {"x-a": 1}),
    ("PositiveInt", "1", "0", {"exclusiveMinimum": 0}),
    ("conint(ge=1, le=3)", "3", "4", {"maximum": 3}),
    ("constr(min_length=2)", "ab", "a", {"minLength": 2}),
    ("Annotated[str, StringConstraints(max_length=2)]", "ab", "abc", {"maxLength": 2}),
    ("EmailStr", "a@example.com", "a", {"format": "email"}),
    ("HttpUrl", "https://example.com/", "ftp://x", {"format": "uri"}),
    ("Annotated[int, AfterValidator(odd)]", "1", "2", {"type": "integer"}),
    ("Annotated[int, at.Ge(1)]", "1", "0", {"minimum": 1}),
    ("Annotated[str, at.MaxLen(2)]", "ab", "abc", {"maxLength": 2}),
    ("Named", "1", "0", {"minimum": 1}),
    ("Annotated[int, at.Interval(gt=0, lt=3)]", "2", "3", {"exclusiveMaximum": 3}),
]


def send(app: App, place: str, text: str, is_text: bool) -> Answer:
    if "body" in place:
        value = text if is_text else json.loads(text)
        return post(app, [value, value] if place == "list body" else value)
    text = quote(text, "")
    target = {"path": f"/api/{text}", "catch-all": f"/api/{text}/{text}"}.get(place, f"/api/x?v={text}")
    return call(app, "POST", target + (f"&v={text}" if place == "list query" else ""))


PLACES = {
    "query": ("x.py", "v: {}"),
    "list query": ("x.py", "v: list[{}]"),
    "optional query": ("x.py", "v: {} | None = None"),
    "path": ("[v].py", "v: {}"),
    "catch-all": ("[...v].py", "v: list[{}]"),
    "body": ("x.py", "body: {}"),
    "list body": ("x.py", "body: list[{}]"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("annotation", "right", "wrong", "described"), CONSTRAINTS)
def test_a_constraint_is_enforced_in_every_place(
    tmp_path: Path, annotation: str, right: str, wrong: str, described: dict[str, Any], place: str
) -> None:
    file, parameter = PLACES[place]
    app = typed_app(tmp_path, IMPORTS + f"def POST({parameter.format(annotation)}): return 1", file)
    is_text = "str" in annotation.lower() or "Url" in annotation
    assert send(app, place, right, is_text).status == 200
    assert send(app, place, wrong, is_text).status == 422


@pytest.mark.parametrize(("annotation", "right", "wrong", "described"), CONSTRAINTS)
@pytest.mark.parametrize("place", ["query", "path"])
def test_a_constraint_of_a_parameter_is_documented(
    tmp_path: Path, annotation: str, right: str, wrong: str, described: dict[str, Any], place: str
) -> None:
    file, parameter = PLACES[place]
    app = typed_app(tmp_path, IMPORTS + f"def POST({parameter.format(annotation)}): return 1", file)
    [item] = app.openapi()["paths"].values()
    [shown] = item["post"]["parameters"]
    assert described.items() <= shown["schema"].items()
    assert shown.get("description") == described.get("description")
    assert (shown["name"], shown["in"], shown["required"]) == ("v", place, True)


FIELDS: list[tuple[str, str, str, Any]] = [
    ("v: Annotated[int, Field(alias='from')]", "x.py", "/api/x?from=5", 5),
    ("v: Annotated[int, Field(validation_alias=AliasChoices('a', 'b'))]", "x.py", "/api/x?b=5", 5),
    ("v: Annotated[int, Field(alias='user-id')]", "[user-id].py", "/api/5", 5),
    ("v: Annotated[int, Field(ge=1)] = 3", "x.py", "/api/x", 3),
    ("v: Annotated[int, Field(3, ge=1)]", "x.py", "/api/x", 3),
    ("v: int = Field(3, ge=1)", "x.py", "/api/x", 3),
    ("v: int = Field(3, ge=1)", "x.py", "/api/x?v=4", 4),
    ("v: Annotated[list[int], Field(min_length=1)]", "x.py", "/api/x?v=4", [4]),
    ("v: list[PositiveInt] = []", "x.py", "/api/x", []),
    ("v: list[PositiveInt]", "[[...v]].py", "/api", []),
    ("json: PositiveInt, v: int = 2", "x.py", "/api/x?json=4", 2),
    ("v: Annotated[bool, Field(deprecated=True)]", "x.py", "/api/x?v=true", True),
]


@pytest.mark.parametrize(("parameters", "file", "target", "value"), FIELDS)
def test_a_field_means_what_it_means_in_a_model(
    tmp_path: Path, parameters: str, file: str, target: str, value: Any
) -> None:
    app = typed_app(tmp_path, IMPORTS + f"def GET({parameters}): return {{'v': v}}", file)
    assert call(app, target=target).json() == {"v": value}


def test_mismatches_of_both_libraries_are_reported_together(tmp_path: Path) -> None:
    app = typed_app(
        tmp_path, IMPORTS + "def GET(a: int, b: PositiveInt, c: Annotated[int, Field(alias='d')]): ..."
    )
    assert mismatches(call(app, target="/api/x?a=x&b=0")) == [
        ("query.a", "Expected `int`, got `str`"),
        ("query.b", "Input should be greater than 0"),
        ("query.d", "Field required"),
    ]


def test_a_single_value_fills_a_list_of_a_model(tmp_path: Path) -> None:
    model = "class Search(pydantic.BaseModel):\n    tags: list[str] = []\n    one: int | None = None\n"
    app = typed_app(tmp_path, IMPORTS + model + "def GET(query: Search): return query")
    assert call(app, target="/api/x?tags=a&one=1").json() == {"tags": ["a"], "one": 1}


REFUSED = [
    ("v: Annotated[dict, Field(min_length=1)]", "x.py", "must be a number"),
    ("v: Annotated[int, Field(ge=1)] = 0", "x.py", "default of 'v', 0, does not fit"),
    ("v: Annotated[list[int], Field(min_length=1)]", "[v].py", "must be a single value"),
    ("v: PositiveInt", "[...v].py", "must be a list"),
    ("v: Annotated[int, Field(ge=1), Meta(le=5)]", "x.py", "msgspec's `Meta`, which pydantic ignores"),
    ("v: Annotated[int, fastapi.Query(ge=1)]", "x.py", "FastAPI's `Query`, which means nothing here"),
    ("body: Annotated[Point, Field(alias='b')]", "x.py", "alias or a default"),
    ("body: Annotated[Point, Field(Point(1))]", "x.py", "alias or a default"),
    ("body: Point = Field()", "x.py", "is a `Field`"),
    ("body: list[Annotated[int, Field(alias='b')]]", "x.py", "has no effect"),
    ("v: UploadFile, w: Annotated[UploadFile, Field(max_length=3)]", "x.py", "is not checked"),
    ("body: Constrained", "x.py", "Constrained.v has a constraint of pydantic, which msgspec ignores"),
    (
        "body: list[Constrained]",
        "x.py",
        "Constrained.v has a constraint of pydantic, which msgspec ignores",
    ),
    ("query: Constrained", "x.py", "Constrained.v has a constraint of pydantic, which msgspec ignores"),
    ("body: WithEmail", "x.py", "WithEmail cannot be checked: pydantic checks no Struct with `EmailStr`"),
    ("body: list[WithOther]", "x.py", "cannot be checked because of `Other`"),
    ("body: Model", "x.py", "Model.v has msgspec's `Meta`, which pydantic ignores"),
]
CLASSES = """
import fastapi
class Constrained(msgspec.Struct):
    v: Annotated[int, Field(ge=1)]
class WithEmail(msgspec.Struct):
    v: EmailStr
class Other: ...
class WithOther(msgspec.Struct):
    v: Other
class Model(pydantic.BaseModel):
    v: Annotated[int, Meta(ge=1)]
"""


@pytest.mark.parametrize(("parameters", "file", "message"), REFUSED)
def test_a_constraint_that_nothing_would_check_stops_the_start(
    tmp_path: Path, parameters: str, file: str, message: str
) -> None:
    with pytest.raises(ProjectError, match=message):
        typed_app(tmp_path, IMPORTS + CLASSES + f"def POST({parameters}): ...", file)


IN_CLASSES = [
    "@dataclasses.dataclass\nclass Body:\n    v: Annotated[int, Field(ge=1)]\n",
    "from typing_extensions import TypedDict\nclass Body(TypedDict):\n    v: Annotated[int, at.Ge(1)]\n",
    "@dataclasses.dataclass\nclass Body:\n    v: PositiveInt\n    w: EmailStr | None = None\n",
    "class Body(msgspec.Struct):\n    v: Annotated[int, Meta(ge=1)]\n",
    "class Body(pydantic.BaseModel):\n    v: int = Field(ge=1)\n",
]


@pytest.mark.parametrize("source", IN_CLASSES)
def test_a_constraint_of_a_field_is_enforced(tmp_path: Path, source: str) -> None:
    app = typed_app(tmp_path, IMPORTS + source + "def POST(body: Body): return 1")
    assert post(app, {"v": 1}).status == 200
    assert mismatches(post(app, {"v": 0}))[0][0] == "body.v"


FLOATS = [(".5", 0.5), ("5.", 5.0), ("-.5", -0.5), ("1e3", 1000.0), (".5e1", 5.0), ("5", 5.0)]


@pytest.mark.parametrize(("text", "value"), FLOATS)
@pytest.mark.parametrize("annotation", ["float", "float | None", "Annotated[float, Field(lt=1e9)]"])
def test_a_float_is_spelled_as_in_python(tmp_path: Path, annotation: str, text: str, value: float) -> None:
    app = typed_app(tmp_path, IMPORTS + f"def GET(v: {annotation}, w: str = ''): return [v, w]")
    assert call(app, target=f"/api/x?v={text}&w=.5").json() == [value, ".5"]


@pytest.mark.parametrize("text", [".", "", "-", "e5", "1_0", "0x1", ".5.", "٣.", "x"])
def test_what_is_no_float_is_refused(tmp_path: Path, text: str) -> None:
    app = typed_app(tmp_path, "def GET(v: float): return v")
    [(place, message)] = mismatches(call(app, target=f"/api/x?v={quote(text)}"))
    assert (place, message) == ("query.v", "Expected `float`, got `str`")


@pytest.mark.parametrize("annotation", ["Alias", "Alias | None", "list[Alias]", "Named | None"])
def test_a_constraint_under_another_name_is_enforced(tmp_path: Path, annotation: str) -> None:
    app = typed_app(tmp_path, IMPORTS + f"def GET(v: {annotation}): return 1")
    assert [call(app, target=f"/api/x?v={number}").status for number in (1, 0)] == [200, 422]
