"""What a TypeScript client makes of names: whatever they have in them, they stay text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiroutes import App
from apiroutes.openapi.typescript import typescript_client
from tests.support import project


def document(path: str, *parameters: str, title: str = "x") -> dict[str, Any]:
    """A document of one operation, with parameters of its path."""
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
    """The template literal of the only operation's path."""
    (line,) = (line for line in client.split("\n") if "      request<" in line)
    return line.partition('"GET", ')[2].rpartition(", {}, init),")[0]


# a path, and its template literal
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
def test_a_path_is_text_in_its_template(path: str, template: str) -> None:
    assert template_of(typescript_client(document(path))) == template


# a path and its parameters, and its template literal
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
def test_a_parameter_is_the_only_code_in_a_template(path: str, parameters: list[str], template: str) -> None:
    client = typescript_client(document(path, *parameters))
    (line,) = (line for line in client.split("\n") if "      request<" in line)
    assert f'"GET", {template}, ' in line


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_template_literal_of_any_text_has_no_code_and_one_line(text: str) -> None:
    template = template_of(typescript_client(document("/" + text)))
    assert template.isascii()
    assert template.isprintable()
    unescaped = template[1:-1].replace("\\\\", "")
    assert "`" not in unescaped.replace("\\`", "")
    assert "${" not in unescaped.replace("\\${", "")
    # Without its own two escapes it is a string of JSON.
    string = template[1:-1].replace("\\`", "`").replace("\\${", "${") if "\\\\" not in template else None
    if string is not None:
        assert json.loads(f'"{string}"') == "/" + text


@pytest.mark.parametrize("title", ["a\nb", "a\u2028b", "a\rprocess.exit(7)", "*/", "\x85"])
def test_a_title_is_one_line_of_a_comment(title: str) -> None:
    first, *rest = typescript_client(document("/x", title=title)).splitlines()
    assert first.startswith("// A client of ")
    assert rest[0] == ""


@pytest.mark.parametrize("name", ["it's", 'a"b', "a`b", "${x}", "a-b", "größe"])
def test_a_parameters_name_is_a_property_in_quotes(tmp_path: Path, name: str) -> None:
    app = App(project(tmp_path, {f"pages/api/[{name}].py": "def GET(): ...\n"}))
    assert f"path: {{ {json.dumps(name)}: string }}" in typescript_client(app.openapi())


@pytest.mark.parametrize(
    ("name", "path"),
    [("{id}", "/api/%7Bid%7D"), ("%2F", "/api/%252F"), ("a?b#c", "/api/a%3Fb%23c"), ("a b", "/api/a%20b")],
)
def test_the_document_has_a_path_as_it_is_in_a_url(tmp_path: Path, name: str, path: str) -> None:
    app = App(project(tmp_path, {f"pages/api/{name}.py": "def GET(): ...\n"}))
    assert [*app.openapi()["paths"]] == [path]


def test_every_operation_has_a_function_of_its_own(tmp_path: Path) -> None:
    files = dict.fromkeys(["a-b.py", "a/b.py", "a/b2.py"], "def GET(): ...\n")
    app = App(project(tmp_path, {f"pages/api/{name}": source for name, source in files.items()}))
    client = typescript_client(app.openapi())
    functions = [
        line.partition(":")[0].strip() for line in client.split("\n") if "=>" in line and "init?: R" in line
    ]
    assert len(functions) == len(set(functions)) == len(files)
