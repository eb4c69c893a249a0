"""Routes of the `app` convention lie at their own paths, whatever the prefix of the others is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from apiroutes import App, ProjectError
from apiroutes.clients import typescript_client
from tests.support import HELLO, call, project

SAY = "def GET(): return {!r}\n"
FILES = {
    "pages/api/x.py": SAY.format("x"),
    "app/route.py": SAY.format("root"),
    "app/api/y/route.py": SAY.format("y"),
    "app/rss.xml/route.py": SAY.format("rss"),
    "app/feeds/[name]/route.py": "def GET(params): return params['name']\n",
}


def fallback(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("X-Path", quote(environ["PATH_INFO"]))])
    return [b"fallback"]


def texts(app: App, *targets: str) -> list[str]:
    return [call(app, target=target).body.decode() for target in targets]


@pytest.mark.parametrize("settings", [{}, {"fallback": fallback}], ids=["alone", "with a fallback"])
def test_a_route_outside_the_prefix_is_served(tmp_path: Path, settings: dict[str, Any]) -> None:
    app = App(project(tmp_path, FILES), **settings)
    targets = ("/", "/api/x", "/api/y", "/rss.xml", "/feeds/a", "/feeds/a%2Fb")
    assert texts(app, *targets) == ["root", "x", "y", "rss", "a", "a/b"]


def test_other_paths_outside_the_prefix_go_to_the_fallback(tmp_path: Path) -> None:
    app = App(project(tmp_path, FILES), fallback=fallback)
    assert texts(app, "/rss", "/feeds", "/feeds/a/b", "/feeds/%00/c", "/nothing") == ["fallback"] * 5


@pytest.mark.parametrize(
    ("target", "location"),
    [("/rss.xml/", "/rss.xml"), ("//rss.xml?a=b", "/rss.xml?a=b"), ("/feeds//a/", "/feeds/a"), ("//", "/")],
)
def test_a_trailing_slash_redirects_outside_the_prefix_too(
    tmp_path: Path, target: str, location: str
) -> None:
    answer = call(App(project(tmp_path, FILES)), target=target)
    assert (answer.status, answer.header("Location")) == (308, location)


@pytest.mark.parametrize(("target", "status"), [("/feeds/%00", 400), ("/feeds/%ff", 400), ("/feeds/..", 404)])
def test_a_bad_path_of_a_route_outside_the_prefix_is_refused(
    tmp_path: Path, target: str, status: int
) -> None:
    assert call(App(project(tmp_path, FILES)), target=target).status == status


def test_the_app_convention_ignores_api_prefix(tmp_path: Path) -> None:
    app = App(project(tmp_path, FILES), api_prefix="/rest")
    assert texts(app, "/rest/x", "/api/y", "/rss.xml") == ["x", "y", "rss"]
    assert [call(app, target=target).status for target in ("/api/x", "/rest/y")] == [404, 404]


def test_the_app_convention_is_below_base_path(tmp_path: Path) -> None:
    app = App(project(tmp_path, FILES), base_path="/base")
    assert texts(app, "/base", "/base/api/x", "/base/rss.xml") == ["root", "x", "rss"]
    assert call(app, target="/rss.xml").status == 404


def test_a_conflict_is_found_under_another_prefix(tmp_path: Path) -> None:
    files = {"pages/api/x.py": HELLO, "app/rest/x/route.py": HELLO}
    assert texts(App(project(tmp_path, files)), "/api/x") == ['{"message":"Hello"}']
    with pytest.raises(ProjectError, match=r"pages/api/x\.py answers /rest/x already"):
        App(tmp_path, api_prefix="/rest")


def test_directory_middleware_runs_around_a_route_outside_the_prefix(tmp_path: Path) -> None:
    middleware = "def middleware(req, res, next):\n    res.append_header('X-In', {!r})\n    next()\n"
    files = {
        "app/_middleware.py": middleware.format("app"),
        "app/feeds/_middleware.py": middleware.format("feeds"),
    }
    app = App(project(tmp_path, {**FILES, **files}))
    seen = {target: call(app, target=target).all("X-In") for target in ("/", "/feeds/a", "/feeds", "/api/x")}
    assert seen == {"/": ["app"], "/feeds/a": ["app", "feeds"], "/feeds": ["app", "feeds"], "/api/x": []}


def test_an_operation_outside_the_prefix_is_named_by_its_own_path(tmp_path: Path) -> None:
    document = App(project(tmp_path, FILES)).openapi()
    names = {path: item["get"]["operationId"] for path, item in document["paths"].items()}
    assert names == {
        "/": "get_root",
        "/api/x": "get_x",
        "/api/y": "get_y",
        "/feeds/{name}": "get_feeds_by_name",
        "/rss.xml": "get_rss_xml",
    }
    assert document["paths"]["/rss.xml"]["get"]["tags"] == ["rss.xml"]


def test_the_client_requests_paths_outside_the_prefix(tmp_path: Path) -> None:
    client = typescript_client(App(project(tmp_path, FILES)).openapi())
    assert "`/rss.xml`" in client
    assert '`/feeds/${segment(parameters.path["name"])}`' in client
