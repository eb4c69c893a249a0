"""from_wsgi: exceptions travel on outward, and an application that is called twice runs twice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from apiroutes import from_wsgi
from tests.middleware.wsgi_middleware import (
    ANSWERS,
    JSON,
    KINDS,
    Application,
    Auth,
    ErrorPage,
    Retry,
    Secure,
    app_with,
    asynchronous,
    outside,
)
from tests.support import call

# -- exceptions go on outward


@pytest.mark.parametrize(
    "name", ["400", "409", "418 of an exception's", "500", "500 of a stream", "500 of an error", "422", "413"]
)
@pytest.mark.parametrize("kind", ["one", "buffers", "a generator", "two", "one between steps"])
def test_an_exception_travels_on_after_its_response_was_seen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, kind: str
) -> None:
    raised: list[BaseException] = []

    def transaction(req: Any, res: Any, next: Any) -> None:
        try:
            next()
        except BaseException as error:
            raised.append(error)
            res.set_header("X-Done", f"rolled back {res.status_code}")
            raise

    request_, status, _ = ANSWERS[name]
    answer = call(app_with(tmp_path, transaction, *KINDS[kind]()), **request_)
    assert (len(raised), answer.status, answer.header("X-Secure")) == (1, status, str(status))
    assert answer.header("X-Done") == f"rolled back {status}"
    assert len([record for record in caplog.records if record.exc_info]) == (status == 500)


def test_a_step_outside_may_respond_to_the_exception(tmp_path: Path) -> None:
    def instead(req: Any, res: Any, next: Any) -> Any:
        try:
            next()
        except Exception as error:
            return {"error": str(error)}

    app = app_with(tmp_path, instead, from_wsgi(Secure))
    answer = call(app, target="/api/x?do=500")
    assert (answer.status, answer.json(), answer.header("X-Secure")) == (200, {"error": "fault"}, "500")
    answer = call(app, target="/api/x?do=401")
    assert (answer.status, answer.header("WWW-Authenticate"), answer.header("Cache-Control")) == (
        200,
        None,
        None,
    )


def test_an_exception_outside_replaces_the_one_inside(tmp_path: Path) -> None:
    def other(req: Any, res: Any, next: Any) -> None:
        try:
            next()
        except ValueError:
            raise LookupError("other") from None

    answer = call(app_with(tmp_path, other, from_wsgi(ErrorPage)), target="/api/x?do=500")
    assert (answer.status, answer.body) == (500, b"Internal Server Error")


class Failing(Secure):
    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        content = super().__call__(environ, start_response)
        where = environ.get("HTTP_FAIL")
        if where == "call":
            raise ArithmeticError(where)
        for chunk in content:
            yield chunk
            if where == "chunk":
                raise ArithmeticError(where)


@pytest.mark.parametrize("where", ["call", "chunk"])
@pytest.mark.parametrize("do", ["json", "500", "401"])
def test_a_fault_of_its_own_discards_the_response(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, where: str, do: str
) -> None:
    app = app_with(tmp_path, outside, from_wsgi(Failing))
    answer = call(app, target=f"/api/x?do={do}", headers=[("Fail", where)])
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert (answer.header("X-Outer"), answer.header("X-H"), answer.header("WWW-Authenticate")) == (
        "1",
        None,
        None,
    )
    assert f"ArithmeticError: {where}" in caplog.text
    assert ("ValueError: fault" in caplog.text) == (do == "500")


@pytest.mark.parametrize("status", ["99 X", "100 Continue", "600 X", "x", ""])
def test_an_invalid_status_is_a_fault(tmp_path: Path, status: str) -> None:
    def factory(application: Application) -> Application:
        def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
            start_response(status, [])
            return []

        return middleware

    assert call(app_with(tmp_path, from_wsgi(factory))).status == 500


# -- twice


def test_calling_the_application_twice_runs_everything_inside_twice(tmp_path: Path) -> None:
    calls: list[int] = []

    def flaky(req: Any, res: Any, next: Any) -> None:
        calls.append(res.status_code)
        res.append_header("X-Run", str(len(calls))).set_cookie("run", str(len(calls)))
        res.before_head(lambda: res.append_header("X-Hook", str(len(calls))))
        if len(calls) == 1:
            res.status(202)
            next()
            raise ValueError
        next()

    answer = call(app_with(tmp_path, outside, from_wsgi(Retry), flaky))
    assert (answer.status, answer.body, calls) == (200, b'"ok"', [200, 200])
    assert (answer.all("X-Run"), answer.all("X-Hook")) == (["2"], ["2"])
    assert answer.all("Set-Cookie") == [
        "outer=1; Path=/; HttpOnly; SameSite=Lax",
        "run=2; Path=/; HttpOnly; SameSite=Lax",
    ]


@pytest.mark.parametrize("request_", [{}, {"target": "/api/x?do=500"}, {"method": "POST", "body": b"{}"}])
def test_a_guard_inside_a_retry_guards_every_time(tmp_path: Path, request_: dict[str, Any]) -> None:
    ran: list[int] = []

    def handler(req: Any, res: Any, next: Any) -> None:
        ran.append(1)
        next()

    app = app_with(tmp_path, from_wsgi(Retry), from_wsgi(Auth), handler)
    assert (call(app, **request_).status, ran) == (401, [])


def test_both_calls_see_the_same_body(tmp_path: Path) -> None:
    bodies: list[Any] = []

    def note(req: Any, res: Any, next: Any) -> None:
        bodies.append(req.body)
        if len(bodies) == 1:
            raise ValueError
        next()

    answer = call(app_with(tmp_path, from_wsgi(Retry), note), "POST", headers=JSON, body=b"[1]")
    assert (answer.json(), bodies) == ([1], [[1], [1]])


def test_the_first_streams_content_is_closed(tmp_path: Path) -> None:
    app = app_with(tmp_path, from_wsgi(Retry, "2"))
    assert call(app, target="/api/x?do=stream").body == b"ab"
    assert call(app, target="/api/seen").json() == ["closed", "closed"]


def test_the_exception_of_the_last_call_counts(tmp_path: Path) -> None:
    calls: list[int] = []

    def note(req: Any, res: Any, next: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError
        next()

    caught: list[BaseException] = []

    def catch(req: Any, res: Any, next: Any) -> None:
        try:
            next()
        except BaseException as error:
            caught.append(error)
            raise

    assert (call(app_with(tmp_path, catch, from_wsgi(Retry), note)).status, caught) == (200, [])


def test_one_function_in_two_places_is_two_steps(tmp_path: Path) -> None:
    mark = from_wsgi(Secure)
    answer = call(app_with(tmp_path, mark, asynchronous, mark))
    assert (answer.status, answer.all("X-Secure")) == (200, ["200", "200"])
