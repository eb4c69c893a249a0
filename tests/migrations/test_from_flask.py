"""What docs/how-to/from-flask.md says of apiroutes, run by the project in flask/."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import jwt
import pytest

from apiroutes import App
from apiroutes.middleware import security_headers, sessions
from apiroutes.testing import Client
from tests.documents.reading import shown_by
from tests.migrations.tables import KEY, without_proof
from tests.support import Extra, call, project

PROJECT = Path(__file__).parent / "flask"


@pytest.fixture
def apiroutes_client(client: Client) -> Client:
    return client


def test_what_the_tables_show_is_run(tmp_path: Path) -> None:
    assert without_proof("from-flask.md", "flask", tmp_path) == []


A_UUID = uuid.UUID(int=7)

ROUTES: list[tuple[str, object]] = [
    (f"/api/values/{A_UUID}", {"key": A_UUID.hex}),
    ("/api/values/1.5/ratio", {"key": 1.5}),
    ("/api/values/open/kind", {"key": "open", "page": 1}),
    ("/api/values/done/kind?page=2", {"key": "done", "page": 2}),
    ("/api/users/3", {"id": 3}),
    ("/api/users/ada", {"name": "ada"}),
    ("/api/items/3/a?key=b", [3, "a", "b"]),
]


@pytest.mark.parametrize(("path", "expected"), ROUTES)
def test_a_converter_is_a_type(client: Client, path: str, expected: object) -> None:
    assert client.get(path).json == expected


@pytest.mark.parametrize(
    "path",
    [
        "/api/values/x/ratio",
        "/api/values/x/kind",
        "/api/values/open/kind?page=x",
        "/api/items/3/a?key=B",
        "/api/items?offset=-1",
    ],
)
def test_what_a_type_does_not_take_is_a_422(client: Client, path: str) -> None:
    assert client.get(path).status_code == 422


def test_a_path_of_several_segments(client: Client) -> None:
    assert client.get("/api/tree/a/b").text == "a/b"


def test_a_request(client: Client) -> None:
    client.set_cookie("theme", "dark")
    headers = {"X-Token": "t", "User-Agent": "curl", "Accept": "text/html", "Authorization": "Bearer b"}
    response = client.get("/api/request/7?q=tea&tag=a&tag=b", headers=headers)
    assert response.json == {
        "args": ["tea", ["a", "b"]],
        "form": None,
        "values": "tea",
        "data": "",
        "headers": "t",
        "cookie": "dark",
        "method": "GET",
        "urls": [
            "/api/request/7",
            "/api/request/7?q=tea&tag=a&tag=b",
            "http://localhost/api/request/7?q=tea&tag=a&tag=b",
            "http://localhost/api/request/7",
            "localhost",
            "http://localhost/",
        ],
        "secure": False,
        "scheme": "http",
        "address": "127.0.0.1",
        "agent": "curl",
        "accept": "text/html",
        "authorization": "b",
        "view args": {"id": "7"},
        "rule": "/api/request/[id]",
        "link": "/api/notes/7",
        "external": "http://localhost/api/notes/7",
        "app": "notes",
    }


def test_proxy_headers_are_believed(client: Client) -> None:
    headers = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
    answer: Any = client.get("/api/request/7", headers=headers).json
    assert (answer["address"], answer["secure"]) == ("192.0.2.1", True)


FORM = {"name": "Ada", "photo": (io.BytesIO(b"x"), "me.png")}

BODIES: list[tuple[str, str, dict[str, Any], object]] = [
    ("POST", "/api/bodies", {"json": [1]}, [[1], [1], True, "[1]"]),
    ("PUT", "/api/bodies", {"json": [1]}, [1]),
    (
        "PATCH",
        "/api/bodies",
        {"data": {"name": "Ada", "photo": (io.BytesIO(b"x"), "me.png")}},
        ["Ada", "me.png"],
    ),
    ("POST", "/api/streamed", {"data": b"12345"}, {"bytes": 5}),
    ("PUT", "/api/streamed", {"data": b"[1]"}, [[1]]),
    ("PUT", "/api/streamed", {"data": b"[1", "content_type": "application/json"}, [None]),
    ("POST", "/api/import", {"json": [1] * 600_000}, 600_000),
    ("POST", "/api/request/7", {"data": {"a": "b"}}, "b"),
]


@pytest.mark.parametrize(("method", "path", "sent", "expected"), BODIES)
def test_a_body(client: Client, method: str, path: str, sent: dict[str, Any], expected: object) -> None:
    answer: Any = client.open(path, method=method, **sent).json
    assert (answer["form"] if path == "/api/request/7" else answer) == expected


HELLO = 'def GET():\n    return "Hello"\n'

MADE: list[tuple[str, int, str, dict[str, str]]] = [
    ("text", 200, "text", {"Content-Type": "text/plain; charset=utf-8", "X-Api": "1", "X-WSGI": "yes"}),
    ("html", 200, "<h1>Hi</h1>", {"Content-Type": "text/html; charset=utf-8"}),
    ("value", 200, '{"a":1}', {}),
    ("status", 201, '{"a":1}', {}),
    ("headers", 201, '{"a":1}', {"X-Id": "7"}),
    ("plain", 410, "gone", {}),
    ("empty", 204, "", {}),
    ("header", 200, '{"a":1}', {"X-Id": "7"}),
    ("cookie", 200, '{"a":1}', {"Set-Cookie": "theme=dark; Path=/; SameSite=Lax"}),
    ("response", 203, '{"a": 1}', {"Content-Type": "application/json"}),
    ("stream", 200, "name\nstream", {"Content-Type": "text/csv"}),
    ("redirect", 302, "/api/hello", {"Location": "/api/hello"}),
    ("file", 200, HELLO, {"Content-Disposition": 'attachment; filename="hello.txt"'}),
    ("buffer", 200, "name\n", {"Content-Type": "text/csv"}),
    ("safe file&name=hello.py", 200, HELLO, {}),
    ("abort", 409, "Taken", {}),
    ("abort with a response", 418, "Teapot", {}),
    ("before head", 200, '{"a":1}', {"X-Marked": "1"}),
]


@pytest.mark.parametrize(("how", "status", "text", "headers"), MADE)
def test_a_response(client: Client, how: str, status: int, text: str, headers: dict[str, str]) -> None:
    response = client.get(f"/api/made?how={how}")
    assert (response.status_code, response.text) == (status, text)
    assert headers.items() <= dict(response.headers).items()


@pytest.mark.parametrize(("how", "status"), [("werkzeug", 409), ("safe file&name=../x", 404)])
def test_werkzeugs_abort(client: Client, how: str, status: int) -> None:
    assert client.get(f"/api/made?how={how}").status_code == status


def test_a_cookie_is_deleted(client: Client) -> None:
    client.set_cookie("theme", "dark")
    client.get("/api/made?how=no cookie")
    assert client.get_cookie("theme") is None


def test_flashed_messages_are_read_once(client: Client) -> None:
    client.get("/api/made?how=flash")
    assert [client.get("/api/made?how=flashed").json for _ in range(2)] == [["Saved"], []]


def test_a_session(apiroutes_client: Client) -> None:
    client = apiroutes_client
    assert client.get("/api/notes").status_code == 401
    assert client.post("/api/session").json == {"uploads": "/tmp/uploads"}
    with client.session() as session:
        assert session["owner"] == "ada"
    assert client.get("/api/notes/7").json == {"id": 7}
    assert (client.get("/api/notes").json, client.post("/api/notes").json) == ([], {"id": 7})
    assert client.delete("/api/session").status_code == 204
    assert client.get("/api/session").json == {}


def test_errors_of_the_project(client: Client) -> None:
    response = client.get("/api/errors")
    assert (response.status_code, response.json) == (409, {"error": "not ours"})
    response = client.get("/api/unknown")
    assert (response.status_code, response.json) == (404, {"error": "Nothing here"})
    assert client.post("/api/errors").status_code == 500
    assert client.put("/api/errors").json == ["LookupError"]


def test_other_hosts_are_refused(client: Client) -> None:
    assert client.get("/api/hello", base_url="http://evil.example").status_code == 400


def test_another_origin_may_read(client: Client) -> None:
    response = client.get("/api/hello", headers={"Origin": "https://app.example.com"})
    assert response.headers["Access-Control-Allow-Origin"] == "https://app.example.com"


def test_a_connection_is_closed_after_each_request(client: Client) -> None:
    first: Any = client.get("/api/db").json
    second: Any = client.get("/api/db").json
    assert (first[0], second[1] - first[1]) == (1, 1)


def test_a_template(client: Client) -> None:
    assert client.get("/api/page?name=<you>").text == "<p>&lt;you&gt;</p>"


def test_work_after_the_response(client: Client) -> None:
    client.post("/api/mail", json={"to": "ada"})
    assert client.get("/api/mail").json == ["ada"]


def test_a_limit_and_a_cache(client: Client) -> None:
    responses = [client.get("/api/limited") for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]
    assert responses[1].headers["Cache-Status"].startswith("apiroutes; hit")


PASSWORD = base64.b64encode(b"ada:a long password").decode()


def token() -> str:
    now = int(time.time())
    claims = {"sub": "ada", "aud": "notes", "iss": "site", "iat": now, "exp": now + 60}
    return jwt.encode(claims, KEY, "HS256")


@pytest.mark.parametrize(
    ("path", "credentials", "expected"),
    [("program", "Bearer ada-token", "ADA"), ("person", f"Basic {PASSWORD}", "ada")],
)
def test_credentials(client: Client, path: str, credentials: str, expected: str) -> None:
    assert client.get(f"/api/guarded/{path}").status_code == 401
    assert client.get(f"/api/guarded/{path}", headers={"Authorization": credentials}).text == expected


def test_a_request_of_another_site_is_refused(client: Client) -> None:
    assert client.post("/api/guarded/form").text == "yes"
    assert client.post("/api/guarded/form", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_json_web_token(client: Client) -> None:
    answer: Any = client.get("/api/guarded/token", headers={"Authorization": f"Bearer {token()}"}).json
    assert answer["sub"] == "ada"


def test_a_member(client: Client) -> None:
    assert client.get("/api/guarded/member").status_code == 401
    with client.session() as session:
        session.rotate(owner="ada")
    assert client.get("/api/guarded/member").text == "ada"


def test_malformed_json_does_not_reach_a_handler(client: Client) -> None:
    answer = client.post("/api/bodies", data="[1", content_type="application/json")
    assert (answer.status_code, answer.text) == (400, "Invalid JSON")


def test_what_is_committed_survives_an_error(client: Client) -> None:
    assert client.post("/api/items", json={"title": "Emma"}).status_code == 422
    assert client.post("/api/items", json={"title": "Sanditon"}).json == {"id": 1}
    assert client.put("/api/items/1").status_code == 409
    assert client.get("/api/items/1").json == {"title": "Sanditon"}
    assert client.delete("/api/items/1").text == "refused once"
    assert (client.get("/api/items/1").json, client.get("/api/items").json) == (
        {"title": "refused"},
        ["refused"],
    )
    assert client.get("/api/items?offset=1").json == []
    assert client.get("/api/items/2").status_code == 404


def test_another_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    monkeypatch.setenv("UPLOADS", "/tmp/other")
    client = Client(".", secret_key=KEY)
    assert client.post("/api/session").json == {"uploads": "/tmp/other"}


def test_a_script_reads_the_environment_of_the_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("APIROUTES_SECRET_KEY", KEY)
    monkeypatch.delenv("UPLOADS", raising=False)
    root = tmp_path / "flask"
    shutil.copytree(PROJECT, root)
    script = root / "script.py"
    script.write_text("import os\nfrom ported_flask.people import slow\nprint(slow(os.environ['UPLOADS']))\n")
    run = subprocess.run(
        [f"{sys.executable} -m apiroutes shell < script.py"],
        shell=True,
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert (run.stdout, run.returncode) == ("/TMP/UPLOADS\n", 0), run.stderr


FAILURES = """
from apiroutes import ApiError, text
from werkzeug.exceptions import NotFound, abort

def GET(how: str):
    match how:
        case "api": raise ApiError(429, headers={"Retry-After": "7"})
        case "unknown status": raise ApiError(499)
        case "several headers": raise ApiError(401, headers={"WWW-Authenticate": ["Basic", "Bearer"]})
        case "abort": abort(409, "Taken")
        case "raised": raise NotFound("No such note")
        case "fault": raise LookupError
    return text("fine")

def POST(body: dict[str, int]): return body
"""

AS_JSON: list[tuple[str, str, int, str, dict[str, list[str]]]] = [
    ("GET", "/api/failures?how=api", 429, "Too Many Requests", {"Retry-After": ["7"]}),
    ("GET", "/api/failures?how=unknown status", 499, "Unknown", {}),
    (
        "GET",
        "/api/failures?how=several headers",
        401,
        "Unauthorized",
        {"WWW-Authenticate": ["Basic", "Bearer"]},
    ),
    ("GET", "/api/failures?how=abort", 409, "Conflict", {}),
    ("GET", "/api/failures?how=raised", 404, "Not Found", {}),
    ("GET", "/api/failures?how=fault", 500, "Internal Server Error", {}),
    ("GET", "/api/failures", 422, "Unprocessable Entity", {}),
    ("POST", "/api/failures", 422, "Unprocessable Entity", {}),
    ("PUT", "/api/failures", 405, "Method Not Allowed", {"Allow": ["GET, HEAD, OPTIONS, POST"]}),
    ("GET", "/api/unknown", 404, "Not Found", {}),
]


@pytest.fixture
def with_the_pages_errors(tmp_path: Path) -> App:
    files = shown_by("docs/how-to/from-flask.md")[-1].files
    return App(
        project(tmp_path, {"middleware.py": files["middleware.py"], "pages/api/failures.py": FAILURES}),
        testing=True,
    )


@pytest.mark.parametrize(("method", "path", "status", "error", "headers"), AS_JSON)
@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html"])
def test_errors_of_the_page_are_json(
    with_the_pages_errors: App,
    accept: str,
    method: str,
    path: str,
    status: int,
    error: str,
    headers: dict[str, list[str]],
) -> None:
    answer = Client(with_the_pages_errors).open(path, method=method, headers={"Accept": accept})
    assert (answer.status_code, answer.json, answer.mimetype) == (
        status,
        {"error": error},
        "application/json",
    )
    assert {name: answer.headers.getlist(name) for name in headers} == headers
    assert (answer.headers["Cache-Control"], "ETag" in answer.headers) == ("no-store", False)


def test_other_responses_of_the_page_stay(with_the_pages_errors: App) -> None:
    answer = Client(with_the_pages_errors).get("/api/failures?how=")
    assert (answer.status_code, answer.text, answer.mimetype) == (200, "fine", "text/plain")


HSTS = "max-age=31536000; includeSubDomains"


def test_other_arguments_of_middleware(tmp_path: Path) -> None:
    steps: list[Any] = [security_headers(hsts=31536000), sessions()]
    files = {"pages/api/x.py": "def GET(req): return dict(req.session)"}
    app = App(project(tmp_path, files), middleware=steps, secret_key=KEY, testing=True)
    answer = call(app, **Extra({"wsgi.url_scheme": "https"}))
    assert (answer.status, answer.header("Strict-Transport-Security")) == (200, HSTS)
