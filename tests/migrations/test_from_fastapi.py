"""What docs/how-to/from-fastapi.md says of apiroutes, run by the project in fastapi/."""

from __future__ import annotations

import asyncio
import importlib
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from apiroutes import App
from apiroutes.cli import main
from apiroutes.testing import Client
from tests.migrations.tables import KEY, without_proof
from tests.support import project

PROJECT = Path(__file__).parent / "fastapi"


@pytest.fixture
def apiroutes_client(client: Client) -> Client:
    return client


def test_what_the_tables_show_is_run(tmp_path: Path) -> None:
    assert without_proof("from-fastapi.md", "fastapi", tmp_path) == []


PHOTO = (io.BytesIO(b"123"), "a.png")
PHOTOS = {"photos": [(io.BytesIO(b"1"), "a.png"), (io.BytesIO(b"2"), "b.png")]}

ANSWERS: list[tuple[str, str, dict[str, Any], int, object]] = [
    ("GET", "/api/books/7", {}, 200, {"id": 7}),
    ("POST", "/api/books", {"json": {"title": "Ulysses"}}, 201, {"title": "Ulysses", "id": 2}),
    ("POST", "/api/books", {"json": {"title": "Emma"}}, 409, {"by": 1}),
    ("GET", "/api/taken", {}, 409, {"by": 1}),
    ("GET", "/api/people/3", {}, 200, {"id": 3}),
    ("GET", "/api/people/ada", {}, 200, {"name": "ada"}),
    ("GET", "/api/query?tag=a&tag=b&from=7", {}, 200, [["a", "b"], 7, "", None, 20, 1]),
    (
        "GET",
        "/api/query?tag=a&from=7&limit=0&page=0",
        {},
        422,
        {
            "errors": [
                ["query.page", "Expected `int` >= 1"],
                ["query.limit", "Input should be greater than or equal to 1"],
            ]
        },
    ),
    ("POST", "/api/books", {"json": {"title": "Persuasion"}}, 422, {"errors": [["body.title", "is taken"]]}),
    ("PATCH", "/api/books", {"json": {"subtitle": None}}, 200, ["subtitle"]),
    ("PATCH", "/api/filters", {"json": {}}, 200, {}),
    ("PATCH", "/api/filters", {"json": {"name": None}}, 200, {"name": None}),
    ("GET", "/api/filters?page=7", {}, 200, {"page": 7}),
    ("PUT", "/api/filters", {"data": {"name": "Ada"}}, 200, {"name": "Ada"}),
    ("POST", "/api/uploads", {"data": {"file": PHOTO}}, 200, 3),
    ("PUT", "/api/uploads", {"data": PHOTOS}, 200, 2),
    ("POST", "/api/request", {"json": [1]}, 200, [[1], "[1]"]),
    ("GET", "/api/made?how=not ours", {}, 409, {"error": "not ours"}),
]


@pytest.mark.filterwarnings("ignore:Use /api/books")
@pytest.mark.parametrize(("method", "path", "sent", "status", "expected"), ANSWERS)
def test_an_answer_of_json(
    client: Client, method: str, path: str, sent: dict[str, Any], status: int, expected: object
) -> None:
    response = client.open(path, method=method, **sent)
    assert (response.status_code, response.json) == (status, expected)


TEXTS: list[tuple[str, int, str, dict[str, str]]] = [
    ("/api/books/10", 404, "No such book", {}),
    ("/api/tree/a/b", 200, "a/b", {}),
    ("/api/made?how=value", 200, '{"a":1}', {}),
    ("/api/made?how=json", 202, '{"a":1}', {}),
    ("/api/made?how=status", 201, '{"title":"Emma"}', {}),
    ("/api/made?how=text", 200, "text", {}),
    ("/api/made?how=html", 200, "<h1>Hi</h1>", {}),
    ("/api/made?how=headers", 200, '{"a":1}', {"X-A": "1"}),
    ("/api/made?how=redirect", 307, "/api/a", {"Location": "/api/a"}),
    ("/api/made?how=stream", 200, "ab", {"Content-Type": "text/csv"}),
    ("/api/made?how=events", 200, "data: event\n\n", {}),
    ("/api/made?how=starlette", 200, "of Starlette", {}),
]


@pytest.mark.parametrize(("path", "status", "text", "headers"), TEXTS)
def test_an_answer_of_text(
    client: Client, path: str, status: int, text: str, headers: dict[str, str]
) -> None:
    response = client.get(path)
    assert (response.status_code, response.text) == (status, text)
    assert headers.items() <= dict(response.headers).items()


def test_a_file(client: Client) -> None:
    assert client.get("/api/made?how=file").text == (PROJECT / "pages/api/made.py").read_text()


def test_a_request(client: Client) -> None:
    client.set_cookie("theme", "dark")
    url = "http://localhost/api/request?q=tea"
    answer = client.get("/api/request?q=tea", headers={"X-Token": "t"}).json
    assert answer == ["t", "dark", url, "tea", {}, "127.0.0.1", "books", "of-env"]


def test_work_after_the_response(client: Client) -> None:
    client.get("/api/made?how=after")
    assert client.get("/api/made?how=after").json == [{"title": "Emma"}]


def test_dependencies_of_a_directory(client: Client) -> None:
    from ported_fastapi.people import writer  # type: ignore[import-not-found]

    assert client.get("/api/guarded").status_code == 401
    response = client.get("/api/guarded", headers={"Authorization": "Bearer letmein"})
    assert (response.text, response.headers["X-Around"]) == ("adayes", "1")
    with client.override(writer, lambda: "cy"):
        assert client.get("/api/guarded").status_code == 200


@pytest.mark.parametrize(
    ("path", "headers"),
    [("program", {"Authorization": "Bearer ada-token"}), ("partner", {"X-API-Key": "ada-token"})],
)
def test_credentials(client: Client, path: str, headers: dict[str, str]) -> None:
    assert client.get(f"/api/{path}").status_code == 401
    assert client.get(f"/api/{path}", headers=headers).text == "ada"


def test_other_hosts_are_refused_and_another_origin_is_not(client: Client) -> None:
    assert client.get("/api/books/7", base_url="http://evil.example").status_code == 400
    response = client.get("/api/books/7", headers={"Origin": "https://app.example.com"})
    assert response.headers["Access-Control-Allow-Origin"] == "https://app.example.com"


def test_the_document(apiroutes_client: Client) -> None:
    assert apiroutes_client.get("/api/_docs").status_code == 200
    printed = CliRunner().invoke(main, ["openapi", "--root", str(PROJECT)], env={"APIROUTES_SECRET_KEY": KEY})
    paths = json.loads(printed.output)["paths"]
    assert paths["/api/taken"]["get"]["deprecated"]
    assert paths["/api/books/{id}"]["get"]["operationId"] == "get_books_by_id"
    assert {"201", "409"} <= paths["/api/books"]["post"]["responses"].keys()


HALF_PORTED = {
    "half_ported_site.py": """
from fastapi import BackgroundTasks, FastAPI, HTTPException

app = FastAPI()
sent = []

@app.delete("/api/orders/{id}")
def remove(id: int):
    return {"removed": id}

@app.post("/api/there")
def refuse(tasks: BackgroundTasks):
    tasks.add_task(sent.append, "there")
    raise HTTPException(409)
""",
    "pages/api/orders/[id].py": """
from half_ported_site import app

def GET(id: int): return {"id": id}

async def DELETE(): return app
""",
    "pages/api/here.py": """
from half_ported_site import sent
from apiroutes import ApiError, after

def POST():
    after(sent.append, "here")
    raise ApiError(409)
""",
}
REQUESTS: list[tuple[str, str, int, object]] = [
    ("GET", "/api/orders/7", 200, {"id": 7}),
    ("DELETE", "/api/orders/7", 200, {"removed": 7}),
    ("PUT", "/api/orders/7", 405, None),
    ("POST", "/api/there", 409, None),
    ("POST", "/api/here", 409, None),
]


def test_methods_of_one_path_and_work_after_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(tmp_path, HALF_PORTED)
    monkeypatch.syspath_prepend(root)
    site: Any = importlib.import_module("half_ported_site")
    api = App(root, fallback=site.app)

    async def answers() -> list[tuple[str, str, int, object]]:
        found: list[tuple[str, str, int, object]] = []
        transport = httpx.ASGITransport(app=api.asgi)
        async with api.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for method, path, _, _ in REQUESTS:
                answer = await client.request(method, path)
                found.append((method, path, answer.status_code, answer.json() if answer.is_success else None))
        return found

    assert asyncio.run(answers()) == REQUESTS
    assert site.sent == ["here"]  # the end of the App has waited for it
