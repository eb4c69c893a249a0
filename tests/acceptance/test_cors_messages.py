"""Chromium prints what docs/how-to/cors.md says that it prints, for an API as the page's table has it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from apiroutes import App
from tests.browsers import serving
from tests.support import project

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/cors.md").read_text(encoding="utf-8")

HANDLERS = """
from apiroutes.middleware import cors
middleware = [{middleware}]
def GET(): return "read"
def PUT(): return "written"
"""
# By route: its middleware, what the page asks for, and how the message begins behind "CORS policy: ".
CASES: dict[str, tuple[str, str, str]] = {
    "none": (
        "",
        "fetch(url)",
        "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
    ),
    "other": (
        'cors(["https://other.example"])',
        "fetch(url)",
        "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
    ),
    "preflight": (
        "",
        'fetch(url, {method: "PUT"})',
        "Response to preflight request doesn't pass access control check: "
        "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
    ),
    "redirect": (
        "redirect",
        'fetch(url, {method: "PUT"})',
        "Response to preflight request doesn't pass access control check: "
        "Redirect is not allowed for a preflight request.",
    ),
    "wildcard": (
        'cors("*")',
        'fetch(url, {credentials: "include"})',
        "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' "
        "when the request's credentials mode is 'include'.",
    ),
    "no-credentials": (
        "cors([ORIGIN])",
        'fetch(url, {credentials: "include"})',
        "The value of the 'Access-Control-Allow-Credentials' header in the response is '' which must be "
        "'true' when the request's credentials mode is 'include'.",
    ),
    "method": (
        'cors("*", methods=["GET"])',
        'fetch(url, {method: "PUT"})',
        "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
    ),
    "header": (
        'cors("*", allow_headers=["Content-Type"])',
        'fetch(url, {headers: {"X-Token": "t"}})',
        "Request header field x-token is not allowed by Access-Control-Allow-Headers in preflight response.",
    ),
    "by-hand": (
        "answer_401",
        'fetch(url, {method: "PUT"})',
        "Response to preflight request doesn't pass access control check: It does not have HTTP ok status.",
    ),
}
BY_HAND = """
def answer_401(req, res, next):
    res.set_header("Access-Control-Allow-Origin", "*")
    res.status(401).end("Sign in")

def redirect(req, res, next):
    res.redirect("https://localhost/api/redirect")
"""


def page_of_another(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<p>another origin</p>"]


def printed(browser: Browser, origin: str, url: str, fetch: str) -> list[str]:
    """What the console of a page of `origin` has after the call."""
    said: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.goto(origin)
    said.clear()
    page.evaluate(f"url => {fetch}.then(() => null, () => null)", url)
    page.evaluate("() => new Promise(done => setTimeout(done))")  # for what is printed later
    page.close()
    return said


def test_the_table_has_each_message_that_is_tried() -> None:
    rows = re.findall(r"^\| `(.+?)` \|", PAGE, re.MULTILINE)
    assert {row for row in rows if "ERR_" not in row} == {message for _, _, message in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_chromium_prints_the_message(browser: Browser, tmp_path: Path, name: str) -> None:
    middleware, fetch, message = CASES[name]
    with serving(page_of_another) as other:
        origin = f"http://localhost:{other}"
        source = HANDLERS.format(middleware=middleware.replace("ORIGIN", repr(origin)))
        app = App(project(tmp_path, {f"pages/api/{name}.py": BY_HAND + source}))
        with serving(app) as port:
            said = printed(browser, origin, f"http://127.0.0.1:{port}/api/{name}", fetch)
    assert any(f"has been blocked by CORS policy: {message}" in line for line in said), said


def test_a_header_that_is_not_exposed_is_null(browser: Browser, tmp_path: Path) -> None:
    handlers = """
from apiroutes.middleware import cors
middleware = [cors("*", expose_headers=EXPOSED)]
def GET(res): res.set_header("X-Total", "7").json([])
"""
    files = {
        "pages/api/hidden.py": handlers.replace("EXPOSED", "[]"),
        "pages/api/exposed.py": handlers.replace("EXPOSED", "['X-Total']"),
    }
    with serving(page_of_another) as other, serving(App(project(tmp_path, files))) as port:
        page = browser.new_page()
        page.goto(f"http://localhost:{other}")
        values = [
            page.evaluate(
                "url => fetch(url).then(r => r.headers.get('X-Total'))", f"http://127.0.0.1:{port}{path}"
            )
            for path in ("/api/hidden", "/api/exposed")
        ]
        page.close()
    assert values == [None, "7"]
