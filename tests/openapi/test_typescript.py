"""A TypeScript client from names of any characters: they stay text and never become code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiroutes import App
from apiroutes.openapi import typescript_client
from tests.support import project


def document(path: str, *parameters: str, title: str = "x") -> dict[str, Any]:
    """Return a document of one operation with path parameters."""
    described = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parameters
    ]
    operation = {"operationId": "get_it", "parameters": described, "responses": {"200": {}}}
    return {
        "info": {"title": title, "version": "1"},
        "paths": {path: {"get": operation}},
        "components": {"schemas": {}},
    }


def template_of(client: str) -> str:
    """Return the template literal of the only operation's path."""
    return call_of(client).partition('"GET", ')[2].rpartition(", {}, init),")[0]


def call_of(client: str) -> str:
    """Return the line in which the only operation calls `request`."""
    (line,) = (line for line in client.split("\n") if "      request<" in line)
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


@pytest.mark.parametrize("title", ["a\nb", "a\u2028b", "a\rprocess.exit(7)", "*/", "\x85"])
def test_any_title_becomes_a_comment_of_one_line(title: str) -> None:
    first, *rest = typescript_client(document("/x", title=title)).splitlines()
    assert first.startswith("// A client of ")
    assert rest[0] == ""


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


def test_every_operation_has_its_own_function(tmp_path: Path) -> None:
    files = dict.fromkeys(["a-b.py", "a/b.py", "a/b2.py"], "def GET(): ...\n")
    app = App(project(tmp_path, {f"pages/api/{name}": source for name, source in files.items()}))
    client = typescript_client(app.openapi())
    functions = [
        line.partition(":")[0].strip() for line in client.split("\n") if "=>" in line and "init?: R" in line
    ]
    assert len(functions) == len(set(functions)) == len(files)


def test_the_examples_and_marks_of_the_template_are_replaced() -> None:
    client = typescript_client(document("/api/x"))
    assert "notes" not in client
    assert "// <" not in client
    assert client.startswith("// A client of x 1,")
