"""The 404 of the development server: the routes nearest to a path, and the file that would answer it."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest

from apiroutes.development.application import load_application
from apiroutes.development.nearest import RouteLine, files_for, nearest
from tests.support import Answer, call, project

HTML = "text/html,*/*;q=0.8"
FILES = {
    "pages/api/users/index.py": "def GET(): return []\ndef POST(body): return body\n",
    "pages/api/users/[id].py": "def GET(id): return id\n",
    "pages/api/users/[id]/posts.py": "def GET(id): return id\n",
    "pages/api/orders/[id].py": "def DELETE(id): return id\n",
    "pages/api/reports/[...path].py": "def handler(req, res): res.end()\n",
    "pages/api/health.py": "def GET(): return 'well'\n",
}
PATTERNS = [
    "/api/users",
    "/api/users/[id]",
    "/api/users/[id]/posts",
    "/api/orders/[id]",
    "/api/reports/[...path]",
    "/api/health",
]
ROUTES = [RouteLine(pattern, ("GET",), "pages" + pattern + ".py") for pattern in PATTERNS]

# A path, and the path or pattern that is nearest to it.
NEAREST = [
    ("/api/user", "/api/users"),
    ("/api/usres", "/api/users"),
    ("/api/Users", "/api/users"),
    ("/API/users", "/api/users"),
    ("/users", "/api/users"),
    ("/users/5", "/api/users/5"),
    ("/user/5/posts", "/api/users/5/posts"),
    ("/api/users.py", "/api/users"),
    ("/api/health.json", "/api/health"),
    ("/api/user/5", "/api/users/5"),
    ("/api/users/5/post", "/api/users/5/posts"),
    ("/api/users/5/last/post", "/api/users/5/posts"),
    ("/5", None),
    ("/api/5/posts", "/api/users/5/posts"),
    ("/api/orders", "/api/orders/[id]"),
    ("/api/report/a/b/c", "/api/reports/a/b/c"),
    ("/reports/a/b/c", "/api/reports/a/b/c"),
    ("/api/v1/users", "/api/users"),
    ("/api/helth", "/api/health"),
    ("/api/user/ü%", "/api/users/%C3%BC%25"),
    ("/api/zzz", None),
    ("/favicon.ico", None),
    ("/", None),
]


@pytest.mark.parametrize(("path", "expected"), NEAREST)
def test_the_nearest_route_comes_first(path: str, expected: str | None) -> None:
    found = nearest(path, ROUTES)
    if expected is None:
        assert found == []
    else:
        assert (found[0].path or found[0].route.pattern) == expected


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/api/user", "`users` for `user`"),
        ("/users", "below `/api`"),
        ("/api/users.py", "without `.py`"),
        ("/api/Users", "`users`, as paths are case-sensitive"),
        ("/api/orders", "with a value for `[id]`"),
        ("/api/v1/users", "without `v1`"),
    ],
)
def test_a_route_that_is_near_says_what_tells_it_from_the_path(path: str, reason: str) -> None:
    assert nearest(path, ROUTES)[0].reasons == (reason,)


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("/v2/rest", "/users", "/v2/rest/users"),
        ("/v2/rest", "/rest/users", "/v2/rest/users"),
        ("", "/user", "/users"),
    ],
)
def test_another_prefix_is_missed_as_well(prefix: str, path: str, expected: str) -> None:
    assert nearest(path, [RouteLine(f"{prefix}/users", (), "x.py")], prefix)[0].path == expected


def test_a_long_path_takes_no_long_time() -> None:
    routes = [RouteLine(f"/api/{'a/' * 30}{number}", (), "x.py") for number in range(200)]
    assert nearest("/api/" + "b" * 4000 + "/c" * 2000, routes) == []


# -- the file that would answer -----------------------------------------------------------------------

PLACES = [
    ("/api/user", ["pages"], ["pages/api/user.py"]),
    ("/api/users/new", ["pages"], ["pages/api/users/new.py"]),
    ("/api/user/5", ["pages"], ["pages/api/user/[id].py"]),
    ("/api/user/6b7f2f5e-9f5c-4e0e-8a55-0f6f4d5e4a11", ["pages"], ["pages/api/user/[id].py"]),
    ("/api/user/5", ["routes"], ["routes/api/user/$id.py"]),
    ("/api/user/5", ["app"], ["app/api/user/[id]/route.py"]),
    ("/api/user", ["app", "pages"], ["pages/api/user.py", "app/api/user/route.py"]),
    ("/api", ["pages"], ["pages/api/index.py"]),
    ("/feed", ["pages"], []),
    ("/feed", ["app"], ["app/feed/route.py"]),
    ("/feed", ["app", "pages"], ["app/feed/route.py"]),
    ("/api/user", [], ["pages/api/user.py"]),
    ("/api/_private", ["pages"], []),
    ("/api/favicon.ico", ["pages"], []),
    ("/api/a b", ["pages"], []),
    ("/api/../etc", ["pages"], []),
]


@pytest.mark.parametrize(("path", "directories", "expected"), PLACES)
def test_the_file_is_that_of_each_convention_in_use(
    path: str, directories: list[str], expected: list[str]
) -> None:
    routes = [RouteLine("/api/x", (), f"{directory}/api/x.py") for directory in directories]
    assert files_for(path, routes) == expected


HANDLER = "def handler(req, res): res.end('here')\n"


@pytest.mark.parametrize(("path", "directories", "expected"), [place for place in PLACES if place[2]])
def test_the_file_does_answer_the_path(
    tmp_path: Path, path: str, directories: list[str], expected: list[str]
) -> None:
    for number, file in enumerate(expected):
        root = project(tmp_path / str(number), {file: HANDLER})
        assert call(load_application(root, lambda line: None), target=path).text == "here"


@pytest.mark.parametrize(
    ("settings", "path", "file"),
    [
        ('api_prefix = "/rest"', "/rest/user", "pages/api/user.py"),
        ('base_path = "/shop"', "/shop/api/user", "pages/api/user.py"),
    ],
)
def test_the_file_of_another_prefix_answers_too(tmp_path: Path, settings: str, path: str, file: str) -> None:
    files = {"pages/api/x.py": HANDLER, "pyproject.toml": f"[tool.apiroutes]\n{settings}\n"}
    answer = call(load_application(project(tmp_path, files), lambda line: None), target=path)
    assert f"A file for this path: {file}\n" in answer.text


# -- the responses ------------------------------------------------------------------------------------


def missed(root: Path, path: str, accept: str | None = None, **request: Any) -> Answer:
    app = load_application(project(root, FILES), lambda line: None)
    answer = call(app, target=path, HTTP_ACCEPT=accept, **request)
    assert answer.status == 404
    assert answer.header("Cache-Control") == "no-store"
    return answer


def test_the_text_lists_the_nearest_routes(tmp_path: Path) -> None:
    assert (
        missed(tmp_path, "/api/user").text
        == """\
404 Not Found: GET /api/user

No route matches this path. The nearest:
  /api/users  GET, POST  pages/api/users/index.py  ('users' for 'user')
  5 more: `apiroutes routes` lists all.

A file for this path: pages/api/user.py

Documentation: /api/_docs
"""
    )


def test_the_text_of_a_miss_has_a_handful_of_routes_the_nearest_first(tmp_path: Path) -> None:
    files = {f"pages/api/r{number}/{number}.py": "def GET(): return 1\n" for number in range(34)}
    files["pages/api/zzzz-other.py"] = "def GET(): return 1\n"
    app = load_application(project(tmp_path, files), lambda line: None)
    text = call(app, target="/api/zzz/zz").text
    listed = re.findall(r"^  (/\S+)", text, re.MULTILINE)
    assert len(listed) == 5
    assert listed[0] == "/api/zzzz-other"
    assert "Some of the routes of the project:" in text
    assert "  30 more: `apiroutes routes` lists all.\n" in text
    assert len(re.findall(r"^  (/\S+)", call(app, target="/api").text, re.MULTILINE)) == 35


@pytest.mark.parametrize("path", ["/", "/api", "/api/zzz"])
def test_all_routes_are_listed_where_none_is_near(tmp_path: Path, path: str) -> None:
    document = missed(tmp_path, path, HTML).text
    for pattern in PATTERNS:
        assert f"<code>{pattern}</code>" in document
    assert '<a href="/api/_docs">' in document


def test_routes_that_answer_get_are_links(tmp_path: Path) -> None:
    links = re.findall(r'<a href="([^"]*)"', missed(tmp_path, "/api", HTML).text)
    assert links == ["/api/health", "/api/users", "/api/_docs"]
    assert '<a href="/api/users/5">' in missed(tmp_path, "/users/5", HTML).text
    assert "<a href" not in missed(tmp_path, "/order/5", HTML).text.partition("/api/_docs")[0][:-9]


def test_links_lead_to_where_the_app_is_mounted(tmp_path: Path) -> None:
    document = missed(tmp_path, "/api/user", HTML, SCRIPT_NAME="/v 1", RAW_URI="/v%201/api/user").text
    assert '<a href="/v%201/api/users">' in document


def test_a_path_is_escaped(tmp_path: Path) -> None:
    document = missed(tmp_path, "/api/user/<script>alert(1)</script>", HTML).text
    assert document.count("<script>") == 1
    assert html.escape("/api/user/<script>alert(1)</script>") in document


def test_a_path_moves_no_cursor(tmp_path: Path) -> None:
    text = missed(tmp_path, "/outside/%1b[2J%E2%80%AE/x").text
    assert all(character.isprintable() or character == "\n" for character in text)


def test_a_client_of_json_gets_what_production_sends(tmp_path: Path) -> None:
    answer = missed(tmp_path, "/api/user", "application/json")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
    }


def test_a_route_with_a_mistake_is_listed_as_such(tmp_path: Path) -> None:
    files = {"pages/api/users.py": "", "pages/api/x.py": HANDLER}
    answer = call(load_application(project(tmp_path, files), lambda line: None), target="/api/user")
    assert re.search(r"/api/users +has a mistake +pages/api/users\.py", answer.text)


@pytest.mark.parametrize("guard", ["pages/api/_middleware.py", "pages/api/sub/_middleware.py"])
def test_a_route_whose_middleware_has_a_mistake_names_it(tmp_path: Path, guard: str) -> None:
    files = {"pages/api/sub/ok.py": HANDLER, "pages/api/sub/bad.py": "x", guard: "x = [\n"}
    answer = call(load_application(project(tmp_path, files), lambda line: None), target="/api/sub/o")
    assert re.search(rf"/api/sub/ok +{re.escape(guard)} has a mistake +pages/api/sub/ok\.py", answer.text)


def test_the_middleware_of_the_directory_is_around_it(tmp_path: Path) -> None:
    middleware = "def middleware(req, res, next):\n    res.set_header('X-A', '1')\n    next()\n"
    files = {**FILES, "pages/api/_middleware.py": middleware}
    app = load_application(project(tmp_path, files), lambda line: None)
    answer = call(app, target="/api/user", HTTP_ACCEPT=HTML)
    assert (answer.status, answer.header("X-A")) == (404, "1")
    assert "pages/api/users/index.py" in answer.text


def test_the_head_of_an_unknown_path_has_no_content(tmp_path: Path) -> None:
    app = load_application(project(tmp_path, FILES), lambda line: None)
    answer = call(app, "HEAD", "/api/user", HTTP_ACCEPT=HTML)
    assert (answer.status, answer.body) == (404, b"")
