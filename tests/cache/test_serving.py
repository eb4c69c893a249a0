"""What a request gets from the store or its handler, and what Cache-Status says of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, revalidate_path
from tests.cache.route_cases import INTERFACES, KINDS, NOT_HOT, Clock, Routed, get_of, routed, said, ttl_of
from tests.support import Answer, Extra, until

KEY = "Zk3v9QpLr7Xw2Bn5Tc8Hd1Fg4Jm6Ys0A"
both = pytest.mark.parametrize("interface", INTERFACES)


def declaring(**keys: Any) -> str:
    return f"config = {{'cache': {{'revalidate': 60, **{keys!r}}}}}"


# -- which requests the store answers ------------------------------------------------------------

# Headers of a request, whether an answer is stored already, and what Cache-Status says.
REQUESTS: list[tuple[dict[str, str], str, str]] = [
    ({}, "fwd=uri-miss; stored", "hit"),
    ({"Range": "bytes=0-0"}, "fwd=uri-miss; detail=request", "hit"),
    ({"Cache-Control": "no-store"}, "fwd=uri-miss; detail=request", "hit"),
    ({"Cache-Control": "max-age=0, NO-STORE"}, "fwd=uri-miss; detail=request", "hit"),
    ({"Cache-Control": 'no-store, "'}, "fwd=uri-miss; detail=request", "hit"),
    ({"Cache-Control": "no-cache"}, "fwd=uri-miss; stored", "hit"),
    ({"Cache-Control": "max-age=0"}, "fwd=uri-miss; stored", "hit"),
    ({"Cache-Control": "only-if-cached"}, "fwd=uri-miss; stored", "hit"),
    ({"Cache-Control": 'x="no-store"'}, "fwd=uri-miss; stored", "hit"),
    ({"Cache-Control": '"'}, "fwd=uri-miss; stored", "hit"),
    ({"Pragma": "no-cache"}, "fwd=uri-miss; stored", "hit"),
    ({"If-None-Match": '"x"'}, "fwd=uri-miss; stored", "hit"),
    ({"Content-Type": "text/plain"}, "fwd=uri-miss; stored", "hit"),
    ({"Content-Length": "0"}, "fwd=uri-miss; stored", "hit"),
    ({"Authorization": "Basic eDp5"}, "fwd=bypass; detail=authorization", "fwd=bypass; detail=authorization"),
    ({"Authorization": ""}, "fwd=bypass; detail=authorization", "fwd=bypass; detail=authorization"),
    ({"Cookie": "a=b"}, "fwd=bypass; detail=cookie", "fwd=bypass; detail=cookie"),
    ({"Cookie": ""}, "fwd=bypass; detail=cookie", "fwd=bypass; detail=cookie"),
    ({"Cookie": "__prerender_bypass=x"}, "fwd=bypass; detail=cookie", "fwd=bypass; detail=cookie"),
    ({"Cookie": "a=b", "Range": "bytes=0-0"}, "fwd=bypass; detail=cookie", "fwd=bypass; detail=cookie"),
]


@both
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("headers", "missing", "stored"), REQUESTS)
def test_which_requests_the_store_answers(
    tmp_path: Path, headers: dict[str, str], missing: str, stored: str, method: str, interface: str
) -> None:
    app = routed(tmp_path, get_of(), interface)
    answers = [app.get(headers=headers, method=method), app.get(), app.get(headers=headers, method=method)]
    assert [*map(said, answers)] == [
        missing,
        "hit" if "stored" in missing else "fwd=uri-miss; stored",
        stored,
    ]
    assert [answer.status for answer in answers] == [200] * 3


@both
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("reader", ["", "middleware", "a guard"])
def test_a_request_with_content_is_its_handlers(
    tmp_path: Path, method: str, reader: str, interface: str
) -> None:
    """Also when something around the cache has read the content."""
    source = get_of("return [len(seen), req.body]")
    files = {}
    if reader == "middleware":
        files["pages/api/_middleware.py"] = (
            "def middleware(req, res, next):\n    req.body\n    return next()\n"
        )
    if reader == "a guard":
        source += "def read(body: dict[str, int] | None): pass\ndependencies = [Depends(read)]\n"
    app = routed(tmp_path, source, interface, files=files)
    request: dict[str, Any] = {
        "headers": {"Content-Type": "application/json"},
        "body": b'{"a": 1}',
        "method": method,
    }
    answers = [app.get(**request) for _ in range(3)]
    assert [*map(said, answers)] == ["fwd=bypass; detail=body"] * 3
    if method == "GET":
        assert [answer.json() for answer in answers] == [[number, {"a": 1}] for number in (1, 2, 3)]
    if reader != "a guard":  # which refuses a request without content
        assert [*map(said, [app.get(), app.get()])] == ["fwd=uri-miss; stored", "hit"]
        assert said(app.get(**request)) == "fwd=bypass; detail=body"


@both
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"])
def test_other_methods_are_forwarded(tmp_path: Path, method: str, interface: str) -> None:
    app = routed(tmp_path, get_of().replace("def GET", "def handler"), interface)
    answers = [app.get(method=method), app.get(), app.get(method=method)]
    assert [*map(said, answers)] == ["fwd=method", "fwd=uri-miss; stored", "fwd=method"]


def test_cookies_that_are_ignored_change_nothing(tmp_path: Path) -> None:
    app = routed(tmp_path, get_of("return req.cookies", declared=declaring(cookies="ignore")))
    answers = [app.get(headers={"Cookie": cookie}) for cookie in ("a=b", "c=d", "__prerender_bypass=x")]
    assert [*map(said, answers)] == ["fwd=uri-miss; stored", "hit", "hit"]
    assert [answer.json() for answer in answers] == [{}] * 3
    assert [answer.header("Vary") for answer in answers] == [None] * 3


@pytest.mark.parametrize("dynamic", ["force-static", "error"])
def test_a_static_route_is_the_same_for_everybody(tmp_path: Path, dynamic: str) -> None:
    app = routed(tmp_path, get_of("return [len(seen), req.query]", declared=f"dynamic = {dynamic!r}"))
    requests = [{}, {"Cookie": "a=b"}, {"Authorization": "x"}, {"Accept": "x"}]
    answers = [app.get(f"/api/x?n={number}", headers) for number, headers in enumerate(requests)]
    assert [answer.json() for answer in answers] == [[1, {}]] * 4
    shared, own = "s-maxage=31536000", "private, no-cache"
    assert [answer.header("Cache-Control") for answer in answers] == [shared, shared, own, shared]
    assert [*map(said, answers)] == ["fwd=uri-miss; stored", *["hit"] * 3]
    assert [answer.header("Vary") for answer in answers] == [None] * 4


# -- fresh, stale, gone --------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@both
@pytest.mark.parametrize("cache", ["memory", "sqlite"])
def test_an_answer_is_fresh_then_stale_then_gone(
    tmp_path: Path, clock: Clock, cache: str, interface: str
) -> None:
    app = routed(tmp_path, get_of(declared=declaring(stale=30)), interface, cache=cache, **NOT_HOT)
    first = app.get()
    assert (first.header("Age"), said(first)) == (None, "fwd=uri-miss; stored")
    clock.step(58)
    fresh = app.get()
    assert (fresh.json(), fresh.header("Age"), said(fresh)) == ({"n": 1}, "58", "hit")
    assert ttl_of(fresh) in (1, 2)
    clock.step(12)
    stale = app.get()
    assert (stale.json(), stale.header("Age"), said(stale)) == ({"n": 1}, "70", "hit")
    assert ttl_of(stale) in (-10, -11)
    until(lambda: app.get().json() == {"n": 2})
    again = app.get()
    assert (again.header("Age"), len(app.seen)) == ("0", 2)
    clock.step(90)
    gone = app.get()
    assert (gone.json(), said(gone)) == ({"n": 3}, "fwd=uri-miss; stored")


def test_until_it_is_revalidated_an_answer_has_no_end(tmp_path: Path, clock: Clock) -> None:
    app = routed(tmp_path, get_of(declared="revalidate = False"), **NOT_HOT)
    first = app.get()
    clock.step(100_000_000)
    answer = app.get()
    assert answer.json() == {"n": 1}
    assert answer.all("Cache-Status") == ["apiroutes; hit"]
    assert answer.header("Age") == "100000000"
    assert first.header("Cache-Control") == answer.header("Cache-Control") == "s-maxage=31536000"


@pytest.mark.parametrize("control", ["must-revalidate", "proxy-revalidate", "public, MUST-REVALIDATE"])
def test_nothing_stale_is_served_where_the_answer_forbids_it(
    tmp_path: Path, clock: Clock, control: str
) -> None:
    app = routed(
        tmp_path, get_of(f"res.set_header('Cache-Control', {control!r})", "return len(seen)"), **NOT_HOT
    )
    app.get()
    clock.step(59)
    assert said(app.get()) == "hit"
    clock.step(2)
    answer = app.get()
    assert (answer.json(), said(answer)) == (2, "fwd=uri-miss; stored")


@both
def test_a_stale_answer_is_computed_anew_once(tmp_path: Path, clock: Clock, interface: str) -> None:
    app = routed(tmp_path, get_of(), interface, **NOT_HOT)
    app.get()
    clock.step(61)
    assert {app.get().json()["n"] for _ in range(20)} <= {1, 2}
    until(lambda: app.get().json() == {"n": 2})
    assert len(app.seen) == 2


@pytest.mark.parametrize("headers", [{"Range": "bytes=0-0"}, {"Cache-Control": "no-store"}])
def test_a_request_that_stores_nothing_has_nothing_computed_anew(
    tmp_path: Path, clock: Clock, headers: dict[str, str]
) -> None:
    app = routed(tmp_path, get_of(), **NOT_HOT)
    app.get()
    clock.step(61)
    answers = [app.get(headers=headers) for _ in range(2)]
    assert [answer.json() for answer in answers] == [{"n": 1}] * 2
    assert [ttl_of(answer) < 0 for answer in answers] == [True] * 2
    app.get()
    until(partial(app.has_run, 2))


# What middleware does around a stale answer: whatever becomes of the response, it is computed anew.
AROUND = {
    "nothing": "next()",
    "another answer": "next()\n    res.status(202).json({'other': True})",
    "an error after it": "next()\n    raise ApiError(418)",
    "a fault after it": "next()\n    raise ValueError('s3cret')",
    "a header": "next()\n    res.set_header('X-A', 'b')",
    "an answer of its own returned": "next()\n    return json({'other': True})",
    "a hook that fails": "res.before_head(lambda: 1 / 0)\n    next()",
}


@both
@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_stale_answer_is_computed_anew_whatever_is_sent(
    tmp_path: Path, clock: Clock, around: str, method: str, interface: str
) -> None:
    middleware = f"def middleware(req, res, next):\n    {AROUND[around]}\n"
    app = routed(tmp_path, get_of(), interface, files={"pages/api/_middleware.py": middleware}, **NOT_HOT)
    app.get()
    clock.step(61)
    app.get(method=method)
    until(partial(app.has_run, 2))
    clock.step(61)
    app.get(headers={"If-None-Match": "*"})
    until(partial(app.has_run, 3))


@both
@pytest.mark.parametrize(
    "line",
    [
        "res.set_cookie('a', 'b')",
        "return res.status(404).json({'n': 0})",
        "raise ApiError(404)",
        "req.remote_addr",
        "req.user",
        "return iter(['{}'])",
    ],
)
def test_what_is_computed_anew_and_may_not_be_stored_takes_the_old_one_away(
    tmp_path: Path, clock: Clock, line: str, interface: str
) -> None:
    middleware = "def middleware(req, res, next):\n    req.user = 'ada'\n    return next()\n"
    app = routed(
        tmp_path,
        get_of(f"if len(seen) == 2: {line}", "return {'n': len(seen)}"),
        interface,
        files={"pages/api/_middleware.py": middleware},
        **NOT_HOT,
    )
    app.get()
    clock.step(61)
    assert app.get().json() == {"n": 1}
    until(partial(app.has_run, 2))
    answer = app.get()
    assert (answer.json(), "hit" in str(said(answer))) == ({"n": 3}, False)


REFUSALS = {
    "404": "raise ApiError(404)",
    "401": "raise ApiError(401)",
    "410 of werkzeug": "raise werkzeug.exceptions.Gone()",
    "aborted": "werkzeug.exceptions.abort(403)",
    "aborted with a response": "werkzeug.exceptions.abort(werkzeug.Response(status=404))",
}


@both
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_when_it_is_computed_anew_takes_the_old_answer_away(
    tmp_path: Path, clock: Clock, refusal: str, interface: str
) -> None:
    """As without a cache: what is gone is not served any more."""
    source = "import werkzeug\n" + get_of(f"if len(seen) > 1: {REFUSALS[refusal]}", "return 1")
    app = routed(tmp_path, source, interface, **NOT_HOT)
    app.get()
    clock.step(61)
    assert app.get().status == 200
    until(partial(app.has_run, 2))
    answer = app.get()
    assert said(answer) == "fwd=uri-miss; detail=error"
    assert 400 <= answer.status < 500


FAILURES = {
    "raised": "if seen.count('ran') in FAILING: raise ValueError('broken')",
    "503 raised": "if seen.count('ran') in FAILING: raise ApiError(503)",
    "werkzeug's 500": "if seen.count('ran') in FAILING: raise werkzeug.exceptions.InternalServerError()",
    "aborted": "if seen.count('ran') in FAILING: werkzeug.exceptions.abort(werkzeug.Response(status=502))",
    "500": "if seen.count('ran') in FAILING: return res.status(500).json({'n': 0})",
    "503": "if seen.count('ran') in FAILING: return res.status(503).json({'n': 0})",
}


@both
@pytest.mark.parametrize("failure", FAILURES)
def test_after_a_failure_the_old_answer_is_served_and_it_is_tried_again_later(
    tmp_path: Path, clock: Clock, failure: str, interface: str
) -> None:
    source = get_of(FAILURES[failure], "return {'n': len(seen)}", declared=declaring(stale=600))
    app = routed(tmp_path, source + "import werkzeug\nFAILING = range(2, 9)\n", interface, **NOT_HOT)
    app.get()
    clock.step(61)
    for number, pause in enumerate([1, 2, 4, 8, 16, 30, 30]):
        assert app.get().json() == {"n": 1}
        until(partial(app.has_run, number + 2))
        clock.step(pause - 0.5)
        assert app.get().json() == {"n": 1}
        assert app.has_run(number + 2)
        clock.step(0.6)
    assert app.get().json() == {"n": 1}
    until(lambda: app.get().json() == {"n": 9})


def test_past_stale_the_client_gets_the_error(tmp_path: Path, clock: Clock) -> None:
    source = get_of(
        "if len(seen) > 1: raise ApiError(503, 'broken')", "return 1", declared=declaring(stale=10)
    )
    app = routed(tmp_path, source, **NOT_HOT)
    app.get()
    clock.step(65)
    assert app.get().status == 200
    until(partial(app.has_run, 2))
    clock.step(6)
    answer = app.get()
    assert (answer.status, said(answer)) == (503, "fwd=uri-miss; detail=error")


@both
def test_what_is_revalidated_as_stale_is_served_with_no_cache(
    tmp_path: Path, clock: Clock, interface: str
) -> None:
    lines = ("res.set_header('Cache-Control', 'public, max-age=50')", "return {'n': len(seen)}")
    for own in ((), lines):
        app = routed(tmp_path / str(len(own)), get_of(*own), interface)
        app.get()
        revalidate_path("/api/x", mode="stale")
        answer = app.get()
        assert (answer.json(), answer.header("Cache-Control")) == ({"n": 1}, "no-cache")
        assert ttl_of(answer) < 0
        until(partial(app.has_run, 2))
        assert app.get().json() == {"n": 2}
        assert app.get().header("Cache-Control") != "no-cache"


# -- the background computation ------------------------------------------------------------------


@both
@pytest.mark.parametrize("kind", KINDS)
def test_a_recomputation_has_nothing_of_the_request(
    tmp_path: Path, clock: Clock, kind: str, interface: str
) -> None:
    middleware = (
        "user = contextvars.ContextVar('user', default='nobody')\n"
        "def middleware(req, res, next):\n"
        "    user.set(req.headers['X-User'])\n    seen.append('middleware')\n    return next()\n"
    )
    source = get_of(
        "from sys import modules",
        "(variable,) = [v for v in contextvars.copy_context() if v.name == 'user'] or [None]",
        "shown = None if variable is None else variable.get()",
        "host = req.headers['Host']",
        "return [len(seen), shown, req.method, req.params, req.route_pattern, req.query, host]",
        kind=kind,
    )
    app = routed(tmp_path, source, interface, files={"pages/api/_middleware.py": middleware}, **NOT_HOT)
    shown = [None, "GET", {}, "/api/x", {"a": "1"}, "localhost"]
    assert app.get("/api/x?a=1", {"X-User": "ada"}).json() == [1, *shown]
    clock.step(61)
    app.get("/api/x?a=1", {"X-User": "ben"}, method="HEAD")
    until(lambda: app.get("/api/x?a=1", {"X-User": "cy"}).json() == [2, *shown])


@both
def test_work_after_a_recomputation_is_done(tmp_path: Path, clock: Clock, interface: str) -> None:
    source = get_of("after(lambda: seen.append('after'))", "return 1")
    app = routed(tmp_path, source, interface, **NOT_HOT)
    app.get()
    until(lambda: app.seen == ["ran", "after"])
    clock.step(61)
    app.get()
    until(lambda: app.seen == ["ran", "after"] * 2)


@both
@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_recomputation_is_logged_once_with_its_route(
    tmp_path: Path, clock: Clock, kind: str, interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ("if len(seen) == 2: raise ValueError('broken')", "return len(seen)")
    app = routed(tmp_path, get_of(*lines, kind=kind), interface, **NOT_HOT)
    app.get()
    clock.step(61)
    app.get()
    until(partial(app.has_run, 2))
    until(lambda: "broken" in caplog.text)
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "/api/x" in record.getMessage()
    assert "failed to recompute its stored answer" in record.getMessage()


# -- headers of hits -----------------------------------------------------------------------------

OWN_HEADERS = {
    "none": (),
    "its own Cache-Control": ("res.set_header('Cache-Control', 'public, max-age=30')",),
    "a Vary of its own": ("res.set_header('Vary', 'Accept-Encoding')",),
    "an ETag of its own": ("res.set_header('ETag', '\"own\"')",),
    "headers several times": ("res.append_header('Link', '<a>')", "res.append_header('Link', '<b>')"),
    "a Cache-Status": ("res.set_header('Cache-Status', 'origin; hit')",),
    "a type": ("res.set_header('Content-Type', 'text/csv')",),
    "203": ("res.status(203)",),
}


@both
@pytest.mark.parametrize("kind", ["json", "text", "bytes"])
@pytest.mark.parametrize("name", OWN_HEADERS)
def test_a_hit_has_the_headers_of_the_miss(tmp_path: Path, name: str, kind: str, interface: str) -> None:
    result = {"json": "{'a': 1}", "text": "'a'", "bytes": "b'a'"}[kind]
    app = routed(tmp_path, get_of(*OWN_HEADERS[name], f"return {result}"), interface)
    first, *others = answers = [app.get(), app.get(), app.get(method="HEAD"), app.get()]
    assert len({answer.status for answer in answers}) == 1
    assert [answer.header("Age") for answer in answers] == [None, "0", "0", "0"]
    for answer in others:
        assert without_ours(answer) == without_ours(first)
    assert [answer.body for answer in answers] == [first.body, first.body, b"", first.body]
    assert all("Cookie" in str(answer.header("Vary")) for answer in answers)


def without_ours(answer: Answer) -> list[tuple[str, str]]:
    return sorted((n, v) for n, v in answer.headers if n not in ("Age", "Cache-Status", "Date"))


@both
def test_a_conditional_request_is_answered_from_the_store(tmp_path: Path, interface: str) -> None:
    app = routed(tmp_path, get_of(), interface)
    tag = app.get().header("ETag")
    assert tag
    for headers in ({"If-None-Match": tag}, {"If-None-Match": f'W/{tag}, "other"'}, {"If-None-Match": "*"}):
        for method in ("GET", "HEAD"):
            answer = app.get(headers=headers, method=method)
            assert (answer.status, answer.body, said(answer)) == (304, b"", "hit")
            names = {name for name, _ in answer.headers}
            assert {"Cache-Control", "ETag", "Vary", "Age", "Cache-Status"} <= names
    assert app.get(headers={"If-None-Match": '"other"'}).status == 200
    assert len(app.seen) == 1


def test_the_first_request_may_be_conditional(tmp_path: Path) -> None:
    tag = routed(tmp_path / "a", get_of("return 1")).get().header("ETag")
    app = routed(tmp_path / "b", get_of("return 1"))
    answers = [app.get(headers={"If-None-Match": str(tag)}), app.get()]
    assert [answer.status for answer in answers] == [304, 200]
    assert [*map(said, answers)] == ["fwd=uri-miss; stored", "hit"]


@pytest.mark.parametrize(
    "lines", [("return res.status(304).end()",), ("raise ApiError(404)",), ("return iter('a')",)]
)
def test_an_answer_that_is_not_stored_gets_no_cache_control(tmp_path: Path, lines: tuple[str, ...]) -> None:
    app = routed(tmp_path, get_of(*lines))
    assert app.get().header("Cache-Control") in (None, "no-store")


def test_a_bypassed_answer_is_for_its_client_alone(tmp_path: Path) -> None:
    app = routed(tmp_path, get_of())
    own = routed(tmp_path / "own", get_of("res.set_header('Cache-Control', 'public')", "return 1"))
    cookie = {"Cookie": "a=b"}
    assert app.get(headers=cookie).header("Cache-Control") == "private, no-cache"
    assert own.get(headers=cookie).header("Cache-Control") == "public"


# -- settings ------------------------------------------------------------------------------------


@both
def test_cache_status_can_be_off(tmp_path: Path, interface: str) -> None:
    source = get_of("if 'fail' in req.query: raise ApiError(404)", "return 1") + "def POST(): return 1\n"
    app = routed(tmp_path, source, interface, cache_status=False)
    answers = [
        *(app.get(), app.get(), app.get(headers={"Cookie": "a=b"}), app.get(method="POST")),
        *(app.get("/api/x?fail"), app.get(headers={"Range": "bytes=0-0"})),
    ]
    assert [answer.all("Cache-Status") for answer in answers] == [[]] * 6
    assert answers[1].header("Age") == "0"


@both
def test_without_a_cache_every_request_computes(tmp_path: Path, interface: str) -> None:
    app = routed(tmp_path, get_of(), interface, cache="none")
    answers = [app.get(), app.get()]
    assert [answer.json()["n"] for answer in answers] == [1, 2]
    assert "s-maxage" not in str(answers[0].header("Cache-Control"))
    assert ["stored" in str(said(answer)) for answer in answers] == [False] * 2


@pytest.mark.parametrize("declared", ["", "revalidate = 0", "dynamic = 'force-dynamic'"])
def test_a_route_without_a_cache_says_nothing_of_one(tmp_path: Path, declared: str) -> None:
    app = routed(tmp_path, get_of(declared=declared))
    names = {name for answer in (app.get(), app.get()) for name, _ in answer.headers}
    assert not names & {"Cache-Control", "Cache-Status", "Age", "Vary"}
    assert len(app.seen) == 2


def test_both_interfaces_share_what_is_stored(tmp_path: Path) -> None:
    app = routed(tmp_path, get_of())
    other = Routed(app.app, "asgi")
    assert [*map(said, [app.get(), other.get(), other.get(), app.get()])] == [
        "fwd=uri-miss; stored",
        *["hit"] * 3,
    ]


def test_hits_are_found_without_a_host_too(tmp_path: Path) -> None:
    app = routed(tmp_path, get_of())
    answers = [app.get(**Extra({"HTTP_HOST": None})) for _ in range(3)]
    assert [*map(said, answers)] == ["fwd=uri-miss; stored", "hit", "hit"]


def test_an_app_that_ends_needs_no_cache(tmp_path: Path) -> None:
    app = App(routed(tmp_path, get_of()).app.root, cache="memory")
    assert Routed(app).get().status == 200
