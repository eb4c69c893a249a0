"""The App as a server calls it: exceptions, methods, threads, the fallback, and PEP 3333 throughout."""

from __future__ import annotations

import io
import logging
import threading
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest

from tests.support import HELLO, app_of, call, environ, respond

# -- exceptions

RAISED = {
    "an exception": "raise RuntimeError('s3cret')",
    "SystemExit": "raise SystemExit('s3cret')",
    "GeneratorExit": "raise GeneratorExit('s3cret')",
    "endless recursion": "handler(req, res)",
    "an exception that cannot be shown": "raise Unshowable",
    "a surrogate": "raise RuntimeError('\\ud800 s3cret')",
    "nothing to raise": "raise None",
}
UNSHOWABLE = "class Unshowable(Exception):\n    def __str__(self): raise ValueError('s3cret')\n"


@pytest.mark.parametrize("line", RAISED.values(), ids=RAISED)
def test_an_exception_is_a_500_without_details_and_logged_once(
    tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = respond(tmp_path, line, before=UNSHOWABLE)
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert [record.getMessage() for record in caplog.records] == ["GET /api/x (pages/api/x.py) failed"]
    assert caplog.records[0].exc_info


def test_a_500_has_nothing_that_the_handler_set(tmp_path: Path) -> None:
    lines = [
        "res.status(201).set_header('X-A', '1').set_cookie('a', '1')",
        "res.append_header('X-B', ['1', '2'])",
    ]
    answer = respond(tmp_path, *lines, "raise RuntimeError")
    assert {name for name, _ in answer.headers} == {
        "Cache-Control",
        "Content-Type",
        "X-Content-Type-Options",
        "Content-Length",
    }


def test_a_response_sent_before_an_exception_stands(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answer = respond(tmp_path, "res.json({'a': 1})", "raise RuntimeError('after')")
    assert (answer.status, answer.json(), answer.header("ETag") is not None) == (200, {"a": 1}, True)
    assert len(caplog.records) == 1


def test_a_keyboard_interrupt_reaches_the_server(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        respond(tmp_path, "raise KeyboardInterrupt")


# -- the whole, as PEP 3333 wants it

VALID: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "res.json(1)", {}),
    ("HEAD", "res.json(1)", {}),
    ("POST", "res.json(req.body)", {"body": b"x"}),
    ("GET", "res.send(iter('ab'))", {}),
    ("GET", "res.set_header('Content-Type', 'text/plain').write('a')", {}),
    ("GET", "res.redirect('/x')", {}),
    ("GET", "res.status(204).end()", {}),
    ("GET", "raise RuntimeError", {}),
    ("GET", "return 'x'", {}),
    ("GET", "res.json(1)", {"target": "/api/x/"}),
    ("GET", "res.json(1)", {"target": "/api/nope"}),
    ("GET", "res.send('x')", {"headers": [("If-None-Match", "*")]}),
]


@pytest.mark.parametrize(("method", "line", "request_"), VALID)
def test_the_application_is_valid_wsgi(
    tmp_path: Path, method: str, line: str, request_: dict[str, Any]
) -> None:
    app = validator(app_of(tmp_path, f"def handler(req, res):\n    {line}\n"))
    call(app, method, RAW_URI=None, **request_)


def test_threads_share_an_app(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json(req.query)\n")
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(call(app, target=f"/api/x?n={n}").json()))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["n"] for answer in answers) == [str(n) for n in range(8)]


def test_a_log_line_shows_the_pattern_and_not_the_path(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    1 / 0\n", "[id].py")
    call(app, target="/api/secret")
    assert caplog.messages == ["GET /api/[id] (pages/api/[id].py) failed"]


def test_an_exception_is_logged_with_its_traceback(tmp_path: Path) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger("apiroutes").addHandler(handler)
    try:
        assert respond(tmp_path, "raise RuntimeError('x')").status == 500
    finally:
        logging.getLogger("apiroutes").removeHandler(handler)
    assert "RuntimeError: x" in stream.getvalue()


# -- methods

METHODS = [
    ("GET", 200),
    ("TRACE", 200),
    ("PURGE", 200),
    ("M-SEARCH", 200),
    ("VERSION-CONTROL", 200),
    ("X" * 32, 200),
    ("get", 400),
    ("Get", 400),
    ("", 400),
    ("G ET", 400),
    ("GET\r\n", 400),
    ("GÉT", 400),
    ("G\xc9T", 400),
    ("GET/x", 400),
    ("(GET)", 400),
    ("X" * 33, 400),
]


@pytest.mark.parametrize(("method", "status"), METHODS)
def test_a_method_is_a_token_in_upper_case(tmp_path: Path, method: str, status: int) -> None:
    answer = respond(tmp_path, "res.send(req.method)", method=method)
    assert (answer.status, answer.body) == (status, method.encode() if status == 200 else b"Bad Request")


def test_an_invalid_method_reaches_no_handler(tmp_path: Path) -> None:
    source = "def GET(): raise AssertionError('called')\n"
    assert call(app_of(tmp_path, source), "get").status == 400


# -- what is not ours


def theirs(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [environ["REQUEST_METHOD"].encode() + b" " + environ["PATH_INFO"].encode("latin-1")]


@pytest.mark.parametrize("method", ["GET", "get", "G ET"])
@pytest.mark.parametrize("target", ["/", "/other", "/api/nope", "/apix"])
def test_the_fallback_gets_other_paths_as_they_came(tmp_path: Path, target: str, method: str) -> None:
    answer = call(app_of(tmp_path, HELLO, fallback=theirs), method, target)
    assert (answer.status, answer.body.decode()) == (200, f"{method} {target}")


def test_an_exception_of_the_fallback_reaches_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise RuntimeError("theirs")

    with pytest.raises(RuntimeError, match="theirs"):
        call(app_of(tmp_path, HELLO, fallback=broken), target="/other")
    assert caplog.records == []


# -- what other programs see


@pytest.mark.parametrize(
    ("path", "pattern"), [("/api/users/5", "/api/users/[id]"), ("/api/nothing", None), ("/api/users/", None)]
)
def test_the_pattern_of_the_route_is_in_the_environ(tmp_path: Path, path: str, pattern: str | None) -> None:
    entries = environ("GET", path)
    app = app_of(tmp_path, HELLO, "users/[id].py")
    app(entries, lambda status, headers, *exc_info: lambda content: None)
    assert entries.get("apiroutes.route") == pattern
