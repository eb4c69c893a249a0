"""The middleware that comes with the framework."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from apiroutes import App
from apiroutes.middleware import (
    access_log,
    cors,
    from_wsgi,
    proxy_fix,
    request_id,
    security_headers,
    trusted_hosts,
)
from tests.support import Answer, Extra, call, environ, project

SHOW = """
def GET(req, res):
    res.set_header("X-Id", str(req.context.get("request_id")))
    return [req.scheme, req.host, req.remote_addr]
def POST(): raise RuntimeError
def PUT(): from apiroutes import ApiError; raise ApiError(409, "no")
"""


def answered(root: Path, middleware: Callable[..., Any], *more: Any, **request: Any) -> Answer:
    app = App(project(root, {"pages/api/x.py": SHOW}), middleware=[middleware, *more])
    return call(app, **request)


# -- cors

ORIGIN = "https://example.com"
PREFLIGHT = [("Origin", ORIGIN), ("Access-Control-Request-Method", "PUT")]
ALLOW = "Access-Control-Allow-Origin"

ORIGINS = [
    ({"origins": "*"}, ORIGIN, "*", None),
    ({"origins": "*"}, None, None, None),
    ({"origins": [ORIGIN]}, ORIGIN, ORIGIN, "Origin"),
    ({"origins": [ORIGIN]}, "https://evil.example", None, "Origin"),
    ({"origins": [ORIGIN]}, "null", None, "Origin"),
    ({"origins": [ORIGIN]}, None, None, "Origin"),
    ({"origins": ["http://localhost:3000", ORIGIN], "credentials": True}, ORIGIN, ORIGIN, "Origin"),
]


@pytest.mark.parametrize(("options", "origin", "allowed", "vary"), ORIGINS)
def test_an_allowed_origin_may_read(
    tmp_path: Path, options: dict[str, Any], origin: str | None, allowed: str | None, vary: str | None
) -> None:
    answer = answered(tmp_path, cors(**options), HTTP_ORIGIN=origin)
    assert (answer.status, answer.header(ALLOW), answer.header("Vary")) == (200, allowed, vary)


def test_credentials_are_allowed_by_name_alone(tmp_path: Path) -> None:
    answer = answered(tmp_path, cors([ORIGIN], credentials=True), HTTP_ORIGIN=ORIGIN)
    assert answer.header("Access-Control-Allow-Credentials") == "true"


def test_a_preflight_is_answered_before_the_handler(tmp_path: Path) -> None:
    headers = [*PREFLIGHT, ("Access-Control-Request-Headers", "x-a, content-type")]
    answer = answered(tmp_path, cors([ORIGIN], max_age=5), method="OPTIONS", headers=headers)
    assert (answer.status, answer.body, answer.header("Allow")) == (204, b"", None)
    assert answer.header("Access-Control-Allow-Methods") == "GET, HEAD, POST, PUT, PATCH, DELETE"
    assert answer.header("Access-Control-Allow-Headers") == "x-a, content-type"
    assert answer.header("Access-Control-Max-Age") == "5"
    assert answer.header("Vary") == "Origin, Access-Control-Request-Headers"


def test_named_headers_are_allowed_and_exposed(tmp_path: Path) -> None:
    middleware = cors("*", allow_headers=["X-A"], expose_headers=["X-B", "X-C"])
    preflight = answered(tmp_path, middleware, method="OPTIONS", headers=PREFLIGHT)
    assert preflight.header("Access-Control-Allow-Headers") == "X-A"
    answer = answered(tmp_path, middleware, HTTP_ORIGIN=ORIGIN)
    assert answer.header("Access-Control-Expose-Headers") == "X-B, X-C"


@pytest.mark.parametrize(
    "headers", [[("Origin", ORIGIN)], [("Origin", "https://evil.example"), PREFLIGHT[1]]]
)
def test_what_is_no_preflight_of_an_allowed_origin_goes_on(
    tmp_path: Path, headers: list[tuple[str, str]]
) -> None:
    answer = answered(tmp_path, cors([ORIGIN]), method="OPTIONS", headers=headers)
    assert answer.header("Allow") == "GET, HEAD, OPTIONS, POST, PUT"


def test_a_fault_can_be_read_too(tmp_path: Path) -> None:
    answer = answered(tmp_path, cors([ORIGIN]), method="POST", HTTP_ORIGIN=ORIGIN)
    assert (answer.status, answer.header(ALLOW)) == (500, ORIGIN)


def test_vary_adds_up(tmp_path: Path) -> None:
    def vary(req: Any, res: Any, next: Any) -> None:
        res.set_header("Vary", ["Accept", "Cookie"])
        next()

    assert answered(tmp_path, vary, cors([ORIGIN])).all("Vary") == ["Accept, Cookie, Origin"]


def test_vary_is_compared_by_whole_members(tmp_path: Path) -> None:
    def vary(req: Any, res: Any, next: Any) -> None:
        res.set_header("Vary", "X-Original-Host")
        next()

    assert answered(tmp_path, vary, cors([ORIGIN])).all("Vary") == ["X-Original-Host, Origin"]


@pytest.mark.parametrize("present", ["origin", "Accept,ORIGIN", "Accept ,\torigin , Cookie"])
def test_vary_is_added_once_in_any_letter_case(tmp_path: Path, present: str) -> None:
    def vary(req: Any, res: Any, next: Any) -> None:
        res.set_header("Vary", present)
        next()

    (line,) = answered(tmp_path, vary, cors([ORIGIN])).all("Vary")
    assert line.lower().count("origin") == 1


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("x-a,x-b", "x-a, x-b"),
        ("x-a\x01, x-b", "x-b"),
        ("x-\x0ba, x-b", "x-b"),
        ("x-a\x7f", None),
        ("x-\xe9, x-b", "x-b"),
        ("x a, x-b", "x-b"),
        (", ,", None),
        ("x-a\r\nSet-Cookie: a=b, x-b", "x-b"),
    ],
)
def test_a_preflight_is_told_of_tokens_alone(tmp_path: Path, asked: str, allowed: str | None) -> None:
    environ = Extra({"HTTP_ACCESS_CONTROL_REQUEST_HEADERS": asked})
    answer = answered(tmp_path, cors("*"), method="OPTIONS", headers=PREFLIGHT, **environ)
    assert (answer.status, answer.header("Access-Control-Allow-Headers")) == (204, allowed)


@pytest.mark.parametrize("method", ["PUT\x01", "\x7f", "\xe9", ""])
def test_a_preflight_for_any_method_is_answered(tmp_path: Path, method: str) -> None:
    environ = Extra({"HTTP_ACCESS_CONTROL_REQUEST_METHOD": method})
    answer = answered(tmp_path, cors("*"), method="OPTIONS", HTTP_ORIGIN=ORIGIN, **environ)
    assert answer.status == 204


@pytest.mark.parametrize(
    ("origins", "credentials"),
    [
        ("*", True),
        (["*"], True),
        (ORIGIN, False),
        ([f"{ORIGIN}/"], False),
        (["example.com"], False),
        (["*", "x"], False),
    ],
)
def test_origins_that_browsers_would_refuse_are_mistakes(origins: Any, credentials: bool) -> None:
    with pytest.raises(ValueError, match="origin"):
        cors(origins, credentials=credentials)


# -- request_id

TRACE = "0af7651916cd43dd8448eb211c80319c"
IDS = [
    ([], r"[0-9a-f]{32}"),
    ([("X-Request-ID", "abc-1.2_3")], r"abc-1\.2_3"),
    ([("X-Request-ID", "a b")], r"[0-9a-f]{32}"),
    ([("X-Request-ID", "a" * 129)], r"[0-9a-f]{32}"),
    ([("Traceparent", f"00-{TRACE}-b7ad6b7169203331-01")], TRACE),
    ([("Traceparent", f"00-{TRACE}-b7ad6b7169203331-01"), ("X-Request-ID", "x")], TRACE),
    ([("Traceparent", f"00-{'0' * 32}-b7ad6b7169203331-01")], r"(?!0{32})[0-9a-f]{32}"),
    ([("Traceparent", f"ff-{TRACE}-b7ad6b7169203331-01")], rf"(?!{TRACE})[0-9a-f]{{32}}"),
]


@pytest.mark.parametrize(("headers", "pattern"), IDS)
def test_a_request_has_an_id(tmp_path: Path, headers: list[tuple[str, str]], pattern: str) -> None:
    answer = answered(tmp_path, request_id(), headers=headers)
    identifier = answer.header("X-Request-ID")
    assert identifier is not None
    assert re.fullmatch(pattern, identifier)
    assert answer.header("X-Id") == identifier


def test_a_client_need_not_be_trusted(tmp_path: Path) -> None:
    answer = answered(tmp_path, request_id("X-Trace", trust_client=False), headers=[("X-Trace", "mine")])
    assert answer.header("X-Trace") not in (None, "mine")


# -- access_log


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="apiroutes.access")
    return caplog


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 500), ("PUT", 409), ("PATCH", 405)])
def test_a_request_is_a_line_of_json(
    tmp_path: Path, log: pytest.LogCaptureFixture, method: str, status: int
) -> None:
    headers = [("Cookie", "s3cret=1"), ("Authorization", "s3cret"), ("X-Request-ID", "r1")]
    answered(
        tmp_path,
        request_id(),
        access_log(format="json"),
        method=method,
        target="/api/x?s3cret",
        headers=headers,
    )
    (line,) = [record.getMessage() for record in log.records if record.name == "apiroutes.access"]
    record = json.loads(line)
    assert isinstance(record.pop("ms"), float)
    assert record == {
        "method": method,
        "route": "/api/x",
        "path": "/api/x",
        "status": status,
        "client": "127.0.0.1",
        "request_id": "r1",
    }


def test_a_line_of_text_cannot_be_forged(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    answered(tmp_path, access_log(), target="/api/a%E2%80%A8status=200%20x")
    (line,) = log.messages
    assert line.isprintable()
    assert "path=/api/a\\u2028status=200%20x " in line


def test_a_format_that_is_none_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="'text' or 'json'"):
        access_log(format="xml")


# -- security_headers, trusted_hosts, proxy_fix


def test_security_headers_are_set_and_can_be_changed(tmp_path: Path) -> None:
    answer = answered(tmp_path, security_headers({"x-frame-options": None, "Referrer-Policy": "origin"}))
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert (answer.header("X-Frame-Options"), answer.header("Referrer-Policy")) == (None, "origin")


@pytest.mark.parametrize(("scheme", "sent"), [("https", "max-age=60; includeSubDomains"), ("http", None)])
def test_hsts_is_sent_over_https_alone(tmp_path: Path, scheme: str, sent: str | None) -> None:
    answer = answered(tmp_path, security_headers(hsts=60), **{"wsgi.url_scheme": scheme})
    assert answer.header("Strict-Transport-Security") == sent


def test_a_security_header_that_is_none_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="X-A"):
        security_headers({"X-A": "a\nb"})


HOSTS = [
    ("example.com", 200),
    ("example.com:8080", 200),
    ("api.example.org", 200),
    ("example.org", 200),
    ("evil.com", 400),
    ("example.com.evil.com", 400),
    ("", 400),
]


@pytest.mark.parametrize(("host", "status"), HOSTS)
def test_only_trusted_hosts_are_served(tmp_path: Path, host: str, status: int) -> None:
    answer = answered(tmp_path, trusted_hosts(["example.com", ".example.org"]), HTTP_HOST=host)
    assert answer.status == status


SPELLINGS = [
    ("example.com", "EXAMPLE.com", 200),
    ("EXAMPLE.com", "example.com:8080", 200),
    ("example.com", "example.com.", 200),
    ("example.com:8000", "example.com:9000", 200),
    (".Example.org", "API.EXAMPLE.ORG", 200),
    (".example.org", "notexample.org", 400),
    ("bücher.example", "xn--bcher-kva.example", 200),
    ("BÜCHER.example", "XN--BCHER-KVA.example", 200),
    ("straße.example", "xn--strae-oqa.example", 200),
    ("straße.example", "strasse.example", 400),
    (".bücher.example", "a.xn--bcher-kva.example", 200),
    ("bücher.example", "b\xfccher.example", 400),
    ("::1", "[::1]", 200),
    ("[::1]", "[0:0:0:0:0:0:0:1]:8000", 200),
    ("[::1]:8000", "[::1]", 200),
    ("[::1]", "[::2]", 400),
    ("[2001:DB8::1]", "[2001:db8::1]", 200),
    ("127.0.0.1", "127.0.0.1:80", 200),
    ("127.0.0.1", "127.1", 400),
    ("my_service", "my_service:8000", 200),
    ("example.com", "example.com:", 400),
    ("example.com", "example.com:0", 400),
    ("example.com", "example.com:65536", 400),
    ("example.com", "example.com:80:80", 400),
    ("example.com", "example.com,evil.com", 400),
    ("example.com", "user@example.com", 400),
    ("example.com", "example.com/", 400),
    ("example.com", "[example.com]", 400),
    ("example.com", " example.com", 400),
]


@pytest.mark.parametrize(("listed", "sent", "status"), SPELLINGS)
def test_a_host_is_the_same_in_every_spelling(tmp_path: Path, listed: str, sent: str, status: int) -> None:
    assert answered(tmp_path, trusted_hosts([listed]), HTTP_HOST=sent).status == status


@pytest.mark.parametrize(("server", "status"), [("Example.com", 200), ("evil.com", 400)])
def test_without_a_host_the_servers_own_counts(tmp_path: Path, server: str, status: int) -> None:
    environ = Extra({"HTTP_HOST": None, "SERVER_NAME": server, "SERVER_PROTOCOL": "HTTP/1.0"})
    assert answered(tmp_path, trusted_hosts(["example.com"]), **environ).status == status


@pytest.mark.parametrize("host", ["", ".", "*.example.com", "https://example.com", "a b", "example.com/"])
def test_what_is_no_host_is_a_mistake(host: str) -> None:
    with pytest.raises(ValueError, match="not a host name"):
        trusted_hosts([host])


@pytest.mark.parametrize("hosts", ["example.com", []])
def test_hosts_are_a_list(hosts: Any) -> None:
    with pytest.raises(ValueError, match="list of host names"):
        trusted_hosts(hosts)


FORWARDED = [
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "public.example"),
]


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        (None, ["http", "localhost", "127.0.0.1"]),
        ({}, ["https", "localhost", "203.0.113.9"]),
        ({"x_host": 1}, ["https", "public.example", "203.0.113.9"]),
    ],
)
def test_a_proxy_is_believed_when_it_is_said_to_be_there(
    tmp_path: Path, options: dict[str, int] | None, seen: list[str]
) -> None:
    middleware = [] if options is None else [proxy_fix(**options)]
    app = App(project(tmp_path, {"pages/api/x.py": SHOW}), middleware=middleware)
    assert call(app, headers=FORWARDED).json() == seen


URL = "def GET(req, params): return [req.url, params.get('id')]\n"
PREFIXES = [
    ({}, "/v1", "", ""),
    ({"x_prefix": 1}, "/v1", "", "/v1"),
    ({"x_prefix": 1}, "/v1/", "", "/v1"),
    ({"x_prefix": 1}, "v1", "", "/v1"),
    ({"x_prefix": 1}, "//evil.example", "", "/evil.example"),
    ({"x_prefix": 1}, "/", "", ""),
    ({"x_prefix": 1}, "", "", ""),
    ({"x_prefix": 1}, "/mine, /v1", "", "/v1"),
    ({"x_prefix": 2}, "/a, /b", "", "/a"),
    ({"x_prefix": 2}, "/b", "", ""),
    ({"x_prefix": 1}, "/v1", "/mount", "/v1/mount"),
]


@pytest.mark.parametrize(("options", "sent", "mount", "seen"), PREFIXES)
def test_a_prefix_that_a_proxy_removed_is_in_urls(
    tmp_path: Path, options: dict[str, int], sent: str, mount: str, seen: str
) -> None:
    app = App(project(tmp_path, {"pages/api/[id].py": URL}), middleware=[proxy_fix(**options)])
    environ = Extra({"SCRIPT_NAME": mount, "RAW_URI": f"{mount}/api/a%2Fb"})
    answer = call(app, target="/api/a%2Fb", headers=[("X-Forwarded-Prefix", sent)], **environ)
    url, identifier = answer.json()
    assert url.startswith(f"http://localhost{seen}/api/a")
    assert identifier == "a/b"


def test_a_redirect_has_the_prefix_that_a_proxy_removed(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/hello.py": URL}), middleware=[proxy_fix(x_prefix=1)])
    answer = call(app, target="/api/hello/?a=1", headers=[("X-Forwarded-Prefix", "/v1")])
    assert (answer.status, answer.header("Location")) == (308, "/v1/api/hello?a=1")


@pytest.mark.parametrize(
    ("target", "status", "said"),
    [
        ("/api/a%2Fb", 200, ["http://localhost/v1/api/a/b", "a/b"]),
        ("/api/a?x=1", 200, ["http://localhost/v1/api/a?x=1", "a"]),
        ("/api/a%", 400, None),
        ("/api/a/", 308, None),
        ("/v1/api/a", 404, None),
    ],
)
def test_a_prefix_that_a_wrapper_put_there_leaves_the_target_as_it_was_sent(
    tmp_path: Path, target: str, status: int, said: Any
) -> None:
    app = ProxyFix(App(project(tmp_path, {"pages/api/[id].py": URL})), x_prefix=1)
    answer = call(app, target=target, headers=[("X-Forwarded-Prefix", "/v1")])
    assert answer.status == status
    assert said is None or answer.json() == said
    assert status != 308 or answer.header("Location") == "/v1/api/a"


def test_what_was_seen_before_the_proxy_was_believed_is_seen_anew(tmp_path: Path) -> None:
    def look(req: Any, res: Any, next: Any) -> None:
        assert req.remote_addr == "127.0.0.1"
        next()

    assert answered(tmp_path, look, proxy_fix(), headers=FORWARDED).json()[2] == "203.0.113.9"


# -- whatever becomes of the answer inside

ENDS = {
    "json": ("res.json(1)", 200),
    "vary set": ("res.set_header('Vary', 'Accept').json(1)", 200),
    "vary removed": ("res.remove_header('Vary').json(1)", 200),
    "written": ("res.write('a')", 200),
    "a stream": ("return iter('ab')", 200),
    "an application with its own": ("return lambda e, s: (s('201 X', [('Vary', 'Cookie')]), [b'a'])[1]", 201),
    "an error": ("raise ApiError(409, 'no', {'Vary': 'Accept'})", 409),
    "a fault": ("raise ValueError", 500),
    "a status without content": ("res.status(204)", 204),
    "a redirect": ("res.redirect('/x')", 307),
    "a deadline": ("import time; time.sleep(0.3)", 504),
}


def wipe(application: Any) -> Any:
    """WSGI middleware that answers with headers of its own."""

    def middleware(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            return start_response(status, [("Content-Type", "text/plain"), ("Vary", "Cookie")])

        return application(environ, start)

    return middleware


def replace(req: Any, res: Any, next: Any) -> Any:
    next()
    return "mine"


INSIDE: dict[str, list[Any]] = {
    "nothing": [],
    "WSGI middleware": [from_wsgi(wipe)],
    "a step that replaces": [replace],
}


@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize(("line", "status"), ENDS.values(), ids=ENDS)
def test_what_comes_with_the_framework_is_on_every_answer(
    tmp_path: Path, log: pytest.LogCaptureFixture, line: str, status: int, inside: str
) -> None:
    config = "config = {'maxDuration': 0.1}\n" if status == 504 else ""
    source = f"from apiroutes import ApiError\n{config}def GET(req, res):\n    {line}\n"
    steps = [access_log(format="json"), cors([ORIGIN]), security_headers(), request_id(), *INSIDE[inside]]
    app = App(project(tmp_path, {"pages/api/x.py": source}), middleware=steps)
    answer = call(app, HTTP_ORIGIN=ORIGIN)
    if inside == "a step that replaces" and status < 400 and line != "res.write('a')":
        status = 200
    assert answer.status == status
    members = [member.strip() for value in answer.all("Vary") for member in value.split(",")]
    assert members.count("Origin") == 1
    assert (answer.header(ALLOW), answer.header("X-Frame-Options")) == (ORIGIN, "DENY")
    assert re.fullmatch("[0-9a-f]{32}", answer.header("X-Request-ID") or "")
    (said,) = [json.loads(record.getMessage()) for record in log.records if record.name == "apiroutes.access"]
    assert (said["status"], said["request_id"]) == (status, answer.header("X-Request-ID"))


LOGGED = [
    ("GET", "/api/x", [("If-None-Match", "*")], 304),
    ("GET", "/api/x/", [], 308),
    ("GET", "/api/nope", [], 404),
    ("GET", "/api/x%01", [], 400),
    ("DELETE", "/api/x", [], 405),
    ("OPTIONS", "/api/x", [], 204),
    ("HEAD", "/api/x", [], 200),
    ("POST", "/api/x", [], 500),
    ("PUT", "/api/x", [], 409),
    ("GET", "/api/x", [("Replace", "1")], 418),
    ("PUT", "/api/x", [("Catch", "1")], 400),
]


@pytest.mark.parametrize(("method", "target", "headers", "status"), LOGGED)
def test_the_status_that_was_sent_is_logged(
    tmp_path: Path, log: pytest.LogCaptureFixture, method: str, target: str, headers: Any, status: int
) -> None:
    def outside(req: Any, res: Any, next: Any) -> None:
        try:
            next()
        except Exception:
            if "HTTP_CATCH" not in req.environ:
                raise
            res.status(400).send("caught")
        if "HTTP_REPLACE" in req.environ:
            res.status(418)

    answer = answered(tmp_path, outside, access_log(), method=method, target=target, headers=headers)
    assert answer.status == status
    (line,) = [record.getMessage() for record in log.records if record.name == "apiroutes.access"]
    assert f"status={status} " in line


def test_a_stream_is_logged_when_it_has_ended(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    source = "def GET(): return iter(['a', 'b'])\n"
    app = App(project(tmp_path, {"pages/api/x.py": source}), middleware=[access_log()])
    answer: Any = app(environ(), lambda *head: lambda content: None)
    assert (list(answer), log.messages) == ([b"a", b"b"], [])
    answer.close()
    assert len(log.messages) == 1


def test_an_answer_that_is_cut_off_is_logged(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    source = "def GET(res):\n    res.write('a')\n    raise ValueError\n"
    app = App(project(tmp_path, {"pages/api/x.py": source}), middleware=[access_log()])
    with pytest.raises(ConnectionResetError):
        call(app)
    (line,) = [record.getMessage() for record in log.records if record.name == "apiroutes.access"]
    assert "status=200 " in line
