"""What docs/how-to/from-nextjs.md says of apiroutes, run by the project in nextjs/."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from apiroutes.testing import Client
from tests.migrations.tables import without_proof

PROJECT = Path(__file__).parent / "nextjs"


def answer(client: Client, target: str) -> Any:
    return client.get(target).json


def test_what_the_tables_show_is_run(tmp_path: Path) -> None:
    assert without_proof("from-nextjs.md", "nextjs", tmp_path) == []


FILES = [
    ("/api/hello", {"name": "John Doe"}),
    ("/api/files/a/b", ["a", "b"]),
    ("/api/docs", []),
    ("/api/docs/a/b", ["a", "b"]),
    ("/api/items/7", {"id": "7"}),
    ("/api/numbers/7", {"id": 7}),
    ("/api/cart", ["tea"]),
]


@pytest.mark.parametrize(("path", "expected"), FILES)
def test_a_file_answers_its_path(client: Client, path: str, expected: object) -> None:
    assert client.get(path).json == expected


@pytest.mark.parametrize(
    ("path", "text"), [("/rss.xml", "<rss/>"), ("/robots.txt", "User-agent: *\n"), ("/_name", "/_name")]
)
def test_a_file_outside_of_api_answers_its_path(client: Client, path: str, text: str) -> None:
    assert client.get(path).text == text


def test_the_request_of_an_api_route(client: Client) -> None:
    client.set_cookie("theme", "dark")
    response = client.post(
        "/api/classic/7?tag=a&tag=b&id=hidden",
        json={"a": 1},
        headers={"X-Token": "t", "User-Agent": "curl", "Accept-Language": "de"},
    )
    assert response.json == {
        "method": "POST",
        "token": "t",
        "path": "/api/classic/7?tag=a&tag=b&id=hidden",
        "url": "http://localhost/api/classic/7?tag=a&tag=b&id=hidden",
        "id": "7",
        "tag": ["a", "b"],
        "theme": "dark",
        "body": {"a": 1},
        "address": "127.0.0.1",
        "draft": [False, None],
        "user agent": "curl",
        "language": "de",
    }


def test_an_api_route_without_content(client: Client) -> None:
    assert answer(client, "/api/classic/7?tag=a")["body"] is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_as_a_stream(client: Client, method: str) -> None:
    assert client.open("/api/stream/plain", method=method, data=b"12345").json == {"bytes": 5}


RESPONSES: list[tuple[str, int, str, dict[str, str]]] = [
    ("json", 201, '{"a":1}', {}),
    ("send", 200, '{"a":1}', {}),
    ("end", 200, "data", {}),
    ("write", 200, "chunkFalseTrue", {}),
    ("status", 202, '{"a":1}', {}),
    ("redirect", 307, "/api/a", {"Location": "/api/a"}),
    ("permanent", 308, "/api/a", {"Location": "/api/a"}),
    ("headers", 200, '[["1","2"],true]', {"X-C": "2"}),
    ("head", 203, "later", {"X-D": "1"}),
]


@pytest.mark.parametrize(("how", "status", "text", "headers"), RESPONSES)
def test_the_response_of_an_api_route(
    client: Client, how: str, status: int, text: str, headers: dict[str, str]
) -> None:
    response = client.get("/api/response", query_string={"how": how})
    assert (response.status_code, response.text) == (status, text)
    assert headers.items() <= dict(response.headers).items()


@pytest.mark.parametrize("how", ["cookies", "draft", "published", "preview", "no preview"])
def test_a_response_with_a_cookie(client: Client, how: str) -> None:
    assert "Set-Cookie" in client.get("/api/response", query_string={"how": how}).headers


def test_draft_mode(client: Client) -> None:
    client.get("/api/response", query_string={"how": "preview"})
    assert answer(client, "/api/classic/7?tag=a")["draft"] == [True, {"version": 7}]


def test_a_header_that_is_removed_is_not_sent(client: Client) -> None:
    assert "X-B" not in client.get("/api/response?how=headers").headers


def test_work_after_the_response(client: Client) -> None:
    assert client.get("/api/response?how=after").json == []
    assert client.get("/api/response?how=after").json == ["sent"]
    client.post("/api/orders", json={"id": 7})
    assert client.get("/api/orders").json == [7]


def test_the_request_of_a_route_handler(client: Client) -> None:
    client.set_cookie("theme", "dark")
    response = client.get("/api/request?q=tea&tag=a&tag=b", headers={"X-Token": "t", "User-Agent": "curl"})
    assert response.json == {
        "path": "/api/request",
        "q": "tea",
        "tags": ["a", "b"],
        "has": True,
        "url": "http://localhost/api/request?q=tea&tag=a&tag=b",
        "host": "http://localhost/",
        "root": "",
        "theme": ["dark", True, {"theme": "dark"}],
        "token": "t",
        "address": "127.0.0.1",
        "agent": "curl",
    }


BODIES: list[tuple[str, str, dict[str, Any], object]] = [
    ("POST", "/api/request", {"json": [1]}, [1]),
    ("PUT", "/api/request", {"json": [1]}, [[1], "[1]", "[1]"]),
    (
        "PATCH",
        "/api/request",
        {"data": {"name": "Ada", "photo": (io.BytesIO(b"x"), "me.png")}},
        ["Ada", "me.png"],
    ),
    ("POST", "/api/search", {"data": "text", "content_type": "text/plain"}, ["text"]),
    ("POST", "/api/posts", {"json": {"title": "Second"}}, ["First", "Second"]),
    ("PATCH", "/api/posts/7", {"json": {"a": "b"}}, {"id": "7", "method": "PATCH", "a": "b"}),
    ("POST", "/api/limits", {"json": [1] * 600_000}, {"items": 600_000}),
]


@pytest.mark.parametrize(("method", "path", "sent", "expected"), BODIES)
def test_a_body(client: Client, method: str, path: str, sent: dict[str, Any], expected: object) -> None:
    assert client.open(path, method=method, **sent).json == expected


def test_parameters_with_types(client: Client) -> None:
    assert client.get("/api/search?q=tea&tag=a&tag=b").json == ["tea", ["a", "b"]]


MADE: list[tuple[str, int, str, dict[str, str]]] = [
    ("value", 200, '{"a":1}', {"X-Api": "1", "X-Frame-Options": "DENY"}),
    ("json", 201, '{"a":1}', {"X-Id": "7"}),
    ("text", 202, "text", {}),
    ("html", 200, "<h1>Hi</h1>", {"Content-Type": "text/html; charset=utf-8"}),
    ("bytes", 200, "bytes", {}),
    ("nothing", 204, "", {}),
    ("chunks", 200, "ab", {}),
    ("events", 200, "data: event\n\n", {}),
    ("redirect", 307, "/api/a", {"Location": "/api/a"}),
    ("permanent", 308, "/api/a", {"Location": "/api/a"}),
    ("missing", 404, "Not Found", {}),
    ("forbidden", 403, "Forbidden", {}),
    ("unauthorized", 401, "Unauthorized", {}),
    ("cookies", 200, '{"a":1}', {"Set-Cookie": "a=1; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"}),
]


@pytest.mark.parametrize(("how", "status", "text", "headers"), MADE)
def test_the_response_of_a_route_handler(
    client: Client, how: str, status: int, text: str, headers: dict[str, str]
) -> None:
    response = client.get("/api/made", query_string={"how": how})
    assert (response.status_code, response.text) == (status, text)
    assert headers.items() <= dict(response.headers).items()


def test_a_cookie_is_deleted(client: Client) -> None:
    client.set_cookie("a", "1")
    client.get("/api/made?how=no cookies")
    assert client.get_cookie("a") is None


def test_a_stream_is_closed_when_the_client_leaves(client: Client) -> None:
    before = answer(client, "/api/made?how=closed")
    response = client.get("/api/made?how=chunks")
    next(iter(response.response))
    response.close()
    assert client.get("/api/made?how=closed").json == [*before, "closed"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/api/wrapped", {}, 401),
        ("GET", "/api/wrapped", {"Authorization": "x"}, 200),
        ("POST", "/api/wrapped", {}, 200),
        ("GET", "/api/module", {}, 401),
        ("GET", "/api/module", {"Authorization": "x"}, 200),
        ("GET", "/api/admin/me", {}, 401),
    ],
)
def test_middleware_guards(
    client: Client, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    assert client.open(path, method=method, headers=headers).status_code == status


def test_middleware_passes_values_and_headers_inward(client: Client) -> None:
    assert client.get("/api/admin/me", headers={"Authorization": "x"}).json == ["ada", "ada"]


def test_a_405_says_what_is_allowed(client: Client) -> None:
    response = client.delete("/api/search")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")


def test_instrumentation(client: Client) -> None:
    client.post("/api/started")
    assert client.get("/api/started").json == [True, ["LookupError"]]


def test_an_empty_response_of_an_external_resolver(client: Client) -> None:
    assert client.get("/api/resolved").data == b""


def test_answers_are_kept(client: Client) -> None:
    assert client.get("/api/static").json == ["A", "of-env"]
    for path in ("/api/static", "/api/forced", "/api/forced"):
        response = client.get(path)
    assert response.headers["Cache-Status"].startswith("apiroutes; hit")


@pytest.mark.parametrize("how", ["path", "tag", "response"])
def test_answers_are_revalidated(client: Client, how: str) -> None:
    client.get("/api/posts")
    titles = client.put("/api/posts", query_string={"how": how}).json
    assert client.get("/api/posts").json == titles


def test_a_path_that_no_route_has_is_the_fallbacks(client: Client) -> None:
    assert client.get("/old").text == "an old site"
