"""Operations of the OpenAPI document: from annotations, docstrings and limits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

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
        ("/api/hello", {"get"}),
        ("/api/whole/typed", {"post"}),
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
    assert resolve(document, parameters["order"]["schema"])["enum"] == ["age", "name"]
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
