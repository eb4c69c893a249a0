"""The documentation page in a browser: it shows every operation, and tries them on the running server."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shutil
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from apiroutes import App
from tests.acceptance.applications import PROJECT
from tests.acceptance.servers import gunicorn, serve
from tests.support import project

pytestmark = pytest.mark.slow

# Chromium asks its makers for one thing or another at every start.
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]
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
    complaints: list[str]
    asked: list[str]
    url: str

    def operation(self, name: str) -> Locator:
        """Open an operation."""
        found = self.page.locator(f".opblock[id$='-{name}']")
        found.locator(".opblock-summary-control").click()
        return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield running
        running.close()


@pytest.fixture(scope="module", params=MOUNTS)
def url(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("documentation")
    variables = {"NOTES_DB": str(directory / "notes.db"), "APIROUTES_DOCS": "true"}
    command = gunicorn(MOUNTS[request.param], "--threads", "4")
    with serve(command, directory / "log", variables) as port:
        yield f"http://127.0.0.1:{port}{request.param}"


@pytest.fixture
def shown(browser: Browser, url: str) -> Iterator[Shown]:
    with showing(browser, url) as found:
        yield found


@contextmanager
def showing(browser: Browser, url: str) -> Iterator[Shown]:
    """Open the page of the API at `url`."""
    page = browser.new_page()
    page.set_default_timeout(MILLISECONDS)
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda sent: asked.append(sent.url))
    page.goto(url + "/api/_docs")
    page.locator(".opblock").first.wait_for()
    yield Shown(page, complaints, asked, url)
    page.close()


def tried(operation: Locator) -> tuple[str, str]:
    """Execute an operation and return status and body of what it shows as the answer."""
    operation.locator("button.execute").click()
    answer = operation.locator(".live-responses-table tbody")
    status = answer.locator(".response-col_status").first.inner_text().split()[0]
    body = answer.locator(".highlight-code pre").first.inner_text()
    return status, re.sub(r"\s+", "", body)


def filled(operation: Locator, **values: str) -> Locator:
    for name, value in values.items():
        operation.locator(f"[data-param-name='{name}'] input").fill(value)
    return operation


def test_it_shows_every_operation(shown: Shown) -> None:
    operations = shown.page.locator(".opblock")
    names = [each.get_attribute("id") or "" for each in operations.all()]
    assert {name.rpartition("-")[2] for name in names} == OPERATIONS


def test_every_operation_can_be_opened(shown: Shown) -> None:
    for name in OPERATIONS:
        shown.operation(name).locator("button.execute").wait_for()
    assert shown.complaints == []


def test_its_title_is_the_projects(shown: Shown) -> None:
    assert shown.page.title() == App(PROJECT).openapi()["info"]["title"]


def test_it_asks_no_other_host_and_its_policy_stops_nothing(shown: Shown) -> None:
    assert [url for url in shown.asked if not url.startswith((shown.url + "/api/_docs", "data:"))] == []
    assert shown.complaints == []


def test_a_typed_body_is_sent_and_its_answer_shown(shown: Shown) -> None:
    put = filled(shown.operation("put_notes_by_id"), id="milk")
    put.locator("textarea").fill('{"title": "Milk", "text": "2 l"}')
    assert tried(put) == ("201", '{"id":"milk","title":"Milk","text":"2l"}')
    assert shown.asked[-1] == shown.url + "/api/notes/milk"


def test_a_file_is_sent_and_found_by_its_segments(shown: Shown, tmp_path: Path) -> None:
    (tmp_path / "a list.txt").write_text("eggs", encoding="utf-8")
    put = filled(shown.operation("put_notes_by_id"), id="eggs")
    put.locator("textarea").fill('{"title": "Eggs"}')
    tried(put)
    post = filled(shown.operation("post_notes_by_id_attachments"), id="eggs")
    post.locator("input[type=file]").set_input_files(tmp_path / "a list.txt")
    assert tried(post) == ("201", '["alist.txt"]')
    get = filled(shown.operation("get_files_by_path"), path="eggs/a list.txt")
    get.locator("button.execute").click()
    get.locator(".live-responses-table").wait_for()
    assert shown.asked[-1] == shown.url + "/api/files/eggs/a%20list.txt"


def test_credentials_are_sent_with_what_asks_for_them(shown: Shown) -> None:
    body = '{"event": "ping"}'
    signature = "sha256=" + hmac.new(b"development", body.encode(), hashlib.sha256).hexdigest()
    shown.page.locator("button.authorize").first.click()
    shown.page.locator(".auth-container input").fill(signature)
    shown.page.locator(".auth-container button.authorize").click()
    shown.page.locator(".auth-container button.btn-done").click()
    post = shown.operation("post_webhook")
    post.locator("textarea").fill(body)
    assert tried(post) == ("200", '{"received":{"event":"ping"}}')
    assert shown.complaints == []


@pytest.fixture
def token_host() -> Iterator[str]:
    """A server of OAuth 2 that asks nobody anything (RFC 6749 section 4.1, RFC 7636)."""
    challenges = {}
    headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}

    @Request.application
    def answer(request: Request) -> Response:
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

    server = make_server("127.0.0.1", 0, answer, threaded=True)
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


def test_a_token_of_another_host_is_taken_and_sent(browser: Browser, token_host: str, tmp_path: Path) -> None:
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
        assert tried(shown.operation("get_x")) == ("200", '{"authorization":"Beareratoken"}')
        assert shown.complaints == []


def test_what_does_not_fit_is_refused_by_the_server(shown: Shown) -> None:
    put = filled(shown.operation("put_notes_by_id"), id="milk")
    put.locator("textarea").fill('{"title": 1}')
    status, body = tried(put)
    assert (status, '"place":"body.title"' in body) == ("422", True)
