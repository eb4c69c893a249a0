"""What docs/how-to/from-tanstack.md says of apiroutes, run by the project in tanstack/."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from apiroutes.testing import Client
from tests.migrations.tables import without_proof

PROJECT = Path(__file__).parent / "tanstack"
TOKEN = {"Authorization": "Bearer letmein"}


def test_what_the_tables_show_is_run(tmp_path: Path) -> None:
    assert without_proof("from-tanstack.md", "tanstack", tmp_path) == []


FORM = {"name": "A", "photo": (io.BytesIO(b"x"), "a.png")}

ANSWERS: list[tuple[str, str, dict[str, Any], int, object]] = [
    ("GET", "/api/users", {}, 200, ["ada"]),
    ("GET", "/api/users/7", {}, 200, {"id": "7", "method": "GET", "context": {}}),
    ("GET", "/api/users.json", {}, 200, ["ada"]),
    ("GET", "/api/maybe", {}, 200, []),
    ("GET", "/api/maybe/7", {}, 200, ["7"]),
    ("POST", "/api/tasks/7", {"json": {"a": 1}}, 401, {"error": "Sign in first"}),
    ("POST", "/api/tasks/7", {"json": {"a": 1}, "headers": TOKEN}, 200, {"a": 1}),
    ("GET", "/api/members", {}, 401, {"error": "Sign in first"}),
    ("GET", "/api/module", {}, 401, {"error": "Sign in first"}),
    ("PATCH", "/api/single", {"headers": TOKEN}, 200, ["PATCH", "ada"]),
    ("GET", "/api/search?q=tea&id=7", {}, 200, ["tea", 7]),
    ("PUT", "/api/search", {"json": {"title": "Tea"}}, 200, {"title": "Tea"}),
    ("GET", "/api/numbers/7", {}, 200, 7),
    ("POST", "/api/request", {"json": [1]}, 200, [[1], "[1]", "[1]"]),
    (
        "PUT",
        "/api/request",
        {"data": {"name": "A", "photo": (io.BytesIO(b"x"), "a.png")}},
        200,
        ["A", "a.png"],
    ),
]


@pytest.mark.parametrize(("method", "path", "sent", "status", "expected"), ANSWERS)
def test_an_answer_of_json(
    client: Client, method: str, path: str, sent: dict[str, Any], status: int, expected: object
) -> None:
    response = client.open(path, method=method, **sent)
    assert (response.status_code, response.json) == (status, expected)


TEXTS: list[tuple[str, str, int, str]] = [
    ("/api/users/7/posts", "7", 200, ""),
    ("/api/file/a/b", "a/b", 200, ""),
    ("/feed", "feed", 200, ""),
    ("/api/tasks/7", "7", 200, ""),
    ("/api/used", "anybody", 200, ""),
    ("/api/members", "members", 200, "Bearer letmein"),
    ("/api/profile", "ada", 200, "Bearer letmein"),
    ("/api/made?how=value", '{"a":1}', 200, ""),
    ("/api/made?how=json", '{"a":1}', 201, ""),
    ("/api/made?how=text", "text", 404, ""),
    ("/api/made?how=nothing", "", 204, ""),
    ("/api/made?how=chunks", "ab", 200, ""),
    ("/api/made?how=status", '{"a":1}', 202, ""),
    ("/api/made?how=redirect", "/api/a", 307, ""),
    ("/api/made?how=missing", "Not Found", 404, ""),
    ("/api/made?how=taken", "Taken", 409, ""),
    ("/API/users", "Not Found", 404, ""),
]


@pytest.mark.parametrize(("path", "text", "status", "token"), TEXTS)
def test_an_answer_of_text(client: Client, path: str, text: str, status: int, token: str) -> None:
    response = client.get(path, headers={"Authorization": token} if token else {})
    assert (response.text, response.status_code) == (text, status)


def test_the_group_of_a_pathless_layout_is_guarded(client: Client) -> None:
    assert client.get("/api/profile").status_code == 401
    assert client.delete("/api/used").status_code == 401
    assert client.delete("/api/used", headers=TOKEN).status_code == 204
    assert client.get("/api/module", headers=TOKEN).headers["X-Other"] == "1"


def test_a_request(client: Client) -> None:
    client.set_cookie("theme", "dark")
    assert client.get("/api/request?q=tea", headers={"X-Token": "t"}).json == {
        "q": "tea",
        "method": "GET",
        "url": "http://localhost/api/request?q=tea",
        "path": "/api/request",
        "token": "t",
        "theme": "dark",
        "address": "127.0.0.1",
        "host": "localhost",
        "key": "of-env",
    }


def test_middleware_of_the_project(client: Client) -> None:
    assert client.get("/api/unknown").headers["X-Api"] == "1"


def test_headers_and_cookies(client: Client) -> None:
    headers = client.get("/api/made?how=headers").headers
    assert (headers["X-A"], headers["X-B"], headers["X-C"]) == ("1", "1", "2")
    client.get("/api/made?how=cookie")
    assert client.get_cookie("theme") is not None
    client.get("/api/made?how=no cookie")
    assert client.get_cookie("theme") is None


def test_a_session(client: Client) -> None:
    assert client.patch("/api/request").text == "ada"
    with client.session() as session:
        assert session["name"] == "ada"


def test_answers_are_kept(client: Client) -> None:
    responses = [client.get("/api/kept") for _ in range(2)]
    assert responses[1].headers["Cache-Status"].startswith("apiroutes; hit")


def test_another_method_is_a_405(client: Client) -> None:
    response = client.put("/api/users")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
