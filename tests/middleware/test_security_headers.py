"""`security_headers`: the defaults, changes to them, and HSTS."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.middleware import security_headers
from tests.middleware.shown import respond_through
from tests.support import call, project


def test_security_headers_are_set_and_can_be_changed(tmp_path: Path) -> None:
    answer = respond_through(
        tmp_path, security_headers({"x-frame-options": None, "Referrer-Policy": "origin"})
    )
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert (answer.header("X-Frame-Options"), answer.header("Referrer-Policy")) == (None, "origin")


@pytest.mark.parametrize(("scheme", "sent"), [("https", "max-age=60; includeSubDomains"), ("http", None)])
def test_hsts_is_sent_over_https_only(tmp_path: Path, scheme: str, sent: str | None) -> None:
    answer = respond_through(tmp_path, security_headers(hsts=60), **{"wsgi.url_scheme": scheme})
    assert answer.header("Strict-Transport-Security") == sent


def test_an_invalid_security_header_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="X-A"):
        security_headers({"X-A": "a\nb"})


SOURCES = {
    "def GET(): return 'text'\n": 200,
    "from apiroutes import text\ndef GET(): return text('text')\n": 200,
    "from apiroutes import ApiError\ndef GET(): raise ApiError(404)\n": 404,
    "def GET(): 1 / 0\n": 500,
    "def POST(): ...\n": 405,
    "def GET(): return {}\n": 200,
    "from apiroutes import redirect\ndef GET(): return redirect('/a')\n": 307,
    "def GET(res): res.set_header('X-Content-Type-Options', 'nosniff').send('a')\n": 200,
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "before", ["", "from apiroutes import from_wsgi\nmiddleware.append(from_wsgi(lambda a: a))\n"]
)
def test_every_header_is_sent_once(tmp_path: Path, source: str, before: str) -> None:
    guard = "from apiroutes.middleware import security_headers\nmiddleware = [security_headers()]\n" + before
    app = App(project(tmp_path, {"pages/api/x.py": source, "pages/api/_middleware.py": guard}))
    for target, status in (("/api/x", SOURCES[source]), ("/api/none", 404)):
        answer = call(app, target=target)
        assert answer.status == status
        names = [name.lower() for name, _ in answer.headers]
        assert sorted(names) == sorted(set(names))
        assert answer.all("X-Content-Type-Options") == ["nosniff"]
