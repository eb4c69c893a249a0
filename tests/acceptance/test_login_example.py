"""The example of sign-in, in a browser and under the server that its README starts."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page

from tests.acceptance.servers import serve

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "login"
ADA = ("ada@example.com", "correct horse battery")
WRONG = "The address or the password is wrong."
READY = "If the address was new, the account is ready: sign in."


def copy_of(directory: Path) -> Path:
    """The example without the users of whoever has tried it."""
    return Path(
        shutil.copytree(EXAMPLE, directory / "login", ignore=shutil.ignore_patterns("*.db*", ".apiroutes"))
    )


class Site(NamedTuple):
    url: str
    page: Page


@pytest.fixture
def site(browser: Browser, tmp_path: Path) -> Iterator[Site]:
    command = [sys.executable, "-m", "apiroutes", "start", "--port", "0", "--workers", "2"]
    variables = {"APIROUTES_SECRET_KEY": "Zk3v9QpLr7Xw2Bn5Tc8Hd1Fg4Jm6Ys0A"}
    with serve(command, tmp_path / "log", variables, copy_of(tmp_path)) as port:
        context = browser.new_context()
        try:
            yield Site(f"http://localhost:{port}", context.new_page())
        finally:
            context.close()


def fill(page: Page, button: str, email: str, password: str) -> None:
    form = page.locator("form").filter(has=page.get_by_role("button", name=button))
    form.get_by_label("Address").fill(email)
    form.get_by_label("Password").fill(password)
    form.get_by_role("button", name=button).click()


def signed_in(site: Site) -> Page:
    """A page of the site, with Ada signed in."""
    site.page.goto(site.url)
    fill(site.page, "Sign up", *ADA)
    fill(site.page, "Sign in", *ADA)
    site.page.wait_for_url(f"{site.url}/account")
    return site.page


def keep(page: Page, note: str) -> None:
    page.get_by_label("Your note").fill(note)
    page.get_by_role("button", name="Keep it").click()


def test_a_user_signs_up_in_and_out(site: Site) -> None:
    page = site.page
    page.goto(f"{site.url}/account")
    assert page.url == f"{site.url}/"
    fill(page, "Sign in", *ADA)
    assert page.get_by_role("status").inner_text() == WRONG
    fill(page, "Sign up", *ADA)
    assert page.get_by_role("status").inner_text() == READY
    fill(page, "Sign in", *ADA)
    page.wait_for_url(f"{site.url}/account")
    assert page.get_by_role("heading").inner_text() == ADA[0]
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site.url}/")
    assert page.context.cookies() == []
    page.goto(f"{site.url}/account")
    assert page.url == f"{site.url}/"


def test_a_note_is_kept_as_text(site: Site) -> None:
    page = signed_in(site)
    keep(page, "</textarea><script>document.title = 'evil'</script>$email & 'more'")
    page.wait_for_load_state()
    assert page.get_by_label("Your note").input_value().startswith("</textarea><script>")
    assert page.title() == "Your account"


def test_no_script_can_read_the_session(site: Site) -> None:
    page = signed_in(site)
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("session", True, "Lax")
    assert page.evaluate("document.cookie") == ""


def test_signing_in_begins_another_session(site: Site) -> None:
    """A session that was planted before the sign-in is not signed in by it."""
    other = site.page.context.new_page()
    other.goto(site.url)  # before: `/` leads a signed-in user to the account
    page = signed_in(site)
    (before,) = page.context.cookies()
    fill(other, "Sign in", *ADA)
    other.wait_for_url(f"{site.url}/account")
    (after,) = page.context.cookies()
    assert before["value"] != after["value"]


ATTACK = """<!doctype html><form method="post" action="{target}"><input name="{field}" value="{value}">
<input name="password" value="correct horse battery"></form><script>document.forms[0].submit()</script>"""


@contextmanager
def another_site(content: str) -> Iterator[str]:
    """Serve a page of another site, which browsers tell by its host: 127.0.0.1 is not localhost."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


# What a page of another site posts, and to where.
ATTACKS = [("/account", "note", "stolen"), ("/logout", "a", "b"), ("/", "email", "ada@example.com")]


@pytest.mark.parametrize(("path", "field", "value"), ATTACKS)
def test_a_form_of_another_site_is_refused(site: Site, path: str, field: str, value: str) -> None:
    page = signed_in(site)
    keep(page, "mine")
    page.wait_for_load_state()
    content = ATTACK.format(target=site.url + path, field=field, value=value)
    with another_site(content) as address, page.expect_response(site.url + path) as refused:
        page.goto(address)
    assert refused.value.status == 403
    page.goto(f"{site.url}/account")
    assert page.get_by_label("Your note").input_value() == "mine"


def test_the_workers_count_failures_together(site: Site) -> None:
    site.page.goto(site.url)
    statuses = []
    for _ in range(6):
        with site.page.expect_response(f"{site.url}/") as answered:
            fill(site.page, "Sign in", "bob@example.com", "wrong horse battery")
        statuses.append(answered.value.status)
    assert statuses == [403] * 5 + [429]
