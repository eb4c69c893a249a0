"""A TypeScript client from names of any characters: they stay text and never become code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiroutes import App
from apiroutes.clients import typescript_client
from tests.support import project


def document(path: str, *parameters: str) -> dict[str, Any]:
    """Return a document of one operation with path parameters."""
    described = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parameters
    ]
    operation = {"operationId": "get_it", "parameters": described, "responses": {"200": {}}}
    return {
        "info": {"title": "x", "version": "1"},
        "paths": {path: {"get": operation}},
        "components": {"schemas": {}},
    }


def template_of(client: str) -> str:
    """Return the template literal of the only operation's path."""
    return call_of(client).partition('"GET", ')[2].rpartition(", {}, options);")[0]


def call_of(client: str) -> str:
    """Return the line in which the only operation is called."""
    (line,) = (line for line in client.split("\n") if '  return call("' in line)
    return line


# A path, and its template literal.
TEMPLATES = [
    ("/api/x", "`/api/x`"),
    ("/api/`", r"`/api/\``"),
    ("/api/${process.exit(7)}", r"`/api/\${process.exit(7)}`"),
    ("/api/$", "`/api/$`"),
    ("/api/\\", r"`/api/\\`"),
    ("/api/\\`", r"`/api/\\\``"),
    ("/api/\\${x}", r"`/api/\\\${x}`"),
    ("/api/a\nb", r"`/api/a\nb`"),
    ("/api/a\u2028b", r"`/api/a\u2028b`"),
    ("/api/ö", r"`/api/\u00f6`"),
]


@pytest.mark.parametrize(("path", "template"), TEMPLATES)
def test_a_path_is_plain_text_in_its_template_literal(path: str, template: str) -> None:
    assert template_of(typescript_client(document(path))) == template


# A path, its parameters, and its template literal.
PARAMETERS = [
    ("/{a}/{b}", ["a", "b"], '`/${segment(parameters.path["a"])}/${segment(parameters.path["b"])}`'),
    ("/${a}", ["a"], '`/$${segment(parameters.path["a"])}`'),
    ("/{b}/{a}", ["a", "b"], '`/${segment(parameters.path["b"])}/${segment(parameters.path["a"])}`'),
    ("/{a`}", ["a`"], '`/${segment(parameters.path["a`"])}`'),
    ('/{a"}', ['a"'], '`/${segment(parameters.path["a\\""])}`'),
    ("/{a}b}", ["a}b"], '`/${segment(parameters.path["a}b"])}`'),
    (
        "/{parameters}/{x}",
        ["parameters", "x"],
        '`/${segment(parameters.path["parameters"])}/${segment(parameters.path["x"])}`',
    ),
]


@pytest.mark.parametrize(("path", "parameters", "template"), PARAMETERS)
def test_only_parameters_are_code_in_a_template_literal(
    path: str, parameters: list[str], template: str
) -> None:
    assert f'"GET", {template}, ' in call_of(typescript_client(document(path, *parameters)))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_path_makes_a_template_literal_of_one_line_without_code(text: str) -> None:
    template = template_of(typescript_client(document("/" + text)))
    assert template.isascii()
    assert template.isprintable()
    unescaped = template[1:-1].replace("\\\\", "")
    assert "`" not in unescaped.replace("\\`", "")
    assert "${" not in unescaped.replace("\\${", "")
    # Apart from its own two escapes, it is a JSON string.
    string = template[1:-1].replace("\\`", "`").replace("\\${", "${") if "\\\\" not in template else None
    if string is not None:
        assert json.loads(f'"{string}"') == "/" + text


@pytest.mark.parametrize("name", ["it's", 'a"b', "a`b", "${x}", "a-b", "größe"])
def test_a_parameter_name_that_is_no_identifier_is_quoted(tmp_path: Path, name: str) -> None:
    app = App(project(tmp_path, {f"pages/api/[{name}].py": "def GET(): ...\n"}))
    assert f"path: {{ {json.dumps(name)}: string }}" in typescript_client(app.openapi())


@pytest.mark.parametrize(
    ("name", "path"),
    [("{id}", "/api/%7Bid%7D"), ("%2F", "/api/%252F"), ("a?b#c", "/api/a%3Fb%23c"), ("a b", "/api/a%20b")],
)
def test_paths_in_the_document_are_percent_encoded(tmp_path: Path, name: str, path: str) -> None:
    app = App(project(tmp_path, {f"pages/api/{name}.py": "def GET(): ...\n"}))
    assert [*app.openapi()["paths"]] == [path]


def test_a_path_of_several_segments_may_be_a_list(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/[...path].py": "def GET(path: list[str]): ...\n"}))
    client = typescript_client(app.openapi())
    assert "  parameters: { path: { path: Path } },\n" in client
    assert "type Path = string | readonly string[];\n" in client


def test_every_operation_has_its_own_function(tmp_path: Path) -> None:
    files = dict.fromkeys(["a-b.py", "a/b.py", "a/b2.py"], "def GET(): ...\n")
    app = App(project(tmp_path, {f"pages/api/{name}": source for name, source in files.items()}))
    functions = re.findall(r"^export function (get\w+)\(", typescript_client(app.openapi()), re.MULTILINE)
    assert len(functions) == len(set(functions)) == len(files)


def test_the_examples_and_marks_of_the_template_are_replaced() -> None:
    client = typescript_client(document("/api/x"))
    assert "/examples/" not in client
    assert "// <" not in client
    assert client.startswith("// A client of an API,")


# -- types

# A schema, and its type.
TYPES: list[tuple[Any, str]] = [
    ({}, "unknown"),
    (True, "unknown"),
    (False, "never"),
    ({"type": "string", "format": "date-time"}, "string"),
    ({"type": "integer"}, "number"),
    ({"type": ["string", "null"]}, "string | null"),
    ({"enum": ["a", 1, None]}, '"a" | 1 | null'),
    ({"const": True}, "true"),
    ({"type": "array", "items": {"type": ["string", "null"]}}, "(string | null)[]"),
    ({"type": "array"}, "unknown[]"),
    ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]}, "[string, number]"),
    (
        {"type": "array", "prefixItems": [{"type": "string"}], "minItems": 1, "maxItems": 1, "items": False},
        "[string]",
    ),
    ({"type": "array", "prefixItems": [{"type": "string"}], "minItems": 1, "maxItems": 1}, "[string]"),
    (
        {"type": "array", "prefixItems": [{"type": "string"}, {}], "minItems": 1, "maxItems": 2},
        "[string, unknown?]",
    ),
    (
        {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
        "[string, ...number[]]",
    ),
    (
        {"prefixItems": [{"type": "string"}, {}], "type": "array", "minItems": 2, "maxItems": 2, "items": {}},
        "[string, unknown]",
    ),
    ({"type": "object"}, "{ [key: string]: unknown }"),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, "{ [key: string]: number }"),
    ({"type": "object", "additionalProperties": False}, "{ [key: string]: never }"),
    (
        {"type": "array", "items": {"properties": {"a-b": {}, "c": False}, "required": ["a-b"]}},
        '{ "a-b": unknown; c?: never }[]',
    ),
    (
        {"type": "array", "items": {"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}},
        "{ a?: unknown; [key: string]: unknown }[]",
    ),
    ({"anyOf": [{"$ref": "#/components/schemas/Other"}, {"type": "null"}]}, "Other | null"),
    ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "number"),
    ({"anyOf": [{"type": "string"}, {}]}, "unknown"),
    ({"$ref": "#/components/schemas/Other", "description": "Another"}, "Other"),
    ({"$ref": "#/elsewhere"}, "unknown"),
    (
        {"allOf": [{"$ref": "#/components/schemas/Other"}, {"type": ["string", "null"]}]},
        "Other & (string | null)",
    ),
    (
        {"$ref": "#/components/schemas/Other", "properties": {"a": {"type": "null"}}},
        "Other & { a?: null }",
    ),
    ({"type": "string", "contentMediaType": "application/json", "contentSchema": {}}, "string"),
    ({"type": "string", "contentEncoding": "base64"}, "string"),
    ({"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}, "Blob"),
]


@pytest.mark.parametrize(("schema", "type_"), TYPES)
def test_a_schema_is_a_type(schema: Any, type_: str) -> None:
    described = document("/x")
    described["components"]["schemas"] = {"Other": {"type": "boolean"}, "Type": schema}
    assert f"export type Type = {type_};\n" in typescript_client(described)


# The name of a schema, and that of its type.
NAMES = [("User", "User"), ("User-Input", "UserInput"), ("my_type", "my_type"), ("a-b.c", "aBC")]


@pytest.mark.parametrize(("name", "type_"), NAMES)
def test_a_schema_gives_its_type_a_name(name: str, type_: str) -> None:
    described = document("/x")
    described["components"]["schemas"] = {name: {"type": "boolean"}}
    assert f"export type {type_} = boolean;\n" in typescript_client(described)


def test_descriptions_of_members_are_comments() -> None:
    described = document("/x")
    properties = {"name": {"type": "string", "description": "What it is\ncalled. */"}}
    described["components"]["schemas"] = {"Type": {"type": "object", "properties": properties}}
    lines = [
        "export type Type = {",
        "  /**",
        "   * What it is",
        "   * called. * /",
        "   */",
        "  name?: string;",
    ]
    assert "\n".join(lines) in typescript_client(described)


# A summary, a description, and the lines of the comment.
TEXTS = [
    ("One", "", ["/** One */"]),
    ("One", "One", ["/** One */"]),
    ("One", "One.", ["/** One. */"]),
    ("One", "Two", ["/**", " * One", " *", " * Two", " */"]),
    ("", "Two", ["/** Two */"]),
]


@pytest.mark.parametrize(("summary", "description", "lines"), TEXTS)
def test_what_an_operation_says_is_its_comment(summary: str, description: str, lines: list[str]) -> None:
    described = document("/x")
    described["paths"]["/x"]["get"] |= {"summary": summary, "description": description}
    assert "\n".join(["", *lines, "export function getIt("]) in typescript_client(described)


# -- responses


def response(schema: Any, media_type: str = "application/json") -> dict[str, Any]:
    return {"description": "", "content": {media_type: {"schema": schema}}}


TEXT = {"type": "string"}
NUMBER = {"type": "integer"}

# The responses of an operation, and what it returns.
RESPONSES: list[tuple[dict[str, Any], str]] = [
    ({"200": response(NUMBER)}, "ApiSuccess<200, number>"),
    ({"204": {}}, "ApiSuccess<204, undefined>"),
    ({"200": {}}, "ApiSuccess<200, unknown>"),
    ({"200": response(NUMBER), "201": response(TEXT)}, "ApiSuccess<200, number> | ApiSuccess<201, string>"),
    ({"200": response({}, "text/plain")}, "ApiSuccess<200, string>"),
    ({"200": response({}, "application/x-ndjson")}, "ApiSuccess<200, string>"),
    ({"200": response({}, "image/png")}, "ApiSuccess<200, Blob>"),
    ({"200": response(NUMBER, "application/vnd.api+json")}, "ApiSuccess<200, number>"),
    ({"409": response(TEXT)}, "ApiSuccess<number, unknown> | ApiFailure<409, string>"),
    (
        {"200": response(NUMBER), "404": response(TEXT), "409": response(NUMBER), "410": response(TEXT)},
        "ApiSuccess<200, number> | ApiFailure<404 | 410, string> | ApiFailure<409, number>",
    ),
    (
        {"200": response(NUMBER), "404": response(TEXT), "409": response(NUMBER), "default": response(TEXT)},
        "ApiSuccess<200, number> | ApiFailure<ErrorStatus<409>, string> | ApiFailure<409, number>",
    ),
]


@pytest.mark.parametrize(("responses", "results"), RESPONSES)
def test_an_operation_returns_a_result_for_each_status(responses: dict[str, Any], results: str) -> None:
    described = document("/x")
    described["paths"]["/x"]["get"]["responses"] = responses
    function = typescript_client(described).partition("export function getIt(")[2]
    returned = function.partition("ApiCall<\n  | ")[2].partition("\n>")[0]
    assert returned.replace("\n  ", " ") == results


# What the document says of an event stream, and the type of the data.
EVENTS: list[tuple[dict[str, Any], str]] = [
    ({}, "string"),
    ({"schema": {"type": "string"}}, "string"),
    ({"schema": {"$ref": "#/components/schemas/Tick"}}, "Tick"),
    ({"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Tick"}}}, "Tick"),
    ({"schema": {"type": "object", "properties": {"data": {"$ref": "#/components/schemas/Tick"}}}}, "Tick"),
    ({"itemSchema": {"type": "object", "properties": {"data": {"type": "string"}}}}, "string"),
    ({"itemSchema": {"type": "object", "properties": {"event": {"type": "string"}}}}, "string"),
    (
        {
            "itemSchema": {
                "properties": {
                    "data": {
                        "type": "string",
                        "contentMediaType": "application/json",
                        "contentSchema": {"$ref": "#/components/schemas/Tick"},
                    }
                }
            }
        },
        "Tick",
    ),
]


@pytest.mark.parametrize(("described", "data"), EVENTS)
def test_an_event_stream_has_the_type_of_its_data(described: dict[str, Any], data: str) -> None:
    whole = document("/x")
    whole["components"]["schemas"] = {"Tick": {"type": "number"}}
    whole["paths"]["/x"]["get"]["responses"] = {"200": {"content": {"text/event-stream": described}}}
    client = typescript_client(whole)
    assert f"): ApiEvents<{data}> {{" in client
    assert f", {'String' if data == 'string' else 'JSON.parse'});" in client


def test_references_to_components_are_followed() -> None:
    described = document("/x")
    described["components"] |= {
        "responses": {"Made": response(NUMBER)},
        "parameters": {"page": {"name": "page", "in": "query", "schema": NUMBER}},
        "requestBodies": {"Text": {"required": True, "content": {"text/plain": {"schema": TEXT}}}},
    }
    described["paths"]["/x"]["get"] |= {
        "parameters": [{"$ref": "#/components/parameters/page"}],
        "requestBody": {"$ref": "#/components/requestBodies/Text"},
        "responses": {"201": {"$ref": "#/components/responses/Made"}},
    }
    client = typescript_client(described)
    assert "parameters: { query?: { page?: number | undefined } | undefined; body: string }," in client
    assert 'body: parameters.body, kind: "text" }' in client
    assert "ApiSuccess<201, number>" in client


# The content that an operation takes, and the type of `body`.
BODIES: list[tuple[dict[str, Any], str]] = [
    ({"application/json": {"schema": NUMBER}}, "body: number"),
    ({"application/json": {"schema": {}}}, "body: unknown"),
    ({"application/json": {}}, "body: unknown"),
    ({"*/*": {}}, "body: unknown"),
    ({"text/plain": {}}, "body: string"),
    ({"application/octet-stream": {}}, "body: Raw"),
    (
        {"multipart/form-data": {"schema": {"properties": {"a": NUMBER}}}},
        "body: { a?: number } | FormData",
    ),
    (
        {"application/x-www-form-urlencoded": {"schema": {"properties": {"a": NUMBER}}}},
        "body: { a?: number } | URLSearchParams",
    ),
    ({"text/plain": {}, "application/json": {"schema": NUMBER}}, "body: number | string"),
]


@pytest.mark.parametrize(("content", "body"), BODIES)
def test_every_kind_of_body_can_be_passed(content: dict[str, Any], body: str) -> None:
    described = document("/x")
    described["paths"]["/x"]["get"]["requestBody"] = {"required": True, "content": content}
    assert f"  parameters: {{ {body} }},\n" in typescript_client(described)
