"""Operations of the OpenAPI document: from annotations, docstrings and limits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from apiroutes import App, ProjectError
from tests.openapi.examples import resolve
from tests.support import HELLO, project


def test_a_docstring_is_split_into_summary_and_description(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/users"]["get"]
    assert (operation["summary"], operation["description"]) == ("List users.", "Ten on a page.")
    assert operation["tags"] == ["users"]
    assert document["paths"]["/api/users"]["summary"] == "Users."


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/hello", {"get", "post", "put", "patch", "delete"}),
        ("/api/whole/typed", {"post", "put", "patch"}),
        ("/api/whole/named", {"get", "put"}),
    ],
)
def test_a_handler_for_all_methods_is_described_with_those_it_means(
    document: dict[str, Any], path: str, methods: set[str]
) -> None:
    item = document["paths"][path]
    assert {key for key, part in item.items() if isinstance(part, dict)} == methods
    assert item["description"] == "Answers every method."


def test_a_handler_for_all_methods_is_described_like_one_for_a_method(document: dict[str, Any]) -> None:
    operation = document["paths"]["/api/whole/typed"]["post"]
    assert operation["summary"] == "Listens."
    assert "Told" in json.dumps(operation["requestBody"])
    named = document["paths"]["/api/whole/named"]
    assert named["get"]["responses"]["200"]["content"]["application/json"]["schema"] == {"type": "integer"}
    assert named["put"]["responses"]["409"]["description"] == "Other"


def test_parameters_are_described(document: dict[str, Any]) -> None:
    parameters = {part["name"]: part for part in document["paths"]["/api/users"]["get"]["parameters"]}
    assert parameters["page"] == {"name": "page", "in": "query", "schema": {"type": "integer", "default": 1}}
    assert resolve(document, parameters["order"]["schema"])["enum"] == ["name", "age"]
    assert parameters["tags"]["schema"]["items"] == {"type": "string"}


def test_a_query_type_is_described_field_by_field(document: dict[str, Any]) -> None:
    parameters = {part["name"]: part for part in document["paths"]["/api/users/{id}"]["get"]["parameters"]}
    assert parameters["id"]["schema"] == {"type": "string", "format": "uuid"}
    assert (parameters["q"]["required"], "required" in parameters["limit"]) == (True, False)


def test_path_parameters_are_described_without_annotations(document: dict[str, Any]) -> None:
    [parameter] = document["paths"]["/api/users/{id}"]["delete"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("id", "path", True)
    assert parameter["schema"]["type"] == "string"


SEGMENTS = ["a", "a/b", "a b", "é", "...", "a..b", ".hidden", "100%"]
REFUSED = ["", ".", "..", "a/..", "../a", "a\\..", "./a", "a\n", "\x00", "\x7f", "\x85"]


@pytest.mark.parametrize("segment", [*SEGMENTS, *REFUSED])
def test_the_pattern_of_a_segment_matches_accepted_segments(document: dict[str, Any], segment: str) -> None:
    [parameter] = document["paths"]["/api/users/{id}"]["delete"]["parameters"]
    pattern = re.compile(parameter["schema"]["pattern"].replace("$)", r"\Z)"))
    assert (pattern.fullmatch(segment) is not None) is (segment in SEGMENTS)


def test_a_body_is_described_with_its_limit(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/users/{id}"]["patch"]["requestBody"]
    assert body["description"] == "At most 64kb."
    [schema, _] = body["content"]["application/json"]["schema"]["anyOf"]
    assert resolve(document, schema)["properties"] == {"firstName": {"type": "string", "minLength": 1}}


def test_uploads_are_described(document: dict[str, Any]) -> None:
    schema = document["paths"]["/api/files/{path}"]["post"]["requestBody"]["content"]["multipart/form-data"][
        "schema"
    ]
    assert schema["properties"]["one"] == {
        "type": "string",
        "format": "binary",
        "contentMediaType": "application/octet-stream",
    }
    assert (schema["properties"]["more"]["type"], schema["required"]) == ("array", ["one"])


def test_responses_are_described(document: dict[str, Any]) -> None:
    users = document["paths"]["/api/users"]
    assert users["get"]["responses"].keys() == {"200", "409", "422", "default"}
    assert users["post"]["responses"].keys() == {"200", "201", "409", "413", "422", "default"}
    user = document["paths"]["/api/users/{id}"]
    assert user["get"]["responses"].keys() == {"200", "404", "422", "504", "default"}
    assert user["get"]["responses"]["404"]["description"] == "When there is none"
    assert user["patch"]["responses"].keys() == {"200", "413", "422", "504", "default"}
    assert "text/plain" in document["paths"]["/api/files/{path}"]["post"]["responses"]["200"]["content"]


def test_a_parameter_may_have_a_description(tmp_path: Path) -> None:
    source = (
        "import msgspec\nfrom typing import Annotated\n"
        "def GET(page: Annotated[int, msgspec.Meta(ge=1, description='The page.')] = 1): ..."
    )
    operation = App(project(tmp_path, {"pages/api/x.py": source})).openapi()["paths"]["/api/x"]["get"]
    [parameter] = operation["parameters"]
    assert parameter["schema"] == {"type": "integer", "minimum": 1, "description": "The page.", "default": 1}


MISTAKES = [
    "responses = {99: 'x'}",
    "responses = {'404': 'x'}",
    "responses = {404: object()}",
    "responses = {'GET': {9: 'x'}}",
    "responses = {'GETS': {}}",
]


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_in_responses_stops_the_start(tmp_path: Path, line: str) -> None:
    with pytest.raises(ProjectError, match="`responses`"):
        App(project(tmp_path, {"pages/api/x.py": HELLO + line}))


def operations(root: Path, source: str, file: str = "x.py") -> dict[str, Any]:
    """Return the operations of a file by method."""
    document = App(project(root, {f"pages/api/{file}": IMPORTS + source})).openapi()
    validate(document)
    [item] = document["paths"].values()
    return {method: part for method, part in item.items() if isinstance(part, dict)}


IMPORTS = """
import dataclasses, datetime, enum
from typing import Annotated, Any
import msgspec, pydantic
from apiroutes import EventStream, UploadFile, event_stream, json
@dataclasses.dataclass
class Point:
    x: int
    y: int = 0
"""
ANY_JSON: dict[str, Any] = {"application/json": {"schema": {}}}
BYTES = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
ANY_OBJECT = {"application/json": {"schema": {"type": "object", "additionalProperties": True}}}
BODIES: list[tuple[str, str, Any, bool]] = [
    ("def POST(body): ...", "post", ANY_JSON, False),
    ("def PUT(req): ...", "put", ANY_JSON, False),
    ("def PATCH(req, res): ...", "patch", ANY_JSON, False),
    ("def POST(*a): ...", "post", ANY_JSON, False),
    ("def handler(req, res): ...", "post", ANY_JSON, False),
    ("def POST(body: Any): ...", "post", ANY_JSON, False),
    ("def POST(body: dict): ...", "post", ANY_OBJECT, True),
    ("def POST(body: list): ...", "post", {"application/json": {"schema": {"type": "array"}}}, True),
    ("def POST(body: str): ...", "post", {"application/json": {"schema": {"type": "string"}}}, True),
    ("def POST(body: bytes): ...", "post", {"application/octet-stream": {"schema": BYTES}}, True),
    ("def POST(body: int = 1): ...", "post", {"application/json": {"schema": {"type": "integer"}}}, False),
    (
        "config = {'api': {'bodyParser': False}}\ndef POST(req): ...",
        "post",
        {"application/octet-stream": {"schema": BYTES}},
        False,
    ),
]


@pytest.mark.parametrize(("source", "method", "content", "is_required"), BODIES)
def test_a_body_is_described_by_its_annotation(
    tmp_path: Path, source: str, method: str, content: Any, is_required: bool
) -> None:
    body = operations(tmp_path, source)[method]["requestBody"]
    assert (body["content"], body.get("required", False)) == (content, is_required)


@pytest.mark.parametrize(
    "source", ["def GET(req): ...", "def DELETE(req): ...", "def POST(context, res): ..."]
)
def test_an_operation_that_takes_no_body_has_none(tmp_path: Path, source: str) -> None:
    [operation] = operations(tmp_path, source).values()
    assert "requestBody" not in operation


JSON_POINT = {"application/json"}
RESPONSES: list[tuple[str, dict[str, set[str]]]] = [
    ("def GET() -> Point: ...", {"200": JSON_POINT}),
    ("def GET() -> str: ...", {"200": {"text/plain"}}),
    ("def GET() -> bytes: ...", {"200": {"application/octet-stream"}}),
    ("def GET() -> Point | str: ...", {"200": {"application/json", "text/plain"}}),
    ("def GET(): ...", {"200": set()}),
    ("def GET(res) -> None: res.status(204)", {"204": set()}),
    ("def GET(res) -> None: res.status_code = 204", {"204": set()}),
    ("def GET(res) -> None: res.json(1)", {"200": set()}),
    ("responses = {204: 'Gone'}\ndef GET(res) -> None: ...", {"204": set()}),
    ("responses = {201: 'Made'}\ndef GET(res) -> Point: ...", {"201": JSON_POINT}),
    ("responses = {200: 'A point'}\ndef GET(res) -> Point: ...", {"200": JSON_POINT}),
    ("responses = {201: Point}\ndef GET(res): ...", {"201": JSON_POINT}),
    ("def GET() -> EventStream[Point]: ...", {"200": {"text/event-stream"}}),
    ("async def GET() -> EventStream: ...", {"200": {"text/event-stream"}}),
    ("def GET(): return event_stream(['a'])", {"200": {"text/event-stream"}}),
]


@pytest.mark.parametrize(("source", "successes"), RESPONSES)
def test_responses_are_those_of_annotations_and_declarations(
    tmp_path: Path, source: str, successes: dict[str, set[str]]
) -> None:
    [operation] = operations(tmp_path, source).values()
    assert {
        status: set(response.get("content", ()))
        for status, response in operation["responses"].items()
        if status.startswith("2")
    } == successes


def test_every_operation_has_a_response_for_errors_of_the_client(tmp_path: Path) -> None:
    [operation] = operations(tmp_path, "def GET(): ...").values()
    assert operation["responses"].keys() == {"200", "4XX", "default"}


def test_events_are_described_by_their_data(tmp_path: Path) -> None:
    [operation] = operations(tmp_path, "def GET() -> EventStream[Point]: ...").values()
    content = operation["responses"]["200"]["content"]["text/event-stream"]
    assert content == {"schema": {"$ref": "#/components/schemas/Point"}}


SUMMARIES = [
    ("def GET(): ...", "x.py", "Get x", "Get x."),
    ("def GET(): ...", "users/[id].py", "Get users by id", "Get users by id."),
    ("def GET():\n    '''List.'''", "x.py", "List.", "List."),
    ("def GET():\n    '''List.\n\n    All of them.'''", "x.py", "List.", "All of them."),
    ("def GET():\n    '''List.\n\n    Raises 404: none.'''", "x.py", "List.", "List."),
]


@pytest.mark.parametrize(("source", "file", "summary", "description"), SUMMARIES)
def test_every_operation_has_a_summary_and_a_description(
    tmp_path: Path, source: str, file: str, summary: str, description: str
) -> None:
    operation = operations(tmp_path, source, file)["get"]
    assert (operation["summary"], operation["description"]) == (summary, description)


DEFAULTS = [
    ("datetime.date = datetime.date(2026, 1, 2)", "2026-01-02"),
    ("Color = Color.red", "red"),
    ("float = 1.5", 1.5),
    ("list[int] = [1]", [1]),
    ("datetime.timedelta = datetime.timedelta(1)", "P1D"),
]


@pytest.mark.parametrize(("annotation", "default"), DEFAULTS)
def test_a_default_is_described_as_json(tmp_path: Path, annotation: str, default: Any) -> None:
    source = f"class Color(enum.Enum):\n    red = 'red'\ndef GET(v: {annotation}): ..."
    [parameter] = operations(tmp_path, source)["get"]["parameters"]
    assert parameter["schema"]["default"] == default


def test_a_form_of_fields_and_files_is_one_object(tmp_path: Path) -> None:
    source = "def POST(f: Annotated[UploadFile, msgspec.Meta(description='The photo.')], body: Point): ..."
    form = operations(tmp_path, source)["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["f"] == {**BYTES, "description": "The photo."}
    assert (set(form["properties"]), form["required"]) == ({"x", "y", "f"}, ["x", "f"])


def test_parameters_of_the_query_are_in_the_order_of_the_handlers(tmp_path: Path) -> None:
    source = (
        "def GET(a: pydantic.PositiveInt, b: int, c: Annotated[int, pydantic.Field(alias='d')], e: str): ..."
    )
    parameters = operations(tmp_path, source)["get"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["a", "b", "d", "e"]


def test_a_deprecated_handler_is_described_as_one(tmp_path: Path) -> None:
    source = "from typing_extensions import deprecated\n@deprecated('Use y.')\ndef GET(): ...\ndef PUT(): ..."
    described = operations(tmp_path, source)
    assert (described["get"].get("deprecated"), described["put"].get("deprecated")) == (True, None)
