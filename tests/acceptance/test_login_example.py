"""The example of sign-in, in a browser and under the server that its README starts."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page

from apiroutes.testing import Client
from tests.acceptance.servers import serve
from tests.browsers import NO_CHROMIUM, chromium, has_chromium

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


def test_the_example_has_less_than_sixty_lines_of_python() -> None:
    sources = [path.read_text(encoding="utf-8") for path in EXAMPLE.rglob("*.py")]
    assert len(sources) > 5
    assert sum(1 for source in sources for line in source.splitlines() if line.strip()) < 60


def test_the_readme_names_every_file() -> None:
    named = re.findall(r"`([\w/]+(?:\.py)?/?)`", (EXAMPLE / "README.md").read_text(encoding="utf-8"))
    files = {path.relative_to(EXAMPLE).as_posix() for path in EXAMPLE.rglob("*.py")}
    assert {
        file for file in files if not any(file == name or file.startswith(name) for name in named)
    } == set()


# -- without a browser


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of a copy, whose `users` is no other copy's."""
    root = copy_of(tmp_path)
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.delitem(sys.modules, "users", raising=False)
    with Client(root) as client:
        yield client
    sys.modules.pop("users", None)


def sign_up(client: Client, email: str, password: str) -> tuple[int, str]:
    response = client.post("/signup", data={"email": email, "password": password})
    return response.status_code, response.get_data(as_text=True)


def sign_in(client: Client, email: str, password: str) -> tuple[int, str | None]:
    response = client.post("/", data={"email": email, "password": password})
    return response.status_code, response.headers.get("Location")


def test_signing_up_tells_nothing_of_who_is_known(client: Client) -> None:
    assert sign_up(client, *ADA) == sign_up(client, ADA[0], "another password")
    assert sign_in(client, ADA[0], "another password") == (403, None)
    assert sign_in(client, *ADA) == (303, "/account")


def test_a_failure_tells_nothing_of_who_is_known(client: Client) -> None:
    sign_up(client, *ADA)
    forms = [{"email": email, "password": "wrong horse battery"} for email in (ADA[0], "bob@example.com")]
    known, unknown = (client.post("/", data=form) for form in forms)
    assert (known.status_code, known.data) == (unknown.status_code, unknown.data)
    assert WRONG in known.text


def test_the_case_of_an_address_does_not_matter(client: Client) -> None:
    sign_up(client, *ADA)
    assert sign_in(client, "ADA@Example.com", ADA[1]) == (303, "/account")


def test_signing_in_is_limited_by_failures_alone(client: Client) -> None:
    sign_up(client, *ADA)
    assert {sign_in(client, *ADA)[0] for _ in range(8)} == {303}
    assert [sign_in(client, ADA[0], "wrong horse battery")[0] for _ in range(7)] == [403] * 5 + [429] * 2


@pytest.mark.parametrize("path", ["/account", "/account/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nobody_enters_the_directory_without_a_session(client: Client, path: str, method: str) -> None:
    response = client.open(path, method=method, data={"note": "x"} if method == "POST" else None)
    response = client.get(response.headers["Location"]) if response.status_code == 308 else response
    assert (response.status_code, response.headers["Location"]) == (303, "/")


def test_a_session_whose_user_is_gone_enters_nothing(client: Client, tmp_path: Path) -> None:
    sign_up(client, *ADA)
    sign_in(client, *ADA)
    with closing(sqlite3.connect(tmp_path / "login" / "users.db")) as users, users:
        users.execute("DELETE FROM users")
    assert client.get("/account").headers["Location"] == "/"


NOT_CREDENTIALS = [
    {},
    {"email": "ada@example.com"},
    {"email": "ada@example.com", "password": "short"},
    {"email": "ada@example.com", "password": "x" * 201},
    {"email": "a" * 255, "password": "correct horse battery"},
]


@pytest.mark.parametrize("path", ["/", "/signup"])
@pytest.mark.parametrize("form", NOT_CREDENTIALS, ids=str)
def test_what_is_no_form_of_ours_is_refused(client: Client, path: str, form: dict[str, str]) -> None:
    assert client.post(path, data=form).status_code == 422


@pytest.mark.parametrize(
    "body", [[], 5, "text", None, {"email": 5}, {"email": None, "password": {}}], ids=str
)
def test_json_of_any_shape_is_no_fault(client: Client, body: object) -> None:
    assert 400 <= client.post("/", json=body).status_code < 500


def test_a_password_is_kept_as_its_hash(client: Client, tmp_path: Path) -> None:
    sign_up(client, *ADA)
    stored = (tmp_path / "login" / "users.db").read_bytes()
    assert b"$argon2id$" in stored
    assert ADA[1].encode() not in stored


# -- in a browser


class Site(NamedTuple):
    url: str
    page: Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not has_chromium():
        pytest.skip(NO_CHROMIUM)
    with chromium() as running:
        yield running


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
    page = signed_in(site)
    (before,) = page.context.cookies()
    page.goto(site.url)
    fill(page, "Sign in", *ADA)
    page.wait_for_url(f"{site.url}/account")
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
