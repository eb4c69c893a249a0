"""The OpenAPI document as a whole: it is valid, names its operations, and says what credentials they need."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from openapi_spec_validator import validate

from apiroutes import App, ProjectError, Request, Response, security_scheme
from apiroutes.cli import main
from tests.support import HELLO, call, project


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_every_build_makes_the_same_document(root: Path, document: dict[str, Any]) -> None:
    assert App(root).openapi() == document


def test_title_and_version_come_from_the_project_table(document: dict[str, Any]) -> None:
    assert document["info"].items() >= {"title": "shop", "version": "1.2"}.items()


def test_settings_override_title_and_version(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": HELLO}), title="Mine", version="3")
    assert app.openapi()["info"].items() >= {"title": "Mine", "version": "3"}.items()


def test_every_route_has_a_path(document: dict[str, Any]) -> None:
    assert sorted(document["paths"]) == [
        "/api",
        "/api/docs",
        "/api/docs/{path}",
        "/api/files/{path}",
        "/api/hello",
        "/api/model",
        "/api/users",
        "/api/users/{id}",
        "/api/whole/named",
        "/api/whole/typed",
        "/api/with-dash/x_y",
        "/api/with_dash/x-y",
    ]


def test_operation_names_are_made_of_method_and_path(document: dict[str, Any]) -> None:
    names = {
        (path, method): operation["operationId"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict)
    }
    assert names["/api/users", "get"] == "get_users"
    assert names["/api/users/{id}", "patch"] == "patch_users_by_id"
    assert names["/api", "get"] == "get_root"
    assert len(set(names.values())) == len(names)


# -- credentials

BEARER = "security_scheme('token', {'type': 'http', 'scheme': 'bearer'})"
KEY = "security_scheme('key', {'type': 'apiKey', 'in': 'header', 'name': 'X-Key'})"
OAUTH = "security_scheme('oauth', {'type': 'openIdConnect', 'openIdConnectUrl': '/oidc'}, scopes=['%s'])"
CHECK = "def check(req, res, next): next()\n"
IMPORTS = "from apiroutes import security_scheme, use\n"


def operation_of(root: Path, files: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the operation GET /api/a/x and the security schemes."""
    files = {"pages/api/a/x.py": "def GET(): ...\n", **files}
    document = App(project(root, {name: IMPORTS + source for name, source in files.items()})).openapi()
    validate(document)
    return document["paths"]["/api/a/x"]["get"], document["components"].get("securitySchemes", {})


DECLARED: list[tuple[dict[str, str], Any]] = [
    ({}, None),
    ({"pages/api/a/_middleware.py": f"@{BEARER}\n" + CHECK + "middleware = check"}, [{"token": []}]),
    ({"pages/api/b/_middleware.py": f"@{BEARER}\n" + CHECK + "middleware = check"}, None),
    ({"pages/api/a/x.py": f"@{KEY}\n" + CHECK + "middleware = [check]\ndef GET(): ..."}, [{"key": []}]),
    ({"pages/api/a/x.py": f"@{KEY}\n" + CHECK + "@use(check)\ndef GET(): ..."}, [{"key": []}]),
    ({"pages/api/a/x.py": f"@{KEY}\ndef GET(): ..."}, [{"key": []}]),
    ({"pages/api/a/x.py": f"@{KEY}\ndef PUT(): ...\ndef GET(): ..."}, None),
    ({"pages/api/a/x.py": f"@{KEY}\n@{BEARER}\ndef GET(): ..."}, [{"key": []}, {"token": []}]),
    (
        {
            "pages/api/_middleware.py": f"@{BEARER}\n@{KEY}\n" + CHECK + "middleware = check",
            "pages/api/a/x.py": f"@{OAUTH % 'read'}\n" + CHECK + "@use(check)\ndef GET(): ...",
        },
        [{"token": [], "oauth": ["read"]}, {"key": [], "oauth": ["read"]}],
    ),
    (
        {
            "pages/api/_middleware.py": f"@{OAUTH % 'read'}\n" + CHECK + "middleware = check",
            "pages/api/a/x.py": f"@{OAUTH % 'write'}\ndef GET(): ...",
        },
        [{"oauth": ["read", "write"]}],
    ),
    (
        {"pages/api/_middleware.py": f"@{KEY}\nclass Check:\n  def __call__(*_): ...\nmiddleware = Check()"},
        [{"key": []}],
    ),
]


@pytest.mark.parametrize(("files", "security"), DECLARED)
def test_a_route_needs_the_credentials_of_every_step(
    tmp_path: Path, files: dict[str, str], security: Any
) -> None:
    operation, schemes = operation_of(tmp_path, files)
    assert operation.get("security") == security
    assert ("401" in operation["responses"]) is (security is not None)
    assert {name for requirement in security or () for name in requirement} <= schemes.keys()


def test_the_credentials_of_app_wide_middleware_are_needed_by_every_route(tmp_path: Path) -> None:
    @security_scheme("token", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    def check(req: Request, res: Response, next: Any) -> None: ...

    operation, _ = operation_of(tmp_path, {})
    assert "security" not in operation
    document = App(tmp_path, middleware=[check]).openapi()
    assert document["paths"]["/api/a/x"]["get"]["security"] == [{"token": []}]
    schemes = document["components"]["securitySchemes"]
    assert schemes == {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}


def test_two_schemes_of_one_name_stop_the_start(tmp_path: Path) -> None:
    other = BEARER.replace("bearer", "basic")
    source = f"@{BEARER}\ndef GET(): ...\n@{other}\ndef PUT(): ...\n"
    with pytest.raises(ProjectError, match="security scheme 'token' is not the same for `GET` and `PUT`"):
        operation_of(tmp_path, {"pages/api/a/x.py": source})


WRONG_SCHEMES = [
    ("a b", {"type": "mutualTLS"}, "a name may have letters"),
    ("a", {}, "'type' must be one of 'http', 'apiKey'"),
    ("a", {"type": "basic"}, "'type' must be one of"),
    ("a", {"type": ["http"]}, "'type' must be one of"),
    ("a", {"type": "http"}, "'http' needs 'scheme'"),
    ("a", {"type": "apiKey", "name": "k"}, "'apiKey' needs 'in'"),
    ("a", {"type": "apiKey", "name": "k", "in": "body"}, "'in' must be one of 'header', 'query', 'cookie'"),
    ("a", {"type": "oauth2", "flows": "implicit"}, "'oauth2' needs 'flows'"),
    ("a", {"type": "openIdConnect"}, "needs 'openIdConnectUrl'"),
]


@pytest.mark.parametrize(("name", "scheme", "message"), WRONG_SCHEMES)
def test_an_unknown_security_scheme_is_refused(name: str, scheme: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        security_scheme(name, scheme)


# -- where the document is


def test_the_document_is_served_at_openapi_path(root: Path, document: dict[str, Any]) -> None:
    app = App(root, openapi_path="/api/openapi.json")
    response = call(app, target="/api/openapi.json")
    assert (response.status, response.header("Content-Type"), response.json()) == (
        200,
        "application/json",
        document,
    )
    etag = [("If-None-Match", response.header("ETag") or "")]
    assert call(app, target="/api/openapi.json", headers=etag).status == 304
    assert call(app, "POST", "/api/openapi.json").status == 405


def test_the_document_is_not_served_by_default(root: Path) -> None:
    assert call(App(root), target="/api/openapi.json").status == 404


def test_an_openapi_path_that_a_file_answers_is_refused(root: Path) -> None:
    with pytest.raises(ProjectError, match=r"hello\.py answers /api/hello too"):
        App(root, openapi_path="/api/hello")


def test_the_command_prints_the_document(root: Path, document: dict[str, Any]) -> None:
    result = CliRunner().invoke(main, ["openapi", "--root", str(root)])
    assert (result.exit_code, json.loads(result.output)) == (0, document)


def test_the_command_writes_yaml(root: Path, document: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "openapi.yaml"
    result = CliRunner().invoke(main, ["openapi", "--root", str(root), "--yaml", "-o", str(file)])
    assert (result.exit_code, yaml.safe_load(file.read_text())) == (0, document)


# -- what the document says of itself

ABOUT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"description": "A shop.", "license": {"name": "MIT", "identifier": "MIT"}}),
    ({"description": "Mine."}, {"description": "Mine."}),
    ({"license": "All rights reserved"}, {"license": {"name": "All rights reserved"}}),
    (
        {"license": "MIT OR Apache-2.0"},
        {"license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"}},
    ),
    ({"contact": "Ada <ada@example.com>"}, {"contact": {"name": "Ada", "email": "ada@example.com"}}),
    ({"contact": "ada@example.com"}, {"contact": {"email": "ada@example.com"}}),
    ({"contact": "https://example.com"}, {"contact": {"url": "https://example.com"}}),
    ({"contact": "Ada <https://example.com>"}, {"contact": {"name": "Ada", "url": "https://example.com"}}),
    ({"contact": "Ada"}, {"contact": {"name": "Ada"}}),
]
PROJECT_TABLE = (
    '[project]\nname = "shop"\ndescription = "A shop."\nlicense = "MIT"\nauthors = [{name = "Ada"}]\n'
)


@pytest.mark.parametrize(("settings", "described"), ABOUT)
def test_the_document_describes_the_api(
    tmp_path: Path, settings: dict[str, Any], described: dict[str, Any]
) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO, "pyproject.toml": PROJECT_TABLE})
    document = App(root, **settings).openapi()
    validate(document)
    assert document["info"].items() >= described.items()


def test_authors_are_not_named_unless_a_setting_does(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO, "pyproject.toml": PROJECT_TABLE})
    assert "contact" not in App(root).openapi()["info"]


def test_operations_are_tagged_by_their_directories(tmp_path: Path) -> None:
    source = "def GET(): ..."
    files = {
        "pages/api/users/index.py": f"'''The users.\n\nAll of them.'''\n{source}",
        "pages/api/users/[id]/notes.py": f"'''Notes.'''\n{source}",
        "pages/api/orders.py": source,
        "pages/api/[any].py": source,
        "pages/api/index.py": f"'''The start.'''\n{source}",
    }
    document = App(project(tmp_path, files)).openapi()
    assert document["tags"] == [
        {"name": "orders", "description": "Routes of orders."},
        {"name": "root", "description": "The start."},
        {"name": "users", "description": "The users."},
    ]
    tags = {path: item["get"]["tags"] for path, item in document["paths"].items()}
    assert tags == {
        "/api": ["root"],
        "/api/orders": ["orders"],
        "/api/users": ["users"],
        "/api/users/{id}/notes": ["users"],
        "/api/{any}": ["root"],
    }


def test_no_credentials_are_needed_where_none_are_declared(document: dict[str, Any]) -> None:
    assert (document["security"], document["servers"]) == ([], [{"url": "/"}])
