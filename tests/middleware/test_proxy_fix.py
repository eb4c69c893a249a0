"""`proxy_fix`: X-Forwarded headers are believed from trusted proxies only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from apiroutes import App
from apiroutes.middleware import (
    proxy_fix,
)
from tests.middleware.shown import SHOW, respond_through
from tests.support import Extra, call, project

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
def test_a_proxy_is_believed_only_if_it_is_configured(
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


def test_attributes_read_before_proxy_fix_are_computed_again(tmp_path: Path) -> None:
    def look(req: Any, res: Any, next: Any) -> None:
        assert req.remote_addr == "127.0.0.1"
        next()

    assert respond_through(tmp_path, look, proxy_fix(), headers=FORWARDED).json()[2] == "203.0.113.9"


@pytest.mark.parametrize("name", ["x_for", "x_proto", "x_host", "x_port", "x_prefix"])
@pytest.mark.parametrize(
    ("number", "error"), [("1", TypeError), (1.0, TypeError), (None, TypeError), (-1, ValueError)]
)
def test_what_is_no_number_of_proxies_is_told_at_start(
    name: str, number: Any, error: type[Exception]
) -> None:
    message = rf"proxy_fix\({name}=...\) takes a number of proxies, such as 1, or 0 to ignore the header, not"
    with pytest.raises(error, match=message):
        proxy_fix(**{name: number})
