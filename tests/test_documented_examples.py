"""The examples that the documents of Next.js and TanStack Start give, as short here as there."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.support import Answer, call, project

JSON = [("Content-Type", "application/json")]


def send(app: App, method: str, target: str, value: Any = None, headers: Any = ()) -> Answer:
    """Send a request, with `value` as JSON."""
    body = b"" if value is None else json.dumps(value).encode()
    return call(app, method, target, headers=[*headers, *(JSON if body else [])], body=body)


# -- one file, some requests

# Next.js, Pages Router, "API Routes"
HELLO = """
def handler(req, res):
    res.status(200).json({"message": "Hello from Next.js!"})
"""

SWITCH = """
def handler(req, res):
    match req.method:
        case "POST":
            res.status(201).json(req.body)
        case "GET":
            res.json([])
        case _:
            res.set_header("Allow", "GET, POST").status(405).end(f"Method {req.method} Not Allowed")
"""

ERROR = """
def fetch():
    raise OSError("failed to load data")

def handler(req, res):
    try:
        res.status(200).send({"result": fetch()})
    except OSError:
        res.status(500).send({"error": "failed to fetch data"})
"""

REDIRECT = """
def handler(req, res):
    res.redirect(307, f"/blog/{req.body['name']}")
"""

DYNAMIC = """
def handler(req, res):
    res.end(f"Post: {req.query['pid']}")
"""

CATCH_ALL = """
def handler(req, res):
    res.end(f"Post: {', '.join(req.query['slug'])}")
"""

OPTIONAL_CATCH_ALL = """
def handler(req, res):
    res.json(req.query)
"""

HEALTH = """
def GET(): return {"status": "ok"}
"""

# Next.js, App Router, "Route Handlers"
ROUTE_HANDLER = """
from apiroutes import json

def GET(query): return {"q": query.get("q")}
def POST(body): return json(body, status=201)
"""

COOKIES = """
def GET(req, res):
    token = req.cookies["token"]
    res.set_cookie("seen", token)
    return f"Hello, {token}!"
"""

REDIRECTED = """
from apiroutes import redirect

def GET(): return redirect("https://nextjs.org/")
"""

NON_UI = """
from apiroutes import text

RSS = '<?xml version="1.0"?><rss version="2.0"></rss>'

def GET(): return text(RSS, headers={"Content-Type": "text/xml"})
"""

FORM = """
def POST(body): return {"name": body["name"], "email": body["email"]}
"""

STREAM = """
from apiroutes import stream

def numbers():
    yield "<p>One</p>"
    yield "<p>Two</p>"

def GET(): return stream(numbers(), headers={"Content-Type": "text/html"})
"""

EVENTS = """
from apiroutes import Event, event_stream

async def progress():
    yield "started"
    yield Event({"done": 50}, event="progress", id="1")
    yield None

async def GET(): return event_stream(progress())
"""

# TanStack Start, "Server Routes"
START_HELLO = """
from apiroutes import file_route

Route = file_route("/api/hello", handlers={"GET": lambda: "Hello, World!"})
"""

START_PARAMS = """
from apiroutes import file_route, json

def get(params): return json({"message": f"Hello, {params['name']}!"})
async def post(request): return json({"message": f"Hello, {request.get_json()['name']}!"}, status=201)

Route = file_route("/api/hello/$name", handlers={"GET": get, "POST": post})
"""

START_SPLAT = """
from apiroutes import text

def GET(params): return text(f"File: {params['_splat']}")
"""

EVENTS_SENT = 'data: started\n\nid: 1\nevent: progress\ndata: {"done":50}\n\n: keep-alive\n\n'

# a file and its source; a request with its body as JSON; the status and the text of its answer
Example = tuple[str, str, str, str, Any, int, str]
EXAMPLES: list[Example] = [
    ("pages/api/hello.py", HELLO, "GET", "/api/hello", None, 200, '{"message":"Hello from Next.js!"}'),
    ("pages/api/posts.py", SWITCH, "GET", "/api/posts", None, 200, "[]"),
    ("pages/api/posts.py", SWITCH, "POST", "/api/posts", {"a": 1}, 201, '{"a":1}'),
    ("pages/api/posts.py", SWITCH, "PUT", "/api/posts", None, 405, "Method PUT Not Allowed"),
    ("pages/api/data.py", ERROR, "GET", "/api/data", None, 500, '{"error":"failed to fetch data"}'),
    ("pages/api/go.py", REDIRECT, "POST", "/api/go", {"name": "a b"}, 307, "/blog/a%20b"),
    ("pages/api/post/[pid].py", DYNAMIC, "GET", "/api/post/abc", None, 200, "Post: abc"),
    ("pages/api/post/[...slug].py", CATCH_ALL, "GET", "/api/post/a/b", None, 200, "Post: a, b"),
    ("pages/api/post/[...slug].py", CATCH_ALL, "GET", "/api/post", None, 404, "Not Found"),
    ("pages/api/post/[[...slug]].py", OPTIONAL_CATCH_ALL, "GET", "/api/post", None, 200, "{}"),
    (
        "pages/api/post/[[...slug]].py",
        OPTIONAL_CATCH_ALL,
        "GET",
        "/api/post/a/b",
        None,
        200,
        '{"slug":["a","b"]}',
    ),
    ("pages/api/health.py", HEALTH, "GET", "/api/health", None, 200, '{"status":"ok"}'),
    ("pages/api/health.py", HEALTH, "HEAD", "/api/health", None, 200, ""),
    ("pages/api/health.py", HEALTH, "POST", "/api/health", None, 405, "Method Not Allowed"),
    ("app/api/items/route.py", ROUTE_HANDLER, "GET", "/api/items?q=x", None, 200, '{"q":"x"}'),
    ("app/api/items/route.py", ROUTE_HANDLER, "POST", "/api/items", {"a": 1}, 201, '{"a":1}'),
    ("app/api/route.py", REDIRECTED, "GET", "/api", None, 307, "https://nextjs.org/"),
    ("app/api/stream/route.py", STREAM, "GET", "/api/stream", None, 200, "<p>One</p><p>Two</p>"),
    ("app/api/events/route.py", EVENTS, "GET", "/api/events", None, 200, EVENTS_SENT),
    ("routes/api/hello.py", START_HELLO, "GET", "/api/hello", None, 200, "Hello, World!"),
    ("routes/api/hello.py", START_HELLO, "DELETE", "/api/hello", None, 405, "Method Not Allowed"),
    ("routes/api/hello.$name.py", START_PARAMS, "GET", "/api/hello/A", None, 200, '{"message":"Hello, A!"}'),
    (
        "routes/api/hello.$name.py",
        START_PARAMS,
        "POST",
        "/api/hello/A",
        {"name": "B"},
        201,
        '{"message":"Hello, B!"}',
    ),
    ("routes/api/file/$.py", START_SPLAT, "GET", "/api/file/a/b.pdf", None, 200, "File: a/b.pdf"),
]


@pytest.mark.parametrize(("file", "source", "method", "target", "value", "status", "text"), EXAMPLES)
def test_an_example_answers(
    tmp_path: Path, file: str, source: str, method: str, target: str, value: Any, status: int, text: str
) -> None:
    answer = send(App(project(tmp_path, {file: source})), method, target, value)
    assert (answer.status, answer.body.decode()) == (status, text)


TYPES = [
    (NON_UI, "text/xml"),
    (STREAM, "text/html"),
    (EVENTS, "text/event-stream; charset=utf-8"),
    (ROUTE_HANDLER, "application/json; charset=utf-8"),
]


@pytest.mark.parametrize(("source", "media_type"), TYPES)
def test_an_example_has_its_media_type(tmp_path: Path, source: str, media_type: str) -> None:
    app = App(project(tmp_path, {"app/api/x/route.py": source}))
    assert call(app).header("Content-Type") == media_type


def test_a_cookie_is_read_and_set(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"app/api/x/route.py": COOKIES}))
    answer = call(app, headers=[("Cookie", "token=abc")])
    assert (answer.body, (answer.header("Set-Cookie") or "").split(";")[0]) == (b"Hello, abc!", "seen=abc")


def test_a_form_is_read(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"app/api/x/route.py": FORM}))
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    answer = call(app, "POST", headers=form, body=b"name=A+B&email=a%40b")
    assert answer.json() == {"name": "A B", "email": "a@b"}


# -- create, read, update, delete

STORE = "posts = {}\n"

POSTS = """
from apiroutes import json
from ._store import posts

def GET(): return [*posts.values()]

def POST(body):
    post = posts[str(len(posts) + 1)] = {"id": len(posts) + 1, **body}
    return json(post, status=201, headers={"Location": f"/api/posts/{post['id']}"})
"""

POST = """
from apiroutes import ApiError, json
from ._store import posts

def find(id):
    if id not in posts:
        raise ApiError(404, "No such post")
    return posts[id]

def GET(params): return find(params["id"])

def PUT(params, body):
    old = find(params["id"])
    posts[params["id"]] = {"id": old["id"], **body}
    return posts[params["id"]]

def PATCH(params, body):
    find(params["id"]).update(body)
    return posts[params["id"]]

def DELETE(params, res):
    find(params["id"])
    del posts[params["id"]]
    res.status(204).end()
"""

# The same two handlers in each convention.
CRUD: dict[str, Mapping[str, str]] = {
    "pages": {
        "pages/api/posts/_store.py": STORE,
        "pages/api/posts/index.py": POSTS,
        "pages/api/posts/[id].py": POST,
    },
    "app": {
        "app/api/posts/_store.py": STORE,
        "app/api/posts/route.py": POSTS,
        "app/api/posts/[id]/route.py": POST.replace("._store", ".._store"),
    },
}
FIRST, SECOND = {"id": 1, "title": "a"}, {"id": 1, "title": "b", "draft": True}


@pytest.mark.parametrize("convention", CRUD)
def test_posts_are_created_read_updated_deleted(tmp_path: Path, convention: str) -> None:
    app = App(project(tmp_path, CRUD[convention]))
    created = send(app, "POST", "/api/posts", {"title": "a"})
    assert (created.status, created.header("Location"), created.json()) == (201, "/api/posts/1", FIRST)
    assert send(app, "GET", "/api/posts").json() == [FIRST]
    assert send(app, "GET", "/api/posts/1").json() == FIRST
    assert send(app, "PUT", "/api/posts/1", {"title": "b"}).json() == {"id": 1, "title": "b"}
    assert send(app, "PATCH", "/api/posts/1", {"draft": True}).json() == SECOND
    assert send(app, "DELETE", "/api/posts/1").status == 204
    assert send(app, "GET", "/api/posts/1").status == 404


@pytest.mark.parametrize("convention", CRUD)
def test_posts_have_no_other_methods(tmp_path: Path, convention: str) -> None:
    answer = send(App(project(tmp_path, CRUD[convention])), "POST", "/api/posts/1", {})
    assert (answer.status, answer.header("Allow")) == (405, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT")


# -- a webhook

WEBHOOK = """
import hashlib, hmac
from apiroutes import ApiError

def POST(req):
    expected = hmac.new(b"secret", req.raw_body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, req.headers.get("X-Signature", "")):
        raise ApiError(400, "Webhook signature verification failed")
    return {"received": req.body["type"]}
"""


@pytest.mark.parametrize(
    ("secret", "status", "text"),
    [
        (b"secret", 200, b'{"received":"paid"}'),
        (b"guess", 400, b"Webhook signature verification failed"),
    ],
)
def test_a_webhook_checks_its_signature(tmp_path: Path, secret: bytes, status: int, text: bytes) -> None:
    body = b'{ "type":  "paid" }'  # not as it would be written again
    headers = [*JSON, ("X-Signature", hmac.new(secret, body, hashlib.sha256).hexdigest())]
    app = App(project(tmp_path, {"pages/api/webhook.py": WEBHOOK}))
    answer = call(app, "POST", "/api/webhook", headers=headers, body=body)
    assert (answer.status, answer.body) == (status, text)


# -- middleware

AUTH = """
from apiroutes import ApiError

def auth(req, res, next):
    if req.headers.get("Authorization") != "Bearer abc":
        raise ApiError(401, "Unauthorized", {"WWW-Authenticate": "Bearer"})
    req.context["user"] = "ann"
    next()
"""
AUTHORIZED = [("Authorization", "Bearer abc")]

OF_THE_ROUTE = f"""{AUTH}
middleware = [auth]

def GET(context): return {{"user": context["user"]}}
"""

OF_FILE_ROUTE = f"""{AUTH}
from apiroutes import file_route, json

def get(params, context): return json({{"user": context["user"]}})

Route = file_route("/api/posts/$id", middleware=[auth], handlers={{"GET": get}})
"""

OF_THE_METHOD = """
from apiroutes import ApiError, json, use

def validate(req, res, next):
    if not isinstance(req.body, dict) or not req.body.get("title"):
        raise ApiError(422, "title is required")
    next()

def GET(): return []

@use(validate)
def POST(body): return json(body, status=201)
"""

OF_THE_DIRECTORY = AUTH.replace("def auth", "def middleware")
USER = 'def GET(context): return {"user": context["user"]}\n'

GUARDED: dict[str, Mapping[str, str]] = {
    "the module": {"pages/api/posts/[id].py": OF_THE_ROUTE},
    "the module in app": {"app/api/posts/[id]/route.py": OF_THE_ROUTE},
    "file_route, flat": {"routes/api.posts.$id.py": OF_FILE_ROUTE},
    "file_route, nested": {"routes/api/posts/$id.py": OF_FILE_ROUTE},
    "the directory": {
        "pages/api/posts/_middleware.py": OF_THE_DIRECTORY,
        "pages/api/posts/[id].py": USER,
    },
    "a directory above": {"app/api/_middleware.py": OF_THE_DIRECTORY, "app/api/posts/[id]/route.py": USER},
    "a directory of TanStack": {
        "routes/api/_middleware.py": OF_THE_DIRECTORY,
        "routes/api/posts.$id.py": USER,
    },
}


@pytest.mark.parametrize("files", GUARDED.values(), ids=GUARDED)
def test_middleware_ends_the_request(tmp_path: Path, files: Mapping[str, str]) -> None:
    answer = send(App(project(tmp_path, files)), "GET", "/api/posts/1")
    assert (answer.status, answer.header("WWW-Authenticate")) == (401, "Bearer")


@pytest.mark.parametrize("files", GUARDED.values(), ids=GUARDED)
def test_middleware_hands_down_a_context(tmp_path: Path, files: Mapping[str, str]) -> None:
    answer = send(App(project(tmp_path, files)), "GET", "/api/posts/1", headers=AUTHORIZED)
    assert answer.json() == {"user": "ann"}


def test_middleware_of_a_directory_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    files = {**GUARDED["the directory"], "pages/api/open.py": HELLO}
    assert send(App(project(tmp_path, files)), "GET", "/api/open").status == 200


@pytest.mark.parametrize(
    ("method", "value", "status"),
    [("GET", None, 200), ("POST", {"title": "a"}, 201), ("POST", {}, 422), ("POST", None, 422)],
)
def test_middleware_of_a_method(tmp_path: Path, method: str, value: Any, status: int) -> None:
    app = App(project(tmp_path, {"pages/api/posts.py": OF_THE_METHOD}))
    assert send(app, method, "/api/posts", value).status == status


TIMING = """
def middleware(req, res, next):
    res.set_header("X-Request-Id", req.headers.get("X-Request-Id", "none"))
    next()
    req.context["log"] = f"{req.method} {req.path} {res.status_code}"
    print(req.context["log"])
"""


def test_middleware_goes_on_after_the_handler(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = App(project(tmp_path, {"pages/api/_middleware.py": TIMING, "pages/api/hello.py": HELLO}))
    answer = send(app, "GET", "/api/hello", headers=[("X-Request-Id", "7")])
    assert (answer.header("X-Request-Id"), capsys.readouterr().out) == ("7", "GET /api/hello 200\n")


CORS = """
from apiroutes import from_wsgi

class Cors:
    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, [*headers, ("Access-Control-Allow-Origin", "*")], exc_info)
        return self.app(environ, start)

middleware = [from_wsgi(Cors)]

def GET(): return []
"""


def test_wsgi_middleware_is_middleware(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": CORS}))
    assert call(app).header("Access-Control-Allow-Origin") == "*"


# -- the file names of TanStack Start

SHOW = "def GET(params): return params\n"

NAMES: list[tuple[str, str, dict[str, str]]] = [
    ("routes/api.users.py", "/api/users", {}),
    ("routes/api/users.py", "/api/users", {}),
    ("routes/api/users.index.py", "/api/users", {}),
    ("routes/api/users/index.py", "/api/users", {}),
    ("routes/api.users.$id.py", "/api/users/1", {"id": "1"}),
    ("routes/api/users.$id.py", "/api/users/1", {"id": "1"}),
    ("routes/api/users/$id.py", "/api/users/1", {"id": "1"}),
    ("routes/api/users/$id/posts.py", "/api/users/1/posts", {"id": "1"}),
    ("routes/api.users.$id.posts.$postId.py", "/api/users/1/posts/2", {"id": "1", "postId": "2"}),
    ("routes/api.file.$.py", "/api/file/a/b", {"_splat": "a/b"}),
    ("routes/api/file/$.py", "/api/file/a/b", {"_splat": "a/b"}),
]


@pytest.mark.parametrize(("file", "target", "params"), NAMES)
def test_a_file_name_is_flat_or_nested(
    tmp_path: Path, file: str, target: str, params: dict[str, str]
) -> None:
    assert send(App(project(tmp_path, {file: SHOW})), "GET", target).json() == params


def test_flat_and_nested_names_are_one_tree(tmp_path: Path) -> None:
    files = ["routes/api/users.py", "routes/api.users.$id.py", "routes/api/users/$id/posts.py"]
    app = App(project(tmp_path, dict.fromkeys(files, SHOW)))
    targets = ["/api/users", "/api/users/1", "/api/users/1/posts"]
    assert [send(app, "GET", target).json() for target in targets] == [{}, {"id": "1"}, {"id": "1"}]


CONFIGURED = """
config = {"api": {"bodyParser": {"sizeLimit": "1kb"}}}

def POST(body): return {"length": len(body["text"])}
"""


@pytest.mark.parametrize(("length", "status"), [(10, 200), (2000, 413)])
def test_a_route_has_its_own_size_limit(tmp_path: Path, length: int, status: int) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": CONFIGURED}))
    assert send(app, "POST", "/api/x", {"text": "x" * length}).status == status
