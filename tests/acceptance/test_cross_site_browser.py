"""A browser sends what pages of other sites have it send, with the session's cookie: csrf() refuses it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page

from apiroutes import App
from tests.browsers import NO_CHROMIUM, chromium, has_chromium, serving
from tests.support import project

pytestmark = pytest.mark.slow

MOST_SECONDS = 30
KEY = "0123456789abcdef0123456789ABCDEFxyz"
FILES = {
    "middleware.py": "from apiroutes.middleware import sessions\nmiddleware = [sessions()]\n",
    "pages/api/sign-in.py": """
from apiroutes import html
def GET(req):
    req.session["user"] = "ann"
    return html("<p>signed in</p>")
""",
    "pages/api/transfer.py": "def POST(req): return {'by': req.session['user']}\n",
}
# Not loopback's own names: without TLS a browser tells such a site no Sec-Fetch-Site, and Origin decides.
PLAIN = "--host-resolver-rules=MAP *.test 127.0.0.1"


class Seen(NamedTuple):
    """A request to `/api/transfer`, as the server has seen it."""

    status: int
    has_cookie: bool
    site: str | None
    has_origin: bool


class Site(NamedTuple):
    port: int
    seen: list[Seen]
    arrived: threading.Event

    def url(self, host: str, path: str = "") -> str:
        return f"http://{host}:{self.port}{path}"


def page_of_another(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<p>another site</p>"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not has_chromium():
        pytest.skip(NO_CHROMIUM)
    with chromium(PLAIN) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    app = App(project(tmp_path, FILES), secret_key=KEY)
    seen: list[Seen] = []
    arrived = threading.Event()

    def noting(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            if environ["PATH_INFO"] == "/api/transfer":
                has_cookie, has_origin = "HTTP_COOKIE" in environ, "HTTP_ORIGIN" in environ
                seen.append(Seen(int(status[:3]), has_cookie, environ.get("HTTP_SEC_FETCH_SITE"), has_origin))
                arrived.set()
            return start_response(status, headers, exc_info)

        return app(environ, start)

    with serving(noting) as port:
        yield Site(port, seen, arrived)


@pytest.fixture
def other() -> Iterator[int]:
    """The port of another site."""
    with serving(page_of_another) as port:
        yield port


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with ExitStack() as stack:
        context = browser.new_context()
        stack.callback(context.close)
        yield context.new_page()


def post_form(page: Page, target: str) -> int:
    """Post a form of the page as a user's click does, and return the status of the answer."""
    with page.expect_navigation() as navigation:
        page.evaluate(
            """target => {
                const form = document.createElement("form");
                Object.assign(form, {method: "post", action: target, enctype: "text/plain"});
                document.body.append(form);
                form.submit();
            }""",
            target,
        )
    response = navigation.value
    assert response is not None
    return response.status


def fetch_blindly(page: Page, target: str) -> str:
    """Post by a script that may not read the answer, and return the kind of the answer."""
    kind: str = page.evaluate(
        """target => fetch(target, {method: "POST", mode: "no-cors", credentials: "include", body: "a=1"})
            .then(response => response.type)""",
        target,
    )
    return kind


# Hosts of the site and of the other one, and what the browser says of the latter.
PLACES = [
    ("localhost", "localhost", "same-site"),  # at another port: the cookie comes along, SameSite or not
    ("localhost", "127.0.0.1", "cross-site"),
    ("shop.test", "evil.test", None),
    ("shop.test", "sub.shop.test", None),  # of the same site, so that the cookie comes along
    ("shop.test", "shop.test", None),  # at another port
]


@pytest.mark.parametrize(("host", "own"), [("localhost", "same-origin"), ("shop.test", None)])
def test_a_page_of_the_site_itself_is_served(page: Page, site: Site, host: str, own: str | None) -> None:
    page.goto(site.url(host, "/api/sign-in"))
    assert fetch_blindly(page, site.url(host, "/api/transfer")) == "basic"
    assert post_form(page, site.url(host, "/api/transfer")) == 200
    assert site.seen == [Seen(200, True, own, True)] * 2
    assert page.evaluate("document.body.innerText") == '{"by":"ann"}'


@pytest.mark.parametrize(("host", "other_host", "said"), PLACES)
def test_a_page_of_another_site_is_refused(
    page: Page, site: Site, other: int, host: str, other_host: str, said: str | None
) -> None:
    page.goto(site.url(host, "/api/sign-in"))
    page.goto(f"http://{other_host}:{other}/")
    assert fetch_blindly(page, site.url(host, "/api/transfer")) == "opaque"
    assert post_form(page, site.url(host, "/api/transfer")) == 403
    assert [(seen.status, seen.site, seen.has_origin) for seen in site.seen] == [(403, said, True)] * 2
    # Where both are of one site, the cookie alone would have let them in.
    is_of_one_site = said == "same-site" or other_host.endswith(host)
    assert [seen.has_cookie for seen in site.seen] == [is_of_one_site] * 2


def test_a_sandboxed_frame_has_no_origin_and_is_refused(page: Page, site: Site) -> None:
    page.goto(site.url("shop.test", "/api/sign-in"))
    page.evaluate(
        """target => {
            const frame = document.createElement("iframe");
            frame.sandbox = "allow-forms allow-scripts";
            frame.srcdoc = `<form method="post" action="${target}"></form>
                <script>document.forms[0].submit()</script>`;
            document.body.append(frame);
        }""",
        site.url("shop.test", "/api/transfer"),
    )
    assert site.arrived.wait(MOST_SECONDS)
    assert [(seen.status, seen.has_origin) for seen in site.seen] == [(403, True)]
