"""What a browser keeps of cookies is what `set_cookie` sets, and what it refuses is an error there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext
from werkzeug.serving import WSGIRequestHandler, make_server

from apiroutes import App, Response
from tests.browsers import NO_CHROMIUM, chromium, has_chromium
from tests.support import project

pytestmark = pytest.mark.slow

# Sends the line as it is: nothing checks it on its way.
SETTER = "def GET(req, res): res.set_header('Set-Cookie', req.query['line']).send('set')\n"
PLAIN: dict[str, Any] = {"httponly": False, "samesite": None}
SECURE: dict[str, Any] = {**PLAIN, "secure": True}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A browser on http://localhost, which counts as secure."""
    if not has_chromium():
        pytest.skip(NO_CHROMIUM)
    app = App(
        project(tmp_path_factory.mktemp("cookies"), {"pages/api/set.py": SETTER}), max_target_size="64kb"
    )
    server = make_server("127.0.0.1", 0, app, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with chromium() as browser:
            yield browser.new_context(base_url=f"http://localhost:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


def kept(context: BrowserContext, *lines: str) -> list[str]:
    """The names of the cookies that the browser has after it was sent these lines, one after the other."""
    context.clear_cookies()
    page = context.new_page()
    try:
        for line in lines:
            answered = page.goto(f"/api/set?line={quote(line, safe='')}")
            assert answered is not None
            assert answered.status == 200
    finally:
        page.close()
    return [cookie["name"] for cookie in context.cookies()]


def line_of(response: Response) -> str:
    lines = response.get_header("Set-Cookie")
    assert isinstance(lines, list)
    assert len(lines) == 1
    return lines[0]


# A name, a value, and attributes beside the name's.
COOKIES: list[tuple[str, str, dict[str, Any]]] = [
    ("a", "1", {}),
    ("a", "1", PLAIN),
    ("a", "1", {"samesite": "None", "secure": True}),
    ("a", "1", {"partitioned": True, "secure": True, "samesite": "None"}),
    ("a", 'b c;"\\,é%', PLAIN),
    ("a" * 64, "x" * 4032, PLAIN),
    ("a", "é" * 682, PLAIN),
    ("a", "1", {"path": "/" + "x" * 1023}),
    ("__Secure-a", "1", SECURE),
    ("__secure-a", "1", {**SECURE, "path": "/api"}),
    ("__Host-a", "1", SECURE),
    ("__Hosts-a", "1", {**PLAIN, "path": "/api"}),
    ("__Http-a", "1", {"secure": True}),
    ("__Host-Http-a", "1", {"secure": True}),
]


@pytest.mark.parametrize(("name", "value", "attributes"), COOKIES)
def test_a_browser_keeps_what_can_be_set(
    context: BrowserContext, name: str, value: str, attributes: dict[str, Any]
) -> None:
    assert kept(context, line_of(Response().set_cookie(name, value, **attributes))) == [name]


# How a cookie is set, and what of it a deletion has to name.
DELETED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a", {}, {}),
    ("a", PLAIN, {}),
    ("a", {"path": "/api"}, {"path": "/api"}),
    ("__Secure-a", SECURE, {}),
    ("__Host-a", {"secure": True}, {}),
    ("__Http-a", {"secure": True}, {}),
    ("__Host-Http-a", {"secure": True}, {}),
    ("a", {"partitioned": True, "secure": True}, {"partitioned": True, "secure": True}),
    ("a", {"samesite": "None", "secure": True}, {"samesite": "None", "secure": True}),
]


@pytest.mark.parametrize(("name", "attributes", "named"), DELETED)
def test_a_deletion_deletes(
    context: BrowserContext, name: str, attributes: dict[str, Any], named: dict[str, Any]
) -> None:
    line = line_of(Response().set_cookie(name, "1", **attributes))
    assert kept(context, line, line_of(Response().delete_cookie(name, **named))) == []


# The line that would be sent, and how it would be set.
REFUSED: list[tuple[str, str, str, dict[str, Any]]] = [
    ("a=1; SameSite=None", "a", "1", {"samesite": "None"}),
    ("a=1; Path=/; Partitioned", "a", "1", {"partitioned": True}),
    ("a=" + "x" * 4096, "a", "x" * 4096, {}),
    ("a" * 64 + "=" + "x" * 4033, "a" * 64, "x" * 4033, {}),
    ("__Secure-a=1; Path=/", "__Secure-a", "1", {}),
    ("__sEcUrE-a=1; Path=/", "__sEcUrE-a", "1", {}),
    ("__Host-a=1; Path=/", "__Host-a", "1", {}),
    ("__Host-a=1; Path=/api; Secure", "__Host-a", "1", {"secure": True, "path": "/api"}),
    ("__HOST-a=1; Secure", "__HOST-a", "1", {"secure": True, "path": None}),
    (
        "__Host-a=1; Path=/; Secure; Domain=localhost",
        "__Host-a",
        "1",
        {"secure": True, "domain": "localhost"},
    ),
    ("__Http-a=1; Path=/; Secure", "__Http-a", "1", SECURE),
    ("__http-a=1; Path=/; HttpOnly", "__http-a", "1", {}),
    ("__Host-Http-a=1; Path=/; Secure", "__Host-Http-a", "1", SECURE),
    ("__Host-Http-a=1; Path=/api; Secure; HttpOnly", "__Host-Http-a", "1", {"secure": True, "path": "/api"}),
]


@pytest.mark.parametrize(("line", "name", "value", "attributes"), REFUSED)
def test_what_a_browser_refuses_cannot_be_set(
    context: BrowserContext, line: str, name: str, value: str, attributes: dict[str, Any]
) -> None:
    assert kept(context, line) == []
    with pytest.raises(ValueError, match="browsers"):
        Response().set_cookie(name, value, **attributes)
