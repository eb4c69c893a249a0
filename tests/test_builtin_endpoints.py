"""What answers beside the routes: the OpenAPI document and the documentation page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError, Request, Response
from tests.support import HELLO, app_of, call, project

FILES = ["", "/page.css", "/page.js", "/swagger-ui.css", "/swagger-ui-bundle.js", "/openapi.json"]
FILES += ["/oauth2-redirect.html", "/oauth2-redirect.js"]


def with_docs(root: Path, **settings: Any) -> App:
    return app_of(root, HELLO, **{"docs": True, **settings})


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, 404),
        ({"mode": "development"}, 200),
        ({"mode": "development", "docs": False}, 404),
        ({"docs": True}, 200),
        ({"docs": "true"}, 200),
        ({"docs": "false"}, 404),
    ],
)
def test_the_page_is_served_in_development_or_if_switched_on(
    tmp_path: Path, settings: dict[str, Any], status: int
) -> None:
    assert call(app_of(tmp_path, HELLO, **settings), target="/api/_docs").status == status


@pytest.mark.parametrize("file", FILES)
def test_each_file_has_its_media_type(tmp_path: Path, file: str) -> None:
    types = {".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
    answer = call(with_docs(tmp_path), target="/api/_docs" + file)
    assert answer.status == 200
    media_type = (answer.header("Content-Type") or "").partition(";")[0]
    assert media_type == types.get(Path(file).suffix, "text/html")


def test_the_page_links_to_files_that_exist(tmp_path: Path) -> None:
    app = with_docs(tmp_path)
    page = call(app, target="/api/_docs").body.decode()
    asked = re.findall(r'(?:src|href)="(_docs/[^"]+)"', page)
    assert len(asked) == 5
    assert {call(app, target="/api/" + name).status for name in asked} == {200}


@pytest.mark.parametrize("file", FILES)
def test_each_file_is_cached_and_revalidated(tmp_path: Path, file: str) -> None:
    app = with_docs(tmp_path)
    etag = call(app, target="/api/_docs" + file).header("ETag")
    assert call(app, target="/api/_docs" + file, headers=[("If-None-Match", etag or "")]).status == 304


@pytest.mark.parametrize("file", FILES)
def test_other_methods_than_get_and_head_are_refused(tmp_path: Path, file: str) -> None:
    answer = call(with_docs(tmp_path), "POST", "/api/_docs" + file)
    assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD")


def test_the_policy_allows_the_pages_own_scripts_alone(tmp_path: Path) -> None:
    policy = call(with_docs(tmp_path), target="/api/_docs").header("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


FLOW = "{'authorizationUrl': 'https://id.example/a', 'tokenUrl': '%s', 'scopes': {}}"
OAUTH = "{'type': 'oauth2', 'flows': {'authorizationCode': " + FLOW + "}}"
SCHEMES = [
    (OAUTH % "https://id.example/token", "'self' https://id.example"),
    (OAUTH % "http://id.example:8080", "'self' http://id.example:8080"),
    (OAUTH % "/token", "'self'"),
    (OAUTH % "https://a; script-src *", "'self'"),
    (OAUTH % "https://user@id.example/", "'self'"),
    ("{'type': 'openIdConnect', 'openIdConnectUrl': 'https://id.example/o'}", "'self' https://id.example"),
]


@pytest.mark.parametrize(("scheme", "sources"), SCHEMES)
def test_the_policy_allows_the_projects_token_urls(tmp_path: Path, scheme: str, sources: str) -> None:
    source = f"from apiroutes import security_scheme\n@security_scheme('a', {scheme})\ndef GET(): ...\n"
    policy = call(app_of(tmp_path, source, docs=True), target="/api/_docs").header("Content-Security-Policy")
    assert f"connect-src {sources};" in (policy or "")


def test_a_trailing_slash_redirects_to_the_page(tmp_path: Path) -> None:
    answer = call(with_docs(tmp_path), target="/api/_docs/")
    assert (answer.status, answer.header("Location")) == (308, "../_docs")


@pytest.mark.parametrize("slash", ["redirect", "ignore", "require"])
def test_trailing_slash_does_not_move_the_page(tmp_path: Path, slash: str) -> None:
    assert call(with_docs(tmp_path, trailing_slash=slash), target="/api/_docs").status == 200


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"api_prefix": "/v1"}, "/v1/_docs"),
        ({"api_prefix": ""}, "/_docs"),
        ({"base_path": "/shop"}, "/shop/api/_docs"),
    ],
)
def test_the_page_lies_below_the_prefix(tmp_path: Path, settings: dict[str, Any], path: str) -> None:
    assert call(with_docs(tmp_path, **settings), target=path).status == 200


def test_a_catch_all_does_not_hide_the_page(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def GET(): return 'route'\n", "[[...path]].py", docs=True)
    assert call(app, target="/api/_docs").body.startswith(b"<!doctype html>")
    assert call(app, target="/api/_docs/other").body == b"route"


def test_the_page_comes_before_the_fallback(tmp_path: Path) -> None:
    def fallback(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"fallback"]

    app = App(project(tmp_path, {"pages/api/x.py": HELLO}), fallback=fallback, docs=True)
    assert call(app, target="/api/_docs").body.startswith(b"<!doctype html>")


def test_the_document_has_the_title_of_the_settings(tmp_path: Path) -> None:
    document = call(with_docs(tmp_path, title="Shop"), target="/api/_docs/openapi.json").json()
    assert document["info"]["title"] == "Shop"
    assert document["servers"] == [{"url": "/"}]


@pytest.mark.parametrize("path", ["/api/openapi.json", "/api/_docs/openapi.json"])
@pytest.mark.parametrize(("mount", "url"), [("/v1", "/v1"), ("/a b", "/a%20b"), ("//v1", "/v1")])
def test_the_document_of_a_mounted_app_names_its_mount(
    tmp_path: Path, path: str, mount: str, url: str
) -> None:
    app = with_docs(tmp_path, openapi_path="/api/openapi.json")
    answer = call(app, target=path, SCRIPT_NAME=mount, RAW_URI=mount.replace(" ", "%20") + path)
    assert answer.json()["servers"] == [{"url": url}]


@pytest.mark.parametrize("path", ["/ready", "/api/openapi.json", "/api/_docs"])
def test_a_mounted_app_has_its_built_in_endpoints(tmp_path: Path, path: str) -> None:
    app = with_docs(tmp_path, openapi_path="/api/openapi.json", readiness_path="/ready")
    assert call(app, target=path, SCRIPT_NAME="/v1", RAW_URI="/v1" + path).status == 200


def refuse(req: Request, res: Response, next: Any) -> None:
    res.set_header("Content-Security-Policy", "default-src 'none'")
    if "X-Key" in req.headers:
        next()
    else:
        res.redirect("/login")


@pytest.mark.parametrize("path", ["/api/openapi.json", "/api/_docs", "/api/_docs/openapi.json"])
def test_project_middleware_runs_around_the_page(tmp_path: Path, path: str) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO})
    app = App(root, middleware=[refuse], docs=True, openapi_path="/api/openapi.json")
    assert call(app, target=path).status == 307
    assert call(app, target=path, headers=[("X-Key", "1")]).status == 200


def test_the_policy_of_the_page_wins_over_that_of_middleware(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": HELLO}), middleware=[refuse], docs=True)
    page = call(app, target="/api/_docs", headers=[("X-Key", "1")])
    assert "script-src 'self'" in (page.header("Content-Security-Policy") or "")


@pytest.mark.parametrize("setting", ["readiness_path", "liveness_path"])
def test_health_is_outside_all_middleware(tmp_path: Path, setting: str) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": HELLO}), middleware=[refuse], **{setting: "/health"})  # type: ignore[arg-type]
    assert call(app, target="/health").status == 200


def test_an_unreadable_switch_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="docs: 'maybe' is neither true nor false"):
        with_docs(tmp_path, docs="maybe")
