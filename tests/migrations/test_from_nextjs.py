"""What docs/how-to/from-nextjs.md says of apiroutes, run by the project in nextjs/."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes.testing import Client
from tests.documents.reading import shown_by
from tests.migrations.tables import without_proof
from tests.start_reports import problems_of, warnings_of
from tests.support import project

PROJECT = Path(__file__).parent / "nextjs"


def answer(client: Client, target: str) -> Any:
    return client.get(target).json


def test_what_the_tables_show_is_run(tmp_path: Path) -> None:
    assert without_proof("from-nextjs.md", "nextjs", tmp_path) == []


JSON, TEXT, FORM = "application/json", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded"
LARGE = b'{"title": "' + b"x" * 1_100_000 + b'"}'
# What the page says that its port answers, and what its own commands do not show.
OF_THE_PORT = [
    ("GET", "/api/tasks/x", None, b"", 422),
    ("GET", "/api/tasks/01", None, b"", 422),
    ("GET", "/api/tasks/0x1", None, b"", 422),
    ("GET", "/api/tasks/2", None, b"", 404),
    ("POST", "/api/tasks", FORM, b"title=form", 400),
    ("POST", "/api/tasks", TEXT, b"title", 400),
    ("POST", "/api/tasks", JSON, b"null", 422),
    ("POST", "/api/tasks", JSON, b"[1]", 422),
    ("POST", "/api/tasks", JSON, b"", 422),
    ("POST", "/api/tasks", TEXT, b'{"title": "x"}', 201),
    ("POST", "/api/tasks", None, b'{"title": "x"}', 201),
    ("POST", "/api/tasks", "text/plain;charset=nope", b'{"title": "x"}', 400),
    ("POST", "/api/tasks", JSON, LARGE, 413),
    ("PATCH", "/api/tasks/1", JSON, b"[1]", 200),
    ("PATCH", "/api/tasks/1", TEXT, b'{"done": true}', 200),
    ("GET", "/api/admin/x", None, b"", 200),
    ("GET", "/api/admin/none", None, b"", 404),
]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    shown = shown_by("docs/how-to/from-nextjs.md")[0]
    guarded = dict.fromkeys(("app/api/admin/x/route.py", "pages/api/admin/a.py"), "def GET(): return 1")
    files = {**shown.files, **guarded}
    with Client(str(project(tmp_path_factory.mktemp("port"), files))) as client:
        yield client


@pytest.mark.parametrize(("method", "path", "content_type", "data", "status"), OF_THE_PORT)
def test_what_the_port_answers(
    port: Client, method: str, path: str, content_type: str | None, data: bytes, status: int
) -> None:
    headers = {"Authorization": "Bearer letmein"}
    sent = port.open(path, method=method, headers=headers, data=data, content_type=content_type)
    assert sent.status_code == status


@pytest.mark.parametrize("path", ["/api/admin/x", "/api/admin/a", "/api/admin/none", "/api/billing"])
def test_the_guards_that_take_the_place_of_a_matcher(port: Client, path: str) -> None:
    assert port.get(path).status_code == 401


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    shown = shown_by("docs/how-to/from-nextjs.md")[-1]
    with Client(str(project(tmp_path_factory.mktemp("moved"), shown.files))) as client:
        yield client


MOVED = [
    ("/blog", "/news"),
    ("/blog/", "/news"),
    ("/Blog/a/b", "/news/a/b"),
    ("/blog/a?page=2&tag=%26", "/news/a?page=2&tag=%26"),
    ("/blog/a%26b%3Fc%23d%25e", "/news/a%26b%3Fc%23d%25e"),
    ("/blog/%C3%A4", "/news/%C3%A4"),
    ("/blogs", None),
    ("/blog//evil.example", None),
]


@pytest.mark.parametrize(("target", "location"), MOVED)
def test_the_redirect_in_place_of_the_configured_one(
    moved: Client, target: str, location: str | None
) -> None:
    response = moved.get(target)
    assert (response.status_code, response.headers.get("Location")) == (308 if location else 404, location)


@pytest.mark.parametrize("path", ["/shops", "/s"])
def test_two_files_with_one_function(moved: Client, path: str) -> None:
    assert moved.get(f"{path}/tea").json == {"name": "Tea & Co"}
    assert moved.get(f"{path}/none").status_code == 404


REWRITTEN = [
    ("GET", "tea", 200),
    ("GET", "none", 404),
    ("GET", "", 404),
    ("HEAD", "tea", 200),
    ("PUT", "tea", 404),
]


@pytest.mark.parametrize(("method", "favourite", "status"), REWRITTEN)
def test_a_step_that_calls_the_function(moved: Client, method: str, favourite: str, status: int) -> None:
    moved.set_cookie("favourite", favourite)
    assert moved.open("/", method=method).status_code == status


def test_a_path_that_is_set_has_no_effect_on_the_route(tmp_path: Path) -> None:
    step = 'def middleware(req, res, next):\n    req.environ["PATH_INFO"] = "/api/b"\n    next()'
    files = {
        "middleware.py": step,
        "pages/api/a.py": 'def GET(): return "a"',
        "pages/api/b.py": 'def GET(): return "b"',
    }
    with Client(str(project(tmp_path, files))) as client:
        assert client.get("/api/a").text == "a"


def test_what_is_beside_the_root_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLACE", raising=False)
    outside = {".env": "PLACE=outside", "pyproject.toml": '[tool.apiroutes]\nbase_path = "/shop"'}
    route = {"src/pages/api/x.py": 'import os\ndef GET(): return str(os.environ.get("PLACE"))'}
    root = project(tmp_path, outside | route) / "src"
    with Client(str(root)) as client:
        assert client.get("/api/x").text == "None"


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


PATHS = [
    ("/api/paths/a%26b%20c", "/api/paths/a&b c", "next=%2Fapi%2Fpaths%2Fa%26b+c"),
    ("/api/paths/%2541", "/api/paths/%41", "next=%2Fapi%2Fpaths%2F%2541"),
]


@pytest.mark.parametrize(("target", "path", "query"), PATHS)
def test_a_path_is_decoded_once_and_encoded_for_a_url(
    client: Client, target: str, path: str, query: str
) -> None:
    assert client.get(target).json == [path, target, query]


ALIKE = [
    ("GET", "/api/aliases", {}, "GET"),
    ("POST", "/api/aliases", {}, "POST"),
    ("GET", "/api/contexts/7", {}, "7"),
    ("POST", "/api/contexts/7", {}, "{}"),
    ("GET", "/api/stage", {}, "development"),
    ("GET", "/api/limited", {}, "limited"),
    ("POST", "/api/codes", {"json": {"code": "x"}}, "x"),
    ("PUT", "/api/codes", {"json": {"code": "x"}}, "x"),
]


@pytest.mark.parametrize(("method", "path", "sent", "text"), ALIKE)
def test_a_text(client: Client, method: str, path: str, sent: dict[str, Any], text: str) -> None:
    assert client.open(path, method=method, **sent).text == text


@pytest.mark.parametrize("body", [b"{}", b"[1]", b'"x"', b"null"])
@pytest.mark.parametrize(("method", "status"), [("POST", 422), ("PUT", 500)])
def test_a_key_that_is_not_in_the_body(client: Client, method: str, status: int, body: bytes) -> None:
    response = client.open("/api/codes", method=method, data=body, content_type=JSON)
    assert response.status_code == status


def test_a_function_called_handler_cannot_stand_beside_methods(tmp_path: Path) -> None:
    files = {"app/api/x/route.py": "def handler(): return 1\nGET = POST = handler"}
    (problem,) = problems_of(tmp_path, files)
    assert "`handler`" in problem.message


@pytest.mark.parametrize(
    ("parser", "read", "status"),
    [
        ("{'sizeLimit': '4mb'}", "req.files['photo'].stream.read()", 200),
        ("False", "req.files['photo'].stream.read()", 413),
        ("False", "req.raw_body", 413),
        ("False", "req.stream.read()", 200),
    ],
)
def test_a_form_that_is_larger_than_the_setting(tmp_path: Path, parser: str, read: str, status: int) -> None:
    source = f"config = {{'api': {{'bodyParser': {parser}}}}}\ndef POST(req): return len({read}) > 100_000"
    with Client(str(project(tmp_path, {"pages/api/x.py": source})), body_size_limit="1kb") as client:
        form = {"photo": (io.BytesIO(b"x" * 100_001), "me.png")}
        assert client.post("/api/x", data=form).status_code == status


def test_an_upload(client: Client) -> None:
    assert client.post("/api/upload", data={"photo": (io.BytesIO(b"xyz"), "me.png")}).json == 3


def test_a_session(client: Client) -> None:
    client.post("/api/session?name=ada")
    assert client.get("/api/session").text == "ada"


UPSTREAM: list[tuple[str, dict[str, Any], object]] = [
    ("GET", {}, [[True, 200, "7"], ["GET", ""], '["GET",""]']),
    ("PUT", {}, ["POST", '{"a":1}']),
    ("PATCH", {"data": b"12345"}, ["PATCH", "12345"]),
]


@pytest.mark.parametrize(("method", "sent", "expected"), UPSTREAM)
def test_a_request_to_another_server(
    client: Client, method: str, sent: dict[str, Any], expected: object
) -> None:
    assert client.open("/api/upstream", method=method, **sent).json == expected


def test_httpx_takes_no_stream_of_both_kinds(client: Client) -> None:
    assert client.delete("/api/upstream", data=b"x").status_code == 500


@pytest.mark.parametrize("name", ["Connection", "Keep-Alive", "Transfer-Encoding"])
def test_a_header_of_the_connection_is_the_servers(tmp_path: Path, name: str) -> None:
    source = f"""def GET(res):
    try:
        res.set_header("{name}", "x")
    except ValueError as error:
        return str(error)
"""
    with Client(str(project(tmp_path, {"pages/api/x.py": source}))) as client:
        assert f"the header {name!r} is the server's to set" in client.get("/api/x").text


@pytest.mark.parametrize(("scheme", "is_secure"), [("http", False), ("https", True)])
def test_a_cookie_is_secure_over_https(tmp_path: Path, scheme: str, is_secure: bool) -> None:
    source = 'def GET(res):\n    res.set_cookie("c", "1")\n    return 1\n'
    with Client(str(project(tmp_path, {"pages/api/x.py": source}))) as client:
        response = client.get("/api/x", base_url=f"{scheme}://localhost")
    assert ("Secure" in response.headers["Set-Cookie"]) is is_secure


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
        "path": ["/api/classic/7", *["/api/classic/7?tag=a&tag=b&id=hidden"] * 2, "tag=a&tag=b&id=hidden"],
        "url": "http://localhost/api/classic/7?tag=a&tag=b&id=hidden",
        "id": "7",
        "tag": [["a", "b"], "a", ["a", "b"]],
        "missing": None,
        "theme": "dark",
        "body": {"a": 1},
        "address": "127.0.0.1",
        "draft": [False, None],
        "user agent": "curl",
        "language": "de",
    }


TARGETS = [
    (
        "/api/classic/7?tag=c%2Fd",
        "/api/classic/7?tag=c%2Fd",
        "tag=c%2Fd",
        "http://localhost/api/classic/7?tag=c/d",
    ),
    ("/api/classic/a%2Fb?tag=", "/api/classic/a/b?tag=", "tag=", "http://localhost/api/classic/a/b?tag="),
]


@pytest.mark.parametrize(("target", "full_path", "query", "url"), TARGETS)
def test_only_the_raw_target_is_as_it_was_sent(
    client: Client, target: str, full_path: str, query: str, url: str
) -> None:
    seen = answer(client, target)
    assert [*seen["path"][1:], seen["url"]] == [full_path, target, query, url]


def test_full_path_has_a_question_mark_without_a_query(client: Client) -> None:
    assert answer(client, "/api/path") == ["/api/path?", "/api/path"]


def test_a_value_that_is_not_in_the_query(tmp_path: Path) -> None:
    files = {"pages/api/x.py": 'def GET(req): return req.query["p"]'}
    with Client(str(project(tmp_path, files))) as client:
        assert [client.get(target).status_code for target in ("/api/x?p=1", "/api/x")] == [200, 500]


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
        "q": ["tea", "tea"],
        "tags": ["a", "b"],
        "has": True,
        "url": "http://localhost/api/request?q=tea&tag=a&tag=b",
        "search": "q=tea&tag=a&tag=b",
        "host": ["http://localhost/", "http://localhost"],
        "sign-in": "http://localhost/signin",
        "root": "",
        "theme": ["dark", True, {"theme": "dark"}],
        "token": "t",
        "address": "127.0.0.1",
        "agent": "curl",
    }


def test_a_repeated_key_of_the_query(client: Client) -> None:
    assert answer(client, "/api/request?q=a&q=b")["q"] == ["a", ["a", "b"]]


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


@pytest.mark.parametrize("content_type", ["text/plain;charset=UTF-8", "application/json", None])
def test_json_whatever_its_type(client: Client, content_type: str | None) -> None:
    response = client.delete("/api/request", data=b'{"a": 1}', content_type=content_type)
    assert response.json == [{"a": 1}, {"a": 1}]


def test_json_that_is_sent_as_text(client: Client) -> None:
    sent: dict[str, Any] = {"data": "[1]", "content_type": "text/plain"}
    assert client.post("/api/request", **sent).text == "[1]"
    assert client.put("/api/request", **sent).status_code == 415


def test_a_type_takes_no_json_that_is_sent_as_text(tmp_path: Path) -> None:
    with Client(str(project(tmp_path, {"pages/api/x.py": "def POST(body: dict): return body"}))) as typed:
        statuses = [
            typed.post("/api/x", data=data, content_type=content_type).status_code
            for data, content_type in (
                ("{}", "text/plain"),
                ("[1]", "application/json"),
                ("{}", "application/json"),
            )
        ]
    assert statuses == [422, 422, 200]


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
    ("words", 200, "a b", {"Content-Type": "text/plain; charset=utf-8"}),
    ("missing", 404, "Not Found", {}),
    ("forbidden", 403, "Forbidden", {}),
    ("unauthorized", 401, "Unauthorized", {}),
    ("cookies", 200, '{"a":1}', {"Set-Cookie": "a=1; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"}),
    ("options", 200, '{"a":1}', {"Set-Cookie": "a=1; Max-Age=60; Path=/; SameSite=Strict"}),
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


def test_a_file_in_place_of_a_pipe(client: Client) -> None:
    route = PROJECT / "app/api/made/route.py"
    assert client.get("/api/made?how=file").data == route.read_bytes()


LATE = """
import threading

from apiroutes import ResponseSentError

go_on, done = threading.Event(), threading.Event()


def later(res):
    go_on.wait(10)
    try:
        res.write("later")
    except ResponseSentError:
        done.set()


def GET(res):
    res.write("first")
    threading.Thread(target=later, args=[res]).start()


def POST():
    go_on.set()
    return done.wait(10)
"""


def test_a_response_ends_with_its_handler(tmp_path: Path) -> None:
    with Client(str(project(tmp_path, {"pages/api/x.py": LATE}))) as client:
        assert [client.get("/api/x").text, client.post("/api/x").text] == ["first", "true"]


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
    started, faults = client.get("/api/started").json
    assert (started, faults[-1]) == (True, "LookupError")


def test_an_empty_response_of_an_external_resolver(client: Client) -> None:
    assert client.get("/api/resolved").data == b""


def test_answers_are_kept(client: Client) -> None:
    assert client.get("/api/static").json == ["A", "of-env"]
    for path in ("/api/static", "/api/forced", "/api/forced"):
        response = client.get(path)
    assert response.headers["Cache-Status"].startswith("apiroutes; hit")


def test_answers_that_are_never_kept(client: Client) -> None:
    for path in ("/api/dynamic", "/api/dynamic"):
        response = client.get(path)
    assert (response.text, "Cache-Status" in response.headers) == ("anew", False)


RUNTIMES = [
    ("config = {'runtime': 'edge'}", True),
    ("config = {'regions': ['x']}", True),
    ("runtime = 'edge'", False),
]


@pytest.mark.parametrize(("line", "is_error"), RUNTIMES)
def test_a_runtime_is_an_error_in_config_and_a_warning_as_an_export(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, line: str, is_error: bool
) -> None:
    files = {"pages/api/x.py": f"{line}\ndef GET(): return 1"}
    if is_error:
        assert "unknown key" in problems_of(tmp_path, files)[0].message
    else:
        (warning,) = warnings_of(tmp_path, files, caplog)
        assert "`runtime` means nothing here." in warning


@pytest.mark.parametrize("how", ["path", "tag", "response"])
def test_answers_are_revalidated(client: Client, how: str) -> None:
    client.get("/api/posts")
    titles = client.put("/api/posts", query_string={"how": how}).json
    assert client.get("/api/posts").json == titles


def test_a_path_that_no_route_has_is_the_fallbacks(client: Client) -> None:
    assert client.get("/old").text == "an old site"
