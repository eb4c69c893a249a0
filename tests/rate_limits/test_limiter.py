"""Limits at work: who is refused, what the answers say, and what happens where the store fails."""

from __future__ import annotations

import logging
import re
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError
from tests.rate_limits.limited import LIMITED, OK, admitted, left_of, limited_app, statuses
from tests.start_reports import problems_of
from tests.support import app_of, call, project

JSON = [("Accept", "application/json")]


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_what_is_more_than_the_limit_is_a_429(tmp_path: Path, store: str) -> None:
    app = limited_app(tmp_path, "'3/hour'", rate_limit_store=store)
    assert statuses(app, 5) == [200, 200, 200, 429, 429]


def test_sqlite_counts_for_all_processes_that_have_the_project(tmp_path: Path) -> None:
    first = limited_app(tmp_path, "'3/hour'", rate_limit_store="sqlite")
    second = App(tmp_path)
    assert [*statuses(first, 2), *statuses(second, 2)] == [200, 200, 200, 429]
    assert (tmp_path / ".apiroutes" / "limits.db").is_file()


def test_memory_is_that_of_one_app(tmp_path: Path) -> None:
    first = limited_app(tmp_path, "'1/hour'")
    second = App(tmp_path, rate_limit_store="memory")
    assert [*statuses(first, 2), *statuses(second, 2)] == [200, 429, 200, 429]


def test_nothing_is_written_before_the_first_request(tmp_path: Path) -> None:
    limited_app(tmp_path, "'1/hour'", rate_limit_store="sqlite")
    assert not (tmp_path / ".apiroutes").exists()


def test_a_refusal_is_text_that_nobody_stores(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'1/hour'")
    call(app)
    answer = call(app)
    seconds = int(answer.header("Retry-After") or "")
    assert 3590 <= seconds <= 3600
    assert answer.text == f"Too many requests. Try again in {seconds} s."
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"
    assert answer.header("Cache-Control") == "no-store"


def test_a_refusal_is_a_problem_document_where_json_is_preferred(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'1/hour'")
    call(app)
    answer = call(app, headers=JSON)
    assert answer.header("Content-Type") == "application/problem+json"
    assert (answer.json()["status"], answer.json()["title"]) == (429, "Too Many Requests")


def test_every_answer_says_the_policy_and_what_is_left(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'2/hour'")
    answers = [call(app) for _ in range(3)]
    assert {answer.header("RateLimit-Policy") for answer in answers} == {'"default";q=2;w=3600'}
    assert [left_of(answer)["default"][0] for answer in answers] == [1, 0, 0]
    assert all(3590 <= left_of(answer)["default"][1] <= 3600 for answer in answers)


STREAM = "def handler(req, res):\n    yield 'a'\n    yield 'b'\n"
REFUSED = "from apiroutes import ApiError\ndef handler(req, res):\n    raise ApiError(403)\n"
FAULT = "def handler(req, res):\n    1 / 0\n"


@pytest.mark.parametrize(
    ("handler", "method", "target", "status"),
    [
        (OK, "GET", "/api/x", 200),
        (STREAM, "GET", "/api/x", 200),
        (REFUSED, "GET", "/api/x", 403),
        (FAULT, "GET", "/api/x", 500),
        (OK, "GET", "/api/none", 404),
        ("def POST(): return 1\n", "GET", "/api/x", 405),
        ("def GET(): return 1\n", "OPTIONS", "/api/x", 204),
    ],
)
def test_answers_of_every_kind_have_the_fields(
    tmp_path: Path, handler: str, method: str, target: str, status: int
) -> None:
    answer = call(limited_app(tmp_path, "'9/hour'", handler), method, target)
    assert answer.status == status
    assert answer.header("RateLimit-Policy") == '"default";q=9;w=3600'
    assert left_of(answer)["default"][0] == 8


def test_cache_control_is_the_handlers(tmp_path: Path) -> None:
    handler = "def handler(req, res):\n    res.set_header('Cache-Control', 'max-age=9')\n    res.send('a')\n"
    assert call(limited_app(tmp_path, "'9/hour'", handler)).header("Cache-Control") == "max-age=9"


def test_what_a_handler_does_for_other_sites_can_show_the_fields(tmp_path: Path) -> None:
    before = "from apiroutes.middleware import cors\n"
    source = "'9/hour'), cors('*', expose_headers=['RateLimit', 'RateLimit-Policy', 'Retry-After']"
    answer = call(limited_app(tmp_path, source, before=before), headers=[("Origin", "https://a.example")])
    assert answer.header("Access-Control-Expose-Headers") == "RateLimit, RateLimit-Policy, Retry-After"


# -- several limits


def test_each_limit_has_a_member(tmp_path: Path) -> None:
    answer = call(limited_app(tmp_path, "'5/minute', '9/hour', name='api'"))
    assert answer.header("RateLimit-Policy") == '"api";q=5;w=60, "api-2";q=9;w=3600'
    assert {name: left for name, (left, _) in left_of(answer).items()} == {"api": 4, "api-2": 8}


def test_nothing_is_counted_where_one_refuses(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'2/hour', '9/day'")
    answers = [call(app) for _ in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 429, 429, 429]
    assert left_of(answers[-1])["default-2"][0] == 7


def test_the_longest_wait_is_told(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'1/minute', '1/day'")
    call(app)
    assert int(call(app).header("Retry-After") or "") > 86_000


def test_limits_around_each_other_share_the_fields(tmp_path: Path) -> None:
    source = "'9/hour'), rate_limit('8/minute'), rate_limit('7/day', name='x'"
    answer = call(limited_app(tmp_path, source))
    assert answer.header("RateLimit-Policy") == (
        '"default";q=9;w=3600, "default-2";q=8;w=60, "x";q=7;w=86400'
    )
    assert {name: left for name, (left, _) in left_of(answer).items()} == {
        "default": 8,
        "default-2": 7,
        "x": 6,
    }


def test_a_name_is_quoted(tmp_path: Path) -> None:
    answer = call(limited_app(tmp_path, "'9/hour', name='a\"b\\\\\\\\c'"))
    assert answer.header("RateLimit-Policy") == '"a\\"b\\\\\\\\c";q=9;w=3600'


# -- what is counted together

TWO_ROUTES = {
    "pages/api/a.py": "from limits_of_project import {a}\nmiddleware = [{a}]\n" + OK,
    "pages/api/b.py": "from limits_of_project import {b}\nmiddleware = [{b}]\n" + OK,
    "limits_of_project.py": (
        "from apiroutes.middleware import rate_limit\n"
        "one = rate_limit('2/hour')\nother = rate_limit('2/hour')\n"
        "named = rate_limit('2/hour', name='n')\nso_named = rate_limit('3/hour', name='n')\n"
        "of_minute = rate_limit('2/minute', name='n')\n"
    ),
}


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        ("one", "one", [200, 200, 429, 429]),
        ("one", "other", [200, 200, 200, 200]),
        ("named", "named", [200, 200, 429, 429]),
        ("named", "so_named", [200, 200, 200, 429]),
        ("named", "of_minute", [200, 200, 200, 200]),
    ],
)
def test_the_same_object_or_name_is_one_count(tmp_path: Path, a: str, b: str, found: list[int]) -> None:
    files = {name: source.replace("{a}", a).replace("{b}", b) for name, source in TWO_ROUTES.items()}
    app = App(project(tmp_path, files), rate_limit_store="memory")
    assert [*statuses(app, 2, "GET", "/api/a"), *statuses(app, 2, "GET", "/api/b")] == found


@pytest.mark.parametrize("other", ["by='user'", "by=lambda req: 1", "failures_only=True"])
def test_limits_of_other_things_in_one_line_count_apart(tmp_path: Path, other: str) -> None:
    own = "def own(req, res, next): return next()\n"  # which may have signed somebody in
    app = limited_app(tmp_path, f"'2/hour'), own, rate_limit('2/hour', {other}", before=own)
    assert statuses(app, 3) == [200, 200, 429]


def test_the_methods_of_a_route_are_counted_together(tmp_path: Path) -> None:
    source = "config = {'rateLimit': '2/hour'}\ndef GET(): return 1\ndef POST(): return 2\n"
    app = app_of(tmp_path, source, rate_limit_store="memory")
    assert [call(app, method).status for method in ("GET", "POST", "GET", "PUT")] == [200, 200, 429, 429]


# -- cost


def test_a_request_counts_what_it_costs(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'10/hour', cost=lambda req: int(req.query['cost'])")
    found = [call(app, target=f"/api/x?cost={cost}") for cost in (4, 7, 0, 6, 0, 11)]
    assert [answer.status for answer in found] == [200, 429, 200, 200, 200, 429]
    # What is free is not counted, so it has no fields.
    assert [answer.header("RateLimit") is not None for answer in found] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("rates", ["'10/hour'", "'10/hour', '99/day'", "'99/minute', '10/hour'"])
def test_what_never_has_room_is_not_told_to_come_again(tmp_path: Path, rates: str) -> None:
    app = limited_app(tmp_path, f"{rates}, cost=lambda req: 11")
    answer = call(app)
    assert (answer.status, answer.header("Retry-After")) == (429, None)
    assert answer.body == b"This request is more than the limit allows at once."


@pytest.mark.parametrize("cost", ["-1", "1.5", "True", "'1'", "None"])
def test_a_cost_that_is_none_is_a_fault(tmp_path: Path, cost: str, caplog: pytest.LogCaptureFixture) -> None:
    app = limited_app(tmp_path, f"'10/hour', cost=lambda req: {cost}")
    assert call(app).status == 500
    assert "cost=... of a rate limit returned" in caplog.text


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_a_cost_beyond_all_numbers_is_refused(tmp_path: Path, store: str) -> None:
    app = limited_app(tmp_path, "'10/hour', cost=lambda req: 10 ** 400", rate_limit_store=store)
    assert statuses(app, 2) == [429, 429]


# -- around the cache and the body


def test_hits_of_the_cache_count(tmp_path: Path) -> None:
    source = "revalidate = 60\nconfig = {'rateLimit': '3/hour'}\ndef GET(): return {'a': 1}\n"
    app = app_of(tmp_path, source, cache="memory", rate_limit_store="memory")
    answers = [call(app) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [left_of(answer)["default"][0] for answer in answers] == [2, 1, 0, 0]


class NeverSends:
    """The body of a client that announces one, and closes the connection."""

    def read(self, size: int = -1) -> bytes:
        return b""

    readline = read


def test_a_client_that_never_sends_its_body_counts(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'2/hour'", "def POST(req): return req.body\n")
    extra = {"wsgi.input": NeverSends(), "wsgi.input_terminated": False, "CONTENT_LENGTH": "100"}
    found = statuses(app, 3, "POST", headers=[("Content-Type", "application/json")], **extra)
    assert found == [400, 400, 429]


# -- the log


def test_refusals_are_logged_and_do_not_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "apiroutes")
    app = limited_app(tmp_path, "'1/hour', name='login'")
    statuses(app, 50)
    records = [record for record in caplog.records if "rate limit" in record.getMessage()]
    (message,) = [record.getMessage() for record in records]
    before = r"GET /api/x: The rate limit 'login' \(1/hour\) refuses the request of [0-9a-f]{12}, "
    assert re.fullmatch(before + "and has refused 0 others lately", message)
    assert records[0].levelno == logging.INFO


def test_the_log_says_who_is_refused_by_a_digest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "apiroutes")
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.1"):  # an App each, which logs its first refusal
        admitted(limited_app(tmp_path, "'1/hour', name='login'"), [address] * 2)
    first, second, third = (record.getMessage() for record in caplog.records)
    assert (first == third, first == second, "10.0.0" in caplog.text) == (True, False, False)


# -- a store that fails


def locked(path: Path) -> sqlite3.Connection:
    """Lock a database, as another program may."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


@pytest.mark.parametrize(
    ("arguments", "settings", "status", "retry_after"),
    [
        ("", {}, 200, None),
        ("", {"rate_limit_fail": "closed"}, 503, "5"),
        (", fail='closed'", {}, 503, "5"),
        (", fail='open'", {"rate_limit_fail": "closed"}, 200, None),
    ],
)
def test_a_store_that_fails_lets_through_or_refuses_as_told(
    tmp_path: Path, arguments: str, settings: dict[str, str], status: int, retry_after: str | None
) -> None:
    app = limited_app(tmp_path, f"'1/hour'{arguments}", rate_limit_store="sqlite", **settings)
    assert call(app).status == 200
    other = locked(tmp_path / ".apiroutes" / "limits.db")
    answers = [call(app) for _ in range(6)]
    other.close()
    assert {answer.status for answer in answers} == {status}
    assert {answer.header("Retry-After") for answer in answers} == {retry_after}
    assert {answer.header("RateLimit") for answer in answers} == {None}


def test_a_failure_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = limited_app(tmp_path, "'1/hour'", rate_limit_store="sqlite")
    (tmp_path / ".apiroutes").write_text("a file")
    assert statuses(app, 6) == [200] * 6
    found = [record.getMessage() for record in caplog.records if "rate limits" in record.getMessage()]
    assert len(found) == 1
    path = tmp_path / ".apiroutes" / "limits.db"
    assert found[0].startswith(f"The store of rate limits ({path}) fails, and requests are let through ")


@pytest.mark.parametrize(("fail", "effect"), [("open", "let through"), ("closed", "refused")])
def test_the_first_request_that_a_redis_does_not_count_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fail: str, effect: str
) -> None:
    store = "redis://ada:secret@127.0.0.1:1/0?password=secret"
    app = limited_app(tmp_path, "'1/hour'", rate_limit_store=store, rate_limit_fail=fail)
    statuses(app, 1)
    (message,) = [record.getMessage() for record in caplog.records]
    before = "The store of rate limits (redis://127.0.0.1:1/0) fails, and requests are "
    assert message.startswith(f"{before}{effect} meanwhile (`rate_limit_fail`): ")
    assert "secret" not in message


def test_a_redis_that_is_away_lets_through(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'1/hour'", rate_limit_store="redis://127.0.0.1:1/0")
    assert statuses(app, 6) == [200] * 6


def test_a_limit_has_a_store_of_its_own(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'1/hour', store='memory'", rate_limit_store="redis://127.0.0.1:1/0")
    assert statuses(app, 2) == [200, 429]


@pytest.mark.parametrize("files", [{}, {"middleware.py": LIMITED.format(arguments="'1/hour'")}])
def test_a_url_that_redis_py_cannot_read_is_a_start_error(tmp_path: Path, files: dict[str, str]) -> None:
    url = "redis://:hunter2@localhost?socket_timeout=soon"
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": OK, **files}, rate_limit_store=url)
    assert problem.message.startswith("rate_limit_store: The URL of")
    assert "hunter2" not in repr(problem)


def test_a_url_of_a_limits_own_is_read_at_start(tmp_path: Path) -> None:
    url = "redis://:hunter2@localhost?socket_timeout=soon"
    with pytest.raises(ProjectError, match=r"rate_limit\(store=...\)") as raised:
        limited_app(tmp_path, f"'1/hour', store='{url}'")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("files", [{}, {"middleware.py": LIMITED.format(arguments="'1/hour'")}])
def test_a_redis_without_its_extra_is_a_start_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
) -> None:
    monkeypatch.setattr("apiroutes.project.extras.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "apiroutes.stores.redis_counters", raising=False)
    monkeypatch.delitem(sys.modules, "apiroutes.stores.redis_connections", raising=False)
    files = {"pages/api/x.py": OK, **files}
    (problem,) = problems_of(tmp_path, files, rate_limit_store="redis://localhost")
    assert problem.message == "rate_limit_store: redis is not installed."
    assert problem.remedy == "Run: pip install 'apiroutes[redis]'"


def test_what_is_in_the_way_is_said_at_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    project(tmp_path, {".apiroutes": "a file"})
    limited_app(tmp_path, "'1/hour'), rate_limit('1/day'", rate_limit_store="sqlite")
    assert [record.getMessage() for record in caplog.records] == [
        f"rate limits count nothing: {tmp_path}/.apiroutes is not a directory. "
        "Make it writable, or set `rate_limit_store`."
    ]


def test_what_is_in_the_way_is_not_said_where_nothing_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    App(project(tmp_path, {"pages/api/x.py": OK, ".apiroutes": "a file"}), cache="memory")
    assert not caplog.records


# -- many at once


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_many_at_once_are_no_more_than_the_limit(tmp_path: Path, store: str) -> None:
    app = limited_app(tmp_path, "'100/hour'", rate_limit_store=store)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.extend(statuses(app, 50))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found.count(200), found.count(429)) == (100, 300)


def test_a_thousand_addresses_have_a_count_each(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'1/hour'")
    addresses = [f"10.0.{number // 250}.{number % 250}" for number in range(1000)]
    assert admitted(app, addresses) == [True] * 1000
    assert admitted(app, addresses[:50]) == [False] * 50


# -- the document


def test_the_document_has_the_refusals_of_limited_operations(tmp_path: Path) -> None:
    files = {
        "pages/api/a.py": "config = {'rateLimit': '1/hour'}\ndef GET(): return 1\n",
        "pages/api/b.py": (
            "from apiroutes import use\nfrom apiroutes.middleware import rate_limit\n"
            "def GET(): return 1\n@use(rate_limit('1/hour'))\ndef POST(): return 1\n"
        ),
    }
    app = App(project(tmp_path, files), openapi_path="/api/openapi.json")
    paths = call(app, target="/api/openapi.json").json()["paths"]
    found = {
        (path, method)
        for path, item in paths.items()
        for method in item
        if "429" in item[method]["responses"]
    }
    assert found == {("/api/a", "get"), ("/api/b", "post")}
    refusal = paths["/api/a"]["get"]["responses"]["429"]
    assert refusal["headers"]["Retry-After"]["schema"] == {"type": "integer", "minimum": 1}
    assert set(refusal["content"]) == {"text/plain", "application/problem+json"}


def test_the_document_has_the_fields_of_limits(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'1/hour'")
    headers = app.openapi()["paths"]["/api/x"]["get"]["responses"]["429"]["headers"]
    assert {name: header["schema"]["type"] for name, header in headers.items()} == {
        "Retry-After": "integer",
        "RateLimit": "string",
        "RateLimit-Policy": "string",
    }


@pytest.mark.parametrize(
    ("options", "settings", "expected"),
    [
        ("", {}, False),
        (", fail='closed'", {}, True),
        ("", {"rate_limit_fail": "closed"}, True),
        (", fail='open'", {"rate_limit_fail": "closed"}, False),
        (", fail='closed', failures_only=True", {}, True),
    ],
)
def test_the_document_has_the_503_of_limits_that_fail_closed(
    tmp_path: Path, options: str, settings: dict[str, Any], expected: bool
) -> None:
    app = limited_app(tmp_path, f"'1/hour'{options}", **settings)
    responses = app.openapi()["paths"]["/api/x"]["get"]["responses"]
    assert ("503" in responses) is expected
    assert not expected or "Retry-After" in responses["503"]["headers"]
