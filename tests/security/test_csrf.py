"""csrf(): which requests of which pages pass."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.development.explainer import PageExplainer
from apiroutes.middleware import cors, csrf, proxy_fix
from tests.support import app_of, call

HANDLER = "def handler(req, res):\n    return {'done': req.method}\n"

Headers = list[tuple[str, str]]

REMEDY = (
    "To let its pages send this, write csrf(trusted=['https://app.example.com']), "
    "or allow the origin in cors(..., credentials=True)."
)


@pytest.fixture
def app(tmp_path: Path) -> App:
    return app_of(tmp_path, HANDLER, middleware=[csrf(trusted=["https://Trusted.example:443"])])


def status(app: App, method: str = "POST", host: str | None = "example.com", **headers: str) -> int:
    sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return call(app, method, headers=sent, HTTP_HOST=host).status


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_pass(app: App, method: str) -> None:
    assert status(app, method, Sec_Fetch_Site="cross-site", Origin="https://evil.example") == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_all_other_methods_are_refused(app: App, method: str) -> None:
    assert status(app, method, Sec_Fetch_Site="cross-site") == 403
    assert status(app, method) == 200


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ("same-origin", 200),
        ("none", 200),
        ("same-site", 403),
        ("cross-site", 403),
        ("", 403),
        ("Same-Origin", 403),
        ("same-origin,same-origin", 403),
        ("same-origin, cross-site", 403),
        ('"same-origin"', 403),
        ("same-origin ", 403),
        ("something-new", 403),
    ],
)
def test_the_browser_says_where_a_request_comes_from(app: App, site: str, expected: int) -> None:
    assert status(app, Sec_Fetch_Site=site) == expected
    # Whatever the origin is, unless it is trusted.
    assert status(app, Sec_Fetch_Site=site, Origin="https://example.com") == expected
    assert status(app, Sec_Fetch_Site=site, Origin="https://trusted.example") == 200


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("https://example.com", "example.com", 200),
        ("http://example.com", "example.com", 200),
        ("https://example.com", "EXAMPLE.COM:443", 200),
        ("https://example.com:8443", "example.com:8443", 200),
        ("https://example.com:8443", "example.com", 403),
        ("https://other.example", "example.com", 403),
        ("null", "example.com", 403),
        ("", "example.com", 403),
        ("https://example.com", None, 403),
        ("https://trusted.example", "example.com", 200),
        ("HTTPS://TRUSTED.example:443", "example.com", 200),
        ("http://trusted.example", "example.com", 403),
        ("https://trusted.example:8443", "example.com", 403),
        ("https://trusted.example", None, 200),
    ],
)
def test_without_that_the_origin_is_that_of_the_host(
    app: App, origin: str, host: str | None, expected: int
) -> None:
    assert status(app, host=host, Origin=origin) == expected


def test_programs_send_neither_header_and_pass(app: App) -> None:
    assert status(app) == 200
    assert status(app, host=None) == 200


def test_a_refusal_is_a_problem_for_those_who_prefer_json(app: App) -> None:
    answer = call(app, "POST", headers=[("Sec-Fetch-Site", "cross-site"), ("Accept", "application/json")])
    assert answer.status == 403
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.json()["detail"] == "Cross-origin request refused"


def test_a_refusal_without_a_preference_is_text(app: App) -> None:
    assert (
        call(app, "POST", headers=[("Sec-Fetch-Site", "cross-site")]).text == "Cross-origin request refused"
    )


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ([("Sec-Fetch-Site", "same-site")], "Sec-Fetch-Site is 'same-site', Origin missing"),
        ([("Origin", "null")], "Origin is 'null', Host 'localhost'"),
        ([("Origin", "https://a\x1b[31m\nx")], r"Origin is 'https://a\x1b[31m\nx', Host 'localhost'"),
        ([("Sec-Fetch-Site", "x" * 9000)], f"Sec-Fetch-Site is {'x' * 200!r}, Origin missing"),
        (
            [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://app.example.com")],
            "Sec-Fetch-Site is 'cross-site', Origin 'https://app.example.com'. " + REMEDY,
        ),
        (
            [("Origin", "HTTPS://app.example.com:443")],
            "Origin is 'HTTPS://app.example.com:443', Host 'localhost'. " + REMEDY,
        ),
        ([("Origin", f"https://{'a' * 300}.example")], f"Origin is 'https://{'a' * 192}', Host 'localhost'"),
    ],
)
def test_the_log_says_which_header_decided(
    app: App, caplog: pytest.LogCaptureFixture, headers: Headers, told: str
) -> None:
    with caplog.at_level(logging.INFO, "apiroutes"):
        call(app, "POST", headers=headers)
    assert [(r.levelname, r.getMessage()) for r in caplog.records if "cross-origin" in r.getMessage()] == [
        ("INFO", f"A cross-origin POST was refused with 403: {told}")
    ]


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        (
            [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://app.example.com")],
            f"Cross-origin request refused. {REMEDY}",
        ),
        ([("Sec-Fetch-Site", "cross-site")], "Cross-origin request refused"),
        ([("Origin", "null")], "Cross-origin request refused"),
    ],
)
def test_development_says_how_to_trust_an_origin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headers: Headers, text: str
) -> None:
    monkeypatch.setattr(App, "make_explainer", PageExplainer)
    app = app_of(tmp_path, HANDLER, middleware=[csrf()])
    assert call(app, "POST", headers=headers).text == text
    as_json = call(app, "POST", headers=[*headers, ("Accept", "application/json")])
    assert (as_json.status, as_json.json()["detail"]) == (403, text)


def test_no_answer_depends_on_the_headers_that_a_cache_would_not_know(app: App) -> None:
    answers = [call(app, headers=[("Sec-Fetch-Site", site)]) for site in ("same-origin", "cross-site")]
    assert [(a.status, a.body, a.header("Vary")) for a in answers] == [(200, b'{"done":"GET"}', None)] * 2


def test_the_host_is_that_of_a_trusted_proxy(tmp_path: Path) -> None:
    steps = [proxy_fix(x_host=1), csrf()]
    app = app_of(tmp_path, HANDLER, middleware=steps)
    headers = {"Origin": "https://example.com", "X_Forwarded_Host": "example.com"}
    assert status(app, host="backend:8000", **headers) == 200


def test_the_host_of_an_unknown_proxy_is_ignored(app: App) -> None:
    headers = {"Origin": "https://evil.example", "X_Forwarded_Host": "evil.example"}
    assert status(app, **headers) == 403


@pytest.mark.parametrize("steps", ["csrf-first", "cors-first"])
def test_origins_that_cors_lets_send_cookies_are_trusted(tmp_path: Path, steps: str) -> None:
    both = [csrf(), cors(["https://app.example"], credentials=True)]
    app = app_of(tmp_path, HANDLER, middleware=both if steps == "csrf-first" else both[::-1])
    assert status(app, Sec_Fetch_Site="cross-site", Origin="https://app.example") == 200
    assert status(app, Sec_Fetch_Site="cross-site", Origin="https://other.example") == 403


def test_origins_that_cors_lets_read_without_cookies_are_not(tmp_path: Path) -> None:
    app = app_of(tmp_path, HANDLER, middleware=[csrf(), cors(["https://app.example"])])
    assert status(app, Sec_Fetch_Site="cross-site", Origin="https://app.example") == 403


def test_an_async_handler_is_protected_as_well(tmp_path: Path) -> None:
    app = app_of(tmp_path, "async def POST(): return 'done'", middleware=[csrf()])
    assert [status(app, Sec_Fetch_Site=site) for site in ("same-origin", "cross-site")] == [200, 403]


@pytest.mark.parametrize(
    ("trusted", "message"),
    [
        ("https://app.example.com", "write csrf(trusted=['https://app.example.com'])"),
        (["app.example.com"], "'app.example.com' is not an origin. Write it as 'https://app.example.com'"),
        (["https://app.example.com/"], "Write it as 'https://app.example.com'"),
        (["https://me@app.example.com"], "Write it as 'https://app.example.com'"),
        (["localhost:3000"], "Write it as 'https://localhost:3000'"),
        (["null"], "'null' is not an origin. Write it as 'https://app.example.com'"),
        (["*"], "'*' is not an origin. Write it as 'https://app.example.com'"),
        (["https://*.example.com"], "'https://*.example.com' is not an origin."),
        ([None], "None is not an origin. Write it as 'https://app.example.com'"),
    ],
)
def test_what_is_trusted_is_checked_at_start(trusted: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        csrf(trusted=trusted)
