"""Every reader of a body gets it whole, whoever read it before: middleware, handlers, other libraries."""

from __future__ import annotations

import contextlib
import gc
import io
from collections.abc import Callable, Iterable
from itertools import permutations
from pathlib import Path
from typing import Any

import flask
import pytest
import webob
import werkzeug

from apiroutes import App, Request
from tests.body.bodies import FORM, JSON, MULTIPART, TEXT
from tests.processes import call_alone
from tests.support import Answer, Extra, app_of, call, project

CONTENT = {
    JSON: b'{"a": 1}',
    FORM: b"a=1&b=2",
    TEXT: "é".encode(),
    MULTIPART: b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--X\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nfile\r\n--X--\r\n',
}


# The ways in which middleware may read a body.
READS: dict[str, Callable[[Any], object]] = {
    "get_json": lambda req: req.get_json(silent=True),
    "forced": lambda req: req.get_json(force=True, silent=True),
    "form": lambda req: req.form,
    "files": lambda req: req.files,
    "values": lambda req: req.values,
    "data": lambda req: req.data,
    "get_data": lambda req: req.get_data(),
    "raw_body": lambda req: req.raw_body,
    "body": lambda req: req.body,
    "stream, not read": lambda req: req.stream,
}


# Other libraries' requests, and reads from the environ.
OTHERS: dict[str, Callable[[Any], Any]] = {
    "werkzeug": lambda req: werkzeug.Request(req.environ).get_data(),
    "werkzeug's form": lambda req: dict(werkzeug.Request(req.environ).form),
    "flask": lambda req: flask.Request(req.environ).get_data(),
    "flask's JSON": lambda req: flask.Request(req.environ).get_json(),
    "webob": lambda req: webob.Request(req.environ).body,
    "webob's JSON": lambda req: webob.Request(req.environ).json,
    "ours": lambda req: Request(req.environ).raw_body,
    "lines": lambda req: b"".join(req.environ["wsgi.input"]),
    "a line": lambda req: req.environ["wsgi.input"].readline(),
    "a list of lines": lambda req: b"".join(req.environ["wsgi.input"].readlines()),
    "pieces": lambda req: b"".join(iter(lambda: req.environ["wsgi.input"].read(3), b"")),
}


KEPT = [JSON, FORM, TEXT]


OFF = 'config = {"api": {"bodyParser": False}}\n'


SHOW = """
def handler(req, res):
    res.json([req.body, dict(req.form), req.get_json(silent=True), sorted(req.files)])
"""


RAW = "def handler(req, res):\n    res.json([req.body, req.raw_body.decode(), req.get_data(as_text=True)])\n"


OTHER = """
def handler(req, res):
    shown = req.context["other"](req)
    res.json(shown.decode() if isinstance(shown, bytes) else shown)
"""


USER = """
import datetime, msgspec
class User(msgspec.Struct):
    age: int
    born: datetime.date | None = None
def POST(body: User): return {"age": body.age, "type": type(body).__name__}
def PUT(req, body: User): return req.get_json()
"""


PARSED_FORM = """
import msgspec
class Form(msgspec.Struct):
    a: int
def POST(body: Form): return body.a
"""


def reading(req: Any, res: Any, next: Any) -> None:
    """Middleware that reads in the ways that a header of the request lists."""
    for name in filter(None, req.headers.get("X-Reads", "").split("; ")):
        if name in READS:
            READS[name](req)
        else:
            with contextlib.suppress(Exception):  # not every content is JSON
                OTHERS[name](req)
    req.context["other"] = OTHERS.get(req.headers.get("X-Other"))
    next()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    files = {
        "show": SHOW,
        "show-off": OFF + SHOW,
        "raw": RAW,
        "raw-off": OFF + RAW,
        "other": OTHER,
        "other-off": OFF + OTHER,
        "user": "from __future__ import annotations\n" + USER,
        "form": PARSED_FORM,
    }
    root = project(
        tmp_path_factory.mktemp("shared"), {f"pages/api/{name}.py": file for name, file in files.items()}
    )
    return App(root, middleware=[reading])


def ask(
    app: App, route: str, content_type: str, reads: Iterable[str] = (), other: str = "", **extra: Any
) -> Answer:
    headers = [("Content-Type", content_type), ("X-Reads", "; ".join(reads)), ("X-Other", other)]
    content = extra.pop("content", CONTENT[content_type])
    return call(app, extra.pop("method", "POST"), f"/api/{route}", headers, content, **extra)


def send(app: App, content_type: str, content: bytes | None = None, **extra: Any) -> Answer:
    content = CONTENT[content_type] if content is None else content
    return call(app, "POST", headers=[("Content-Type", content_type)], body=content, **extra)


def chunked(content: bytes) -> Extra:
    return Extra(
        {"wsgi.input": io.BytesIO(content), "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None}
    )


@pytest.mark.parametrize("route", ["show", "show-off", "raw", "raw-off"])
@pytest.mark.parametrize("content_type", KEPT)
@pytest.mark.parametrize("reads", [*[(read,) for read in READS], *permutations(READS, 2)], ids="-".join)
def test_a_handler_can_read_a_body_that_middleware_has_read(
    app: App, content_type: str, route: str, reads: tuple[str, ...]
) -> None:
    alone = ask(app, route, content_type)
    assert (alone.status, ask(app, route, content_type, reads).body) == (200, alone.body)


# The content of a form that was parsed is not kept, and reading it then is an error.
OF_FORMS = ["form", "files", "values", "data", "body", "get_json", "forced", "stream, not read"]


@pytest.mark.parametrize("reads", [*permutations(OF_FORMS, 2)], ids="-".join)
@pytest.mark.parametrize("route", ["show", "show-off"])
def test_a_handler_can_read_a_multipart_form_that_middleware_has_read(
    app: App, route: str, reads: tuple[str, ...]
) -> None:
    alone = ask(app, route, MULTIPART)
    assert (alone.status, ask(app, route, MULTIPART, reads).body) == (200, alone.body)


@pytest.mark.parametrize("first", ["raw_body", "get_data"])
def test_a_multipart_form_that_was_read_raw_is_parsed_and_stays_readable(app: App, first: str) -> None:
    content = CONTENT[MULTIPART].decode()
    assert ask(app, "raw", MULTIPART, [first]).json() == [{"a": "1"}, content, content]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("content_type", KEPT)
def test_a_chunked_body_is_shared_too(app: App, content_type: str, read: str) -> None:
    alone = ask(app, "raw", content_type)
    assert ask(app, "raw", content_type, [read], **chunked(CONTENT[content_type])).body == alone.body


ORDERS = list(permutations(["req.raw_body", "req.stream.read()", "req.form", "req.get_json(silent=True)"]))


@pytest.mark.parametrize("order", ORDERS)
def test_with_parsing_off_content_that_is_kept_is_read_in_any_order(
    tmp_path: Path, order: tuple[str, ...]
) -> None:
    """Unlike a stream that is read first, which has the content to itself."""
    reads = "req.raw_body, " + ", ".join(order)
    source = (
        'config = {"api": {"bodyParser": False}}\n'
        f"def handler(req, res):\n    seen = [{reads}]\n    res.json(req.stream.readable() and len(seen))\n"
    )
    assert (send(app_of(tmp_path, source), FORM).status) == 200


def test_a_stream_of_kept_content_is_the_whole_of_it(tmp_path: Path) -> None:
    source = (
        'config = {"api": {"bodyParser": False}}\n'
        "def handler(req, res):\n"
        "    res.json([req.form['a'], req.stream.read().decode(), req.raw_body.decode()])\n"
    )
    assert send(app_of(tmp_path, source), FORM).json() == ["1", "a=1&b=2", "a=1&b=2"]


# -- a body with a type


FITS, FITS_NOT = b'{"age": 5, "born": "2020-01-02"}', b'{"age": "5"}'


@pytest.mark.parametrize("reads", [(), *[(read,) for read in READS]])
@pytest.mark.parametrize(("content", "status"), [(FITS, 200), (FITS_NOT, 422), (b"{", 400), (b"[]", 422)])
def test_a_typed_body_is_checked_after_any_earlier_read(
    app: App, reads: tuple[str, ...], content: bytes, status: int
) -> None:
    alone, answer = (ask(app, "user", JSON, earlier, content=content) for earlier in ((), reads))
    assert (answer.status, answer.body) == (status, alone.body)
    assert status != 200 or answer.json() == {"age": 5, "type": "User"}


CHANGES = [
    'req.body["age"] = 7',
    'req.get_json()["age"] = 7',
    'req.body = {"age": 7}',
    'req.body = {"age": "7"}',
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_body_that_middleware_has_changed_is_checked(tmp_path: Path, change: str) -> None:
    source = f"{USER}\ndef first(req, res, next):\n    {change}\n    next()\nmiddleware = [first]\n"
    assert send(app_of(tmp_path, source), JSON, FITS).json()["age"] == 7


@pytest.mark.parametrize("content_type", [FORM, MULTIPART])
@pytest.mark.parametrize("reads", [(), ("form",), ("body",), ("values",)])
def test_a_typed_form_is_checked_after_any_earlier_read(
    app: App, content_type: str, reads: tuple[str, ...]
) -> None:
    assert ask(app, "form", content_type, reads).json() == 1


def test_a_typed_body_can_still_be_read_as_json(app: App) -> None:
    assert ask(app, "user", JSON, content=FITS, method="PUT").json()["born"] == "2020-01-02"


# -- other libraries' requests, made from the environ


IN_JSON = {name: {"a": 1} for name in OTHERS if "JSON" in name}


SEEN: dict[str, Any] = {name: CONTENT[FORM].decode() for name in OTHERS}


SEEN |= IN_JSON | {"werkzeug's form": {"a": "1", "b": "2"}}


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("terminated", [True, None])
@pytest.mark.parametrize("name", OTHERS)
def test_another_library_sees_the_body_in_a_handler(
    app: App, name: str, terminated: bool | None, is_chunked: bool
) -> None:
    content_type = JSON if name in IN_JSON else FORM
    extra: Extra = {"wsgi.input_terminated": terminated}
    if is_chunked:
        extra = chunked(CONTENT[content_type])
    assert ask(app, "other", content_type, (), name, **extra).json() == SEEN[name]


@pytest.mark.parametrize("first", [*READS, *OTHERS])
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("route", ["other", "other-off"])
def test_another_library_sees_the_body_after_middleware_has_read_it(
    app: App, name: str, first: str, route: str
) -> None:
    """Whether it was read by the framework, or by another library after that."""
    content_type = JSON if name in IN_JSON else FORM
    reads = (first,) if first in READS and route == "other" else ("raw_body", first)
    assert ask(app, route, content_type, reads, name).json() == SEEN[name]


@pytest.mark.parametrize("name", OTHERS)
def test_another_library_takes_nothing_from_the_handler(app: App, name: str) -> None:
    content_type = JSON if name in IN_JSON else FORM
    alone = ask(app, "raw", content_type)
    assert ask(app, "raw", content_type, ["get_data", name]).body == alone.body


@pytest.mark.parametrize("is_chunked", [False, True])
def test_the_environ_of_kept_content_has_its_length(tmp_path: Path, is_chunked: bool) -> None:
    source = (
        "def handler(req, res):\n"
        "    res.json([req.environ['CONTENT_LENGTH'], req.environ.get('HTTP_TRANSFER_ENCODING')])\n"
    )
    extra = chunked(CONTENT[JSON]) if is_chunked else {}
    assert send(app_of(tmp_path, source), JSON, **extra).json() == ["8", None]


APPLICATION = """
import flask
site = flask.Flask("site")
@site.post("/api/x")
def echo(): return {"form": flask.request.form, "files": sorted(flask.request.files)}
def first(req, res, next):
    req.raw_body; flask.Request(req.environ).get_data(); next()
middleware = [first]
def handler(req, res): return site
"""


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("content_type", [FORM, MULTIPART])
def test_a_returned_application_sees_the_body(tmp_path: Path, content_type: str, is_chunked: bool) -> None:
    extra = chunked(CONTENT[content_type]) if is_chunked else {}
    answer = send(app_of(tmp_path, APPLICATION), content_type, **extra)
    assert answer.json()["form"]["a"] == "1"


REPLACES = """
import io
from apiroutes import from_wsgi
class Decrypting:
    def __init__(self, application): self.application = application
    def __call__(self, environ, start_response):
        content = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).replace(b"1", b"23")
        environ = {**environ, "wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(len(content))}
        return self.application(environ, start_response)
def first(req, res, next):
    READ
    next()
middleware = [first, from_wsgi(Decrypting)]
def handler(req, res): res.json(req.body)
"""


@pytest.mark.parametrize("read", ["pass", "req.raw_body", "req.body", "req.get_json()", "req.form"])
def test_a_handler_sees_content_that_wsgi_middleware_has_replaced(tmp_path: Path, read: str) -> None:
    assert send(app_of(tmp_path, REPLACES.replace("READ", read)), JSON).json() == {"a": 23}


def _garbage_of_bodies(root: Path) -> int:
    """Count what the garbage collector finds after requests whose bodies were read, or refused."""
    app = app_of(root, "def handler(req, res): res.json(1)\n")
    send(app, JSON)
    gc.collect()
    gc.disable()
    for content in (CONTENT[JSON], b"{", b"x" * 2**21):
        send(app, JSON, content)
    return gc.collect()


def test_reading_a_body_leaves_no_reference_cycle(tmp_path: Path) -> None:
    assert call_alone(_garbage_of_bodies, tmp_path) == 0
