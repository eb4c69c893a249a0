"""The example of sign-in with OAuth, with a provider over real HTTP: what works, and what fails for users."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from apiroutes import App
from tests.oauth_provider import CLIENT_ID, CLIENT_SECRET, Provider, running_provider
from tests.support import Answer, call

EXAMPLE = Path(__file__).parents[1] / "examples" / "oauth"
KEY = "hV3kQ9zRw2nTb7mXc5pLd8sJg4fYa6uE"


class Browser:
    """Sends the cookies that it was given, as a browser does for one site."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.cookies: dict[str, str] = {}

    def open(self, url: str, method: str = "GET", **headers: str) -> Answer:
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
        answer = call(self.app, method, target, [*sent, *([("Cookie", cookies)] if cookies else [])])
        for line in answer.all("Set-Cookie"):
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
            if "max-age=0" in line.lower():
                del self.cookies[name]
        return answer

    def begin(self, query: str = "") -> str:
        """Open the sign-in; return the address at the provider."""
        answer = self.open(f"/api/login{query}")
        assert answer.status == 307
        return answer.header("Location") or ""

    def user(self) -> Any:
        answer = self.open("/api/me")
        return answer.json() if answer.status == 200 else answer.status


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture(scope="module")
def app(provider: Provider) -> Iterator[App]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE)
        patch.setenv("APIROUTES_SECRET_KEY", KEY)
        patch.setenv("SITE_URL", "http://localhost")
        patch.setenv("OIDC_ISSUER", provider.url)
        patch.setenv("OIDC_CLIENT_ID", CLIENT_ID)
        patch.setenv("OIDC_CLIENT_SECRET", CLIENT_SECRET)
        yield App(EXAMPLE)
        sys.modules.pop("provider", None)


@pytest.fixture
def browser(app: App, provider: Provider) -> Iterator[Browser]:
    key = provider.key
    yield Browser(app)
    provider.key, provider.changes, provider.refuses, provider.is_down = key, {}, False, False


def test_a_user_signs_in_and_out(browser: Browser, provider: Provider) -> None:
    assert browser.user() == 401
    answer = browser.open(provider.authorize(browser.begin()))
    assert (answer.status, answer.header("Location")) == (303, "/api/me")
    assert browser.user() == {"id": "u-1", "email": "ada@example.com"}
    assert browser.open("/api/logout", "POST").status == 204
    assert browser.user() == 401


def test_no_other_site_signs_a_user_out(browser: Browser, provider: Provider) -> None:
    browser.open(provider.authorize(browser.begin()))
    assert browser.open("/api/logout", "POST", Sec_Fetch_Site="cross-site").status == 403
    assert browser.user() != 401


def test_a_user_who_refuses_is_not_signed_in(browser: Browser, provider: Provider) -> None:
    provider.refuses = True
    assert browser.open(provider.authorize(browser.begin())).status == 403
    assert browser.user() == 401


def test_the_callback_of_another_browser_signs_nobody_in(
    browser: Browser, provider: Provider, app: App
) -> None:
    """Login CSRF: the victim would be in the attacker's account (RFC 6749 section 10.12)."""
    attacker = Browser(app)
    link = provider.authorize(attacker.begin())
    browser.begin()
    assert browser.open(link).status == 400
    assert browser.user() == 401


def test_a_forged_callback_does_not_end_a_sign_in_that_is_going_on(
    browser: Browser, provider: Provider
) -> None:
    back = provider.authorize(browser.begin())
    assert browser.open("/api/callback?state=forged&code=forged").status == 400
    assert browser.open(back).status == 303


@pytest.mark.parametrize("query", ["", "?code=x", "?state=", "?state=x", "?error=access_denied"])
def test_a_callback_without_a_sign_in_is_refused(browser: Browser, query: str) -> None:
    assert browser.open(f"/api/callback{query}").status == 400


def test_a_browser_that_has_lost_its_cookie_is_told_to_begin_again(
    browser: Browser, provider: Provider
) -> None:
    back = provider.authorize(browser.begin())
    browser.cookies.clear()
    answer = browser.open(back)
    assert answer.status == 400
    assert "/api/login" in answer.text


def test_a_code_counts_once(browser: Browser, provider: Provider, app: App) -> None:
    begun = browser.begin()
    thief = Browser(app)
    thief.cookies = dict(browser.cookies)
    back = provider.authorize(begun)
    assert browser.open(back).status == 303
    assert browser.open(back).status == 400, "the state is used up"
    assert thief.open(back).status == 403, "the code is used up"


def test_a_code_of_another_sign_in_is_refused(browser: Browser, provider: Provider, app: App) -> None:
    """Code injection (RFC 9700 section 4.5): PKCE binds a code to the browser that asked for it."""
    stolen = provider.authorize(Browser(app).begin())
    own = provider.authorize(browser.begin())
    code = stolen.rpartition("code=")[2]
    assert browser.open(own.rpartition("code=")[0] + f"code={code}").status == 403
    assert browser.user() == 401


def test_each_tab_has_a_sign_in_of_its_own(browser: Browser, provider: Provider) -> None:
    backs = [provider.authorize(browser.begin(f"?next=/{tab}")) for tab in "abc"]
    assert browser.open(backs[0]).header("Location") == "/a"
    assert browser.user() != 401


def test_many_begun_sign_ins_fit_into_the_cookie(browser: Browser, provider: Provider) -> None:
    backs = [provider.authorize(browser.begin(f"?next=/{'x' * 60}")) for _ in range(12)]
    assert browser.open(backs[-1]).status == 303


NEXT = [
    ("/api/me?tab=1", "/api/me?tab=1"),
    ("https://evil.example/", "/api/me"),
    ("//evil.example/", "/api/me"),
    ("/\\evil.example/", "/api/me"),
    ("/\t/evil.example/", "/api/me"),
    ("javascript:alert(1)", "/api/me"),
    ("", "/api/me"),
]


@pytest.mark.parametrize(("target", "location"), NEXT)
def test_the_user_is_sent_on_within_the_site_alone(
    browser: Browser, provider: Provider, target: str, location: str
) -> None:
    back = provider.authorize(browser.begin(f"?next={quote(target)}"))
    assert browser.open(back).header("Location") == location


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "for another audience": {"aud": "other"},
    "for nobody": {"aud": ...},
    "of another issuer": {"iss": "https://evil.example"},
    "of another sign-in": {"nonce": "replayed"},
    "without a nonce": {"nonce": ...},
    "that has expired": {"exp": int(time.time()) - 3600},
    "without an end": {"exp": ...},
    "of nobody": {"sub": ...},
}


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_an_id_token_is_refused(browser: Browser, provider: Provider, changes: dict[str, Any]) -> None:
    provider.changes = changes
    assert browser.open(provider.authorize(browser.begin())).status == 403
    assert browser.user() == 401


def test_an_id_token_of_another_key_is_refused(browser: Browser, provider: Provider) -> None:
    provider.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert browser.open(provider.authorize(browser.begin())).status == 403


def test_a_provider_that_is_away_is_a_503(browser: Browser, provider: Provider) -> None:
    back = provider.authorize(browser.begin())
    provider.is_down = True
    assert browser.open("/api/login").status == 503
    assert browser.open(back).status == 503


def test_the_session_is_another_one_after_the_sign_in(browser: Browser, provider: Provider) -> None:
    """One that was planted before gives nobody access (session fixation)."""
    back = provider.authorize(browser.begin())
    before = dict(browser.cookies)
    browser.open(back)
    browser.cookies = before
    assert browser.user() == 401


def test_the_example_is_short() -> None:
    lines = [line for file in EXAMPLE.rglob("*.py") for line in file.read_text().splitlines()]
    code = [line for line in lines if line.strip() and not line.strip().startswith(("#", '"""'))]
    assert len(code) < 80
