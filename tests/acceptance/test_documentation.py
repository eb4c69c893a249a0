"""The documentation page in a browser: it shows every operation, and calls them on the running server."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Locator, Page
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from apiroutes import App
from tests.acceptance.applications import PROJECT, files_in
from tests.acceptance.servers import gunicorn, serve
from tests.support import project

pytestmark = pytest.mark.slow

MILLISECONDS = 30_000
MOUNTS = {"": "apiroutes:create_app()", "/v1": "tests.acceptance.applications:mounted()"}
OPERATIONS = {
    operation["operationId"]
    for path_item in App(PROJECT).openapi()["paths"].values()
    for operation in path_item.values()
    if isinstance(operation, dict)
}


class Shown(NamedTuple):
    page: Page
    errors: list[str]  # of the console
    requested: list[str]  # URLs
    url: str

    def operation(self, name: str) -> Locator:
        """Open an operation."""
        operation = self.page.locator(f".opblock[id$='-{name}']")
        operation.locator(".opblock-summary-control").click()
        return operation


@pytest.fixture(scope="module", params=MOUNTS)
def url(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("documentation")
    variables = {**files_in(directory), "APIROUTES_DOCS": "true"}
    command = gunicorn(MOUNTS[request.param], "--threads", "4")
    with serve(command, directory / "log", variables) as port:
        yield f"http://127.0.0.1:{port}{request.param}"


@pytest.fixture
def shown(browser: Browser, url: str) -> Iterator[Shown]:
    with showing(browser, url) as opened:
        yield opened


@contextmanager
def showing(browser: Browser, url: str) -> Iterator[Shown]:
    """Open the page of the API at `url`."""
    page = browser.new_page()
    page.set_default_timeout(MILLISECONDS)
    errors: list[str] = []
    requested: list[str] = []
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))
    page.goto(url + "/api/_docs")
    page.locator(".opblock").first.wait_for()
    yield Shown(page, errors, requested, url)
    page.close()


def execute(operation: Locator) -> tuple[str, str]:
    """Execute an operation and return the status and the body that it shows."""
    operation.locator("button.execute").click()
    response = operation.locator(".live-responses-table tbody")
    status = response.locator(".response-col_status").first.inner_text().split()[0]
    body = response.locator(".highlight-code pre").first.inner_text()
    return status, re.sub(r"\s+", "", body)


def fill(operation: Locator, **values: str) -> Locator:
    for name, value in values.items():
        operation.locator(f"[data-param-name='{name}'] input").fill(value)
    return operation


def test_the_page_shows_every_operation(shown: Shown) -> None:
    operations = shown.page.locator(".opblock")
    names = [operation.get_attribute("id") or "" for operation in operations.all()]
    assert {name.rpartition("-")[2] for name in names} == OPERATIONS


def test_every_operation_can_be_opened(shown: Shown) -> None:
    for name in OPERATIONS:
        shown.operation(name).locator("button.execute").wait_for()
    assert shown.errors == []


def test_the_title_of_the_page_is_the_documents(shown: Shown) -> None:
    assert shown.page.title() == App(PROJECT).openapi()["info"]["title"]


def test_the_filter_leaves_the_operations_of_a_path(shown: Shown) -> None:
    shown.page.locator(".operation-filter-input").fill("/api/notes/{id}")
    shown.page.locator(".opblock[id$='-get_hello']").wait_for(state="detached")
    shown.page.locator(".opblock[id$='-put_notes_by_id']").wait_for()


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_page_has_the_colours_that_the_system_prefers(
    shown: Shown, scheme: Literal["light", "dark"], is_dark: bool
) -> None:
    shown.page.emulate_media(color_scheme=scheme)
    title = shown.page.locator(".info .title")
    red = title.evaluate("title => +getComputedStyle(title).color.match(/[0-9]+/)[0]")
    assert (red > 128) is is_dark  # text is light on a dark page


def test_the_page_requests_no_other_host_and_its_policy_blocks_nothing(shown: Shown) -> None:
    assert [url for url in shown.requested if not url.startswith((shown.url + "/api/_docs", "data:"))] == []
    assert shown.errors == []


_WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_the_page_does_not_scroll_sideways(shown: Shown, width: int) -> None:
    shown.page.set_viewport_size({"width": width, "height": 800})
    put = fill(shown.operation("put_notes_by_id"), id="narrow")
    put.locator("textarea").fill('{"title": "Milk", "text": "2 l"}')
    put.locator("button.reset").wait_for()
    assert shown.page.evaluate(_WIDER) == 0
    execute(put)
    assert shown.page.evaluate(_WIDER) == 0


def test_a_typed_body_is_sent_and_the_response_shown(shown: Shown) -> None:
    put = fill(shown.operation("put_notes_by_id"), id="milk")
    put.locator("textarea").fill('{"title": "Milk", "text": "2 l"}')
    assert execute(put) == ("201", '{"id":"milk","title":"Milk","text":"2l"}')
    assert shown.requested[-1] == shown.url + "/api/notes/milk"


def test_an_uploaded_file_is_downloaded_by_its_segments(shown: Shown, tmp_path: Path) -> None:
    (tmp_path / "a list.txt").write_text("eggs", encoding="utf-8")
    put = fill(shown.operation("put_notes_by_id"), id="eggs")
    put.locator("textarea").fill('{"title": "Eggs"}')
    execute(put)
    post = fill(shown.operation("post_notes_by_id_attachments"), id="eggs")
    post.locator("input[type=file]").set_input_files(tmp_path / "a list.txt")
    assert execute(post) == ("201", '["alist.txt"]')
    get = fill(shown.operation("get_files_by_path"), path="eggs/a list.txt")
    get.locator("button.execute").click()
    get.locator(".live-responses-table").wait_for()
    assert shown.requested[-1] == shown.url + "/api/files/eggs/a%20list.txt"


def test_credentials_are_sent_to_the_operation_that_needs_them(shown: Shown) -> None:
    body = '{"event": "ping"}'
    signature = "sha256=" + hmac.new(b"secret-of-development", body.encode(), hashlib.sha256).hexdigest()
    shown.page.locator("button.authorize").first.click()
    shown.page.locator(".auth-container input").fill(signature)
    shown.page.locator(".auth-container button.authorize").click()
    shown.page.locator(".auth-container button.btn-done").click()
    post = shown.operation("post_webhook")
    post.locator("textarea").fill(body)
    assert execute(post) == ("200", '{"received":{"event":"ping"}}')
    assert shown.errors == []


@pytest.fixture
def token_host() -> Iterator[str]:
    """An OAuth 2 server that grants every request (RFC 6749 section 4.1, RFC 7636)."""
    challenges = {}
    headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}

    @Request.application
    def respond(request: Request) -> Response:
        if request.path == "/authorize":
            challenges["code1"] = request.args["code_challenge"]
            back = urlencode({"code": "code1", "state": request.args["state"]})
            return Response(status=303, headers={"Location": f"{request.args['redirect_uri']}?{back}"})
        if request.method == "OPTIONS":
            return Response(status=204, headers=headers)
        verifier = hashlib.sha256(request.form["code_verifier"].encode()).digest()
        is_right = urlsafe_b64encode(verifier).decode().rstrip("=") == challenges[request.form["code"]]
        token = (
            {"access_token": "a token", "token_type": "bearer"} if is_right else {"error": "invalid_grant"}
        )
        return Response(json.dumps(token), headers=headers, content_type="application/json")

    server = make_server("127.0.0.1", 0, respond, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


PROTECTED = """
from apiroutes import security_scheme

flow = {{"authorizationUrl": "{host}/authorize", "tokenUrl": "{host}/token", "scopes": {{}}}}

@security_scheme("id", {{"type": "oauth2", "flows": {{"authorizationCode": flow}}}})
def GET(req):
    return {{"authorization": req.headers.get("Authorization")}}
"""


def test_a_token_of_another_host_is_fetched_and_sent(
    browser: Browser, token_host: str, tmp_path: Path
) -> None:
    root = project(tmp_path, {"pages/api/x.py": PROTECTED.format(host=token_host)})
    command = gunicorn("apiroutes:create_app()", "--threads", "4")
    with (
        serve(command, tmp_path / "log", {"APIROUTES_DOCS": "true"}, root) as port,
        showing(browser, f"http://127.0.0.1:{port}") as shown,
    ):
        shown.page.locator("button.authorize").first.click()
        shown.page.locator("#client_id_authorizationCode").fill("the page")
        shown.page.locator(".auth-container button.authorize").click()
        shown.page.locator(".auth-container button.btn-done").wait_for()
        shown.page.locator(".auth-container h6", has_text="Authorized").wait_for()
        shown.page.locator(".auth-container button.btn-done").click()
        assert execute(shown.operation("get_x")) == ("200", '{"authorization":"Beareratoken"}')
        assert shown.errors == []


def test_an_invalid_body_is_refused_by_the_server(shown: Shown) -> None:
    put = fill(shown.operation("put_notes_by_id"), id="milk")
    put.locator("textarea").fill('{"title": 1}')
    status, body = execute(put)
    assert (status, '"place":"body.title"' in body) == ("422", True)


@pytest.mark.parametrize(
    "source", ["def POST(body): return [body]", "def handler(req, res): res.json([req.body])"]
)
def test_a_body_without_a_type_is_sent(browser: Browser, tmp_path: Path, source: str) -> None:
    root = project(tmp_path / "site", {"pages/api/x.py": source})
    command = gunicorn("apiroutes:create_app()", "--threads", "4")
    with (
        serve(command, tmp_path / "log", {"APIROUTES_DOCS": "true"}, root) as port,
        showing(browser, f"http://127.0.0.1:{port}") as shown,
    ):
        post = shown.operation("post_x")
        post.locator("textarea").fill('{"a": [1]}')
        assert execute(post) == ("200", '[{"a":[1]}]')
